"""A copy takes its units from the location that stands for the one that sold, once, whatever goes wrong."""

from functools import partial

import pytest

from orders.models import OrderImport, OrderSettings, OrderUpdate
from syncing import sweep
from tests.support.orders.trade import Trade

State = OrderImport.State


@pytest.fixture
def rooms(world):
    """Two rooms in each store, mapped one to one; Shopify routes orders of the source to the first."""

    def build(strategy="order", **choices):
        source = world.add_store("source", "source", 2, 20, locations=2)
        north = world.add_store("north", "destination", 2, 20, locations=2)
        connection = world.connect(source, north, strategy)
        settings = OrderSettings.objects.create(connection=connection, **choices)
        world.work()
        world.mark()
        return Trade(world, source, north, north, connection, settings)

    return build


def levels(shop, number=0):
    return [[place.available(number, at) for at in (0, 1)] for place in (shop.source, shop.north)]


def sold_at(shop, room, quantity=5, number=0):
    return shop.north.buy(number, quantity, at=room)


def settled(shop):
    shop.run()
    shop.world.settle()


def moves(shop):
    return shop.source.count("fulfillmentOrderMove")


def test_what_was_sold_at_room_1_is_taken_from_room_1(rooms):
    shop = rooms()
    order = sold_at(shop, 1)
    settled(shop)
    assert levels(shop) == [[20, 15], [20, 15]]
    row = shop.row(order)
    assert (row.state, row.place, row.notes, moves(shop)) == (State.CONFIRMED, "done", "", 1)


def test_what_was_sold_where_shopify_routes_it_is_not_moved(rooms):
    shop = rooms()
    sold_at(shop, 0)
    settled(shop)
    assert levels(shop) == [[15, 20], [15, 20]]
    assert moves(shop) == 0


def test_it_is_a_choice(rooms):
    shop = rooms(follows_place=False)
    order = sold_at(shop, 1)
    settled(shop)
    assert (moves(shop), shop.row(order).place) == (0, "")


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("reserve_days", [7, 0])
def test_the_order_that_a_draft_becomes_takes_its_units_where_they_were_sold(rooms, reserve_days, is_lost):
    shop = rooms("draft_order", reserve_days=reserve_days)
    order = sold_at(shop, 1)
    settled(shop)
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    if is_lost:
        shop.source.lose_webhooks()
        shop.world.reconcile()
        sweep.sweep()
    settled(shop)
    assert levels(shop) == [[20, 15], [20, 15]]
    assert (shop.row(order).place, moves(shop)) == ("done", 1)


def test_what_a_draft_became_stays_where_it_is_without_that_choice(rooms):
    shop = rooms("draft_order", follows_place=False)
    order = sold_at(shop, 1)
    settled(shop)
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    settled(shop)
    assert (moves(shop), shop.row(order).place) == (0, "")


@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_lost_answer_moves_once(rooms, how):
    shop = rooms()
    shop.source.fault("lost_answer", match="fulfillmentOrderMove", how=how)
    sold_at(shop, 1)
    shop.run()
    shop.world.let_pass(hours=0.5)
    settled(shop)
    assert levels(shop) == [[20, 15], [20, 15]]
    assert moves(shop) == 1


def test_a_move_that_is_carried_out_late_is_not_made_twice(rooms):
    shop = rooms()
    shop.source.fault("late_execution", match="fulfillmentOrderMove", seconds=20)
    sold_at(shop, 1)
    shop.run()
    shop.world.let_pass(hours=0.5)
    settled(shop)
    assert levels(shop) == [[20, 15], [20, 15]]
    assert moves(shop) == 1


@pytest.mark.parametrize("effect", range(1, 17))
def test_a_worker_that_is_killed_between_copy_and_move_moves_once(rooms, effect):
    shop = rooms()
    sold_at(shop, 1)
    shop.world.deliver()
    killed = []

    def die():
        killed.append(True)

    shop.world.meanwhile("orderCreate", die, after=True)
    with shop.world.worker_that_dies() as countdown:
        shop.world.meanwhile("orderCreate", lambda: setattr(countdown, "left", effect), after=True)
        shop.world.work(tries=1)
    shop.world.let_pass(hours=0.5)
    sweep.sweep()
    settled(shop)
    assert killed
    assert levels(shop) == [[20, 15], [20, 15]]
    assert (len(shop.copies), moves(shop)) == (1, 1)


def test_a_move_that_is_refused_is_told_and_the_copy_stays(rooms):
    shop = rooms()
    scopes = shop.source.shop.apps["tiposync"].scopes
    shop.sim.set_scopes(shop.source.domain, set(scopes) - {"write_merchant_managed_fulfillment_orders"})
    order = sold_at(shop, 1)
    settled(shop)
    row = shop.row(order)
    assert (row.state, row.place) == (State.CONFIRMED, "done")
    assert "location that sold" in row.notes


@pytest.mark.parametrize("how", [None, "close"])
def test_what_an_edit_adds_is_taken_from_the_room_that_sold_it(rooms, how):
    shop = rooms()
    order = sold_at(shop, 1, quantity=1)
    settled(shop)
    if how:
        shop.source.fault("lost_answer", match="fulfillmentOrderMove", how=how)
    add = {"variant_id": shop.north.variants[1].id, "quantity": 2, "location_id": shop.north.location_ids[1]}
    shop.sim.edit_order(shop.north.domain, order, add=[add], quantities={order.lines[0].id: 3})
    shop.run()
    shop.world.let_pass(hours=0.5)
    sweep.sweep()
    settled(shop)
    assert [levels(shop, number) for number in (0, 1)] == [[[20, 17], [20, 17]], [[20, 18], [20, 18]]]
    assert shop.row(order).place == "done"


def test_what_staff_moved_elsewhere_since_stays_there_when_an_edit_adds_units(rooms):
    shop = rooms()
    order = sold_at(shop, 1, quantity=1)
    settled(shop)
    shop.sim.move_order(shop.source.domain, shop.copies[0], shop.source.location_ids[0])
    shop.run()
    add = {"variant_id": shop.north.variants[1].id, "quantity": 2, "location_id": shop.north.location_ids[1]}
    shop.sim.edit_order(shop.north.domain, order, add=[add])
    settled(shop)
    assert [levels(shop, number)[0] for number in (0, 1)] == [[19, 20], [20, 18]]


def test_a_worker_that_dies_after_an_edit_was_made_has_its_units_moved_by_the_next(rooms):
    shop = rooms()
    for effect in (1, 3, 6):
        shop.world.begin_again()
        order = sold_at(shop, 1, quantity=1)
        settled(shop)
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 3})
        shop.world.deliver()
        with shop.world.worker_that_dies() as countdown:
            shop.world.meanwhile("orderEditCommit", partial(setattr, countdown, "left", effect), after=True)
            shop.world.work(tries=1)
        assert countdown.is_over
        shop.world.let_pass(hours=0.5)
        sweep.sweep()
        settled(shop)
        assert levels(shop) == [[20, 17], [20, 17]], effect


def handed_over(shop, room=1, units=5):
    """Sold over the counter of this room, and handed over."""
    order = shop.north.order((0, units), counter=shop.north.location_ids[room])
    shop.sim.fulfil(shop.north.domain, order)
    return order


@pytest.mark.parametrize("fulfilled_at", ["routed", "location"])
@pytest.mark.parametrize("strategy", ["order", "draft_order"])
@pytest.mark.parametrize("how", ["", "close", "late_execution"])
def test_a_counter_sale_is_fulfilled_where_it_was_handed_over_once(rooms, strategy, how, fulfilled_at):
    shop = rooms(strategy, fulfils_counter_sales=True)
    shop.source.shop.knobs.fulfilled_at = fulfilled_at
    if how:
        kind = {"how": how} if how == "close" else {"seconds": 20}
        shop.source.fault("lost_answer" if how == "close" else how, match="fulfillmentCreate", **kind)
    order = handed_over(shop)
    settled(shop)
    if strategy == "draft_order":
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        settled(shop)
    if how:
        shop.world.let_pass(hours=0.5)
        settled(shop)
    (copy,) = shop.copies
    assert [(made.location_id, made.lines) for made in copy.fulfillments] == [
        (shop.source.location_ids[1], {copy.lines[0].id: 5})
    ]
    assert levels(shop) == [[20, 15], [20, 15]]
    assert (len(order.fulfillments), shop.row(order).place, shop.source.shop.mails) == (1, "done", [])
    updates = OrderUpdate.objects.exclude(state__in=("confirmed", "skipped"))
    assert not updates.exists()


@pytest.mark.parametrize(("is_chosen", "counter"), [(False, 1), (True, None)])
def test_a_sale_that_nobody_chose_or_that_was_no_counter_sale_stays_open(rooms, is_chosen, counter):
    shop = rooms(fulfils_counter_sales=is_chosen)
    if counter is None:
        shop.sim.fulfil(shop.north.domain, sold_at(shop, 1))
    else:
        handed_over(shop)
    settled(shop)
    (copy,) = shop.copies
    assert not copy.fulfillments and levels(shop) == [[20, 15], [20, 15]]


def test_a_counter_sale_that_cannot_be_fulfilled_is_told(rooms):
    shop = rooms(fulfils_counter_sales=True, follows_place=False)
    scopes = shop.source.shop.apps["tiposync"].scopes
    shop.sim.set_scopes(shop.source.domain, set(scopes) - {"write_merchant_managed_fulfillment_orders"})
    order = handed_over(shop)
    settled(shop)
    assert "do not ship it again" in shop.row(order).notes and "Already shipped" in shop.copies[0].tags


def test_somebody_who_moved_it_first_has_done_it(rooms):
    shop = rooms()
    order = sold_at(shop, 1)
    shop.world.deliver()

    def move():
        (copy,) = shop.copies
        shop.sim.move_order(shop.source.domain, copy, shop.source.location_ids[1])

    shop.world.meanwhile("orderCreate", move, after=True)
    settled(shop)
    assert levels(shop) == [[20, 15], [20, 15]]
    assert (moves(shop), shop.row(order).place) == (0, "done")
