"""Metafields of products, variants, collections, pages, blogs and articles (facts 8.1): atomic, typed, with digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .call import Call
from .catalog_state import Article, Blog, Collection, ContentPage, Metafield
from .gids import parse_gid
from .metafield_values import TYPES, json_value, why_wrong
from .paging import Page, connection_resolvers, page_of
from .problems import FieldError, user_error
from .reads import attribute, id_key, identity
from .state import Product, Shop, Variant

APP_NAMESPACE = "app--4242"
KINDS = {
    Product: "Product",
    Variant: "ProductVariant",
    Collection: "Collection",
    ContentPage: "Page",
    Blog: "Blog",
    Article: "Article",
}
OWNER_TYPES = {kind: kind.upper() for kind in KINDS.values()}
TOPICS = {"Product": "PRODUCTS_UPDATE", "Collection": "COLLECTIONS_UPDATE"}
Owner = tuple[str, int]


@dataclass(slots=True)
class Wanted:
    """One metafield as an input asks for it."""

    namespace: str
    key: str
    type: str
    value: str


def owner_of(shop: Shop, owner: Owner) -> object | None:
    kind, number = owner
    tables = {
        "Product": shop.products,
        "ProductVariant": shop.variants,
        "Collection": shop.catalog.collections,
        "Page": shop.catalog.pages,
        "Blog": shop.catalog.blogs,
        "Article": shop.catalog.articles,
    }
    return tables.get(kind, {}).get(number)


def fields_of(shop: Shop, owner: Owner) -> dict[tuple[str, str], Metafield]:
    return shop.catalog.metafields.get(owner, {})


def spelled_out(namespace: str | None) -> str:
    """$app and $app:more belong to the app; so does a namespace that is left out."""
    if not namespace or namespace == "$app":
        return APP_NAMESPACE
    return f"{APP_NAMESPACE}--{namespace[5:]}" if namespace.startswith("$app:") else namespace


def digest(field: Metafield) -> str:
    return hashlib.sha256(f"{field.type}\n{field.value}".encode()).hexdigest()


# Checking and writing


def check(shop: Shop, owner: Owner | None, given: dict) -> tuple[Wanted | None, str, str, str]:
    """(what is wanted, "", "", "") or (None, input field, message, MetafieldsSetUserErrorCode).

    `owner` is None for something that is about to be made.
    """
    namespace, key = spelled_out(given.get("namespace")), given.get("key") or ""
    if not re.fullmatch(r"[\w-]{3,255}", namespace):
        return None, "namespace", "Namespace is invalid (3 to 255 letters, digits, hyphens, underscores)", "INVALID"
    if not re.fullmatch(r"[\w-]{2,64}", key):
        return None, "key", "Key is invalid (2 to 64 letters, digits, hyphens, underscores)", "INVALID"
    present = fields_of(shop, owner).get((namespace, key)) if owner else None
    kind = owner[0] if owner else "Product"
    defined = shop.catalog.definitions.get((kind, namespace, key)) or (present.type if present else None)
    asked = given.get("type") or defined
    if not asked:
        return None, "type", "Type can't be blank", "BLANK"
    if asked not in TYPES:
        return None, "type", f"Type '{asked}' is not a supported metafield type", "INCLUSION"
    if defined and asked != defined:
        return (
            None,
            "type",
            f"Type '{asked}' must be consistent with the definition's type: '{defined}'.",
            "INVALID_TYPE",
        )
    value = given.get("value")
    if value is None or not value.strip():
        return None, "value", "Value can't be blank", "BLANK"
    problem = why_wrong(shop, asked, value)
    if problem:
        return None, "value", problem, "INVALID_VALUE"
    if asked == "id" and find_by_custom_id(shop, kind, namespace, key, value) not in (None, owner and owner[1]):
        return None, "value", "Value has already been taken", "TAKEN"
    return Wanted(namespace, key, asked, value), "", "", ""


def put(shop: Shop, owner: Owner, wanted: Wanted, at: int) -> Metafield:
    fields = shop.catalog.metafields.setdefault(owner, {})
    field = fields.get((wanted.namespace, wanted.key))
    if field is None:
        kind, number = owner
        field = Metafield(shop.next_id(), kind, number, wanted.namespace, wanted.key, wanted.type, wanted.value, at, at)
        fields[wanted.namespace, wanted.key] = field
    elif (field.type, field.value) != (wanted.type, wanted.value):
        field.type, field.value, field.updated_at = wanted.type, wanted.value, at
    return field


def replace_all(shop: Shop, owner: Owner, wanted: list[Wanted], at: int) -> None:
    """What a present list of productSet means: everything else goes (facts 8.1)."""
    kept = {(one.namespace, one.key) for one in wanted}
    for name in list(fields_of(shop, owner)):
        if name not in kept:
            del shop.catalog.metafields[owner][name]
    for one in wanted:
        put(shop, owner, one, at)


def forget(shop: Shop, owner: Owner) -> None:
    shop.catalog.metafields.pop(owner, None)


def find_by_custom_id(shop: Shop, kind: str, namespace: str, key: str, value: str) -> int | None:
    """The id of the owner of a unique metafield of type `id`."""
    for (owner_kind, number), fields in shop.catalog.metafields.items():
        field = fields.get((namespace, key)) if owner_kind == kind else None
        if field is not None and field.type == "id" and field.value == value:
            return number
    return None


def custom_id(shop: Shop, kind: str, given: dict) -> int | None:
    """Looks an owner up by its custom id. Raises FieldError without a definition of type id (facts 7.3)."""
    namespace = spelled_out(given.get("namespace"))
    if shop.catalog.definitions.get((kind, namespace, given["key"])) != "id":
        raise FieldError("Metafield definition of type 'id' is required when using custom ids.", "NOT_FOUND")
    return find_by_custom_id(shop, kind, namespace, given["key"], given["value"])


# Mutations


def set_metafields(root, call: Call, arguments: dict) -> dict:
    """All or nothing; 25 rows are checked before anything runs (row 11)."""
    shop, errors, rows = call.shop, [], []
    for index, given in enumerate(arguments["metafields"]):
        owner = _owner(shop, given["ownerId"])
        if owner is None:
            errors.append(_error(index, "ownerId", "Owner does not exist.", "INVALID"))
            continue
        wanted, field, message, code = check(shop, owner, given)
        if wanted is None:
            errors.append(_error(index, field, message, code))
            continue
        stale = _stale(shop, owner, wanted, given)
        if stale:
            errors.append(_error(index, "compareDigest", *stale))
        rows.append((owner, wanted))
    if errors:
        return {"metafields": None, "userErrors": errors}
    written = [put(shop, owner, wanted, call.now) for owner, wanted in rows]
    _touch(call, [owner for owner, _ in rows])
    return {"metafields": written, "userErrors": []}


def _error(index: int, field: str, message: str, code: str) -> dict:
    return {**user_error(["metafields", index, field], message, code), "elementIndex": index}


def _stale(shop: Shop, owner: Owner, wanted: Wanted, given: dict) -> tuple[str, str] | None:
    if "compareDigest" not in given:
        return None
    present = fields_of(shop, owner).get((wanted.namespace, wanted.key))
    if given["compareDigest"] == (digest(present) if present else None):
        return None
    return "The resource has been updated since it was loaded.", "STALE_OBJECT"


def _owner(shop: Shop, text: str) -> Owner | None:
    try:
        kind, number, _ = parse_gid(text)
    except ValueError:
        return None
    return (kind, number) if owner_of(shop, (kind, number)) is not None else None


def _touch(call: Call, owners: list[Owner]) -> None:
    """A metafield moves its owner's updatedAt, and a variant's its product's."""
    events = {}
    for kind, number in owners:
        thing = owner_of(call.shop, (kind, number))
        thing.updated_at = call.now
        if kind == "ProductVariant":
            kind, number = "Product", thing.product_id
            call.shop.products[number].updated_at = call.now
        if kind in TOPICS:
            events[TOPICS[kind], (number,)] = True
    call.shop.publish(list(events))


def delete_metafields(root, call: Call, arguments: dict) -> dict:
    """Null in the place of one that was not there."""
    shop, gone, owners = call.shop, [], []
    for given in arguments["metafields"]:
        owner = _owner(shop, given["ownerId"])
        name = spelled_out(given["namespace"]), given["key"]
        if owner is None or name not in fields_of(shop, owner):
            gone.append(None)
            continue
        del shop.catalog.metafields[owner][name]
        owners.append(owner)
        gone.append({"ownerId": given["ownerId"], "namespace": name[0], "key": name[1]})
    _touch(call, owners)
    return {"deletedMetafields": gone, "userErrors": []}


# Reads


def one_field(thing, call: Call, arguments: dict) -> Metafield | None:
    owner = (KINDS[type(thing)], thing.id)
    return fields_of(call.shop, owner).get((spelled_out(arguments.get("namespace")), arguments["key"]))


def all_fields(thing, call: Call, arguments: dict) -> Page:
    rows = list(fields_of(call.shop, (KINDS[type(thing)], thing.id)).values())
    namespace, keys = arguments.get("namespace"), arguments.get("keys")
    if namespace:
        rows = [row for row in rows if row.namespace == spelled_out(namespace)]
    if keys:
        wanted = [key if "." in key else f"{spelled_out(namespace)}.{key}" for key in keys]
        rows = [row for row in rows if f"{row.namespace}.{row.key}" in wanted]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


RESOLVERS = {
    **connection_resolvers(["Metafield"]),
    **identity("Metafield"),
    "Mutation.metafieldsSet": set_metafields,
    "Mutation.metafieldsDelete": delete_metafields,
    "Metafield.namespace": attribute("namespace"),
    "Metafield.key": attribute("key"),
    "Metafield.type": attribute("type"),
    "Metafield.value": attribute("value"),
    "Metafield.jsonValue": lambda field, call, arguments: json_value(field.type, field.value),
    "Metafield.compareDigest": lambda field, call, arguments: digest(field),
    "Metafield.sizeInBytes": lambda field, call, arguments: len(field.value.encode()),
    "Metafield.ownerType": lambda field, call, arguments: OWNER_TYPES[field.kind],
    "Metafield.owner": lambda field, call, arguments: owner_of(call.shop, (field.kind, field.owner_id)),
    **{
        f"{kind}.{name}": resolve
        for kind in KINDS.values()
        for name, resolve in (("metafield", one_field), ("metafields", all_fields))
    },
}
