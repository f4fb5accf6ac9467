"""Each connection notes an order for itself: one may copy it long before another knows of it."""

import pytest

from orders import discovery
from orders.copies import importing
from orders.models import OrderImport, OrderImportLine, OrderSplit
from stores import clients
from stores.models import Connection
from stores.shopify import gids
from syncing.connections import resuming
from tests.support.orders.market import Market


@pytest.mark.parametrize("is_draft", [False, True])
@pytest.mark.parametrize("unlinked", ["custom", "leave_out"])
def test_what_an_order_gains_of_a_source_that_does_not_know_it_yet_is_in_that_copy_only(world, unlinked, is_draft):
    market = Market.open(world, 2, 1, ("draft_order" if is_draft else "order", "order"), unlinked=unlinked)
    (place,), alpha = market.destinations, market.sources[0]
    order = place.order((0, 2))
    place.lose_webhooks()
    first = market.connection(alpha, place)
    discovery.discover_orders(first, clients.open_client, resuming.move_units)
    importing.import_order(first, gids.gid("Order", order.id), clients.open_client, resuming.move_units)
    row = OrderImport.objects.get()
    assert (row.connection_id, row.state) == (first.pk, "confirmed")
    world.tick(60)
    market.sim.edit_order(place.domain, order, add=[(place.variants[2].id, 3)])
    world.follow()
    world.settle()
    world.settle()
    lines = OrderImportLine.objects.filter(order_import=row)
    assert {line.title: line.state for line in lines} == {"Product 0": "carried", "Product 2": "elsewhere"}
    assert OrderImport.objects.filter(state="confirmed", is_partial=False).count() == 2
    market.check()


@pytest.mark.parametrize("is_added", [False, True])
@pytest.mark.parametrize("has_ended", [False, True])
def test_what_only_a_disconnected_source_carried_is_told_of_in_the_other_copy(world, has_ended, is_added):
    """That source takes no order any more that is placed from then on, and in the end none: nothing is left to it."""
    market = Market.open(world, 2, 1, ("order", "order"))
    (place,), (alpha, beta) = market.destinations, market.sources
    theirs = Connection.objects.filter(pk=market.connection(beta, place).pk)
    if not has_ended:
        theirs.update(disconnecting_at=place.store.now())
    world.tick(60)
    order = place.order((0, 2), *([] if is_added else [(2, 3)]))
    if has_ended and is_added:  # it has noted the order, which held nothing of it
        world.follow()
        world.work()
    if has_ended:
        theirs.update(state="ended")
    world.follow()
    world.work()
    if is_added:
        market.sim.edit_order(place.domain, order, add=[(place.variants[2].id, 3)])
    world.follow()
    world.work()
    row = OrderImport.objects.get(connection=market.connection(alpha, place))
    assert row.is_partial
    assert {line.title: line.state for line in row.lines.all()} == {"Product 0": "carried", "Product 2": "left_out"}


def test_what_is_linked_nowhere_is_told_of_in_one_other_copy_when_the_main_source_has_ended(world):
    market = Market.open(world, 3, 1, ("order", "order", "order"))
    (place,), (main, *others) = market.destinations, market.sources
    order = place.order((0, 1), (2, 1), (4, 1))
    world.follow()
    world.work()
    assert OrderSplit.objects.get().main_id == market.connection(main, place).pk
    Connection.objects.filter(pk=market.connection(main, place).pk).update(state="ended")
    market.sim.edit_order(place.domain, order, add=[(place.variants[6].id, 2)])
    world.follow()
    world.work()
    rows = [OrderImport.objects.get(connection=market.connection(each, place)) for each in others]
    states = [row.lines.get(title="Product 6").state for row in rows]
    assert (states, [row.is_partial for row in rows]) == (["left_out", "elsewhere"], [True, False])
