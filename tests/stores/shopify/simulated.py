"""A simulated store over real HTTP, and the clients that talk to it."""

import time

import requests

from stores.shopify import gids
from stores.shopify.auth import StaticToken, fetch_token
from stores.shopify.client import Client
from stores.shopify.inventory import SetRow
from stores.shopify.throttle import LocalBucket
from tests.simulator.simulation import Simulator
from tests.stores.shopify.wire import DOMAIN, VERSION


class Renewing:
    """Asks for a token when it has none, and again when one is rejected."""

    def __init__(self, base_url: str) -> None:
        self._base_url, self._token, self.asked = base_url, "", 0

    def token(self) -> str:
        return self._token or self.renew("")

    def renew(self, rejected_token: str) -> str:
        self.asked += 1
        session = requests.Session()
        self._token = fetch_token(self._base_url, "tiposync", "shpss_simulator_secret", session).access_token
        return self._token


class Store:
    """One simulated store with 2 locations and 4 items, and the clients that talk to it; sleeping moves its clock."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator, self.base_url = simulator, f"{url}/{DOMAIN}"
        self.shop = simulator.add_shop(DOMAIN, name="North")
        at = simulator.clock.whole_seconds() - 3600
        self.here, self.there = (self.shop.add_location(name, at=at).id for name in ("Here", "There"))
        self.product = self.shop.add_product("Shirt", at=at)
        stock = [{self.here: 5}, {self.here: -2, self.there: 7}, {self.here: 0}, {self.here: 20}]
        self.variants = [
            self.shop.add_variant(self.product, at=at, sku=f"SKU-{number}", stock=levels, tracked=number != 2)
            for number, levels in enumerate(stock)
        ]
        self.items = [gids.gid("InventoryItem", variant.item_id) for variant in self.variants]
        self.location_gid, self.other_gid = gids.gid("Location", self.here), gids.gid("Location", self.there)
        self.client = self.open()

    def naps(self, seconds: float) -> None:
        """Move the clock that bulk operations wait for, and let their threads see it."""
        self.simulator.clock.advance(seconds)
        time.sleep(0.01)

    def open(self, **options) -> Client:
        options.setdefault("tokens", StaticToken(self.simulator.static_token(DOMAIN)))
        options.setdefault("bucket", LocalBucket(clock=self.simulator.clock.seconds))
        return Client(self.base_url, VERSION, sleep=self.simulator.clock.advance, **options)

    def available(self, number: int, location: int | None = None) -> int:
        return self.simulator.available(DOMAIN, self.variants[number].item_id, location or self.here)

    def set_row(self, number: int, quantity: int, change_from: int) -> SetRow:
        return SetRow(self.items[number], self.location_gid, quantity, change_from)

    def calls(self, name: str) -> int:
        return self.shop.counters.operations[name]
