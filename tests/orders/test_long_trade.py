"""A very long trade in one run: every rule of the state machines, drawn by dice, under all trouble at once.

TIPOSYNC_LONG=1 runs it: 200,000 operations. TIPOSYNC_OPERATIONS asks for fewer, TIPOSYNC_SEED for others; each chapter
has dice of its own, so that TIPOSYNC_CHAPTER=37 plays a chapter that failed once more, alone. It ends with a table.
"""

import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable

import pytest

from orders.models import OrderSettings
from stores.models import Connection
from syncing.models import StockAdjustment
from syncing.queue import jobs
from tests.orders import test_lasting_trouble as lasting
from tests.orders.test_state_machine import CREATIONS, LOST, RULE
from tests.orders.test_state_machine import EVENTS as ORDER_EVENTS
from tests.support.misfortune.trouble import TROUBLES
from tests.support.misfortune.trouble_rules import KNOBS
from tests.support.orders.changes import copied
from tests.support.orders.describe import describe
from tests.support.thoroughness import IS_LONG
from tests.support.world import World
from tests.syncing.test_state_machine import EVENTS, FAULTS

pytestmark = [pytest.mark.state_machine, pytest.mark.timeout(0)]

OPERATIONS = int(os.environ.get("TIPOSYNC_OPERATIONS", "200000"))
SEED = os.environ.get("TIPOSYNC_SEED", "1")
# Words of KINDS, separated by commas: left out, to narrow down what a failure needs; or ten times as often.
WITHOUT = set(os.environ.get("TIPOSYNC_WITHOUT", "").split(",")) - {""}
MORE = set(os.environ.get("TIPOSYNC_MORE", "").split(",")) - {""}
CHAPTER = os.environ.get("TIPOSYNC_CHAPTER")
PAGE_OPERATIONS = 500  # then all is calm for a while, and everything is checked
CHAPTER_PAGES = 2  # then all begins anew, with other answers of Shopify
MOST_FAILURES = 10
DESTINATIONS = ("north", "south", "west", "east")
ITEMS, STOCK = 3, 40

Dice = random.Random
Draw = Callable[[Dice], dict]


def fault(dice: Dice) -> tuple[str, dict]:
    return dice.choice(FAULTS)


def place(dice: Dice) -> int:
    return dice.randrange(len(DESTINATIONS) + 1)


def destination(dice: Dice) -> int:
    return 1 + dice.randrange(len(DESTINATIONS))


def item(dice: Dice) -> int:
    return dice.randrange(ITEMS)


def picks(dice: Dice) -> list[int]:
    return [dice.randrange(12) for _ in range(dice.randint(1, 6))]


def lines(dice: Dice) -> list[tuple[int, int]]:
    return [(item(dice), dice.randint(1, 4)) for _ in range(dice.randint(1, 3))]


def minutes_apart(dice: Dice) -> int:
    return dice.choice([0, 0, 0, dice.randint(-15, 15)])


def sale(dice: Dice) -> dict:
    return {"place": place(dice), "item": item(dice), "quantity": dice.randint(1, 6), "room": 0}


def surprise(dice: Dice) -> dict:
    return {"event": dice.choice(EVENTS + ORDER_EVENTS), "after": dice.random() < 0.5}


# How often of about ten thousand, what, and how its arguments are drawn.
OPERATIONS_BY_NAME: dict[str, tuple[int, Draw]] = {
    "somebody_buys": (800, sale),
    "somebody_orders_several_things": (300, lambda dice: {"lines": lines(dice), "place": destination(dice)}),
    "goods_arrive": (2900, sale),
    "somebody_counts": (1500, lambda dice: sale(dice) | {"quantity": dice.randint(0, 60)}),
    "somebody_types_and_corrects_at_once": (
        700,
        lambda dice: {"place": place(dice), "item": item(dice), "quantities": [dice.randint(0, 40) for _ in range(3)]},
    ),
    "an_order_is_cancelled_or_returned": (
        500,
        lambda dice: {
            "number": dice.randrange(10**6),
            "kind": dice.choice(["cancel", "cancel", "CANCEL", "RETURN", "NO_RESTOCK"]),
        },
    ),
    "staff_complete_or_delete_a_draft": (
        200,
        lambda dice: {"number": dice.randrange(10**6), "is_deleted": dice.random() < 0.3},
    ),
    "a_copy_is_shipped": (150, lambda dice: {"number": dice.randrange(10**6)}),
    "somebody_stops_stocking_an_item": (20, lambda dice: {"place": destination(dice), "item": item(dice), "room": 0}),
    "an_operator_pauses_or_resumes": (50, lambda dice: {"number": dice.randrange(len(DESTINATIONS))}),
    "some_webhooks_arrive_in_any_order_perhaps_twice": (
        400,
        lambda dice: {"place": place(dice), "numbers": picks(dice)},
    ),
    "all_webhooks_arrive": (80, lambda dice: {}),
    "some_webhooks_are_lost": (400, lambda dice: {"place": place(dice), "numbers": picks(dice)}),
    "the_bodies_of_waiting_webhooks_are_written": (200, lambda dice: {"place": place(dice)}),
    "an_old_webhook_comes_again": (
        60,
        lambda dice: {"number": dice.randrange(10**6), "is_another": dice.random() < 0.5},
    ),
    "an_operator_replays_all_events": (2, lambda dice: {}),
    "the_next_requests_will_fail": (
        300,
        lambda dice: {"place": place(dice), "fault": fault(dice), "skip": dice.randrange(3)},
    ),
    "the_copy_of_an_order_will_fail": (
        30,
        lambda dice: {"fault": dice.choice(LOST), "place": destination(dice), "lines": lines(dice)},
    ),
    "somebody_will_buy_in_the_middle_of_a_copy": (
        150,
        lambda dice: {name: value for name, value in sale(dice).items() if name != "room"} | surprise(dice),
    ),
    "webhooks_will_arrive_in_the_middle_of_a_run": (40, surprise),
    "another_worker_will_work_in_the_middle_of_a_copy": (20, surprise),
    "the_clock_moves_on": (600, lambda dice: {"seconds": dice.choice([1, 59, 59, 600, 3600])}),
    "nobody_works_for_a_day": (6, lambda dice: {}),
    "a_worker_works": (100, lambda dice: {"tries": dice.randint(1, 3)}),
    "a_worker_dies": (60, lambda dice: {"statement": dice.randint(1, 160)}),
    "a_connection_is_reconciled": (20, lambda dice: {"number": dice.randrange(len(DESTINATIONS))}),
    "the_sweep_goes_round": (8, lambda dice: {}),
    "an_operator_resolves_what_is_held": (20, lambda dice: {}),
    "the_product_s_clock_is_put_right_or_wrong": (80, lambda dice: {"minutes": minutes_apart(dice)}),
    "the_product_s_clock_leaps_in_the_middle_of_a_run": (
        30,
        lambda dice: {"seconds": dice.choice([-3600, -300, -20, 20, 300])},
    ),
    "the_search_index_falls_behind": (40, lambda dice: {"minutes": dice.choice([0, 1, 15, 30])}),
    "a_store_gets_into_trouble": (50, lambda dice: {"place": place(dice), "name": dice.choice(list(TROUBLES))}),
    "the_trouble_goes_on_for_long": (
        30,
        lambda dice: {"minutes": dice.choice([1, 10, 60, 360]), "rounds": dice.randint(1, 3)},
    ),
    "the_others_agree_meanwhile": (14, lambda dice: {"loses_webhooks": dice.random() < 0.3}),
    "the_trouble_ends": (15, lambda dice: {}),
    "a_backup_is_made": (16, lambda dice: {}),
    "the_backup_is_restored": (8, lambda dice: {"arrive": dice.random() < 0.5}),
    "an_operator_changes_a_strategy": (
        10,
        lambda dice: {
            "number": dice.randrange(len(DESTINATIONS)),
            "strategy": dice.choice(Connection.Strategy.values),
            "arrive": dice.random() < 0.5,
            "statement": dice.randint(1, 300),
        },
    ),
}
KINDS = {
    "clocks": ("the_product_s_clock_is_put_right_or_wrong", "the_product_s_clock_leaps_in_the_middle_of_a_run"),
    "lag": ("the_search_index_falls_behind",),
    "trouble": ("a_store_gets_into_trouble", "the_others_agree_meanwhile"),
    "restores": ("a_backup_is_made", "the_backup_is_restored"),
    "strategies": ("an_operator_changes_a_strategy",),
    "orders": ("somebody_orders_several_things", "the_copy_of_an_order_will_fail"),
}
for word, factor in (*((word, 0) for word in WITHOUT), *((word, 10) for word in MORE)):
    for one in KINDS[word]:
        OPERATIONS_BY_NAME[one] = (OPERATIONS_BY_NAME[one][0] * factor, OPERATIONS_BY_NAME[one][1])
ANSWERS = {
    "job_seconds": [0.0, 5.0, 90.0],
    "job_results": [True, False],
    "cancel_restocks_shipped": [True, False],
    "unique_custom_ids": [True, False],
    "drafts_find_customers": [True, False],
    "add_instead_of_set": [True, False],
}


class Merchants(lasting.TroubledOrders):
    """Everybody at once; without Hypothesis, so that it may go on for as long as it likes."""

    WRITES_PER_CHANGE = 8


class LongTrade:
    """Chapters of so many operations, each from in step to in step; what failed, and what was counted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done, self.costs, self.counts, self.failures = Counter(), Counter(), Counter(), []
        self.story: list[str] = []

    def play(self) -> None:
        began = time.monotonic()
        chapters = [int(CHAPTER)] if CHAPTER else range(-(-OPERATIONS // (PAGE_OPERATIONS * CHAPTER_PAGES)))
        for chapter in chapters:
            try:
                self.play_chapter(chapter)
            except Exception as error:  # the others may show something else
                self.failures.append(f"chapter {chapter}: {type(error).__name__}: {error}")
                print(f"\nTIPOSYNC_SEED={SEED} TIPOSYNC_CHAPTER={chapter} failed after:")
                print(
                    "\n".join([*self.story[:2], "...", *self.story[-40:]]),
                    traceback.format_exc()[-3000:],
                    describe(self.world),
                    sep="\n",
                    flush=True,
                )
                if len(self.failures) >= MOST_FAILURES:
                    break
            if chapter % 10 == 9 or not CHAPTER and OPERATIONS < 100_000:
                seconds = time.monotonic() - began
                print(
                    f"{sum(self.done.values())} operations in {seconds:.0f} s, {len(self.failures)} failed", flush=True
                )
        self.counts["seconds"] = round(time.monotonic() - began)

    def play_chapter(self, chapter: int) -> None:
        dice = random.Random(f"{SEED} {chapter}")
        random.seed(dice.random())  # what the product itself draws
        self.story.clear()
        merchants = self.open(dice)
        names = list(OPERATIONS_BY_NAME)
        weights = [OPERATIONS_BY_NAME[name][0] for name in names]
        for _ in range(CHAPTER_PAGES):
            for name in dice.choices(names, weights, k=PAGE_OPERATIONS):
                self.act(merchants, name, OPERATIONS_BY_NAME[name][1](dice))
            self.count_faults()
            self.act(merchants, "all_is_calm_for_a_while", {})
        self.count_rest()

    def open(self, dice: Dice) -> Merchants:
        merchants = Merchants()
        merchants.world = self.world
        known = ["one_way", "two_way"] if "orders" in WITHOUT else Connection.Strategy.values
        merchants.strategies = tuple(dice.choice(known) for _ in DESTINATIONS)
        for one in self.world.places:
            one.shop.random.seed(dice.random())
        drawn = {
            "mode": dice.choice(["live", "docs"]),
            "early": dice.random() < 0.5,
            "all_is_lost": False,
            "same_second": dice.random() < 0.2,
            "minutes_apart": 0 if "clocks" in WITHOUT else minutes_apart(dice),
            "lag_minutes": 0 if "lag" in WITHOUT else dice.choice([0, 0, 1, 15, 30]),
            "knobs": {name: dice.choice(ANSWERS[name]) for name in KNOBS},
        }
        self.story.append(f"strategies {merchants.strategies}")
        self.act(merchants, "open", drawn)
        OrderSettings.objects.update(reserve_days=dice.choice([0, 7]))
        return merchants

    def act(self, merchants: Merchants, name: str, drawn: dict) -> None:
        self.story.append(f"state.{name}({', '.join(f'{key}={value!r}' for key, value in drawn.items())})")
        self.done[name] += 1
        began = time.process_time()
        try:
            getattr(merchants, name)(**drawn)
        finally:
            self.costs[name] += time.process_time() - began

    def count_faults(self) -> None:
        for one in self.world.places:
            self.counts["faults"] += sum(one.shop.counters.faults.values())
            self.counts["stock writes"] += one.writes
            self.counts["requests"] += one.shop.counters.requests
            self.counts["copies asked for"] += one.count(*CREATIONS)
        self.world.sim.reset_counters()

    def count_rest(self) -> None:
        source, *others = self.world.places
        self.counts["orders"] += sum(len(one.shop.orders) for one in others)
        copies = [order for order in source.shop.orders.values() if order.source_identifier]
        self.counts["copies"] += len(copies) + len(source.shop.drafts)
        self.counts["units synced"] += sum(abs(row.delta) for row in StockAdjustment.objects.filter(state="applied"))

    def table(self) -> str:
        """What was done how often, in how many seconds of this process; then what it came to."""
        kinds = [f"{count:>9,}{self.costs[name]:>9,.0f} s  {name}" for name, count in self.done.most_common()]
        rest = [("all operations", sum(self.done.values())), *self.counts.items()]
        return "\n".join([*kinds, *(f"{count:>9,}  {name}" for name, count in rest)]).replace("_", " ")


@pytest.mark.skipif(not IS_LONG, reason="TIPOSYNC_LONG=1 runs it: half an hour")
def test_two_hundred_thousand_operations_lose_invent_repeat_and_forget_nothing(world, capsys, monkeypatch):
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name in DESTINATIONS:
        destination_place = world.add_store(name, "destination", ITEMS, STOCK)
        made = world.connect(source, destination_place, "two_way", **RULE)
        world.prepare_orders(source, destination_place)
        OrderSettings.objects.create(connection=made)
    world.work()
    world.mark()
    monkeypatch.setattr(jobs, "wake", lambda: None)  # nobody sleeps here
    trade = LongTrade(world)
    with capsys.disabled():
        print(f"\nTIPOSYNC_SEED={SEED}, {OPERATIONS} operations")
        trade.play()
        print(trade.table())
    assert not trade.failures, "\n".join(trade.failures)


def test_a_story_that_fails_says_how_the_world_stands(trade):
    shop, _, _ = copied(trade, (0, 2), strategy="draft_order")
    words = describe(shop.world)
    assert f"{shop.source.domain} has [18, 20, 20]" in words
    assert ", its copy #D1 [(" in words
    assert "carried 2 of" in words
