"""One item that Shopify has a fault of its own with is no trouble of its store: all the others go on."""

from syncing.models import Reconciliation, StockLevel
from syncing.queue import enqueue
from tests.syncing.stock.test_store_in_trouble import let_minutes_pass


def spoil(place, number, match):
    """Whatever names this item is answered with 200 and INTERNAL_SERVER_ERROR."""
    gid = f"gid://shopify/InventoryItem/{place.item(number)}"
    place.fault("internal_error_before", match=match, naming=gid, count=None)


def test_an_item_that_cannot_be_read_makes_no_store_rest(pair):
    world = pair(items=20)
    source, north = world.places
    StockLevel.objects.filter(store=north.store).update(is_doubtful=True)
    spoil(north, 2, "nodes")
    for number in range(20):
        source.buy(number, 1)
    let_minutes_pass(world, 4)
    assert [north.available(number) for number in range(20)] == [20 if number == 2 else 19 for number in range(20)]
    world.sim.faults(north.shop).clear()
    let_minutes_pass(world, 12)
    assert [place.available(2) for place in world.places] == [19, 19]


def test_a_comparison_goes_on_without_an_item_that_cannot_be_read(pair):
    world = pair(items=20)
    source, north = world.places
    spoil(north, 2, "nodes")
    source.buy(5, 1)
    world.deliver()
    north.lose_webhooks()
    source.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    let_minutes_pass(world, 4)
    assert Reconciliation.objects.latest("pk").state == Reconciliation.State.DONE
    assert [place.available(5) for place in world.places] == [19, 19]


def test_items_that_cannot_be_stocked_keep_no_other_from_being_carried(pair):
    world = pair(items=6)
    source, north = world.places
    for number in (0, 1, 3):
        spoil(north, number, "inventoryActivate")
        north.leave(number)
    north.leave(5)
    source.buy(4, 1)
    source.buy(5, 1)
    let_minutes_pass(world, 4)
    assert [north.available(number) for number in (2, 4, 5)] == [20, 19, 19]
    world.sim.faults(north.shop).clear()
    let_minutes_pass(world, 12)
    assert [north.available(number) for number in range(6)] == [20, 20, 20, 20, 19, 19]
