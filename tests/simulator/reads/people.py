"""Resolvers of customers; without protected-data approval nobody is there (row 45)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.metafields import find_by_custom_id
from tests.simulator.events.customers import find_customer
from tests.simulator.reads.order_parts import address_of, list_page, protected
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.searching.keys import search_for
from tests.simulator.reads.shop import attribute, count_of, id_key, identity, number_of
from tests.simulator.state.orders import Customer
from tests.simulator.wire.problems import FieldError

DENIED = "This app is not approved to access the Customer object."


def _approved(call: Call) -> None:
    """Raises FieldError ACCESS_DENIED: the roots say no, fields inside other objects are null."""
    if not call.shop.knobs.protected_data:
        raise FieldError(
            DENIED, "ACCESS_DENIED", documentation="https://shopify.dev/docs/apps/launch/protected-customer-data"
        )


def customer(root, call: Call, arguments: dict) -> Customer | None:
    _approved(call)
    return call.shop.customers.get(number_of(arguments["id"], "Customer"))


def customers(root, call: Call, arguments: dict) -> Page:
    _approved(call)
    values = {
        "CREATED_AT": lambda row: row.created_at,
        "UPDATED_AT": lambda row: row.updated_at,
        "NAME": lambda row: row.display_name.casefold(),
    }
    value = values.get(arguments["sortKey"])
    key = id_key if value is None else lambda row: (value(row), row.id)
    accept = search_for(call, "customers", arguments.get("query"))
    return page_of(call, arguments, sorted(call.shop.customers.values(), key=key), key, accept)


def count_customers(root, call: Call, arguments: dict) -> dict:
    _approved(call)
    return count_of("customers")(root, call, arguments)


def customer_by_identifier(root, call: Call, arguments: dict) -> Customer | None:
    _approved(call)
    given = arguments["identifier"]
    if given.get("id"):
        return call.shop.customers.get(number_of(given["id"], "Customer"))
    if given.get("customId"):
        return find_by_custom_id(call.shop, "Customer", given["customId"])
    return find_customer(call.shop, email=given.get("emailAddress"), phone=given.get("phoneNumber"))


def _wrapped(name: str, field: str):
    def resolve(row: Customer, call: Call, arguments: dict) -> dict | None:
        value = getattr(row, name)
        return {field: value} if value and call.shop.knobs.protected_data else None

    return resolve


def _default_address(row: Customer, call: Call, arguments: dict) -> dict | None:
    return address_of(row.default_address, call)


def _addresses(row: Customer, call: Call, arguments: dict) -> Page:
    rows = [row.default_address, *row.addresses] if row.default_address else row.addresses
    unique = {one.id: one for one in rows}
    return list_page(call, arguments, [address_of(one, call) for one in unique.values()])


def _orders_of(row: Customer, call: Call) -> int:
    return sum(1 for order in call.shop.orders.values() if order.customer_id == row.id)


RESOLVERS = {
    "QueryRoot.customer": customer,
    "QueryRoot.customers": customers,
    "QueryRoot.customersCount": count_customers,
    "QueryRoot.customerByIdentifier": customer_by_identifier,
    **identity("Customer"),
    "Customer.firstName": protected("first_name"),
    "Customer.lastName": protected("last_name"),
    "Customer.email": protected("email"),
    "Customer.phone": protected("phone"),
    "Customer.displayName": attribute("display_name"),
    "Customer.note": protected("note"),
    "Customer.tags": lambda row, call, arguments: sorted(row.tags),
    "Customer.taxExempt": attribute("tax_exempt"),
    "Customer.locale": lambda row, call, arguments: "en",
    "Customer.state": lambda row, call, arguments: "DISABLED",
    "Customer.numberOfOrders": lambda row, call, arguments: str(_orders_of(row, call)),
    "Customer.defaultEmailAddress": _wrapped("email", "emailAddress"),
    "Customer.defaultPhoneNumber": _wrapped("phone", "phoneNumber"),
    "Customer.defaultAddress": _default_address,
    "Customer.addressesV2": _addresses,
}
