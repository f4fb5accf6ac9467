"""What wiring a connection again costs: as much as its pairs are, not their square."""

from collections.abc import Iterator

from django.db import connection as db
from django.db import transaction

from syncing.stock import wiring

ITEMS = 150


def rows_of(node: dict) -> Iterator[float]:
    """How many rows each step of a plan has brought."""
    yield node["Actual Rows"] * node["Actual Loops"]
    for below in node.get("Plans", ()):
        yield from rows_of(below)


def test_pairs_whose_items_are_the_same_are_not_joined_with_all_levels(pair):
    """As a large installation plans: the tables that grow were looked at, the few rows of mappings never."""
    world = pair("one_way", items=ITEMS)
    given = {"connection": world.connections[0].pk, "products": None}
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute("ANALYZE syncing_stocklink, syncing_stocklevel, stores_variantlink, stores_variant")
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {wiring._SUCCEED}", given)
        ((plan,),) = cursor.fetchall()
    rows = sum(rows_of(plan[0]["Plan"]))
    assert ITEMS <= rows < 60 * ITEMS
