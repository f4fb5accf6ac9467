"""Metaobjects and their definitions, as one shop has them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class FieldDefinition:
    key: str
    type: str
    name: str = ""
    description: str | None = None
    required: bool = False
    validations: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class MetaobjectDefinition:
    id: int
    type: str
    name: str
    created_at: int
    updated_at: int
    description: str | None = None
    display_name_key: str | None = None
    fields: list[FieldDefinition] = field(default_factory=list)
    publishable: bool = False
    translatable: bool = False
    storefront: str = "NONE"

    def field(self, key: str) -> FieldDefinition | None:
        return next((row for row in self.fields if row.key == key), None)


@dataclass(slots=True, eq=False)
class Metaobject:
    id: int
    type: str
    handle: str
    created_at: int
    updated_at: int
    values: dict[str, str] = field(default_factory=dict)  # by the keys of its definition
    status: str = "ACTIVE"  # ACTIVE | DRAFT, where its definition is publishable


@dataclass(slots=True)
class MetaobjectValue:
    """One field of one metaobject, filled or not."""

    definition: FieldDefinition
    value: str | None


def definition_of(catalog, type_: str) -> MetaobjectDefinition | None:
    """The definition of a type, if the shop has it."""
    return next((row for row in catalog.metaobject_definitions.values() if row.type == type_), None)


def find(catalog, type_: str, handle: str) -> Metaobject | None:
    """A handle is unique within its type."""
    rows = catalog.metaobjects.values()
    return next((row for row in rows if (row.type, row.handle) == (type_, handle)), None)


def values_of(catalog, entry: Metaobject) -> list[MetaobjectValue]:
    definition = definition_of(catalog, entry.type)
    return [MetaobjectValue(row, entry.values.get(row.key)) for row in definition.fields] if definition else []
