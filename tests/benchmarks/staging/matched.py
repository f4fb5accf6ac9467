"""Match the variants of two stores that the database made up, in a process of its own; prints what it took as JSON.

`python -m tests.benchmarks.staging.matched CASE VARIANTS [--profile FILE]`: fills a scratch database anew, but for
"again", which takes what the last one left. With `--connections COUNT`: what one connection of a source has read is
matched in its other ones.
"""

import argparse
import cProfile
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import django

django.setup()

import psutil  # noqa: E402
from django.db import connection as db  # noqa: E402
from django.utils import timezone  # noqa: E402

from stores.linking import linking, suggestions  # noqa: E402
from stores.models import Connection, Location, LocationMapping, Store, Variant  # noqa: E402
from syncing.connections import product_matching  # noqa: E402
from syncing.models import SyncJob  # noqa: E402
from syncing.stock import wiring  # noqa: E402
from tests.benchmarks.staging.filling import fill, title  # noqa: E402
from tests.benchmarks.staging.stage import tree_seconds  # noqa: E402

LATE = 100  # with other connections, one in so many variants comes late
FLOOR, AGAIN = "floor: one bare INSERT", "the same again, nothing new"
# How the destination's SKUs and handles differ from the source's: SQL of the number of a variant, and of its product.
CASES = {
    FLOOR: ("'other-' || {number}", "'other-' || {product}"),
    "no partner": ("'other-' || {number}", "'other-' || {product}"),
    AGAIN: ("", ""),
    "no partner, one is likely": ("'sku/' || {number}", "'product-' || {product}"),
    "each has a partner": ("'sku-' || {number}", "'product-' || {product}"),
    "each in doubt": ("'sku-' || ({number} + mod({number}, 2))", "'product-' || {product}"),
}


def main() -> None:
    """Fill, match, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("variants", type=int)
    parser.add_argument("--profile", help="also write cProfile's figures into this file")
    parser.add_argument("--connections", type=int)
    options = parser.parse_args()
    if options.connections:
        print(json.dumps(measure_others(options.connections, options.variants)))
        return
    if options.case != AGAIN:
        fill_stores(options.variants, *CASES[options.case])
    connection = Connection.objects.select_related("source", "destination").get()
    with cProfile.Profile() if options.profile else nullcontext() as profile:
        is_floor = options.case == FLOOR
        figures = measure(bare_insert if is_floor else lambda: linking.match_connection(connection, suggests=False))
        later = measure((lambda: None) if is_floor else lambda: suggestions.refresh(connection))
    if profile:
        profile.dump_stats(options.profile)
    suggested = connection.links.filter(suggested_variant__isnull=False).count()
    figures["later"] = {name: later[name] for name in ("seconds", "own", "database", "statements")}
    print(json.dumps(figures | {"states": str(linking.count_links(connection)), "suggested": suggested}))


def measure_others(connections: int, variants: int) -> dict[str, Any]:
    """What each case took: by its words."""
    figures: dict[str, Any] = {}
    for words, sku in (("each has a partner", "''"), ("none has a partner", "store_id || '-'")):
        fill_source(connections, variants, sku)
        figures[f"{words}, nothing new"] = measure(match_others)
        Variant.objects.update(gone_at=None)
        linking.match_connection(Connection.objects.order_by("pk")[0], suggests=False)
        figures[f"{words}, one in {LATE} is new"] = measure(match_others)
    return figures


def measure(work: Callable[[], object]) -> dict[str, Any]:
    """Run it; seconds, processor seconds of ours and of the database, statements, most memory."""
    count = 0

    def counting(execute: Callable, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        return execute(sql, parameters, many, context)

    database = psutil.Process(db.connection.info.backend_pid).parent()
    assert database is not None  # the postmaster
    in_database, started, own = tree_seconds(database), time.perf_counter(), time.process_time()
    with db.execute_wrapper(counting):
        work()
    figures = {"seconds": time.perf_counter() - started, "own": time.process_time() - own, "statements": count}
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    return figures | {"database": tree_seconds(database) - in_database, "peak_bytes": peak}


def fill_stores(variants: int, other_sku: str, other_handle: str) -> None:
    """Two stores of products with two variants each, and a connection between them that was never matched."""
    with db.cursor() as cursor:
        cursor.execute("TRUNCATE stores_store, stores_variant RESTART IDENTITY CASCADE")
    role = "CASE WHEN n = 1 THEN 'source' ELSE 'destination' END"
    fill(Store, 2, domain="'store-' || n || '.myshopify.com'", role=role, client_id="'tiposync'", status="'ready'")
    fill(Connection, 1, source="1", destination="2", identifier="'sku'")
    number, product = f"(1 + mod(n - 1, {variants}))", f"(1 + mod(n - 1, {variants}) / 2)"
    is_source = f"n <= {variants}"
    other = {"number": number, "product": product}
    sku = f"CASE WHEN {is_source} THEN 'sku-' || {number} ELSE {other_sku.format(**other)} END"
    handle = f"CASE WHEN {is_source} THEN 'product-' || {product} ELSE {other_handle.format(**other)} END"
    size = f"CASE WHEN mod({number}, 2) = 0 THEN 'Large' ELSE 'Small' END"
    fill(
        Variant,
        2 * variants,
        store=f"CASE WHEN {is_source} THEN 1 ELSE 2 END",
        gid="'gid://shopify/ProductVariant/' || n",
        product_gid="'gid://shopify/Product/' || ((n + 1) / 2)",
        item_gid="'gid://shopify/InventoryItem/' || n",
        product_title=f"CASE WHEN {handle} LIKE 'other-%%' THEN 'Other thing' ELSE {title(product)} END",
        title=size,
        options=f"jsonb_build_array(jsonb_build_array('Size', {size}))",
        **dict.fromkeys(("sku", "sku_key"), sku),
        **dict.fromkeys(("handle", "handle_key"), handle),
    )
    with db.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE stores_variant, stores_variantlink")  # as after reading, and without its rest
        cursor.execute("CHECKPOINT")


def match_others() -> None:
    """What follows a whole read for the first connection."""
    first = Connection.objects.select_related("source").order_by("pk")[0]
    product_matching.match_others(first, [first.source])


def fill_source(connections: int, variants: int, sku: str) -> None:
    """A source and its destinations, matched and wired but for what comes late. `sku`: SQL of what comes before it."""
    with db.cursor() as cursor:
        cursor.execute("TRUNCATE stores_store, stores_variant RESTART IDENTITY CASCADE")
    SyncJob.objects.all().delete()
    role = "CASE WHEN n = 1 THEN 'source' ELSE 'destination' END"
    count = connections + 1
    fill(Store, count, domain="'store-' || n || '.myshopify.com'", role=role, client_id="'tiposync'", status="'ready'")
    fill(Connection, connections, source="1", destination="n + 1", identifier="'sku'", state="'running'")
    fill(Location, count, store="n", gid="'gid://shopify/Location/' || n", name="'Room'")
    fill(LocationMapping, connections, connection="n", source_location="1", destination_location="n + 1")
    store, number = f"(1 + (n - 1) / {variants})", f"mod(n - 1, {variants})"
    key = sku.replace("store_id", store) + f" || 'sku-' || {number}"
    fill(
        Variant,
        count * variants,
        store=store,
        gid="'gid://shopify/ProductVariant/' || n",
        product_gid="'gid://shopify/Product/' || n",
        item_gid="'gid://shopify/InventoryItem/' || n",
        product_title="'Thing ' || n",
        gone_at=f"CASE WHEN mod({number}, {LATE}) = 0 THEN '{timezone.now().isoformat()}'::timestamptz END",
        **dict.fromkeys(("sku", "sku_key"), key),
    )
    with db.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE stores_variant")
    for connection in Connection.objects.select_related("source", "destination"):
        linking.match_connection(connection, suggests=False)
        wiring.wire_connection(connection)
    with db.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE stores_variantlink, syncing_stocklink, syncing_stocklevel")


def bare_insert() -> None:
    """The floor: as many links as one INSERT writes, with nothing decided."""
    with db.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stores_variantlink (connection_id, source_variant_id, state, reason, is_manual, "
            "created_at, changed_at) SELECT 1, v.id, 'unmatched', '', false, now(), now() "
            "FROM stores_variant v WHERE v.store_id = 1"
        )


if __name__ == "__main__":
    main()
