"""Real workers under kill -9 while a store is in trouble for long, and a backup restored under their feet.

`TIPOSYNC_LONG=1` trades for minutes, through every trouble.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from syncing.models import StockHold, StockLink, SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, behave, misbehave, wait_until
from tests.support.backup import Backup, after_restore, resume_everything
from tests.support.misfortune.trouble import TROUBLES
from tests.support.places import Place
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS
from tests.support.world import World

pytestmark = pytest.mark.process

ITEMS, STOCK = 8, 1000
TRADE_SECONDS, KILLS = (120, 30) if IS_LONG else (4, 2)
LAG_SECONDS = 20.0
SEED = int(os.environ.get("TIPOSYNC_SEED", "1"))
# Simulated time would not pass for real workers, so "slow" is left to the benchmarks.
LASTING = [name for name, faults in TROUBLES.items() if faults and name != "too slow"]


@pytest.fixture
def world(serve: Callable[..., World]) -> World:
    """Two destinations that are two-way, one that only shows."""
    world = serve(ITEMS, STOCK, north="two_way", south="two_way", west="one_way")
    for place in world.places:
        place.shop.knobs.search_lag_seconds = LAG_SECONDS
    return world


def trade(world: World, hunt: Hunt, but_not_in: Place | None = None) -> None:
    """Change stock everywhere for a while, until the workers were killed often enough."""
    began = time.monotonic()
    while hunt.left or time.monotonic() < began + TRADE_SECONDS:
        assert time.monotonic() < began + TRADE_SECONDS + PATIENCE_SECONDS, f"{hunt.left} left; {report(world)}"
        place = hunt.dice.choice([one for one in world.places if one is not but_not_in])
        hunt.dice.choice([place.buy, place.restock])(hunt.dice.randrange(ITEMS), hunt.dice.randint(1, 5))
        time.sleep(0.05)
        hunt.go_on()
    hunt.restart()


def are_in_step(world: World, places: list[Place]) -> bool:
    levels = [[place.available(item) for item in range(ITEMS)] for place in places]
    return all(level == levels[0] for level in levels)


def is_right(world: World) -> bool:
    expected = [world.expected(item) for item in range(ITEMS)]
    return [world.places[0].available(item) for item in range(ITEMS)] == expected and are_in_step(world, world.places)


def settle(world: World) -> None:
    behave(world)
    world.sim.courier.wait_idle(20)
    for connection in world.connections:  # what the hourly one would find: some webhooks were lost
        enqueue.reconcile(connection)
    assert wait_until(lambda: is_right(world) and not world.unsettled()), report(world)
    world.sim.courier.wait_idle(20)
    assert is_right(world), report(world)
    assert not StockHold.objects.filter(state="open").exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()


@pytest.mark.parametrize("name", LASTING if IS_LONG else ["down"])
def test_the_others_agree_while_one_store_is_in_trouble_and_workers_are_killed(world, processes, name):
    hunt = Hunt(processes, random.Random(SEED), KILLS)
    source, north, *others = world.places
    misbehave(world)
    for fields in TROUBLES[name]:
        north.fault(**{"count": None} | fields)
    trade(world, hunt)
    for place in (source, *others):  # of theirs nothing is lost any more; north stays as it is
        place.shop.knobs.drop_probability = 0.0
        world.sim.faults(place.shop).clear()
    for connection in world.connections[1:]:
        enqueue.reconcile(connection)
    assert wait_until(lambda: are_in_step(world, [source, *others])), report(world)
    settle(world)


def test_after_a_restored_backup_workers_that_are_killed_carry_nothing_twice(world, processes, port):
    dice = random.Random(SEED)
    web = processes.started[-1]
    hunt = Hunt(processes, dice, KILLS)
    trade(world, hunt)
    backup = Backup()
    hunt.left = ["one"]
    for place in world.places:  # so that writes are under way when all workers die
        place.fault("slow", match="any_mutation", count=None, seconds=0.3)
    trade(world, hunt)
    for process in (web, *hunt.clusters):
        processes.kill_family(process)
    assert world.sim.finish_requests(), "Requests of workers that are dead are still being answered."
    for place in world.places:
        world.sim.faults(place.shop).clear()
    world.sim.courier.wait_idle(20)
    world.count_from_now()
    backup.restore()
    after_restore()
    processes.start_web(port)
    hunt.left = ["family"]
    hunt.restart()
    resume_everything()
    # Until it is aligned, the source's own changes count, and no others; no link waits if the backup had all in step.
    assert wait_until(lambda: is_aligned() and not world.unsettled()), report(world)
    trade(world, hunt)
    settle(world)


def is_aligned() -> bool:
    """Whether every pair has agreed on a quantity since what was known of it was forgotten."""
    return not StockLink.objects.exclude(state="skipped").filter(source_baseline=None).exists()


def report(world: World) -> str:
    levels = [[place.available(item) for place in world.places] for item in range(ITEMS)]
    wanted = [world.expected(item) for item in range(ITEMS)]
    waiting = list(SyncJob.objects.values_list("kind", "state", "attempts", "due_at", "message"))
    return f"{levels} should be {wanted}; jobs: {waiting}; {world.unsettled()}"
