"""A line that staff add to a copy, and that its original does not know, is told once and moves nothing else."""

import pytest

from orders.changes import decisions
from orders.models import OrderUpdate
from syncing.connections import resuming
from tests.support.orders.changes import LOST, Kind, State, copied, settle


def add(shop, copy, number=1, units=2):
    shop.world.tick(5)
    shop.sim.edit_order(shop.source.domain, copy, add=[(shop.source.variants[number].id, units)])


def told():
    return OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED, state=State.NEEDS_SHOP)


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_line_that_staff_add_to_a_copy_is_told_and_not_carried(trade, is_lost):
    shop, order, copy = copied(trade, (0, 3))
    add(shop, copy)
    if is_lost:
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert [shop.stock(number) for number in (0, 1)] == [(17, 17, 17), (18, 18, 18)]
    (row,) = told()
    assert "2 × “Product 1”" in row.reason
    assert row.origin_gid == f"{row.order_import.copy_order_gid}#added" and set(row.body) == {"added", "agreed"}
    assert len(order.lines) == 1 and not row.order_import.lines.filter(owed_quantity__gt=0).exists()


def test_it_is_told_once_and_again_only_if_it_grows(trade):
    shop, order, copy = copied(trade, (0, 3))
    add(shop, copy)
    shop.run()
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Seen, says Ada.")
    for note in ("first", "second"):
        shop.world.tick(5)
        shop.sim.change_words(shop.source.domain, copy, note=note)
        shop.run()
    shop.world.reconcile()
    settle(shop)
    assert not told().exists()
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[1].id: 3})
    shop.run()
    (row,) = told()
    assert "1 × “Product 1”" in row.reason


def test_what_staff_take_away_again_is_told_no_longer(trade):
    shop, order, copy = copied(trade, (0, 3))
    add(shop, copy)
    shop.run()
    shop.world.tick(5)
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[1].id: 0})
    shop.run()
    settle(shop)
    assert not told().exists()
    assert shop.stock(1) == (20, 20, 20)


def test_a_line_that_the_original_gains_and_staff_add_by_hand_is_no_news(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    add(shop, copy)
    shop.run()
    settle(shop)
    assert not told().exists()
    assert sum(line.current_quantity for line in copy.lines) == 5
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize("how", LOST)
def test_what_we_add_ourselves_is_told_to_nobody_though_the_answer_is_lost(trade, how):
    shop, order, copy = copied(trade, (0, 3))
    shop.source.fault("lost_answer", match="orderEditCommit", how=how)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    shop.world.reconcile()
    settle(shop)
    assert not OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED).exists()
    assert [line.current_quantity for line in copy.lines] == [3, 2]


def test_beside_a_loss_both_are_told_and_decided_together(trade):
    shop, order, copy = copied(trade, (0, 3))
    add(shop, copy)
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    assert told().count() == 2
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Swapped, says Ada.")
    shop.run()
    settle(shop)
    assert not told().exists()
    assert [shop.stock(number) for number in (0, 1)] == [(18, 18, 18), (18, 18, 18)]


def add_to_draft(shop, draft, number=1, units=2, *, is_lost=False):
    shop.world.tick(5)
    shop.sim.change_draft(shop.source.domain, draft, add=[(shop.source.variants[number].id, units)])
    if is_lost:
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()


@pytest.mark.parametrize("is_lost", [False, True], ids=["webhook", "lost"])
def test_a_line_that_staff_add_to_an_open_draft_is_told_when_it_is_seen_and_not_again_of_its_order(trade, is_lost):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order", reserve_days=7)
    (draft,) = shop.drafts
    add_to_draft(shop, draft, is_lost=is_lost)
    (row,) = told()
    assert "2 × “Product 1”" in row.reason and not row.order_import.lines.filter(owed_quantity__gt=0).exists()
    stock = [shop.stock(number)[1:] for number in (0, 1)]
    assert stock[0] == (17, 17) and len(order.lines) == 1
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    settle(shop)
    assert [line.quantity for line in made.lines] == [3, 2]
    assert [(each.pk, each.body) for each in told()] == [(row.pk, row.body)]


def test_what_was_agreed_to_of_a_draft_is_told_neither_of_it_nor_of_its_order_but_for_what_comes_besides(trade):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order", reserve_days=7)
    (draft,) = shop.drafts
    add_to_draft(shop, draft)
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Seen, says Ada.")
    shop.world.tick(5)
    shop.sim.change_draft(shop.source.domain, draft, note="Call first")
    shop.run()
    shop.world.reconcile()
    assert not told().exists()
    add_to_draft(shop, draft, units=1)
    (row,) = told()
    assert "1 × “Product 1”" in row.reason
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Seen, too, says Ada.")
    shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    settle(shop)
    assert not told().exists()


def test_what_staff_take_out_of_a_draft_again_is_told_no_longer(trade):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order", reserve_days=7)
    (draft,) = shop.drafts
    add_to_draft(shop, draft)
    assert told().count() == 1
    shop.world.tick(5)
    shop.sim.change_draft(shop.source.domain, draft, quantities={draft.lines[-1].id: 0})
    shop.run()
    assert not told().exists()
