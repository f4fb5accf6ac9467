"""Metafields of a product on their way: one that Shopify refuses costs neither its neighbours nor its product."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stores.models import Connection
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields.definitions import PRODUCT, VARIANT
from stores.shopify.metafields.writes import delete_each, places_of, said_by, set_each
from stores.shopify.products import product_writes
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.products.product_writes import SetProduct
from syncing.catalogue.defining import Definitions
from syncing.catalogue.metaobject_types import Types
from syncing.catalogue.products.files import leave_out_refused
from syncing.catalogue.referring import failures_of, partners_of
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from syncing.catalogue.rules.images import source_videos
from syncing.catalogue.rules.metafields import left_out_words
from syncing.catalogue.rules.parts import variant_metafields
from syncing.catalogue.rules.parts.made import Desired
from syncing.catalogue.rules.references import references_of


class ProductMetafields:
    """The metafields of products of a connection: what the destination knows of them, and how they are written there.

    Nothing is asked before it is needed. All methods raise as Client.execute does.
    """

    def __init__(self, connection: Connection, source: Client, destination: Client) -> None:
        self.connection, self.client = connection, destination
        types = Types(connection, source, destination)
        self._definitions = Definitions(source, destination, PRODUCT, types)
        self._of_variants = Definitions(source, destination, VARIANT, types)

    def learn(self, policy: Policy, records: Sequence[ProductRecord]) -> Policy:
        """The policy with what is known of the destination for the metafields and videos of these products.

        That is what the destination defines, asked for once, and the partners of what they refer to.
        """
        ours = [row for record in records for row in record.metafields]
        of_variants = [row for record in records for variant in record.variants for row in variant.metafields]
        listed = []
        for name, rows in ((Field.METAFIELDS, ours), (Field.VARIANT_METAFIELDS, of_variants)):
            rows = [row for row in rows if row.namespace in policy.namespaces and policy.of(name) != IGNORE]
            if rows and name == Field.METAFIELDS:
                policy = replace(policy, definitions=self._definitions.known())
            elif rows:
                policy = replace(policy, variant_definitions=self._of_variants.known())
            listed += rows
        named = references_of(listed, policy.namespaces)
        if policy.moves and policy.of(Field.IMAGES) != IGNORE:
            named |= {video.gid for record in records for video in source_videos(record)}
        if not listed and not named:
            return policy
        failures = failures_of(self.connection, named)
        return replace(policy, partners=partners_of(self.connection, named), failures=failures)

    def create(self, desired: Desired) -> SetProduct:
        """Create a product with all its metafields but for those that Shopify refuses. Raises as product_writes."""
        self.define_new(desired)
        while True:
            try:
                return product_writes.set_product(self.client, None, desired.product)
            except UserErrors as error:
                if leave_out_refused(self.connection.destination, desired, error):
                    continue
                rows = desired.product.get("metafields")
                if not rows or not any("metafields" in map(str, row.field) for row in error.errors):
                    raise
                refused = places_of(error, len(rows)) or dict.fromkeys(range(len(rows)), said_by(error))
            note_refused(desired, "", [(rows[place], said) for place, said in refused.items()])
            desired.product["metafields"] = [row for place, row in enumerate(rows) if place not in refused]

    def write(self, product_gid: str, desired: Desired) -> None:
        """Set and delete what is desired, as far as Shopify takes it. Safe to repeat."""
        owner = {"ownerId": product_gid}
        self.define(desired)
        rows = [*(owner | row for row in desired.metafields), *desired.variant_metafields]
        note_refused(desired, product_gid, set_each(self.client, rows))
        gone = [*(owner | row for row in desired.metafields_gone), *desired.variant_metafields_gone]
        delete_each(self.client, gone)

    def define_new(self, desired: Desired) -> None:
        """Make definitions that are missing for what a new product is created with."""
        self._define(desired, self._definitions, desired.product.get("metafields") or [])

    def define(self, desired: Desired) -> None:
        """Make definitions that are missing for what is to be set."""
        self._define(desired, self._definitions, desired.metafields)
        self._define(desired, self._of_variants, desired.variant_metafields)

    def complete(
        self, record: ProductRecord, made: ProductRecord, policy: Policy, linked: Mapping[str, str], desired: Desired
    ) -> None:
        """Write what was to come once the variants of a product are there."""
        if not desired.is_incomplete:
            return
        variant_metafields.complete(record, made, policy, linked, desired)
        self._define(desired, self._of_variants, desired.variant_metafields)
        note_refused(desired, made.gid, set_each(self.client, desired.variant_metafields))

    @staticmethod
    def _define(desired: Desired, definitions: Definitions, rows: Sequence[Mapping[str, str]]) -> None:
        if rows:
            keys = dict.fromkeys(f"{row['namespace']}.{row['key']}" for row in rows)
            desired.notes += definitions.make_missing(keys)


def note_refused(desired: Desired, product_gid: str, refused: Sequence[tuple[Any, str]]) -> None:
    """Say what was left out; it is not remembered as written."""
    reasons = {}
    for row, said in refused:
        key, owner = f"{row['namespace']}.{row['key']}", row.get("ownerId", product_gid)
        if owner == product_gid:
            desired.written.get(Field.METAFIELDS, {}).pop(key, None)
            reasons[key] = said
        else:
            variant_metafields.forget(desired.written, owner, key)
            reasons[f"{desired.variant_names.get(owner, '')} {key}".strip()] = said
    if reasons:
        desired.notes.append(left_out_words({key: f"Shopify: {said.rstrip('.')}" for key, said in reasons.items()}))
