"""How products of a store are read for a follower: by pages, as they are asked for."""

from collections.abc import Iterable, Sequence

from stores.shopify import inventory
from stores.shopify.client import Client
from stores.shopify.products import product_records
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.refusals import read_each


class Reading:
    """Reads one store at the moment it is asked. Runs have one that reads ahead (syncing.catalogue.bulk)."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def products(self, product_gids: Sequence[str]) -> list[ProductRecord]:
        """These products in the order asked; one that does not exist is left out. Raises as `read_products` does."""
        return self.products_now(product_gids)

    def products_now(self, product_gids: Sequence[str]) -> list[ProductRecord]:
        """The same of products that were just written: nothing that was read before."""
        return product_records.read_products(self.client, product_gids)

    def partners(self, product_gids: Iterable[str]) -> dict[str, ProductRecord | None]:
        """By gid, None for one that is gone; without those that cannot be read. Raises as `read_each` does."""
        gids = set(product_gids)
        found, unread = read_each(self.products, sorted(gids))
        return dict.fromkeys(gids - unread.keys()) | {record.gid: record for record in found}

    def levels(self, location_gid: str, item_gids: Sequence[str]) -> dict[str, int]:
        """What can be sold at a location of those of these items that are stocked there. Raises as `read_levels`."""
        readings = inventory.read_levels(self.client, location_gid, item_gids)
        return {row.item_gid: row.available for row in readings if row.is_active and row.available is not None}

    def is_old(self, product_gid: str) -> bool:
        """Whether the record of a product was read a while before it was asked for: nothing is written on its word."""
        return False

    def forget(self, product_gid: str) -> None:
        """What was read of it ahead is not true any more."""
