"""Reads a DraftOrderInput (shopify.md 7.2): variants keep their title, SKU and price unless priceOverride is given."""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.metafields import check_all
from tests.simulator.events.customers import find_customer, upsert_customer
from tests.simulator.events.order_build import add_tax, discount_order, variant_line
from tests.simulator.mutations.orders.customers import check_contact
from tests.simulator.mutations.orders.input import Findings, only, read_address, read_pairs, read_tags, seconds_of
from tests.simulator.reads.shop import number_of
from tests.simulator.state.money import Bag, Exchange, read_amount
from tests.simulator.state.order_money import original_total
from tests.simulator.state.orders import Allocation, Draft, LineItem, ShippingLine, discount_application
from tests.simulator.wire.problems import NotSimulatedError

KNOWN = """
acceptAutomaticDiscounts allowDiscountCodesInCheckout appliedDiscount billingAddress customAttributes customerId email
lineItems metafields note phone poNumber presentmentCurrencyCode purchasingEntity reserveInventoryUntil shippingAddress
shippingLine tags taxExempt useCustomerDefaultAddress visibleToCustomer
"""
LINE = """
appliedDiscount customAttributes originalUnitPrice originalUnitPriceWithCurrency priceOverride quantity requiresShipping
sku taxable title uuid variantId weight
"""
KEPT = {
    "note": "note",
    "email": "email",
    "phone": "phone",
    "poNumber": "po_number",
}
PARTS = {
    "lineItems": ("lines", "overrides", "uuids", "discounts"),
    "shippingLine": ("shipping_lines",),
    "shippingAddress": ("shipping_address",),
    "billingAddress": ("billing_address",),
    "tags": ("tags",),
    "customAttributes": ("note_attributes",),
    "reserveInventoryUntil": ("reserve_until",),
    "purchasingEntity": ("customer_id",),
    "taxExempt": ("tax_exempt",),
}


class DraftReader:
    """Fills a draft from an input; what is wrong goes to `found`. Paths begin below `input`, as in its answers."""

    def __init__(self, call: Call, draft: Draft, found: Findings):
        self.call = call
        self.shop = call.shop
        self.draft = draft
        self.found = found
        self.exchange = Exchange(draft.currency, draft.presentment_currency)
        self.new_customer = False  # whether its e-mail is nobody's yet

    def read(self, given: dict, before: Draft | None = None) -> None:
        """`before`: an update takes what is not given from the draft as it was."""
        only(given, KNOWN.split(), "DraftOrderInput")
        self._check_currency()
        draft = self.draft
        for name, field in KEPT.items():
            value = given[name] if name in given else before and getattr(before, field)
            setattr(draft, field, value or None)
        check_contact(self.found, draft.email, draft.phone, [])
        draft.tax_exempt = bool(given.get("taxExempt"))
        draft.tags = read_tags(given.get("tags"), self.found, ["tags"])
        draft.note_attributes = read_pairs(given.get("customAttributes"))
        for name, field in (("shippingAddress", "shipping_address"), ("billingAddress", "billing_address")):
            setattr(draft, field, read_address(given.get(name), self.shop.next_id(), self.found, [name]))
        self._read_customer(given)
        self._read_reservation(given)
        draft.lines = [line for index, row in enumerate(given.get("lineItems") or ())
                       if (line := self._line(row, ["lineItems", index])) is not None]  # fmt: skip
        self._read_shipping(given.get("shippingLine"))
        if before is not None:
            self._keep(given, before)
        if given.get("appliedDiscount"):
            self._order_discount(given["appliedDiscount"])
        self._tax(before is None or "lineItems" in given)
        owner = ("DraftOrder", before.id if before else 0)
        self.fields, problems = check_all(self.shop, owner, given.get("metafields"))
        for path, message, _ in problems:
            self.found.refuse(["metafields", *path], message)

    def add_customer(self, draft: Draft) -> None:
        """Once everything is sound: an e-mail that nobody has makes a customer (row 50)."""
        if self.new_customer:
            draft.customer_id = upsert_customer(self.shop, self.call.now, email=draft.email).id

    def _keep(self, given: dict, before: Draft) -> None:
        if given.get("appliedDiscount") and "lineItems" not in given:
            raise NotSimulatedError("The simulator changes a draft's discount together with its lines only")
        for name, fields in PARTS.items():
            if name not in given:
                for field in fields:
                    setattr(self.draft, field, getattr(before, field))

    def _tax(self, new_lines: bool) -> None:
        """A draft is taxed by Shopify's own rates unless it is exempt: the knob says at which rate.

        Where it has a customer, the customer's own setting counts in place of the draft's ([S] DraftOrderInput).
        """
        rate = self.shop.knobs.draft_tax_rate
        customer = self.shop.customers.get(self.draft.customer_id)
        is_exempt = customer.tax_exempt if customer else self.draft.tax_exempt and not self.new_customer
        if rate is not None and not is_exempt and new_lines:
            for line in [*self.draft.lines, *self.draft.shipping_lines]:
                add_tax(self.draft, line, Decimal(rate), "VAT", self.exchange)

    def _check_currency(self) -> None:
        """One rate for all currencies would be an invention: another currency than the shop's is not simulated."""
        if self.draft.presentment_currency != self.draft.currency:
            message = f"Presentment currency code must be enabled in the shop: {self.draft.presentment_currency} is not"
            self.found.refuse(["presentmentCurrencyCode"], message)

    def _read_customer(self, given: dict) -> None:
        entity = given.get("purchasingEntity") or {}
        only(entity, ("customerId",), "PurchasingEntityInput")
        wanted = entity.get("customerId") or given.get("customerId")
        if wanted is None:
            if self.shop.knobs.drafts_find_customers and self.draft.email:
                known = find_customer(self.shop, email=self.draft.email)
                self.draft.customer_id = known and known.id
                self.new_customer = known is None
            return
        customer = self.shop.customers.get(number_of(wanted, "Customer"))
        if customer is None:
            self.found.refuse(["purchasingEntity", "customerId"], "Customer does not exist")
            return
        self.draft.customer_id = customer.id
        self.draft.email = self.draft.email or customer.email

    def _read_reservation(self, given: dict) -> None:
        text = given.get("reserveInventoryUntil")
        if text is None:
            return
        self.draft.reserve_until = seconds_of(text)
        if self.draft.reserve_until <= self.call.now:
            self.found.refuse(["reserveInventoryUntil"], "Reserve inventory until must be in the future")

    # Lines

    def _line(self, row: dict, path: list) -> LineItem | None:
        only(row, LINE.split(), "DraftOrderLineItemInput")
        if row["quantity"] < 1:
            self.found.refuse([*path, "quantity"], "Quantity must be greater than or equal to 1")
            return None
        line = self._variant(row, path) if row.get("variantId") else self._custom(row, path)
        if line is None:
            return None
        line.properties = read_pairs(row.get("customAttributes"))
        if row.get("uuid"):
            self.draft.uuids[line.id] = row["uuid"]
        if row.get("appliedDiscount"):
            self._line_discount(line, row["appliedDiscount"])
        return line

    def _variant(self, row: dict, path: list) -> LineItem | None:
        """Title, SKU, price, weight and taxable of the input are ignored with a variant; priceOverride counts."""
        variant_id = number_of(row["variantId"], "ProductVariant")
        if variant_id not in self.shop.variants:
            self.found.refuse([*path, "variantId"], f"Product with ID {variant_id} is no longer available.")
            return None
        line = variant_line(self.shop, variant_id, row["quantity"], self.exchange)
        if row.get("priceOverride"):
            price = self._amount(row["priceOverride"], [*path, "priceOverride"])
            if price is None:
                return None
            line.price = price
            self.draft.overrides[line.id] = price.presentment
        return line

    def _custom(self, row: dict, path: list) -> LineItem | None:
        title = (row.get("title") or "").strip()
        if not title:
            self.found.refuse([*path, "title"], "Title can't be blank")
            return None
        plain = row.get("originalUnitPrice")
        given = row.get("originalUnitPriceWithCurrency") or (
            None if plain is None else {"amount": plain, "currencyCode": self.draft.presentment_currency}
        )
        if given is None:
            self.found.refuse([*path, "originalUnitPriceWithCurrency"], "Price can't be blank")
            return None
        price = self._amount(given, [*path, "originalUnitPriceWithCurrency"])
        if price is None:
            return None
        line = LineItem(self.shop.next_id(), None, None, None, None, title, row.get("sku"), price, row["quantity"])
        line.requires_shipping = row.get("requiresShipping") is not False
        line.taxable = row.get("taxable") is not False
        return line

    def _amount(self, given: dict, path: list) -> Bag | None:
        amount = read_amount(given["amount"])
        if given["currencyCode"] != self.draft.presentment_currency:
            self.found.refuse(path, f"Currency must be {self.draft.presentment_currency}")
        elif amount is None or amount < 0:
            self.found.refuse(path, "Price must be greater than or equal to 0")
        else:
            return self.exchange.from_presentment(amount)
        return None

    # Discounts and shipping

    def _discount_parts(self, given: dict) -> tuple[Decimal | None, Bag | None]:
        value = Decimal(str(given["value"]))
        if given["valueType"] == "PERCENTAGE":
            return value, None
        return None, self.exchange.from_presentment(value)

    def _line_discount(self, line: LineItem, given: dict) -> None:
        """A fixed amount is off each unit ([S] DraftOrderAppliedDiscountInput)."""
        percentage, amount = self._discount_parts(given)
        whole = original_total(line)
        off = self.exchange.share(whole, percentage, 100) if percentage is not None else amount * line.quantity
        application = discount_application(
            len(self.draft.discounts), "manual", given.get("title") or "Discount", percentage or amount.shop,
            value_type="percentage" if percentage is not None else "fixed_amount", selection="EXPLICIT", method="EACH",
        )  # fmt: skip
        self.draft.discounts.append(application)
        line.discounts.append(Allocation(application, Bag(min(off.shop, whole.shop),
                                                          min(off.presentment, whole.presentment))))  # fmt: skip

    def _order_discount(self, given: dict) -> None:
        percentage, amount = self._discount_parts(given)
        title = given.get("title") or "Discount"
        discount_order(self.draft, self.exchange, kind="manual", title=title, percentage=percentage, amount=amount)

    def _read_shipping(self, given: dict | None) -> None:
        if given is None:
            return
        only(given, ("title", "price", "priceWithCurrency"), "ShippingLineInput")
        plain = given.get("price")
        money = given.get("priceWithCurrency") or (
            None if plain is None else {"amount": plain, "currencyCode": self.draft.presentment_currency}
        )
        price = Bag() if money is None else self._amount(money, ["shippingLine", "priceWithCurrency"])
        if price is not None:
            title = given.get("title") or "Custom"
            self.draft.shipping_lines = [ShippingLine(self.shop.next_id(), title, price, "custom", None)]
