"""Cuts tests/simulator/schema.graphql and scopes.json out of Shopify's official Admin schema.

Run `python -m tests.simulator.documents.prune_schema [path of admin_2026-10.json.gz]`. What is kept stands in
schema_selection.py. scopes.json says which offline scopes (one is enough) a type or field of the SDL needs; what is
missing there is free. Source of the JSON: npm package @shopify/dev-mcp 1.16.0.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from graphql import build_client_schema, print_schema

from tests.simulator.documents.schema_selection import INTERFACES, MUTATIONS, NOT_IMPLEMENTED, OBJECTS, QUERIES, UNIONS

HERE = Path(__file__).parents[1]
OFFICIAL = HERE.parents[2] / "shared" / "shopify" / "admin_2026-10.json.gz"
SDL = HERE / "schema.graphql"
SCOPES = HERE / "scopes.json"

WHOLE_BY_SUFFIX = ("Payload", "UserError", "Connection", "Edge", "PageInfo", "PaymentError")


class Selection:
    """Walks from the roots and collects, per type name, the field names that stay."""

    def __init__(self, types: dict[str, dict[str, Any]]) -> None:
        self.types = types
        self.kept: dict[str, set[str]] = {}
        self.dropped: list[str] = []

    def run(self) -> dict[str, set[str]]:
        """Return type name -> kept field names (whole inputs, enums, scalars and unions map to an empty set)."""
        self.visit("QueryRoot", QUERIES.split())
        self.visit("Mutation", MUTATIONS.split())
        for name in [*INTERFACES, *OBJECTS, *UNIONS]:
            self.visit(name)
        return self.kept

    def visit(self, name: str, fields: list[str] | None = None) -> None:
        if name in self.kept:
            return
        kept = self.kept.setdefault(name, set())
        spec = self.types[name]
        if spec["kind"] == "INPUT_OBJECT":
            for field in spec["inputFields"]:
                self.visit(named(field["type"]))
        elif spec["kind"] in ("OBJECT", "INTERFACE"):
            kept.update(fields if fields is not None else self.wanted(spec))
            self.follow(spec, kept)

    def wanted(self, spec: dict[str, Any]) -> list[str]:
        listed = OBJECTS.get(spec["name"]) or INTERFACES.get(spec["name"]) or "*"
        if listed != "*":
            extra = [
                f for i in spec["interfaces"] or [] if i["name"] in INTERFACES for f in INTERFACES[i["name"]].split()
            ]
            return listed.split() + extra
        return [f["name"] for f in spec["fields"] if self.is_known(spec["name"], f)]

    def is_known(self, owner: str, field: dict[str, Any]) -> bool:
        target = self.types[named(field["type"])]
        known = target["kind"] in ("SCALAR", "ENUM") or target["name"] in {*OBJECTS, *INTERFACES, *UNIONS}
        if known or target["name"].endswith(WHOLE_BY_SUFFIX):
            return True
        self.dropped.append(f"{owner}.{field['name']}: {target['name']}")
        return False

    def follow(self, spec: dict[str, Any], kept: set[str]) -> None:
        by_name = {f["name"]: f for f in spec["fields"]}
        unknown = kept - by_name.keys()
        if unknown:
            raise KeyError(f"{spec['name']} has no field {sorted(unknown)}")
        for name in kept:
            field = by_name[name]
            if not self.is_known(spec["name"], field):
                raise KeyError(f"{spec['name']}.{name} needs {named(field['type'])}, which is not listed")
            self.visit(named(field["type"]))
            for argument in field["args"]:
                self.visit(named(argument["type"]))


def named(ref: dict[str, Any]) -> str:
    """Name of the type inside any number of list and non-null wrappers of an introspection type reference."""
    while ref["ofType"]:
        ref = ref["ofType"]
    return ref["name"]


def implemented(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the interfaces that a type of the introspection still implements after the cut."""
    pairs = [(spec["name"], interface) for interface in spec["interfaces"] or []]
    return [i for name, i in pairs if i["name"] in INTERFACES and (name, i["name"]) not in NOT_IMPLEMENTED]


def prune(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the pruned introspection result {"__schema": ...} and the list of `Type.field` cut from whole types."""
    schema = document["data"]["__schema"]
    types = {spec["name"]: spec for spec in schema["types"]}
    selection = Selection(types)
    kept = selection.run()
    specs = [cut(types[name], fields, kept) for name, fields in sorted(kept.items())]
    specs += [types[name] for name in types if name.startswith("__")]
    directives = [
        silent(d, args=[silent(a) for a in d["args"]]) for d in schema["directives"] if d["name"] == "idempotent"
    ]
    roots = {"queryType": schema["queryType"], "mutationType": schema["mutationType"], "subscriptionType": None}
    return {"__schema": {**roots, "types": specs, "directives": directives}}, selection.dropped


def cut(spec: dict[str, Any], fields: set[str], kept: dict[str, set[str]]) -> dict[str, Any]:
    """Return one type of the introspection without its prose and without what is not kept."""
    bare = {**spec, "description": None}
    if spec["kind"] in ("OBJECT", "INTERFACE"):
        bare["fields"] = [silent(f, args=[silent(a) for a in f["args"]]) for f in spec["fields"] if f["name"] in fields]
        bare["interfaces"] = implemented(spec)
    for key in ("inputFields", "enumValues"):
        bare[key] = spec[key] and [silent(entry) for entry in spec[key]]
    members = [m for m in spec["possibleTypes"] or [] if (m["name"], spec["name"]) not in NOT_IMPLEMENTED]
    bare["possibleTypes"] = spec["possibleTypes"] and [m for m in members if m["name"] in kept]
    return bare


def silent(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a field, argument or enum value without its description."""
    return {**entry, "description": None, **changes}


def scopes(document: dict[str, Any], pruned: dict[str, Any]) -> dict[str, list[str]]:
    """Return `Type` or `Type.field` -> offline scopes of which one is enough, for what is kept and not free."""
    kept = {t["name"]: {f["name"] for f in t["fields"] or []} for t in pruned["__schema"]["types"]}
    found: dict[str, list[str]] = {}
    for item in document["offline_scopes"]["items"]:
        owner, field = item["typeName"], item.get("fieldName")
        if not item["offlineScopes"] or owner not in kept or (field and field not in kept[owner]):
            continue
        found[f"{owner}.{field}" if field else owner] = sorted(item["offlineScopes"])
    return dict(sorted(found.items()))


def read_official(path: Path = OFFICIAL) -> dict[str, Any]:
    """Read the gzipped official JSON: {"data": {"__schema": ...}, "offline_scopes": {"items": [...]}}."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        return json.load(handle)


def cut_out(document: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Return the text of schema.graphql, the text of scopes.json and what was cut from types that are kept whole."""
    pruned, dropped = prune(document)
    text = print_schema(build_client_schema(pruned)) + "\n"
    return text, json.dumps(scopes(document, pruned), indent=1) + "\n", dropped


def main() -> int:
    document = read_official(Path(sys.argv[1]) if len(sys.argv) > 1 else OFFICIAL)
    text, required, dropped = cut_out(document)
    SDL.write_text(text, encoding="utf-8")
    SCOPES.write_text(required, encoding="utf-8")
    print(f"{len(text):,} characters of SDL; cut from whole types: {', '.join(dropped) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
