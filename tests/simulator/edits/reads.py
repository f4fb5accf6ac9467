"""Calculated orders: an order as it would be after the commit of an edit session, and what the session holds."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.documents.call import Call
from tests.simulator.edits.session import AddedDiscount, AddedLine, EditSession, QuantityChange, preview
from tests.simulator.reads.order_parts import (
    LineView,
    MoneyValue,
    PercentageValue,
    attributes,
    bag_of,
    discount_value,
    list_page,
    tax_of,
)
from tests.simulator.reads.paging import Page
from tests.simulator.state.gids import gid
from tests.simulator.state.money import Bag, text_of
from tests.simulator.state.order_money import (
    current_grand_total,
    current_subtotal,
    current_tax_lines,
    exchange_of,
    is_own,
    original_total,
    outstanding,
    own_discounts,
    total_of,
)
from tests.simulator.state.orders import Allocation, LineItem, Order


@dataclass(slots=True)
class CalculatedLine:
    """A line of a session; its values are worked out when they are read."""

    session: EditSession
    line_id: int


@dataclass(slots=True)
class CalculatedDiscount:
    """A discount of a calculated order."""

    allocation: Allocation
    session: EditSession
    line_id: int


class CalculatedAutomatic(CalculatedDiscount):
    __slots__ = ()


class CalculatedCode(CalculatedDiscount):
    __slots__ = ()


KINDS = {"manual": CalculatedDiscount, "automatic": CalculatedAutomatic, "code": CalculatedCode}


@dataclass(slots=True)
class VariantAdded:
    row: AddedLine


@dataclass(slots=True)
class CustomItemAdded:
    row: AddedLine
    order: Order


@dataclass(slots=True)
class LineDiscountAdded:
    row: AddedDiscount


@dataclass(slots=True)
class UnitsAdded:
    row: QuantityChange
    order: Order


@dataclass(slots=True)
class UnitsRemoved:
    row: QuantityChange
    order: Order


def order_of(session: EditSession, call: Call) -> Order:
    return call.shop.orders[session.order_id]


def after(session: EditSession, call: Call) -> Order:
    return preview(order_of(session, call), session)


# Orders


def _amount(of):
    def resolve(session: EditSession, call: Call, arguments: dict) -> dict:
        order = after(session, call)
        return bag_of(order, of(order))

    return resolve


def _lines(session: EditSession, call: Call, arguments: dict) -> Page:
    rows = [CalculatedLine(session, line.id) for line in order_of(session, call).lines]
    return list_page(call, arguments, rows)


def _added_lines(session: EditSession, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [CalculatedLine(session, row.line.id) for row in session.added])


def _added_discounts(session: EditSession, call: Call, arguments: dict) -> Page:
    rows = [one for row in session.discounts for one in _discounts(session, row.line_id, call) if _is_staged(one)]
    return list_page(call, arguments, rows)


def _staged(session: EditSession, call: Call, line_id: int | None = None) -> list:
    order = order_of(session, call)
    found: list = [
        UnitsAdded(row, order) if row.delta > 0 else UnitsRemoved(row, order)
        for row in session.quantities.values()
        if row.delta and line_id in (None, row.line_id)
    ]
    found += [
        VariantAdded(row) if row.line.variant_id else CustomItemAdded(row, order)
        for row in session.added
        if line_id in (None, row.line.id)
    ]
    return found + [LineDiscountAdded(row) for row in session.discounts if line_id in (None, row.line_id)]


def _order_discounts(order: Order) -> Bag:
    return total_of(one.amount for line in order.lines for one in line.discounts if not is_own(one))


# Lines


def _read_line(view: CalculatedLine, call: Call) -> tuple[Order, LineItem]:
    order = after(view.session, call)
    return order, order.line(view.line_id)


def _of_line(of):
    """A field worked out of the calculated line."""
    return lambda view, call, arguments: of(_read_line(view, call)[1])


def _line_amount(of):
    def resolve(view: CalculatedLine, call: Call, arguments: dict) -> dict:
        order, line = _read_line(view, call)
        return bag_of(order, of(order, line))

    return resolve


def _part(order: Order, line: LineItem, units: int) -> Bag:
    return exchange_of(order).share(original_total(line) - own_discounts(line), units, line.quantity)


def _before(view: CalculatedLine, call: Call, arguments: dict) -> int:
    known = {line.id: line for line in order_of(view.session, call).lines}
    return known[view.line_id].unfulfilled if view.line_id in known else 0


def _restocking(view: CalculatedLine, call: Call, arguments: dict) -> bool:
    change = view.session.quantities.get(view.line_id)
    return change is not None and change.restock


def _discounts(session: EditSession, line_id: int, call: Call) -> list[CalculatedDiscount]:
    line = after(session, call).line(line_id)
    return [KINDS[one.application.kind](one, session, line_id) for one in line.discounts]


def _is_staged(one: CalculatedDiscount) -> bool:
    return _staged_discount(one) is not None


def _staged_discount(one: CalculatedDiscount) -> AddedDiscount | None:
    """The session's own discount of a line is the last one that it has."""
    row = next((row for row in one.session.discounts if row.line_id == one.line_id), None)
    mine = row is not None and one.allocation.application.title == row.description
    return row if mine and one.allocation.application.kind == "manual" else None


def _discount_id(one: CalculatedDiscount, call: Call, arguments: dict) -> str:
    row = _staged_discount(one)
    if row is not None:
        return f"gid://shopify/CalculatedManualDiscountApplication/{row.uuid}"
    kind = {"code": "DiscountCode", "automatic": "Automatic", "manual": "Manual"}[one.allocation.application.kind]
    return gid(f"Calculated{kind}DiscountApplication", one.session.order_id + one.allocation.application.index)


def _value_of(change: LineDiscountAdded, call: Call, arguments: dict) -> MoneyValue | PercentageValue:
    row = change.row
    if row.percent is not None:
        return PercentageValue(float(row.percent))
    return MoneyValue(text_of(row.fixed.shop), call.shop.currency)


def _allocations(view: CalculatedLine, call: Call, arguments: dict) -> list[dict]:
    order = order_of(view.session, call)
    return [
        {"allocatedAmountSet": bag_of(order, one.allocation.amount), "discountApplication": one}
        for one in _discounts(view.session, view.line_id, call)
    ]


def _id_of_line(view: CalculatedLine, call: Call, arguments: dict) -> str:
    return f"gid://shopify/CalculatedLineItem/{view.session.uuid_of(view.line_id) or view.line_id}"


def _line_of(change: UnitsAdded | UnitsRemoved, call: Call, arguments: dict) -> LineView:
    return LineView(change.order, change.order.line(change.row.line_id))


def _application(name: str):
    return lambda one, call, arguments: getattr(one.allocation.application, name)


RESOLVERS = {
    "OrderEditSession.id": lambda session, call, arguments: gid("OrderEditSession", session.id),
    "CalculatedOrder.id": lambda session, call, arguments: gid("CalculatedOrder", session.id),
    "CalculatedOrder.committed": lambda session, call, arguments: False,
    "CalculatedOrder.originalOrder": lambda session, call, arguments: order_of(session, call),
    "CalculatedOrder.notificationPreviewTitle": lambda session, call, arguments: "Your order was updated",
    "CalculatedOrder.lineItems": _lines,
    "CalculatedOrder.addedLineItems": _added_lines,
    "CalculatedOrder.addedDiscountApplications": _added_discounts,
    "CalculatedOrder.stagedChanges": lambda session, call, arguments: list_page(
        call, arguments, _staged(session, call)
    ),
    "CalculatedOrder.subtotalLineItemsQuantity": lambda session, call, arguments: sum(
        line.current_quantity for line in after(session, call).lines
    ),
    "CalculatedOrder.subtotalPriceSet": _amount(current_subtotal),
    "CalculatedOrder.cartDiscountAmountSet": _amount(_order_discounts),
    "CalculatedOrder.totalPriceSet": _amount(current_grand_total),
    "CalculatedOrder.totalOutstandingSet": _amount(outstanding),
    "CalculatedOrder.taxLines": lambda session, call, arguments: [
        tax_of(order_of(session, call), tax) for tax in current_tax_lines(after(session, call))
    ],
    "CalculatedLineItem.id": _id_of_line,
    "CalculatedLineItem.title": _of_line(lambda line: line.title),
    "CalculatedLineItem.sku": _of_line(lambda line: line.sku),
    "CalculatedLineItem.variantTitle": _of_line(lambda line: line.variant_title),
    "CalculatedLineItem.variant": lambda view, call, arguments: call.shop.variants.get(
        _read_line(view, call)[1].variant_id
    ),
    "CalculatedLineItem.customAttributes": _of_line(lambda line: attributes(line.properties)),
    "CalculatedLineItem.quantity": _of_line(lambda line: line.current_quantity),
    "CalculatedLineItem.editableQuantity": _of_line(lambda line: line.unfulfilled),
    "CalculatedLineItem.editableQuantityBeforeChanges": _before,
    "CalculatedLineItem.restockable": _of_line(lambda line: line.location_id is not None),
    "CalculatedLineItem.restocking": _restocking,
    "CalculatedLineItem.hasStagedLineItemDiscount": lambda view, call, arguments: any(
        row.line_id == view.line_id for row in view.session.discounts
    ),
    "CalculatedLineItem.originalUnitPriceSet": _line_amount(lambda order, line: line.price),
    "CalculatedLineItem.discountedUnitPriceSet": _line_amount(lambda order, line: _part(order, line, 1)),
    "CalculatedLineItem.editableSubtotalSet": _line_amount(lambda order, line: _part(order, line, line.unfulfilled)),
    "CalculatedLineItem.uneditableSubtotalSet": _line_amount(lambda order, line: _part(order, line, line.fulfilled)),
    "CalculatedLineItem.calculatedDiscountAllocations": _allocations,
    "CalculatedLineItem.stagedChanges": lambda view, call, arguments: _staged(view.session, call, view.line_id),
    **{
        f"Calculated{kind}DiscountApplication.{name}": resolve
        for kind in ("Manual", "Automatic", "DiscountCode")
        for name, resolve in {
            "id": _discount_id,
            "allocationMethod": _application("method"),
            "appliedTo": lambda one, call, arguments: "LINE" if is_own(one.allocation) else "ORDER",
            "description": _application("title"),
            "code": _application("title"),
            "targetSelection": _application("selection"),
            "targetType": _application("target_type"),
            "value": lambda one, call, arguments: discount_value(one.allocation.application, call, arguments),
        }.items()
    },
    "OrderStagedChangeAddVariant.quantity": lambda change, call, arguments: change.row.line.quantity,
    "OrderStagedChangeAddVariant.variant": lambda change, call, arguments: call.shop.variants.get(
        change.row.line.variant_id
    ),
    "OrderStagedChangeAddCustomItem.quantity": lambda change, call, arguments: change.row.line.quantity,
    "OrderStagedChangeAddCustomItem.title": lambda change, call, arguments: change.row.line.title,
    "OrderStagedChangeAddCustomItem.originalUnitPrice": lambda change, call, arguments: bag_of(
        change.order, change.row.line.price
    )["shopMoney"],
    "OrderStagedChangeAddLineItemDiscount.id": lambda change, call, arguments: gid(
        "OrderStagedChangeAddLineItemDiscount", change.row.id
    ),
    "OrderStagedChangeAddLineItemDiscount.description": lambda change, call, arguments: change.row.description,
    "OrderStagedChangeAddLineItemDiscount.value": _value_of,
    "OrderStagedChangeIncrementItem.delta": lambda change, call, arguments: change.row.delta,
    "OrderStagedChangeIncrementItem.lineItem": _line_of,
    "OrderStagedChangeDecrementItem.delta": lambda change, call, arguments: -change.row.delta,
    "OrderStagedChangeDecrementItem.lineItem": _line_of,
    "OrderStagedChangeDecrementItem.restock": lambda change, call, arguments: change.row.restock,
}
TYPE_NAMES = {
    EditSession: "CalculatedOrder",
    CalculatedDiscount: "CalculatedManualDiscountApplication",
    CalculatedAutomatic: "CalculatedAutomaticDiscountApplication",
    CalculatedCode: "CalculatedDiscountCodeApplication",
    VariantAdded: "OrderStagedChangeAddVariant",
    CustomItemAdded: "OrderStagedChangeAddCustomItem",
    LineDiscountAdded: "OrderStagedChangeAddLineItemDiscount",
    UnitsAdded: "OrderStagedChangeIncrementItem",
    UnitsRemoved: "OrderStagedChangeDecrementItem",
}
