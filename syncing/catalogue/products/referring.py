"""Products whose metafields refer to other things: to whom in the destination, and which wait for a partner."""

from collections.abc import Iterable

from django.db import connection as db
from django.db.models import Q

from stores.models import Connection, ProductLink, ResourceLink, VariantLink

FOUND_PRODUCTS = 500  # in one sweep


def partners_of(connection: Connection, source_gids: Iterable[str]) -> dict[str, str]:
    """Source gid -> destination gid of these products, variants, collections, pages and articles, as far as linked."""
    gids = list(source_gids)
    if not gids:
        return {}
    # One whose last change was refused is still the partner.
    refused = Q(state=ProductLink.State.FAILED, synced_at__isnull=False) & ~Q(destination_gid="")
    products = connection.product_links.filter(Q(state=ProductLink.State.LINKED) | refused, source_gid__in=gids)
    resources = connection.resource_links.filter(state=ResourceLink.State.LINKED, source_gid__in=gids)
    linked = VariantLink.objects.filter(
        connection=connection,
        state=VariantLink.State.LINKED,
        source_variant__gid__in=gids,
        destination_variant__gone_at=None,
    )
    found = dict(products.values_list("source_gid", "destination_gid"))
    found |= dict(resources.values_list("source_gid", "destination_gid"))
    return found | dict(linked.values_list("source_variant__gid", "destination_variant__gid"))


_READY = """
    SELECT p.id FROM stores_productlink p
    WHERE p.awaits <> '[]'::jsonb AND p.state = 'linked' AND EXISTS (
        SELECT FROM jsonb_array_elements_text(p.awaits) AS awaited (gid)
        WHERE EXISTS (SELECT FROM stores_productlink l
                      WHERE l.connection_id = p.connection_id AND l.source_gid = awaited.gid AND l.state = 'linked')
           OR EXISTS (SELECT FROM stores_resourcelink l
                      WHERE l.connection_id = p.connection_id AND l.source_gid = awaited.gid AND l.state = 'linked')
           OR EXISTS (SELECT FROM stores_variantlink l
                      JOIN stores_variant v ON v.id = l.source_variant_id
                      JOIN stores_variant t ON t.id = l.destination_variant_id AND t.gone_at IS NULL
                      WHERE l.connection_id = p.connection_id AND v.gid = awaited.gid AND l.state = 'linked')
    )
    ORDER BY p.id LIMIT %s
"""


def find_ready() -> list[ProductLink]:
    """Products that refer to something which had no partner when they were carried, and has one now."""
    with db.cursor() as cursor:
        cursor.execute(_READY, [FOUND_PRODUCTS])
        keys = [pk for (pk,) in cursor.fetchall()]
    rows = ProductLink.objects.filter(pk__in=keys).order_by("pk")
    return list(rows.select_related("connection__source", "connection__destination"))
