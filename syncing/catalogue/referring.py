"""Things whose metafields refer to other things: to whom in the destination, and which wait for a partner."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from django.db import connection as db
from django.db.models import Q
from django.utils import timezone

from stores.models import Connection, ProductLink, ResourceLink, SyncMode, VariantLink
from stores.shopify import gids
from syncing.catalogue import referred_files

FOUND_ROWS = 500  # in one sweep
MOST_STEPS = 3  # away from a carried thing: metaobjects beyond are not carried
METAOBJECT = "Metaobject"
# Something refers to it, and nobody has looked at it yet.
IS_UNSEEN = Q(kind=ResourceLink.Kind.METAOBJECT, state=ResourceLink.State.UNMATCHED, source_updated_at=None)
NOT_FOLLOWED = "metaobjects do not follow"


def partners_of(connection: Connection, source_gids: Iterable[str]) -> dict[str, str]:
    """Source gid -> destination gid of these things as linked: of products, variants, content, metaobjects, files."""
    named = list(source_gids)
    if not named:
        return {}
    # One whose last change was refused is still the partner.
    refused = Q(state=ProductLink.State.FAILED, synced_at__isnull=False) & ~Q(destination_gid="")
    products = connection.product_links.filter(Q(state=ProductLink.State.LINKED) | refused, source_gid__in=named)
    resources = connection.resource_links.filter(state=ResourceLink.State.LINKED, source_gid__in=named)
    linked = VariantLink.objects.filter(
        connection=connection,
        state=VariantLink.State.LINKED,
        source_variant__gid__in=named,
        destination_variant__gone_at=None,
    )
    found = dict(products.values_list("source_gid", "destination_gid"))
    found |= dict(resources.values_list("source_gid", "destination_gid"))
    found |= referred_files.copies_of(connection, named)
    return found | dict(linked.values_list("source_variant__gid", "destination_variant__gid"))


def failures_of(connection: Connection, source_gids: Iterable[str]) -> dict[str, str]:
    """Why these files and metaobjects of the source have no partner, in words."""
    named = list(source_gids)
    if not named:
        return {}
    found = referred_files.failures_of(connection, named)
    if connection.catalogue.metaobject_mode == SyncMode.OFF:
        return found | {gid: NOT_FOLLOWED for gid in named if _is_metaobject(gid)}
    rows = connection.resource_links.filter(kind=ResourceLink.Kind.METAOBJECT, source_gid__in=named)
    rows = rows.exclude(state=ResourceLink.State.LINKED).exclude(reason="")
    said = rows.values_list("source_gid", "reason")
    return found | {gid: f"its metaobject is not synced: {reason.rstrip('.')}" for gid, reason in said}


def want_metaobjects(connection: Connection, source_gids: Iterable[str], depth: int) -> bool:
    """Have the metaobjects among these carried, as far as nobody has; whether there are any that may be.

    They are `depth` references away from a thing that is carried for its own sake.
    """
    if connection.catalogue.metaobject_mode == SyncMode.OFF or depth > MOST_STEPS:
        return False
    names = {"connection": connection, "destination_id": connection.destination_id, "depth": depth}
    kind = ResourceLink.Kind.METAOBJECT
    rows = [ResourceLink(**names, kind=kind, source_gid=gid) for gid in sorted(source_gids) if _is_metaobject(gid)]
    ResourceLink.objects.bulk_create(rows, ignore_conflicts=True)
    return bool(rows)


def note_refused(connection: Connection, source_gids: Iterable[str]) -> None:
    """Have products that wait for these looked at again at once, so that they say why they do not get them."""
    past = timezone.now() - timedelta(minutes=1)  # an instant to come would say that the store takes no new variants
    for gid in source_gids:
        products = connection.product_links.filter(awaits__contains=[gid], state=ProductLink.State.LINKED)
        products.filter(retry_at=None).update(fingerprint="", retry_at=past)
        connection.resource_links.filter(awaits__contains=[gid]).update(fingerprint="")


def _is_metaobject(text: str) -> bool:
    with suppress(gids.GidError):
        return gids.split(text)[0] == METAOBJECT
    return False


_WANTED = f"""
    SELECT DISTINCT awaited.gid FROM (
        SELECT awaits FROM stores_productlink WHERE connection_id = %(connection)s AND awaits <> '[]'::jsonb
        UNION ALL
        SELECT awaits FROM stores_resourcelink
        WHERE connection_id = %(connection)s AND awaits <> '[]'::jsonb AND kind <> '{ResourceLink.Kind.METAOBJECT}'
    ) AS p, jsonb_array_elements_text(p.awaits) AS awaited (gid)
    WHERE awaited.gid LIKE 'gid://shopify/{METAOBJECT}/%%' AND NOT EXISTS (
        SELECT FROM stores_resourcelink l WHERE l.connection_id = %(connection)s AND l.source_gid = awaited.gid)
    ORDER BY 1 LIMIT %(most)s
"""


def want_awaited(connection: Connection) -> None:
    """Have the metaobjects carried that products, collections and content wait for."""
    want_metaobjects(connection, _awaited(connection.pk, FOUND_ROWS), 1)


def are_metaobjects_wanted(connection_id: int) -> bool:
    """Whether something waits for metaobjects that nobody has looked at yet."""
    unseen = ResourceLink.objects.filter(IS_UNSEEN, connection=connection_id)
    return unseen.exists() or bool(_awaited(connection_id, 1))


def _awaited(connection_id: int, most: int) -> list[str]:
    with db.cursor() as cursor:
        cursor.execute(_WANTED, {"connection": connection_id, "most": most})
        return [gid for (gid,) in cursor.fetchall()]


_READY = f"""
    SELECT p.id FROM %s p
    WHERE p.awaits <> '[]'::jsonb AND p.state = 'linked' AND EXISTS (
        SELECT FROM jsonb_array_elements_text(p.awaits) AS awaited (gid)
        WHERE EXISTS (SELECT FROM stores_productlink l
                      WHERE l.connection_id = p.connection_id AND l.source_gid = awaited.gid AND l.state = 'linked')
           OR EXISTS (SELECT FROM stores_resourcelink l
                      WHERE l.connection_id = p.connection_id AND l.source_gid = awaited.gid AND l.state = 'linked')
           OR EXISTS (SELECT FROM stores_filelink f JOIN stores_connection c ON c.id = p.connection_id
                      WHERE f.source_id = c.source_id AND f.destination_id = c.destination_id
                        AND f.source_gid = awaited.gid AND f.state = 'ready')
           OR EXISTS (SELECT FROM stores_variantlink l
                      JOIN stores_variant v ON v.id = l.source_variant_id
                      JOIN stores_variant t ON t.id = l.destination_variant_id AND t.gone_at IS NULL
                      WHERE l.connection_id = p.connection_id AND v.gid = awaited.gid AND l.state = 'linked')
    )
    ORDER BY p.id LIMIT {FOUND_ROWS}
"""


def find_ready() -> list[ProductLink]:
    """Products that refer to something which had no partner when they were carried, and has one now."""
    rows = ProductLink.objects.filter(pk__in=_ready(ProductLink)).order_by("pk")
    return list(rows.select_related("connection__source", "connection__destination"))


def find_ready_content() -> list[ResourceLink]:
    """The same of collections, pages, blogs and articles."""
    rows = ResourceLink.objects.filter(pk__in=_ready(ResourceLink)).order_by("pk")
    return list(rows.select_related("connection__source", "connection__destination"))


def ready_of(connection: Connection, kind: str) -> list[str]:
    """The source gids of those of one kind of a connection."""
    if not connection.resource_links.filter(kind=kind).exclude(awaits=[]).exists():
        return []
    return [
        link.source_gid for link in find_ready_content() if link.connection_id == connection.pk and link.kind == kind
    ]


def _ready(links: type[ProductLink] | type[ResourceLink]) -> list[int]:
    with db.cursor() as cursor:
        cursor.execute(_READY % links._meta.db_table)
        return [pk for (pk,) in cursor.fetchall()]
