"""Goods of a source that are deleted, imported again, split, merged and renamed, as its people do it."""

from dataclasses import dataclass

from stores.shopify import gids
from tests.simulator.events import merchant as people
from tests.simulator.state.shop import Product, Variant
from tests.support.catalogue.showroom import Showroom

STOCK = 20


@dataclass(eq=False)
class Good:
    """A product of the source, and the SKUs of its variants."""

    gid: str
    skus: list[str]


class Assortment:
    """What a showroom's source has; each variant is a size of its own, stocked at all open locations."""

    def __init__(self, room: Showroom) -> None:
        self.room, self.place, self.goods, self.merged = room, room.source, [], 0

    def product(self, good: Good) -> Product:
        return self.place.shop.products[gids.number(good.gid)]

    def sku(self, pk: int) -> str:
        shop = self.place.shop
        return shop.items[shop.variants[pk].item_id].sku

    def variant(self, good: Good, number: int) -> Variant:
        pks = self.product(good).variant_ids
        return self.place.shop.variants[pks[number % len(pks)]]

    def add(self, name: str, skus: list[str], units: int = STOCK) -> Good:
        made = self.room.add(name, productOptions=_options(skus), variants=self._rows(skus, units), tags=["keep"])
        self.goods.append(Good(made, skus))
        return self.goods[-1]

    def delete(self, good: Good) -> None:
        self.room.delete(good.gid)
        self.goods.remove(good)

    def split(self, good: Good, name: str) -> None:
        """Its last variant becomes a product of its own."""
        pk, moved = self.product(good).variant_ids[-1], good.skus.pop()
        people.delete_variant(self.place.shop, self.room.sim.clock, pk)
        self.add(name, [moved])

    def merge(self, good: Good, old: Good) -> None:
        """The second one's variants become the first one's."""
        self.delete(old)
        kept = [
            {"id": gids.gid("ProductVariant", pk), "optionValues": [{"optionName": "Size", "name": value}]}
            for pk in self.product(good).variant_ids
            for value in self.place.shop.variants[pk].option_values
        ]
        values = [row["optionValues"][0]["name"] for row in kept]
        self.merged += 1  # a SKU that was swapped may be the name of a size here
        rows = self._rows(old.skus, STOCK)
        for row in rows:
            row["optionValues"][0]["name"] += f" {self.merged}"
            values.append(row["optionValues"][0]["name"])
        self.room.change(good.gid, productOptions=_options(values), variants=kept + rows)
        good.skus = [*good.skus, *old.skus]

    def swap_skus(self, mine: Variant, theirs: Variant) -> None:
        skus = [self.sku(one.id) for one in (mine, theirs)]
        for one, sku in zip((mine, theirs), reversed(skus), strict=True):
            people.change_variant(self.place.shop, self.room.sim.clock, one.id, sku=sku)
        for good in self.goods:
            good.skus = [self.sku(pk) for pk in self.product(good).variant_ids]

    def _rows(self, skus: list[str], units: int) -> list[dict]:
        """ProductSetInput's variants."""
        quantities = [
            {"locationId": gids.gid("Location", pk), "name": "available", "quantity": units}
            for pk in self.place.location_ids
            if self.place.shop.locations[pk].is_active
        ]
        return [
            {
                "optionValues": [{"optionName": "Size", "name": sku}],
                "price": "10.00",
                "sku": sku,
                "inventoryItem": {"tracked": True},
                "inventoryQuantities": quantities,
            }
            for sku in skus
        ]


def _options(values: list[str]) -> list[dict]:
    return [{"name": "Size", "values": [{"name": value} for value in values]}]
