"""Two sources on one destination: each copy has its own lines, what nobody has goes to one, the sums are the whole."""

from decimal import Decimal

import pytest

from orders import decisions
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderSplit
from stores.models import VariantLink
from stores.shopify import gids
from syncing import sweep
from syncing.queue import enqueue
from tests.support.orders.sources import Sources
from tests.support.orders.trade import total_of

State, LineState = OrderImport.State, OrderImportLine.State
SETTINGS = ["leave_out", "custom", "hold"]


@pytest.fixture
def sources(world):
    return lambda *given, **choices: Sources.open(world, *given, **choices)


def units(copy) -> dict[int, int]:
    return {line.variant_id: line.quantity for line in copy.lines if line.variant_id}


@pytest.mark.parametrize("unlinked", SETTINGS)
def test_an_order_of_two_sources_costs_34_90_together_and_no_copy_is_partial(sources, unlinked):
    shop = sources(unlinked=unlinked)
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), shipping="4.90")
    shop.run()
    rows = [shop.row(0, order), shop.row(1, order)]
    assert [(row.state, row.is_partial) for row in rows] == [(State.CONFIRMED, False)] * 2
    assert shop.totals() == [[Decimal("11.63")], [Decimal("23.27")]]
    assert units(shop.copies(0)[0]) == {shop.sources[0].variants[0].id: 1}
    assert units(shop.copies(1)[0]) == {shop.sources[1].variants[0].id: 2}
    assert [line.state for line in rows[0].lines.all()] == [LineState.CARRIED, LineState.ELSEWHERE]
    assert [shop.north.available(n) for n in (0, 2)] == [19, 18]
    assert [shop.sources[n].available(0) for n in (0, 1)] == [19, 18]


@pytest.mark.parametrize(("unlinked", "partial"), [("leave_out", [True, False]), ("custom", [False, False])])
def test_what_nobody_carries_goes_to_exactly_one_copy(sources, unlinked, partial):
    shop = sources(unlinked=unlinked)
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "7.00"), shipping="4.90")
    shop.run()
    assert [shop.row(n, order).is_partial for n in (0, 1)] == partial
    whole = Decimal("41.90") if unlinked == "custom" else Decimal("34.90")
    assert sum(cost for costs in shop.totals() for cost in costs) == whole
    assert len(shop.copies(0)[0].lines) == (2 if unlinked == "custom" else 1)
    assert len(shop.copies(1)[0].lines) == 1


def test_an_order_that_is_held_for_a_link_keeps_only_the_main_sources_copy_waiting(sources):
    shop = sources(unlinked="hold")
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "10.00"), shipping="4.00")
    shop.run()
    assert (shop.row(0, order).state, shop.row(0, order).waits_for) == (State.WAITING, "links")
    assert shop.totals() == [[], [Decimal("22.00")]]
    spare = shop.sources[0].store.variants.order_by("pk")[1]
    other = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(source_variant=spare).update(destination_variant=other, state="linked")
    sweep.sweep()
    shop.world.work()
    assert shop.totals() == [[Decimal("22.00")], [Decimal("22.00")]]


def test_the_main_source_is_a_choice_and_there_is_one_of_it(sources):
    shop = sources()
    first, second = (OrderSettings.of(connection) for connection in shop.connections)
    first.is_main = True
    first.save()
    second.is_main = True
    second.save()
    assert list(OrderSettings.objects.filter(is_main=True)) == [second]
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "7.00"))
    shop.run()
    assert [shop.row(n, order).is_partial for n in (0, 1)] == [False, True]


def test_without_a_line_of_the_main_source_the_other_copy_has_what_nobody_carries(sources):
    shop = sources()
    order = shop.place((2, 2, "10.00"), (shop.foreign, 1, "7.00"), shipping="4.90")
    shop.run()
    assert (shop.row(0, order).state, shop.row(1, order).is_partial) == (State.SKIPPED, True)
    assert shop.row(0, order).failure == ""
    assert "Beta" in shop.row(0, order).reason
    assert shop.totals() == [[], [Decimal("24.90")]]


def test_shipping_may_go_whole_to_the_main_source(sources):
    shop = sources(shares_charges="main")
    shop.place((0, 1, "10.00"), (2, 2, "10.00"), shipping="4.90")
    shop.run()
    assert shop.totals() == [[Decimal("14.90")], [Decimal("20.00")]]


def test_shipments_of_a_copy_ship_its_own_lines_and_both_together_all(sources):
    shop = sources()
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"))
    shop.run()
    shop.sim.fulfil(shop.sources[0].domain, shop.copies(0)[0])
    shop.run()
    assert [made.lines for made in order.fulfillments] == [{order.lines[0].id: 1}]
    shop.sim.fulfil(shop.sources[1].domain, shop.copies(1)[0])
    shop.run()
    assert [made.lines for made in order.fulfillments] == [{order.lines[0].id: 1}, {order.lines[1].id: 2}]


def test_a_refund_reaches_the_copy_that_holds_the_line_and_a_cancellation_both(sources):
    shop = sources()
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"))
    shop.run()
    row = {"line_item_id": order.lines[1].id, "quantity": 1, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])
    shop.run()
    assert [shop.copies(n)[0].lines[0].current_quantity for n in (0, 1)] == [1, 1]
    assert [shop.sources[n].available(0) for n in (0, 1)] == [19, 19]
    shop.sim.cancel(shop.north.domain, order)
    shop.world.settle()
    assert [shop.sources[n].available(0) for n in (0, 1)] == [20, 20]
    assert all(shop.copies(n)[0].cancelled_at for n in (0, 1))


def test_a_division_stays_once_a_copy_was_sent_whatever_is_linked_later(sources):
    shop = sources()
    shop.sources[1].fault("http", match="orderCreate", status=503, count=None)
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "30.00"), shipping="4.90")
    shop.world.deliver()
    shop.world.work(tries=1)
    assert shop.totals() == [[Decimal("11.63")], []]
    links = VariantLink.objects.filter(connection=shop.connections[1], destination_variant__isnull=False)
    moved, spare = links.order_by("pk")
    there = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(pk=spare.pk).update(destination_variant=there)
    shop.world.calm()
    shop.world.settle()
    # The third product, which the first copy left out, comes with the second copy; shipping is in both as before.
    assert shop.totals() == [[Decimal("11.63")], [Decimal("53.27")]]
    assert moved.pk != spare.pk and OrderSplit.objects.get().order_gid == gids.gid("Order", order.id)


def test_a_line_that_one_copy_holds_is_never_in_a_second_one(sources):
    shop = sources(unlinked="custom")
    shop.sources[1].fault("http", match="orderCreate", status=503, count=None)
    shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "30.00"))
    shop.world.deliver()
    shop.world.work(tries=1)
    spare = VariantLink.objects.filter(connection=shop.connections[1]).order_by("pk")[1]
    there = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(pk=spare.pk).update(destination_variant=there)
    shop.world.calm()
    shop.world.settle()
    assert shop.totals() == [[Decimal("40.00")], [Decimal("20.00")]]


def test_links_that_change_while_both_are_mapped_divide_the_order_anew(sources):
    shop = sources()
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "30.00"))
    spare = VariantLink.objects.filter(connection=shop.connections[1]).order_by("pk")[1]
    there = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(pk=spare.pk).update(destination_variant=there)
    shop.run()
    assert shop.totals() == [[Decimal("10.00")], [Decimal("50.00")]]
    assert not shop.row(0, order).is_partial


def test_one_source_that_is_down_keeps_the_others_copy_from_nothing(sources):
    shop = sources()
    shop.sources[0].fault("http", match="any", status=503, count=None)
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), shipping="4.90")
    shop.world.deliver()
    shop.world.work(tries=1)
    assert shop.totals() == [[], [Decimal("23.27")]]
    shop.world.calm()
    shop.world.settle()
    assert shop.totals() == [[Decimal("11.63")], [Decimal("23.27")]]
    assert shop.row(0, order).state == State.CONFIRMED


def test_drafts_of_two_sources_cost_the_whole_and_keep_their_shares_when_units_are_refunded(sources):
    shop = sources(strategy="draft_order", unlinked="custom")
    order = shop.place((0, 3, "10.00"), (2, 2, "10.00"), shipping="5.00")
    shop.run()
    drafts = [list(source.shop.drafts.values()) for source in shop.sources]
    assert [len(found[0].lines) for found in drafts] == [1, 1]
    assert [shop.row(n, order).copy_total for n in (0, 1)] == [Decimal("33.00"), Decimal("22.00")]
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])
    shop.run()
    assert [[line.quantity for line in found[0].lines] for found in drafts] == [[2], [2]]


def test_import_again_of_one_of_them_makes_no_second_copy(sources):
    shop = sources()
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"))
    shop.run()
    assert not decisions.import_again(shop.row(0, order))
    enqueue.import_order(shop.connections[0], gids.gid("Order", order.id))
    shop.run()
    assert [len(costs) for costs in shop.totals()] == [1, 1]


def test_a_source_that_begins_later_takes_no_part_of_a_shipping_that_is_in_a_copy_already(sources):
    shop = sources()
    type(shop.connections[1]).objects.filter(pk=shop.connections[1].pk).update(state="ready")
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), shipping="4.90")
    shop.run()
    assert shop.totals() == [[Decimal("14.90")], []]
    type(shop.connections[1]).objects.filter(pk=shop.connections[1].pk).update(state="running")
    for connection in shop.connections:
        connection.refresh_from_db()
    shop.world.settle()
    assert shop.row(1, order).state == State.CONFIRMED
    assert shop.totals() == [[Decimal("14.90")], [Decimal("20.00")]]


@pytest.mark.parametrize("effect", range(1, 87, 7))
def test_a_worker_that_is_killed_before_any_effect_divides_the_order_as_any_other(sources, effect):
    shop = sources()
    order = shop.place((0, 1, "10.00"), (2, 2, "10.00"), (shop.foreign, 1, "7.00"), shipping="4.90")
    shop.world.deliver()
    with shop.world.worker_that_dies(effect):
        shop.world.work(tries=1)
    shop.world.settle()
    assert shop.totals() == [[Decimal("11.63")], [Decimal("23.27")]]
    assert [shop.row(n, order).is_partial for n in (0, 1)] == [True, False]
    assert [shop.sources[n].available(0) for n in (0, 1)] == [19, 18]


@pytest.mark.parametrize("is_told", [True, False])
def test_the_first_goods_of_a_source_that_an_edit_adds_are_copied_there(sources, is_told):
    shop = sources()
    order = shop.place((2, 2, "10.00"), shipping="4.90")
    shop.run()
    assert shop.row(0, order).state == State.SKIPPED  # all of it is the other source's
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[0].id, 3)])
    if not is_told:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    shop.world.settle()
    assert shop.row(0, order).state == State.CONFIRMED
    assert [units(copy) for copy in shop.copies(0)] == [{shop.sources[0].variants[0].id: 3}]
    assert [units(copy) for copy in shop.copies(1)] == [{shop.sources[1].variants[0].id: 2}]
    assert [shop.north.available(0), shop.sources[0].available(0)] == [17, 17]
    assert sum(map(sum, shop.totals())) == total_of(order)
    assert max(change.after for change in shop.north.changes(0)) <= 17 or not is_told


def test_what_was_given_up_is_not_begun_again_by_an_edit(sources):
    shop = sources()
    order = shop.place((2, 2, "10.00"))
    shop.run()
    OrderImport.objects.filter(pk=shop.row(0, order).pk).update(late_links=OrderImport.LateLinks.ENDED)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[0].id, 3)])
    shop.run()
    assert shop.row(0, order).state == State.SKIPPED
