"""Real web, real workers, real HTTP, killed at random moments: each order is copied exactly once, whole, at its price.

`TIPOSYNC_LONG=1` places 1,000 orders.
"""

import os
import random
import time

import psutil
import pytest
from django.core.management import call_command

from orders.copy_input import ORIGINAL_ID
from orders.models import OrderImport
from syncing import jobs
from syncing.models import SyncJob
from tests.benchmarks.stage import wait_for_port
from tests.e2e.test_kill import Processes, behave, kill, misbehave, port, wait_until  # noqa: F401  port is a fixture
from tests.places import Place
from tests.simulator import Simulator
from tests.simulator.order_money import grand_total
from tests.simulator.order_state import Order
from tests.world import World

pytestmark = pytest.mark.process

IS_LONG = os.environ.get("TIPOSYNC_LONG") == "1"
ORDERS, KILLS = (1000, 100) if IS_LONG else (24, 5)
SETTLE_SECONDS = 1800 if IS_LONG else 90
ITEMS = 8
STOCK = 10_000


@pytest.fixture
def processes(simulator, product_env, port):  # noqa: F811  the fixture
    limits = {"QUEUE_WORKERS": "2", "WATCHDOG_SECONDS": "5", "STOCK_LINGER_SECONDS": "0.1", "LOG_LEVEL": "CRITICAL"}
    # Answers of this Shopify are lost for a fraction of a second only; whoever waits longer finds nothing new.
    limits["ORDER_LOOK_SECONDS"] = "5"
    found = Processes(product_env | limits | {"PUBLIC_URL": f"http://127.0.0.1:{port}"})
    yield found
    found.end()


@pytest.fixture
def world(simulator: Simulator, processes: Processes, port: int) -> World:  # noqa: F811  the fixture
    """North's orders become orders, south's become drafts; the web and the workers are on their way up."""
    world = World(simulator, f"http://127.0.0.1:{port}/webhooks/shopify/", is_manual=False)
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name, strategy in (("north", "order"), ("south", "draft_order")):
        world.connect(source, world.add_store(name, "destination", ITEMS, STOCK), strategy)
    call_command("upsert_schedules", verbosity=0)
    world.work()
    simulator.courier.wait_idle()
    world.mark()
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2", "--log-level", "critical"]
    processes.start("-m", "gunicorn", "tiposync.wsgi", *bind)
    wait_for_port(port)
    return world


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


def trade_and_kill(world: World, processes: Processes, dice: random.Random) -> None:
    clusters = [processes.start("manage.py", "work") for _ in range(2)]
    kills = ["one"] * (KILLS - KILLS // 3) + ["family"] * (KILLS // 3)
    dice.shuffle(kills)
    next_kill, left = time.monotonic() + 3, ORDERS
    end = time.monotonic() + SETTLE_SECONDS
    while left or kills:
        assert time.monotonic() < end, f"{left} orders and {kills} left; {report(world)}"
        if left:
            place_random_order(dice.choice(world.places[1:]), dice)
            left -= 1
        time.sleep(dice.uniform(0.05, 0.4))
        clusters = [one if one.poll() is None else processes.start("manage.py", "work") for one in clusters]
        if kills and time.monotonic() > next_kill and kill(processes, dice.choice(clusters), kills[-1], dice):
            next_kill = time.monotonic() + dice.uniform(0.2, 2)
            kills.pop()
    for cluster in clusters:  # from here on nobody is killed any more
        if not psutil.pid_exists(cluster.pid):
            processes.start("manage.py", "work")


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
    trade_and_kill(world, processes, random.Random(seed))
    behave(world)
    world.sim.courier.wait_idle(20)
    for connection in world.connections:  # what the hourly one would find: some webhooks were lost
        jobs.reconcile(connection)
    placed = originals(world)
    assert len(placed) == ORDERS
    assert wait_until(lambda: len(copies_by_original(world)) == ORDERS, SETTLE_SECONDS), report(world)
    assert wait_until(lambda: not world.unsettled() and is_in_step(world), SETTLE_SECONDS), report(world)
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
