"""A product that is deleted and made again while orders of it are under way: the same goods under other ids."""

import pytest

from orders.models import OrderImport, OrderSettings
from stores.models import Variant
from stores.variants import key_of
from tests.simulator.events import merchant as people
from tests.support.catalogue.showroom import PRODUCT_TOPICS
from tests.support.minutes import sweep_minute

State = OrderImport.State
IS_TOLD = pytest.mark.parametrize("is_told", [True, False])


@pytest.fixture
def shop(trade):
    """Orders are copied once they are paid; variants' rows have the identifiers that Shopify tells."""
    shop = trade(when=OrderSettings.When.PAID)
    for variant in Variant.objects.all():
        Variant.objects.filter(pk=variant.pk).update(sku_key=key_of(variant.sku), handle_key=key_of(variant.handle))
    for place in shop.world.places:
        for topic in PRODUCT_TOPICS:
            shop.sim.subscribe(place.domain, topic, shop.world.address)
    return shop


def make_again(shop, place, stock=20):
    """Item 0 is deleted, and imported again under the same SKU."""
    people.delete_product(place.shop, shop.sim.clock, place.variants[0].product_id)
    product = people.add_product(place.shop, shop.sim.clock, "Product 0")
    fields = {"sku": "SKU-0", "stock": dict.fromkeys(place.location_ids, stock)}
    place.variants[0] = people.add_variant(place.shop, shop.sim.clock, product.id, **fields)


def work(shop, is_told):
    """What follows from the webhooks, or, where all of them are lost, from the comparison and what it asks for."""
    for minute in range(2):
        if is_told:
            shop.run()
        lose_webhooks(shop)
        shop.world.tick(70)
        sweep_minute(minute)
        shop.world.reconcile()


def lose_webhooks(shop):
    for place in shop.world.places:
        place.lose_webhooks()


def most_offered(place):
    """The most that anybody could buy of item 0 after it was set for the first time."""
    return max(change.after for change in place.changes(0))


@IS_TOLD
def test_units_of_an_order_that_waits_are_held_back_of_what_the_source_has_made_again(shop, is_told):
    order = shop.north.order((0, 3), paid=False)
    work(shop, is_told)
    assert shop.stock() == (20, 17, 17)
    make_again(shop, shop.source)
    work(shop, is_told)
    assert shop.stock() == (20, 17, 17)
    assert most_offered(shop.south) == 17, "what was sold was for sale again"
    shop.sim.pay_order(shop.north.domain, order)
    work(shop, is_told)
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (17, 17, 17)


@IS_TOLD
def test_units_that_a_copy_has_lost_are_held_back_of_what_the_source_has_made_again(shop, is_told):
    order = shop.north.order((0, 3))
    work(shop, is_told)
    shop.sim.cancel(shop.source.domain, shop.copies[0])
    work(shop, is_told)
    assert shop.stock() == (20, 17, 17)
    make_again(shop, shop.source)
    work(shop, is_told)
    assert shop.row(order).lines.get().owed_quantity == 3
    assert shop.stock() == (20, 17, 17)


@IS_TOLD
@pytest.mark.parametrize("is_waiting", [True, False])
def test_an_order_of_what_its_store_has_made_again_takes_the_same_goods_from_the_source(shop, is_told, is_waiting):
    """Shopify names no variant any more for what was sold of a deleted one."""
    order = shop.north.order((0, 3), (1, 1), paid=not is_waiting)
    if is_waiting:
        work(shop, is_told)
    else:
        shop.source.fault("http", match="orderCreate", status=503, count=None)
        work(shop, is_told)
    make_again(shop, shop.north)
    work(shop, is_told)
    shop.world.calm()
    if is_waiting:
        shop.sim.pay_order(shop.north.domain, order)
    work(shop, is_told)
    shop.world.settle()
    assert (shop.row(order).state, shop.row(order).is_partial) == (State.CONFIRMED, False)
    assert [line.quantity for line in shop.copies[0].lines] == [3, 1]
    assert shop.stock() == (17, 17, 17)


def test_an_order_of_a_deleted_product_is_not_taken_for_one_that_has_only_its_title(shop):
    order = shop.north.order((0, 3), (1, 1), paid=False)
    work(shop, is_told=True)
    people.delete_product(shop.north.shop, shop.sim.clock, shop.north.variants[0].product_id)
    people.add_product(shop.north.shop, shop.sim.clock, "Product 0", [{"sku": "SKU-9"}])
    work(shop, is_told=True)
    shop.sim.pay_order(shop.north.domain, order)
    work(shop, is_told=True)
    assert (shop.row(order).state, shop.row(order).is_partial) == (State.CONFIRMED, True)
    assert [line.quantity for line in shop.copies[0].lines] == [1]
