"""A first sync makes its products by bulk operations: each once, and whole, whatever becomes of the operation."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from stores.linking import linking
from syncing.catalogue import exclusive
from syncing.catalogue.bulk import following, gathering
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.products.follower import LOCK_NAME
from syncing.catalogue.runs import lifecycle
from syncing.connections.product_matching import match_product
from syncing.models import BulkLine, BulkOperation
from tests.support.catalogue.bulk import FirstSync


@pytest.fixture
def first(showroom, settings, monkeypatch):
    """A first sync that was not begun."""
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)

    def prepare(count: int = 3, **fields) -> FirstSync:
        return FirstSync(showroom(), settings, count, **fields)

    return prepare


def is_settled(prepared: FirstSync) -> bool:
    """A second run finds everything as it should be, and writes nothing."""
    before = prepared.room.writes, prepared.lines_sent
    return prepared.run("all").counts == {"equal": prepared.count} and before == (
        prepared.room.writes,
        prepared.lines_sent,
    )


def test_new_products_are_made_and_put_on_sale_in_bulk_and_a_second_run_writes_nothing(first):
    prepared = first()
    run = prepared.run()
    assert (run.state, run.counts, run.done, run.failed) == ("finished", {"create": 3}, 3, 0)
    assert prepared.is_whole()
    assert (prepared.lines_sent, prepared.room.writes) == ({"productSet": 3, "publishablePublish": 3}, 0)
    operations = BulkOperation.objects.order_by("pk").values_list("kind", "state", "total", "done", "failed")
    assert list(operations) == [("create", "done", 3, 3, 0), ("publish", "done", 3, 3, 0)]
    assert is_settled(prepared)


def test_one_of_a_batch_that_another_worker_has_in_hand_is_made_after_the_others(first):
    prepared = first()
    run = prepared.begin()
    with ThreadPoolExecutor(1) as other:
        work = exclusive.work_alone(prepared.room.connection, LOCK_NAME, prepared.gids[1])
        other.submit(work.__enter__).result()
        prepared.room.world.work(tries=20)
        gathered = set(BulkLine.objects.values_list("source_gid", flat=True))
        other.submit(work.__exit__, None, None, None).result()
        other.submit(connections.close_all).result()
    assert gathered == {prepared.gids[0], prepared.gids[2]}
    run = prepared.end(run)
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 3}, 0)
    assert prepared.is_whole()


def test_a_line_that_was_not_told_to_be_done_is_looked_for_and_made_only_if_it_was_not(first):
    prepared = first(5)
    faults = ["internal_error_before", "refuse_before", "lost_answer", "lost_answer"]
    for handle, kind, how in zip(prepared.handles, faults, ["close", "close", "internal_error", "close"], strict=False):
        prepared.room.destination.fault(kind, match="bulk_line", how=how, naming=handle)
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 5}, 0)
    assert (prepared.is_whole(), prepared.single_creations) == (True, 2)
    lines = BulkLine.objects.filter(kind="create").order_by("pk").values_list("state", flat=True)
    assert list(lines) == ["refused", "unknown", "refused", "unknown", "done"]
    assert is_settled(prepared)


@pytest.mark.parametrize(
    "misfortune", ["fails", "lost start", "never arrives", "dead link", "counts from 1", "refused"]
)
def test_whatever_becomes_of_the_operation_each_product_is_made_once(first, misfortune, monkeypatch):
    prepared = first()
    place, knobs = prepared.room.destination, prepared.room.destination.shop.knobs
    monkeypatch.setattr(following, "LOOKED_FOR", following.OLD * 0)
    if misfortune == "fails":
        knobs.bulk_fails = "TIMEOUT:2"
    elif misfortune == "lost start":
        place.fault("lost_answer", match="bulkOperationRunMutation")
    elif misfortune == "never arrives":
        place.fault("refuse_before", match="bulkOperationRunMutation")
    elif misfortune == "dead link":
        knobs.bulk_link_seconds = 0.0
    elif misfortune == "counts from 1":
        knobs.bulk_first_line = 1
    else:
        knobs.bulk_refuses = "INVALID_MUTATION"
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 3}, 0)
    singly = {"fails": 1, "refused": 3}.get(misfortune, 0)
    assert (prepared.is_whole(), prepared.single_creations) == (True, singly)
    assert prepared.lines_sent.get("productSet", 0) == 3 - singly


def test_a_handle_that_somebody_takes_meanwhile_is_a_conflict_and_his_product_is_left_alone(first):
    prepared = first()
    room = prepared.room
    room.destination.shop.knobs.bulk_first_line = 1
    made = []

    def make() -> None:
        made.append(room.sizes("Lamp 1", "S", "M", place=room.destination, handle="lamp-1"))

    room.world.meanwhile("bulkOperationRunMutation", make)
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 2}, 1)
    link = room.link(prepared.gids[1])
    assert (link.state, link.is_created, link.destination_gid) == ("conflict", False, "")
    assert [str(variant.price) for variant in room.there("lamp-1").variants] == ["10.00", "10.00"]
    assert room.handles() == sorted(prepared.handles)


def test_what_the_destination_gets_before_the_operation_begins_is_not_made_once_more(first, monkeypatch):
    prepared = first()
    room = prepared.room
    close = gathering.Gathering.close

    def close_and_make(gathered: gathering.Gathering) -> bool:
        found = close(gathered)
        if gathered.has_gathered and not room.handles():
            gid = room.sizes("Lamp 1", "S", "M", place=room.destination, handle="by-hand")
            linking.match_product(room.destination.store, gid)
        return found

    monkeypatch.setattr(gathering.Gathering, "close", close_and_make)
    run = prepared.run()
    assert (run.state, run.failed) == ("finished", 0)
    assert room.handles() == ["by-hand", "lamp-0", "lamp-2"]
    assert BulkLine.objects.get(source_gid=prepared.gids[1]).reason == "The destination may have it by now."
    assert room.link(prepared.gids[1]).destination_gid == room.there("by-hand").gid


def begin_and_wait(prepared: FirstSync):
    """The operation has made its products, and goes on for an hour."""
    prepared.room.destination.shop.knobs.bulk_delay_seconds = 3600.0
    run = prepared.begin()
    prepared.room.sweep()
    while prepared.lines_sent.get("productSet", 0) < prepared.count:
        prepared.room.sweep()
    prepared.room.destination.shop.knobs.bulk_delay_seconds = 0.0
    return run


def test_what_the_source_does_meanwhile_is_done_after_it(first):
    prepared = first()
    room = prepared.room
    run = begin_and_wait(prepared)
    room.reprice(prepared.gids[0], "100.00")
    room.delete(prepared.gids[1])
    with pytest.raises(Busy):
        room.carry(prepared.gids[0])
    room.world.tick(3601)
    run = prepared.end(run)
    assert (run.state, run.failed) == ("finished", 0)
    assert room.handles() == prepared.handles
    assert [str(variant.price) for variant in room.there("lamp-0").variants] == ["150.00", "150.00"]
    gone = room.link(prepared.gids[1])
    assert (gone.state, room.there("lamp-1").publication_gids) == ("unlinked", ())


def test_another_one_that_comes_by_hand_meanwhile_is_a_conflict_until_one_is_deleted(first):
    prepared = first()
    room = prepared.room
    run = begin_and_wait(prepared)
    own = room.sizes("Lamp 1", "S", "M", place=room.destination, handle="by-hand")
    match_product(room.destination.store, own)
    room.world.tick(3601)
    run = prepared.end(run)
    link = room.link(prepared.gids[1])
    assert (run.failed, link.state, link.destination_gid) == (1, "conflict", room.there("lamp-1").gid)
    assert "Delete the one" in link.reason
    room.delete(own, room.destination)
    match_product(room.destination.store, own)
    room.carry(prepared.gids[1])
    assert (room.link(prepared.gids[1]).state, prepared.is_whole()) == ("linked", True)


def test_another_source_waits_for_what_an_operation_is_about_to_make_and_then_takes_none_of_it(first):
    prepared = first()
    room = prepared.room
    other = room.second_source()
    twin = other.sizes("Lamp 1", "S", "M", handle="twin", stock=3)
    match_product(other.source.store, twin)
    run = begin_and_wait(prepared)
    with pytest.raises(Busy):
        other.carry(twin)
    room.world.follow()
    room.world.tick(3601)
    prepared.end(run)
    other.carry(twin)
    assert room.handles() == prepared.handles
    assert other.link(twin).state == "conflict"


def test_a_cancelled_run_keeps_and_finishes_what_was_made(first):
    prepared = first()
    room, shop = prepared.room, prepared.room.destination.shop
    shop.knobs.bulk_line_seconds = 60.0
    run = prepared.begin()
    room.sweep()
    room.world.tick(61)
    while prepared.lines_sent.get("productSet", 0) < 2:
        room.sweep()
    lifecycle.cancel(run)
    run = prepared.end(run)
    operation = run.bulk_operations.get(kind="create")
    assert (run.state, operation.state, operation.done, operation.failed) == ("cancelled", "cancelled", 2, 1)
    shop.knobs.bulk_line_seconds = 0.0
    room.sweep()
    assert {room.link(gid).state for gid in prepared.gids[:2]} == {"linked"}
