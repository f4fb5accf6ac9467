"""Stores that the tests of the wire talk to: one of canned answers, and one that is simulated."""

import json
import time
from typing import Any

import requests
import responses

from stores.shopify import gids
from stores.shopify.auth import StaticToken, fetch_token
from stores.shopify.client import Client
from stores.shopify.inventory import SetRow
from stores.shopify.throttle import Gate, LocalBucket
from tests.simulator.simulation import Simulator

DOMAIN = "north-store.myshopify.com"
BASE_URL = f"https://{DOMAIN}"
VERSION = "2026-10"
ENDPOINT = f"{BASE_URL}/admin/api/{VERSION}/graphql.json"
TOKEN = "shpat_0123456789abcdef"
FULL = {"maximumAvailable": 2000.0, "currentlyAvailable": 2000.0, "restoreRate": 100.0}

READ = "query ReadName { shop { name } }"
WRITE = "mutation TouchSomething { touch { ok } }"


class Naps(list):
    """Records how long was slept instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client(naps: Naps | None = None, **options: Any) -> Client:
    """A client of the canned store; `options` are those of Client."""
    options.setdefault("tokens", StaticToken(TOKEN))
    options.setdefault("bucket", LocalBucket())
    return Client(BASE_URL, VERSION, sleep=naps if naps is not None else Naps(), **options)


def answer(data: Any = None, *, errors: list | None = None, cost: dict | None = None, **more: Any) -> None:
    """Queue one 200 answer. Without `data` the key is absent, as for requests that were not executed."""
    body: dict[str, Any] = {}
    if errors is not None:
        body["errors"] = errors
    if data is not None:
        body["data"] = data
    body["extensions"] = {"cost": cost or points()} | more
    headers = {"X-Shopify-API-Version": VERSION, "X-Request-Id": "req-1"}
    responses.add(responses.POST, ENDPOINT, json=body, headers=headers)


def points(requested: float = 10, actual: float | None = 10, status: dict | None = FULL) -> dict[str, Any]:
    """`extensions.cost` of an answer."""
    cost: dict[str, Any] = {"requestedQueryCost": requested, "actualQueryCost": actual}
    return cost | ({"throttleStatus": status} if status else {})


def problem(code: str, message: str = "No.", **more: Any) -> dict[str, Any]:
    """One top-level error."""
    path = more.pop("path", None)
    return {"message": message, "extensions": {"code": code} | more} | ({"path": path} if path else {})


def refuse(status: int, body: str = '{"errors":"No"}', **headers: str) -> None:
    """Queue one answer with an HTTP status that is no success."""
    responses.add(responses.POST, ENDPOINT, body=body, status=status, headers=headers)


def sent() -> list[dict[str, Any]]:
    """The bodies that went out."""
    return [json.loads(call.request.body) for call in responses.calls]


class RenewableToken:
    """A token source that has one more token."""

    def __init__(self) -> None:
        self.current, self.rejected = "old-token", []

    def token(self) -> str:
        return self.current

    def renew(self, rejected_token: str) -> str:
        self.rejected.append(rejected_token)
        self.current = "new-token"
        return self.current


class RecordingBucket(LocalBucket):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.acquired, self.reported = [], []

    def acquire(self, cost):
        self.acquired.append(cost)
        return super().acquire(cost)

    def report(self, throttle_status, requested, actual):
        self.reported.append((throttle_status, requested, actual))
        super().report(throttle_status, requested, actual)


class RecordingGate(Gate):
    """Lets everybody pass, and remembers who did."""

    def __init__(self, is_probe: bool = False) -> None:
        self.is_probe, self.left = is_probe, []

    def enter(self, is_write, bucket, cost):
        return self.is_probe, bucket.acquire(cost)

    def leave(self, is_write, seconds, error, bucket, spent):
        super().leave(is_write, seconds, error, bucket, spent)
        self.left.append((is_write, type(error)))


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
