"""What the buttons of a store's page do: the same functions as the control API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulator.events.storefront import OutOfStockError
from tests.simulator.pages import staff_actions
from tests.simulator.pages.forms import ActionError, amount, number, positive, quantity_of, variant_by_sku
from tests.simulator.pages.orders import FORM_LINES
from tests.simulator.state.orders import LineItem, Order
from tests.simulator.state.shop import Shop
from tests.simulator.wire.faults import Fault


@dataclass(frozen=True, slots=True)
class FaultSwitch:
    """A fault of requests that stays on until it is switched off."""

    key: str
    label: str
    kind: str
    fields: tuple[tuple[str, Any], ...]

    def wanted(self) -> Fault:
        return Fault(self.kind, count=None, **dict(self.fields))

    def planned(self, sim: Any, shop: Shop) -> Fault | None:
        """The fault of this switch in the shop's plan, if it is on."""
        wanted = self.wanted().describe()
        return next((fault for fault in sim.faults(shop).listed() if fault.describe() == wanted), None)


@dataclass(frozen=True, slots=True)
class KnobSwitch:
    """A knob with a value for on and one for off."""

    key: str
    label: str
    knob: str
    on: Any
    off: Any

    def is_on(self, shop: Shop) -> bool:
        return getattr(shop.knobs, self.knob) == self.on


FAULTS = (
    FaultSwitch("lost", "Answers of writes get lost", "lost_answer", (("match", "any_mutation"),)),
    FaultSwitch("throttled", "Everything is throttled", "throttled", ()),
    FaultSwitch("unavailable", "503 with HTML", "http", (("status", 503),)),
    FaultSwitch("half", "Every second call: 502", "http", (("status", 502), ("probability", 0.5))),
    FaultSwitch("slow", "Answers take 3 seconds", "slow", (("seconds", 3.0),)),
    FaultSwitch("refused", "Token is refused (401)", "http", (("status", 401),)),
    FaultSwitch("frozen", "Store is frozen (402)", "http", (("status", 402),)),
)
PERSON = ("first_name", "last_name", "email", "phone")
PLACE = ("address1", "zip", "city", "country_code")
KNOBS = (
    KnobSwitch("drop", "All are lost", "drop_probability", 1.0, 0.0),
    KnobSwitch("duplicate", "All come twice", "duplicate_probability", 1.0, 0.0),
    KnobSwitch("delay", "5 to 15 seconds late", "deliver_delay_seconds", (5.0, 15.0), (0.0, 0.0)),
    KnobSwitch("late-body", "Body is built 5 seconds late", "serialise_delay_seconds", 5.0, 0.0),
    KnobSwitch("shuffle", "Out of order", "shuffle_window", 20, 0),
    KnobSwitch("protected", "Customers are hidden from apps", "protected_data", False, True),
    KnobSwitch("signature", "Wrong signature", "corrupt_signature", True, False),
)
CATALOG_KNOBS = (
    KnobSwitch("slow-jobs", "Jobs take 20 seconds", "job_seconds", 20.0, 1.0),
    KnobSwitch("failed-jobs", "Jobs fail", "job_error", "Error processing request in the background job.", None),
    KnobSwitch("slow-images", "Images take 20 seconds", "media_seconds", 20.0, 0.0),
    KnobSwitch("failed-images", "Images cannot be loaded", "media_fails", True, False),
)


def do(sim: Any, shop: Shop, form: dict[str, str]) -> str | None:
    """Run the action that `form` names. Returns a message when it cannot be done, else None."""
    actions = {
        "buy": buy,
        "restock": restock,
        "set": set_available,
        "refund": refund_variant,
        "fulfil": fulfil,
        "cancel_fulfilments": cancel_fulfilments,
        "cancel": cancel,
        "return": return_order,
        "place": place_order,
        "pay": pay,
        "complete": complete_draft,
        "delete_draft": delete_draft,
        "fault": switch_fault,
        "knob": switch_knob,
        "calm": calm,
        **staff_actions.ACTIONS,
    }
    action = actions.get(form.get("action", ""))
    if action is None:
        return "There is no such button."
    try:
        action(sim, shop, form)
    except OutOfStockError:
        return "Sold out: nobody may buy this many there. Variants that may be oversold can go below zero."
    except (ActionError, ValueError) as problem:
        return str(problem)
    except KeyError:
        return "That has gone meanwhile."
    return None


def place_of(shop: Shop, form: dict[str, str], item_id: int) -> int:
    """The chosen location; without a choice the first one where the item is stocked."""
    if form.get("location"):
        return number(form, "location")
    levels = [level for level in shop.levels_of(item_id) if level.is_active]
    return levels[0].location_id if levels else next(iter(shop.locations))


def buy(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    location = number(form, "location") if form.get("location") else None
    sim.buy(shop.domain, number(form, "variant"), positive(form), location_id=location)


def restock(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    item_id = shop.variants[number(form, "variant")].item_id
    sim.adjust(shop.domain, item_id, place_of(shop, form, item_id), positive(form))


def set_available(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    item_id = shop.variants[number(form, "variant")].item_id
    sim.set(shop.domain, item_id, place_of(shop, form, item_id), quantity_of(form))


def refund_variant(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Give back units of a variant on the newest order that still holds that many; they return to stock."""
    variant_id, quantity = number(form, "variant"), positive(form)
    for order in reversed(shop.orders.values()):
        for line in order.lines:
            if line.variant_id == variant_id and order.cancelled_at is None and max(rests(line)) >= quantity:
                sim.refund(shop.domain, order, [refund_row(line, quantity)])
                return
    raise ActionError("No order holds that many units of this to give back.")


def rests(line: LineItem) -> tuple[int, int]:
    """(units not shipped yet, units shipped) that can still be given back."""
    return line.unfulfilled, line.fulfilled


def refund_row(line: LineItem, quantity: int) -> dict[str, Any]:
    kind = "CANCEL" if line.unfulfilled >= quantity else "RETURN"
    return {"line_item_id": line.id, "quantity": quantity, "restock_type": kind, "location_id": line.location_id}


def order_of(shop: Shop, form: dict[str, str]) -> Order:
    return shop.orders[number(form, "order")]


def fulfil(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.fulfil(shop.domain, order_of(shop, form))


def cancel_fulfilments(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """All shipments of an order: what they hold is to be shipped again."""
    for made in order_of(shop, form).fulfillments:
        if made.status != "CANCELLED":
            sim.cancel_fulfilment(shop.domain, made)


def cancel(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.cancel(shop.domain, order_of(shop, form), restock=True)


def return_order(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Refund all that is left of an order and put it back on the shelf."""
    order = order_of(shop, form)
    rows = []
    for line in order.lines:
        for kind, units in zip(("CANCEL", "RETURN"), rests(line), strict=True):
            if units:
                row = {"line_item_id": line.id, "quantity": units, "restock_type": kind}
                rows.append({**row, "location_id": line.location_id})
    if not rows:
        raise ActionError("Nothing of this order is left to give back.")
    sim.refund(shop.domain, order, rows)


def place_order(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """The storefront's form: lines by SKU, discount, shipping, customer, address."""
    lines = []
    for place in range(FORM_LINES):
        if form.get(f"sku{place}", "").strip():
            row = {
                "variant_id": variant_by_sku(shop, form[f"sku{place}"]),
                "quantity": number(form, f"quantity{place}"),
            }
            lines.append({**row, "properties": property_of(form)})
    if not lines:
        raise ActionError("An order needs a line: type the SKU of something.")
    given = {name: form[name].strip() for name in (*PERSON, *PLACE, "note") if form.get(name, "").strip()}
    address = {name: given[name] for name in (*PERSON[:2], *PLACE) if name in given}
    customer = {name: given[name] for name in PERSON if name in given}
    sim.place_order(
        shop.domain,
        lines,
        customer=customer if customer.keys() & {"email", "phone"} else None,
        email=given.get("email"),
        shipping_address=address if address.keys() & set(PLACE) else None,
        billing_address=address if address.keys() & set(PLACE) else None,
        note=given.get("note"),
        discount=discount_of(form),
        shipping=amount(form, "shipping"),
        tax_rate=None if amount(form, "order_tax") else amount(form, "tax"),
        paid=not form.get("unpaid"),
        test=bool(form.get("test")),
        **more_of(form),
    )


def property_of(form: dict[str, str]) -> dict[str, str]:
    """A buyer's own words to a line: name and value around a colon."""
    name, _, value = form.get("property", "").partition(":")
    return {name.strip(): value.strip()} if name.strip() else {}


def more_of(form: dict[str, str]) -> dict[str, Any]:
    """PO number, a tax that stands at the order only, the buyer's currency, the till that sold it."""
    found: dict[str, Any] = {"po_number": form.get("po_number", "").strip() or None}
    tax, currency = amount(form, "order_tax"), form.get("buyer_currency", "").strip().upper()
    if tax is not None:
        found["order_tax"] = {"price": tax, "rate": amount(form, "tax") or 0}
    if currency:
        found |= {"presentment_currency": currency, "presentment_rate": amount(form, "rate") or 1}
    if form.get("counter"):
        found |= {"counter": number(form, "counter"), "handed_over": bool(form.get("handed_over"))}
    return found


def discount_of(form: dict[str, str]) -> dict[str, Any] | None:
    percentage = amount(form, "percentage")
    if percentage is None:
        return None
    code = form.get("code", "").strip()
    return {"percentage": percentage, **({"code": code} if code else {"title": "Offer"})}


def pay(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.pay_order(shop.domain, order_of(shop, form))


def complete_draft(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.complete_draft(shop.domain, shop.drafts[number(form, "draft")])


def delete_draft(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    sim.delete_draft(shop.domain, shop.drafts[number(form, "draft")])


def switch_fault(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    switch = {entry.key: entry for entry in FAULTS}[form.get("key", "")]
    planned = switch.planned(sim, shop)
    if planned is not None:
        sim.faults(shop).remove(planned)
    else:
        sim.faults(shop).add(switch.kind, count=None, **dict(switch.fields))


def switch_knob(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    switch = {entry.key: entry for entry in (*KNOBS, *CATALOG_KNOBS)}[form.get("key", "")]
    setattr(shop.knobs, switch.knob, switch.off if switch.is_on(shop) else switch.on)


def calm(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Switch everything off."""
    sim.faults(shop).clear()
    for switch in (*KNOBS, *CATALOG_KNOBS):
        setattr(shop.knobs, switch.knob, switch.off)
