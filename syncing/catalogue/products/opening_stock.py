"""The first quantities of variants that are about to be created; from then on the stock engine keeps them in step."""

from collections import defaultdict
from collections.abc import Iterable

from stores.models import Connection
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.products.reading import Reading
from syncing.stock.merge import offer
from syncing.stock.planning import rule_of

# Variant gid of the source -> [(location gid of the destination, units)].
OpeningStock = dict[str, list[tuple[str, int]]]


def opening_stock(connection: Connection, reading: Reading, products: Iterable[ProductRecord]) -> OpeningStock:
    """What each tracked variant of these products has at the mapped locations, as the connection's rule offers it.

    `reading` is the source's. A location where the source does not stock it gives nothing. Raises as Client.execute.
    """
    variants = {
        variant.item_gid: variant.gid
        for product in products
        for variant in product.variants
        if variant.tracked and not variant.requires_components
    }
    totals: dict[tuple[str, str], int] = defaultdict(int)
    mappings = connection.mappings.select_related("source_location", "destination_location")
    feeding: dict[str, list[str]] = defaultdict(list)
    for mapping in mappings.filter(destination_location__is_active=True) if variants else ():
        feeding[mapping.source_location.gid].append(mapping.destination_location.gid)
    for source_gid, destination_gids in feeding.items():
        for item_gid, available in reading.levels(source_gid, list(variants)).items():
            for destination_gid in destination_gids:
                totals[variants[item_gid], destination_gid] += available
    opening: OpeningStock = defaultdict(list)
    for (variant_gid, location_gid), total in totals.items():
        quantity = total if connection.is_two_way else offer(total, rule_of(connection))
        opening[variant_gid].append((location_gid, quantity))
    return dict(opening)
