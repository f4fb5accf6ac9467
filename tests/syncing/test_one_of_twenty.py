"""Twenty destinations, one of them in trouble for six hours: the other nineteen sell as if nothing were wrong with it.

Simulated time: each minute has its webhooks, its sweep and its workers, each hour its comparisons. Jobs wait as long as
they said, by the database's clock, too. A slow answer holds its own worker for half a minute, and nobody else: how much
of a worker that is, is counted. The store in trouble sells, too: what nobody is writing to it, for a write that nobody
answered says nothing of its level. `TIPOSYNC_LONG=1` looks at six hours of each trouble, else they follow each other.
"""

import logging
import time
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from stores import clients
from stores.shopify.client import Client
from syncing import handlers, sweep
from syncing.models import Alert, Reconciliation, StockAdjustment, StockBatch, StockHold, SyncJob
from syncing.queue import jobs
from tests.support.thoroughness import IS_LONG

pytestmark = [pytest.mark.state_machine, *([pytest.mark.timeout(0)] if IS_LONG else [])]

DESTINATIONS = 20
MINUTES = 6 * 60 if IS_LONG else 30
SALE_MINUTES = 5  # between two sales
IN_TURN = "each in turn"
ITEMS, STOCK = 4, 40
LAST = ITEMS - 1  # this one is sold by the store in trouble, the others by the others
ANSWER_SECONDS = 29.0  # of the slow store; it is waited for no longer than 30
FAULTS = {
    "nothing": None,
    "down": ("http", {"match": "any", "status": 503}),
    "throttled": ("rate_limited", {"match": "any", "retry_after": "120"}),
    "unreadable": ("http", {"match": "any_query", "status": 503}),
    "unwritable": ("http", {"match": "any_mutation", "status": 503}),
    "slow": None,
}


class Hours:
    """What happens in a minute, and what it costs."""

    def __init__(self, world, monkeypatch):
        self.world, self.held_seconds, self.lines = world, 0.0, []
        self.source, *self.others, self.ill = world.places
        self.shifted = self.offset
        self.monotonic = monotonic = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + self.offset + self.held_seconds)
        monkeypatch.setattr(timezone, "now", world.sim.clock.now)  # however long a minute takes to simulate
        monkeypatch.setattr(clients, "Client", lambda *a, **k: Client(*a, sleep=self._sleep, **k))
        clients._opened.__dict__.clear()
        handler = logging.Handler(logging.WARNING)
        handler.emit = self.lines.append
        self.handler = handler

    @property
    def offset(self):
        return self.world.sim.clock._offset

    def _sleep(self, seconds):
        self.held_seconds += seconds

    def begin(self, name):
        """From here on the last store has this trouble and no other."""
        self.world.sim.faults(self.ill.shop).clear()
        self.world.sim.on_before_execute.clear()
        if fault := FAULTS.get(name):
            self.ill.fault(fault[0], count=None, **fault[1])
        if name == "slow":
            self.world.sim.on_before_execute.append(self._hold)

    def _hold(self, shop, name, arguments):
        """Each answer of the store holds the worker that asked, and takes nobody else's time."""
        if shop is self.ill.shop:
            self.held_seconds += ANSWER_SECONDS

    def let_minute_pass(self):
        self.world.tick(60)
        # Time has passed for the database, too, whose clock nobody can move: what is due comes nearer.
        passed = timedelta(seconds=self.offset - self.shifted)
        self.shifted = self.offset
        SyncJob.objects.filter(state="queued").update(due_at=F("due_at") - passed)
        sweep.sweep()
        self.work()

    def work(self):
        """The webhooks arrive, and workers do what is due by now."""
        self.world.deliver()
        began = self.monotonic()
        while jobs.run_due(handlers.WORK, 0.01):
            self.world.deliver()
            # However long that took on this machine: what is to be tried again waits for its simulated time.
            took, began = timedelta(seconds=self.monotonic() - began), self.monotonic()
            SyncJob.objects.filter(state="queued", due_at__gt=Now()).update(due_at=F("due_at") + took)

    def levels(self, number):
        return [place.available(number) for place in (self.source, *self.others)]

    def check_costs(self, name):
        """However long it lasts, the trouble of one store costs little, and fills no table and no log."""
        ill, hours = self.ill, MINUTES / 60
        costs = {
            "calls of the store": (ill.shop.counters.requests, 4 * MINUTES),
            "jobs": (SyncJob.objects.count(), (3 + hours) * DESTINATIONS),
            "alerts": (Alert.objects.count(), 10),
            "lines of the log": (len(self.lines), 3 * MINUTES),
            "comparisons": (Reconciliation.objects.filter(connection__destination=ill.store).count(), 2 * hours + 4),
            "batches": (StockBatch.objects.filter(store=ill.store).count(), MINUTES),
            "adjustments": (StockAdjustment.objects.filter(level__store=ill.store).count(), 2 * MINUTES),
            "seconds of a worker": (self.held_seconds, 60 * MINUTES / 2),
        }
        assert not {name: cost for name, cost in costs.items() if cost[0] > cost[1]}, name


@pytest.fixture
def hours(world, monkeypatch):
    source = world.add_store("source", "source", ITEMS, STOCK)
    for number in range(DESTINATIONS):
        strategy = "one_way" if number % 3 == 2 else "two_way"  # the last, the one in trouble, is two-way
        world.connect(source, world.add_store(f"shop-{number}", "destination", ITEMS, STOCK), strategy)
    world.work()
    world.mark()
    lived = Hours(world, monkeypatch)
    root = logging.getLogger()
    root.addHandler(lived.handler)
    yield lived
    root.removeHandler(lived.handler)


@pytest.mark.parametrize("name", FAULTS if IS_LONG else [IN_TURN])
def test_with_one_of_twenty_in_trouble_for_hours_every_sale_reaches_the_others_at_once(hours, name):
    sellers = [hours.source, *hours.others[::9], hours.ill]  # each of them two-way
    left, sold = [STOCK] * ITEMS, 0
    hours.begin(name)
    for minute in range(MINUTES):
        if name == IN_TURN and minute % SALE_MINUTES == 0:
            hours.begin(list(FAULTS)[minute // SALE_MINUTES % len(FAULTS)])
        if minute % SALE_MINUTES == 2:
            seller = sellers[sold % len(sellers)]
            number = LAST if seller is hours.ill else sold % LAST
            seller.buy(number, 1)
            hours.work()  # in this very minute, and before it has passed
            left[number], sold = left[number] - 1, sold + 1
            assert [set(hours.levels(each)) for each in range(ITEMS)] == [{each} for each in left], minute
        hours.let_minute_pass()
    hours.check_costs(name)
    hours.begin("nothing")
    for _ in range(20):
        hours.let_minute_pass()
    assert [{*hours.levels(each), hours.ill.available(each)} for each in range(ITEMS)] == [{each} for each in left]
    assert not StockHold.objects.exists()
    assert not SyncJob.objects.filter(failure="bug").exists()
    assert not SyncJob.objects.filter(state="failed").exists()
