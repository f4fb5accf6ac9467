"""metaobjectCreate, -Update, -Delete, and the mutations of definitions ([S] MetaobjectUserErrorCode; shopify.md 8.1).

One bad field refuses the whole entry, and is named by its place and by its key (row 77).
"""

from __future__ import annotations

import re

from tests.simulator.documents.call import Call
from tests.simulator.metaobjects.state import FieldDefinition, Metaobject, MetaobjectDefinition, definition_of, find
from tests.simulator.mutations.products.fields import as_handle
from tests.simulator.reads.shop import number_of
from tests.simulator.state.metafield_values import TYPES, why_against, why_of_another_type, why_wrong
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import NotSimulatedError, user_error

TYPE = re.compile(r"[A-Za-z0-9_-]{3,255}")
KEY = re.compile(r"[A-Za-z0-9_-]{2,64}")
# Types that Shopify has a template for: a store enables them, and nobody else defines them.
STANDARD = {"shopify--color-pattern": (("label", "single_line_text_field", True), ("color", "color", False))}
TAKES = {"type", "handle", "fields", "capabilities", "redirectNewHandle"}
DEFINED = {"type", "name", "description", "displayNameKey", "fieldDefinitions", "access", "capabilities"}


def _error(path: list, message: str, code: str, key: str | None = None) -> dict:
    return {**user_error(path, message, code), "elementKey": key, "elementIndex": None}


def _refused(root: str, *errors: dict) -> dict:
    return {root: None, "userErrors": list(errors)}


# Entries


def create(root, call: Call, arguments: dict) -> dict:
    """A handle that is taken gets a number, or is refused: the documentation does not say (the knob)."""
    given, catalog = arguments["metaobject"], call.shop.catalog
    _check_known(given, TAKES)
    definition = definition_of(catalog, given["type"])
    if definition is None:
        said = f'No metaobject definition exists for type "{given["type"]}"'
        return _refused("metaobject", _error(["metaobject", "type"], said, "UNDEFINED_OBJECT_TYPE"))
    values, errors = _values(call.shop, definition, given, {})
    handle = as_handle(given.get("handle") or "") or _free(catalog, definition, definition.type)
    if find(catalog, definition.type, handle) is not None:
        if call.shop.knobs.metaobject_handles == "refuse":
            errors.append(_error(["metaobject", "handle"], "Handle has already been taken", "TAKEN"))
        handle = _free(catalog, definition, handle)
    if errors:
        return _refused("metaobject", *errors)
    made = Metaobject(call.shop.next_id(), definition.type, handle, call.now, call.now, values)
    _put_status(made, definition, given, default="DRAFT")
    catalog.metaobjects[made.id] = made
    return {"metaobject": made, "userErrors": []}


def update(root, call: Call, arguments: dict) -> dict:
    """Fields that are not named stay."""
    given, catalog = arguments["metaobject"], call.shop.catalog
    _check_known(given, TAKES - {"type"})
    found = catalog.metaobjects.get(number_of(arguments["id"], "Metaobject"))
    if found is None:
        return _refused("metaobject", _error(["id"], "Record not found", "RECORD_NOT_FOUND"))
    definition = definition_of(catalog, found.type)
    values, errors = _values(call.shop, definition, given, found.values)
    handle = as_handle(given.get("handle") or "") or found.handle
    if find(catalog, found.type, handle) not in (None, found):
        errors.append(_error(["metaobject", "handle"], "Handle has already been taken", "TAKEN"))
    if errors:
        return _refused("metaobject", *errors)
    found.handle, found.values, found.updated_at = handle, values, call.now
    _put_status(found, definition, given, default=found.status)
    return {"metaobject": found, "userErrors": []}


def delete(root, call: Call, arguments: dict) -> dict:
    number = number_of(arguments["id"], "Metaobject")
    if call.shop.catalog.metaobjects.pop(number, None) is None:
        return _refused("deletedId", _error(["id"], "Record not found", "RECORD_NOT_FOUND"))
    return {"deletedId": arguments["id"], "userErrors": []}


def _check_known(given: dict, known: set[str]) -> None:
    if others := set(given) - known:
        raise NotSimulatedError(f"The simulator takes no metaobjects with {sorted(others)}")


def _values(shop: Shop, definition: MetaobjectDefinition, given: dict, before: dict) -> tuple[dict, list[dict]]:
    """The values afterwards, and what is wrong with them; a blank value empties its field."""
    values, errors = dict(before), []
    for place, row in enumerate(given.get("fields") or ()):
        key, value, path = row["key"], row["value"], ["metaobject", "fields", str(place)]
        known = definition.field(key)
        if known is None:
            errors.append(_error(path, f'Field definition "{key}" does not exist', "UNDEFINED_OBJECT_FIELD", key))
        elif not value.strip():
            values.pop(key, None)
        elif problem := (
            why_wrong(shop, known.type, value)
            or why_against(known.validations, known.type, value)
            or why_of_another_type(shop, known.validations, known.type, value)
        ):
            errors.append(_error(path, problem, "INVALID_VALUE", key))
        else:
            values[key] = value
    named = {error["elementKey"] for error in errors}
    for row in definition.fields:
        if row.required and row.key not in values and row.key not in named:
            said = f"{row.name or row.key} can't be blank"
            errors.append(_error(["metaobject"], said, "OBJECT_FIELD_REQUIRED", row.key))
    return values, errors


def _put_status(entry: Metaobject, definition: MetaobjectDefinition, given: dict, *, default: str) -> None:
    wanted = ((given.get("capabilities") or {}).get("publishable") or {}).get("status")
    if wanted and not definition.publishable:
        raise NotSimulatedError("CAPABILITY_NOT_ENABLED: the type of this metaobject is not publishable")
    entry.status = wanted or (default if definition.publishable else "ACTIVE")


def _free(catalog, definition: MetaobjectDefinition, handle: str) -> str:
    number, free = 0, handle
    while find(catalog, definition.type, free) is not None:
        number += 1
        free = f"{handle}-{number}"
    return free


# Definitions


def create_definition(root, call: Call, arguments: dict) -> dict:
    given, catalog = arguments["definition"], call.shop.catalog
    _check_known(given, DEFINED)
    path = ["definition", "type"]
    if not TYPE.fullmatch(given["type"]):
        return _refused("metaobjectDefinition", _error(path, "Type is invalid", "INVALID"))
    if given["type"].startswith("shopify--"):
        said = "Type is reserved for standard definitions."
        return _refused("metaobjectDefinition", _error(path, said, "RESERVED_NAME"))
    if definition_of(catalog, given["type"]) is not None:
        return _refused("metaobjectDefinition", _error(path, "Type has already been taken", "TAKEN"))
    rows = given.get("fieldDefinitions") or []
    if errors := [error for place, row in enumerate(rows) if (error := _why_field(call.shop, row, place))]:
        return _refused("metaobjectDefinition", *errors)
    made = MetaobjectDefinition(call.shop.next_id(), given["type"], given.get("name") or "", call.now, call.now)
    made.fields = [_field(row) for row in rows]
    made.description, made.display_name_key = given.get("description"), given.get("displayNameKey")
    enabled = given.get("capabilities") or {}
    made.publishable = bool((enabled.get("publishable") or {}).get("enabled"))
    made.translatable = bool((enabled.get("translatable") or {}).get("enabled"))
    made.storefront = (given.get("access") or {}).get("storefront") or "NONE"
    catalog.metaobject_definitions[made.id] = made
    return {"metaobjectDefinition": made, "userErrors": []}


def update_definition(root, call: Call, arguments: dict) -> dict:
    """Fields are added; nothing else is simulated."""
    given, catalog = arguments["definition"], call.shop.catalog
    _check_known(given, {"fieldDefinitions", "resetFieldOrder"})
    found = catalog.metaobject_definitions.get(number_of(arguments["id"], "MetaobjectDefinition"))
    if found is None:
        return _refused("metaobjectDefinition", _error(["id"], "Record not found", "RECORD_NOT_FOUND"))
    rows = [row["create"] for row in given["fieldDefinitions"]]
    errors = [error for place, row in enumerate(rows) if (error := _why_field(call.shop, row, place))]
    errors += [
        _error(["definition", "fieldDefinitions", str(place)], "Key is taken", "OBJECT_FIELD_TAKEN", row["key"])
        for place, row in enumerate(rows)
        if found.field(row["key"])
    ]
    if errors:
        return _refused("metaobjectDefinition", *errors)
    found.fields += [_field(row) for row in rows]
    found.updated_at = call.now
    return {"metaobjectDefinition": found, "userErrors": []}


def enable_standard(root, call: Call, arguments: dict) -> dict:
    """Safe to repeat: one that is enabled is answered as it is."""
    catalog, type_ = call.shop.catalog, arguments["type"]
    if type_ not in STANDARD:
        said = "A standard definition for this type does not exist."
        return _refused("metaobjectDefinition", _error(["type"], said, "RECORD_NOT_FOUND"))
    found = definition_of(catalog, type_)
    if found is None:
        found = MetaobjectDefinition(call.shop.next_id(), type_, type_, call.now, call.now)
        found.fields = [FieldDefinition(key, kind, key, required=required) for key, kind, required in STANDARD[type_]]
        found.display_name_key = found.fields[0].key
        catalog.metaobject_definitions[found.id] = found
    return {"metaobjectDefinition": found, "userErrors": []}


def _field(given: dict) -> FieldDefinition:
    validations = {row["name"]: row["value"] for row in given.get("validations") or ()}
    name, required = given.get("name") or "", bool(given.get("required"))
    return FieldDefinition(given["key"], given["type"], name, given.get("description"), required, validations)


def _why_field(shop: Shop, given: dict, place: int) -> dict | None:
    path, key = ["definition", "fieldDefinitions", str(place)], given["key"]
    if not KEY.fullmatch(key):
        return _error(path, "Key is invalid", "INVALID", key)
    if given["type"] not in TYPES:
        return _error(path, f"Type name {given['type']} is not a valid type.", "INCLUSION", key)
    if problem := why_no_target(shop, given["type"], given.get("validations")):
        return _error(path, problem, "INVALID_OPTION", key)
    return None


def why_no_target(shop: Shop, kind: str, validations: list[dict] | None) -> str | None:
    """A definition of a reference to metaobjects names their definitions, which the shop has."""
    single = kind.removeprefix("list.")
    if single not in ("metaobject_reference", "mixed_reference"):
        return None
    named = {row["name"]: row["value"] for row in validations or ()}
    if "metaobject_definition_id" in named:
        gids = [named["metaobject_definition_id"]]
    else:
        gids = re.findall(r"gid://[^\"]+", named.get("metaobject_definition_ids", ""))
    if not gids:
        return "Validations require that you select a metaobject."
    numbers = [number_of(text, "MetaobjectDefinition") for text in gids]
    if any(number not in shop.catalog.metaobject_definitions for number in numbers):
        return "Validations references a metaobject definition that does not exist."
    return None


RESOLVERS = {
    "Mutation.metaobjectCreate": create,
    "Mutation.metaobjectUpdate": update,
    "Mutation.metaobjectDelete": delete,
    "Mutation.metaobjectDefinitionCreate": create_definition,
    "Mutation.metaobjectDefinitionUpdate": update_definition,
    "Mutation.standardMetaobjectDefinitionEnable": enable_standard,
}
