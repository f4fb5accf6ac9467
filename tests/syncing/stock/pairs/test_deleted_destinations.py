"""Two-way, a product that its destination deletes: what was sold of it there before, as far as it was told, is sold."""

import pytest

from stores.models import Connection
from stores.shopify import gids
from syncing.models import StockLink
from syncing.queue import enqueue
from tests.simulator.events import merchant as people

TOLD = pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])


@pytest.fixture
def two(pair):
    return pair("two_way", destinations=2)


@pytest.fixture
def sold(two, is_told):
    """North has sold 3 of item 0, which is known, and then deleted its product; nothing was carried."""
    sell_and_delete(two, is_told)
    return two


def sell_and_delete(world, is_told) -> None:
    """In one lot of webhooks; or the source did not answer since before the sale, and nobody told of the deletion."""
    source, north, _ = world.places
    if not is_told:
        source.fault("http", match="any", status=503, count=None)
        source.buy(1, 1)
        north.buy(1, 1)
        world.follow()
    north.buy(0, 3)
    world.deliver() if is_told else world.follow()
    people.delete_product(north.shop, world.sim.clock, north.variants[0].product_id)
    if not is_told:
        north.lose_webhooks()
        enqueue.match_product(north.store, gids.gid("Product", north.variants[0].product_id))
        world.work()


def end(world) -> None:
    """Webhooks, the daily matching and the hourly comparison have done all they lead to."""
    world.follow()
    world.calm()
    world.let_pass(25)
    world.sweep()
    world.settle()
    world.follow()


@TOLD
def test_what_was_sold_and_not_carried_yet_is_taken_from_the_source_once(sold):
    end(sold)
    source, _, south = sold.places
    assert (source.available(), south.available()) == (17, 17)
    assert not StockLink.objects.exclude(ending="").exists()


@TOLD
def test_what_the_source_sold_as_well_is_written_to_nobody_who_is_gone(sold):
    source, _, south = sold.places
    source.buy(0, 2)
    end(sold)
    assert (source.available(), south.available()) == (15, 15)


@TOLD
def test_the_units_that_were_left_in_it_go_with_it(two, is_told):
    source, north, south = two.places
    people.delete_product(north.shop, two.sim.clock, north.variants[0].product_id)
    if not is_told:
        north.lose_webhooks()
    end(two)
    assert (source.available(), south.available()) == (20, 20)


@TOLD
@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
def test_what_is_made_again_in_its_place_begins_with_what_was_sold(two, is_told, alignment):
    source, north, south = two.places
    Connection.objects.update(alignment=alignment)
    sell_and_delete(two, is_told)
    made = {"sku": "SKU-0", "stock": dict.fromkeys(north.location_ids, 17)}
    product = people.add_product(north.shop, two.sim.clock, "Product 0", [made])
    end(two)
    north.variants[0] = north.shop.variants[product.variant_ids[0]]
    assert [place.available() for place in two.places] == [17, 17, 17]
