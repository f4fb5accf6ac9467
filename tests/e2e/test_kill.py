"""Real web, real workers, real HTTP: workers are killed at random moments, and no unit is lost or invented."""

import os
import random
import time
from collections.abc import Callable

import pytest

from syncing.models import StockHold, SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, behave, misbehave, wait_until
from tests.support.thoroughness import PATIENCE_SECONDS
from tests.support.world import World

pytestmark = pytest.mark.process

ITEMS = 12
STOCK = 1000
KILLS = 10


@pytest.fixture
def world(serve: Callable[..., World]) -> World:
    """A two-way and a one-way destination, in step."""
    return serve(ITEMS, STOCK, north="two_way", south="one_way")


def trade_and_kill(world: World, hunt: Hunt) -> None:
    """Change stock everywhere until the workers were killed often enough."""
    dice, began = hunt.dice, time.monotonic()
    while hunt.left or any(place.writes < 10 for place in world.places):  # and they did work in the meantime
        assert time.monotonic() - began < PATIENCE_SECONDS, f"{hunt.left} left; {report(world)}"
        place = dice.choice(world.places)
        dice.choice([place.buy, place.restock])(dice.randrange(ITEMS), dice.randint(1, 5))
        time.sleep(0.03)
        hunt.go_on()
    hunt.restart()


def is_in_step(world: World) -> bool:
    source, north, south = world.places
    return all(
        source.available(item) == north.available(item) == south.available(item) == world.expected(item)
        for item in range(ITEMS)
    )


@pytest.mark.parametrize("seed", [int(os.environ.get("TIPOSYNC_SEED", "1"))])
def test_workers_killed_at_any_moment_lose_and_invent_nothing(world, processes, seed):
    misbehave(world)
    trade_and_kill(world, Hunt(processes, random.Random(seed), KILLS))
    behave(world)
    world.sim.courier.wait_idle(20)
    for connection in world.connections:  # what the hourly one would find: some webhooks were lost
        enqueue.reconcile(connection)
    assert wait_until(lambda: is_in_step(world)), report(world)
    assert wait_until(lambda: not world.unsettled()), report(world)
    world.sim.courier.wait_idle(20)
    assert is_in_step(world), report(world)
    assert not StockHold.objects.filter(state="open").exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()


def report(world: World) -> str:
    levels = [[place.available(item) for place in world.places] for item in range(ITEMS)]
    wanted = [world.expected(item) for item in range(ITEMS)]
    waiting = list(SyncJob.objects.values_list("kind", "state", "attempts", "due_at", "message"))
    return f"{levels} should be {wanted}; jobs: {waiting}; {world.unsettled()}"
