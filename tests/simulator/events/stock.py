"""Moving quantities: the one place that changes a level, books the change and tells the webhooks.

Every change of `available` becomes a row of `shop.changes`, so that a test can prove that nothing was lost or invented.
"""

from __future__ import annotations

from tests.simulator.reads.shop import current_total
from tests.simulator.state.shop import Change, Level, Shop


class StockAction:
    """One action (a mutation, a sale, a click) on one shop; hold the shop's lock, and `close` to publish its events."""

    def __init__(self, shop: Shop, at: float, cause: str, reference: str | None = None):
        self.shop = shop
        self.at = at
        self.cause = cause
        self.reference = reference
        self.rows = 0
        self._levels: dict[tuple[int, int], Level] = {}
        self._items: dict[int, bool] = {}  # whose products move
        self._extra: list[tuple[str, tuple]] = []

    def level(self, item_id: int, location_id: int) -> Level:
        """The level, made inactive when the item is not stocked there (shopify.md 3.5, since 2026-10)."""
        found = self.shop.levels.get((item_id, location_id))
        if found is None:
            found = self.shop.add_level(item_id, location_id, at=int(self.at), is_active=False)
        return found

    def move(self, level: Level, name: str, delta: int) -> None:
        """Adds delta to one quantity of a level."""
        if not delta:
            return
        self._remember_total(level)
        setattr(level, name, getattr(level, name) + delta)
        self.rows += 1
        level.updated_at = int(self.at)
        if name == "available":
            level.available_at = level.updated_at
            change = Change(
                self.at, level.item_id, level.location_id, delta, level.available, self.cause, self.reference
            )
            self.shop.changes.append(change)
            self._levels[level.item_id, level.location_id] = level

    def tell(self, topic: str, subject: tuple) -> None:
        """One more event of this action."""
        self._extra.append((topic, subject))

    def sell(self, item_id: int) -> None:
        """An order moves its products' updatedAt, whether or not it moves stock (row 36)."""
        self._items[item_id] = True

    def close(self) -> None:
        """Moves the products' updatedAt and publishes: each level, then each product once (rows 36 and 40)."""
        events = [("INVENTORY_LEVELS_UPDATE", key) for key in self._levels]
        products = {}
        for item_id in [*(item_id for item_id, _ in self._levels), *self._items]:
            products.update(dict.fromkeys(touch_products(self.shop, item_id, self.at), True))
        events += [("PRODUCTS_UPDATE", (product_id,)) for product_id in products]
        events += self._extra
        self.shop.counters.rows_written += self.rows
        if events:
            self.shop.publish(events)

    def _remember_total(self, level: Level) -> None:
        """Row 35: the total of the product goes on showing what it was."""
        lag = self.shop.knobs.totals_lag_seconds
        if lag:
            product_id = self.shop.variants[self.shop.items[level.item_id].variant_id].product_id
            if self.shop.lagging_totals.get(product_id, (0, 0.0))[1] <= self.at:
                total = current_total(self.shop, self.shop.products[product_id])
                self.shop.lagging_totals[product_id] = (total, self.at + lag)


def touch_products(shop: Shop, item_id: int, at: float) -> list[int]:
    """Product.updatedAt moves with the stock of its variants (row 36). The ids of those that have the item."""
    found = []
    for variant in shop.variants_of(shop.items[item_id]):
        product = shop.products[variant.product_id]
        product.updated_at = variant.updated_at = int(at)
        found.append(product.id)
    return found
