"""What a simulated shop consists of: slotted objects in plain dictionaries, one lock per shop.

Ids are integers in here and gids on the wire. Instants are whole seconds since 1970 (row 36), money is text.
"""

from __future__ import annotations

import random
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulator.state.apps import ALL_SCOPES, CLIENT_ID, CLIENT_SECRET, App, Code, Token
from tests.simulator.state.catalogue import Catalog, Job
from tests.simulator.state.knobs import Counters, Knobs
from tests.simulator.state.metafields import Metafield, MetafieldDefinition, Owner
from tests.simulator.state.orders import Customer, Draft, Fulfillment, FulfillmentOrder, Order, Refund

__all__ = ["ALL_SCOPES", "CLIENT_SECRET"]  # for who asks a shop for its app's
# on_hand is the sum of these (shopify.md 3.7); incoming is outside.
ON_HAND_PARTS = ("available", "committed", "reserved", "damaged", "safety_stock", "quality_control")
QUANTITY_NAMES = (*ON_HAND_PARTS, "incoming")


@dataclass(slots=True)
class Location:
    id: int
    name: str
    level_number: int  # the n of its InventoryLevel gids: belongs to the location, is not its id (shopify.md 3.6)
    created_at: int
    updated_at: int
    is_active: bool = True
    is_legacy: bool = False
    is_fulfillment_service: bool = False
    fulfills_online_orders: bool = True
    ships_inventory: bool = True
    is_primary: bool = False
    address: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Level:
    """One inventory item at one location."""

    item_id: int
    location_id: int
    created_at: int
    updated_at: int
    available_at: int | None = None  # quantities(names: available).updatedAt
    is_active: bool = True
    available: int = 0
    committed: int = 0
    reserved: int = 0
    damaged: int = 0
    safety_stock: int = 0
    quality_control: int = 0
    incoming: int = 0
    opening: int = 0  # available when it was seeded: where the proof of conservation begins

    @property
    def on_hand(self) -> int:
        return self.available + self.committed + self.reserved + self.damaged + self.safety_stock + self.quality_control


@dataclass(slots=True)
class InventoryItem:
    id: int
    variant_id: int
    created_at: int
    updated_at: int
    sku: str | None = None
    tracked: bool = True
    requires_shipping: bool = True
    unit_cost: str | None = None
    country_code_of_origin: str | None = None
    harmonized_system_code: str | None = None
    province_code_of_origin: str | None = None
    weight: float = 0.0
    weight_unit: str = "KILOGRAMS"
    level_locations: list[int] = field(default_factory=list)  # location ids, in the order they were stocked


@dataclass(slots=True)
class Variant:
    """The sku lives on the inventory item, as at Shopify; `Variant.sku` on the wire reads it there."""

    id: int
    product_id: int
    item_id: int
    created_at: int
    updated_at: int
    title: str = "Default Title"
    barcode: str | None = None
    option_values: list[str] = field(default_factory=lambda: ["Default Title"])
    price: str = "10.00"
    compare_at_price: str | None = None
    inventory_policy: str = "DENY"  # DENY | CONTINUE
    refuses_policy: bool = False  # row 76: a change of its policy is refused
    position: int = 1
    taxable: bool = True
    requires_components: bool = False  # a bundle parent: its stock is computed and refuses writes
    tax_code: str | None = None
    file_id: int | None = None


@dataclass(slots=True)
class Product:
    id: int
    title: str
    handle: str
    created_at: int
    updated_at: int
    published_at: int | None = None
    status: str = "ACTIVE"  # ACTIVE | ARCHIVED | DRAFT | UNLISTED
    vendor: str = "Tiposync"
    product_type: str = ""
    description_html: str = ""
    template_suffix: str | None = None
    tags: list[str] = field(default_factory=list)
    option_names: list[str] = field(default_factory=lambda: ["Title"])
    option_values: list[list[str]] | None = None  # as declared, used or not; None: those of the variants
    variant_ids: list[int] = field(default_factory=list)
    file_ids: list[int] = field(default_factory=list)
    category: str | None = None  # gid of the taxonomy
    seo_title: str | None = None
    seo_description: str | None = None
    is_gift_card: bool = False
    requires_selling_plan: bool = False


@dataclass(slots=True)
class Subscription:
    id: int
    topic: str  # enum value, for example INVENTORY_LEVELS_UPDATE
    uri: str
    created_at: int
    updated_at: int
    client_id: str = CLIENT_ID
    format: str = "JSON"
    filter: str | None = None
    include_fields: list[str] = field(default_factory=list)
    metafield_namespaces: list[str] = field(default_factory=list)
    metafields: list[dict] = field(default_factory=list)
    name: str | None = None
    failures: int = 0  # deliveries in a row that failed after their last retry


@dataclass(slots=True)
class BulkOperation:
    id: int
    type: str  # QUERY | MUTATION
    query: str
    created_at: int
    status: str = "CREATED"  # CREATED RUNNING COMPLETED FAILED CANCELING CANCELED EXPIRED
    completed_at: int | None = None
    error_code: str | None = None
    object_count: int = 0
    root_object_count: int = 0
    file_size: int | None = None
    token: str | None = None  # of the download at /_bulk/{token}.jsonl
    partial_token: str | None = None
    group_objects: bool = False
    client_id: str = CLIENT_ID
    notified: bool = False


@dataclass(slots=True)
class AdjustmentGroup:
    """What one stock mutation did: (item id, location id, quantity name, delta, ledger document) a row."""

    id: int
    created_at: int
    reason: str
    reference_document_uri: str | None
    client_id: str
    changes: list[tuple[int, int, str, int, str | None]]


@dataclass(slots=True)
class HttpEndpoint:
    callback_url: str


@dataclass(slots=True)
class Change:
    """One change of `available`: tests prove conservation from these. `cause` is api:<app>, buy, restock, set, ..."""

    at: float
    item_id: int
    location_id: int
    delta: int
    after: int
    cause: str
    reference: str | None = None


class Shop:
    """Everything one shop knows. Hold `lock` while reading or writing more than one thing."""

    def __init__(self, domain: str, *, created_at: int, name: str = "", currency: str = "EUR", timezone: str = "UTC"):
        self.domain = domain
        self.name = name or domain.split(".")[0]
        self.currency = currency
        self.timezone = timezone
        self.created_at = created_at
        self.email = f"owner@{domain}"
        number = zlib.crc32(domain.encode())
        self.id = 10_000_000 + number % 80_000_000
        self.random = random.Random(number)
        self.lock = threading.RLock()
        self.products: dict[int, Product] = {}
        self.variants: dict[int, Variant] = {}
        self.items: dict[int, InventoryItem] = {}
        self.levels: dict[tuple[int, int], Level] = {}
        self.locations: dict[int, Location] = {}
        self.orders: dict[int, Order] = {}
        self.drafts: dict[int, Draft] = {}
        self.customers: dict[int, Customer] = {}
        self.refunds: dict[int, Refund] = {}
        self.fulfillments: dict[int, Fulfillment] = {}
        self.fulfillment_orders: dict[int, FulfillmentOrder] = {}
        self.last_numbers = {"Order": 1000, "DraftOrder": 0}  # a number is given once, whatever was deleted
        self.edit_sessions: dict[int, object] = {}  # edits.session.EditSession
        self.metafields: dict[Owner, dict[tuple[str, str], Metafield]] = {}  # by namespace and key
        self.metafield_definitions: dict[int, MetafieldDefinition] = {}
        self.jobs: dict[str, Job] = {}
        self.later: list[tuple[float, int, Callable[[], None]]] = []  # a heap of (due, number, what to do)
        self.mails: list[dict] = []  # what customers would have got: {kind, to, at, ...}
        self.shared_items: set[int] = set()  # items that several variants have, or had (row 54)
        self.variants_made: list[tuple[float, int]] = []  # (when, how many) by the API within a day (row 53)
        self.orders_made_at: deque[float] = deque(maxlen=100)  # by orderCreate: a development store allows 5 a minute
        self.subscriptions: dict[int, Subscription] = {}
        self.bulk_operations: dict[int, BulkOperation] = {}
        self.adjustment_groups: dict[int, AdjustmentGroup] = {}
        self.catalog = Catalog(self.id)
        self.handles: dict[str, int] = {}  # handle -> product id: unique per shop
        self.apps: dict[str, App] = {CLIENT_ID: App()}
        self.tokens: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}
        self.idempotency: dict[tuple[str, str], object] = {}
        self.changes: list[Change] = []
        self.knobs = Knobs()
        self.counters = Counters()
        self.request_log: deque[dict] = deque(maxlen=2000)
        self.webhook_log: deque[dict] = deque(maxlen=5000)
        # Whatever a webhook could tell goes out through here: [(topic, subject)], one call an action.
        self.publish: Callable[[list[tuple[str, tuple]]], None] = lambda events: None
        self.lagging_totals: dict[int, tuple[int, float]] = {}  # product id -> (old total, shown until): row 35
        self._sorted: dict[str, tuple[int, list]] = {}
        self.revision = 0  # moves when a product, variant, item or location comes or goes: sorted id lists depend on it
        self._last_id = (number % 900 + 100) * 10_000_000
        static = Token(f"shpat_simulator_{domain.split('.')[0]}", CLIENT_ID)
        self.tokens[static.value] = static

    def next_id(self) -> int:
        """Unique in the shop. Every fifth is beyond 2**53, where a float loses digits (row 24)."""
        self._last_id += 1
        return self._last_id + 2**59 if self._last_id % 5 == 0 else self._last_id

    def add_location(self, name: str, *, at: int, **fields) -> Location:
        location = Location(self.next_id(), name, self.next_id(), at, at, **fields)
        self.locations[location.id] = location
        self.revision += 1
        return location

    def add_product(self, title: str, *, at: int, handle: str = "", **fields) -> Product:
        """A product without variants; the handle is made from the title and gets a number while it is taken."""
        fields.setdefault("published_at", at)
        product = Product(self.next_id(), title, self.free_handle(handle or title), at, at, **fields)
        self.products[product.id] = product
        self.handles[product.handle] = product.id
        self.revision += 1
        return product

    def add_variant(
        self,
        product: Product,
        *,
        at: int,
        sku: str | None = None,
        barcode: str | None = None,
        tracked: bool = True,
        stock: dict[int, int] | None = None,
        **fields,
    ) -> Variant:
        """A variant with its inventory item; `stock` is {location id: available} and says where it is stocked."""
        variant_id, item_id = self.next_id(), self.next_id()
        fields.setdefault("position", len(product.variant_ids) + 1)
        values = fields.get("option_values")
        if values and "title" not in fields:
            fields["title"] = " / ".join(values)
        variant = Variant(variant_id, product.id, item_id, at, at, barcode=barcode, **fields)
        self.variants[variant_id] = variant
        self.items[item_id] = InventoryItem(item_id, variant_id, at, at, sku=sku, tracked=tracked)
        product.variant_ids.append(variant_id)
        for location_id, available in (stock or {}).items():
            self.add_level(item_id, location_id, at=at, available=available)
        self.revision += 1
        return variant

    def add_level(
        self, item_id: int, location_id: int, *, at: int, available: int = 0, is_active: bool = True
    ) -> Level:
        level = Level(item_id, location_id, at, at, at, is_active=is_active, available=available, opening=available)
        self.levels[item_id, location_id] = level
        self.items[item_id].level_locations.append(location_id)
        return level

    def remove_variant(self, variant: Variant) -> None:
        """Removes the variant, and its inventory item with its levels unless another variant has it, too."""
        item = self.items[variant.item_id]
        self.variants.pop(variant.id)
        self.products[variant.product_id].variant_ids.remove(variant.id)
        if others := self.variants_of(item):
            item.variant_id = others[0].id
        else:
            self._remove_item(item)
        self.revision += 1

    def _remove_item(self, item: InventoryItem) -> None:
        del self.items[item.id]
        for location_id in item.level_locations:
            self.levels.pop((item.id, location_id), None)

    def variants_of(self, item: InventoryItem) -> list[Variant]:
        """Nearly always one; several share an item in combined listings (row 54). The oldest first."""
        if item.id not in self.shared_items:
            own = self.variants.get(item.variant_id)
            return [own] if own is not None and own.item_id == item.id else []
        return sorted((one for one in self.variants.values() if one.item_id == item.id), key=lambda one: one.id)

    def share_item(self, variant: Variant, other: Variant) -> InventoryItem:
        """`variant` gives its inventory item up for that of `other` (row 54); the item that is gone."""
        gone = self.items[variant.item_id]
        variant.item_id = other.item_id
        self.shared_items.add(other.item_id)
        if others := self.variants_of(gone):
            gone.variant_id = others[0].id
        else:
            self._remove_item(gone)
        self.revision += 1
        return gone

    def remove_product(self, product: Product) -> None:
        for variant_id in list(product.variant_ids):
            self.remove_variant(self.variants[variant_id])
        self.handles.pop(product.handle, None)
        self.products.pop(product.id)
        self.revision += 1

    def free_handle(self, wanted: str) -> str:
        """`wanted` as a handle, numbered while another product of the shop has it."""
        words = "".join(letter if letter.isalnum() else " " for letter in wanted.lower()).split()
        handle = base = "-".join(words) or "product"
        number = 0
        while handle in self.handles:
            number += 1
            handle = f"{base}-{number}"
        return handle

    def rows_by_id(self, table: str) -> list:
        """The objects of products, variants, items or locations in the order of their ids."""
        revision, rows = self._sorted.get(table, (-1, []))
        if revision != self.revision:
            rows = [thing for _, thing in sorted(getattr(self, table).items())]
            self._sorted[table] = (self.revision, rows)
        return rows

    def levels_of(self, item_id: int) -> list[Level]:
        return [self.levels[item_id, location_id] for location_id in self.items[item_id].level_locations]
