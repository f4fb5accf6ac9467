"""The part of a store's page about orders: the storefront's form, the newest orders and the drafts, with buttons."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tests.simulator.pages.parts import button, kept, link, live, post_form, table, text
from tests.simulator.pages.staff import field, staff_section
from tests.simulator.state.order_money import current_grand_total, financial_status, grand_total
from tests.simulator.state.orders import Draft, LineItem, Order
from tests.simulator.state.shop import Shop

ORDER_ROWS = 8
FORM_LINES = 3


def order_sections(shop: Shop, query: dict[str, str]) -> str:
    return checkout(shop, query) + orders(shop, query) + staff_section(shop, query) + drafts(shop, query)


# The storefront


def checkout(shop: Shop, query: dict[str, str]) -> str:
    """Several lines by SKU, a discount, shipping, a customer with an address, paid or not."""
    goods = "".join(
        field(f"sku{place}", f"SKU {place + 1}") + field(f"quantity{place}", "Units", "1", "qty")
        for place in range(FORM_LINES)
    )
    money = field("code", "Discount code") + field("percentage", "Per cent off") + field("shipping", "Shipping, 4.90")
    money += field("tax", "Tax, 0.19") + field("order_tax", "Tax of the order, 19.00")
    money += f"<label>{text(shop.currency)}</label>" + field("buyer_currency", "Buyer pays in, USD")
    money += field("rate", "Rate, 1.09")
    people = field("first_name", "First name") + field("last_name", "Last name") + field("email", "E-mail")
    people += field("phone", "Phone")
    address = field("address1", "Street") + field("zip", "Postcode") + field("city", "City")
    address += field("country_code", "Country, DE") + field("note", "Note") + field("po_number", "PO number")
    address += field("property", "Line property, Text: Ann")
    last = '<label><input type="checkbox" name="unpaid" value="1"> not paid yet</label>'
    last += '<label><input type="checkbox" name="test" value="1"> test order</label>' + counter_choice(shop)
    last += button("Place order", "place")
    inner = "".join(f"<div>{row}</div>" for row in (goods, money, people, address, last))
    form = post_form(f"/{shop.domain}/_act", kept(query), inner, "order")
    return f'<section class="wide"><h2>Storefront <small>order several things at once</small></h2>{form}</section>'


def counter_choice(shop: Shop) -> str:
    places = "".join(f'<option value="{place.id}">{text(place.name)}</option>' for place in shop.locations.values())
    choice = f'<select name="counter" aria-label="counter"><option value="">Online store</option>{places}</select>'
    return choice + '<label><input type="checkbox" name="handed_over" value="1"> handed over</label>'


# Orders


def orders(shop: Shop, query: dict[str, str]) -> str:
    latest = newest(shop.orders, query.get("order_id"))
    head = ["<th>Order</th>", "<th>Lines</th>", '<th class="n">Total</th>', "<th>State</th>", "<th></th>"]
    rows = (order_row(shop, order, query) for order in latest)
    inner = table(head, rows, "Nobody has bought anything yet.")
    title = f"<h2>Orders <small>{len(shop.orders):,} so far, newest first</small></h2>"
    return f'<section class="wide">{live("orders", title + inner)}</section>'


def newest(rows: dict[int, Any], named: str | None) -> list[Any]:
    """The newest rows; the one alone that the page is narrowed to."""
    return [rows[int(named)]] if named else list(islice(reversed(rows.values()), ORDER_ROWS))


def order_row(shop: Shop, order: Order, query: dict[str, str]) -> str:
    buttons = ""
    if order.cancelled_at is None:
        open_units = sum(line.unfulfilled for line in order.lines)
        shipped = any(line.fulfilled for line in order.lines)
        buttons += button("Fulfil", "fulfil") if open_units else ""
        buttons += button("Take shipments back", "cancel_fulfilments") if shipped else ""
        buttons += button("Cancel", "cancel") if open_units else ""
        buttons += button("Refund and restock", "return") if open_units or shipped else ""
        buttons += button("Paid", "pay") if financial_status(order) in (None, "PENDING", "PARTIALLY_PAID") else ""
    buttons += link(f"/{shop.domain}", "Change", {"order": order.name})
    form = post_form(f"/{shop.domain}/_act", {"order": order.id, **kept(query)}, buttons, "row")
    name = f'{text(order.name)}{tags_of(order.tags)}<div class="sub">{text(who(shop, order))}</div>'
    return (
        f'<tr><td>{name}</td><td>{text(goods_of(order.lines))}</td><td class="n">{total_of(order)}</td>'
        f"<td>{text(state_of(order))}</td><td>{form}</td></tr>"
    )


def total_of(order: Order) -> str:
    """What it comes to now, and below it what was ordered, where that is something else."""
    now, before = current_grand_total(order).shop, grand_total(order).shop
    aside = f'<div class="sub">of {text(before)}</div>' if now != before else ""
    return f"{text(now)} {text(order.currency)}{aside}"


def tags_of(tags: list[str]) -> str:
    return "".join(f'<span class="tag">{text(tag)}</span>' for tag in tags)


def who(shop: Shop, order: Order | Draft) -> str:
    customer = shop.customers.get(order.customer_id) if order.customer_id else None
    city = order.shipping_address.city if order.shipping_address else None
    return ", ".join(part for part in (customer.display_name if customer else order.email, city) if part)


def goods_of(lines: list[LineItem]) -> str:
    """A line that lost units shows both: 1 of 3 ×."""
    return ", ".join(f"{units_of(line)} × {line.title} ({line.sku or 'no SKU'})" for line in lines)


def units_of(line: LineItem) -> str:
    return f"{line.current_quantity} of {line.quantity}" if line.removed else str(line.quantity)


def state_of(order: Order) -> str:
    if order.cancelled_at is not None:
        return "cancelled"
    parts = {
        "to ship": sum(line.unfulfilled for line in order.lines),
        "shipped": sum(line.fulfilled for line in order.lines),
        "given back": sum(line.removed for line in order.lines),
    }
    money = (financial_status(order) or "no payment").lower().replace("_", " ")
    return ", ".join([money, *(f"{units} {label}" for label, units in parts.items() if units)])


# Drafts


def drafts(shop: Shop, query: dict[str, str]) -> str:
    latest = newest(shop.drafts, query.get("draft_id"))
    head = ["<th>Draft</th>", "<th>Lines</th>", '<th class="n">Total</th>', "<th>State</th>", "<th></th>"]
    inner = table(head, (draft_row(shop, draft, query) for draft in latest), "No drafts yet.")
    title = f"<h2>Drafts <small>{len(shop.drafts):,} so far, newest first</small></h2>"
    return f'<section class="wide">{live("drafts", title + inner)}</section>'


def draft_row(shop: Shop, draft: Draft, query: dict[str, str]) -> str:
    is_open = draft.status != "COMPLETED"
    labels = {"Complete": "complete", "One more": "change_draft", "Delete": "delete_draft"} if is_open else {}
    buttons = "".join(button(label, action) for label, action in labels.items())
    form = post_form(f"/{shop.domain}/_act", {"draft": draft.id, **kept(query)}, buttons, "row")
    state = draft.status.lower().replace("_", " ") + (", stock reserved" if draft.reserved else "")
    name = f'{text(draft.name)}{tags_of(draft.tags)}<div class="sub">{text(who(shop, draft))}</div>'
    total = f"{grand_total(draft).shop} {draft.currency}"
    return (
        f'<tr><td>{name}</td><td>{text(goods_of(draft.lines))}</td><td class="n">{text(total)}</td>'
        f"<td>{text(state)}</td><td>{form}</td></tr>"
    )
