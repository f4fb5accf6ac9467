"""Order.suggestedRefund: what units cost after discounts and with taxes, by the payments that it can go back to."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.reads.order_parts import bag_of
from tests.simulator.reads.orders import transaction_of
from tests.simulator.reads.shop import number_of
from tests.simulator.state.money import NOTHING, Bag
from tests.simulator.state.order_money import (
    discounted_total,
    exchange_of,
    received,
    refunded,
    taxes_of,
    total_of,
)
from tests.simulator.state.orders import Order, Transaction


def suggested_refund(order: Order, call: Call, arguments: dict) -> dict:
    """Never more than was paid and is not refunded yet; units that are not on the order any more are worth nothing."""
    exchange, goods, taxes = exchange_of(order), NOTHING, NOTHING
    lines = {line.id: line for line in order.lines}
    for row in arguments.get("refundLineItems") or ():
        line = lines.get(number_of(row["lineItemId"], "LineItem"))
        units = min(row["quantity"], line.current_quantity) if line else 0
        if line and units > 0:
            goods += exchange.share(discounted_total(line), units, line.quantity)
            taxes += exchange.share(taxes_of(line), units, line.quantity)
    most = received(order) - refunded(order)
    whole = _least(goods if order.taxes_included else goods + taxes, most)
    return {
        "amountSet": bag_of(order, whole),
        "subtotalSet": bag_of(order, goods),
        "totalTaxSet": bag_of(order, taxes),
        "maximumRefundableSet": bag_of(order, most),
        "suggestedTransactions": _transactions(order, whole),
    }


def _transactions(order: Order, whole: Bag) -> list[dict]:
    found = []
    for row in order.transactions:
        if row.status == "SUCCESS" and row.kind in ("SALE", "CAPTURE"):
            part = _least(whole, row.amount - total_of(each.amount for each in _back(order, row)))
            whole -= part
            found.append(
                {
                    "amountSet": bag_of(order, part),
                    "gateway": row.gateway,
                    "kind": "SUGGESTED_REFUND",
                    "parentTransaction": transaction_of(order, row),
                }
            )
    return found


def _back(order: Order, parent: Transaction) -> list[Transaction]:
    rows = [row for row in order.transactions if row.kind == "REFUND" and row.status == "SUCCESS"]
    return [row for row in rows if row.parent_id == parent.id]


def _least(one: Bag, other: Bag) -> Bag:
    return one if one.presentment <= other.presentment else other


RESOLVERS = {"Order.suggestedRefund": suggested_refund}
