"""A draft that staff delete is told, and its units stay held back until somebody decides; one that we delete is not."""

import pytest

from orders.changes import decisions
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.shopify import gids
from syncing.connections import resuming
from tests.support.orders.changes import Kind, State, copied, settle


def drafted(trade, *lines, **choices):
    shop, order, _ = copied(trade, *lines, strategy="draft_order", **choices)
    (draft,) = shop.drafts
    return shop, order, draft


def delete(shop, draft, *, is_lost=False):
    shop.world.tick(5)
    shop.sim.delete_draft(shop.source.domain, draft)
    if is_lost:
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)


def the_row():
    return OrderUpdate.objects.get(kind=Kind.COPY_CHANGED)


def owed():
    return sum(OrderImportLine.objects.values_list("owed_quantity", flat=True))


@pytest.mark.parametrize("reserve_days", [7, 0])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_draft_that_staff_delete_needs_shop_and_is_offered_to_nobody(trade, reserve_days, is_lost):
    shop, order, draft = drafted(trade, (0, 3), (1, 1), reserve_days=reserve_days)
    delete(shop, draft, is_lost=is_lost)
    assert [shop.stock(number) for number in (0, 1)] == [(20, 17, 17), (20, 19, 19)]
    for place in (shop.north, shop.south):
        assert max(each.after for each in place.changes(0)) <= 17
    assert the_row().state == State.NEEDS_SHOP
    assert the_row().reason.startswith("The draft was deleted in the source. ")
    assert "3 × “Product 0”, 1 × “Product 1”" in the_row().reason
    assert shop.row(order).draft_status == OrderImport.DraftStatus.DELETED


@pytest.mark.parametrize("is_shipped", [False, True])
def test_the_units_of_a_deleted_draft_are_held_back_though_the_destination_shipped_its_original(trade, is_shipped):
    """The source gave none of them: they are in its stock, and sold."""
    shop, order, draft = drafted(trade, (0, 3))
    if is_shipped:
        shop.sim.fulfil(shop.north.domain, order)
    shop.north.refund(order, "RETURN" if is_shipped else "CANCEL")
    left = sum(line.current_quantity for line in order.lines)
    assert 0 < left < 3
    delete(shop, draft)
    assert owed() == left
    assert shop.stock() == (20, 20 - left, 20 - left)
    assert f"{left} × “Product 0”" in the_row().reason


def test_done_by_hand_frees_the_units_of_a_deleted_draft_once(trade):
    shop, order, draft = drafted(trade, (0, 3))
    delete(shop, draft)
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    shop.run()
    shop.world.reconcile()
    shop.run()
    assert shop.stock() == (20, 20, 20)
    assert the_row().state == State.CONFIRMED


def test_when_the_original_is_cancelled_nothing_of_a_deleted_draft_is_owed(trade):
    shop, order, draft = drafted(trade, (0, 3))
    delete(shop, draft)
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert shop.stock() == (20, 20, 20)
    assert (the_row().state, owed()) == (State.SKIPPED, 0)


def test_what_the_original_loses_is_not_owed_for_a_deleted_draft(trade):
    shop, order, draft = drafted(trade, (0, 3))
    delete(shop, draft)
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    settle(shop)
    assert shop.stock() == (20, 18, 18)
    assert (the_row().state, owed()) == (State.NEEDS_SHOP, 2)
    assert "2 × “Product 0”" in the_row().reason


def test_what_the_original_gains_after_its_draft_was_deleted_needs_shop_too(trade):
    shop, order, draft = drafted(trade, (0, 3))
    delete(shop, draft)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    settle(shop)
    shop.world.reconcile()
    settle(shop)
    assert [shop.stock(number) for number in (0, 1)] == [(20, 17, 17), (20, 18, 18)]
    edit = OrderUpdate.objects.get(kind=Kind.EDIT)
    assert edit.state == State.NEEDS_SHOP
    assert "2 × “Product 1”" in edit.reason
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    shop.run()
    assert [shop.stock(number) for number in (0, 1)] == [(20, 20, 20), (20, 20, 20)]


@pytest.mark.parametrize("how", ["cancel", "refund", "edit"])
def test_a_draft_that_we_delete_since_nothing_is_left_of_the_original_is_told_to_nobody(trade, how):
    shop, order, draft = drafted(trade, (0, 3))
    if how == "cancel":
        shop.sim.cancel(shop.north.domain, order)
    elif how == "refund":
        shop.north.refund(order, "CANCEL", 3)
    else:
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 0})
    shop.run()
    settle(shop)
    assert (shop.drafts, owed()) == ([], 0)
    assert shop.stock() == (20, 20, 20)
    assert not OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED).exists()
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


def test_a_deleted_draft_costs_no_read_once_it_was_compared(trade):
    shop, order, draft = drafted(trade, (0, 3))
    delete(shop, draft)
    shop.world.reconcile()
    shop.run()
    shop.world.mark()
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert the_row().state == State.NEEDS_SHOP
    assert shop.source.count("draftOrder") == shop.north.count("order") == 0


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_draft_that_cannot_be_read_keeps_no_other_from_being_seen_and_is_offered_to_nobody(trade, is_deleted):
    """Webhooks are lost: of a draft that staff deleted the reconciliation alone tells, whatever ails its neighbour."""
    shop, order, unread = drafted(trade, (0, 3))
    shop.north.order((1, 2))
    shop.run()
    gone = next(draft for draft in shop.drafts if draft is not unread)
    shop.source.fault("internal_error_before", match="any_query", count=None, naming=gids.gid("DraftOrder", unread.id))
    shop.world.tick(5)
    for draft in (gone, unread) if is_deleted else (gone,):
        shop.sim.delete_draft(shop.source.domain, draft)
    shop.source.lose_webhooks()
    shop.world.reconcile(tries=1)
    shop.world.work(tries=1)
    assert (shop.stock(1), shop.row(order).draft_status) == ((20, 18, 18), "open")
    for place in (shop.north, shop.south):
        assert max(each.after for each in place.changes(0)) <= 17
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    shop.run()
    assert shop.stock() == ((20, 17, 17) if is_deleted else (17, 17, 17))


def test_open_drafts_are_read_many_at_a_time(trade):
    shop, *_ = drafted(trade, (0, 1))
    for _ in range(3):
        shop.north.order((0, 1))
    shop.run()
    shop.source.shop.request_log.clear()
    shop.world.reconcile()
    asked = [entry["fields"] for entry in shop.source.shop.request_log]
    assert not [fields for fields in asked if "draftOrder" in fields]
