"""What changed nothing writes nothing, whatever state the two orders are in."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.changes.readings import is_restored
from orders.models import OrderImport
from tests.support.console.orders import make_import, make_order_rows
from tests.support.orders.changes import copied, settle


def cancel(shop, order, copy):
    shop.sim.cancel(shop.north.domain, order)


def cancel_copy(shop, order, copy):
    shop.sim.cancel(shop.source.domain, copy)


def leave(shop, order, copy):
    pass


@pytest.mark.parametrize("act", [cancel, cancel_copy, leave])
def test_an_untouched_order_is_compared_without_a_write_to_its_lines(trade, act):
    shop, order, copy = copied(trade, (0, 3), (1, 1))
    act(shop, order, copy)
    for note in ("first", "second"):
        shop.world.tick(5)
        shop.run()
        settle(shop)
        shop.sim.change_words(shop.north.domain, order, note=note)
    shop.world.deliver()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shop.run()
    written = [
        each["sql"]
        for each in queries
        if (each["sql"] or "").startswith("UPDATE") and "orders_orderimportline" in each["sql"]
    ]
    assert written == []
    row = shop.row(order)
    assert (row.original_signs_seen, row.copy_signs_seen) == (row.original_signs, row.copy_signs)


@pytest.mark.django_db
@pytest.mark.parametrize(("hours_after", "expected"), [(None, True), (-1, True), (1, True), (48, False)])
def test_an_order_counts_as_compared_after_a_restore_only_where_clocks_cannot_say_otherwise(hours_after, expected):
    """The restore is by our clock, the comparison by Shopify's: they may differ, by less than a day."""
    rows, restored_at = make_order_rows(), timezone.now()
    type(rows.connection).objects.update(restored_at=restored_at)
    at = None if hours_after is None else restored_at + timedelta(hours=hours_after)
    row = make_import(rows.connection, copy_compared_as_of=at)
    assert is_restored(OrderImport.objects.select_related("connection").get(pk=row.pk)) is expected
