"""Orders and products that follow, together: what is sold is no edit, and what is deleted leaves its orders alone."""

from collections.abc import Callable

import pytest

from orders import decisions
from orders.models import OrderImport, OrderSettings
from stores.shopify import errors, gids
from tests.support.catalogue.showroom import Showroom


@pytest.fixture
def shop(showroom: Callable[..., Showroom]) -> Showroom:
    """A source whose lamp follows into a destination that passes its orders on."""
    room = showroom(strategy="order", unlink="delete")
    OrderSettings.objects.create(connection=room.connection)
    room.gid = room.add("Lamp", stock=9)
    room.world.follow()
    room.sim.reset_counters()
    return room


def sell(room: Showroom, quantity: int = 1):
    """An order of the destination for its lamp."""
    product = room.destination.shop.products[gids.number(room.there("lamp").gid)]
    room.sim.clock.advance(60)
    return room.sim.buy(room.destination.domain, product.variant_ids[0], quantity)


def test_a_sale_moves_the_product_in_both_stores_and_nothing_of_the_catalogue_is_written(shop):
    there = shop.there("lamp").gid
    before = [place.shop.products[gids.number(gid)].updated_at
              for place, gid in ((shop.source, shop.gid), (shop.destination, there))]  # fmt: skip
    sell(shop, 2)
    shop.world.follow()
    after = [place.shop.products[gids.number(gid)].updated_at
             for place, gid in ((shop.source, shop.gid), (shop.destination, there))]  # fmt: skip
    assert all(new > old for old, new in zip(before, after, strict=True))
    assert len(shop.source.shop.orders) == 1
    assert shop.units("lamp") == [7]
    assert shop.writes == 0


def test_an_edit_travels_also_while_it_is_being_sold(shop):
    shop.reprice(shop.gid, "12.00")
    sell(shop)
    shop.world.follow()
    assert [str(variant.price) for variant in shop.there("lamp").variants] == ["12.00"]
    assert shop.units("lamp") == [8]
    assert len(shop.source.shop.orders) == 1


def test_a_product_that_is_deleted_leaves_the_copies_of_its_orders_as_they_are(shop):
    order = sell(shop)
    shop.world.follow()
    shop.delete(shop.gid)
    shop.world.follow()
    assert shop.there("lamp") is None
    [copy] = shop.source.shop.orders.values()
    assert [line.title for line in (*copy.lines, *order.lines)] == ["Lamp", "Lamp"]
    assert OrderImport.objects.get().state == OrderImport.State.CONFIRMED
    shop.sim.cancel(shop.destination.domain, order)
    shop.world.follow()
    shop.world.tick(5)  # a cancellation takes its time
    assert copy.cancelled_at is not None, "a order update finds its way without the product"


def test_an_order_whose_product_was_deleted_before_it_came_is_skipped_and_says_why(shop):
    sell(shop)
    shop.delete(shop.gid)
    shop.world.deliver(shop.source)
    shop.world.work()
    shop.world.follow()
    row = OrderImport.objects.get()
    assert not shop.source.shop.orders
    assert row.state == OrderImport.State.SKIPPED
    assert "deleted products" in row.reason


def test_an_order_that_overtakes_the_deletion_fails_and_is_skipped_when_it_is_imported_again(shop):
    sell(shop)
    shop.delete(shop.gid)
    shop.world.deliver(shop.destination)
    shop.world.work()
    row = OrderImport.objects.get()
    assert (row.state, row.failure) == (OrderImport.State.FAILED, errors.REJECTED)
    assert not shop.source.shop.orders
    shop.world.follow()
    assert decisions.import_again(row)
    shop.world.carry_orders()
    row.refresh_from_db()
    assert row.state == OrderImport.State.SKIPPED
    assert "deleted products" in row.reason
