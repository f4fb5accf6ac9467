"""The fields of metaobjects on their way: what of them the destination's type takes, and to whom they refer there."""

from collections.abc import Mapping, Sequence
from typing import Any

from stores.models import Connection
from stores.shopify.content.metaobjects import FIELD, MetaobjectRecord
from stores.shopify.metafields.definitions import MetafieldDefinition
from syncing.catalogue.metaobject_types import Types
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.referring import failures_of, partners_of
from syncing.catalogue.rules import metafields
from syncing.catalogue.rules.references import references_of


class MetaobjectFields:
    """Those of the metaobjects of a connection, where others have their metafields. `known` are the source's, by gid.

    All methods raise as Client.execute does.
    """

    def __init__(self, connection: Connection, types: Types) -> None:
        self.connection, self.types = connection, types
        self.known: dict[str, MetaobjectRecord] = {}
        self._partners: dict[str, str] = {}
        self._failures: dict[str, str] = {}

    def learn(self, source_gids: Sequence[str]) -> None:
        """To whom these refer."""
        listed = [row for gid in source_gids for row in self.known[gid].fields]
        named = references_of(listed, [FIELD])
        self._partners = partners_of(self.connection, named)
        self._failures = failures_of(self.connection, named)

    def learn_there(self, destination_gids: Sequence[str]) -> None:
        """Nothing is read apart."""

    def wanted(self, source_gid: str, written: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
        """As ContentMetafields.wanted. Raises Blocked where the destination does not define the type."""
        record = self.known[source_gid]
        there = self.types.there(record.type)
        if there is None:
            raise Blocked(self.types.why_missing(record.type))
        defined = {row.key: row for row in there.fields}
        unknown = [row for row in record.fields if row.key not in defined]
        plan = metafields.plan_metafields(
            [row for row in record.fields if row.key in defined],
            [FIELD],
            [name for name in written if metafields.namespace_of(name) == FIELD],
            currency=self.connection.destination.currency,
            definitions={f"{FIELD}.{key}": _definition(row) for key, row in defined.items()},
            partners=self._partners,
            failures=self._failures,
        )
        reasons = dict.fromkeys(map(metafields.key_of, unknown), "the destination's type has no such field")
        said = metafields.left_out_words({**reasons, **plan.reasons}, "field")
        values: dict[str, Any] = {key: metafields.value_of(row) for key, row in plan.wanted.items()}
        values |= {key: None for key in plan.gone if key not in reasons}
        return values, [said] if said else [], list(plan.awaits)

    def current(self, destination_gid: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """They are read with the metaobject."""
        return {}

    def policies(self) -> dict[str, str]:
        """All of them are simply synced."""
        return {}

    def write(self, destination_gid: str, changes: Mapping[str, Any], notes: list[str]) -> tuple[str, ...]:
        """They are written with the metaobject."""
        return ()


def _definition(row: MetafieldDefinition) -> MetafieldDefinition:
    """Without what names things of its own store: that is mapped, not compared."""
    return MetafieldDefinition(FIELD, row.key, row.type, row.name, row.description, row.validations)
