"""orderCreate: as unforgiving as shopify.md 7.1. Two calls make two orders: it has no idempotency."""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.metafields import check_all, put_all
from tests.simulator.events.order_build import discount_order
from tests.simulator.events.order_moves import ship
from tests.simulator.events.order_stock import OutOfStockError, Router, claim
from tests.simulator.events.stock import StockAction
from tests.simulator.events.storefront import register, tell_created
from tests.simulator.mutations.orders.create_lines import LineReader, read_taxes, split_order_taxes
from tests.simulator.mutations.orders.customers import CustomerPlan, plan_customer
from tests.simulator.mutations.orders.input import (
    Findings,
    MoneyReader,
    only,
    read_address,
    read_pairs,
    read_tags,
    seconds_of,
)
from tests.simulator.reads.shop import number_of
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Exchange
from tests.simulator.state.orders import Order, ShippingLine, Transaction

KNOWN = """
billingAddress closedAt currency customAttributes customer customerId discountCode email financialStatus
fulfillment fulfillmentStatus lineItems metafields name note phone poNumber presentmentCurrency processedAt
shippingAddress shippingLines sourceIdentifier sourceUrl tags taxLines taxesIncluded test transactions
"""
TRANSACTION = ("amountSet", "authorizationCode", "gateway", "kind", "processedAt", "receiptJson", "status", "test")
TOO_MANY = "Too many attempts. Please try again later."
UNCLAIMED = "Unable to claim inventory for the line item: there is not enough of it"
MINUTE = 60


def create_order(root, call: Call, arguments: dict) -> dict:
    """Mutation.orderCreate: validates everything, then makes the order in one step."""
    given, options = arguments["order"], arguments.get("options") or {}
    behaviour = options.get("inventoryBehaviour") or "BYPASS"
    only(given, KNOWN.split(), "OrderCreateOrderInput")
    found = Findings(names_fields=call.shop.knobs.names_refused_fields)
    if _is_too_fast(call):
        found.refuse(None, TOO_MANY, None)
        return {"order": None, "userErrors": found.errors}
    made = _Creation(call, given, behaviour, found)
    order = made.read()
    if found.errors:
        return {"order": None, "userErrors": found.errors}
    made.commit(order)
    if options.get("sendReceipt") and order.email:
        call.shop.mails.append({"kind": "receipt", "to": order.email, "order": order.name, "at": call.now})
    return {"order": order, "userErrors": []}


def _is_too_fast(call: Call) -> bool:
    """Row 27: a development or trial store takes 5 a minute."""
    limit, now = call.shop.knobs.orders_per_minute, call.simulator.clock.seconds()
    return limit is not None and sum(1 for at in call.shop.orders_made_at if at > now - MINUTE) >= limit


class _Creation:
    """One order on its way; `read` changes nothing, `commit` does everything."""

    def __init__(self, call: Call, given: dict, behaviour: str, found: Findings):
        self.call = call
        self.shop = call.shop
        self.clock: Clock = call.simulator.clock
        self.given = given
        self.behaviour = behaviour
        self.found = found
        self.currency = given.get("currency") or self.shop.currency
        self.presentment = given.get("presentmentCurrency")
        self.money = MoneyReader(found, self.currency, self.presentment)
        self.customer = CustomerPlan()

    def read(self) -> Order:
        given, found, now = self.given, self.found, self.call.now
        order = Order(self.shop.next_id(), 0, now, now, self._processed_at(), self.currency)
        order.presentment_currency = self.presentment or self.currency
        order.client_id, order.source_name = self.call.app.client_id, "4242"
        for name, field in (("name", "name"), ("note", "note"), ("poNumber", "po_number"), ("email", "email"),
                            ("phone", "phone"), ("sourceIdentifier", "source_identifier"),
                            ("sourceUrl", "source_url")):  # fmt: skip
            setattr(order, field, given.get(name) or ("" if field == "name" else None))
        order.test, order.taxes_included = bool(given.get("test")), bool(given.get("taxesIncluded"))
        order.tags = read_tags(given.get("tags"), found, ["order", "tags"])
        order.note_attributes = read_pairs(given.get("customAttributes"))
        order.closed_at = seconds_of(given["closedAt"]) if given.get("closedAt") else None
        for name, field in (("shippingAddress", "shipping_address"), ("billingAddress", "billing_address")):
            setattr(order, field, read_address(given.get(name), self.shop.next_id(), found, ["order", name]))
        order.lines = LineReader(self.call, self.money, found).lines(given)
        self._read_shipping(order)
        self._read_discount(order)
        self._read_taxes(order)
        self._read_payment(order)
        self._check_fulfillment()
        self.customer = plan_customer(self.call, given, found)
        self.fields, problems = check_all(self.shop, ("Order", 0), given.get("metafields"))
        for path, message, _ in problems:
            found.refuse(["order", "metafields", *path], message)
        self._route(order)
        return order

    def _processed_at(self) -> int:
        """A future instant becomes now since 2026-07; before that it was an error."""
        text, now = self.given.get("processedAt"), self.call.now
        wanted = seconds_of(text) if text else now
        if wanted > now and self.call.version < "2026-07":
            self.found.refuse(["order", "processedAt"], "Processed at can't be in the future", "PROCESSED_AT_INVALID")
        return min(wanted, now)

    def _read_shipping(self, order: Order) -> None:
        for index, row in enumerate(self.given.get("shippingLines") or ()):
            path = ["order", "shippingLines", index]
            if not row["title"].strip():
                self.found.refuse([*path, "title"], "Title can't be blank")
            price = self.money.bag(row["priceSet"], [*path, "priceSet"])
            if price is None:
                continue
            line = ShippingLine(self.shop.next_id(), row["title"], price, row.get("code"), row.get("source"))
            line.tax_lines = read_taxes(self.money, self.found, row.get("taxLines"), [*path, "taxLines"])
            order.shipping_lines.append(line)

    def _read_discount(self, order: Order) -> None:
        """One code at most (shopify.md 7.1)."""
        given = {name: value for name, value in (self.given.get("discountCode") or {}).items() if value}
        path = ["order", "discountCode"]
        if not given:
            return
        if len(given) > 1:
            self.found.refuse(path, "Only one discount code can be specified")
            return
        [(kind, row)] = given.items()
        exchange = Exchange(order.currency, order.presentment_currency)
        if kind == "freeShippingDiscountCode":
            discount_order(order, exchange, kind="code", title=row["code"], free_shipping=True)
            return
        percentage, amount = None, None
        if kind == "itemPercentageDiscountCode":
            percentage = Decimal(str(row.get("percentage") or 0))
        elif row.get("amountSet"):
            amount = self.money.bag(row["amountSet"], [*path, kind, "amountSet"])
        if not percentage and not amount:
            self.found.refuse([*path, kind], "Discount must have a value")
            return
        discount_order(order, exchange, kind="code", title=row["code"], percentage=percentage, amount=amount)

    def _read_taxes(self, order: Order) -> None:
        """On the order or on lines, not both; on the order they are split over the taxable lines."""
        rows = self.given.get("taxLines") or []
        taxes = read_taxes(self.money, self.found, rows, ["order", "taxLines"])
        if rows and any(line.tax_lines for line in [*order.lines, *order.shipping_lines]):
            message = "Tax lines must be specified on either the order or the line items, but not both"
            self.found.refuse(["order", "taxLines"], message)
            return
        split_order_taxes(order, taxes)

    def _read_payment(self, order: Order) -> None:
        order.financial_status = self.given.get("financialStatus")
        order.is_without_status = order.financial_status is None
        order.fulfillment_label = self.given.get("fulfillmentStatus")
        for index, row in enumerate(self.given.get("transactions") or ()):
            only(row, TRANSACTION, "OrderCreateOrderTransactionInput")
            amount = self.money.bag(row["amountSet"], ["order", "transactions", index, "amountSet"])
            if amount is None:
                continue
            at = seconds_of(row["processedAt"]) if row.get("processedAt") else order.processed_at
            gateway, code = row.get("gateway") or "manual", row.get("authorizationCode")
            order.transactions.append(
                Transaction(self.shop.next_id(), order.id, row["kind"], row["status"], gateway, amount, self.call.now,
                            at, bool(row.get("test")), authorization=code)
            )  # fmt: skip

    def _check_fulfillment(self) -> None:
        given = self.given.get("fulfillment")
        if given is None:
            return
        only(given, ("locationId", "notifyCustomer", "trackingCompany", "trackingNumber", "trackingNumbers"),
             "OrderCreateFulfillmentInput")  # fmt: skip
        if number_of(given["locationId"], "Location") not in self.shop.locations:
            self.found.refuse(["order", "fulfillment", "locationId"], "Location does not exist")

    def _route(self, order: Order) -> None:
        """Where units are taken from. BYPASS, the default, claims nothing (row 26)."""
        if self.behaviour == "BYPASS" or self.found.errors:
            return
        given, place = self.given.get("fulfillment"), None
        if given and self.shop.knobs.fulfilled_at == "location":
            place = number_of(given["locationId"], "Location")
        router = Router(self.shop, location_id=place, force=self.behaviour == "DECREMENT_IGNORING_POLICY")
        for index, line in enumerate(order.lines):
            if line.variant_id is None:
                continue
            try:
                line.location_id = router.choose(self.shop.variants[line.variant_id], line.quantity)
            except OutOfStockError:
                path = ["order", "lineItems", index, "quantity"]
                self.found.refuse(path, UNCLAIMED, "INVENTORY_CLAIM_FAILED")

    def commit(self, order: Order) -> None:
        call, shop = self.call, self.shop
        shop.orders_made_at.append(self.clock.seconds())
        self.customer.carry_out(call, order)
        register(shop, order)
        put_all(shop, ("Order", order.id), self.fields, call.now)
        action = StockAction(shop, self.clock.seconds(), f"api:{call.app.client_id}", f"order:{order.id}")
        for line in order.lines:
            claim(action, line)
        tell_created(action, order)
        action.close()
        self._fulfil(order)

    def _fulfil(self, order: Order) -> None:
        """All lines at once ([S] OrderCreateFulfillmentInput)."""
        given = self.given.get("fulfillment")
        if given is None:
            return
        numbers = given.get("trackingNumbers") or [one for one in [given.get("trackingNumber")] if one]
        place = number_of(given["locationId"], "Location")
        lines = {line.id: line.quantity for line in order.lines}
        ship(self.shop, self.clock, order, place, lines, company=given.get("trackingCompany"), numbers=numbers)


RESOLVERS = {"Mutation.orderCreate": create_order}
