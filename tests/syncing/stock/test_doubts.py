"""A doubt carries its instant: what travelled from before it does not end it, and no live read asked for before it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.clients import open_client
from syncing.models import StockLevel
from syncing.stock import realigning, reserved_units
from syncing.stock.engine import Run
from syncing.stock.merge import (
    Mirror,
    Verdict,
    doubt_instant,
    judge_hint,
    judge_live,
    judge_own_write,
    keep_doubt,
    live_instant,
    raise_doubt,
)
from syncing.stock.mirror import levels
from syncing.webhooks import inbox, topics
from tests.support.thoroughness import EXAMPLES, IS_LONG

T0 = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ADJUST = "inventoryAdjustQuantities"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class TestRules:
    def test_a_value_from_before_what_the_doubt_is_about_does_not_end_it(self):
        mirror = Mirror(19, at(1), is_doubtful=True, doubt_as_of=at(3))
        assert [judge_hint(mirror, 17, at(second)) for second in (2, 3)] == [Verdict.DOUBT] * 2
        assert judge_hint(mirror, 67, at(4)) is Verdict.ACCEPT

    def test_a_doubt_about_no_instant_is_ended_by_no_value_that_travelled(self):
        mirror = Mirror(19, at(1), is_doubtful=True)
        assert [judge_hint(mirror, value, at(1000)) for value in (17, 19)] == [Verdict.DOUBT] * 2
        assert judge_hint(mirror, 19, at(1)) is Verdict.NOTHING
        assert judge_live(mirror, 17, at(1), asked_version=0) is Verdict.ACCEPT

    def test_the_younger_of_two_doubts_counts_and_one_without_an_instant_most(self):
        mirror = Mirror(19, at(1), is_doubtful=True, doubt_as_of=at(3))
        assert doubt_instant(mirror, at(2)) == at(3)
        assert doubt_instant(mirror, at(5)) == at(5)
        assert doubt_instant(mirror, None) is None
        assert doubt_instant(replace(mirror, doubt_as_of=None), at(5)) is None
        assert doubt_instant(replace(mirror, is_doubtful=False), at(2)) == at(2)

    def test_a_live_answer_that_was_overtaken_and_says_the_same_does_not_make_the_mirror_older(self):
        assert judge_live(Mirror(10, at(9), version=4), 10, at(5), asked_version=3) is Verdict.NOTHING

    def test_an_instant_that_shopify_has_not_reached_does_not_outlive_a_live_read(self):
        assert live_instant(Mirror(10, at(9)), at(5), at(20)) == at(9)
        assert live_instant(Mirror(10, at(900)), at(5), at(20)) == at(5)
        assert live_instant(Mirror(10, at(9)), None, at(20)) == at(20)

    def test_a_write_of_an_unknown_instant_proves_nothing_of_a_level_that_moved(self):
        assert judge_own_write(Mirror(9, at(3)), 10, at(1), None) is Verdict.DOUBT
        assert judge_own_write(Mirror(10, at(1)), 10, at(1), None) is Verdict.ACCEPT
        assert judge_own_write(Mirror(None, at(9)), 10, at(1), at(5)) is Verdict.DOUBT


# --- Any order of changes, own writes, webhooks and reads ---------------------------------------------------------


@dataclass
class _Moment:
    """One state of Shopify's level: all changes so far, the instant of the last."""

    changes: frozenset[int]
    second: float

    @property
    def value(self) -> int:
        return sum((-1) ** number << number for number in self.changes)  # no two sets of changes have one sum


class _Level:
    """Shopify's level with its whole-second stamps, our mirror, and what is on the way between them.

    `contents` are the changes that the mirror's value contains, `known` those that we were told of or made.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.history = [_Moment(frozenset(), 0.0)]
        self.mirror, self.contents = Mirror(0, at(0)), frozenset()
        self.known: set[int] = set()
        self.notices: list[tuple[int, int, _Moment | None]] = []  # change, stamp, body once it is serialised
        self.question: tuple[int, _Moment | None] | None = None  # version when asked, what was answered
        self.write: tuple | None = None
        self.count = 0

    @property
    def true(self) -> _Moment:
        return self.history[-1]

    def pass_time(self, share: float) -> None:
        self.now += 3 * share

    def change(self, _: float = 0) -> int:
        number, self.count = self.count, self.count + 1
        self.history.append(_Moment(self.true.changes | {number}, self.now))
        self.notices.append((number, int(self.now), None))
        return number

    def _pick(self, share: float) -> int:
        return min(int(share * len(self.notices)), len(self.notices) - 1)

    def serialise(self, share: float) -> None:
        if self.notices:
            index = self._pick(share)
            number, stamp, body = self.notices[index]
            self.notices[index] = (number, stamp, body or self.true)

    def deliver(self, share: float) -> None:
        """A webhook arrives, now and perhaps again later; its body may be much younger than its stamp."""
        if not self.notices:
            return
        self.serialise(share)
        number, stamp, body = self.notices[self._pick(share)]
        self.known.add(number)
        verdict = judge_hint(self.mirror, body.value, at(stamp))
        if verdict is Verdict.ACCEPT:
            self._show(body.changes, at(stamp))
        elif verdict is Verdict.DOUBT:
            self._doubt(max(filter(None, (at(stamp), self.mirror.as_of, self.mirror.doubt_as_of))))

    def doubt(self, share: float) -> None:
        """Something of now or of an unknown instant is known to have changed the level, such as a connect webhook."""
        number = self.change()
        self.known.add(number)
        self._doubt(at(self.now) if share < 0.7 else None)

    def ask(self, _: float) -> None:
        if self.question is None:
            self.question = (self.mirror.version, None)

    def answer(self, _: float) -> None:
        if self.question is not None and self.question[1] is None:
            self.question = (self.question[0], self.true)

    def read(self, _: float) -> None:
        if self.question is None or self.question[1] is None:
            return
        (version, seen), self.question = self.question, None
        stamp = at(int(seen.second))
        verdict = judge_live(self.mirror, seen.value, stamp, version)
        if verdict is Verdict.ACCEPT:
            self._show(seen.changes, live_instant(self.mirror, stamp, at(int(self.now))))
        elif verdict is Verdict.DOUBT:
            self._become(keep_doubt(self.mirror, stamp, version))

    def record(self, _: float) -> None:
        if self.write is None and not self.mirror.is_doubtful:
            self.write = (self.mirror.available, self.mirror.as_of, self.contents, None, None)

    def carry_out(self, share: float) -> None:
        """Our write takes effect; the group was made a moment before, in the second before even, or tells nothing."""
        if self.write is not None and self.write[3] is None:
            created_at = at(int(self.now - 0.3)) if share < 0.8 else None
            self.write = (*self.write[:3], self.change(), created_at)

    def apply(self, _: float) -> None:
        if self.write is None or self.write[3] is None:
            return
        (value, as_of, contents, number, created_at), self.write = self.write, None
        self.known.add(number)
        done_at = max(created_at, at(int(self.now))) if created_at else None
        verdict = judge_own_write(self.mirror, value, as_of, done_at)
        if verdict is Verdict.ACCEPT:
            self._show(contents | {number}, max(filter(None, (done_at, self.mirror.as_of))))
        elif verdict is Verdict.DOUBT:
            self._doubt(done_at)

    def _show(self, contents: frozenset[int], as_of: datetime) -> None:
        self.contents = contents
        self.mirror = Mirror(_Moment(contents, 0).value, as_of, version=self.mirror.version + 1)

    def _doubt(self, about: datetime | None) -> None:
        self._become(raise_doubt(self.mirror, about))

    def _become(self, mirror: Mirror) -> None:
        self.mirror = replace(mirror, version=mirror.version + 1)


STEPS = ("change", "serialise", "deliver", "doubt", "ask", "answer", "read", "record", "carry_out", "apply")
steps = st.tuples(st.sampled_from((*STEPS, "pass_time")), st.floats(0, 1, exclude_max=True, width=16))


@settings(max_examples=5000 if IS_LONG else 500 * EXAMPLES)
@given(st.lists(steps, min_size=40, max_size=80))
def test_the_mirror_is_never_sure_and_older_than_a_change_that_we_knew_of(doings):
    level = _Level()
    for name, share in doings:
        getattr(level, name)(share)
        if not level.mirror.is_doubtful:
            assert level.known <= level.contents, (name, level.mirror, level.known, level.contents)


def test_what_can_be_known_is_shown_in_the_end():
    """The property above would hold, too, for a mirror that doubts for ever."""
    level = _Level()
    for name in ("change", "doubt", "record", "ask", "answer", "read"):
        getattr(level, name)(0.9)
    assert (level.mirror.is_doubtful, level.contents) == (False, {0, 1})


def test_a_doubt_without_an_instant_ends_although_a_webhook_overtakes_every_live_read():
    level = _Level()
    level.doubt(0.9)
    for _ in range(3):
        level.ask(0)
        level.answer(0)
        level.pass_time(0.5)
        level.change()
        level.deliver(0.99)
        level.read(0)
    assert not level.mirror.is_doubtful


# --- On stage -----------------------------------------------------------------------------------------------------


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def deliver_now(world, place, numbers):
    """These webhooks arrive and are processed by another worker, while a run of ours goes on."""
    world.sim.pump(place.domain, numbers)
    inbox.process_new(topics.EFFECTS)


def run(world, before_round):
    """One run over the first connection; `before_round` is called before each of its rounds, with its number from 0."""
    rounds = iter(range(1000))

    def look():
        before_round(next(rounds))
        return False

    assert Run(world.connections[0], open_client).carry(60, look)


@pytest.mark.parametrize("seconds", [0, 2])
def test_a_sale_from_before_our_write_that_is_told_after_it_is_carried_as_what_it_is(pair, seconds):
    world = pair()
    source, north = world.places
    source.restock(0, 50)
    deliver_now(world, source, [one.number for one in source.waiting()])

    def sell_twice():
        world.tick(seconds)
        north.buy(0, 1)
        deliver_now(world, north, [one.number for one in north.waiting()])
        world.tick(seconds)
        north.buy(0, 2)
        world.sim.serialise(north.domain)
        world.tick(seconds)

    world.meanwhile(ADJUST, sell_twice)

    def tell_late(number):
        if number == 1:
            deliver_now(world, north, [north.waiting()[0].number])

    run(world, tell_late)
    assert [change.delta for change in source.changes(0)] == [50, -3]
    world.follow()
    assert levels_of(world) == [67, 67] == [world.expected(0)] * 2


def level_of(place, number=0):
    return StockLevel.objects.get(store=place.store, item_gid=f"gid://shopify/InventoryItem/{place.item(number)}")


def hint(world, place, available, seconds_ago=0, number=0):
    instant = datetime.fromtimestamp(world.sim.clock.whole_seconds() - seconds_ago, UTC)
    place_gid = f"gid://shopify/Location/{place.location_ids[0]}"
    return levels.Hint(f"gid://shopify/InventoryItem/{place.item(number)}", place_gid, available, instant)


@pytest.mark.parametrize("origin", ["webhook", "bulk"])
def test_a_value_from_before_a_doubt_does_not_end_it_whichever_way_it_travelled(pair, origin):
    world = pair()
    source, north = world.places
    world.tick(100)
    about = datetime.fromtimestamp(world.sim.clock.whole_seconds() - 10, UTC)
    levels.doubt([level_of(north).pk], about)
    levels.observe_hints(north.store, [hint(world, north, 5, seconds_ago=20)], origin)
    assert level_of(north).is_doubtful
    levels.observe_hints(north.store, [hint(world, north, 6, seconds_ago=10)], origin)
    assert level_of(north).is_doubtful
    levels.observe_hints(north.store, [hint(world, north, 7, seconds_ago=9)], origin)
    assert (level_of(north).is_doubtful, level_of(north).available) == (False, 7)


def test_a_live_read_that_was_asked_for_before_a_doubt_arose_does_not_end_it(pair):
    world = pair()
    north = world.places[1]
    levels.doubt([level_of(north).pk])
    world.meanwhile("nodes", lambda: levels.doubt([level_of(north).pk]))
    location = north.store.locations.get()
    levels.observe_live([level_of(north)], open_client(north.store), location)
    assert level_of(north).is_doubtful
    levels.observe_live([level_of(north)], open_client(north.store), location)
    assert not level_of(north).is_doubtful


def test_a_busy_level_is_carried_although_a_webhook_arrives_during_each_of_its_reads(pair):
    """Nobody knows what its doubt is about, and it sells twice a second."""
    world = pair()
    source, north = world.places
    levels.doubt([level_of(source).pk])
    with transaction.atomic():
        levels.mark_dirty([level_of(source).pk])

    def sell():
        world.tick(1)
        source.buy(0, 1)
        deliver_now(world, source, [one.number for one in source.waiting()])

    world.meanwhile("nodes", sell, times=1000)
    for _ in range(5):
        Run(world.connections[0], open_client).carry(60)
    assert north.available() < 20
    world.sim.on_before_execute.clear()
    world.settle()
    assert levels_of(world) == [world.expected(0)] * 2


def test_leaving_two_way_reads_live_what_a_webhook_would_have_shown(pair):
    """North sells one more than the webhook tells that ends an older doubt: it is carried before the baselines go."""
    world = pair()
    source, north = world.places
    world.tick(10)
    north.buy(0, 1)
    told = north.waiting()
    levels.doubt([level_of(north).pk], datetime.fromtimestamp(world.sim.clock.whole_seconds() - 5, UTC))
    world.choose_strategy(world.connections[0], "one_way")
    run_ = Run(world.connections[0], open_client)
    realigning.end_two_way(run_.connection)
    deliver_now(world, north, [one.number for one in told])
    world.tick(10)
    north.buy(0, 2)
    north.lose_webhooks()
    world.carry()
    assert levels_of(world) == [17, 17]


def test_what_was_disconnected_is_read_live_whatever_travels_afterwards(pair):
    world = pair("one_way", activates_items=False)
    source, north = world.places
    world.tick(5)
    north.leave(0)
    deliver_now(world, north, [one.number for one in north.waiting("INVENTORY_LEVELS_DISCONNECT")])
    assert level_of(north).is_doubtful
    world.tick(5)
    levels.observe_hints(north.store, [hint(world, north, 33)], "webhook")  # somebody wrote to the hidden level
    assert level_of(north).is_doubtful
    world.carry()
    assert (level_of(north).is_doubtful, level_of(north).is_active) == (False, False)
    world.tick(5)
    levels.observe_hints(north.store, [hint(world, north, 34)], "webhook")
    assert level_of(north).is_doubtful
    late = hint(world, north, 35, seconds_ago=20)
    world.carry()
    levels.observe_hints(north.store, [late], "webhook")
    assert not (level_of(north).is_active and not level_of(north).is_doubtful)


def test_units_that_the_source_gave_are_not_given_again_by_a_value_from_before(pair):
    world = pair("order")
    source = world.places[0]
    world.tick(100)
    moved_at = datetime.fromtimestamp(world.sim.clock.whole_seconds() - 10, UTC)
    reserved_units.units_moved([source.store.variants.order_by("pk")[0].pk], moved_at)
    levels.observe_hints(source.store, [hint(world, source, 25, seconds_ago=15)], "webhook")
    assert level_of(source).is_doubtful
