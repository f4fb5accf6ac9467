"""Customers of a simulated shop: e-mail and phone belong to one of them only."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from tests.simulator.state.orders import Address, Customer
from tests.simulator.state.shop import Shop

FIELDS = {one.name for one in fields(Customer)} - {"id", "created_at", "updated_at"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,20}\Z")


class TakenError(ValueError):
    """`field` (email or phone) belongs to another customer."""

    def __init__(self, field: str):
        super().__init__(f"the {field} belongs to another customer")
        self.field = field


def find_customer(shop: Shop, *, email: str | None = None, phone: str | None = None) -> Customer | None:
    """By e-mail in any case, or by the digits of the phone."""
    if email:
        wanted = email.casefold()
        found = next((row for row in shop.customers.values() if row.email and row.email.casefold() == wanted), None)
        if found is not None:
            return found
    if phone:
        number = digits(phone)
        return next((row for row in shop.customers.values() if row.phone and digits(row.phone) == number), None)
    return None


def digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def upsert_customer(shop: Shop, now: int, *, id: int | None = None, **given: Any) -> Customer:
    """The customer with this id, else with this e-mail, else with this phone, else a new one; then updated.

    Raises TakenError when e-mail or phone belongs to another one, KeyError for an unknown field or id.
    """
    unknown = set(given) - FIELDS
    if unknown:
        raise KeyError(f"a customer has no {sorted(unknown)}")
    email, phone = given.get("email"), given.get("phone")
    customer = shop.customers[id] if id is not None else find_customer(shop, email=email)
    if customer is None and not email:
        customer = find_customer(shop, phone=phone)
    check_free(shop, customer, email, phone)
    topic = "CUSTOMERS_UPDATE"
    if customer is None:
        customer = Customer(shop.next_id(), now, now)
        shop.customers[customer.id] = customer
        topic = "CUSTOMERS_CREATE"
    for name, value in given.items():
        if value is not None:
            setattr(customer, name, value)
    customer.updated_at = now
    for address in customer.addresses:
        if isinstance(address, Address) and customer.default_address is None:
            customer.default_address = address
    shop.publish([(topic, (customer.id,))])
    return customer


def check_free(shop: Shop, own: Customer | None, email: str | None, phone: str | None) -> None:
    """Raises TakenError."""
    for field, found in (("email", find_customer(shop, email=email)), ("phone", find_customer(shop, phone=phone))):
        if found is not None and found is not own:
            raise TakenError(field)
