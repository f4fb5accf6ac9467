"""Metaobjects: types that a store defines, entries of them, and references to both (shopify.md 8.1, row 77)."""

from __future__ import annotations

import json

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import Api

ERRORS = "userErrors { code field message elementKey }"
DEFINE = f"""mutation D($given: MetaobjectDefinitionCreateInput!) {{ metaobjectDefinitionCreate(definition: $given) {{
  metaobjectDefinition {{ id type displayNameKey capabilities {{ publishable {{ enabled }} }}
    fieldDefinitions {{ key required type {{ name }} validations {{ name value }} }} }} {ERRORS} }} }}"""
ADD_FIELDS = f"""mutation U($id: ID!, $given: MetaobjectDefinitionUpdateInput!) {{
  metaobjectDefinitionUpdate(id: $id, definition: $given) {{
    metaobjectDefinition {{ fieldDefinitions {{ key }} }} {ERRORS} }} }}"""
ENABLE = f"""mutation E($type: String!) {{ standardMetaobjectDefinitionEnable(type: $type) {{
  metaobjectDefinition {{ id type }} {ERRORS} }} }}"""
ENTRY = "id handle type displayName capabilities { publishable { status } } fields { key type value }"
CREATE = f"""mutation C($given: MetaobjectCreateInput!) {{
  metaobjectCreate(metaobject: $given) {{ metaobject {{ {ENTRY} }} {ERRORS} }} }}"""
UPDATE = f"""mutation U($id: ID!, $given: MetaobjectUpdateInput!) {{
  metaobjectUpdate(id: $id, metaobject: $given) {{ metaobject {{ {ENTRY} }} {ERRORS} }} }}"""
DELETE = f"mutation X($id: ID!) {{ metaobjectDelete(id: $id) {{ deletedId {ERRORS} }} }}"
BY_HANDLE = f"""query H($handle: MetaobjectHandleInput!) {{ metaobjectByHandle(handle: $handle) {{ {ENTRY} }} }}"""
SET = """mutation S($rows: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $rows) { metafields { value } userErrors { code field message } } }"""
DEFINE_FIELD = """mutation F($given: MetafieldDefinitionInput!) {
  metafieldDefinitionCreate(definition: $given) { createdDefinition { id } userErrors { code field message } } }"""

TEXT = "single_line_text_field"
DESIGNER = {
    "type": "designer",
    "name": "Designer",
    "displayNameKey": "name",
    "capabilities": {"publishable": {"enabled": True}},
    "fieldDefinitions": [
        {"key": "name", "type": TEXT, "required": True},
        {"key": "born", "type": "number_integer", "validations": [{"name": "min", "value": "1900"}]},
    ],
}


def done(api: Api, document: str, **variables) -> dict:
    answer = next(iter(api.data(document, variables).values()))
    assert answer.pop("userErrors") == []
    return next(iter(answer.values()))


def refused(api: Api, document: str, **variables) -> list[tuple]:
    answer = next(iter(api.data(document, variables).values()))
    errors = answer.pop("userErrors")
    assert next(iter(answer.values())) is None
    return [(error["code"], error["field"], error.get("elementKey")) for error in errors]


def entry(handle: str | None = None, type_: str = "designer", **values: str) -> dict:
    fields = [{"key": key, "value": value} for key, value in values.items()]
    return {"type": type_, "fields": fields} | ({"handle": handle} if handle else {})


@pytest.fixture
def api(api: Api) -> Api:
    done(api, DEFINE, given=DESIGNER)
    return api


def test_an_entry_has_the_fields_of_its_type_and_is_found_by_its_handle(api):
    made = done(api, CREATE, given=entry("Ann Lee", name="Ann"))
    assert (made["handle"], made["displayName"], made["type"]) == ("ann-lee", "Ann", "designer")
    assert made["capabilities"]["publishable"] == {"status": "DRAFT"}
    assert [(row["key"], row["value"]) for row in made["fields"]] == [("name", "Ann"), ("born", None)]
    given = {"fields": [{"key": "born", "value": "1950"}], "capabilities": {"publishable": {"status": "ACTIVE"}}}
    done(api, UPDATE, id=made["id"], given=given)
    found = api.data(BY_HANDLE, {"handle": {"type": "designer", "handle": "ann-lee"}})["metaobjectByHandle"]
    assert {row["key"]: row["value"] for row in found["fields"]} == {"name": "Ann", "born": "1950"}
    assert found["capabilities"]["publishable"] == {"status": "ACTIVE"}
    assert done(api, DELETE, id=made["id"]) == made["id"]
    assert refused(api, DELETE, id=made["id"]) == [("RECORD_NOT_FOUND", ["id"], None)]


def test_one_bad_field_refuses_the_entry_and_is_named(api):
    bad = entry("bob", name="Bob", born="1800", hat="red")
    assert refused(api, CREATE, given=bad) == [
        ("INVALID_VALUE", ["metaobject", "fields", "1"], "born"),
        ("UNDEFINED_OBJECT_FIELD", ["metaobject", "fields", "2"], "hat"),
    ]
    assert refused(api, CREATE, given=entry("bob")) == [("OBJECT_FIELD_REQUIRED", ["metaobject"], "name")]
    assert refused(api, CREATE, given=entry("bob", "hat")) == [("UNDEFINED_OBJECT_TYPE", ["metaobject", "type"], None)]


@pytest.mark.parametrize("manner", ["number", "refuse"])
def test_a_handle_is_unique_in_its_type(api, small, manner):
    small.shop.knobs.metaobject_handles = manner
    done(api, DEFINE, given={"type": "maker", "fieldDefinitions": [{"key": "name", "type": TEXT}]})
    done(api, CREATE, given=entry("ann", name="Ann"))
    assert done(api, CREATE, given=entry("ann", "maker", name="Ann"))["handle"] == "ann"
    if manner == "number":
        assert done(api, CREATE, given=entry("ann", name="Ann"))["handle"] == "ann-1"
    else:
        assert refused(api, CREATE, given=entry("ann", name="A")) == [("TAKEN", ["metaobject", "handle"], None)]
    other = done(api, CREATE, given=entry("bob", name="Bob"))
    assert refused(api, UPDATE, id=other["id"], given={"handle": "ann"}) == [("TAKEN", ["metaobject", "handle"], None)]


def test_references_belong_to_the_type_that_their_definition_selects(api, small):
    designer = done(api, CREATE, given=entry("ann", name="Ann"))
    kind = {"key": "peer", "type": "metaobject_reference"}
    given = {"type": "team", "fieldDefinitions": [kind]}
    assert refused(api, DEFINE, given=given) == [("INVALID_OPTION", ["definition", "fieldDefinitions", "0"], "peer")]
    team = done(api, DEFINE, given={"type": "team"})
    chosen = [{"name": "metaobject_definition_id", "value": team["id"]}]
    added = {"fieldDefinitions": [{"create": kind | {"validations": chosen}}]}
    assert done(api, ADD_FIELDS, id=team["id"], given=added)["fieldDefinitions"] == [{"key": "peer"}]
    code = ("INVALID_VALUE", ["metaobject", "fields", "0"], "peer")
    assert refused(api, CREATE, given=entry("x", "team", peer=designer["id"])) == [code]
    one = done(api, CREATE, given=entry("one", "team"))
    done(api, CREATE, given=entry("two", "team", peer=one["id"]))

    field = {"namespace": "custom", "key": "makers", "type": "list.metaobject_reference"}
    row = field | {"ownerId": gid("Product", small.shirt.product_id), "value": json.dumps([designer["id"]])}
    assert done(api, SET, rows=[row]) == [{"value": row["value"]}]
    assert refused(api, SET, rows=[row | {"value": json.dumps([gid("Metaobject", 1)])}])[0][0] == "INVALID_VALUE"
    bare = {"name": "Makers", "ownerType": "PRODUCT"} | field
    assert refused(api, DEFINE_FIELD, given=bare)[0][:2] == ("INVALID_OPTION", ["definition", "validations"])
    done(api, DEFINE_FIELD, given=bare | {"validations": chosen})
    assert refused(api, SET, rows=[row])[0][0] == "INVALID_VALUE"


def test_a_reference_may_need_a_definition(api, small):
    small.shop.knobs.metaobject_fields_are_defined = True
    made = done(api, CREATE, given=entry("ann", name="Ann"))
    row = {"ownerId": gid("Product", small.shirt.product_id), "namespace": "custom", "key": "maker"}
    row |= {"type": "metaobject_reference", "value": made["id"]}
    assert refused(api, SET, rows=[row])[0][0] == "INVALID_TYPE"


def test_standard_types_are_enabled_not_defined(api):
    colours = "shopify--color-pattern"
    assert refused(api, DEFINE, given={"type": colours}) == [("RESERVED_NAME", ["definition", "type"], None)]
    assert done(api, ENABLE, type=colours) == done(api, ENABLE, type=colours)
    assert refused(api, ENABLE, type="shopify--nothing") == [("RECORD_NOT_FOUND", ["type"], None)]
    done(api, CREATE, given=entry("red", colours, label="Red", color="#ff0000"))
