"""The types of metaobjects along a connection: what the destination defines, and what it lacks of the source's."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from stores.models import Connection, SyncMode
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields import metaobject_types as wire
from stores.shopify.metafields.definitions import MetafieldDefinition
from stores.shopify.metafields.metaobject_types import MetaobjectType
from stores.shopify.metafields.writes import said_by
from syncing.catalogue.rules.metafield_checks import APP_PREFIXES

ONE, SEVERAL = "metaobject_definition_id", "metaobject_definition_ids"
# Of a definition: these name things of its own store.
FOREIGN_VALIDATIONS = frozenset({ONE, SEVERAL})
STANDARD_PREFIX = "shopify--"


class Types:
    """The types of a connection's two stores. Nothing is asked before it is needed, and then once.

    All methods raise as Client.execute does.
    """

    def __init__(self, connection: Connection, source: Client, destination: Client) -> None:
        settings = connection.catalogue
        self.is_on = settings.metaobject_mode != SyncMode.OFF
        self.makes_missing = settings.makes_metaobject_types
        self.source, self.destination = source, destination
        self._ours: dict[str, MetaobjectType] | None = None
        self._theirs: dict[str, MetaobjectType] | None = None
        self._refused: dict[str, str] = {}  # type -> why it cannot be defined, in words
        self._making: set[str] = set()
        self._later: dict[str, list[MetafieldDefinition]] = {}  # type -> fields that refer to what is being made

    def there(self, type_: str) -> MetaobjectType | None:
        """What the destination defines, made first where that is wanted; None where it defines nothing."""
        if self._theirs is None:
            self._theirs = wire.read_types(self.destination)
        if (
            type_ not in self._theirs
            and self.makes_missing
            and type_ not in self._refused | dict.fromkeys(self._making)
        ):
            self._make(type_)
        return self._theirs.get(type_)

    def why_missing(self, type_: str) -> str:
        """Why the destination has no such type, in words."""
        if said := self._refused.get(type_):
            return f"The destination does not take the type {type_}: {said}"
        return f"The destination does not define the type {type_} of metaobjects, and types are not made."

    def map_validations(self, validations: Mapping[str, str]) -> dict[str, str] | None:
        """The same in the destination; None where they name no type that it has, or one that is being made."""
        mapped = dict(validations)
        for name in FOREIGN_VALIDATIONS & validations.keys():
            types = [self._type_of(gid) for gid in _gids(validations[name])]
            found = [there.gid for type_ in types if type_ and (there := self.there(type_))]
            if not found or self._making & {*types}:
                return None
            mapped[name] = found[0] if name == ONE else json.dumps(found)
        return mapped

    def _type_of(self, definition_gid: str) -> str:
        found = (row.type for row in self._known().values() if row.gid == definition_gid)
        return next(found, "") if self.is_on else ""

    def _known(self) -> dict[str, MetaobjectType]:
        if self._ours is None:
            self._ours = wire.read_types(self.source)
        return self._ours

    def _make(self, type_: str) -> None:
        """Define a type, after those that its fields refer to. Those that refer to it again are added afterwards."""
        if type_.startswith(APP_PREFIXES):
            self._refused[type_] = "it belongs to an app."
            return
        made = self._known().get(type_)
        if made is None:
            self._refused[type_] = "the source does not define it any more."
            return
        self._making.add(type_)
        now, later = self._parted(made)
        try:
            if type_.startswith(STANDARD_PREFIX):
                gid, later = wire.enable_type(self.destination, type_), []
            else:
                gid = wire.create_type(self.destination, made, now)
            self._remember(replace(made, gid=gid, fields=tuple(now)))
            self._later |= {type_: later} if later else {}
        except UserErrors as error:
            self._refused[type_] = said_by(error)
        finally:
            self._making.discard(type_)
        if not self._making:
            self._close_circles()

    def _close_circles(self) -> None:
        """Add the fields that waited for another type, as far as it is there; without one its values are left out."""
        waiting, self._later = self._later, {}
        for type_, rows in waiting.items():
            theirs = (self._theirs or {})[type_]
            if not (fields := [mapped for row in rows if (mapped := self._mapped(row))]):
                continue
            with suppress(UserErrors):
                wire.add_fields(self.destination, theirs.gid, self._known()[type_], fields)
                self._remember(replace(theirs, fields=(*theirs.fields, *fields)))

    def _parted(self, made: MetaobjectType) -> tuple[list[MetafieldDefinition], list[MetafieldDefinition]]:
        """Its fields as the destination can have them, and those that wait: they refer to what is being made."""
        now, later = [], []
        for row in made.fields:
            mapped = self._mapped(row)
            now += [mapped] if mapped else []
            later += [] if mapped else [row]
        return now, later

    def _mapped(self, row: MetafieldDefinition) -> MetafieldDefinition | None:
        validations = self.map_validations(row.validations)
        return None if validations is None else replace(row, validations=validations)

    def _remember(self, made: MetaobjectType) -> MetaobjectType:
        self._theirs = {**(self._theirs or {}), made.type: made}
        return made


def _gids(text: str) -> list[str]:
    """One gid, or a JSON list of them."""
    try:
        listed = json.loads(text)
    except ValueError:
        return [text]
    return [gid for gid in listed if isinstance(gid, str)] if isinstance(listed, list) else []
