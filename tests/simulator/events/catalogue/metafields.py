"""Metafields of products, variants, collections, content, orders, drafts and customers: typed, and custom ids unique.

`$app` and `$app:name` are the app's own namespaces: app--4242 and app--4242--name on the wire. Custom ids (type `id`)
are found at once and belong to one owner of a kind (shopify.md 7.3, row 28).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.simulator.state.catalogue import Article, Blog, Collection, ContentPage
from tests.simulator.state.metafield_values import TYPES, why_against, why_of_another_type, why_wrong
from tests.simulator.state.metafields import Metafield, MetafieldDefinition, Owner
from tests.simulator.state.orders import Customer, Draft, Order
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import FieldError, NotSimulatedError

APP_NAMESPACE = "app--4242"
NEEDS_DEFINITION = "Metafield definition of type 'id' is required when using custom ids."
NAMESPACE = re.compile(r"[A-Za-z0-9_-]{3,255}")
KEY = re.compile(r"[A-Za-z0-9_-]{2,64}")
# Nobody but Shopify writes these (row 52).
RESERVED = frozenset({"shopify_standard", "protected", "shopify-l10n-fields"})
KINDS = {
    Product: "Product",
    Variant: "ProductVariant",
    Collection: "Collection",
    ContentPage: "Page",
    Blog: "Blog",
    Article: "Article",
    Order: "Order",
    Draft: "DraftOrder",
    Customer: "Customer",
}


@dataclass(slots=True)
class Wanted:
    """One metafield as an input asks for it."""

    namespace: str
    key: str
    type: str
    value: str


@dataclass(slots=True)
class Wrong:
    """Why one cannot be: the field of its input, what to say, and the MetafieldsSetUserErrorCode."""

    field: str
    message: str
    code: str


def owner_of(shop: Shop, owner: Owner) -> object | None:
    kind, number = owner
    tables = {
        "Product": shop.products,
        "ProductVariant": shop.variants,
        "Collection": shop.catalog.collections,
        "Page": shop.catalog.pages,
        "Blog": shop.catalog.blogs,
        "Article": shop.catalog.articles,
        "Order": shop.orders,
        "DraftOrder": shop.drafts,
        "Customer": shop.customers,
    }
    return tables.get(kind, {}).get(number)


def fields_of(shop: Shop, owner: Owner) -> dict[tuple[str, str], Metafield]:
    return shop.metafields.get(owner, {})


def spelled_out(namespace: str | None) -> str:
    """$app and $app:more belong to the app; so does a namespace that is left out."""
    if not namespace or namespace == "$app":
        return APP_NAMESPACE
    return f"{APP_NAMESPACE}--{namespace[5:]}" if namespace.startswith("$app:") else namespace


# Definitions


def find_definition(shop: Shop, kind: str, namespace: str | None, key: str) -> MetafieldDefinition | None:
    wanted = (kind, spelled_out(namespace), key)
    rows = shop.metafield_definitions.values()
    return next((row for row in rows if (row.kind, row.namespace, row.key) == wanted), None)


def define(
    shop: Shop,
    at: int,
    kind: str,
    namespace: str | None,
    key: str,
    type_: str,
    *,
    name: str = "",
    description: str | None = None,
    validations: dict[str, str] | None = None,
) -> MetafieldDefinition:
    made = MetafieldDefinition(shop.next_id(), kind, spelled_out(namespace), key, name or key, type_, at, description)
    made.validations = dict(validations or {})
    shop.metafield_definitions[made.id] = made
    return made


# Checking and writing


def check(shop: Shop, owner: Owner, given: dict) -> Wanted | Wrong:
    """`given` is an input's row; the number of an owner that is about to be made is 0."""
    if given.get("id"):
        raise NotSimulatedError("The simulator takes metafields by namespace and key, not by id")
    namespace, key = spelled_out(given.get("namespace")), given.get("key") or ""
    if not NAMESPACE.fullmatch(namespace):
        return Wrong("namespace", "Namespace is invalid (3 to 255 letters, digits, hyphens, underscores)", "INVALID")
    if namespace in RESERVED:
        return Wrong("namespace", f"Namespace '{namespace}' is reserved.", "INVALID")
    if not KEY.fullmatch(key):
        return Wrong("key", "Key is invalid (2 to 64 letters, digits, hyphens, underscores)", "INVALID")
    definition = find_definition(shop, owner[0], namespace, key)
    present = fields_of(shop, owner).get((namespace, key))
    known = definition or present
    asked = given.get("type") or (known.type if known else None)
    wrong = _why_type_wrong(shop, asked, known.type if known else None, is_defined=definition is not None)
    if wrong is not None:
        return wrong
    value = given.get("value")
    if value is None or not value.strip():
        return Wrong("value", "Value can't be blank", "BLANK")
    validations = definition.validations if definition else {}
    problem = why_wrong(shop, asked, value) or why_against(validations, asked, value)
    problem = problem or why_of_another_type(shop, validations, asked, value)
    if problem:
        return Wrong("value", problem, "INVALID_VALUE")
    wanted = Wanted(namespace, key, asked, value)
    if asked == "id" and shop.knobs.unique_custom_ids and _is_taken(shop, owner, wanted):
        return Wrong("value", "Value has already been taken", "TAKEN")
    return wanted


def _why_type_wrong(shop: Shop, asked: str | None, known: str | None, *, is_defined: bool) -> Wrong | None:
    if not asked:
        return Wrong("type", "Type can't be blank", "BLANK")
    if asked not in TYPES:
        return Wrong("type", f"Type '{asked}' is not a supported metafield type", "INCLUSION")
    if known and asked != known:
        message = f"Type '{asked}' must be consistent with the definition's type: '{known}'."
        return Wrong("type", message, "INVALID_TYPE")
    if asked == "id" and not is_defined:
        return Wrong("type", "Type must be one that needs no definition: id is not", "INVALID_TYPE")
    if "metaobject_reference" in asked and not is_defined and shop.knobs.metaobject_fields_are_defined:
        return Wrong("type", f"Type '{asked}' needs a definition that selects a metaobject", "INVALID_TYPE")
    return None


def _is_taken(shop: Shop, owner: Owner, wanted: Wanted) -> bool:
    kind, number = owner
    others = _owners_with(shop, kind, wanted.namespace, wanted.key, wanted.value)
    return any(found != number for found in others)


def check_all(shop: Shop, owner: Owner, given: list[dict] | None) -> tuple[list[Wanted], list[tuple[list, str, str]]]:
    """What an input's `metafields` want, and what is wrong with them: (path below metafields, message, code)."""
    wanted, problems = [], []
    for index, row in enumerate(given or []):
        found = check(shop, owner, row)
        if isinstance(found, Wrong):
            problems.append(([index, found.field], found.message, found.code))
        else:
            wanted.append(found)
    return wanted, problems


def put(shop: Shop, owner: Owner, wanted: Wanted, at: int) -> Metafield:
    fields = shop.metafields.setdefault(owner, {})
    field = fields.get((wanted.namespace, wanted.key))
    if field is None:
        field = Metafield(shop.next_id(), *owner, wanted.namespace, wanted.key, wanted.type, wanted.value, at, at)
        fields[wanted.namespace, wanted.key] = field
    elif (field.type, field.value) != (wanted.type, wanted.value):
        field.type, field.value, field.updated_at = wanted.type, wanted.value, at
    return field


def put_all(shop: Shop, owner: Owner, wanted: Iterable[Wanted], at: int) -> None:
    for one in wanted:
        put(shop, owner, one, at)


def replace_all(shop: Shop, owner: Owner, wanted: list[Wanted], at: int) -> None:
    """What a present list of productSet means: everything else goes (shopify.md 8.1)."""
    kept = {(one.namespace, one.key) for one in wanted}
    for name in list(fields_of(shop, owner)):
        if name not in kept:
            del shop.metafields[owner][name]
    put_all(shop, owner, wanted, at)


def forget(shop: Shop, owner: Owner) -> None:
    shop.metafields.pop(owner, None)


# Custom ids


def _owners_with(shop: Shop, kind: str, namespace: str, key: str, value: str) -> Iterable[int]:
    """In the order in which they got their first metafield."""
    for (owner_kind, number), fields in shop.metafields.items():
        field = fields.get((namespace, key)) if owner_kind == kind else None
        if field is not None and field.type == "id" and field.value == value:
            yield number


def find_by_custom_id(shop: Shop, kind: str, given: dict) -> object | None:
    """The owner with this unique value, or None. Raises FieldError without a definition of type id (shopify.md 7.3)."""
    definition = find_definition(shop, kind, given.get("namespace"), given["key"])
    if definition is None or definition.type != "id":
        raise FieldError(NEEDS_DEFINITION, "NOT_FOUND")
    # Several have it where the store does not mind (the knob): the first one is found.
    number = next(iter(_owners_with(shop, kind, definition.namespace, definition.key, given["value"])), None)
    return None if number is None else owner_of(shop, (kind, number))
