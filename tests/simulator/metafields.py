"""Metafields and their definitions: custom ids (type `id`) are unique per kind of owner and found at once (row 28).

`$app` and `$app:name` are the app's own namespaces: app--4242 and app--4242--name on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .call import Call
from .gids import gid
from .order_state import Metafield, MetafieldDefinition
from .paging import Page, page_of
from .problems import FieldError, NotSimulatedError
from .reads import id_key, identity, number_of

APP_NAMESPACE = "app--4242"
NEEDS_DEFINITION = "Metafield definition of type 'id' is required when using custom ids."
NAMESPACE = re.compile(r"[A-Za-z0-9_$:-]{3,255}\Z")
KEY = re.compile(r"[A-Za-z0-9_-]{2,64}\Z")
OWNERS = {"ORDER": "orders", "DRAFTORDER": "drafts", "CUSTOMER": "customers"}
TYPES = {
    "id": "ID",
    "single_line_text_field": "SINGLE_LINE_TEXT_FIELD",
    "multi_line_text_field": "MULTI_LINE_TEXT_FIELD",
    "number_integer": "NUMBER_INTEGER",
    "boolean": "BOOLEAN",
    "json": "JSON",
    "url": "URL",
}


def namespace_of(given: str | None) -> str:
    """Without a namespace it is the app's own."""
    if not given or given == "$app":
        return APP_NAMESPACE
    return given.replace("$app:", f"{APP_NAMESPACE}--") if given.startswith("$app:") else given


def find_definition(call: Call, owner_type: str, namespace: str | None, key: str) -> MetafieldDefinition | None:
    wanted = (owner_type, namespace_of(namespace), key)
    return next((row for row in call.shop.metafield_definitions.values()
                 if (row.owner_type, row.namespace, row.key) == wanted), None)  # fmt: skip


def find_metafield(owner, namespace: str | None, key: str) -> Metafield | None:
    wanted = (namespace_of(namespace), key)
    return next((row for row in owner.metafields if (row.namespace, row.key) == wanted), None)


def find_by_custom_id(call: Call, owner_type: str, given: dict, owners: Iterable) -> object | None:
    """The owner with this unique value; None when there is none. Raises FieldError NOT_FOUND without a definition."""
    definition = find_definition(call, owner_type, given.get("namespace"), given["key"])
    if definition is None or definition.type != "id":
        raise FieldError(NEEDS_DEFINITION, "NOT_FOUND")
    for owner in owners:
        found = find_metafield(owner, definition.namespace, definition.key)
        if found is not None and found.value == given["value"]:
            return owner
    return None


# Writing them with their owner


def check_metafields(call: Call, owner_type: str, given: list[dict], owner: object | None = None) -> list[tuple]:
    """What is wrong with the metafields of an input: [(path below metafields, message)]."""
    found: list[tuple] = []
    for index, row in enumerate(given):
        if row.get("id"):
            raise NotSimulatedError("The simulator takes metafields by namespace and key, not by id")
        found += [((index, *path), message) for path, message in _problems(call, owner_type, row, owner)]
    return found


def _problems(call: Call, owner_type: str, row: dict, owner: object | None) -> list[tuple]:
    key, value = row.get("key") or "", row.get("value") or ""
    if not KEY.match(key) or not NAMESPACE.match(row.get("namespace") or "$app"):
        return [(("key",), "Key is invalid")]
    if not value:
        return [(("value",), "Value can't be blank")]
    definition = find_definition(call, owner_type, row.get("namespace"), key)
    if definition is None:
        if not row.get("type"):
            return [(("type",), "Type can't be blank")]
        if row["type"] not in TYPES or row["type"] == "id":
            return [(("type",), f"Type must be one that needs no definition: {row['type']} is not")]
        return []
    if row.get("type") and row["type"] != definition.type:
        return [(("type",), f"Type must be consistent with the definition's type: {definition.type}")]
    if definition.type == "id" and call.shop.knobs.unique_custom_ids and _is_taken(call, definition, value, owner):
        return [(("value",), "Value must be unique")]
    return []


def _is_taken(call: Call, definition: MetafieldDefinition, value: str, own: object | None) -> bool:
    owners = getattr(call.shop, OWNERS[definition.owner_type]).values()
    found = (find_metafield(one, definition.namespace, definition.key) for one in owners if one is not own)
    return any(row is not None and row.value == value for row in found)


def write_metafields(call: Call, owner_type: str, owner, given: list[dict]) -> None:
    """After check_metafields: writes each over the one of the same name."""
    for row in given:
        definition = find_definition(call, owner_type, row.get("namespace"), row["key"])
        kind = definition.type if definition else row["type"]
        known = find_metafield(owner, row.get("namespace"), row["key"])
        if known is not None:
            known.value, known.type, known.updated_at = row["value"], kind, call.now
            continue
        name = namespace_of(row.get("namespace"))
        owner.metafields.append(
            Metafield(call.shop.next_id(), name, row["key"], kind, row["value"], call.now, call.now)
        )


# Reading


def metafield_of(owner, call: Call, arguments: dict) -> Metafield | None:
    return find_metafield(owner, arguments.get("namespace"), arguments["key"])


def metafields_of(owner, call: Call, arguments: dict) -> Page:
    if arguments.get("keys"):
        raise NotSimulatedError("The simulator lists metafields by namespace, not by keys")
    wanted = arguments.get("namespace")
    rows = [row for row in owner.metafields if wanted is None or row.namespace == namespace_of(wanted)]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def definitions(root, call: Call, arguments: dict) -> Page:
    """Of one kind of owner, by namespace and key."""
    if arguments.get("query"):
        raise NotSimulatedError("The simulator does not search metafield definitions")
    namespace, key = arguments.get("namespace"), arguments.get("key")
    rows = [
        row
        for row in call.shop.metafield_definitions.values()
        if row.owner_type == arguments["ownerType"]
        and (namespace is None or row.namespace == namespace_of(namespace))
        and key in (None, row.key)
    ]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def definition(root, call: Call, arguments: dict) -> MetafieldDefinition | None:
    identifier = arguments.get("identifier")
    if identifier:
        return find_definition(call, identifier["ownerType"], identifier.get("namespace"), identifier["key"])
    return call.shop.metafield_definitions.get(number_of(arguments["id"], "MetafieldDefinition"))


def create_definition(root, call: Call, arguments: dict) -> dict:
    """metafieldDefinitionCreate: a name that is taken says TAKEN."""
    given = arguments["definition"]
    others = set(given) - {
        "name",
        "namespace",
        "key",
        "type",
        "ownerType",
        "description",
        "pin",
        "useAsCollectionCondition",
    }
    if others or given["ownerType"] not in OWNERS:
        raise NotSimulatedError(f"The simulator does not define metafields with {sorted(others) or given['ownerType']}")
    problem = _definition_problem(call, given)
    if problem is not None:
        field, message, code = problem
        error = {"field": ["definition", field], "message": message, "code": code}
        return {"createdDefinition": None, "userErrors": [{**error, "elementIndex": None, "elementKey": None}]}
    shop = call.shop
    made = MetafieldDefinition(
        shop.next_id(), given["ownerType"], namespace_of(given.get("namespace")), given["key"], given["name"],
        given["type"], call.now, given.get("description"),
    )  # fmt: skip
    shop.metafield_definitions[made.id] = made
    return {"createdDefinition": made, "userErrors": []}


def _definition_problem(call: Call, given: dict) -> tuple[str, str, str] | None:
    if not KEY.match(given["key"]):
        return "key", "Key is invalid", "INVALID_CHARACTER"
    if not NAMESPACE.match(given.get("namespace") or "$app"):
        return "namespace", "Namespace is invalid", "INVALID_CHARACTER"
    if not given["name"].strip():
        return "name", "Name can't be blank", "BLANK"
    if given["type"] not in TYPES:
        return "type", f"Type name {given['type']} is not a valid type.", "INVALID"
    if find_definition(call, given["ownerType"], given.get("namespace"), given["key"]) is not None:
        message = f"Key is in use for {given['ownerType'].capitalize()} metafields on the namespace."
        return "key", message, "TAKEN"
    return None


RESOLVERS = {
    "QueryRoot.metafieldDefinitions": definitions,
    "QueryRoot.metafieldDefinition": definition,
    "Mutation.metafieldDefinitionCreate": create_definition,
    **identity("Metafield"),
    **{f"Metafield.{name}": (lambda row, call, arguments, name=name: getattr(row, name))
       for name in ("namespace", "key", "type", "value")},
    "Metafield.jsonValue": lambda row, call, arguments: row.value,
    "Metafield.sizeInBytes": lambda row, call, arguments: len(row.value.encode()),
    "MetafieldDefinition.id": lambda row, call, arguments: gid("MetafieldDefinition", row.id),
    **{f"MetafieldDefinition.{name}": (lambda row, call, arguments, name=name: getattr(row, name))
       for name in ("namespace", "key", "name", "description")},
    "MetafieldDefinition.ownerType": lambda row, call, arguments: row.owner_type,
    "MetafieldDefinition.validationStatus": lambda row, call, arguments: "ALL_VALID",
    "MetafieldDefinition.type": lambda row, call, arguments: {"name": row.type, "category": TYPES[row.type]},
}  # fmt: skip
