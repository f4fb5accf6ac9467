"""Rows for one source and many destinations in step, and the starting shot.

`python -m tests.benchmarks.staging.fan_out …`: a process of its own, as tests.benchmarks.staging.world. `build FILE`
reads {domain: {token, location, items: [id, …]}}, the source first; `go` ends the stop of all syncing and has every
connection carried.
"""

import json
import sys
from pathlib import Path

import django

django.setup()

from django.db import connection as db  # noqa: E402
from django.utils import timezone  # noqa: E402

from stores.models import Connection, Location, LocationMapping, Store, SyncSwitch, Variant, VariantLink  # noqa: E402
from stores.shopify import gids  # noqa: E402
from syncing.queue import enqueue  # noqa: E402
from syncing.stock import wiring  # noqa: E402
from tests.benchmarks.staging.scene import IN_STEP  # noqa: E402
from tests.simulator.state.shop import CLIENT_SECRET  # noqa: E402

QUANTITY = 100


def build(path: str) -> None:
    """Everything linked, started and in step."""
    shops = json.loads(Path(path).read_text())
    places = [_store(domain, shop, not number) for number, (domain, shop) in enumerate(shops.items())]
    (source, source_place, ours), destinations = places[0], places[1:]
    now = timezone.now()
    for store, place, theirs in destinations:
        connection = Connection.objects.create(
            source=source,
            destination=store,
            state="running",
            aligned_strategy="one_way",
            started_at=now,
            reconciled_at=now,
        )
        LocationMapping.objects.create(connection=connection, source_location=source_place, destination_location=place)
        VariantLink.objects.bulk_create(
            VariantLink(connection=connection, source_variant=mine, destination_variant=other, state="linked")
            for mine, other in zip(ours, theirs, strict=True)
        )
        wiring.wire_connection(connection)
    with db.cursor() as cursor:
        for statement in IN_STEP:
            cursor.execute(statement, {"units": QUANTITY})


def _store(domain: str, shop: dict, is_source: bool) -> tuple[Store, Location, list[Variant]]:
    store = Store.objects.create(
        domain=domain,
        role="source" if is_source else "destination",
        auth="static_token",
        access_token=shop["token"],
        client_secret=CLIENT_SECRET,
        status="ready",
        checked_at=timezone.now(),
    )
    place = Location.objects.create(store=store, gid=gids.gid("Location", shop["location"]), name="Warehouse")
    variants = [
        Variant(
            store=store,
            gid=gids.gid("ProductVariant", item),
            product_gid=gids.gid("Product", item),
            item_gid=gids.gid("InventoryItem", item),
            sku=f"SKU-{number}",
            seen_at=timezone.now(),
        )
        for number, item in enumerate(shop["items"])
    ]
    return store, place, Variant.objects.bulk_create(variants)


def go() -> None:
    """From here on workers carry."""
    SyncSwitch.objects.update(is_stopped=False)
    for connection in Connection.objects.all():
        enqueue.carry_stock(connection)


if __name__ == "__main__":
    {"build": build, "go": go}[sys.argv[1]](*sys.argv[2:])
