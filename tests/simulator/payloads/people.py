"""REST bodies of customers and addresses (shopify.md 4.6)."""

from __future__ import annotations

from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Address, Customer
from tests.simulator.state.shop import Shop


def address_body(address: Address | None) -> dict | None:
    """A blank part is an empty text, as the storefront sends it, except the optional ones."""
    if address is None:
        return None
    names = ["first_name", "last_name", "address1", "city", "zip", "province", "country", "phone"]
    return {
        **{name: getattr(address, name) or "" for name in names},
        "address2": address.address2,
        "company": address.company,
        "latitude": None,
        "longitude": None,
        "name": address.name,
        "country_code": address.country_code or "",
        "province_code": address.province_code or "",
    }


def customer_in_order(customer: Customer, currency: str) -> dict:
    found = {
        "id": customer.id,
        "created_at": iso_offset(customer.created_at),
        "updated_at": iso_offset(customer.updated_at),
        "first_name": customer.first_name or "",
        "last_name": customer.last_name or "",
        "state": "disabled",
        "note": customer.note,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": customer.tax_exempt,
        "email": customer.email or "",
        "phone": customer.phone,
        "currency": currency,
        "tax_exemptions": [],
        "tags": ", ".join(sorted(customer.tags)),
        "admin_graphql_api_id": gid("Customer", customer.id),
    }
    address = address_body(customer.default_address) or address_body(Address())
    number = customer.default_address.id if customer.default_address else customer.id
    country = address["country"]
    more = {"id": number, "customer_id": customer.id, "country_name": country, "default": True}
    return {**found, "default_address": {**address, **more}}


def customer_body(shop: Shop, customer_id: int) -> dict | None:
    customer = shop.customers.get(customer_id)
    if customer is None:
        return None
    body = customer_in_order(customer, shop.currency)
    if not shop.knobs.protected_data:
        body |= dict.fromkeys(["first_name", "last_name", "email", "phone", "default_address", "note"])
    return body
