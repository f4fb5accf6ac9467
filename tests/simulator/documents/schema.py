"""The schema (a pruned cut of Shopify's official one) and what each field of it asks of a token."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_schema

SCHEMA_PATH = Path(__file__).parents[1] / "schema.graphql"
SCOPES_PATH = Path(__file__).parents[1] / "scopes.json"
# What the schema's descriptions do not say, but Shopify's table of scopes does: refunds are part of orders.
UNSTATED = {"Mutation.refundCreate": ["write_orders"]}


@cache
def load_schema(path: Path = SCHEMA_PATH) -> GraphQLSchema:
    """Built once per process: it takes most of a second."""
    return build_schema(path.read_text(encoding="utf-8"))


def load_scopes(path: Path = SCOPES_PATH) -> dict[str, list[str]]:
    """{"Type" or "Type.field": scopes of which one is enough}."""
    return UNSTATED | json.loads(path.read_text(encoding="utf-8"))


def expand_scopes(scopes: set[str]) -> frozenset[str]:
    """A write scope includes the read scope of the same thing (shopify.md 6)."""
    return frozenset(scopes | {scope.replace("write_", "read_", 1) for scope in scopes if scope.startswith("write_")})
