"""A batch has one sender at a time, and its effect counts once, whatever its row says of having been sent."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F

from stores.clients import open_client
from stores.models import Connection, SyncSwitch
from stores.shopify import inventory
from stores.shopify.errors import AnswerLost, Throttled
from syncing import handlers
from syncing.models import Reconciliation, StockAdjustment, StockBatch, StockHold, StockLevel, StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import holds
from syncing.stock.writes import claims, ledger, settle
from tests.support.places import is_our_write, put_ahead

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def our_changes(place, number=0):
    return [change.delta for change in place.changes(number) if is_our_write(change)]


def carry(world, number=0):
    connection = Connection.objects.select_related("source", "destination").get(pk=world.connections[number].pk)
    handlers.carry_stock(SyncJob(kind="carry_stock", connection=connection))


def read_events():
    handlers.process_events(SyncJob(kind="process_events"))


def record_a_sale(world):
    """A sale of 3 in the source, and the batch for north: recorded, and not sent."""
    world.places[0].buy(0, 3)
    world.deliver()
    read_events()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncing.stock.writes.delivery.send_one", lambda *arguments: set())
        patch.setattr(ledger, "withdraw", lambda *arguments, **fields: None)
        carry(world)
    return StockBatch.objects.get(state="pending")


def reconcile_a_restock(world):
    """A run that carries 10 more of the source, of which no webhook told, to north."""
    source = world.places[0]
    source.restock(0, 10)
    source.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    return Reconciliation.objects.latest("pk")


def test_two_tries_of_one_batch_at_the_same_time_keep_when_it_was_first_sent(pair):
    """The first is put off by Shopify; the second, which began while it was under way, may have taken effect."""
    world = pair()
    source, north = world.places
    batch = record_a_sale(world)

    def first_try(client, body):
        north.fault("lost_answer", match=ADJUST)
        patch.undo()
        with pytest.raises(AnswerLost):
            ledger.send(StockBatch.objects.get(pk=batch.pk), client)
        raise Throttled("Later.")

    with pytest.raises(Throttled), pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "send", first_try)
        ledger.send(StockBatch.objects.get(pk=batch.pk), open_client(north.store))
    batch.refresh_from_db()
    assert (batch.attempts, batch.first_sent_at is not None) == (2, True)
    world.settle()
    assert levels_of(world) == [17, 17]
    assert our_changes(north) == [-3]


def test_a_try_that_knows_nothing_of_the_last_one_sends_nothing(pair):
    """Its session, and with it its claim, was lost. It would take the answer to a replay for that to a first try."""
    world = pair()
    north = world.places[1]
    batch, overtaken = record_a_sale(world), StockBatch.objects.get()
    north.fault("lost_answer", match=ADJUST)
    with pytest.raises(AnswerLost):
        ledger.send(batch, open_client(north.store))
    assert ledger.send(overtaken, open_client(north.store)) is None
    assert StockBatch.objects.get().attempts == 1
    world.settle()
    assert levels_of(world) == [17, 17]


def test_what_was_put_off_is_first_sent_when_it_is_sent_again(pair, monkeypatch):
    world = pair()
    batch = record_a_sale(world)

    def put_off(client, body):
        raise Throttled("Later.")

    with pytest.raises(Throttled), monkeypatch.context() as patch:
        patch.setattr(inventory, "send", put_off)
        ledger.send(batch, open_client(world.places[1].store))
    stored = StockBatch.objects.get()
    assert (stored.attempts, stored.first_sent_at) == (batch.attempts, batch.first_sent_at) == (0, None)
    world.settle()
    assert levels_of(world) == [17, 17]


def test_attempts_without_an_instant_count_as_made_when_the_batch_was(pair):
    world = pair()
    source, north = world.places
    batch = record_a_sale(world)
    StockBatch.objects.filter(pk=batch.pk).update(attempts=1, first_sent_at=None)
    world.tick(600)
    world.work()
    world.follow()
    assert levels_of(world) == [17, 17]
    batch.refresh_from_db()
    assert batch.first_sent_at == batch.created_at


def test_attempts_without_an_instant_that_were_made_long_ago_are_not_repeated(pair):
    world = pair()
    source, north = world.places
    batch = record_a_sale(world)
    north.sim.adjust(north.domain, north.item(0), north.location_ids[0], -3)  # it did take effect
    StockBatch.objects.filter(pk=batch.pk).update(attempts=1, first_sent_at=None)
    world.let_pass(hours=25)
    north.lose_webhooks()
    world.work()
    assert our_changes(north) == []
    assert StockHold.objects.get(state="open").kind == "outcome"


def test_an_undo_and_a_run_never_send_one_batch_at_the_same_time(pair):
    world = pair()
    source, north = world.places
    run = reconcile_a_restock(world)
    north.shop.counters.operations.clear()
    sent = []

    def the_run():
        enqueue.carry_stock(world.connections[0])
        carry(world)
        sent.append(StockBatch.objects.filter(state="pending").values_list("attempts", flat=True).get())

    north.fault("throttled", match=ADJUST)
    world.meanwhile(ADJUST, the_run)
    enqueue.undo_run(run)
    world.work()
    world.follow()
    assert levels_of(world) == [30, 20]
    assert sent == [1]
    assert our_changes(north) == [10, -10]


def test_a_batch_of_a_paused_connection_has_one_sender_among_those_who_would_settle_it(pair):
    world = pair(destinations=3)
    source, north, south, west = world.places
    north.buy(0, 2)
    world.deliver()
    source.fault("lost_answer", match=ADJUST)
    source.fault("http", match="any", count=None)
    world.work(tries=1)
    world.sim.faults(source.shop).clear()
    Connection.objects.filter(pk=world.connections[0].pk).update(is_paused=True)
    south.buy(0, 3)
    west.buy(0, 4)
    world.deliver()
    read_events()
    attempts = []

    def another():
        carry(world, 2)
        attempts.append(StockBatch.objects.filter(connection=world.connections[0]).get().attempts)

    world.meanwhile(ADJUST, another)
    carry(world, 1)
    world.work()
    world.follow()
    assert attempts == [2]
    assert source.available() == 11
    assert not StockAdjustment.objects.filter(state="pending").exists()


def test_a_batch_that_a_living_worker_has_in_hand_is_neither_sent_nor_withdrawn_by_others(pair):
    world = pair()
    source, north = world.places
    batch = record_a_sale(world)

    def others():
        assert not claims.claim(batch.pk)
        carry(world)
        batch.refresh_from_db()
        assert (batch.state, batch.attempts) == ("pending", 1)

    world.meanwhile(ADJUST, others)
    settle.settle(batch, open_client(north.store))
    batch.refresh_from_db()
    assert batch.state == "applied"
    assert levels_of(world) == [17, 17]


# Two clocks


@pytest.mark.parametrize("hours", [-3, -1, 3])
def test_a_key_that_shopify_has_forgotten_is_not_used_although_our_clock_was_set(pair, hours):
    world = pair()
    source, north = world.places
    lose_an_answer(world)
    world.let_pass(hours=24.5)
    put_ahead(world.sim, hours=hours)
    world.deliver()
    world.work()
    assert our_changes(north) == [-3]
    assert StockHold.objects.get(state="open").kind == "outcome"


def test_a_write_that_was_sent_by_a_clock_that_was_ahead_ages_from_when_shopify_got_it(pair):
    world = pair()
    source, north = world.places
    put_ahead(world.sim, hours=3)
    lose_an_answer(world)
    StockBatch.objects.update(first_sent_at=F("first_sent_at") + timedelta(hours=3))  # nothing had told of it
    put_ahead(world.sim, hours=0)
    north.fault("http", match=ADJUST)
    world.carry()
    assert StockBatch.objects.get().state == "applied"
    assert our_changes(north) == [-3]


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_key_that_lives_is_used_although_our_clock_was_set(pair, hours):
    world = pair()
    source, north = world.places
    lose_an_answer(world)
    put_ahead(world.sim, hours=hours)
    world.work()
    assert StockBatch.objects.get().state == "applied"
    assert (our_changes(north), levels_of(world)) == ([-3], [17, 17])


def lose_an_answer(world):
    """A sale of 3 in the source, whose write to north took effect and was never answered."""
    source, north = world.places
    source.buy(0, 3)
    world.deliver()
    north.fault("lost_answer", match=ADJUST)
    north.fault("http", match="any_mutation", count=None)
    world.work(tries=1)
    world.sim.faults(north.shop).clear()
    assert StockBatch.objects.get(state="pending").attempts == 1


# A restored backup


def after_restore(world):
    call_command("after_restore", stdout=io.StringIO())
    assert not StockBatch.objects.filter(state="pending").exists()
    assert not StockAdjustment.objects.filter(state="pending").exists()
    SyncSwitch.objects.update(is_stopped=False)
    for connection in world.connections:
        enqueue.reconcile(connection, trigger="resume")
    world.work()
    world.carry()
    world.follow()


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize("hours", [0, 25])
def test_a_write_that_was_sent_after_the_backup_is_not_sent_again(pair, strategy, hours):
    world = pair(strategy)
    source, north = world.places
    record_a_sale(world)  # the backup is made here
    north.sim.adjust(north.domain, north.item(0), north.location_ids[0], -3)  # and the batch is sent after it
    world.let_pass(hours=hours)
    after_restore(world)
    assert levels_of(world) == [17, 17]
    assert our_changes(north) == []


def test_what_was_never_sent_for_longer_than_a_key_lives_is_not_sent_but_planned_anew(pair):
    world = pair()
    source, north = world.places
    batch = record_a_sale(world)
    world.let_pass(hours=25)
    settle.settle(batch, open_client(north.store))
    batch.refresh_from_db()
    assert (batch.state, batch.attempts, north.writes) == ("refused", 0, 0)
    assert StockLevel.objects.filter(store=north.store, is_doubtful=True).count() == 1
    world.work()
    assert levels_of(world) == [17, 17]


@pytest.mark.parametrize("hours", [-3, 25])
def test_what_was_recorded_by_a_clock_that_was_set_back_is_not_sent_for_the_first_time(pair, hours):
    world = pair()
    batch = record_a_sale(world)
    StockBatch.objects.filter(pk=batch.pk).update(created_at=F("created_at") - timedelta(hours=hours))
    batch.refresh_from_db()
    settle.settle(batch, open_client(world.places[1].store))
    batch.refresh_from_db()
    assert (batch.state, batch.attempts) == ("refused", 0)


def test_a_true_quantity_that_was_under_way_is_asked_for_again_after_a_restore(pair):
    world = pair(stock=60)
    source, north = world.places
    source.set(0, 0)
    world.follow()
    hold = StockHold.objects.get()
    holds.set_true(hold, 55, (0, 60))
    assert StockBatch.objects.get(state="pending").attempts == 0
    SyncJob.objects.all().delete()
    source.set(0, 55)  # it was sent after the backup, and 5 were sold since
    source.buy(0, 5)
    source.lose_webhooks()
    call_command("after_restore", stdout=io.StringIO())
    hold.refresh_from_db()
    assert hold.state == "open"
    assert "backup" in hold.reason
    assert source.available() == 50


def test_an_undo_that_was_asked_for_before_the_backup_is_not_done_again(pair):
    world = pair()
    source, north = world.places
    enqueue.undo_run(reconcile_a_restock(world))  # the backup is made here
    north.restock(0, -10)  # the undo is done, then ten are put back
    north.restock(0, 10)
    north.lose_webhooks()
    after_restore(world)
    assert north.available() == 30
    assert SyncJob.objects.get(kind="undo_run").state == "failed"
    assert StockLink.objects.exclude(state="in_step").count() == 0


# No adjustment group


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize("takes_effect", [True, False])
def test_an_answer_without_a_group_to_a_change_that_is_none_of_0_is_settled_by_evidence(pair, strategy, takes_effect):
    world = pair(strategy)
    source, north = world.places
    world.tick(120)
    source.buy(0, 3)
    world.deliver()
    north.fault("null_group" if takes_effect else "null_group_before", match="any_mutation")
    world.work(tries=1)
    if strategy == "two_way" and takes_effect:
        assert StockHold.objects.get(state="open").kind == "outcome"
    else:
        assert north.available() == 17  # a try that surely changed nothing is made again
    world.settle()
    assert levels_of(world) == [17, 17]
    assert sum(our_changes(north)) == -3
    assert StockLink.objects.exclude(state="in_step").count() == 0


def test_a_store_that_always_answers_without_a_group_is_not_asked_without_end(pair):
    world = pair()
    source, north = world.places
    world.tick(120)
    source.buy(0, 3)
    world.deliver()
    north.fault("null_group_before", match=ADJUST, count=None)
    world.work(tries=1)
    assert StockBatch.objects.count() < 5
    assert StockLink.objects.filter(dirty_sequence__gt=F("settled_sequence")).count() == 1
