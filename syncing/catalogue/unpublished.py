"""What connections that were removed took from sales channels: it is put back with whatever follows there next."""

from collections import defaultdict

from stores.models import Connection, ProductLink, ResourceLink, Unpublished
from syncing.catalogue.content.resource import TAKEN_FROM


def keep(connection: Connection) -> None:
    """Keep what a connection has taken from channels, whose links are about to be removed. Safe to repeat."""
    products = connection.product_links.exclude(state=ProductLink.State.LINKED).exclude(unpublished_from=[])
    contents = connection.resource_links.filter(state=ResourceLink.State.UNLINKED, written__has_key=TAKEN_FROM)
    channels: dict[str, list[str]] = defaultdict(list)
    for gid, publications in products.values_list("destination_gid", "unpublished_from"):
        channels[gid] += publications
    for gid, written in contents.values_list("destination_gid", "written").iterator():
        channels[gid] += written[TAKEN_FROM]
    channels.pop("", None)
    rows = Unpublished.objects.filter(destination=connection.destination_id)
    for gid, before in rows.filter(gid__in=channels).values_list("gid", "publication_gids"):
        channels[gid] = [*before, *channels[gid]]
    Unpublished.objects.bulk_create(
        [
            Unpublished(destination_id=connection.destination_id, gid=gid, publication_gids=list(dict.fromkeys(found)))
            for gid, found in channels.items()
        ],
        update_conflicts=True,
        unique_fields=["destination", "gid"],
        update_fields=["publication_gids"],
        batch_size=500,
    )


def channels_of(destination_id: int, gid: str) -> list[str]:
    """The channels of a store that a thing of it was taken from by connections that are removed by now."""
    rows = Unpublished.objects.filter(destination=destination_id, gid=gid)
    return [one for found in rows.values_list("publication_gids", flat=True) for one in found]


def forget(destination_id: int, gid: str) -> None:
    """It was put back."""
    Unpublished.objects.filter(destination=destination_id, gid=gid).delete()
