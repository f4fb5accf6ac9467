"""What every test of the simulator starts from: a frozen clock, one small shop, a client that speaks raw GraphQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.simulator import Clock, Simulator
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import CLIENT_SECRET, Shop, Variant

DOMAIN = "test-store.myshopify.com"
NOON = 1_795_000_000.25


@dataclass
class Api:
    """A raw client of one shop."""

    url: str
    token: str
    version: str = "2026-10"
    domain: str = DOMAIN
    session: requests.Session = field(default_factory=requests.Session)

    def send(self, query: str, variables: dict | None = None, **parts) -> requests.Response:
        body = {"query": query, "variables": variables or {}, **parts}
        address = f"{self.url}/{self.domain}/admin/api/{self.version}/graphql.json"
        return self.session.post(address, json=body, headers={"X-Shopify-Access-Token": self.token}, timeout=20)

    def __call__(self, query: str, variables: dict | None = None, **parts) -> dict:
        return self.send(query, variables, **parts).json()

    def data(self, query: str, variables: dict | None = None) -> dict:
        answer = self(query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def codes(self, query: str, variables: dict | None = None) -> list[str]:
        return [error["extensions"]["code"] for error in self(query, variables)["errors"]]


@dataclass
class Small:
    """One shop with two locations and three variants: two stocked at both, one untracked."""

    sim: Simulator
    shop: Shop
    here: int
    there: int
    shirt: Variant
    mug: Variant
    gift: Variant

    def row(self, variant: Variant, location_id: int, **values) -> dict:
        return {
            "inventoryItemId": gid("InventoryItem", variant.item_id),
            "locationId": gid("Location", location_id),
            **values,
        }

    def available(self, variant: Variant, location_id: int | None = None) -> int:
        return self.sim.available(DOMAIN, variant.item_id, location_id or self.here)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    simulator = Simulator(Clock(frozen_at=NOON))
    simulator.serve()
    yield simulator
    simulator.stop()


@pytest.fixture
def small(sim: Simulator) -> Small:
    shop = sim.add_shop(DOMAIN)
    at = sim.clock.whole_seconds() - 3600
    here = shop.add_location("Here", at=at, is_primary=True).id
    there = shop.add_location("There", at=at).id
    shirt = shop.add_product("Shirt", at=at, tags=["summer", "cotton"], option_names=["Size"])
    small_shirt = shop.add_variant(
        shirt, at=at, sku="SHIRT-S", barcode="4001", option_values=["S"], stock={here: 10, there: 4}
    )
    mug = shop.add_product("Mug", at=at, tags=["kitchen"])
    one_mug = shop.add_variant(mug, at=at, sku="MUG", stock={here: 5, there: 0})
    gift = shop.add_product("Gift wrap", at=at)
    wrap = shop.add_variant(gift, at=at, tracked=False, stock={here: 0})
    return Small(sim, shop, here, there, small_shirt, one_mug, wrap)


@pytest.fixture
def api(sim: Simulator, small: Small) -> Api:
    return Api(sim.base_url, sim.static_token(DOMAIN))


@dataclass
class Receiver:
    """Where webhooks arrive; `status` or `seconds` make it fail."""

    url: str = ""
    status: int = 200
    seconds: float = 0.0
    got: list[tuple[dict, bytes]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def bodies(self, topic: str | None = None) -> list[dict]:
        return [json.loads(body) for headers, body in self.got if topic in (None, headers["X-Shopify-Topic"])]

    def topics(self) -> list[str]:
        return [headers["X-Shopify-Topic"] for headers, _ in self.got]


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # the default of 5 lets one of 8 connections wait for longer than the second it has


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers), body))
            if found.seconds:
                found.gate.wait(found.seconds)
            self.send_response(found.status)
            if 300 <= found.status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            return

    server = Listener(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    found.gate.set()
    server.shutdown()
    server.server_close()


def sign(body: bytes, secret: str = CLIENT_SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt reason referenceDocumentUri
      changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { code field message }
  }
}"""
ADJUST = """mutation Adjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta quantityAfterChange } }
    userErrors { code field message }
  }
}"""


def set_input(*rows: dict, **given) -> dict:
    return {"name": "available", "reason": "correction", "quantities": list(rows), **given}


def adjust_input(*rows: dict, **given) -> dict:
    return {"name": "available", "reason": "correction", "changes": list(rows), **given}
