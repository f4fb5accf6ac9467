"""The control API's orders, drafts and customers: what buyers and the merchant do, and a look at the outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal

from tests.simulator.control.looks import number
from tests.simulator.state.gids import gid
from tests.simulator.state.order_money import (
    current_grand_total,
    financial_status,
    fulfillment_status,
    grand_total,
    outstanding,
)
from tests.simulator.state.orders import Draft, Order

# Looks


def list_orders(sim, domain: str) -> list[dict]:
    return [describe_order(order) for order in sim.shops[domain].orders.values()]


def describe_order(order: Order) -> dict:
    """Everything about an order, its amounts as texts."""
    lines = [{**_plain(asdict(line)), "unfulfilled": line.unfulfilled} for line in order.lines]
    return {
        **_plain(asdict(order)),
        "gid": gid("Order", order.id),
        "lines": lines,
        "total": _plain(grand_total(order).shop),
        "current_total": _plain(current_grand_total(order).shop),
        "outstanding": _plain(outstanding(order).shop),
        "financial_status": financial_status(order),
        "fulfillment_status": fulfillment_status(order),
    }


def _plain(value: object) -> object:
    """Amounts as texts, in any depth: JSON has no decimals."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def describe_draft(draft: Draft) -> dict:
    total = _plain(grand_total(draft).shop)
    return {**_plain(asdict(draft)), "gid": gid("DraftOrder", draft.id), "name": draft.name, "total": total}


def read_order(sim, domain: str, order_id: object) -> dict:
    return describe_order(_order(sim, domain, order_id))


def list_drafts(sim, domain: str) -> list[dict]:
    return [describe_draft(draft) for draft in sim.shops[domain].drafts.values()]


def list_customers(sim, domain: str) -> list[dict]:
    return [asdict(customer) for customer in sim.shops[domain].customers.values()]


def list_mails(sim, domain: str) -> list[dict]:
    """What customers would have got by mail."""
    return sim.shops[domain].mails


# Moves


def buy(
    sim,
    domain: str,
    lines: list | None = None,
    variant_id: object = None,
    quantity: int = 1,
    location_id: object = None,
    force: bool = False,
    bypass: bool = False,
) -> dict:
    """One variant, or `lines` of [variant id, quantity]."""
    wanted = [(number(variant), int(count)) for variant, count in lines or [[variant_id, quantity]]]
    place = None if location_id is None else number(location_id)
    return describe_order(sim.buy_lines(domain, wanted, location_id=place, force=bool(force), bypass=bool(bypass)))


def fulfil_order(sim, domain: str, order_id: object, quantities: dict | None = None, **tracking) -> dict:
    """`quantities`: {line id: units}; number=, company=, url= of the parcel."""
    order = _order(sim, domain, order_id)
    units = None if quantities is None else {number(key): int(value) for key, value in quantities.items()}
    sim.fulfil(domain, order, units, **tracking)
    return describe_order(order)


def cancel_fulfilments(sim, domain: str, order_id: object) -> dict:
    """Takes back all shipments of an order."""
    order = _order(sim, domain, order_id)
    for made in order.fulfillments:
        if made.status != "CANCELLED":
            sim.cancel_fulfilment(domain, made)
    return describe_order(order)


def cancel_order(sim, domain: str, order_id: object, restock: bool = True) -> dict:
    order = _order(sim, domain, order_id)
    sim.cancel(domain, order, restock=bool(restock))
    return describe_order(order)


def refund_order(
    sim, domain: str, order_id: object, lines: list[dict] | None = None, money: object = None, note: str = ""
) -> dict:
    """`lines`: [{line_item_id, quantity, restock_type, location_id?}]; without: everything, restocked as it fits."""
    order = _order(sim, domain, order_id)
    rows = [{**row, "line_item_id": number(row["line_item_id"])} for row in lines] if lines else _whole_refund(order)
    sim.refund(domain, order, rows, money=money, note=note)
    return describe_order(order)


def _whole_refund(order: Order) -> list[dict]:
    rows = []
    for line in order.lines:
        for quantity, kind in ((line.unfulfilled, "CANCEL"), (line.fulfilled, "RETURN")):
            if quantity:
                rows.append({"line_item_id": line.id, "quantity": quantity, "restock_type": kind})
    return rows


def place_order(sim, domain: str, lines: list, **details) -> dict:
    """`lines`: [variant id, quantity] or {variant_id | title, quantity, price, discount, …}; see order_build.py."""
    rows = [_line(row) for row in lines]
    for name in ("location_id", "counter"):
        if details.get(name) is not None:
            details[name] = number(details[name])
    return describe_order(sim.place_order(domain, rows, **details))


def _line(row: dict | Iterable) -> dict | tuple:
    if isinstance(row, dict):
        return {**row, "variant_id": number(row["variant_id"])} if row.get("variant_id") else row
    variant, quantity = row
    return number(variant), int(quantity)


def pay_order(sim, domain: str, order_id: object, amount: object = None, gateway: str = "bogus") -> dict:
    """All that is owed, or a part of it in the order's currency."""
    order = _order(sim, domain, order_id)
    sim.pay_order(domain, order, amount=amount, gateway=gateway)
    return describe_order(order)


def edit_order(
    sim,
    domain: str,
    order_id: object,
    quantities: dict | None = None,
    add: list | None = None,
    back_to_stock: bool = True,
    note: str = "",
    notify: bool = False,
    discounts: dict | None = None,
) -> dict:
    """`quantities`: {line id: units that stay, or more}; `add`: [variant id, units] or a line as for place_order;
    `discounts`: {line id: amount off each unit}."""
    order = _order(sim, domain, order_id)
    wanted = {number(line_id): int(units) for line_id, units in (quantities or {}).items()}
    rows = [_line(row) for row in add or ()]
    less = {number(line_id): amount for line_id, amount in (discounts or {}).items()}
    sim.edit_order(
        domain,
        order,
        quantities=wanted,
        add=rows,
        back_to_stock=bool(back_to_stock),
        note=note,
        notify=bool(notify),
        discounts=less,
    )
    return describe_order(order)


def exchange(sim, domain: str, order_id: object, back: dict, add: list) -> dict:
    """`back`: {line id: shipped units that come back}; `add`: [variant id, units that go out]."""
    order = _order(sim, domain, order_id)
    variant, units = add
    sim.exchange(
        domain, order, {number(line): int(count) for line, count in back.items()}, (number(variant), int(units))
    )
    return describe_order(order)


def return_goods(
    sim, domain: str, order_id: object, back: dict, exchange: list | None = None, location_id: object = None, **how
) -> dict:
    """`back`: {line id: shipped units}; `exchange`: [[variant id, units]]; restock=, money=, is_processed=."""
    order = _order(sim, domain, order_id)
    units = {number(line): int(count) for line, count in back.items()}
    place = None if location_id is None else number(location_id)
    rows = [(number(variant), int(count)) for variant, count in exchange or ()]
    sim.return_goods(domain, order, units, exchange=rows, location_id=place, **how)
    return describe_order(order)


def move_order(sim, domain: str, order_id: object, location_id: object, quantities: dict | None = None) -> dict:
    """{line id: units}, all that is open without: they ship from this location."""
    order = _order(sim, domain, order_id)
    units = None if quantities is None else {number(line): int(count) for line, count in quantities.items()}
    sim.move_order(domain, order, number(location_id), units)
    return describe_order(order)


def change_tracking(
    sim, domain: str, order_id: object, place: int = 0, company: str | None = None, number: str = "", url: str = ""
) -> dict:
    """Of the order's fulfilment at this place, from 0."""
    order = _order(sim, domain, order_id)
    sim.change_tracking(domain, order.fulfillments[int(place)], company, number, url)
    return describe_order(order)


def complete_draft(sim, domain: str, draft_id: object, paid: bool = True) -> dict:
    draft = sim.shops[domain].drafts[number(draft_id)]
    return describe_order(sim.complete_draft(domain, draft, paid=bool(paid)))


def delete_order(sim, domain: str, order_id: object) -> dict:
    sim.delete_order(domain, _order(sim, domain, order_id))
    return {}


def change_words(sim, domain: str, order_id: object, **words) -> dict:
    """note=, tags=, po_number=, email=, phone=, name=, note_attributes=[[name, value]]."""
    order = _order(sim, domain, order_id)
    sim.change_words(domain, order, **words)
    return describe_order(order)


def change_draft(
    sim, domain: str, draft_id: object, quantities: dict | None = None, add: list | None = None, **words
) -> dict:
    """`quantities`: {line id: units, 0 takes it away}; `add`: [[variant id, units]]; note=, tags=, …"""
    draft = sim.shops[domain].drafts[number(draft_id)]
    units = {number(line): int(count) for line, count in (quantities or {}).items()}
    rows = [(number(variant), int(count)) for variant, count in add or ()]
    sim.change_draft(domain, draft, quantities=units, add=rows, **words)
    return describe_draft(draft)


def delete_draft(sim, domain: str, draft_id: object) -> dict:
    sim.delete_draft(domain, sim.shops[domain].drafts[number(draft_id)])
    return {}


def _order(sim, domain: str, order_id: object) -> Order:
    return sim.shops[domain].orders[number(order_id)]
