"""Workers and web of release 0.1.0 beside those of this one, on the migrated database: nobody's units are lost."""

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from syncing.models import Cluster, SyncJob
from syncing.monitoring import doctor
from tests.e2e.killing import ROOT, wait_until
from tests.support.world import World

pytestmark = pytest.mark.process

ITEMS = 4
DUMP = "tests/e2e/releases/0.1.0.sql.xz"  # committed with the code that wrote it


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """The code of release 0.1.0, from the history."""
    try:
        log = ["git", "log", "--diff-filter=A", "--format=%H", "--", DUMP]
        (commit,) = subprocess.run(log, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, ValueError, subprocess.CalledProcessError):
        pytest.skip("the history of the repository is not here")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def world(serve: Callable[..., World]) -> World:
    return serve(ITEMS, 100, north="two_way", south="one_way")


def trade(world: World) -> None:
    for number in range(ITEMS):
        for place in world.places:
            place.buy(number, 1)


def is_in_step(world: World) -> bool:
    expected = [world.expected(item) for item in range(ITEMS)]
    return all([place.available(item) for item in range(ITEMS)] == expected for place in world.places)


def test_old_workers_begin_nothing_beside_new_ones_and_an_old_web_takes_webhooks(world, processes, earlier, port):
    new_web = processes.started[-1]
    old_workers = processes.start("manage.py", "work", folder=earlier)
    trade(world)
    world.sim.courier.wait_idle(20)
    assert wait_until(Cluster.objects.exists)  # they are at work, as far as they know
    assert wait_until(SyncJob.objects.filter(kind=SyncJob.Kind.PROCESS_EVENTS).exists)
    assert not wait_until(SyncJob.objects.exclude(state=SyncJob.State.QUEUED).exists, 1)
    assert not any(place.writes for place in world.places)
    assert "earlier release" in [*doctor._workers()][-1].words
    processes.start("manage.py", "work")
    assert wait_until(lambda: is_in_step(world)), SyncJob.objects.values()
    processes.kill_family(old_workers)  # who take wake-ups away: beside them all waits for the sweep of a new cluster
    processes.kill_family(new_web)
    processes.start_web(port, folder=earlier)
    trade(world)
    world.sim.courier.wait_idle(20)
    while world.sim.courier.pending():  # what came while neither web was there
        world.sim.clock.advance(60)
        world.sim.courier.wait_idle(20)
    assert wait_until(lambda: is_in_step(world)), SyncJob.objects.values()
    assert not SyncJob.objects.filter(state=SyncJob.State.FAILED).exists()
