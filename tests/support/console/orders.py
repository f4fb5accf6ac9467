"""Rows of orders for the tests of the console and of the notices, on top of tests/console_rows."""

from decimal import Decimal

from django.utils import timezone

from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.models import Connection
from tests.support.console.rows import Rows, make_rows

DRAFT_GID = "gid://shopify/DraftOrder/{}".format
ORDER_GID = "gid://shopify/Order/{}".format


def make_order_rows(strategy: str = "order", **choices) -> Rows:
    """As make_rows; the connection carries orders and tells anna@example.com and ben@example.com about them."""
    rows = make_rows(strategy)
    Connection.objects.filter(pk=rows.connection.pk).update(started_at=timezone.now())
    rows.connection.refresh_from_db()
    fields = {"notice_addresses": "anna@example.com, ben@example.com"} | choices
    OrderSettings.objects.create(connection=rows.connection, **fields)
    return rows


def make_import(connection: Connection, number: int = 1001, **fields) -> OrderImport:
    """An order that was copied as #2001 (of #1001), unless fields say otherwise."""
    defaults = {
        "order_gid": ORDER_GID(number),
        "order_name": f"#{number}",
        "placed_at": timezone.now(),
        "original_total": Decimal("12.30"),
        "original_currency": "EUR",
        "state": OrderImport.State.CONFIRMED,
    }
    if fields.get("state", "confirmed") == "confirmed":
        is_draft = fields.get("is_draft", False)
        defaults |= {
            "copy_gid": (DRAFT_GID if is_draft else ORDER_GID)(number + 1000),
            "copy_name": f"#{'D' if is_draft else ''}{number + 1000}",
            "copy_total": Decimal("12.30"),
            "copy_currency": "EUR",
            "copy_order_gid": "" if is_draft else ORDER_GID(number + 1000),
            "draft_status": "open" if is_draft else "",
            "confirmed_at": timezone.now(),
            "attempts": 1,
        }
    return OrderImport.objects.create(connection=connection, **(defaults | fields))


def make_failed(connection: Connection, number: int = 1001, **fields) -> OrderImport:
    """An order that Shopify refused."""
    defaults = {"state": "failed", "failure": "rejected", "reason": "Shopify refused it: phone is taken."}
    return make_import(connection, number, **(defaults | fields))


def make_line(order_import: OrderImport, title: str = "Sock", **fields) -> OrderImportLine:
    """A line of it, in the copy unless fields say otherwise."""
    number = order_import.lines.count() + 1
    defaults = {
        "line_gid": f"gid://shopify/LineItem/{order_import.pk * 100 + number}",
        "variant_gid": f"gid://shopify/ProductVariant/{number}",
        "quantity": 2,
        "state": OrderImportLine.State.CARRIED,
    }
    return OrderImportLine.objects.create(order_import=order_import, title=title, **(defaults | fields))


def make_update(order_import: OrderImport, **fields) -> OrderUpdate:
    """A refund of it that failed, unless fields say otherwise."""
    defaults = {
        "kind": OrderUpdate.Kind.REFUND,
        "origin_gid": f"gid://shopify/Refund/{OrderUpdate.objects.count() + 1}",
        "state": OrderUpdate.State.FAILED,
        "failure": "rejected",
        "reason": "Shopify refused it.",
        "origin_at": timezone.now(),
    }
    return OrderUpdate.objects.create(order_import=order_import, **(defaults | fields))
