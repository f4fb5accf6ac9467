"""Two workers that renew one store's token at once, killed at any moment, while answers are slow or lost.

`TIPOSYNC_LONG=1` renews a thousand times.
"""

import contextlib
import os
import random
import time

import psutil
import pytest

from stores import clients, installing
from stores.models import Store
from stores.shopify import shops
from tests.e2e.killing import Processes, wait_until
from tests.simulator import Simulator
from tests.stores.test_installing import CLIENT, SECRET, connect
from tests.support.fixtures import NORTH
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS

pytestmark = pytest.mark.process

RENEWALS, KILLS = (1000, 100) if IS_LONG else (100, 12)
SEED = int(os.environ.get("TIPOSYNC_SEED", "1"))


@pytest.fixture
def store(simulator: Simulator, processes: Processes, settings) -> Store:
    """A store of another organisation that is connected, and whose token endpoint is slow and loses answers."""
    settings.PUBLIC_URL = "https://sync.example.com"
    simulator.add_shop(NORTH)
    simulator.add_app(NORTH, CLIENT, SECRET, [installing.redirect_url()])
    row = Store.objects.create(
        domain=NORTH, role="destination", auth="installed", client_id=CLIENT, client_secret=SECRET
    )
    row = connect(row)
    simulator.fault(NORTH, "slow_answer", match="oauth", count=None, seconds=0.05)
    simulator.fault(NORTH, "lost_answer", match="oauth", count=None, probability=0.1)
    return row


def renewals(simulator: Simulator) -> int:
    """How many pairs were given for a refresh token, whether or not they arrived."""
    tokens = list(simulator.shop(NORTH).tokens.values())
    return sum(token.replaces is not None for token in tokens)


def test_two_workers_that_renew_at_once_under_kills_are_never_locked_out(simulator, processes, store):
    dice = random.Random(SEED)

    def start() -> psutil.Process:
        return processes.start("-m", "tests.e2e.renewing", str(store.pk))

    workers, killed, end = [start(), start()], 0, time.monotonic() + PATIENCE_SECONDS
    while renewals(simulator) < RENEWALS or killed < KILLS:
        assert time.monotonic() < end, f"{renewals(simulator)} renewals, {killed} kills"
        time.sleep(dice.uniform(0.05, 0.3))
        assert Store.objects.get(pk=store.pk).status == Store.Status.NEW, "locked out"
        number = dice.randrange(2)
        if workers[number].poll() is not None:
            assert workers[number].returncode == -9, "a worker gave up"
        elif renewals(simulator) < RENEWALS * (killed + 1) / KILLS - 2:
            continue
        else:
            workers[number].kill()
            workers[number].wait()
            killed += 1
        workers[number] = start()
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
        worker.wait()
    assert simulator.finish_requests()
    simulator.faults(simulator.shop(NORTH)).clear()
    row = Store.objects.get(pk=store.pk)
    clients.renew_token(row)
    assert shops.read_shop(clients.open_client(row)).domain == NORTH
    assert wait_until(lambda: Store.objects.get(pk=store.pk).status == Store.Status.NEW, 1)
