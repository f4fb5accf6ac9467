"""Metafields of a product on their way: one that Shopify refuses costs neither its neighbours nor its product."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stores.models import Connection
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields.definitions import PRODUCT
from stores.shopify.metafields.writes import delete_each, places_of, said_by, set_each
from stores.shopify.products import product_writes
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.products.product_writes import SetProduct
from syncing.catalogue.defining import Definitions
from syncing.catalogue.products.referring import partners_of
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from syncing.catalogue.rules.metafields import left_out_words
from syncing.catalogue.rules.parts.made import Desired
from syncing.catalogue.rules.references import references_of


class ProductMetafields:
    """The metafields of products of a connection: what the destination knows of them, and how they are written there.

    Nothing is asked before it is needed. All methods raise as Client.execute does.
    """

    def __init__(self, connection: Connection, source: Client, destination: Client) -> None:
        self.connection, self.client = connection, destination
        self._definitions = Definitions(source, destination, PRODUCT)

    def learn(self, policy: Policy, records: Sequence[ProductRecord]) -> Policy:
        """The policy with what is known of the destination for the metafields of these products, where any has some.

        That is what the destination defines, asked for once, and the partners of what they refer to.
        """
        listed = [row for record in records for row in record.metafields if row.namespace in policy.namespaces]
        if not listed or policy.of(Field.METAFIELDS) == IGNORE:
            return policy
        partners = partners_of(self.connection, references_of(listed, policy.namespaces))
        return replace(policy, definitions=self._definitions.known(), partners=partners)

    def create(self, desired: Desired) -> SetProduct:
        """Create a product with all its metafields but for those that Shopify refuses. Raises as product_writes."""
        self._define(desired, desired.product.get("metafields") or [])
        while True:
            try:
                return product_writes.set_product(self.client, None, desired.product)
            except UserErrors as error:
                rows = desired.product.get("metafields")
                if not rows or not any("metafields" in map(str, row.field) for row in error.errors):
                    raise
                refused = places_of(error, len(rows)) or dict.fromkeys(range(len(rows)), said_by(error))
            note_refused(desired, [(rows[place], said) for place, said in refused.items()])
            desired.product["metafields"] = [row for place, row in enumerate(rows) if place not in refused]

    def write(self, product_gid: str, desired: Desired) -> None:
        """Set and delete what is desired, as far as Shopify takes it. Safe to repeat."""
        owner = {"ownerId": product_gid}
        self._define(desired, desired.metafields)
        note_refused(desired, set_each(self.client, [owner | row for row in desired.metafields]))
        delete_each(self.client, [owner | row for row in desired.metafields_gone])

    def _define(self, desired: Desired, rows: Sequence[Mapping[str, str]]) -> None:
        if rows:
            desired.notes += self._definitions.make_missing(f"{row['namespace']}.{row['key']}" for row in rows)


def note_refused(desired: Desired, refused: Sequence[tuple[Any, str]]) -> None:
    """Say what was left out; it is not remembered as written."""
    reasons = {f"{row['namespace']}.{row['key']}": said for row, said in refused}
    for key in reasons:
        desired.written.get(Field.METAFIELDS, {}).pop(key, None)
    if reasons:
        desired.notes.append(left_out_words({key: f"Shopify: {said.rstrip('.')}" for key, said in reasons.items()}))
