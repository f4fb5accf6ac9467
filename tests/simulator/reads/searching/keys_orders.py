"""The search keys of orders, drafts, customers and fulfillment orders ([S] argument descriptions of 2026-10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.reads.searching.search import Values
from tests.simulator.state.order_money import current_grand_total, financial_status, fulfillment_status
from tests.simulator.state.orders import Draft, Order
from tests.simulator.state.shop import Shop


@dataclass(frozen=True)
class Keys:
    """Keys that are simulated, the default field(s), and keys that only the real Shopify knows."""

    known: Callable[[Shop], dict[str, Values]]
    default: Callable[[Shop], Values]
    other: frozenset[str] = frozenset()


SHIPMENT = {"FULFILLED": ["fulfilled", "shipped"], "PARTIALLY_FULFILLED": ["partial"]}


def _names(name: str) -> list[str]:
    """#1001 is found as 1001 too."""
    return [name, name.lstrip("#")]


def _states(order: Order) -> list[str]:
    state = "cancelled" if order.cancelled_at else "closed" if order.closed_at else "open"
    return [state, "not_closed", "any"] if state == "open" else [state, "any"]


def _order_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda order: order.id,
        "name": lambda order: _names(order.name),
        "email": lambda order: order.email or "",
        "tag": lambda order: order.tags,
        "status": _states,
        "financial_status": financial_status,
        "fulfillment_status": lambda order: SHIPMENT.get(fulfillment_status(order), ["unfulfilled", "unshipped"]),
        "source_identifier": lambda order: order.source_identifier,
        "source_name": lambda order: order.source_name,
        "po_number": lambda order: order.po_number,
        "test": lambda order: order.test,
        "customer_id": lambda order: order.customer_id,
        "created_at": lambda order: order.created_at,
        "processed_at": lambda order: order.processed_at,
        "updated_at": lambda order: order.updated_at,
        "discount_code": lambda order: [one.title for one in order.discounts if one.kind == "code"],
        "sku": lambda order: [line.sku or "" for line in order.lines],
        "gateway": lambda order: [row.gateway for row in order.transactions],
        "current_total_price": lambda order: float(current_grand_total(order).shop),
        "subtotal_line_items_quantity": lambda order: sum(line.quantity for line in order.lines),
    }


def _order_default(shop: Shop) -> Values:
    def words(order: Order) -> list[str]:
        customer = shop.customers.get(order.customer_id) if order.customer_id else None
        name = customer.display_name if customer else ""
        titles = [line.title for line in order.lines]
        return [order.name, order.email or "", order.note or "", name, *order.tags, *titles]

    return words


def _draft_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda draft: draft.id,
        "tag": lambda draft: draft.tags,
        "status": lambda draft: draft.status.lower(),
        "customer_id": lambda draft: draft.customer_id,
        "source": lambda draft: draft.source_name,
        "created_at": lambda draft: draft.created_at,
        "updated_at": lambda draft: draft.updated_at,
    }


def _draft_default(shop: Shop) -> Values:
    def words(draft: Draft) -> list[str]:
        return [draft.name, draft.email or "", draft.note or "", *draft.tags, *(line.title for line in draft.lines)]

    return words


def _customer_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda customer: customer.id,
        "email": lambda customer: customer.email or "",
        "phone": lambda customer: customer.phone or "",
        "first_name": lambda customer: customer.first_name or "",
        "last_name": lambda customer: customer.last_name or "",
        "tag": lambda customer: customer.tags,
        "customer_date": lambda customer: customer.created_at,
        "updated_at": lambda customer: customer.updated_at,
    }


ORDER_KEYS = {
    "orders": Keys(
        _order_keys,
        _order_default,
        frozenset(
            [
                "cart_token",
                "channel",
                "channel_id",
                "chargeback_status",
                "checkout_token",
                "confirmation_number",
                "credit_card_last4",
                "delivery_method",
                "fraud_protection_level",
                "fulfillment_location_id",
                "location_id",
                "payment_id",
                "payment_provider_id",
                "reference_location_id",
                "return_status",
                "risk_level",
                "sales_channel",
                "tag_not",
                "total_weight",
                "user_id",
            ]
        ),
    ),
    "drafts": Keys(_draft_keys, _draft_default),
    "customers": Keys(
        _customer_keys,
        lambda shop: lambda customer: [customer.display_name, customer.email or "", customer.phone or ""],
        frozenset(
            [
                "accepts_marketing",
                "country",
                "last_abandoned_order_date",
                "order_date",
                "orders_count",
                "state",
                "tag_not",
                "total_spent",
            ]
        ),
    ),
}
