"""Real web, real workers, real HTTP, killed at random moments: each order is copied exactly once, whole, at its price.

`TIPOSYNC_LONG=1` places 1,000 orders.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from orders.copies.rules.copy_input import ORIGINAL_ID
from orders.models import OrderImport
from syncing.models import SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, behave, misbehave, wait_until
from tests.simulator.state.order_money import grand_total
from tests.simulator.state.orders import Order
from tests.support.places import Place
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS
from tests.support.world import World

pytestmark = pytest.mark.process

ORDERS, KILLS = (1000, 100) if IS_LONG else (12, 4)
ITEMS = 8
STOCK = 10_000


@pytest.fixture
def world(serve: Callable[..., World]) -> World:
    """North's orders become orders, south's become drafts."""
    return serve(ITEMS, STOCK, north="order", south="draft_order")


def place_random_order(place: Place, dice: random.Random) -> Order:
    """Lines, discounts, taxes, shipping, buyers: anything."""
    lines = [(dice.randrange(ITEMS), dice.randint(1, 4)) for _ in range(dice.randint(1, 4))]
    details = {"note": dice.choice(["", "Ring twice", "“Quoted”, and ünïcode"])}
    if dice.random() < 0.5:
        details["discount"] = dice.choice([{"code": "ODD", "amount": "3.33"}, {"code": "PART", "percentage": 7}])
    if dice.random() < 0.5:
        details |= {"tax_rate": dice.choice(["0.07", "0.19"]), "taxes_included": dice.random() < 0.5}
    if dice.random() < 0.5:
        details["shipping"] = dice.choice(["4.90", "0.01"])
    if dice.random() < 0.5:
        address = {"first_name": "Ada", "last_name": "Lovelace", "address1": "Way 1", "city": "Bonn", "zip": "53111"}
        details |= {"email": f"buyer{dice.randrange(9)}@example.com", "shipping_address": address}
    return place.order(*lines, **details)


def trade_and_kill(world: World, hunt: Hunt) -> None:
    """Place all orders, and until the workers were killed often enough."""
    left, end = ORDERS, time.monotonic() + PATIENCE_SECONDS
    while left or hunt.left:
        assert time.monotonic() < end, f"{left} orders and {hunt.left} left; {report(world)}"
        if left:
            place_random_order(hunt.dice.choice(world.places[1:]), hunt.dice)
            left -= 1
        time.sleep(hunt.dice.uniform(0.05, 0.4))
        hunt.go_on()
    hunt.restart()  # from here on nobody is killed any more


def copies_by_original(world: World) -> dict[str, list]:
    shop = world.places[0].shop
    found: dict[str, list] = {}
    made = [order for order in shop.orders.values() if order.source_identifier] + list(shop.drafts.values())
    for copy in made:
        found.setdefault(dict(copy.note_attributes)[ORIGINAL_ID], []).append(copy)
    return found


def originals(world: World) -> dict[str, Order]:
    return {f"{place.domain}/{order.id}": order for place in world.places[1:] for order in place.shop.orders.values()}


def is_in_step(world: World) -> bool:
    stock = [[place.available(item) for item in range(ITEMS)] for place in world.places]
    return stock[0] == stock[1] == stock[2]


@pytest.mark.parametrize("seed", [int(os.environ.get("TIPOSYNC_SEED", "1"))])
def test_workers_killed_at_any_moment_copy_each_order_exactly_once(world, processes, seed):
    misbehave(world)
    trade_and_kill(world, Hunt(processes, random.Random(seed), KILLS))
    behave(world)
    world.sim.courier.wait_idle(20)
    for connection in world.connections:  # what the hourly one would find: some webhooks were lost
        enqueue.reconcile(connection)
    placed = originals(world)
    assert len(placed) == ORDERS
    assert wait_until(lambda: len(copies_by_original(world)) == ORDERS), report(world)
    assert wait_until(lambda: not world.unsettled() and is_in_step(world)), report(world)
    copies = copies_by_original(world)
    assert {name: len(made) for name, made in copies.items()} == dict.fromkeys(placed, 1)
    for name, original in placed.items():
        check_copy(world, original, copies[name][0])
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()
    assert OrderImport.objects.filter(state="confirmed", is_partial=False).count() == ORDERS


def check_copy(world: World, original: Order, copy) -> None:
    """Its lines and its total are the original's."""
    assert grand_total(copy).shop == grand_total(original).shop, original.name
    bought = [units_of(order, world) for order in (original, copy)]
    assert bought[0] == bought[1], original.name


def units_of(order, world: World) -> dict[int, int]:
    numbers = {variant.id: number for place in world.places for number, variant in enumerate(place.variants)}
    found: dict[int, int] = {}
    for line in order.lines:
        if line.variant_id is not None:
            found[numbers[line.variant_id]] = found.get(numbers[line.variant_id], 0) + line.quantity
    return found


def report(world: World) -> str:
    copies, placed = copies_by_original(world), originals(world)
    missing = [name for name in placed if name not in copies]
    rows = [str((str(row), row.state, row.attempts, row.looks, row.reason)) for row in OrderImport.objects.all()]
    waiting = list(SyncJob.objects.values_list("kind", "subject", "state", "attempts", "message"))[:50]
    stock = [[place.available(item) for item in range(ITEMS)] for place in world.places]
    return f"missing {missing}; {rows}; jobs {waiting}; {stock}; {world.unsettled()}"
