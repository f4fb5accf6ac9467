"""Orders that live on, with two sources and real workers that are killed: units and money are counted afterwards.

`TIPOSYNC_LONG=1` places 1,000 orders.
"""

import contextlib
import os
import random
import re
import time
from collections import Counter

import pytest
from django.core.management import call_command

from orders.models import OrderImport, OrderUpdate
from syncing.models import SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, Processes, behave, misbehave, wait_until
from tests.simulator import Simulator
from tests.support.orders.describe import describe_orders
from tests.support.orders.market import Market
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS
from tests.support.world import World

pytestmark = [pytest.mark.process, *([pytest.mark.timeout(0)] if IS_LONG else [])]

ORDERS, KILLS = (1000, 100) if IS_LONG else (24, 5)
STRATEGIES = ("order", "draft_order", "order", "order")


@pytest.fixture
def market(simulator: Simulator, processes: Processes, port: int) -> Market:
    """Two sources and two destinations: of the first source north's orders become orders, south's become drafts."""
    # Where a machine is busy, workers that are just started must not be taken for stuck: here others end them.
    processes.environment["WATCHDOG_SECONDS"] = "30"
    world = World(simulator, f"http://127.0.0.1:{port}/webhooks/shopify/", is_manual=False)
    market = Market.open(world, 2, 2, STRATEGIES, stock=100_000, unlinked="custom")
    call_command("upsert_schedules", verbosity=0)
    simulator.courier.wait_idle()
    processes.start_web(port)
    return market


class People:
    """Buyers, and the staff of four stores."""

    def __init__(self, market: Market, dice: random.Random) -> None:
        self.market, self.sim, self.dice = market, market.sim, dice
        self.left, self.done = ORDERS, Counter()

    def act(self) -> None:
        """One thing that somebody does somewhere; what cannot be done any more is left."""
        changes = [self.gain] * 6 + [self.lose, self.refund, self.ship] * 4 + [self.pay, self.exchange] * 2
        deed = self.dice.choice([self.order] * 10 * bool(self.left) + [*changes, self.cancel, self.complete])
        with contextlib.suppress(ValueError, IndexError):
            deed()
            self.done[deed.__name__] += 1

    @property
    def has_plans(self) -> bool:
        return bool(self.left) or self.done.total() < 3 * ORDERS

    def order(self) -> None:
        place = self.dice.choice(self.market.destinations)
        rows = [(number, self.dice.randint(1, 4)) for number in self.dice.sample(range(5), self.dice.randint(1, 3))]
        extra = self.dice.choice([{}, {}, {"shipping": "4.90"}, {"tax_rate": "0.19"}])
        place.order(*rows, paid=self.dice.random() < 0.6, **extra)
        self.left -= 1

    def _original(self):
        return self.dice.choice(self.market.originals())

    def gain(self) -> None:
        place, order = self._original()
        row = {"variant_id": self.dice.choice(place.variants).id, "quantity": self.dice.randint(1, 3)}
        self.sim.edit_order(place.domain, order, add=[row])

    def lose(self) -> None:
        place, order = self._original()
        line = self.dice.choice([each for each in order.lines if each.unfulfilled > 0])
        self.sim.edit_order(place.domain, order, quantities={line.id: line.current_quantity - 1})

    def refund(self) -> None:
        place, order = self._original()
        kind = self.dice.choice(["CANCEL", "NO_RESTOCK", "RETURN"])
        row = {"line_item_id": self.dice.choice(order.lines).id, "quantity": 1, "restock_type": kind}
        self.sim.refund(place.domain, order, [row])

    def exchange(self) -> None:
        place, order = self._original()
        line = self.dice.choice([each for each in order.lines if each.fulfilled])
        self.sim.exchange(place.domain, order, {line.id: 1}, (self.dice.choice(place.variants).id, 1))

    def cancel(self) -> None:
        place, order = self._original()
        self.sim.cancel(place.domain, order)

    def pay(self) -> None:
        place, order = self._original()
        self.sim.pay_order(place.domain, order)

    def ship(self) -> None:
        source, copy = self.dice.choice(self.market.copies())
        line = self.dice.choice([each for each in copy.lines if each.unfulfilled > 0])
        self.sim.fulfil(source.domain, copy, {line.id: self.dice.randint(1, line.unfulfilled)}, number="1Z")

    def complete(self) -> None:
        source, draft = self.dice.choice(self.market.drafts())
        self.sim.complete_draft(source.domain, draft)


def trade_and_kill(people: People, hunt: Hunt) -> None:
    """Until all orders are placed, twice as much has happened to them, and the workers were killed often enough."""
    while people.left > ORDERS // 2:
        people.order()
    assert wait_until(people.market.copies), "nothing was imported"
    end = time.monotonic() + PATIENCE_SECONDS
    while hunt.left or people.has_plans:
        assert time.monotonic() < end, f"{people.left} orders and {len(hunt.left)} kills left"
        if people.has_plans:
            people.act()
        time.sleep(people.dice.uniform(0.02, 0.2))
        hunt.go_on()
    hunt.restart()  # from here on nobody is killed any more


def fault(market: Market) -> str:
    """What is not as it should be; nothing: ''."""
    if waiting := market.world.unsettled():
        return f"{len(waiting)} wait: {waiting[:5]}"
    try:
        market.check()
    except AssertionError as error:
        return str(error) or "?"
    return ""


@pytest.mark.parametrize("seed", [int(os.environ.get("TIPOSYNC_SEED", "1"))])
def test_orders_that_live_on_come_out_right_whoever_is_killed(market, processes, seed, capsys):
    people = People(market, random.Random(seed))
    misbehave(market.world)
    trade_and_kill(people, Hunt(processes, people.dice, KILLS))
    behave(market.world)
    market.sim.courier.wait_idle(30)
    for connection in market.world.connections:  # what the hourly one would find: some webhooks were lost
        enqueue.reconcile(connection)
    assert wait_until(lambda: not market.world.unsettled()), report(market)
    # What no row says yet may be in a webhook on its way, or be found by the comparison alone.
    assert wait_until(lambda: not fault(market), PATIENCE_SECONDS / 4), report(market)
    market.sim.courier.wait_idle(30)
    # A comparison that is due just then has work for a moment.
    assert wait_until(lambda: not fault(market), PATIENCE_SECONDS / 4), report(market)
    states = Counter(OrderUpdate.objects.values_list("kind", "state"))
    assert OrderImport.objects.filter(state="confirmed").count() > ORDERS // 2
    assert any(state == "confirmed" for _, state in states), states  # it was about something
    if IS_LONG:
        with capsys.disabled():
            print(f"\n{dict(people.done)}; copies {OrderImport.objects.filter(state='confirmed').count()}; {states}")


def report(market: Market) -> str:
    """What is wrong, what waits, and how the orders stand that it names."""
    wrong = fault(market)
    waiting = list(SyncJob.objects.filter(state="queued").values_list("kind", "subject", "attempts", "message"))
    told = OrderUpdate.objects.filter(state__in=("failed", "needs_shop")).values_list("kind", "state", "reason")
    named = [line for name in set(re.findall(r"#\d+", wrong)) for line in describe_orders(market.world, name)]
    return "\n".join([wrong, f"jobs {waiting[:20]}", str(Counter(told).most_common(20)), *named])
