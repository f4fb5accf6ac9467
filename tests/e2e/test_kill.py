"""Real web, real workers, real HTTP: workers are killed at random moments, and no unit is lost or invented."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command

from syncing import jobs
from syncing.models import StockHold, SyncJob
from tests.benchmarks.stage import free_port, wait_for_port
from tests.simulator import Simulator
from tests.world import World

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TRADE_SECONDS = 120  # about 20 where nothing else runs
SETTLE_SECONDS = 60
ITEMS = 12
STOCK = 1000


class Processes:
    """What a test started, and may kill."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.started: list[psutil.Process] = []
        self.seen: set[psutil.Process] = set()

    def start(self, *arguments: str) -> psutil.Process:
        process = psutil.Popen([sys.executable, *arguments], cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def family(self, process: psutil.Process) -> list[psutil.Process]:
        """A process and all below it, the oldest first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            found = [process, *process.children(recursive=True)]
            self.seen.update(found)
            return found
        return []

    def kill_family(self, process: psutil.Process) -> None:
        for one in self.family(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs([process], timeout=5)

    def end(self) -> None:
        for process in self.started:
            self.kill_family(process)
        for orphan in self.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.kill()
        psutil.wait_procs(self.started, timeout=5)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def processes(simulator, product_env, port) -> Iterator[Processes]:
    limits = {"QUEUE_WORKERS": "2", "WATCHDOG_SECONDS": "5", "STOCK_LINGER_SECONDS": "0.1", "LOG_LEVEL": "CRITICAL"}
    found = Processes(product_env | limits | {"PUBLIC_URL": f"http://127.0.0.1:{port}"})
    yield found
    found.end()


@pytest.fixture
def world(simulator: Simulator, processes: Processes, port: int) -> World:
    """A two-way and a one-way destination, in step, with the web and two clusters of workers on their way up."""
    world = World(simulator, f"http://127.0.0.1:{port}/webhooks/shopify/", is_manual=False)
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name, strategy in (("north", "two_way"), ("south", "one_way")):
        world.connect(source, world.add_store(name, "destination", ITEMS, STOCK), strategy)
    call_command("upsert_schedules", verbosity=0)
    world.work()
    simulator.courier.wait_idle()
    world.mark()
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2", "--log-level", "critical"]
    processes.start("-m", "gunicorn", "tiposync.wsgi", *bind)
    wait_for_port(port)
    return world


def wait_until(is_so: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def misbehave(world: World) -> None:
    """What Shopify and the network do to us all the time, only more often."""
    for place in world.places:
        place.shop.knobs.drop_probability = place.shop.knobs.duplicate_probability = 0.1
        place.shop.knobs.deliver_delay_seconds = (0.0, 0.5)
        place.fault("lost_answer", match="any_mutation", count=None, probability=0.05)
        place.fault("refuse_before", match="any", count=None, probability=0.03)
        place.fault("slow", match="any_mutation", count=None, probability=0.2, seconds=0.2)
        place.fault("slow_answer", match="any_mutation", count=None, probability=0.2, seconds=0.2)


def behave(world: World) -> None:
    for place in world.places:
        place.shop.knobs.drop_probability = place.shop.knobs.duplicate_probability = 0.0
        place.shop.knobs.deliver_delay_seconds = (0.0, 0.0)
    world.calm()


def trade_and_kill(world: World, processes: Processes, dice: random.Random) -> None:
    """Change stock everywhere, and kill at random moments: one process (busy or idle), or a whole family."""
    clusters = [processes.start("manage.py", "work") for _ in range(2)]
    kills = ["one"] * 7 + ["family"] * 3
    dice.shuffle(kills)
    began = time.monotonic()
    next_kill = began + 3
    while kills or any(place.writes < 10 for place in world.places):  # and they did work in the meantime
        assert time.monotonic() - began < TRADE_SECONDS, f"{kills} left; {report(world)}"
        place = dice.choice(world.places)
        dice.choice([place.buy, place.restock])(dice.randrange(ITEMS), dice.randint(1, 5))
        time.sleep(0.03)
        # What ended is started again, as the platform would.
        clusters = [one if one.poll() is None else processes.start("manage.py", "work") for one in clusters]
        if kills and time.monotonic() > next_kill and kill(processes, dice.choice(clusters), kills[-1], dice):
            next_kill = time.monotonic() + dice.uniform(0.2, 2)
            kills.pop()


def kill(processes: Processes, cluster: psutil.Process, what: str, dice: random.Random) -> bool:
    """Kill all of a cluster, or any one process under its supervisor; False if its workers are not there yet."""
    family = processes.family(cluster)
    if what == "family":
        processes.kill_family(cluster)
    elif len(family) > 3:
        with contextlib.suppress(psutil.NoSuchProcess):
            dice.choice(family[1:]).kill()
    else:
        return False
    return True


def is_in_step(world: World) -> bool:
    source, north, south = world.places
    return all(
        source.available(item) == north.available(item) == south.available(item) == world.expected(item)
        for item in range(ITEMS)
    )


@pytest.mark.parametrize("seed", [int(os.environ.get("TIPOSYNC_SEED", "1"))])
def test_workers_killed_at_any_moment_lose_and_invent_nothing(world, processes, seed):
    misbehave(world)
    trade_and_kill(world, processes, random.Random(seed))
    behave(world)
    world.sim.courier.wait_idle(20)
    for connection in world.connections:  # what the hourly one would find: some webhooks were lost
        jobs.reconcile(connection)
    assert wait_until(lambda: is_in_step(world), SETTLE_SECONDS), report(world)
    assert wait_until(lambda: not world.unsettled(), SETTLE_SECONDS), report(world)
    world.sim.courier.wait_idle(20)
    assert is_in_step(world), report(world)
    assert not StockHold.objects.filter(state="open").exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()


def report(world: World) -> str:
    levels = [[place.available(item) for place in world.places] for item in range(ITEMS)]
    wanted = [world.expected(item) for item in range(ITEMS)]
    waiting = list(SyncJob.objects.values_list("kind", "state", "attempts", "due_at", "message"))
    return f"{levels} should be {wanted}; jobs: {waiting}; {world.unsettled()}"
