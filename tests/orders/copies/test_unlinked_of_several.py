"""What is linked to none of several sources is in one copy, whatever happens before all copies are there."""

from collections import Counter

import pytest

from orders.models import OrderImport
from syncing.models import SyncJob
from syncing.webhooks import inbox, topics
from tests.support.orders.sources import Sources

NAMES = ("alpha", "beta")


@pytest.fixture
def sources(world):
    def build(**choices):
        return Sources.open(world, 2, **choices)

    return build


def units(shop, number) -> Counter:
    """What the copies of a source hold, by titles; what no source sells is “Product 4” in all stores."""
    found = Counter()
    for copy in shop.copies(number):
        found.update({line.title: line.current_quantity for line in copy.lines if line.current_quantity})
    return found


@pytest.mark.parametrize("first", NAMES)
def test_what_an_edit_adds_beside_the_first_goods_of_the_main_source_is_added_once(sources, first):
    """Beta has made the copy and is the order's main source then; Alpha, the destination's, begins with the edit."""
    shop = sources(unlinked="custom")
    order = shop.place((shop.foreign, 1, "10.00"), (2, 1, "10.00"))
    shop.run()
    shop.world.tick(5)
    added = [(shop.north.variants[0].id, 1), {"title": "Wrap", "quantity": 3, "price": "2.00"}]
    shop.sim.edit_order(shop.north.domain, order, add=added)
    shop.world.deliver()
    inbox.process_new(topics.EFFECTS)
    kind = "import_order" if first == "alpha" else "update_order"
    SyncJob.objects.filter(state="queued").exclude(kind=kind).delete()
    shop.world.work()
    shop.world.settle()
    assert [units(shop, number) for number in (0, 1)] == [
        {"Product 0": 1},
        {"Product 4": 1, "Product 0": 1, "Wrap": 3},
    ]


@pytest.mark.parametrize("unlinked", ["custom", "leave_out"])
def test_what_the_main_source_was_to_carry_goes_to_the_copy_that_is_there_if_its_own_is_never_made(sources, unlinked):
    """Alpha cannot make its copy yet when an edit takes the only goods of Alpha off the order."""
    shop = sources(unlinked=unlinked)
    shop.sources[0].fault("rate_limited", match="orderCreate", count=None, retry_after="4000")
    order = shop.place((0, 1, "10.00"), (shop.foreign, 3, "10.00"), (2, 1, "10.00"))
    shop.run()
    assert [units(shop, number) for number in (0, 1)] == [{}, {"Product 0": 1}]
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 0})
    shop.sim.faults(shop.sources[0].shop).clear()
    shop.run()
    shop.world.settle()
    rows = [shop.row(number, order) for number in (0, 1)]
    assert [row.state for row in rows] == [OrderImport.State.SKIPPED, OrderImport.State.CONFIRMED]
    assert [row.late_links for row in rows] == ["", "" if unlinked == "custom" else "wanted"]
    assert units(shop, 1) == {"Product 0": 1} | ({"Product 4": 3} if unlinked == "custom" else {})
    assert rows[1].is_partial == (unlinked == "leave_out")


@pytest.mark.parametrize("is_told", [True, False], ids=["webhook", "reconciliation"])
@pytest.mark.parametrize("others", [1, 0], ids=["beside another source's goods", "alone"])
def test_what_an_order_gains_after_all_goods_of_the_source_were_taken_off_it_is_copied(sources, others, is_told):
    """Alpha cannot make its copy before an edit takes its goods off the order; a later one adds other goods of it."""
    shop = sources(unlinked="custom")
    shop.sources[0].fault("rate_limited", match="orderCreate", count=None, retry_after="4000")
    order = shop.place((0, 1, "10.00"), *[(2, 1, "10.00")] * others)
    shop.run()
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 0})
    shop.sim.faults(shop.sources[0].shop).clear()
    shop.run()
    shop.world.settle()
    assert shop.row(0, order).state == OrderImport.State.SKIPPED
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    if not is_told:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    shop.world.settle()
    assert units(shop, 0) == {"Product 1": 2}
    assert [place.available(1) for place in (shop.sources[0], shop.north)] == [18, 18]
