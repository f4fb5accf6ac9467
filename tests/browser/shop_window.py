"""Two shops that look real, in the simulator and, where a test wants that, connected and running in the product."""

from collections.abc import Callable
from dataclasses import dataclass

from django.core.management import call_command
from django.utils import timezone

from stores.models import Connection
from syncing.models import StockLink, SyncJob
from tests.browser.product import Product
from tests.simulator import Simulator
from tests.simulator.demo.seed import DAY_SECONDS, STORES, build_store
from tests.simulator.state.shop import CLIENT_SECRET, Shop, Variant

SECRET = CLIENT_SECRET
VARIANTS = 60
RATE = "1.087"  # US dollars for a euro


def add_shops(sim: Simulator, variants: int = VARIANTS) -> list[Shop]:
    """A source and a destination that sell the same goods, each in its own way."""
    at = sim.clock.whole_seconds() - DAY_SECONDS
    shops = [build_store(spec, number, at=at, variants=variants) for number, spec in enumerate(STORES[:2])]
    for shop in shops:
        sim.shops[shop.domain] = shop
    return shops


@dataclass
class Item:
    """One product of a shop, at the shop's first location."""

    sim: Simulator
    shop: Shop
    variant: Variant

    @property
    def place(self) -> tuple[int, int]:
        return self.variant.item_id, next(iter(self.shop.locations))

    @property
    def stock(self) -> int:
        return self.sim.available(self.shop.domain, *self.place)

    @stock.setter
    def stock(self, units: int) -> None:
        self.sim.set(self.shop.domain, *self.place, units)


@dataclass
class ShopWindow:
    """A source whose stock North follows, one-way, and which takes over North's orders."""

    product: Product
    source: Shop
    north: Shop
    connection: Connection

    def items(self, title: str) -> tuple[Item, Item]:
        """The product of this title in the source and in North."""
        sim = self.product.sim
        return tuple(Item(sim, shop, _with_title(shop, title)) for shop in (self.source, self.north))

    def settle(self) -> None:
        """Wait until nothing is out of step but what is held."""
        links = StockLink.objects.filter(connection=self.connection).exclude(state__in=("skipped", "held"))
        self.product.wait_until(lambda: links.exists() and not links.exclude(state="in_step").exists(), "all synced")

    def put_off_comparing(self) -> None:
        """The sweep has a new connection compared within a minute, which puts a wrong number right: not now.

        One that it has asked for already is over when this returns.
        """
        Connection.objects.filter(reconciled_at=None).update(reconciled_at=timezone.now())
        comparing = SyncJob.objects.filter(kind=SyncJob.Kind.RECONCILE, state__in=("queued", "running"))
        self.product.wait_until(lambda: not comparing.exists(), "the first comparison to be over")


def _with_title(shop: Shop, title: str) -> Variant:
    product = next(row for row in shop.products.values() if row.title == title)
    return shop.variants[product.variant_ids[0]]


def open_shops(product: Product, dress: Callable[[Shop, Shop], None] = lambda source, north: None) -> ShopWindow:
    """Add, check and connect the two, start, and wait until they are in step. `dress` puts more goods into them."""
    source, north = add_shops(product.sim)
    dress(source, north)
    for shop, role in ((source, "source"), (north, "destination")):
        call_command("add_store", shop.domain, role=role, client_id="tiposync", client_secret=SECRET, verbosity=0)
    call_command(
        "connect_stores", source.domain, north.domain, strategy="order", orders=[f"currency_rate={RATE}"],
        map_by_name=True, start=True, verbosity=0,
    )  # fmt: skip
    window = ShopWindow(product, source, north, Connection.objects.get())
    window.settle()
    window.put_off_comparing()
    return window
