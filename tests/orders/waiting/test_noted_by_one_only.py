"""Each connection notes an order for itself: one may copy it long before another knows of it."""

import pytest

from orders import discovery
from orders.copies import importing
from orders.models import OrderImport, OrderImportLine
from stores import clients
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
