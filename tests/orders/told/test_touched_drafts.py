"""Units that staff change in an open draft: what the original holds besides is held back, and people are told."""

import pytest

from orders.changes import decisions
from orders.models import OrderUpdate
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.webhooks import inbox, topics
from tests.orders.changes.test_draft_refunds import drafted, refunded, units
from tests.support.orders.changes import Kind, State

__all__ = ["drafted"]
RESERVED = [pytest.param(7, id="reserved"), pytest.param(0, id="not reserved")]


@pytest.fixture(params=RESERVED)
def touched(drafted, request):
    """Somebody gives an open draft of 4 units so many; by its webhook, or without: (trade, order, draft)."""

    def build(left: int, *, is_lost: bool = False):
        shop, order, draft = drafted((0, 4), reserve_days=request.param)
        change(shop, draft, left, is_lost=is_lost)
        return shop, order, draft

    return build


def change(shop, draft, left, *, is_lost=False):
    shop.world.tick(2)
    shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[0].id: left})
    if is_lost:
        lost = [each for each in shop.sim.deliveries(shop.source.domain) if each.topic.lower().startswith("draft")]
        assert lost
        shop.sim.drop(shop.source.domain, lost)
        reconcile(shop)
    shop.run()


def reconcile(shop):
    for connection in shop.world.connections:
        enqueue.reconcile(connection, trigger="schedule")
    shop.run()


def told():
    waiting = OrderUpdate.objects.filter(state__in=(State.NEEDS_SHOP, State.FAILED))
    return [(update.kind, update.body.get("differs")) for update in waiting]


def line_of(order):
    return f"gid://shopify/LineItem/{order.lines[0].id}"


@pytest.mark.parametrize("is_lost", [False, True], ids=["webhook", "lost"])
@pytest.mark.parametrize("left", [3, 5])
def test_it_is_told_and_nothing_that_was_sold_is_offered(touched, left, is_lost):
    shop, order, _ = touched(left, is_lost=is_lost)
    assert told() == [(Kind.COPY_CHANGED, {line_of(order): left - 4})]
    words = OrderUpdate.objects.get().reason
    assert "Done by hand" in words and "Apply to the original" not in words
    assert shop.stock()[1:] == (20 - max(left, 4),) * 2


def test_a_line_that_staff_take_out_is_held_back_whole(drafted):
    shop, order, draft = drafted((0, 4), (1, 2))
    shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[0].id: 0})
    shop.run()
    assert told() == [(Kind.COPY_CHANGED, {line_of(order): -4})]
    assert shop.stock()[1:] == (16, 16)


def test_once_both_hold_the_same_again_nobody_is_needed(touched):
    shop, _, draft = touched(3)
    change(shop, draft, 4)
    assert told() == [] and shop.stock()[1:] == (16, 16)
    assert OrderUpdate.objects.get().state == State.SKIPPED


def test_what_the_original_loses_too_is_agreed(touched):
    shop, order, draft = touched(3)
    refunded(shop, order)
    shop.run()
    assert told() == [] and units(draft) == [3]
    assert shop.stock()[1:] == (17, 17)


def test_the_order_that_it_becomes_tells_of_the_same_once(touched):
    shop, order, draft = touched(3)
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    assert [line.quantity for line in made.lines] == [3]
    assert told() == [(Kind.COPY_CHANGED, {line_of(order): -1})] and OrderUpdate.objects.count() == 1
    assert shop.stock() == (17, 16, 16)


def test_what_somebody_agreed_to_is_held_back_no_longer_and_told_no_more(touched):
    shop, order, draft = touched(3)
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    shop.run()
    assert shop.stock()[1:] == (17, 17)
    reconcile(shop)
    assert told() == [] and shop.stock()[1:] == (17, 17)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 5})
    shop.run()
    [update] = OrderUpdate.objects.filter(state=State.NEEDS_SHOP)
    assert update.kind == Kind.EDIT and "Add by hand: 1 ×" in update.reason
    assert units(draft) == [3] and shop.stock()[1:] == (16, 16)


def test_what_staff_changed_is_never_overwritten(touched):
    shop, order, draft = touched(5)
    refunded(shop, order)
    shop.run()
    assert units(draft) == [5]
    reconcile(shop)  # what was put back in the destination is none of its own
    assert shop.stock()[1:] == (15, 15)
    assert "Take off by hand: " in " ".join(OrderUpdate.objects.values_list("reason", flat=True))


def test_what_a_webhook_says_is_missing_is_held_back_before_anything_is_read(drafted):
    shop, order, draft = drafted((0, 4), (1, 2), reserve_days=7)
    shop.world.tick(2)
    shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[0].id: 1, draft.lines[1].id: 3})
    shop.world.deliver()
    inbox.process_new(topics.EFFECTS)
    assert owed(shop, order) == [3, 0]
    shop.run()
    assert owed(shop, order) == [3, 0] and shop.stock()[1:] == (16, 16)


def test_a_webhook_that_is_old_by_now_holds_nothing_back_for_ever(drafted):
    shop, order, draft = drafted((0, 4), reserve_days=7)
    for left in (1, 4):
        shop.world.tick(2)
        shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[0].id: left})
        shop.sim.serialise(shop.source.domain)
    changed = [each for each in shop.sim.deliveries(shop.source.domain) if each.topic.lower().startswith("draft")]
    for each in changed[::-1]:
        shop.sim.pump(shop.source.domain, [each])
        inbox.process_new(topics.EFFECTS)
    assert owed(shop, order) == [3]
    shop.run()
    assert owed(shop, order) == [0] and told() == [] and shop.stock()[1:] == (16, 16)


def owed(shop, order):
    return [line.owed_quantity for line in shop.row(order).lines.order_by("pk")]
