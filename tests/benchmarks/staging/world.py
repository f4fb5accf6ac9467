"""Fill a scratch database: `python -m tests.benchmarks.staging.world synthetic 500`. Prints what it made as JSON.

A process of its own: the benchmarks themselves never load Django, so that they take no time from what they measure.
"""

import argparse
import json
from dataclasses import asdict, dataclass

import django

django.setup()

from django.utils import timezone  # noqa: E402

from stores.models import Connection, Location, LocationMapping, Store, Variant, VariantLink  # noqa: E402
from syncing.stock import wiring  # noqa: E402

SECRET = "shpss_simulator_secret"
SOURCE, NORTH = "source-store.myshopify.com", "north-store.myshopify.com"


@dataclass
class World:
    """What a benchmark needs to know of one connection: numbers as Shopify's webhooks carry them."""

    connection_id: int
    source_domain: str
    destination_domain: str
    secret: str
    source_location: int
    destination_location: int
    source_items: list[int]
    destination_items: list[int]


def build_synthetic(count: int) -> World:
    """Two stores that no Shopify stands behind, and a connection with `count` linked variants that is not started."""
    source = _store(SOURCE, Store.Role.SOURCE)
    destination = _store(NORTH, Store.Role.DESTINATION)
    connection = Connection.objects.create(source=source, destination=destination)
    places = [Location.objects.create(store=store, gid="gid://shopify/Location/1") for store in (source, destination)]
    LocationMapping.objects.create(connection=connection, source_location=places[0], destination_location=places[1])
    numbers = range(1_000, 1_000 + count)
    ours, theirs = ([_variant(store, number) for number in numbers] for store in (source, destination))
    for variants in (ours, theirs):
        Variant.objects.bulk_create(variants, batch_size=5_000)
    links = (
        VariantLink(connection=connection, source_variant=mine, destination_variant=other, state="linked")
        for mine, other in zip(ours, theirs, strict=True)
    )
    VariantLink.objects.bulk_create(links, batch_size=5_000)
    wiring.wire_connection(connection)
    return World(connection.pk, source.domain, destination.domain, SECRET, 1, 1, list(numbers), list(numbers))


def _store(domain: str, role: str) -> Store:
    return Store.objects.create(
        domain=domain, role=role, client_id="tiposync", client_secret=SECRET, status=Store.Status.READY
    )


def _variant(store: Store, number: int) -> Variant:
    return Variant(
        store=store,
        gid=f"gid://shopify/ProductVariant/{number}",
        product_gid=f"gid://shopify/Product/{number}",
        item_gid=f"gid://shopify/InventoryItem/{number}",
        sku=f"SKU-{number}",
        seen_at=timezone.now(),
    )


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["synthetic"])
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    print(json.dumps(asdict(build_synthetic(options.count))))


if __name__ == "__main__":
    main()
