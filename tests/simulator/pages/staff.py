"""The part of a store's page where staff change an order by hand: units, exchanges, payments, refunds, moves."""

from __future__ import annotations

from tests.simulator.pages.parts import button, kept, post_form, text
from tests.simulator.state.shop import Shop


def field(name: str, label: str, value: str = "", css: str = "") -> str:
    kind = f' class="{css}"' if css else ""
    return f'<input name="{name}" placeholder="{text(label)}" aria-label="{text(label)}" value="{text(value)}"{kind}>'


def staff_section(shop: Shop, query: dict[str, str]) -> str:
    """One form for any order: it is named, so that the list above may go on refreshing itself."""
    places = "".join(f'<option value="{place.id}">{text(place.name)}</option>' for place in shop.locations.values())
    what = field("order_name", "Order, #1001", query.get("order", "")) + field("sku", "SKU")
    what += field("quantity", "Units", "1", "qty")
    edits = button("Add units", "edit_add") + button("Take off, restock", "edit_restock")
    edits += button("Take off, write off", "edit_write_off") + button("Cancel the order", "cancel_named")
    edits += button("Delete the order", "delete_named")
    money = field("amount", f"Amount, {shop.currency}") + button("Pay part", "pay_part")
    money += button("Refund part", "refund_part")
    back = field("other_sku", "Other SKU, out") + button("Exchange", "exchange") + button("Return", "return_part")
    move = f'<select name="location" aria-label="location">{places}</select>' + button("Ships from there", "move")
    words = field("note", "Note") + button("Write note", "write_note")
    inner = "".join(f"<div>{row}</div>" for row in (what, edits, money, back, move, words))
    form = post_form(f"/{shop.domain}/_act", kept(query), inner, "order")
    title = "<h2>Change an order <small>what staff do in the admin, to originals and to copies</small></h2>"
    return f'<section class="wide">{title}{form}</section>'
