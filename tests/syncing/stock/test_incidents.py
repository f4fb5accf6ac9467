"""What went wrong in other systems, with their numbers: none of it may happen here."""

import pytest
from django.db.models import Q

from stores.clients import open_client
from syncing.models import StockAdjustment, StockBatch, StockHold, StockLevel, StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import holds, pairs
from syncing.stock.mirror import levels
from syncing.stock.writes import ledger, recording
from syncing.stock.writes.settle import settle
from tests.support.places import OURS

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"
REPLAY_MODES = pytest.mark.parametrize("replay_mode", ["live", "docs"])


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def our_changes(place, number=0):
    return [change.delta for change in place.changes(number) if change.cause == OURS]


def test_an_own_write_whose_webhook_comes_16_minutes_late_after_two_more_changes_changes_nothing(pair):
    world = pair()
    source, north = world.places
    source.set(0, 15)
    world.deliver(source)
    world.work()
    (echo,) = north.waiting()
    assert echo.build()  # its body says 15 from now on, whenever it comes
    world.sim.delay(north.domain, [echo], 960)
    world.tick(60)
    north.buy(0, 1)
    world.sim.pump(north.domain, north.waiting()[1:])
    world.work()
    source.restock(0, 4)
    world.deliver(source)
    world.work()
    assert levels_of(world) == [18, 18]
    written = source.writes + north.writes
    world.tick(900)
    world.sim.pump(north.domain, [echo])
    world.follow()
    assert levels_of(world) == [18, 18]
    assert source.writes + north.writes == written
    assert world.unsettled() == []


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_restock_after_a_tracked_oversell_from_minus_300_to_500_arrives_whole(pair, strategy):
    world = pair(strategy, stock=0)
    source, north = world.places
    source.buy(0, 300)
    world.follow()
    assert levels_of(world) == [-300, -300]
    source.set(0, 500)
    world.follow()
    assert levels_of(world) == [500, 500]
    assert not StockHold.objects.exists()


def test_the_same_item_set_by_hand_in_three_stores_within_a_second_keeps_all_three_changes(pair):
    world = pair(destinations=2)
    for place, quantity in zip(world.places, (30, 40, 50), strict=True):
        place.set(0, quantity)
    world.follow()
    assert levels_of(world) == [80, 80, 80] == [world.expected(0)] * 3


@pytest.mark.parametrize("lost", ["none", "first", "middle", "last", "all"])
@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_spike_990_2050_991_ends_at_991_whichever_webhook_is_lost(pair, strategy, lost):
    world = pair(strategy, stock=20)
    source, north = world.places
    source.set(0, 990)
    world.follow()
    world.mark()
    arrives = {"none": [1, 1, 1], "first": [0, 1, 1], "middle": [1, 0, 1], "last": [1, 1, 0], "all": [0, 0, 0]}[lost]
    for quantity, is_delivered in zip((989, 2050, 991), arrives, strict=True):
        world.tick()
        source.set(0, quantity)
        if is_delivered:
            world.follow()
        else:
            source.lose_webhooks()
        if quantity == 2050 and is_delivered:
            assert north.available() == 989 if arrives[0] else 990
            assert StockHold.objects.get(state="open").kind == StockHold.Kind.GUARD
    world.reconcile()
    assert levels_of(world) == [991, 991]
    assert not StockHold.objects.filter(state="open").exists()
    assert set(StockHold.objects.values_list("state", flat=True)) <= {"superseded"}


def test_a_spike_that_was_over_before_its_webhooks_came_is_seen_live_and_never_held(pair):
    world = pair(stock=990)
    source, north = world.places
    for quantity in (2050, 991):
        source.set(0, quantity)
        for delivery in source.waiting():
            delivery.build()
    spike, _ = source.waiting()
    world.sim.pump(source.domain, [spike])
    world.work()
    assert levels_of(world) == [991, 991]
    assert not StockHold.objects.exists()


def test_a_source_that_cannot_be_read_while_it_appears_to_drop_to_0_leaves_the_destination_alone(pair):
    world = pair("one_way", stock=60)
    source, north = world.places
    source.set(0, 0)
    (appearance,) = source.waiting()
    appearance.build()
    source.set(0, 60)
    source.fault("http", match="any_query", status=503, count=None)
    world.sim.pump(source.domain, [appearance])
    world.work(tries=2)
    assert north.available() == 60
    assert north.writes == 0
    (job,) = SyncJob.objects.filter(kind=SyncJob.Kind.CARRY_STOCK)
    assert (job.state, "Source" in job.message or "source-store" in job.message) == (SyncJob.State.QUEUED, True)
    world.sim.faults(source.shop).clear()
    world.settle()
    assert levels_of(world) == [60, 60]
    assert north.writes == 0


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_paused_store_edited_by_hand_is_reconciled_when_it_is_resumed(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    north.store.is_paused = True
    north.store.save(update_fields=["is_paused"])
    north.set(0, 35)
    source.buy(0, 4)
    world.tick(3600)
    world.follow()
    assert levels_of(world) == [16, 35]
    assert source.writes + north.writes == 0
    north.store.is_paused = False
    north.store.save(update_fields=["is_paused"])
    enqueue.reconcile(world.connections[0], trigger="resume")
    world.work()
    assert levels_of(world) == ([31, 31] if strategy == "two_way" else [16, 16])


def test_two_variants_that_carry_the_same_barcode_are_shown_and_never_synced(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination")
    for place, codes in ((source, ("400", "401", "402")), (north, ("400", "401", "401"))):
        for variant, code in zip(place.variants, codes, strict=True):
            variant.barcode = code
    connection = world.connect(source, north, "two_way", identifier="barcode", state="ready")
    enqueue.start_connection(connection)
    world.work()
    states = dict(connection.links.values_list("source_variant__barcode", "state"))
    assert states == {"400": "linked", "401": "ambiguous", "402": "unmatched"}
    assert connection.links.get(state="ambiguous").candidates.count() == 2
    for number in (1, 2):
        source.buy(number, 5)
        north.buy(number, 3)
    world.follow()
    world.reconcile()
    assert [(source.available(n), north.available(n)) for n in (1, 2)] == [(15, 17), (15, 17)]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_0_to_10_to_0_told_by_two_webhooks_that_both_say_0_moves_nothing(pair, strategy):
    world = pair(strategy, stock=0)
    source, north = world.places
    source.set(0, 10)
    source.set(0, 0)
    assert [delivery.body for delivery in source.waiting()] == [None, None]  # built when they leave
    world.follow()
    assert levels_of(world) == [0, 0]
    assert north.writes == 0


def test_throttling_in_the_middle_of_a_run_of_186_items_carries_each_change_once(pair, monkeypatch):
    world = pair(items=186)
    source, north = world.places
    monkeypatch.setattr(recording, "BATCH_ROWS", 50)
    for number in range(186):
        source.buy(number, 1 + number % 7)
    north.fault("throttled", match=ADJUST, skip=2, count=10)
    north.fault("rate_limited", match=ADJUST, skip=3, count=1)
    world.deliver(source)
    world.work(tries=1)
    assert north.count(ADJUST) == 2  # it really broke off in the middle
    world.work()
    assert [north.available(number) for number in range(186)] == [19 - number % 7 for number in range(186)]
    assert [our_changes(north, number) for number in range(186)] == [[-1 - number % 7] for number in range(186)]
    assert north.count(ADJUST) == 4
    assert north.shop.counters.throttled == 10


@REPLAY_MODES
@pytest.mark.parametrize("takes_effect", [True, False])
def test_a_write_without_answer_a_dead_worker_and_a_customer_in_between_lose_no_unit(pair, takes_effect, replay_mode):
    """Not having taken effect, 20 and a sale of 1 is 19: exactly what the write was to make of it."""
    world = pair()
    source, north = world.places
    north.shop.knobs.replay_mode = replay_mode
    source.buy(0, 1)
    world.deliver(source)
    with world.worker_that_dies() as death:

        def customer_and_death():
            north.buy(0, 1)
            death.now()

        if takes_effect:
            world.meanwhile(ADJUST, customer_and_death, after=True)
            north.fault("lost_answer", match=ADJUST)
        else:  # the request arrives, and is cut off before it is executed
            world.meanwhile(ADJUST, customer_and_death)
            north.shop.apps["tiposync"].scopes.discard("write_inventory")
        world.work(tries=1)
    north.shop.apps["tiposync"].scopes.add("write_inventory")
    assert death.is_over
    assert north.available() == (18 if takes_effect else 19)
    world.settle()
    assert levels_of(world) == [18, 18] == [world.expected(0)] * 2
    assert our_changes(north) == our_changes(source) == [-1]


def test_a_reading_between_a_cut_off_write_and_its_repetition_is_not_taken_for_the_write(pair):
    """All in one second: the customer's sale of 1 leaves the very value that our write was to make."""
    world = pair()
    source, north = world.places
    source.buy(0, 1)
    world.deliver(source)
    north.fault("internal_error_before", match=ADJUST)
    world.work(tries=1)
    assert StockBatch.objects.get().attempts == 1
    north.buy(0, 1)
    north.lose_webhooks()
    seen = list(StockLevel.objects.filter(store=north.store))
    levels.observe_live(seen, open_client(north.store), north.store.locations.get())
    world.carry()
    assert levels_of(world) == [18, 18]


def lose_a_write(world, *, takes_effect):
    """A sale of 1 in the source, whose write to the destination is never answered."""
    source, north = world.places
    world.tick()
    source.buy(0, 1)
    world.deliver(source)
    north.fault("lost_answer" if takes_effect else "refuse_before", match=ADJUST)
    north.fault("http", match="any", count=None)
    world.work(tries=1)
    assert north.available() == (19 if takes_effect else 20)
    assert StockBatch.objects.get(state="pending").attempts == 1
    world.sim.faults(north.shop).clear()


def test_an_expired_key_and_a_level_that_nobody_touched_prove_that_the_write_is_to_be_made(pair):
    world = pair()
    lose_a_write(world, takes_effect=False)
    world.let_pass(hours=25)
    world.carry()
    assert levels_of(world) == [19, 19]
    assert not StockHold.objects.exists()
    first, second = StockAdjustment.objects.filter(link__isnull=False).order_by("-pk")[:2][::-1]
    assert (first.state, second.state) == ("stale", "applied")


@pytest.mark.parametrize("customer_buys", [0, 1])
@pytest.mark.parametrize("takes_effect", [True, False])
def test_an_expired_key_without_proof_is_held_with_both_explanations_until_an_operator_decides(
    pair, takes_effect, customer_buys
):
    world = pair()
    source, north = world.places
    lose_a_write(world, takes_effect=takes_effect)
    world.let_pass(hours=25)
    if customer_buys:
        north.buy(0, 2)
    elif not takes_effect:
        north.buy(0, 1)  # which makes the level what the write was to make of it
    world.deliver()
    world.work()
    hold = StockHold.objects.get(state="open")
    assert hold.kind == StockHold.Kind.OUTCOME
    applied, not_applied = {(True, 0): ("+0", "-1"), (True, 1): ("-2", "-3"), (False, 0): ("+0", "-1")}.get(
        (takes_effect, customer_buys), ("-1", "-2")
    )
    assert f"If the write took effect, others changed the level by {applied} since" in hold.reason
    assert f"if not, by {not_applied}" in hold.reason
    assert str(hold.adjustment.batch.key) in hold.reason
    written = north.writes
    source.buy(0, 3)  # the pair waits, whatever else happens to it
    world.follow()
    world.reconcile()
    assert north.writes == written
    assert source.writes == 0
    (holds.confirm_applied if takes_effect else holds.confirm_not_applied)(hold)
    world.carry()
    assert levels_of(world) == [world.expected(0)] * 2
    with pytest.raises(holds.HoldResolved):
        holds.confirm_applied(hold)


@REPLAY_MODES
@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_replay_that_answers_stale_although_the_first_try_took_effect_is_recognised(pair, replay_mode, how):
    world = pair("one_way")
    source, north = world.places
    north.shop.knobs.replay_mode = replay_mode
    source.buy(0, 3)
    north.fault("lost_answer", match=SET, how=how)
    world.deliver(source)
    world.work()
    assert levels_of(world) == [17, 17]
    assert our_changes(north) == [-3]
    assert [row.state for row in StockAdjustment.objects.filter(change_to=17)] == ["applied"]
    assert not StockHold.objects.exists()
    assert world.unsettled() == []


@REPLAY_MODES
def test_a_stale_replay_after_somebody_else_changed_the_level_still_ends_at_the_sources_value(pair, replay_mode):
    world = pair("one_way")
    source, north = world.places
    north.shop.knobs.replay_mode = replay_mode
    source.buy(0, 3)
    north.fault("lost_answer", match=SET)
    world.meanwhile(SET, lambda: north.set(0, 33), after=True)
    world.deliver(source)
    world.work()
    world.reconcile()
    assert levels_of(world) == [17, 17]
    assert world.unsettled() == []


@pytest.mark.parametrize("kind", [StockBatch.Kind.SET, StockBatch.Kind.ADJUST])
def test_a_write_that_finds_nothing_to_change_and_is_answered_with_a_null_group_is_settled(pair, kind):
    world = pair("one_way" if kind == "set" else "two_way")
    source, north = world.places
    (pair_,) = pairs.load(Q(pk=StockLink.objects.order_by("pk").first().pk))
    write = ledger.Write(pair_, pair_.destination, north.store.pk, kind, 20, StockAdjustment.Cause.SOURCE_CHANGED)
    (batch,) = recording.record(world.connections[0], [write])
    settle(batch, open_client(north.store))
    batch.refresh_from_db()
    assert (batch.state, batch.adjustments.get().state) == ("applied", "applied")
    assert north.shop.counters.rows_written == 0
    world.settle()
    assert levels_of(world) == [20, 20]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize("webhooks_arrive", [True, False])
def test_an_item_deactivated_at_the_destination_between_plan_and_write_is_stocked_again(
    pair, strategy, webhooks_arrive
):
    world = pair(strategy)
    source, north = world.places
    source.buy(0, 2)
    world.deliver(source)
    world.meanwhile(SET if strategy == "one_way" else ADJUST, lambda: north.leave(0))
    world.work()
    level = north.shop.levels[north.item(0), north.location_ids[0]]
    assert (level.available, level.is_active) == (18, False)  # the write was accepted, and nobody can buy it
    if webhooks_arrive:
        world.follow()
    else:
        north.lose_webhooks()
        world.reconcile()
    assert (level.available, level.is_active) == (18, True)
    assert levels_of(world) == [18, 18]


def test_an_item_deactivated_at_the_destination_is_skipped_with_a_reason_if_it_must_not_be_stocked(pair):
    world = pair(activates_items=False)
    source, north = world.places
    source.buy(0, 2)
    world.deliver(source)
    world.meanwhile(ADJUST, lambda: north.leave(0))
    world.work()
    world.follow()
    link = StockLink.objects.order_by("pk").first()
    assert (link.state, link.reason) == ("skipped", "not stocked at the destination location")
    assert StockLevel.objects.filter(is_active=False).count() == 1
