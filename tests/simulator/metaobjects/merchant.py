"""What people do to metaobjects in a shop's admin."""

from __future__ import annotations

from tests.simulator.metaobjects.state import FieldDefinition, Metaobject, MetaobjectDefinition, definition_of
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Shop


def define(
    shop: Shop, clock: Clock, type_: str, *fields: FieldDefinition, publishable: bool = False
) -> MetaobjectDefinition:
    """A type with these fields; the first one is what its entries are called by."""
    with shop.lock:
        at = clock.whole_seconds()
        made = MetaobjectDefinition(shop.next_id(), type_, type_.capitalize(), at, at, fields=list(fields))
        made.display_name_key, made.publishable = fields[0].key if fields else None, publishable
        shop.catalog.metaobject_definitions[made.id] = made
        return made


def add_field(shop: Shop, type_: str, field: FieldDefinition) -> None:
    """A further field of a type. Raises AttributeError for an unknown one."""
    with shop.lock:
        definition_of(shop.catalog, type_).fields.append(field)


def add(shop: Shop, clock: Clock, type_: str, handle: str, **values: str) -> Metaobject:
    """An entry, whatever its definition says."""
    with shop.lock:
        at = clock.whole_seconds()
        made = Metaobject(shop.next_id(), type_, handle, at, at, values)
        shop.catalog.metaobjects[made.id] = made
        return made


def change(shop: Shop, clock: Clock, number: int, *, handle: str = "", status: str = "", **values: str) -> None:
    """Set fields of an entry, its handle, its status. Raises KeyError."""
    with shop.lock:
        entry = shop.catalog.metaobjects[number]
        entry.handle, entry.status = handle or entry.handle, status or entry.status
        entry.values |= values
        entry.updated_at = clock.whole_seconds()


def remove(shop: Shop, number: int) -> None:
    """Delete an entry: what referred to it keeps an id that leads nowhere. Raises KeyError."""
    with shop.lock:
        del shop.catalog.metaobjects[number]
