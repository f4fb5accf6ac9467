"""The customer of an orderCreate: associated, upserted or none; e-mails and phones belong to one customer only."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.customers import EMAIL, PHONE, TakenError, check_free, find_customer, upsert_customer
from tests.simulator.mutations.orders.input import Findings, only, read_tags
from tests.simulator.reads.shop import number_of
from tests.simulator.state.orders import Address, Customer, Order

UPSERT = {"firstName": "first_name", "lastName": "last_name", "email": "email", "phone": "phone", "note": "note",
          "taxExempt": "tax_exempt"}  # fmt: skip
TO_UPSERT = ["order", "customer", "toUpsert"]


class CustomerPlan:
    """What is to become of the customer once everything else is sound."""

    def __init__(self, known: Customer | None = None, given: dict | None = None):
        self.known = known
        self.given = given

    def carry_out(self, call: Call, order: Order) -> None:
        """Creates or updates the customer and makes the shipping address the default one."""
        customer = self.known
        if self.given is not None:
            customer = upsert_customer(call.shop, call.now, **self.given)
        if customer is None:
            return
        order.customer_id = customer.id
        customer.email = customer.email or order.email
        order.email = order.email or customer.email
        address = order.shipping_address or order.billing_address
        if address is not None:
            customer.default_address = address
            if not customer.first_name and not customer.last_name:
                customer.first_name, customer.last_name = address.first_name, address.last_name


def plan_customer(call: Call, given: dict, found: Findings) -> CustomerPlan:
    """Of an OrderCreateOrderInput. Both customer and customerId: REDUNDANT_CUSTOMER_FIELDS."""
    check_contact(found, given.get("email"), given.get("phone"), ["order"])
    customer = given.get("customer")
    if customer and given.get("customerId"):
        message = "Customer and customerId can't both be specified"
        found.refuse(["order", "customerId"], message, "REDUNDANT_CUSTOMER_FIELDS")
        return CustomerPlan()
    if given.get("customerId"):
        return CustomerPlan(_existing(call, found, given["customerId"], None, ["order", "customerId"]))
    if not customer:
        return _by_email(call, given.get("email"))
    if customer.get("toAssociate"):
        wanted = customer["toAssociate"]
        path = ["order", "customer", "toAssociate"]
        return CustomerPlan(_existing(call, found, wanted.get("id"), wanted.get("email"), path))
    return _upsert(call, customer.get("toUpsert") or {}, found)


def _by_email(call: Call, email: str | None) -> CustomerPlan:
    """An order with an e-mail alone has a customer, too: found, or newly made (row 50)."""
    if not email or not call.shop.knobs.drafts_find_customers:
        return CustomerPlan()
    known = find_customer(call.shop, email=email)
    return CustomerPlan(known) if known else CustomerPlan(given={"email": email})


def check_contact(found: Findings, email: str | None, phone: str | None, path: list) -> None:
    """Refuses what is no e-mail address and no phone number; where fields are not named, the order as a whole."""
    if email and not EMAIL.match(email):
        found.refuse([*path, "email"] if found.names_fields else path[:1], "Email is invalid")
    if phone and not PHONE.match(phone):
        found.refuse([*path, "phone"] if found.names_fields else path[:1], "Phone is invalid")


def _existing(call: Call, found: Findings, id: str | None, email: str | None, path: list) -> Customer | None:
    customer = call.shop.customers.get(number_of(id, "Customer")) if id else find_customer(call.shop, email=email)
    if customer is None:
        found.refuse(path, "Customer does not exist")
    return customer


def _upsert(call: Call, given: dict, found: Findings) -> CustomerPlan:
    only(given, [*UPSERT, "id", "tags", "addresses"], "OrderCreateUpsertCustomerAttributesInput")
    check_contact(found, given.get("email"), given.get("phone"), TO_UPSERT)
    own = None
    if given.get("id"):
        own = _existing(call, found, given["id"], None, [*TO_UPSERT, "id"])
        if own is None:
            return CustomerPlan()
    elif given.get("email"):
        own = find_customer(call.shop, email=given["email"])
    else:
        own = find_customer(call.shop, phone=given.get("phone"))
    try:
        check_free(call.shop, own, given.get("email"), given.get("phone"))
    except TakenError as problem:
        found.refuse([*TO_UPSERT, problem.field], f"{problem.field.capitalize()} has already been taken")
    values = {UPSERT[name]: value or None for name, value in given.items() if name in UPSERT}
    if given.get("tags"):
        values["tags"] = read_tags(given["tags"], found, [*TO_UPSERT, "tags"])
    if given.get("addresses"):
        values["addresses"] = [_address(call, row) for row in given["addresses"]]
    return CustomerPlan(given={"id": own.id if own else None, **values})


def _address(call: Call, row: dict) -> Address:
    names = {"firstName": "first_name", "lastName": "last_name"}
    return Address(call.shop.next_id(), **{names.get(name, name): value for name, value in row.items()})
