"""What was linked after its order was copied in part is added to the copy, with a button and once."""

import pytest

from orders import advice, decisions
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from syncing.queue import enqueue
from tests.orders.waiting.test_late_links import link, unlink
from tests.support.orders.changes import LOST, Kind, State, carry, settle
from tests.support.thoroughness import effects

LateLinks = OrderImport.LateLinks


@pytest.fixture
def shop(trade):
    """North's item 0 is linked to nothing yet."""

    def build(strategy="order", **choices):
        built = trade(strategy, **choices)
        unlink(built)
        return built

    return build


def copied_in_part(shop):
    order = shop.north.order((0, 2), (1, 1))
    shop.run()
    link(shop)
    shop.run()
    assert shop.row(order).late_links == LateLinks.LINKED
    return order


def press(shop, order):
    row = shop.row(order)
    assert "Import again" in advice.what_to_do(row)
    assert decisions.import_again(row)
    enqueue.import_order(shop.connection, row.order_gid)


def check(shop, order, units):
    row = shop.row(order)
    assert units == [("Product 1", 1), ("Product 0", 2)]
    assert (row.late_links, row.is_partial) == ("", False)
    held = list(row.lines.order_by("pk").values_list("original_baseline", "copy_baseline", "owed_quantity"))
    assert held == [(2, 2, 0), (1, 1, 0)]
    assert not row.lines.filter(state=OrderImportLine.State.LEFT_OUT).exists()
    assert not row.updates.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).exists()
    assert shop.south.available(0) == 18


def units_of(copy):
    return [(line.title, getattr(line, "current_quantity", line.quantity)) for line in copy.lines]


def test_import_again_adds_what_was_linked_since_and_never_twice(shop):
    shop = shop()
    order = copied_in_part(shop)
    press(shop, order)
    assert not decisions.import_again(shop.row(order))
    shop.run()
    settle(shop)
    (copy,) = shop.copies
    check(shop, order, units_of(copy))
    assert shop.stock() == (18, 18, 18)
    for _ in range(2):
        shop.world.reconcile()
        settle(shop)
    check(shop, order, units_of(copy))
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    assert OrderUpdate.objects.get(kind=Kind.COPY_CHANGED).state == State.NEEDS_SHOP


@pytest.mark.parametrize("reserve_days", [7, 0])
def test_an_untouched_draft_is_set_anew_with_it(shop, reserve_days):
    shop = shop("draft_order", reserve_days=reserve_days)
    order = copied_in_part(shop)
    press(shop, order)
    shop.run()
    settle(shop)
    (draft,) = shop.drafts
    check(shop, order, sorted(units_of(draft), reverse=True))


def test_what_staff_added_by_hand_meanwhile_is_not_added_again(shop):
    shop = shop()
    order = copied_in_part(shop)
    (copy,) = shop.copies
    shop.sim.edit_order(shop.source.domain, copy, add=[(shop.source.variants[0].id, 2)])
    press(shop, order)
    shop.run()
    settle(shop)
    check(shop, order, units_of(copy))


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_adds_it_once(shop, how):
    shop = shop()
    order = copied_in_part(shop)
    shop.source.fault("lost_answer", match="orderEditCommit", how=how)
    press(shop, order)
    shop.run()
    settle(shop)
    check(shop, order, units_of(shop.copies[0]))


def test_a_worker_that_dies_anywhere_adds_it_once(shop):
    shop = shop()
    for effect in effects():
        shop.world.begin_again()
        unlink(shop)
        order = copied_in_part(shop)
        press(shop, order)
        with shop.world.worker_that_dies(effect) as countdown:
            carry(shop, order)
        settle(shop)
        check(shop, order, units_of(shop.copies[0]))
        if not countdown.is_over:
            assert effect > 4
            return
    raise AssertionError("it never lived to the end")


def test_a_line_that_came_unlinked_by_an_edit_is_listed_too_once_it_is_linked(shop):
    shop = shop()
    order = shop.north.order((1, 1))
    shop.run()
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[0].id, 2)])
    shop.run()
    assert shop.row(order).late_links == LateLinks.WANTED
    link(shop)
    shop.run()
    assert shop.row(order).late_links == LateLinks.LINKED
    assert shop.stock() == (20, 18, 18)
    press(shop, order)
    shop.run()
    settle(shop)
    assert units_of(shop.copies[0]) == [("Product 1", 1), ("Product 0", 2)]
    assert shop.stock() == (18, 18, 18)
