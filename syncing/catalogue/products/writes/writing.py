"""What is sent to make a product of the destination, and to one that is there."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stores.models import Connection, Store
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.products import product_records, product_writes
from syncing.catalogue import twins
from syncing.catalogue.products import files, lost_creations
from syncing.catalogue.products.cases import Case, Written
from syncing.catalogue.products.product_metafields import ProductMetafields
from syncing.catalogue.products.writes import on_sale
from syncing.catalogue.rules.parts.made import Desired


class HandleTaken(Exception):
    """Something in the destination has the handle that a product was to get; `sent_before`: of an earlier try."""

    def __init__(self, sent_before: Mapping[str, Any] | None) -> None:
        super().__init__("The handle is taken.")
        self.sent_before = sent_before


def create(client: Client, connection: Connection, case: Case, desired: Desired, metafields: ProductMetafields) -> None:
    """Have a product made, and note it at its link. Raises Busy and HandleTaken, and as Client.execute does."""
    link = case.link
    sent_before, memory = lost_creations.sent_of(link), link.written
    twins.begin(connection, case, desired)
    try:
        made = metafields.create(desired)
    except UserErrors as error:
        link.is_created, link.written = bool(sent_before), memory if sent_before else {}
        if not product_writes.has_code(error, product_writes.HANDLE_NOT_UNIQUE):
            raise
        raise HandleTaken(sent_before) from error
    link.destination_gid = made.gid
    link.save(update_fields=["destination_gid", "changed_at"])
    files.remember_files(connection.destination, desired.file_urls, made.media)
    on_sale.put_on_sale(client, made.gid, desired)


def compare_again(client: Client, gid: str, compare: Callable[..., Desired], row: Written) -> Written:
    """Make what is to be written of what is there at this moment; what was not named before is not removed.

    Raises ObjectNotFound, and as Client.execute does.
    """
    before = row.verdict.desired
    partner = product_records.read_whole_product(client, gid)
    if partner is None:
        raise ObjectNotFound("It was deleted in the destination a moment ago.")
    desired = compare(partner, removable=before.removed_variants, may_hide=before.hides)
    return replace(row, verdict=replace(row.verdict, desired=desired))


def write(client: Client, store: Store, gid: str, desired: Desired, metafields: ProductMetafields) -> None:
    """Send all of it; safe to repeat."""
    if desired.product:
        _set(client, store, gid, desired)
    product_writes.update_variants(client, gid, desired.variants)
    metafields.write(gid, desired)
    on_sale.put_on_sale(client, gid, desired)


def _set(client: Client, store: Store, gid: str, desired: Desired) -> None:
    while True:
        try:
            made = product_writes.set_product(client, {"id": gid}, desired.product)
        except UserErrors as error:
            if not files.leave_out_refused(store, desired, error):
                raise
            continue
        files.remember_files(store, desired.file_urls, made.media)
        return
