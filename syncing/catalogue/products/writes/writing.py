"""What is sent to a product of the destination that is there."""

from collections.abc import Callable
from dataclasses import replace

from stores.models import Store
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.products import product_records, product_writes
from syncing.catalogue.products import files
from syncing.catalogue.products.cases import Written
from syncing.catalogue.products.product_metafields import ProductMetafields
from syncing.catalogue.products.writes import on_sale
from syncing.catalogue.rules.parts.made import Desired


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
