"""What was missed for want of links and is edited before it is linked: so many units are held back as it holds then."""

import pytest

from stores.models import VariantLink
from stores.shopify import gids
from tests.support.orders.changes import settle
from tests.support.orders.trade import Trade
from tiposync.console.orders import deciding
from tiposync.console.stores.connection_summary import follow_up


def link_of(shop: Trade) -> VariantLink:
    gid = gids.gid("ProductVariant", shop.source.variants[0].id)
    return VariantLink.objects.get(connection=shop.connection, source_variant__gid=gid)


@pytest.mark.parametrize(("units", "is_lost"), [(3, True), (3, False), (0, True)])
@pytest.mark.parametrize("is_skipped", [True, False])
def test_so_many_are_held_back_and_then_copied_as_the_original_holds(trade, is_skipped, units, is_lost):
    """Of two units, alone or beside one that is copied; item 0 is linked only after the edit."""
    shop = trade()
    link = link_of(shop)
    theirs = link.destination_variant
    VariantLink.objects.filter(pk=link.pk).update(state="unmatched", destination_variant=None)
    link.stock_links.all().delete()
    order = shop.north.order((0, 2), *([] if is_skipped else [(1, 1)]))
    shop.run()
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: units})
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    VariantLink.objects.filter(pk=link.pk).update(state="linked", destination_variant=theirs)
    follow_up(shop.connection)
    shop.run()
    assert shop.stock() == (20, 20 - units, 20 - units)
    row = shop.row(order)
    assert row.late_links == ("linked" if units else "wanted")
    if units:
        deciding.import_again(row)
        shop.run()
        settle(shop)
        (copy,) = shop.copies
        assert copy.lines[-1].current_quantity == units
        assert shop.stock() == (20 - units, 20 - units, 20 - units)


def test_what_is_edited_after_it_was_linked_is_held_back_as_it_is_then(trade):
    shop = trade()
    link = link_of(shop)
    theirs = link.destination_variant
    VariantLink.objects.filter(pk=link.pk).update(state="unmatched", destination_variant=None)
    link.stock_links.all().delete()
    skipped, partial = shop.north.order((0, 2)), shop.north.order((0, 2), (1, 1))
    shop.run()
    VariantLink.objects.filter(pk=link.pk).update(state="linked", destination_variant=theirs)
    follow_up(shop.connection)
    shop.run()
    assert shop.stock() == (20, 16, 16)
    for units, left in ((5, 10), (1, 18)):
        for order in (skipped, partial):
            shop.world.tick(5)
            shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: units})
        shop.run()
        settle(shop)
        assert shop.stock() == (20, left, left)
