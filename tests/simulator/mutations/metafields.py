"""metafieldsSet, metafieldsDelete and metafieldDefinitionCreate (shopify.md 8.1, row 11)."""

from __future__ import annotations

import hashlib

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.metafields import (
    KEY,
    KINDS,
    NAMESPACE,
    Wanted,
    Wrong,
    check,
    define,
    fields_of,
    find_definition,
    owner_of,
    put,
    spelled_out,
)
from tests.simulator.events.touch import touch
from tests.simulator.metaobjects.mutations import why_no_target
from tests.simulator.state.gids import parse_gid
from tests.simulator.state.metafield_values import TYPES
from tests.simulator.state.metafields import Metafield, Owner
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import NotSimulatedError, user_error

OWNER_TYPES = {kind.upper(): kind for kind in KINDS.values()}  # PRODUCTVARIANT -> ProductVariant
DEFINED = {"name", "namespace", "key", "type", "ownerType", "description", "pin", "useAsCollectionCondition"}
DEFINED |= {"validations"}


def digest(field: Metafield) -> str:
    return hashlib.sha256(f"{field.type}\n{field.value}".encode()).hexdigest()


def set_metafields(root, call: Call, arguments: dict) -> dict:
    """All or nothing; 25 rows are checked before anything runs (row 11)."""
    shop, errors, rows = call.shop, [], []
    for index, given in enumerate(arguments["metafields"]):
        owner = _owner(shop, given["ownerId"])
        if owner is None:
            errors.append(_error(index, "ownerId", "Owner does not exist.", "INVALID"))
            continue
        wanted = check(shop, owner, given)
        if isinstance(wanted, Wrong):
            errors.append(_error(index, wanted.field, wanted.message, wanted.code))
            continue
        stale = _stale(shop, owner, wanted, given)
        if stale:
            errors.append(_error(index, "compareDigest", *stale))
        rows.append((owner, wanted))
    if errors:
        return {"metafields": None, "userErrors": errors}
    written = [put(shop, owner, wanted, call.now) for owner, wanted in rows]
    touch(shop, call.now, *(owner_of(shop, owner) for owner, _ in rows))
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


def delete_metafields(root, call: Call, arguments: dict) -> dict:
    """Null in the place of one that was not there."""
    shop, gone, owners = call.shop, [], []
    for given in arguments["metafields"]:
        owner = _owner(shop, given["ownerId"])
        name = spelled_out(given["namespace"]), given["key"]
        if owner is None or name not in fields_of(shop, owner):
            gone.append(None)
            continue
        del shop.metafields[owner][name]
        owners.append(owner_of(shop, owner))
        gone.append({"ownerId": given["ownerId"], "namespace": name[0], "key": name[1]})
    touch(shop, call.now, *owners)
    return {"deletedMetafields": gone, "userErrors": []}


# Definitions


def create_definition(root, call: Call, arguments: dict) -> dict:
    """A name that is taken says TAKEN."""
    given = arguments["definition"]
    kind, others = OWNER_TYPES.get(given["ownerType"]), set(given) - DEFINED
    if others or kind is None:
        raise NotSimulatedError(f"The simulator does not define metafields with {sorted(others) or given['ownerType']}")
    problem = _definition_problem(call.shop, kind, given)
    if problem is not None:
        field, message, code = problem
        error = {**user_error(["definition", field], message, code), "elementIndex": None, "elementKey": None}
        return {"createdDefinition": None, "userErrors": [error]}
    made = define(
        call.shop,
        call.now,
        kind,
        given.get("namespace"),
        given["key"],
        given["type"],
        name=given["name"],
        description=given.get("description"),
        validations={row["name"]: row["value"] for row in given.get("validations") or ()},
    )
    return {"createdDefinition": made, "userErrors": []}


def _definition_problem(shop: Shop, kind: str, given: dict) -> tuple[str, str, str] | None:
    if not KEY.fullmatch(given["key"]):
        return "key", "Key is invalid", "INVALID_CHARACTER"
    if not NAMESPACE.fullmatch(spelled_out(given.get("namespace"))):
        return "namespace", "Namespace is invalid", "INVALID_CHARACTER"
    if not given["name"].strip():
        return "name", "Name can't be blank", "BLANK"
    if given["type"] not in TYPES:
        return "type", f"Type name {given['type']} is not a valid type.", "INVALID"
    if problem := why_no_target(shop, given["type"], given.get("validations")):
        return "validations", problem, "INVALID_OPTION"
    if find_definition(shop, kind, given.get("namespace"), given["key"]) is not None:
        return "key", f"Key is in use for {kind} metafields on the namespace.", "TAKEN"
    return None


RESOLVERS = {
    "Mutation.metafieldsSet": set_metafields,
    "Mutation.metafieldsDelete": delete_metafields,
    "Mutation.metafieldDefinitionCreate": create_definition,
}
