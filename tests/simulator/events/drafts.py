"""Draft orders: no stock effect unless reserved; completing one makes its order once (shopify.md 7.2, row 29)."""

from __future__ import annotations

import uuid

from tests.simulator.events.catalogue import metafields
from tests.simulator.events.later import Later
from tests.simulator.events.order_stock import Router, claim
from tests.simulator.events.stock import StockAction
from tests.simulator.events.storefront import register, tell_created
from tests.simulator.state.clock import Clock
from tests.simulator.state.order_money import grand_total
from tests.simulator.state.orders import Draft, LineItem, Order, Transaction
from tests.simulator.state.shop import Shop


def register_draft(shop: Shop, draft: Draft) -> None:
    draft.number = shop.last_numbers["DraftOrder"] = shop.last_numbers["DraftOrder"] + 1
    shop.drafts[draft.id] = draft
    name_lines(draft)


def name_lines(draft: Draft) -> None:
    for line in draft.lines:
        draft.uuids.setdefault(line.id, str(uuid.uuid4()))


def begin(shop: Shop, clock: Clock, draft: Draft, cause: str) -> StockAction:
    return StockAction(shop, clock.seconds(), cause, f"draft:{draft.id}")


def reserve(shop: Shop, action: StockAction, draft: Draft, later: Later, clock: Clock) -> None:
    """available -> reserved until the draft's moment, oversold if need be; nothing when that is past. Ends itself."""
    if draft.reserve_until is None or draft.reserve_until <= action.at:
        return
    router = Router(shop, force=True)
    for line in draft.lines:
        if line.variant_id is not None and line.variant_id in shop.variants:
            line.location_id = router.choose(shop.variants[line.variant_id], line.quantity)
            claim(action, line, into="reserved")
    draft.reserved = True
    later.schedule(shop, lambda: expire(shop, clock, draft), draft.reserve_until - action.at)


def unreserve(action: StockAction, draft: Draft) -> None:
    """reserved -> available."""
    if draft.reserved:
        for line in draft.lines:
            claim(action, line, taken_from="reserved", into="available")
            line.location_id = None
        draft.reserved = False


def expire(shop: Shop, clock: Clock, draft: Draft) -> None:
    """The reservation runs out, unless it was moved, ended or used meanwhile. Nothing tells of it but the levels."""
    with shop.lock:
        over = draft.reserve_until is not None and draft.reserve_until <= clock.seconds()
        if draft.reserved and over and draft.id in shop.drafts:
            action = begin(shop, clock, draft, "reservation")
            unreserve(action, draft)
            draft.reserve_until = None
            action.close()


def delete(shop: Shop, clock: Clock, draft: Draft) -> None:
    """Raises ValueError for a completed one."""
    with shop.lock:
        if draft.status == "COMPLETED":
            raise ValueError("Completed draft orders can't be deleted")
        action = begin(shop, clock, draft, "draft")
        unreserve(action, draft)
        del shop.drafts[draft.id]
        metafields.forget(shop, ("DraftOrder", draft.id))
        action.tell("DRAFT_ORDERS_DELETE", (draft.id,))
        action.close()


def complete(
    shop: Shop,
    clock: Clock,
    draft: Draft,
    *,
    paid: bool = True,
    gateway: str = "manual",
    source_name: str | None = None,
    cause: str = "draft",
) -> Order:
    """Makes the order: reserved units become committed, others are claimed now. Raises ValueError the second time."""
    with shop.lock:
        if draft.status == "COMPLETED":
            raise ValueError("This order has been paid")
        now = clock.whole_seconds()
        order = Order(shop.next_id(), 0, now, now, now, draft.currency, draft.presentment_currency)
        _copy(draft, order)
        order.source_name = source_name or draft.source_name or "shopify_draft_order"
        action = begin(shop, clock, draft, cause)
        _claim_all(shop, action, draft)
        order.lines = [_order_line(shop, line) for line in draft.lines]
        if paid and grand_total(order):
            total = grand_total(order)
            order.transactions.append(
                Transaction(shop.next_id(), order.id, "SALE", "SUCCESS", gateway, total, now, now)
            )
        register(shop, order)
        draft.status, draft.order_id, draft.completed_at, draft.updated_at = "COMPLETED", order.id, now, now
        draft.reserve_until = None
        tell_created(action, order)
        action.tell("DRAFT_ORDERS_UPDATE", (draft.id,))
        action.close()
        return order


def _copy(draft: Draft, order: Order) -> None:
    for name in ("shipping_address", "billing_address", "customer_id", "email", "phone", "note", "po_number",
                 "taxes_included", "client_id"):  # fmt: skip
        setattr(order, name, getattr(draft, name))
    order.tags, order.note_attributes = list(draft.tags), list(draft.note_attributes)
    order.discounts, order.shipping_lines = list(draft.discounts), list(draft.shipping_lines)
    order.tax_lines = list(draft.tax_lines)


def _claim_all(shop: Shop, action: StockAction, draft: Draft) -> None:
    """The units move once: from reserved, or from available when nothing was reserved (any more)."""
    source = "reserved" if draft.reserved else "available"
    if not draft.reserved:
        router = Router(shop, force=True)
        for line in draft.lines:
            known = shop.variants.get(line.variant_id) if line.variant_id else None
            line.location_id = router.choose(known, line.quantity) if known else None
    for line in draft.lines:
        claim(action, line, taken_from=source)
    draft.reserved = False


def _order_line(shop: Shop, line: LineItem) -> LineItem:
    """The order's line is another object with an id of its own."""
    copy = LineItem(
        shop.next_id(), line.variant_id, line.item_id, line.product_id, line.location_id, line.title, line.sku,
        line.price, line.quantity,
    )  # fmt: skip
    for name in ("variant_title", "vendor", "requires_shipping", "taxable", "gift_card", "grams", "discounts",
                 "tax_lines", "properties"):  # fmt: skip
        setattr(copy, name, getattr(line, name))
    return copy
