"""An original that is paid after it was copied: its copy stands as it does, paid once."""

from decimal import Decimal

import pytest

from orders.models import OrderUpdate
from stores.models import VariantLink
from stores.shopify import gids
from tests.simulator.state.order_money import current_grand_total, financial_status, received
from tests.support.orders.changes import LOST, Kind, State, copied, settle


def unpaid(trade, **choices):
    shop = trade("order", **choices)
    shop.source.shop.knobs.plan = "PLUS"
    order = shop.north.order((0, 2), paid=False)
    shop.run()
    (copy,) = shop.copies
    assert financial_status(copy) == "PENDING"
    return shop, order, copy


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_copy_is_paid_when_its_original_is(trade, is_lost):
    shop, order, copy = unpaid(trade)
    shop.world.tick(5)
    shop.sim.pay_order(shop.north.domain, order)
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert financial_status(copy) == "PAID"
    assert shop.source.count("orderMarkAsPaid") == 1
    shop.world.reconcile()
    shop.run()
    assert shop.source.count("orderMarkAsPaid") == 1
    assert OrderUpdate.objects.get().state == State.CONFIRMED


def test_a_part_is_paid_first_and_the_rest_later(trade):
    shop, order, copy = unpaid(trade)
    part = received_part(shop, order)
    assert financial_status(copy) == "PARTIALLY_PAID"
    assert received(copy).shop == part
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    assert financial_status(copy) == "PAID"


def received_part(shop, order) -> Decimal:
    shop.sim.pay_order(shop.north.domain, order, amount="1.00")
    shop.run()
    return received(order).shop


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("what", ["orderMarkAsPaid", "orderCreateManualPayment"])
def test_a_lost_answer_pays_once(trade, what, how):
    shop, order, copy = unpaid(trade)
    shop.source.fault("lost_answer", match=what, how=how)
    if what == "orderMarkAsPaid":
        shop.sim.pay_order(shop.north.domain, order)
    else:
        shop.sim.pay_order(shop.north.domain, order, amount="1.00")
    shop.run()
    settle(shop)
    assert received(copy) == received(order)
    assert OrderUpdate.objects.get().state == State.CONFIRMED


@pytest.mark.parametrize("choice", ["pending", "paid"])
def test_a_copy_of_another_choice_stays_as_it_is(trade, choice):
    shop = trade("order", payment_status=choice)
    order = shop.north.order((0, 2), paid=False)
    shop.run()
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    assert financial_status(shop.copies[0]) == choice.upper()
    assert not OrderUpdate.objects.filter(kind=Kind.PAYMENT).exists()


def test_what_an_edit_adds_to_a_paid_order_is_paid_in_the_copy_when_it_is_paid(trade):
    shop, order, copy = copied(trade, (0, 2))
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 1)])
    shop.run()
    assert financial_status(copy) == financial_status(order) == "PARTIALLY_PAID"
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert financial_status(copy) == "PAID"


@pytest.mark.parametrize("is_paid_first", [False, True])
def test_a_copy_that_has_lost_all_its_units_is_not_paid(trade, is_paid_first):
    """What the source has a part in is taken off, and the rest, which is no part of its copy, is paid."""
    shop = trade()
    VariantLink.objects.filter(source_variant__gid=gids.gid("ProductVariant", shop.source.variants[1].id)).delete()
    order = shop.north.order((0, 1), (1, 3), paid=False)
    shop.run()
    (copy,) = shop.copies
    for is_payment in (True, False) if is_paid_first else (False, True):
        if is_payment:
            shop.sim.pay_order(shop.north.domain, order)
        else:
            shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 0})
    shop.run()
    settle(shop)
    assert [line.current_quantity for line in copy.lines] == [0]
    assert not OrderUpdate.objects.filter(state=State.FAILED).exists()
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1})
    if not is_paid_first:
        shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert (financial_status(copy), received(copy)) == ("PAID", current_grand_total(copy))


def test_without_plus_a_part_waits_until_all_is_paid(trade):
    shop, order, copy = unpaid(trade)
    shop.source.shop.knobs.plan = "BASIC"
    received_part(shop, order)
    assert financial_status(copy) == "PENDING"
    assert (OrderUpdate.objects.get().state, "Plus" in OrderUpdate.objects.get().reason) == (State.SKIPPED, True)
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    assert financial_status(copy) == "PAID"


def test_a_part_that_could_not_be_recorded_is_all_once_an_edit_has_made_it_so(trade):
    """Without Plus: 10.00 of 20.00 are paid, then the original costs 10.00."""
    shop, order, copy = unpaid(trade)
    shop.source.shop.knobs.plan = "BASIC"
    shop.sim.pay_order(shop.north.domain, order, amount="10.00")
    shop.run()
    assert financial_status(copy) == "PENDING"
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1})
    shop.run()
    settle(shop)
    assert financial_status(order) == financial_status(copy) == "PAID"


def test_parts_with_money_back_between_them_are_never_taken_for_all(trade):
    """10.00 of 20.00, 5.00 back, 5.00, then the rest: the copy is paid when its original is, and not before."""
    shop, order, copy = unpaid(trade)
    received_so_far = []
    for amount in ("10.00", None, "5.00", "10.00"):
        if amount is None:
            shop.sim.refund(shop.north.domain, order, [], money="5.00")
        else:
            shop.sim.pay_order(shop.north.domain, order, amount=amount)
        shop.run()
        settle(shop)
        received_so_far.append(received(copy).shop)
    assert received_so_far == [10, 10, 10, 20]


def test_what_was_paid_and_came_back_in_part_before_anybody_looked_is_paid_in_the_copy(trade):
    shop, order, copy = unpaid(trade)
    shop.world.tick(5)
    shop.sim.pay_order(shop.north.domain, order)
    shop.sim.refund(shop.north.domain, order, [], money="5.00")
    shop.run()
    settle(shop)
    assert financial_status(copy) == "PAID"


def test_what_an_edit_adds_after_the_copy_was_paid_is_paid_as_well(trade):
    """A payment of all, which is recorded while the edit that it pays for waits."""
    shop = trade()
    order = shop.north.order((0, 4), paid=False)
    shop.run()
    (copy,) = shop.copies
    shop.source.fault("internal_error_before", match="orderEditBegin", count=None)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 1)])
    shop.sim.pay_order(shop.north.domain, order)
    shop.world.deliver()
    shop.world.work(tries=1)
    assert received(copy).shop == 40
    shop.world.calm()
    shop.run()
    settle(shop)
    assert (received(copy).shop, received(order).shop) == (50, 50)
    assert financial_status(copy) == "PAID"
    shop.world.reconcile()
    settle(shop)
    assert received(copy).shop == 50
