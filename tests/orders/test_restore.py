"""After a restored backup no order is copied a second time, though the database knows of no copy."""

import io

import pytest
from django.core.management import call_command

from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.models import SyncSwitch
from syncing import sweep
from tests.support.backup import after_restore, resume_everything
from tests.support.orders.changes import copied, shipped


@pytest.mark.parametrize("knows", ["nothing of it", "that it was placed"])
@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_an_order_that_was_copied_after_the_backup_is_found_and_not_copied_again(trade, strategy, knows):
    shop, order, _ = copied(trade, (0, 2), strategy=strategy)
    if knows == "nothing of it":
        OrderImport.objects.all().delete()
    else:
        OrderImport.objects.update(
            state="planned", attempts=0, copy_gid="", copy_order_gid="", sent_at=None, confirmed_at=None
        )
    call_command("after_restore", stdout=io.StringIO())
    SyncSwitch.objects.update(is_stopped=False)
    shop.world.tick(60)
    shop.world.reconcile()
    shop.run()
    made = shop.source.shop.orders if strategy == "order" else shop.source.shop.drafts
    assert len(made) == 1
    assert OrderImport.objects.get().state == "confirmed"


def test_an_order_placed_after_the_restore_is_copied_as_ever(trade):
    shop, _, _ = copied(trade, (0, 2))
    call_command("after_restore", stdout=io.StringIO())
    SyncSwitch.objects.update(is_stopped=False)
    shop.north.order((1, 1))
    shop.run()
    assert len(shop.copies) == 2


@pytest.fixture
def drafted_before(trade):
    """A draft of 4 units that the restored database did not know of: (trade, order)."""

    def build(**choices):
        shop, order, _ = copied(trade, (0, 4), strategy="draft_order", **choices)
        OrderImport.objects.all().delete()
        after_restore()
        resume_everything()
        shop.world.tick(60)
        shop.run()
        assert OrderImport.objects.get().state == "confirmed"
        return shop, order

    return build


def test_a_draft_that_was_found_again_gives_nothing_back_when_its_reservation_ends(drafted_before):
    shop, _ = drafted_before(reserve_days=1)
    shop.world.let_pass(hours=24 - 1 / 60)
    sweep.sweep()
    shop.run()
    shop.world.tick(120)
    shop.run()
    assert shop.stock() == (20, 16, 16)
    assert max(change.after for change in shop.south.changes(0)) <= 16, "units of the draft were for sale again"


def test_a_refund_is_taken_off_a_draft_that_was_found_again(drafted_before):
    shop, order = drafted_before()
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])
    shop.run()
    assert [line.quantity for line in shop.drafts[0].lines] == [3]
    assert shop.stock() == (17, 17, 17)


def test_of_a_draft_that_was_found_again_and_is_deleted_nothing_is_offered(drafted_before):
    shop, order = drafted_before()
    shop.sim.delete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    assert shop.stock() == (20, 16, 16)
    assert shop.row(order).updates.get(kind="copy_changed").state == "needs_shop"


@pytest.mark.parametrize("how", ["backup", "lost answer"])
@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_what_the_original_gave_back_before_its_copy_was_found_is_taken_off_the_copy(trade, strategy, how):
    """The lines that are noted are older than that, and the next comparison may begin after it."""
    shop, order, _ = copied(trade, (0, 4), strategy=strategy)
    state = {"state": "planned", "attempts": 0} if how == "backup" else {"state": "sent"}
    OrderImport.objects.update(**state, copy_gid="", copy_order_gid="", sent_at=None, confirmed_at=None)
    OrderImportLine.objects.update(is_pending=True)
    after_restore()
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])
    shop.north.lose_webhooks()
    shop.world.tick(3 * 3600)
    resume_everything()  # one comparison
    for _ in range(3):
        shop.world.tick(60)
        shop.run()
    assert OrderImport.objects.get(order_gid__endswith=f"/{order.id}").state == "confirmed"
    copy = shop.copies[0] if strategy == "order" else shop.drafts[0]
    assert sum(line.quantity - getattr(line, "removed", 0) for line in copy.lines) == 3
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("knows", ["nothing of it", "that it was shipped"])
def test_a_shipment_that_was_carried_after_the_backup_is_not_carried_again(trade, knows):
    """One unit of three: two are left to ship, and a second shipment of one would find its units."""
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1}, number="A")
    shop.run()
    if knows == "nothing of it":
        OrderUpdate.objects.all().delete()
    else:
        OrderUpdate.objects.update(state="planned", attempts=0, body={}, result_gid="", sent_at=None, confirmed_at=None)
    after_restore()
    resume_everything()
    shop.world.tick(60)
    shop.world.reconcile()
    sweep.sweep()
    shop.run()
    line = order.lines[0].id
    assert shipped(order) == [({line: 1}, ["A"])]
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2}, number="B")
    shop.run()
    assert shipped(order) == [({line: 1}, ["A"]), ({line: 2}, ["B"])]


def forget_the_draft(shop, order):
    """A backup from when the order had just come in; what the original holds now is noted once more."""
    state = {"state": "planned", "attempts": 0, "draft_status": "", "reserved_until": None}
    OrderImport.objects.update(**state, copy_gid="", copy_order_gid="", sent_at=None, confirmed_at=None)
    unknown = dict.fromkeys(["original_baseline", "copy_baseline", "original_quantity", "copy_quantity"])
    left = sum(line.current_quantity for line in order.lines)
    OrderImportLine.objects.update(state="planned", is_pending=True, quantity=left, **unknown)
    after_restore()


def begin_again(shop):
    shop.north.lose_webhooks()
    shop.world.tick(3 * 3600)
    resume_everything()
    for _ in range(3):
        shop.world.tick(60)
        shop.run()


@pytest.mark.parametrize("reserve_days", [7, 0])
@pytest.mark.parametrize("left", [3, 0])
def test_a_draft_that_was_found_again_counts_by_its_own_lines(trade, left, reserve_days):
    """The restored rows know what the original holds, which lost units without the draft."""
    shop, order, _ = copied(trade, (0, 4), strategy="draft_order", reserve_days=reserve_days)
    row = {"line_item_id": order.lines[0].id, "quantity": 4 - left, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])
    forget_the_draft(shop, order)
    begin_again(shop)
    assert OrderImport.objects.get().state == "confirmed"
    assert [line.quantity for draft in shop.drafts for line in draft.lines] == ([left] if left else [])
    assert shop.stock()[1:] == (20 - left, 20 - left)


@pytest.mark.parametrize("units", [3, 6])
def test_a_draft_that_was_found_again_with_units_that_somebody_may_have_changed_is_told(trade, units):
    """Whether staff did that, or we did for an original that was edited since: nobody knows."""
    shop, order, _ = copied(trade, (0, 4), strategy="draft_order")
    draft = shop.drafts[0]
    shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[0].id: units})
    forget_the_draft(shop, order)
    begin_again(shop)
    assert [line.quantity for line in shop.drafts[0].lines] == [units]
    update = OrderUpdate.objects.get(state="needs_shop")
    assert ("Add by hand: 1 ×" if units == 3 else "Take off by hand: 2 ×") in update.reason
    assert shop.stock()[2] == 20 - max(units, 4)
