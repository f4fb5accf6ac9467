"""“Unpublish if it was ever ordered, else delete”: deleted is only what certainly nobody ordered, and not at once."""

import pytest

from stores.models import Connection, ProductLink, VariantLink
from stores.shopify import gids, ordered
from syncing.queue import enqueue, jobs
from tests.simulator.wire import auth
from tests.support.catalogue.showroom import Showroom
from tests.syncing.catalogue.products.test_matched_for_all import rows, stock_only, units, wired


@pytest.fixture
def room(showroom) -> Showroom:
    """A destination whose lamp follows, on all channels."""
    room = showroom(unlink="if_ordered")
    room.set(publication_gids=room.channels())
    room.gid = room.add("Lamp", stock=4)
    room.world.follow()
    return room


def sell(room: Showroom):
    """Somebody buys the lamp in the destination."""
    product = room.destination.shop.products[gids.number(room.there("lamp").gid)]
    return room.sim.buy(room.destination.domain, product.variant_ids[0], 1)


def leave(room: Showroom, hours: float = 25) -> ProductLink:
    """The source deletes it, and time passes."""
    room.delete(room.gid)
    room.world.follow()
    room.world.let_pass(hours)
    room.sweep()
    return room.link(room.gid)


def test_what_nobody_ever_ordered_is_unpublished_at_once_and_deleted_a_day_later(room):
    link = leave(room, hours=23)
    assert (link.unlink_done, room.handles(), room.there("lamp").publication_gids) == ("undecided", ["lamp"], ())
    room.world.let_pass(2)
    room.sweep()
    link.refresh_from_db()
    assert (link.unlink_done, room.handles()) == ("deleted", [])
    assert "nobody ever ordered it" in link.reason


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_was_ordered_stays_also_if_the_order_was_cancelled(room, is_cancelled):
    order = sell(room)
    if is_cancelled:
        room.sim.cancel(room.destination.domain, order)
    link = leave(room)
    assert (link.unlink_done, room.handles()) == ("unpublished", ["lamp"])
    assert "It was ordered." in link.reason


def test_what_was_ordered_after_it_was_taken_off_sale_stays(room):
    Connection.objects.update(ending="leave")  # else there is nothing to sell
    room.delete(room.gid)
    room.world.follow()
    room.world.let_pass(2)
    sell(room)
    room.world.let_pass(23)
    room.sweep()
    assert room.handles() == ["lamp"]


def test_an_order_of_something_else_does_not_keep_it(room):
    other = room.add("Chair", room.destination, stock=4)
    product = room.destination.shop.products[gids.number(other)]
    room.sim.buy(room.destination.domain, product.variant_ids[0], 1)
    leave(room)
    assert room.handles() == ["chair"]


def test_an_app_that_sees_only_the_orders_of_60_days_deletes_nothing_and_says_why(room):
    shop = room.destination.shop
    [client_id] = shop.apps
    auth.set_scopes(shop, client_id, shop.apps[client_id].scopes - {"read_all_orders"})
    link = leave(room)
    assert (link.unlink_done, room.handles()) == ("unpublished", ["lamp"])
    assert "read_all_orders" in link.reason


def test_more_orders_than_can_be_looked_through_are_a_doubt(room, monkeypatch):
    monkeypatch.setattr(ordered, "MOST_ORDERS", 1)
    other = room.add("Chair", room.destination, stock=4)
    product = room.destination.shop.products[gids.number(other)]
    for _ in range(2):
        room.sim.buy(room.destination.domain, product.variant_ids[0], 1)
    assert "More than 1 orders" in leave(room).reason
    assert room.handles() == ["chair", "lamp"]


def test_what_comes_back_within_the_day_follows_again_and_is_not_deleted(showroom):
    room = showroom(unlink="if_ordered", selected_tags=["keep"])
    gid = room.add("Lamp", tags=["keep"])
    room.world.follow()
    room.change(gid, tags=["other"])
    room.world.follow()
    assert room.link(gid).unlink_done == "undecided"
    room.change(gid, tags=["keep"])
    room.world.follow()
    room.world.let_pass(25)
    room.sweep()
    assert (room.link(gid).state, room.handles()) == ("linked", ["lamp"])


def test_what_somebody_chose_otherwise_about_meanwhile_stays(room):
    room.delete(room.gid)
    room.world.follow()
    room.set(unlink="nothing")
    room.world.let_pass(25)
    room.sweep()
    assert (room.link(room.gid).unlink_done, room.handles()) == ("unpublished", ["lamp"])


def test_an_answer_that_is_lost_is_asked_for_again(room):
    room.delete(room.gid)
    room.world.follow()
    room.world.let_pass(25)
    room.destination.fault("lost_answer", match="productDelete")
    room.sweep()
    assert (room.link(room.gid).unlink_done, room.handles()) == ("deleted", [])


def test_a_worker_that_dies_before_any_effect_deletes_it_once_in_the_end(room):
    room.delete(room.gid)
    room.world.follow()
    room.world.let_pass(25)
    deaths = 0
    for effect in range(2, 24, 2):
        with room.world.worker_that_dies(effect) as countdown:
            enqueue.delete_unordered(room.connection)
            room.world.work(tries=jobs.MAX_ATTEMPTS)  # each death counts as one, and the next retry is still to come
        deaths += countdown.is_over
    room.sweep()
    room.world.work(tries=jobs.MAX_ATTEMPTS)
    assert (room.link(room.gid).unlink_done, room.handles()) == ("deleted", [])
    assert 4 < deaths < jobs.MAX_ATTEMPTS


def test_what_a_worker_deleted_as_it_died_is_noted_by_the_next(room):
    room.delete(room.gid)
    room.world.follow()
    room.world.let_pass(25)
    with room.world.worker_that_dies() as countdown:
        room.world.meanwhile("productDelete", countdown.now, after=True)
        enqueue.delete_unordered(room.connection)
        room.world.work()
    assert (countdown.is_over, room.handles(), room.link(room.gid).unlink_done) == (True, [], "undecided")
    room.sweep()
    assert room.link(room.gid).unlink_done == "deleted"
    assert room.link(room.gid).reason == "It was unpublished, and deleted later: nobody ever ordered it."


def test_a_partner_that_is_deleted_a_day_later_frees_its_identifier_for_another_source(showroom):
    room = showroom(identifier="sku", unlink="if_ordered")
    second = room.world.add_store("second", "source", items=0)
    other = stock_only(room, second, room.destination, "one_way")
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.world.follow()
    twin = room.add("Twin", room.destination, variants=rows("L-1", 1, room.destination))
    room.add("Stool", second, variants=rows("L-1", 9, second))
    room.delete(gid)
    room.world.follow()
    assert VariantLink.objects.get(connection=other).state == "ambiguous"
    room.world.let_pass(25)
    enqueue.delete_unordered(room.connection)
    room.world.work()  # before anybody hears of it by a webhook
    assert room.handles() == ["twin"]
    assert [state for _, state in wired(other)] == ["in_step"]
    assert units(room.destination, twin) == 9
