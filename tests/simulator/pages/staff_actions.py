"""What the buttons of "Change an order" do: the same functions as the control API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.simulator.pages.forms import ActionError, amount, number, positive, variant_by_sku
from tests.simulator.state.orders import LineItem, Order
from tests.simulator.state.shop import Shop


def order_of(shop: Shop, form: dict[str, str]) -> Order:
    """The latest order of this name; the # may be left out. Raises ActionError."""
    wanted = form.get("order_name", "").strip().removeprefix("#")
    found = [order for order in shop.orders.values() if order.name.removeprefix("#") == wanted]
    if not wanted or not found:
        raise ActionError("Which order? Type its name, like #1001.")
    return found[-1]


def line_of(shop: Shop, order: Order, form: dict[str, str]) -> LineItem:
    """The line of this SKU with the most open units; without a SKU that of an order of one line. Raises ActionError."""
    wanted = form.get("sku", "").strip().casefold()
    lines = [line for line in order.lines if (line.sku or "").strip().casefold() == wanted or not wanted]
    if not lines or not wanted and len(lines) > 1:
        raise ActionError("Which line? Type the SKU of something on the order.")
    return max(lines, key=lambda line: line.unfulfilled)


def add_units(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    row = (variant_by_sku(shop, form.get("sku", "")), positive(form))
    sim.edit_order(shop.domain, order_of(shop, form), add=[row])


def take_off(sim: Any, shop: Shop, form: dict[str, str], *, back_to_stock: bool = True) -> None:
    order = order_of(shop, form)
    line = line_of(shop, order, form)
    wanted = line.current_quantity - positive(form)
    if wanted < 0:
        raise ActionError(f"The order holds no more than {line.current_quantity} of this.")
    sim.edit_order(shop.domain, order, quantities={line.id: wanted}, back_to_stock=back_to_stock)


def write_off(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    take_off(sim, shop, form, back_to_stock=False)


def pay_part(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.pay_order(shop.domain, order_of(shop, form), amount=amount_of(form))


def amount_of(form: dict[str, str]) -> Decimal:
    """Raises ActionError for a blank one."""
    found = amount(form, "amount")
    if found is None:
        raise ActionError("What amount? Type it, like 4.90.")
    return found


def refund_part(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Open units first, else shipped ones; they go back on sale. The amount may be left out."""
    order = order_of(shop, form)
    line, units = line_of(shop, order, form), positive(form)
    kind = "CANCEL" if line.unfulfilled >= units else "RETURN"
    row = {"line_item_id": line.id, "quantity": units, "restock_type": kind, "location_id": line.location_id}
    sim.refund(shop.domain, order, [row], money=amount(form, "amount"))


def return_part(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Shipped units come back by a return, and on sale again; money where an amount is typed."""
    order = order_of(shop, form)
    sim.return_goods(shop.domain, order, back_of(shop, order, form), money=amount(form, "amount"))


def exchange(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """As many units of another thing go out as come back."""
    order, units = order_of(shop, form), positive(form)
    other = variant_by_sku(shop, form.get("other_sku", ""))
    sim.return_goods(shop.domain, order, back_of(shop, order, form), exchange=[(other, units)])


def back_of(shop: Shop, order: Order, form: dict[str, str]) -> dict[int, int]:
    return {line_of(shop, order, form).id: positive(form)}


def cancel_named(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.cancel(shop.domain, order_of(shop, form), restock=True)


def move(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """So many units of a SKU; all that is open without one."""
    order = order_of(shop, form)
    units = {line_of(shop, order, form).id: positive(form)} if form.get("sku", "").strip() else None
    sim.move_order(shop.domain, order, number(form, "location"), units)


def delete_named(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.delete_order(shop.domain, order_of(shop, form))


def write_note(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.change_words(shop.domain, order_of(shop, form), note=form.get("note", "").strip() or None)


def change_draft(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """One unit more of its first line: what an open copy looks like that somebody has touched."""
    draft = shop.drafts[number(form, "draft")]
    first = draft.lines[0]
    sim.change_draft(shop.domain, draft, quantities={first.id: first.quantity + 1})


ACTIONS = {
    "change_draft": change_draft,
    "delete_named": delete_named,
    "write_note": write_note,
    "edit_add": add_units,
    "edit_restock": take_off,
    "edit_write_off": write_off,
    "pay_part": pay_part,
    "refund_part": refund_part,
    "return_part": return_part,
    "exchange": exchange,
    "cancel_named": cancel_named,
    "move": move,
}
