"""Pure: who ordered, as a copy says it: e-mail, phone, customer and addresses; and with less of them, where refused."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orders.copies.rules.named import add_attribute, filled
from stores.shopify.errors import UserErrors
from stores.shopify.orders.order_records import Address, OrderRecord

# Attributes with what Shopify is not told as its own fields: it would look for a customer, or refuse it.
EMAIL = "Email"
PHONE = "Phone"
CUSTOMERS, NOBODY, FIXED = "customer", "none", "fixed"


@dataclass(frozen=True, slots=True)
class Contact:
    """How a copy reaches whoever ordered; empty where it does not. `customer` is upserted, None: nobody is."""

    email: str
    phone: str
    customer: dict[str, Any] | None


def contact_of(order: OrderRecord, choice: str, fixed_email: str) -> Contact:
    """The contact of a copy: the customer's own, none, or one address for all copies of a connection."""
    if choice == NOBODY:
        return Contact("", "", None)
    if choice == FIXED:
        return Contact(fixed_email, "", None)
    email = order.email or (order.customer.email if order.customer else "")
    return Contact(email, order.phone, _customer(order))


def _customer(order: OrderRecord) -> dict[str, Any] | None:
    """Upserted by e-mail or phone. Somebody with neither would become a new customer with every order."""
    known = order.customer
    email = order.email or (known.email if known else "")
    phone = (known.phone if known else "") or order.phone
    if not email and not phone:
        return None
    address = order.shipping_address or order.billing_address or Address()
    first, last = (known.first_name, known.last_name) if known else ("", "")
    named = {"firstName": first or address.first_name, "lastName": last or address.last_name}
    return {"toUpsert": filled({"email": email, "phone": phone} | named)}


def address_input(address: Address | None) -> dict[str, str] | None:
    """MailingAddressInput, or None for an address that says nothing."""
    if address is None:
        return None
    return filled(
        {
            "firstName": address.first_name,
            "lastName": address.last_name,
            "company": address.company,
            "address1": address.address1,
            "address2": address.address2,
            "city": address.city,
            "zip": address.zip,
            "provinceCode": address.province_code,
            "countryCode": address.country_code,
            "phone": address.phone,
        }
    )


def without_phone(made: dict[str, Any]) -> dict[str, Any]:
    """The input of an order or a draft for another try, when its phone belongs to another customer or is no number.

    The phone moves to the attributes, so that it is not lost; addresses keep theirs. The input itself stays as it is.
    """
    return _without(made, "phone", "email", PHONE)


def without_email(made: dict[str, Any]) -> dict[str, Any]:
    """The input for another try, when its e-mail address is refused: it moves to the attributes."""
    return _without(made, "email", "phone", EMAIL)


def _without(made: dict[str, Any], name: str, other: str, attribute: str) -> dict[str, Any]:
    made = copy.deepcopy(made)
    upsert = made.get("customer", {}).get("toUpsert", {})
    value = made.pop(name, None) or upsert.get(name)
    upsert.pop(name, None)
    if "customer" in made and not upsert.get(other):
        del made["customer"]  # nothing left to recognise anybody by
    if value:
        made["customAttributes"] = add_attribute(made.get("customAttributes", ()), attribute, value)
    return made


def without_customer(made: dict[str, Any]) -> dict[str, Any]:
    """The input for another try, when Shopify does not take the customer: the addresses still name who ordered."""
    made = without_email(without_phone(made))
    return {key: value for key, value in made.items() if key != "customer"}


def without_address_phones(made: dict[str, Any]) -> dict[str, Any]:
    """The input for the last try, when Shopify does not take the phone of an address."""
    made = copy.deepcopy(made)
    for name, attribute in (("shippingAddress", "Phone for shipping"), ("billingAddress", "Phone for billing")):
        if phone := (made.get(name) or {}).pop("phone", None):
            made["customAttributes"] = add_attribute(made.get("customAttributes", ()), attribute, phone)
        if name in made and not made[name]:
            del made[name]
    return made


@dataclass(frozen=True, slots=True)
class Weakening:
    """What is left out of a copy when Shopify refuses it: `words` is its name, `is_named` in which refusals."""

    words: str
    is_named: tuple[str, ...]
    leave_out: Callable[[dict[str, Any]], dict[str, Any]]

    def fits(self, error: UserErrors) -> bool:
        """Whether the refusal is about it, by its field or, where it names none, by its message alone."""
        said = [f"{' '.join(map(str, found.field))} {found.message}".lower() for found in error.errors]
        return any(word in words for words in said for word in self.is_named)


_EMAIL_WORDS = ("email", "e-mail")
WEAKENINGS = (
    Weakening("the phone number", ("phone",), without_phone),
    Weakening("the e-mail address", _EMAIL_WORDS, without_email),
    Weakening("the customer", ("customer", "phone", *_EMAIL_WORDS), without_customer),
    Weakening("the phone numbers of the addresses", ("phone",), without_address_phones),
)
