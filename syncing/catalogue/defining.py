"""What the destination of a connection defines of metafields, and the definitions that it lacks."""

from collections.abc import Iterable
from dataclasses import replace

from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields import definitions
from stores.shopify.metafields.definitions import MetafieldDefinition
from stores.shopify.metafields.writes import said_by
from syncing.catalogue.metaobject_types import Types


class Definitions:
    """The definitions for one kind of owner. Nothing is asked before it is needed, and then once."""

    def __init__(self, source: Client, destination: Client, owner_type: str, types: Types) -> None:
        self.source, self.destination, self.owner_type, self.types = source, destination, owner_type, types
        self._ours: dict[str, MetafieldDefinition] | None = None
        self._theirs: dict[str, MetafieldDefinition] | None = None
        self._tried: set[str] = set()

    def known(self) -> dict[str, MetafieldDefinition]:
        """What the destination defines, by `namespace.key`. Raises as Client.execute does."""
        if self._theirs is None:
            self._theirs = definitions.read_definitions(self.destination, self.owner_type)
        return self._theirs

    def make_missing(self, keys: Iterable[str]) -> list[str]:
        """Make those of these that the source has and the destination lacks; one that is there is never changed.

        Returns what the destination does not take, in words: values are carried all the same. Raises as Client.execute.
        """
        missing = [key for key in keys if key not in self.known() and key not in self._tried]
        if missing and self._ours is None:
            self._ours = definitions.read_definitions(self.source, self.owner_type)
        notes = []
        for key in missing:
            self._tried.add(key)
            made = (self._ours or {}).get(key)
            validations = self.types.map_validations(made.validations) if made else None
            if made is None or validations is None:
                continue
            try:
                definitions.create_definition(self.destination, self.owner_type, replace(made, validations=validations))
            except UserErrors as error:
                notes.append(f"The destination does not take the definition of {key}: {said_by(error)}")
        return notes
