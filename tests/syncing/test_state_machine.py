"""Customers, people, bad networks and dying workers in any order: no unit is lost, none invented, destinations follow.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer. A failure prints the steps that led to it.
"""

import contextlib
from itertools import product

import pytest
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from stores.clients import open_client
from stores.models import Store
from syncing.connections import bursts
from syncing.models import StockAdjustment, WebhookEvent
from syncing.queue import enqueue
from syncing.stock.merge import Rule, offer
from syncing.webhooks import inbox
from tests.support.places import WRITES, is_our_write
from tests.support.thoroughness import EXAMPLES, IS_LONG
from tests.support.world import World

pytestmark = [pytest.mark.state_machine, *([pytest.mark.timeout(0)] if IS_LONG else [])]

ITEMS = 2
STOCK = 20
FAULTS = (
    ("lost_answer", {"match": "any_mutation", "how": "close"}),
    ("lost_answer", {"match": "any_mutation", "how": "html"}),
    ("lost_answer", {"match": "any_mutation", "how": "internal_error"}),
    ("lost_answer", {"match": "any_query"}),
    ("refuse_before", {"match": "any"}),
    ("internal_error_before", {"match": "any"}),
    ("throttled", {"match": "any"}),
    ("rate_limited", {"match": "any", "retry_after": "0.5"}),
    ("http", {"match": "any", "status": 503}),
    ("http", {"match": "any", "status": 200, "html": True}),
)
EVENTS = ("nodes", *WRITES)

places = st.integers(0, 2)
items = st.integers(0, ITEMS - 1)
units = st.integers(1, 6)
rooms = st.integers(0, 1)
picks = st.integers(0, 11)


class Trade(RuleBasedStateMachine):
    """One source and two destinations, from in step to in step."""

    world: World
    WRITES_PER_CHANGE = 1

    @initialize(
        mode=st.sampled_from(["live", "docs"]),
        early=st.booleans(),
        all_is_lost=st.booleans(),
        same_second=st.booleans(),
    )
    def open(self, mode, early, all_is_lost, same_second):
        self.world.begin_again()
        self.all_is_lost, self.same_second = all_is_lost, same_second
        self.orders, self.delivered, self.deleted, self.leaps = [], [], [], 0
        for place in self.world.places:
            place.shop.knobs.replay_mode = mode
            place.shop.knobs.serialise_delay_seconds = None if early else 0.0

    # What people do

    def time_goes_by(self):
        if not self.same_second:
            self.world.tick()

    def somewhere(self, place, room):
        """The place, and one of its locations."""
        return self.world.places[place], room % len(self.world.places[place].location_ids)

    @rule(place=places, item=items, quantity=units, room=rooms)
    def somebody_buys(self, place, item, quantity, room):
        self.time_goes_by()
        where, at = self.somewhere(place, room)
        self.orders.append((place, where.buy(item, quantity, at)))

    @rule(place=places, item=items, quantity=units, room=rooms)
    def goods_arrive(self, place, item, quantity, room):
        self.time_goes_by()
        where, at = self.somewhere(place, room)
        where.restock(item, quantity, at)

    @rule(place=places, item=items, quantity=st.integers(-5, 60), room=rooms)
    def somebody_counts(self, place, item, quantity, room):
        self.time_goes_by()
        where, at = self.somewhere(place, room)
        where.set(item, quantity, at)

    @rule(place=places, item=items, quantities=st.lists(st.integers(0, 40), min_size=2, max_size=4))
    def somebody_types_and_corrects_at_once(self, place, item, quantities):
        self.time_goes_by()
        for quantity in quantities:
            self.world.places[place].set(item, quantity)

    @rule(number=picks, kind=st.sampled_from(["cancel", "CANCEL", "RETURN", "NO_RESTOCK"]))
    def an_order_is_cancelled_or_returned(self, number, kind):
        if not self.orders:
            return
        self.time_goes_by()
        place, order = self.orders.pop(number % len(self.orders))
        where = self.world.places[place]
        with contextlib.suppress(ValueError):  # it was shipped in the meantime
            if kind == "cancel":
                self.world.sim.cancel(where.domain, order)
            elif kind == "RETURN":
                self.world.sim.fulfil(where.domain, order)
                where.refund(order, kind)
            else:
                where.refund(order, kind)

    @rule(place=st.integers(1, 2), item=items, room=rooms)
    def somebody_stops_stocking_an_item(self, place, item, room):
        self.time_goes_by()
        where, at = self.somewhere(place, room)
        where.leave(item, at)

    @rule(number=st.integers(0, 1))
    def an_operator_pauses_or_resumes(self, number):
        connection = self.world.connections[number]
        connection.is_paused = not connection.is_paused
        connection.save(update_fields=["is_paused"])
        if not connection.is_paused:
            enqueue.reconcile(connection, trigger="resume")

    # What becomes of webhooks

    def pick(self, place, numbers):
        """Some of those that wait: which ones do may differ between two runs of the same steps, it hangs on time."""
        waiting = self.world.sim.deliveries(self.world.places[place].domain)
        return [waiting[number % len(waiting)] for number in numbers if waiting]

    @rule(place=places, numbers=st.lists(picks, min_size=1, max_size=6))
    def some_webhooks_arrive_in_any_order_perhaps_twice(self, place, numbers):
        chosen = self.pick(place, numbers)
        self.delivered += chosen
        self.world.sim.pump(self.world.places[place].domain, chosen)

    @rule()
    def all_webhooks_arrive(self):
        self.world.deliver()

    @rule(place=places, numbers=st.lists(picks, min_size=1, max_size=6))
    def some_webhooks_are_lost(self, place, numbers):
        self.world.sim.drop(self.world.places[place].domain, set(self.pick(place, numbers)))

    @rule(place=places)
    def the_bodies_of_waiting_webhooks_are_written(self, place):
        self.world.sim.serialise(self.world.places[place].domain)

    @rule(number=picks, is_another=st.booleans())
    def an_old_webhook_comes_again(self, number, is_another):
        """As a retry, or under an id of its own, as if its like had been on its way all the time."""
        if self.delivered:
            again = self.world.sim.webhooks.duplicate_of(self.delivered[number % len(self.delivered)])
            again.webhook_id += f"-{again.number}" if is_another else ""
            self.world.sim.courier.attempt(again)

    @rule()
    def an_operator_replays_all_events(self):
        for event in WebhookEvent.objects.all():
            inbox.replay(event)

    # What goes wrong

    @rule(place=places, fault=st.sampled_from(FAULTS), skip=st.integers(0, 2))
    def the_next_requests_will_fail(self, place, fault, skip):
        kind, fields = fault
        self.world.places[place].fault(kind, **fields, skip=skip)

    @rule(place=places, item=items, quantity=units, event=st.sampled_from(EVENTS), after=st.booleans())
    def somebody_will_buy_in_the_middle_of_a_run(self, place, item, quantity, event, after):
        self.world.meanwhile(event, lambda: self.world.places[place].buy(item, quantity), after=after)

    @rule(event=st.sampled_from(EVENTS), after=st.booleans())
    def webhooks_will_arrive_in_the_middle_of_a_run(self, event, after):
        self.world.meanwhile(event, self.world.deliver, after=after)

    @rule(event=st.sampled_from(EVENTS), after=st.booleans())
    def another_worker_will_work_in_the_middle_of_a_run(self, event, after):
        def work():
            self.world.deliver()
            self.world.work(tries=1)

        self.world.meanwhile(event, work, after=after)

    @rule(seconds=st.sampled_from([1, 59, 3600]))
    def the_clock_moves_on(self, seconds):
        self.world.tick(seconds)

    @rule()
    def nobody_works_for_a_day(self):
        self.leaps += 1
        self.world.let_pass(hours=25)

    # What the product does

    @rule(tries=st.integers(1, 3))
    def a_worker_works(self, tries):
        self.world.work(tries)

    @rule(effect=st.integers(1, 40))
    def a_worker_dies(self, effect):
        with self.world.worker_that_dies(effect):
            self.world.work(tries=1)

    def ask_ahead(self, place):
        bursts.follow(Store.objects.get(pk=self.world.places[place].store.pk), open_client, timezone.now())

    @rule(place=places)
    def a_store_is_asked_ahead_of_its_webhooks(self, place):
        self.ask_ahead(place)

    @rule(place=places, event=st.sampled_from(EVENTS), after=st.booleans())
    def a_store_will_be_asked_in_the_middle_of_a_run(self, place, event, after):
        self.world.meanwhile(event, lambda: self.ask_ahead(place), after=after)

    @rule(number=st.integers(0, 1))
    def a_connection_is_reconciled(self, number):
        enqueue.reconcile(self.world.connections[number], trigger="schedule")
        self.world.work(tries=1)

    @rule()
    def the_sweep_goes_round(self):
        self.world.carry()

    @rule()
    def an_operator_resolves_what_is_held(self):
        self.world.resolve_holds()

    def teardown(self):
        if not hasattr(self, "orders"):
            return  # it never began
        self.world.calm()
        if self.all_is_lost:
            for place in self.world.places:
                place.lose_webhooks()
        else:
            self.world.deliver()
        self.world.settle()
        self.check_levels()
        self.check_ledger()
        written = sum(place.writes for place in self.world.places)
        self.world.deliver()  # the last echoes
        self.world.work()
        assert sum(place.writes for place in self.world.places) == written
        self.check_levels()

    def check_levels(self):
        source, *destinations = self.world.places
        for item in range(ITEMS):
            quantities = [source.available(item, at) for at in range(len(source.location_ids))]
            assert quantities == [self.world.expected(item, at) for at in range(len(quantities))], f"item {item}"
            for place, connection in zip(destinations, self.world.connections, strict=True):
                offered = [quantity - self.still_owed(place, item) for quantity in quantities]
                if not connection.is_two_way:
                    rule = Rule(connection.safety_buffer, connection.cap_quantity, connection.percentage)
                    left = sum(quantities) - self.held_back(item)
                    offered = [offer(left, rule)]  # all its rooms are summed into one
                shown = [place.available(item, at) for at in range(len(place.location_ids))]
                assert shown == offered, f"item {item} in {place.store}"

    def held_back(self, item):
        """Units that the source has and offers to nobody: only orders hold any back."""
        return 0

    def still_owed(self, place, item):
        """Units that a two-way destination sold and the source still has: only orders from before can owe any."""
        return 0

    def check_ledger(self):
        """What we believe to have written is what Shopify saw of us, level by level; and nothing goes to and fro."""
        for place in self.world.places:
            for item, (at, location_id) in product(range(ITEMS), enumerate(place.location_ids)):
                seen = [change.delta for change in place.changes(item, at) if is_our_write(change)]
                rows = StockAdjustment.objects.filter(
                    level__item_gid__endswith=f"/{place.item(item)}",
                    level__location__gid__endswith=f"/{location_id}",
                    state="applied",
                    pk__gt=self.world.counts_from_row,
                )
                if self.is_two_way(place):
                    assert sum(seen) == sum(row.delta for row in rows), f"item {item} in {place.store}"
                foreign = [change for change in self.changes_of(item) if not is_our_write(change)]
                assert len(seen) <= self.WRITES_PER_CHANGE * len(foreign), (
                    f"item {item} in {place.store}: {seen} for {len(foreign)} changes"
                )

    def changes_of(self, item):
        places = self.world.places
        return [
            change for place in places for at in range(len(place.location_ids)) for change in place.changes(item, at)
        ]

    def is_two_way(self, place):
        return place is self.world.places[0] or self.world.connections[self.world.places.index(place) - 1].is_two_way


def profile(examples: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=examples * (40 if IS_LONG else EXAMPLES),
        stateful_step_count=50 if IS_LONG else 25,
        suppress_health_check=list(HealthCheck),  # also of what filters and of what grows large: steps do both
    )


@pytest.mark.parametrize(
    ("strategies", "source_rooms", "examples"),
    [(("two_way", "two_way"), 1, 24), (("one_way", "one_way"), 1, 12), (("two_way", "one_way"), 2, 12)],
)
def test_whatever_happens_stock_is_conserved_and_followed(world, settings, strategies, source_rooms, examples):
    source = world.add_store("source", "source", ITEMS, STOCK, source_rooms)
    fields = {"two_way": {"guard_zero_from": 30}, "one_way": {"percentage": 70, "safety_buffer": 2, "cap_quantity": 25}}
    for name, strategy in zip(("north", "south"), strategies, strict=True):
        count = source_rooms if strategy == "two_way" else 1
        destination = world.add_store(name, "destination", ITEMS, STOCK, count)
        rooms_of = destination.location_ids * (source_rooms // count)
        mapped = list(zip(source.location_ids, rooms_of, strict=True))
        world.connect(source, destination, strategy, mapped=mapped, **fields[strategy])
    world.work()
    world.mark()
    settings.BURST_READ_SECONDS = 1.0

    class Example(Trade):
        pass

    Example.world, Example.settings = world, settings
    run_state_machine_as_test(Example, settings=profile(examples))
