"""Reads the fields of a form of the pages; what is wrong is said in words."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tests.simulator.mutations.inventory import LIMIT
from tests.simulator.state.shop import Shop


class ActionError(ValueError):
    """A button cannot do what was asked; the message is shown on the page."""


def number(form: dict[str, str], name: str) -> int:
    """A whole number of the form. Raises ActionError."""
    try:
        return int(form.get(name, ""))
    except ValueError:
        raise ActionError(f"{name.replace('_', ' ')}: a whole number is needed.") from None


def quantity_of(form: dict[str, str]) -> int:
    """A quantity within Shopify's limits (shopify.md 3.4). Raises ActionError."""
    quantity = number(form, "quantity")
    if abs(quantity) > LIMIT:
        raise ActionError(f"quantity: Shopify takes no more than {LIMIT:,}, above or below zero.")
    return quantity


def positive(form: dict[str, str]) -> int:
    quantity = quantity_of(form)
    if quantity < 1:
        raise ActionError("quantity: at least 1 is needed.")
    return quantity


def variant_by_sku(shop: Shop, sku: str) -> int:
    """The first variant with this SKU. Raises ActionError."""
    wanted = sku.strip().casefold()
    for item in shop.items.values():
        if (item.sku or "").strip().casefold() == wanted:
            return item.variant_id
    raise ActionError(f"Nothing here has the SKU {sku.strip()}.")


def amount(form: dict[str, str], name: str) -> Decimal | None:
    """An amount of the form, None for a blank one. Raises ActionError."""
    try:
        return Decimal(form[name].strip().replace(",", ".")) if form.get(name, "").strip() else None
    except InvalidOperation:
        raise ActionError(f"{name}: a number is needed.") from None
