"""The fields of a product, pure: their words, their values in a form that compares, and what is decided for each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from stores.shopify.metafields.definitions import MetafieldDefinition
from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord
from syncing.catalogue.rules import pricing
from syncing.catalogue.rules.fingerprint import digest
from syncing.catalogue.rules.pricing import PLAIN, PriceRule

SYNC, CREATE_ONLY, IGNORE = "sync", "create_only", "ignore"
KEPT_CHARACTERS = 80  # longer texts are remembered and told by their digest
SHOWN_CHARACTERS = 2000


class Field(StrEnum):
    """The same words as stores.models.CatalogueField."""

    TITLE = "title"
    DESCRIPTION = "description"
    STATUS = "status"
    VENDOR = "vendor"
    TYPE = "type"
    CATEGORY = "category"
    TAGS = "tags"
    SEO = "seo"
    HANDLE = "handle"
    IMAGES = "images"
    OPTIONS = "options"
    METAFIELDS = "metafields"
    VARIANT_METAFIELDS = "variant_metafields"
    PUBLISHING = "publishing"
    SKU = "sku"
    BARCODE = "barcode"
    PRICE = "price"
    COMPARE_AT_PRICE = "compare_at_price"
    COST = "cost"
    WEIGHT = "weight"
    TAX = "tax"
    TRACKING = "tracking"
    INVENTORY_POLICY = "inventory_policy"


class Action(StrEnum):
    """What is done about a difference."""

    WRITE = "write"
    KEEP = "keep"  # somebody edited it in the destination, and such edits are kept
    LEAVE = "leave"  # the policy says so
    REMOVE = "remove"  # it is the destination's, and goes


@dataclass(frozen=True)
class Policy:
    """What a connection does with each field. `fields` names every Field; `currency` is the destination's.

    `rate` is units of it for one unit of the source's currency. `keeps_edits`: what somebody changed in the destination
    since we wrote it stays. `removes_own`: variants that only the destination has may go. `namespaces` are those whose
    metafields follow, `definitions` what the destination says of those of products, by `namespace.key`; None where
    nobody asked; `variant_definitions` are those of variants. `partners` is source gid -> destination gid of what
    metafields refer to; `failures` say of the rest why, where that is known.
    `follows_visibility`: on sale only while the source is. `moves`: videos and 3D models follow with the images; they
    and their copies are among `partners` as well. `lacks_rate`: nobody knows what anything costs there, so prices are
    left as they are, and what would need one is not made.
    """

    fields: Mapping[str, str]
    merges_tags: bool = False
    merges_images: bool = False
    moves: bool = False
    keeps_edits: bool = False
    removes_own: bool = False
    namespaces: frozenset[str] = frozenset()
    publication_gids: tuple[str, ...] = ()
    follows_visibility: bool = False
    price_rule: PriceRule = PLAIN
    rate: Decimal = Decimal(1)
    currency: str = ""
    lacks_rate: bool = False
    definitions: Mapping[str, MetafieldDefinition] | None = None
    variant_definitions: Mapping[str, MetafieldDefinition] | None = None
    partners: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """SYNC, CREATE_ONLY or IGNORE."""
        return self.fields[name]

    def sets(self, name: str, *, is_new: bool) -> bool:
        """Whether a field may be written: at creation, or to what is there already."""
        return self.fields[name] == SYNC or (is_new and self.fields[name] == CREATE_ONLY)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not in the destination as the source would have it. `subject` is a variant's title, or ''.

    `wanted` is what the policy would write: a price after the rule, tags after merging.
    """

    field: str
    subject: str
    wanted: Any
    current: Any
    policy: str
    action: str

    def as_row(self) -> dict[str, Any]:
        """For a JSON column and the page that shows both sides; very long texts are cut."""
        return asdict(self) | {"wanted": _shown(self.wanted), "current": _shown(self.current)}


def _shown(value: Any) -> Any:
    return value[:SHOWN_CHARACTERS] + "…" if isinstance(value, str) and len(value) > SHOWN_CHARACTERS else value


@dataclass
class Judge:
    """Decides field by field and remembers: what differs, and what will have been written once it is done.

    `written` is the memory of earlier writes, field -> value; it is changed here and counts when the write succeeded.
    """

    policy: Policy
    written: dict[str, Any]
    differences: list[Difference] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def set_anew(self, name: str, wanted: Any, memory: dict[str, Any], key: str = "") -> bool:
        """Whether the policy sets this field of something that is being created."""
        if not self.policy.sets(name, is_new=True):
            return False
        memory[key or str(name)] = remembered(wanted)
        return True

    def judge(
        self,
        name: str,
        wanted: Any,
        current: Any,
        memory: dict[str, Any],
        *,
        key: str = "",
        subject: str = "",
        shown: tuple[Any, Any] | None = None,
        is_merged: bool = False,
        unedited: Sequence[Any] = (),
    ) -> bool:
        """Whether to write `wanted` over `current`. `memory` is the part of `written` that holds the field's `key`.

        Both values compare by ==; `shown` is the pair for people, if another. A merged field has no edits to speak of.
        `unedited` are other views of the current value: where one of them is what was written, nobody edited it.
        What was written is remembered whatever the policy is: it may be another tomorrow.
        """
        key = key or str(name)
        if self.policy.of(name) != SYNC:
            if wanted == current and not is_merged:
                memory[key] = remembered(wanted)
            elif wanted != current:
                self._differs(name, subject, shown or (wanted, current), Action.LEAVE)
            return False
        if wanted == current:
            memory[key] = remembered(wanted)
            return False
        is_edited = key in memory and memory[key] not in [remembered(each) for each in (current, *unedited)]
        if is_edited and self.policy.keeps_edits and not is_merged:
            self._differs(name, subject, shown or (wanted, current), Action.KEEP)
            self.kept.append(f"{name} of {subject}" if subject else str(name))
            return False
        self._differs(name, subject, shown or (wanted, current), Action.WRITE)
        memory[key] = remembered(wanted)
        return True

    def _differs(self, name: str, subject: str, pair: tuple[Any, Any], action: Action) -> None:
        self.differences.append(Difference(str(name), subject, *pair, self.policy.of(name), str(action)))


def remembered(value: Any) -> Any:
    """A value as it is kept to be compared later: long texts and structures by their digest, lists as they are."""
    if isinstance(value, dict) or (isinstance(value, str) and len(value) > KEPT_CHARACTERS):
        return f"digest:{digest(value)}"
    return value


# --- Fields of the product itself ---------------------------------------------------------------------------------

SIMPLE_FIELDS = (
    Field.TITLE,
    Field.DESCRIPTION,
    Field.STATUS,
    Field.VENDOR,
    Field.TYPE,
    Field.CATEGORY,
    Field.SEO,
    Field.HANDLE,
)


def product_values(product: ProductRecord) -> dict[Field, Any]:
    """The values of SIMPLE_FIELDS. A source without a vendor has nothing to say: Shopify would put the shop's name."""
    values: dict[Field, Any] = {
        Field.TITLE: product.title,
        Field.HANDLE: product.handle,
        Field.DESCRIPTION: product.description_html,
        Field.STATUS: product.status,
        Field.VENDOR: product.vendor,
        Field.TYPE: product.product_type,
        Field.CATEGORY: product.category_gid,
        Field.SEO: {"title": product.seo_title, "description": product.seo_description},
    }
    if not product.vendor:
        del values[Field.VENDOR]
    return values


_INPUT_NAMES = {
    Field.TITLE: "title",
    Field.HANDLE: "handle",
    Field.DESCRIPTION: "descriptionHtml",
    Field.STATUS: "status",
    Field.VENDOR: "vendor",
    Field.TYPE: "productType",
    Field.CATEGORY: "category",
    Field.SEO: "seo",
}


def product_input(name: Field, value: Any) -> dict[str, Any]:
    """The part of ProductSetInput that sets a simple field."""
    return {_INPUT_NAMES[name]: (value or None) if name == Field.CATEGORY else value}


def handle_from(title: str) -> str:
    """The handle that Shopify would make of a title; '' where nothing is left of it."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())[:255].strip("-")


def category_names(source: ProductRecord, destination: ProductRecord) -> tuple[str, str]:
    """The categories of both for people."""
    return source.category_name or source.category_gid, destination.category_name or destination.category_gid


# --- Fields of variants -------------------------------------------------------------------------------------------

VARIANT_FIELDS = (
    Field.SKU,
    Field.BARCODE,
    Field.PRICE,
    Field.COMPARE_AT_PRICE,
    Field.COST,
    Field.WEIGHT,
    Field.TAX,
    Field.TRACKING,
    Field.INVENTORY_POLICY,
)
PRICE_FIELDS = frozenset({Field.PRICE, Field.COMPARE_AT_PRICE, Field.COST})


def wanted_values(variant: ProductVariantRecord, policy: Policy) -> dict[Field, Any]:
    """What the destination's variant should have: its prices by the rule, in the destination's currency.

    A source without a cost has nothing to say about the destination's, nor has one without a rate about any price.
    """
    rule, rate, currency = policy.price_rule, policy.rate, policy.currency
    price = pricing.price(variant.price, rule, rate, currency)
    values = _values(variant, price, None) | {Field.COMPARE_AT_PRICE: compare_at_value(variant, policy, price)}
    if variant.cost is not None:
        values[Field.COST] = money_text(pricing.cost(variant.cost, rate, currency))
    return {name: value for name, value in values.items() if not (policy.lacks_rate and name in PRICE_FIELDS)}


def compare_at_value(variant: ProductVariantRecord, policy: Policy, price: Decimal) -> str | None:
    """The compare-at price beside the price that will stand in the destination; None where it would not be above it."""
    rule, rate, currency = policy.price_rule, policy.rate, policy.currency
    compare_at = pricing.compare_at(variant.compare_at_price, price, rule, rate, currency)
    return None if compare_at is None else money_text(compare_at)


def current_values(variant: ProductVariantRecord) -> dict[Field, Any]:
    """What a variant of the destination has."""
    values = _values(variant, variant.price, variant.compare_at_price)
    values[Field.COST] = None if variant.cost is None else money_text(variant.cost)
    return values


def _values(variant: ProductVariantRecord, price: Decimal, compare_at: Decimal | None) -> dict[Field, Any]:
    weighs = bool(variant.weight)
    return {
        Field.SKU: variant.sku,
        Field.BARCODE: variant.barcode,
        Field.PRICE: money_text(price),
        Field.COMPARE_AT_PRICE: None if compare_at is None else money_text(compare_at),
        Field.WEIGHT: [
            f"{variant.weight.normalize():f}" if variant.weight is not None and weighs else "0",
            variant.weight_unit if weighs else "",
            variant.requires_shipping,
            variant.country_of_origin,
            variant.harmonized_system_code,
        ],
        Field.TAX: variant.taxable,
        Field.TRACKING: variant.tracked,
        Field.INVENTORY_POLICY: variant.inventory_policy,
    }


def money_text(amount: Decimal) -> str:
    """An amount as it compares and as Shopify takes it: at least two decimals, no others that are 0."""
    text = f"{amount.normalize():f}"
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits:0<2}"


def variant_input(values: Mapping[Field, Any]) -> dict[str, Any]:
    """The part of ProductVariantsBulkInput that sets these values; `as_set_input` makes it one of productSet."""
    row: dict[str, Any] = {}
    item: dict[str, Any] = {}
    for name, value in values.items():
        if name == Field.SKU:
            item["sku"] = value
        elif name == Field.COST:
            item["cost"] = value
        elif name == Field.TRACKING:
            item["tracked"] = value
        elif name == Field.WEIGHT:
            item |= _shipping(value)
        else:
            row[_VARIANT_INPUT_NAMES[name]] = value
    return row | {"inventoryItem": item} if item else row


_VARIANT_INPUT_NAMES = {
    Field.BARCODE: "barcode",
    Field.PRICE: "price",
    Field.COMPARE_AT_PRICE: "compareAtPrice",
    Field.TAX: "taxable",
    Field.INVENTORY_POLICY: "inventoryPolicy",
}


def _shipping(value: list[Any]) -> dict[str, Any]:
    weight, unit, ships, country, code = value
    return {
        "measurement": {"weight": {"value": float(weight), "unit": unit or "KILOGRAMS"}},
        "requiresShipping": ships,
        "countryCodeOfOrigin": country or None,
        "harmonizedSystemCode": code or None,
    }


def as_set_input(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `variant_input` for productSet, where the SKU is the variant's own (shopify.md 8.1)."""
    item = dict(row.get("inventoryItem") or {})
    made = {key: value for key, value in row.items() if key != "inventoryItem"}
    if "sku" in item:
        made["sku"] = item.pop("sku")
    return made | {"inventoryItem": item} if item else made
