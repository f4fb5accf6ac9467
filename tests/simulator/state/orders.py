"""What orders, drafts and customers of a simulated shop consist of. Amounts are Bags: see money.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal

from tests.simulator.returns.state import Return
from tests.simulator.state.catalogue import Job
from tests.simulator.state.money import NOTHING, Bag


@dataclass(slots=True)
class Address:
    id: int = 0
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    country: str | None = None
    country_code: str | None = None
    zip: str | None = None
    phone: str | None = None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part)


@dataclass(slots=True)
class Customer:
    id: int
    created_at: int
    updated_at: int
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    tax_exempt: bool = False
    addresses: list[Address] = field(default_factory=list)
    default_address: Address | None = None

    @property
    def display_name(self) -> str:
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return name or self.email or self.phone or ""


@dataclass(slots=True)
class TaxLine:
    title: str
    rate: Decimal
    price: Bag
    channel_liable: bool = False


@dataclass(slots=True)
class DiscountApplication:
    """`kind`: code | automatic | manual. `selection`: ALL is an order-level discount, EXPLICIT one line's own."""

    index: int
    kind: str
    title: str
    value: Decimal
    value_type: str = "fixed_amount"  # fixed_amount | percentage
    target_type: str = "LINE_ITEM"  # LINE_ITEM | SHIPPING_LINE
    selection: str = "ALL"  # ALL | ENTITLED | EXPLICIT
    method: str = "ACROSS"  # ACROSS | EACH | ONE


class CodeDiscount(DiscountApplication):
    """A code that the buyer typed in."""

    __slots__ = ()


class AutomaticDiscount(DiscountApplication):
    __slots__ = ()


class ManualDiscount(DiscountApplication):
    """Given by the merchant, as in a draft."""

    __slots__ = ()


def discount_application(index: int, kind: str, title: str, value: Decimal, **fields) -> DiscountApplication:
    made = {"code": CodeDiscount, "automatic": AutomaticDiscount, "manual": ManualDiscount}[kind]
    return made(index, kind, title, value, **fields)


@dataclass(slots=True)
class Allocation:
    """The part of a discount that fell on one line."""

    application: DiscountApplication
    amount: Bag


@dataclass(slots=True)
class Duty:
    id: int
    price: Bag
    country_code_of_origin: str | None = None
    harmonized_system_code: str | None = None


@dataclass(slots=True)
class LineGroup:
    """A bundle as it was sold: its components stand in the order as lines of this group."""

    id: int
    title: str
    quantity: int
    variant_id: int | None = None
    variant_sku: str | None = None
    product_id: int | None = None


@dataclass(slots=True)
class LineItem:
    id: int
    variant_id: int | None
    item_id: int | None
    product_id: int | None
    location_id: int | None  # where the units were taken from; None when nothing was claimed
    title: str
    sku: str | None
    price: Bag  # of one unit, before any discount
    quantity: int
    fulfilled: int = 0
    removed: int = 0  # taken off the order by a cancel, refund or edit
    variant_title: str | None = None
    vendor: str | None = None
    requires_shipping: bool = True
    taxable: bool = True
    gift_card: bool = False
    tip: bool = False
    grams: int = 0
    properties: list[tuple[str, str]] = field(default_factory=list)
    discounts: list[Allocation] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    group: LineGroup | None = None

    @property
    def unfulfilled(self) -> int:
        return max(0, self.quantity - self.fulfilled - self.removed)

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.removed

    @property
    def needs_fulfilment(self) -> bool:
        """A line that ships, or that holds stock; a tip or a service of an orderCreate without shipping does not."""
        return not self.tip and (self.requires_shipping or self.location_id is not None)

    @property
    def name(self) -> str:
        return f"{self.title} - {self.variant_title}" if self.variant_title else self.title


@dataclass(slots=True)
class ShippingLine:
    id: int
    title: str
    price: Bag
    code: str | None = None
    source: str | None = "shopify"
    discounts: list[Allocation] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)


@dataclass(slots=True)
class Transaction:
    id: int
    order_id: int
    kind: str  # SALE | AUTHORIZATION | CAPTURE | REFUND | VOID
    status: str  # SUCCESS | PENDING | FAILURE
    gateway: str
    amount: Bag
    created_at: int
    processed_at: int
    test: bool = False
    parent_id: int | None = None
    authorization: str | None = None
    manual: bool = False  # staff or an app said that it was paid


@dataclass(slots=True)
class FulfillmentOrderLine:
    """`remaining` units of a line still ship from here; `claimed` says whether stock is committed for them."""

    id: int
    line_id: int
    remaining: int
    shipped: int = 0
    claimed: bool = True

    @property
    def total(self) -> int:
        return self.remaining + self.shipped


@dataclass(slots=True)
class FulfillmentOrder:
    """The units of an order that ship from one location."""

    id: int
    order_id: int
    location_id: int
    created_at: int
    updated_at: int
    lines: list[FulfillmentOrderLine] = field(default_factory=list)
    is_closed: bool = False  # for good: another one has taken over what a cancelled fulfilment gave back


@dataclass(slots=True)
class Fulfillment:
    id: int
    order_id: int
    location_id: int
    number: int
    created_at: int
    updated_at: int
    lines: dict[int, int] = field(default_factory=dict)  # line id -> units
    line_ids: dict[int, int] = field(default_factory=dict)  # line id -> id of the FulfillmentLineItem
    company: str | None = None
    numbers: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    status: str = "SUCCESS"  # SUCCESS | CANCELLED
    fulfillment_order_ids: list[int] = field(default_factory=list)
    is_in_transit: bool = False


@dataclass(slots=True)
class Refund:
    id: int
    order_id: int
    created_at: int
    note: str = ""
    lines: list[dict] = field(default_factory=list)  # {id, line_item_id, quantity, restock_type, location_id}
    transactions: list[Transaction] = field(default_factory=list)
    shipping: Bag = NOTHING


@dataclass(slots=True)
class OrderEdit:
    """What one edit did: [(line id, units)] added and taken away."""

    id: int
    committed_at: int
    added: list[tuple[int, int]]
    removed: list[tuple[int, int]]
    staff_note: str = ""
    client_id: str | None = None  # the app that made it; None: staff
    notified: bool = False
    discounts: list[tuple[int, DiscountApplication]] = field(default_factory=list)  # (line id, what it got)


@dataclass(slots=True)
class Sale:
    """What an order and a draft have in common."""

    id: int
    number: int
    created_at: int
    updated_at: int
    _: KW_ONLY
    lines: list[LineItem] = field(default_factory=list)
    discounts: list[DiscountApplication] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)  # given for the whole of it, not for its lines
    taxes_included: bool = False
    shipping_address: Address | None = None
    billing_address: Address | None = None
    customer_id: int | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    note_attributes: list[tuple[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    po_number: str | None = None
    client_id: str | None = None  # the app that made it; None: the online store, or staff


@dataclass(slots=True)
class Order(Sale):
    processed_at: int
    currency: str = "EUR"
    presentment_currency: str = "EUR"
    name: str = ""
    refunds: list[Refund] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    fulfillment_orders: list[FulfillmentOrder] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    cancelled_at: int | None = None
    cancel_reason: str | None = None
    staff_note: str | None = None
    closed_at: int | None = None
    source_name: str = "web"
    source_identifier: str | None = None
    source_url: str | None = None
    test: bool = False
    financial_status: str | None = None  # as given to orderCreate, until a later operation recomputes it
    fulfillment_label: str | None = None  # orderCreate's fulfillmentStatus: it only labels
    is_without_status: bool = False  # nobody said how it is paid, and nothing was (row 55)
    edits: list[OrderEdit] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    counter_id: int | None = None  # the location whose till sold it
    merchant_editable: bool = True  # False: an order of another sales channel that nobody may edit

    def line(self, line_id: int) -> LineItem:
        """Raises ValueError for a line of another order."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise ValueError("the order has no such line")


@dataclass(slots=True)
class Draft(Sale):
    """`lines` are LineItems; location_id of a line says where its units are reserved."""

    currency: str
    presentment_currency: str
    overrides: dict[int, Decimal] = field(default_factory=dict)  # line id -> priceOverride
    uuids: dict[int, str] = field(default_factory=dict)
    tax_exempt: bool = False
    source_name: str | None = None
    status: str = "OPEN"  # OPEN | INVOICE_SENT | COMPLETED
    order_id: int | None = None
    completed_at: int | None = None
    invoice_sent_at: int | None = None
    reserve_until: int | None = None
    reserved: bool = False  # its units stand in `reserved` right now
    invoices: list[dict] = field(default_factory=list)  # mails that would have been sent: {to, subject, message, at}

    @property
    def name(self) -> str:
        return f"#D{self.number}"


@dataclass(slots=True, eq=False)
class CancelJob(Job):
    """The cancellation of an order; `errors` are the user errors it ended with."""

    order_id: int | None = None
    status: str = "STARTED"  # STARTED | SUCCEEDED | FAILED
    errors: list[dict] = field(default_factory=list)

    def end(self, status: str, errors: Iterable[dict] = ()) -> None:
        self.done, self.status, self.errors = True, status, list(errors)
