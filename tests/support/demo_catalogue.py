"""The demo's second half: the catalogue of the source follows into the South store, told as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import Simulator
from tests.simulator.events import merchant
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.simulator.mutations import publications
from tests.simulator.state.shop import Product, Shop

if TYPE_CHECKING:
    from tests.demo import Demo

SOURCE, SOUTH = "source-store.myshopify.com", "south-store.myshopify.com"
CONNECTION = f"{SOURCE}:{SOUTH}"
CHOSEN = (
    "--products=create_update", "--percent=10", "--rate=0.79", "--channels=all", "--unlink=unpublish",
    "--collections=create_update", "--pages=on", "--blogs=on", "--articles=on",
)  # fmt: skip
FIRST_SYNC_SECONDS = 240
CONTENT_SECONDS = 120


class CatalogueShow:
    """Each step must come true. `say` prints a line."""

    def __init__(self, demo: Demo, sim: Simulator, say) -> None:
        self.demo, self.sim, self.say = demo, sim, say
        self.source, self.south = sim.shop(SOURCE), sim.shop(SOUTH)

    def run(self) -> None:
        self.say("\nCatalogue, Source store → South store: prices + 10 %, then 0.79 pounds for a dollar")
        self.demo.manage("set_catalogue", CONNECTION, *CHOSEN)
        before = len(self.south.products)
        self.demo.manage("sync_catalogue", CONNECTION)
        seconds = self.demo.wait_for("the first sync", self._is_synced, FIRST_SYNC_SECONDS)
        self.say(
            f"  the first sync: South has {before} products before, {len(self.south.products)} after {seconds:.0f} s"
        )
        self._edit_a_product()
        self._delete_a_product()
        self._add_content()

    def _is_synced(self) -> bool:
        return "Finished" in self.demo.manage("sync_catalogue", CONNECTION, "status", "--limit=0")

    def _edit_a_product(self) -> None:
        """A new title and a new price."""
        product = _with_sku(self.source, "DEMO-ONE-WAY")
        clock, variant_id = self.sim.clock, product.variant_ids[0]
        merchant.change_product(self.source, clock, product.id, title="Demo product, improved")
        merchant.change_variant(self.source, clock, variant_id, price="30.00")

        def has_arrived() -> bool:
            partner = _with_sku(self.south, "DEMO-ONE-WAY")
            price = self.south.variants[partner.variant_ids[0]].price
            return (partner.title, price) == ("Demo product, improved", "26.07")

        self._step("another title, and $30.00: South has it for £26.07", has_arrived)

    def _delete_a_product(self) -> None:
        """One that the first sync created; it is unpublished, not deleted."""
        merchant.add_product(self.source, self.sim.clock, "Short-lived", [{"sku": "DEMO-SHORT", "price": "10.00"}])
        self._step("a new product appears in South, on its channels", lambda: self._listed("short-lived") > 0)
        merchant.delete_product(self.source, self.sim.clock, self.source.handles["short-lived"])
        self._step(
            "it is deleted: South takes it off its channels, and keeps it", lambda: self._listed("short-lived") == 0
        )

    def _listed(self, handle: str) -> int:
        """On how many channels of South a product is; -1 when South has none like it."""
        product = self.south.products.get(self.south.handles.get(handle, 0))
        if product is None:
            return -1
        channels = self.south.catalog.publications.values()
        return sum(publications.listed_at(self.south, channel, product) is not None for channel in channels)

    def _add_content(self) -> None:
        clock = self.sim.clock
        chosen = [_with_sku(self.source, sku).id for sku in ("DEMO-ONE-WAY", "DEMO-TWO-WAY")]
        catalogue_hands.add_collection(self.source, clock, "New in", products=chosen)
        catalogue_hands.add_page(self.source, clock, "Opening hours", body="<p>Nine to five.</p>")
        blog = catalogue_hands.add_blog(self.source, clock, "Workshop")
        catalogue_hands.add_article(self.source, clock, blog.id, "How it is made", body="<p>By hand.</p>")
        self._step("a collection follows with its products", lambda: self._members("new-in") == 2)
        self.demo.manage("sync_catalogue", CONNECTION, "--kind=content")
        content = self.south.catalog
        self._step("a page follows", lambda: _has(content.pages, "opening-hours"), CONTENT_SECONDS)
        self._step("a blog and its article follow", lambda: _has(content.articles, "how-it-is-made"), CONTENT_SECONDS)

    def _members(self, handle: str) -> int:
        found = [row for row in self.south.catalog.collections.values() if row.handle == handle]
        return len({number for source in found[0].sources for number in source.selected}) if found else 0

    def _step(self, words: str, is_so, seconds: float = 30) -> None:
        taken = self.demo.wait_for(f"“{words}”", is_so, seconds)
        self.say(f"  {words:<66} after {taken:4.1f} s")


def _with_sku(shop: Shop, sku: str) -> Product:
    item = next(item for item in shop.items.values() if item.sku == sku)
    return shop.products[shop.variants[item.variant_id].product_id]


def _has(things: dict, handle: str) -> bool:
    return any(thing.handle == handle for thing in list(things.values()))
