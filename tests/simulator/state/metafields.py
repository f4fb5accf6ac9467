"""Metafields, which hang on nearly everything in a shop, and their definitions."""

from __future__ import annotations

from dataclasses import dataclass, field

Owner = tuple[str, int]  # (kind, id): ("Product", 7)


@dataclass(slots=True, eq=False)
class Metafield:
    id: int
    kind: str  # of its owner: Product, Order, Page, ...
    owner_id: int
    namespace: str
    key: str
    type: str
    value: str
    created_at: int
    updated_at: int


@dataclass(slots=True, eq=False)
class MetafieldDefinition:
    id: int
    kind: str  # of the owners it is for
    namespace: str
    key: str
    name: str
    type: str
    created_at: int
    description: str | None = None
    validations: dict[str, str] = field(default_factory=dict)  # choices, min, max, scale_min, scale_max as texts
