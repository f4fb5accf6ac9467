"""Metafields of collections, pages, blogs and articles: fields like the others, read and written by calls of their own.

Among a thing's values they stand under `metafield namespace.key`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stores.clients import OpenClient
from stores.models import CatalogueField, Connection, FieldPolicy
from stores.shopify.metafields.reads import read_metafields
from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.metafields.writes import delete_each, set_each
from syncing.catalogue.defining import Definitions
from syncing.catalogue.metaobject_types import Types
from syncing.catalogue.referring import failures_of, partners_of
from syncing.catalogue.rules import metafields
from syncing.catalogue.rules.references import references_of

PREFIX = "metafield "


class ContentMetafields:
    """Those of one kind of thing of a connection. All methods raise as Client.execute does."""

    def __init__(self, connection: Connection, open_client: OpenClient, kind: str) -> None:
        self.connection, settings = connection, connection.catalogue
        self.namespaces = frozenset(settings.metafield_namespaces)
        self.policy = settings.policy_of(CatalogueField.METAFIELDS)
        is_wanted = settings.syncs_content_metafields and self.policy != FieldPolicy.IGNORE
        self.is_on = bool(is_wanted and self.namespaces)
        self.source, self.client = open_client(connection.source), open_client(connection.destination)
        types = Types(connection, self.source, self.client)
        self._definitions = Definitions(self.source, self.client, kind.upper(), types)
        self._ours: dict[str, tuple[MetafieldRecord, ...]] = {}
        self._theirs: dict[str, tuple[MetafieldRecord, ...]] = {}
        self._partners: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self._names: set[str] = set()

    def learn(self, source_gids: Sequence[str]) -> None:
        """Read what these things of the source have, and to whom they refer."""
        if not self.is_on:
            return
        self._ours = read_metafields(self.source, source_gids)
        listed = [row for rows in self._ours.values() for row in rows]
        named = references_of(listed, self.namespaces)
        self._partners = partners_of(self.connection, named)
        self._failures = failures_of(self.connection, named)

    def learn_there(self, destination_gids: Sequence[str]) -> None:
        """Read what these things of the destination have."""
        self._theirs = read_metafields(self.client, destination_gids) if self.is_on else {}

    def wanted(self, source_gid: str, written: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
        """Field -> value as the destination should have it, None for one to be deleted; what is left out, in words;
        and the things of the source that some refer to, and that have no partner yet.
        """
        rows = [row for row in self._ours.get(source_gid, ()) if row.namespace in self.namespaces]
        before = [name.removeprefix(PREFIX) for name in written if name.startswith(PREFIX)]
        if not self.is_on or not (rows or before):
            return {}, [], []
        plan = metafields.plan_metafields(
            rows,
            self.namespaces,
            before,
            currency=self.connection.destination.currency,
            definitions=self._definitions.known(),
            partners=self._partners,
            failures=self._failures,
        )
        values: dict[str, Any] = {f"{PREFIX}{key}": metafields.value_of(row) for key, row in plan.wanted.items()}
        values |= {f"{PREFIX}{key}": None for key in plan.gone}
        self._names |= values.keys()
        return values, list(plan.notes), list(plan.awaits)

    def current(self, destination_gid: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> value as the destination has it."""
        if not fields_of(wanted):
            return {}
        if destination_gid not in self._theirs:
            self._theirs |= read_metafields(self.client, [destination_gid])
        rows = self._theirs.get(destination_gid, ())
        return {f"{PREFIX}{metafields.key_of(row)}": metafields.value_of(row) for row in rows}

    def policies(self) -> dict[str, str]:
        """Policies of these fields."""
        return dict.fromkeys(self._names, self.policy)

    def write(self, destination_gid: str, changes: Mapping[str, Any], notes: list[str]) -> tuple[str, ...]:
        """Write these fields; the names of those that Shopify refuses, which is said in `notes`."""
        fields = {name.removeprefix(PREFIX): value for name, value in fields_of(changes).items()}
        if not fields:
            return ()
        kept = {key: value for key, value in fields.items() if value}
        notes += self._definitions.make_missing(kept)
        rows = [
            {"ownerId": destination_gid, **metafields.identifier_input(key), "type": kind, "value": value}
            for key, (kind, value) in kept.items()
        ]
        gone = [{"ownerId": destination_gid, **metafields.identifier_input(key)} for key in fields if key not in kept]
        refused = {f"{row['namespace']}.{row['key']}": f"Shopify: {said}" for row, said in set_each(self.client, rows)}
        notes += [metafields.left_out_words(refused)] if refused else []
        delete_each(self.client, gone)
        return tuple(f"{PREFIX}{key}" for key in refused)


def fields_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a thing's values that are metafields."""
    return {name: value for name, value in values.items() if name.startswith(PREFIX)}


def without_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The other ones."""
    return {name: value for name, value in values.items() if not name.startswith(PREFIX)}
