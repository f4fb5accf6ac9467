"""A catalogue's first sync, again unchanged, after edits, re-priced, after a re-import: calls, points, seconds, memory.

`python -m tests.benchmarks.catalogue --products 10000`

One process does all the work. Shopify's limit is out of the way while it runs, so that the seconds are ours; the last
column tells how long a Standard store would make us wait. The floor is what no way of asking by pages could do
without: reading the source's products, as many at a time as Shopify's limit of a request allows, and where they are
made one by one a call that creates each product and one that publishes it. The first sync is measured twice, in
stores of their own. A re-import deletes all products of the source and makes them again under new ids, with the same
SKUs and handles, and no webhook tells of it; its calls include those that match both stores anew. New prices for all
products are written one by one, and by bulk operations; their floor is reading both stores.
"""

import argparse
import json
import math

from stores.shopify.products.product_records import PRODUCTS_PER_READ
from tests.benchmarks.staging.scene import NORTH, PLACE, QUANTITY, SOURCE, STANDARD_RATE, Shopify
from tests.benchmarks.staging.stage import Stage
from tests.benchmarks.staging.table import print_table, ratio
from tests.simulator import Simulator
from tests.simulator.events import merchant
from tests.simulator.state.shop import CLIENT_SECRET, Shop

HEADER = ["products, run", "what was done", "calls", "floor", "ratio", "of them writes", "points", "points / 100 per s"]
TIMES = ["products, run", "s", "own s", "of them processor s", "Shopify s", "statements / product", "peak MB"]
SIZES = ("S", "M")
HEADS_PER_READ = 250
WRITES = ("productSet", "productVariantsBulkUpdate", "publishable")


class Catalogue:
    """Two simulated stores, the source with `products` of two variants each; and the product, installed on a stage."""

    def __init__(self, products: int) -> None:
        self.simulator = Simulator()
        self.products = products
        for domain in (SOURCE, NORTH):
            shop = self.simulator.add_shop(domain)
            shop.knobs.restore_rate, shop.knobs.bucket_size = 1e6, 2e7
            place = shop.add_location(PLACE, at=self._hour_ago(), is_primary=True).id
            if domain == SOURCE:
                self._fill(shop, place)
        self.stage = Stage(SHOPIFY_BASE_URL=self.simulator.serve() + "/{domain}")

    def _hour_ago(self) -> int:
        return self.simulator.clock.whole_seconds() - 3600

    def _fill(self, shop: Shop, place: int) -> None:
        for number in range(self.products):
            product = shop.add_product(
                f"Shirt {number}", at=self._hour_ago(), tags=["shirt"], option_names=["Size"], vendor="Acme"
            )
            for size in SIZES:
                shop.add_variant(
                    product, at=self._hour_ago(), sku=f"SHIRT-{number}-{size}", option_values=[size],
                    price="10.00", stock={place: QUANTITY},
                )  # fmt: skip

    def install(self) -> None:
        """As an operator would; then no webhook and no worker disturbs what is measured."""
        self.stage.start_web()
        for domain, role in ((SOURCE, "source"), (NORTH, "destination")):
            credentials = ("--client-id", "tiposync", "--client-secret", CLIENT_SECRET)
            self.stage.run("manage.py", "add_store", domain, "--role", role, *credentials)
        self.stage.run("manage.py", "connect_stores", SOURCE, NORTH, "--map-by-name")
        for shop in self.simulator.shops.values():
            shop.subscriptions.clear()
        self.stage.query("UPDATE stores_connection SET state = 'running', started_at = now()")
        chosen = ("--products", "create_update", "--percent", "10", "--channels", "all")
        self.stage.run("manage.py", "set_catalogue", "1", *chosen)

    def edit(self, share: float) -> int:
        """Somebody changes the prices of a share of the source's products; how many that are."""
        shop, step = self.simulator.shops[SOURCE], round(1 / share)
        numbers = list(shop.products)[::step]
        for number in numbers:
            for variant_id in shop.products[number].variant_ids:
                shop.variants[variant_id].price = "12.00"
            shop.products[number].updated_at = self.simulator.clock.whole_seconds()
        return len(numbers)

    def reprice(self, percent: int) -> None:
        """The connection's markup is another one: every price of the destination changes."""
        self.stage.run("manage.py", "set_catalogue", "1", "--percent", str(percent))

    def reimport(self) -> list[int]:
        """All products of the source are deleted and made again; the ids of those of the destination."""
        shop = self.simulator.shops[SOURCE]
        (place,) = shop.locations
        for number in list(shop.products):
            merchant.delete_product(shop, self.simulator.clock, number)
        self._fill(shop, place)
        return list(self.simulator.shops[NORTH].products)

    def __enter__(self) -> "Catalogue":
        try:
            self.stage.__enter__()
            self.install()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.stage.__exit__(kind, error, trace)
        self.simulator.stop()


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=200, help="size of the catalogue (default 200)")
    parser.add_argument("--only", choices=["bulk"], help="measure nothing but the first sync, nothing new, new prices")
    parser.add_argument("--profile", help="write cProfile's figures into files with this prefix")
    options = parser.parse_args()
    count = options.products
    reads = math.ceil(count / HEADS_PER_READ) + math.ceil(count / PRODUCTS_PER_READ)
    both = reads + math.ceil(count / PRODUCTS_PER_READ)
    runs: list[dict] = []
    if not options.only:
        with Catalogue(count) as scene:
            runs.append(_measure(scene, "first singly", reads + 2 * count, options.profile, "catalogue-singly"))
    with Catalogue(count) as scene:
        runs.append(_measure(scene, "first in bulk", reads, options.profile))
        runs.append(_measure(scene, "unchanged", reads, options.profile))
        if options.only:
            scene.reprice(30)
            runs.append(_measure(scene, "re-priced in bulk", both, options.profile))
        else:
            runs += _measure_more(scene, reads, both, options.profile)
    print_table("(e) Catalogue: what it takes from Shopify", HEADER, [_calls(count, run) for run in runs])
    print_table("(e) Catalogue: our own time and memory", TIMES, [_times(count, run) for run in runs])


def _measure_more(scene: Catalogue, reads: int, both: int, profile: str | None) -> list[dict]:
    edited = scene.edit(0.01)
    runs = [_measure(scene, f"{edited:,} edited", reads + edited, profile)]
    for percent, words, kind in ((20, "singly", "catalogue-singly"), (30, "in bulk", "catalogue")):
        scene.reprice(percent)
        runs.append(_measure(scene, f"re-priced {words}", both, profile, kind))
    before = scene.reimport()
    runs.append(_measure(scene, "made again", reads, profile, "reimport"))
    assert list(scene.simulator.shops[NORTH].products) == before, "products of the destination came or went"
    return runs


def _measure(scene: Catalogue, words: str, floor: int, profile: str | None, kind: str = "catalogue") -> dict:
    shopify = Shopify(scene)
    options = ["--profile", f"{profile}-{words}.prof"] if profile else []
    run = json.loads(scene.stage.run("-m", "tests.benchmarks.staging.carrier", kind, *options))
    counted = {"requests": shopify.count("requests"), "points": shopify.count("points")}
    return run | counted | {"words": words, "floor": floor, "writes": sum(map(shopify.operations, WRITES))}


def _calls(count: int, run: dict) -> list[object]:
    made = [run["requests"], run["floor"], ratio(run["requests"], run["floor"]), run["writes"], run["points"]]
    return [f"{count:,}, {run['words']}", run["told"], *made, run["points"] / STANDARD_RATE]


def _times(count: int, run: dict) -> list[object]:
    cells = [run["seconds"], run["own"], run["cpu"], run["http"] + run["slept"], run["statements"] / count]
    return [f"{count:,}, {run['words']}", *cells, run["peak_bytes"] / 1e6]


if __name__ == "__main__":
    main()
