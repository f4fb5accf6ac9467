"""Collections, pages, blogs and articles that were deleted and made again in the source: their link goes on.

The same as of products (syncing.catalogue.products.succession), by the handle in the source.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from stores.models import Connection, ResourceLink
from stores.shopify.client import Client
from stores.shopify.content import collections as wire
from stores.shopify.content.collections import CollectionHead, CollectionRecord
from syncing.catalogue.content.resource import Resource

State = ResourceLink.State


def hand_over(
    connection: Connection, resource: Resource, records: Sequence[Any], links: Mapping[str, ResourceLink]
) -> dict[str, ResourceLink]:
    """The links of these living things of the source, some of them those of what they were made in place of.

    `links` are their own, saved or not. Nothing is saved. Only where there is a link to be had the source is asked
    whether its thing is gone; raises as the client does.
    """
    found = dict(links)
    new = [record for record in records if record.handle and not links[record.gid].destination_gid]
    rows = connection.resource_links.filter(kind=resource.kind, handle__in=[record.handle for record in new])
    rows = rows.exclude(destination_gid="").exclude(source_gid__in=[record.gid for record in records])
    former = list(rows.order_by("pk")) if new else []
    if not former:
        return found
    alive = resource.living([link.source_gid for link in former])
    by_handle: dict[str, list[ResourceLink]] = defaultdict(list)
    for link in former:
        if link.source_gid not in alive:
            by_handle[link.handle].append(link)
    for record in new:
        candidates = resource.same_place(record, by_handle.get(record.handle, []))
        if candidates:
            found[record.gid] = candidates[-1]
    return found


def replace(link: ResourceLink, own: ResourceLink, record: Any, *, is_preview: bool) -> None:
    """Have a link belong to another thing of the source, whose own link it takes the place of. Safe to repeat."""
    link.source_gid, link.fingerprint = record.gid, ""
    if is_preview:
        return
    with transaction.atomic():
        if own.pk:
            own.delete()
        ResourceLink.objects.filter(pk=link.pk).update(source_gid=record.gid, fingerprint="")


# --- Collections -----------------------------------------------------------------------------------------------------


def find_again(connection: Connection, source: Client, collection_gid: str) -> CollectionRecord | None:
    """What has the handle of a collection that is gone from the source; it is chosen where that was chosen."""
    rows = connection.resource_links.filter(kind=ResourceLink.Kind.COLLECTION, source_gid=collection_gid)
    link = rows.exclude(handle="").first()
    gid = wire.find_by_handle(source, link.handle) if link else None
    if not gid or gid == collection_gid:
        return None
    _choose_instead(connection, {collection_gid: gid})
    return wire.read_collection(source, gid)


def choose_again(connection: Connection, heads: Sequence[CollectionHead]) -> None:
    """Have what was chosen and made again be chosen, where all collections of the source are known."""
    named, alive = {head.handle: head.gid for head in heads}, {head.gid for head in heads}
    links = connection.resource_links.filter(kind=ResourceLink.Kind.COLLECTION, handle__in=named)
    gone = links.exclude(source_gid__in=alive)
    _choose_instead(connection, {link.source_gid: named[link.handle] for link in gone})


def _choose_instead(connection: Connection, successors: Mapping[str, str]) -> None:
    """Have lists of chosen collections name those that were made again by their new ids."""
    store, settings = connection.source, connection.catalogue
    for row, name in ((store, "shared_collection_gids"), (settings, "collection_gids")):
        before = getattr(row, name) or []
        after = list(dict.fromkeys(successors.get(gid, gid) for gid in before))
        if after != before:
            setattr(row, name, after)
            type(row)._default_manager.filter(pk=row.pk).update(**{name: after})
