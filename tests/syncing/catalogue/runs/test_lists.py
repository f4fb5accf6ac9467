"""Which products a store has, by one bulk query: whole or not at all, once whoever dies, and never the last word."""

import time
from types import SimpleNamespace

import pytest

from stores.clients import open_client
from stores.shopify import bulk, gids
from stores.shopify.products import bulk_heads
from syncing.catalogue.bulk import following
from syncing.catalogue.runs import lifecycle, lists, worker
from syncing.connections.product_matching import match_product
from syncing.models import CatalogueRun
from tests.support.catalogue.bulk import FirstSync, Repricing, act_after, list_in_bulk
from tests.support.catalogue.showroom import items_of
from tests.support.places import Place

ONE = '"title":"Lamp 1","handle":"lamp-1","tags"'  # in no other bulk query's lines


@pytest.fixture(autouse=True)
def however_few(monkeypatch):
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    list_in_bulk(monkeypatch)


@pytest.fixture
def after_list(monkeypatch):
    """Have something happen right after the list of a store was read, once."""
    return act_after(monkeypatch, bulk_heads, "read")


def lists_begun(place: Place) -> list[str]:
    """The states of the bulk queries that list a store's products, oldest first."""
    return [row.status for row in place.shop.bulk_operations.values() if "BulkHeads_" in row.query]


def pages(prepared) -> tuple[int, int]:
    """How many pages of products were listed, in each store."""
    return prepared.room.source.count("products"), prepared.room.destination.count("products")


def wait_by(monkeypatch, act) -> None:
    """Whoever waits for a list does this instead."""
    monkeypatch.setattr(lists, "time", SimpleNamespace(sleep=lambda seconds: act()))


def a_stretch(run: CatalogueRun, must_end=lambda: False) -> worker.Work:
    """What a worker does at it until it has to end."""
    run = CatalogueRun.objects.select_related("connection__source", "connection__destination").get(pk=run.pk)
    return worker.carry_out(run, open_client, match_product, must_end)


def test_new_prices_list_both_stores_without_a_page(showroom, settings):
    prepared = Repricing(showroom(), settings)
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"update": 4}, 0)
    assert prepared.prices() == ["15.00"] * 4
    assert (pages(prepared), lists.NOTES in run.begun_with) == ((0, 0), False)
    assert [lists_begun(place) for place in prepared.room.world.places] == [["COMPLETED"]] * 2


@pytest.mark.parametrize("count", [4, 600])
def test_what_a_list_takes_from_shopify_does_not_grow_with_its_products(showroom, settings, count):
    prepared = FirstSync(showroom(), settings)
    source, at = prepared.room.source, prepared.room.sim.clock.whole_seconds()
    with source.shop.lock:
        for number in range(4, count):
            source.shop.add_product(f"Lamp {number}", at=at)
    run = lifecycle.start(prepared.room.connection, "first")
    listing = lists.list_products(run, source.store, prepared.room.client(source), lambda: False)
    numbers = [gids.number(head.gid) for head in listing.heads]
    assert (len(numbers), numbers) == (count, sorted(numbers))
    assert source.shop.counters.points - source.count("bulkOperation") == 20  # counted, begun; a look is a point


def test_few_are_listed_by_pages_and_so_are_all_where_nothing_goes_in_bulk(showroom, settings, monkeypatch):
    prepared = Repricing(showroom(), settings)
    monkeypatch.setattr(lists, "LEAST_PRODUCTS", 5)
    prepared.run()
    assert (pages(prepared), lists_begun(prepared.room.source)) == ((1, 1), [])
    monkeypatch.setattr(lists, "LEAST_PRODUCTS", 4)
    settings.BULK_WRITES_FROM = 0
    prepared.run("all")
    assert (pages(prepared), lists_begun(prepared.room.source)) == ((2, 2), [])
    settings.BULK_WRITES_FROM = 2
    prepared.run("all")
    assert (pages(prepared), lists_begun(prepared.room.source)) == ((2, 2), ["COMPLETED"])


def test_of_a_source_that_nobody_has_read_yet_is_asked_how_much_it_has(showroom, settings, monkeypatch):
    room = showroom()
    for number in range(3):
        room.add(f"Lamp {number}")
    for place in room.world.places:
        place.lose_webhooks()
    settings.BULK_WRITES_FROM = 2
    monkeypatch.setattr(lists, "LEAST_PRODUCTS", 4)
    assert room.run("first", is_preview=True).counts == {"create": 3}
    assert lists_begun(room.source) == []
    monkeypatch.setattr(lists, "LEAST_PRODUCTS", 3)
    assert room.run("first", is_preview=True).counts == {"create": 3}
    assert lists_begun(room.source) == ["COMPLETED"]


@pytest.mark.parametrize(
    "misfortune",
    ["fails", "refused", "never arrives", "dead link", "too many", "too late", "lacks a line", "leaves out"],
)
def test_where_no_whole_file_comes_about_pages_are_listed(showroom, settings, monkeypatch, misfortune):
    prepared = FirstSync(showroom(), settings)
    room = prepared.room
    source, knobs = room.source, room.source.shop.knobs
    if misfortune == "fails":
        room.sim.bulk.fail_next(source.shop, "TIMEOUT", after_lines=2)
    elif misfortune == "refused":
        source.fault("refused_field", match="bulkOperationRunQuery", code="ACCESS_DENIED")
    elif misfortune == "never arrives":
        source.fault("refuse_before", match="bulkOperationRunQuery")
    elif misfortune == "dead link":
        knobs.bulk_link_seconds = 0.0
    elif misfortune == "too many":
        knobs.bulk_delay_seconds = 3600.0
        for _ in range(5):
            bulk.start(room.client(source), bulk.BULK_VARIANTS)
    elif misfortune == "too late":
        knobs.bulk_delay_seconds = 3600.0
        monkeypatch.setattr(lists, "LONGEST", lists.LONGEST * 0)
    elif misfortune == "lacks a line":
        knobs.bulk_loses = ONE
    else:
        knobs.bulk_leaves_out = ONE
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 4}, 0)
    assert prepared.is_whole()
    assert pages(prepared)[0] == 1
    assert "RUNNING" not in lists_begun(source)


def test_half_a_list_of_the_destination_has_nothing_made_or_written_again(showroom, settings):
    prepared = Repricing(showroom(), settings)
    prepared.room.set(price_percent=0)
    prepared.room.destination.shop.knobs.bulk_leaves_out = ONE
    assert prepared.run("all").counts == {"equal": 4}
    assert (prepared.room.writes, pages(prepared)) == (0, (0, 1))


def test_a_start_whose_answer_is_lost_is_found(showroom, settings, monkeypatch):
    prepared = FirstSync(showroom(), settings)
    prepared.room.source.shop.knobs.bulk_delay_seconds = 60.0
    wait_by(monkeypatch, lambda: prepared.room.world.tick(61))
    prepared.room.source.fault("lost_answer", match="bulkOperationRunQuery")
    assert prepared.run().counts == {"create": 4}
    assert (pages(prepared)[0], lists_begun(prepared.room.source)) == (0, ["COMPLETED"])


def test_who_goes_on_with_a_run_waits_for_the_list_that_was_begun(showroom, settings):
    prepared = Repricing(showroom(), settings)
    source = prepared.room.source
    source.shop.knobs.bulk_delay_seconds = 60.0
    run = lifecycle.start(prepared.room.connection, "prices")
    for _ in range(3):
        work = a_stretch(run, lambda: True)
        assert (work.is_over, run.items.count(), lists_begun(source)) == (False, 0, ["RUNNING"])
    prepared.room.world.tick(61)
    run = prepared.end(run, lambda: a_stretch(run))
    assert (run.state, lists_begun(source), pages(prepared)) == ("finished", ["COMPLETED"], (0, 0))
    assert prepared.prices() == ["15.00"] * 4


def test_a_list_that_was_begun_long_ago_is_not_waited_for(showroom, settings):
    prepared = Repricing(showroom(), settings)
    source = prepared.room.source
    source.shop.knobs.bulk_delay_seconds = 60.0
    run = lifecycle.start(prepared.room.connection, "prices")
    a_stretch(run, lambda: True)
    run.refresh_from_db()
    note = run.begun_with[lists.NOTES][str(source.store.pk)]
    note["at"] = note["at"].replace("20", "19", 1)
    run.save()
    source.shop.knobs.bulk_delay_seconds = 0.0
    run = prepared.end(run, lambda: a_stretch(run))
    assert (run.state, lists_begun(source)[1:]) == ("finished", ["COMPLETED"])


@pytest.mark.parametrize("effect", range(1, 16))
def test_a_worker_that_dies_before_any_effect_of_listing_has_nothing_listed_twice(showroom, settings, effect):
    prepared = Repricing(showroom(), settings)
    for place in prepared.room.world.places:
        place.shop.knobs.bulk_delay_seconds = 60.0
    run = prepared.begin()
    with prepared.room.world.worker_that_dies(effect):
        prepared.room.world.work(tries=3)
    for place in prepared.room.world.places:
        place.shop.knobs.bulk_delay_seconds = 0.0
    run = prepared.end(run, lambda: prepared.room.world.tick(61))
    assert (run.state, run.counts, run.failed, run.total) == ("finished", {"update": 4}, 0, 4)
    assert prepared.prices() == ["15.00"] * 4
    assert prepared.lines_sent + prepared.single_writes == 4
    assert [len(lists_begun(place)) for place in prepared.room.world.places] == [1, 1]


@pytest.mark.parametrize("act", [lifecycle.pause, lifecycle.cancel])
def test_an_operator_who_stops_a_run_has_its_list_cancelled(showroom, settings, monkeypatch, act):
    prepared = Repricing(showroom(), settings)
    source = prepared.room.source
    source.shop.knobs.bulk_delay_seconds = 3600.0
    run = lifecycle.start(prepared.room.connection, "prices")
    with monkeypatch.context() as patch:
        wait_by(patch, lambda: act(run))
        assert a_stretch(run).is_over
    source.shop.knobs.bulk_delay_seconds = 0.0
    deadline = time.monotonic() + 30
    while lists_begun(source) != ["CANCELED"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (lists_begun(source), run.items.count()) == (["CANCELED"], 0)
    run.refresh_from_db()
    if run.state == "paused":
        lifecycle.resume(run)
        run = prepared.end(run, lambda: a_stretch(run))
        assert (run.state, lists_begun(source)[1:], prepared.prices()) == ("finished", ["COMPLETED"], ["15.00"] * 4)


# --- What happens while the file is made --------------------------------------------------------------------------


def test_what_is_made_and_synced_meanwhile_is_not_taken_for_deleted(showroom, settings, after_list):
    prepared = Repricing(showroom(), settings)
    room, made = prepared.room, []

    def make_and_carry() -> None:
        made.append(room.add("Late lamp"))
        match_product(room.source.store, made[0])
        room.carry(made[0])

    after_list[room.source.domain] = make_and_carry
    run = prepared.run("all")
    assert (run.state, run.counts, run.hold_reason) == ("finished", {"update": 4}, "")
    assert room.link(made[0]).state == "linked"
    assert room.source.count("bulkOperationRunQuery") == 1  # nobody looked for what was gone


def test_what_is_made_meanwhile_and_nobody_hears_of_comes_with_the_next_run(showroom, settings, after_list):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    after_list[room.source.domain] = lambda: room.add("Late lamp")
    assert "Late lamp" not in items_of(prepared.run("all"))
    assert items_of(prepared.run("all"))["Late lamp"] == ("create", "done")


def test_what_is_changed_meanwhile_is_synced_as_it_is_now(showroom, settings, after_list):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    after_list[room.source.domain] = lambda: room.reprice(prepared.gids[0], "100.00")
    assert prepared.run("all").counts == {"update": 4}
    assert prepared.prices() == ["150.00", "15.00", "15.00", "15.00"]


def test_what_is_deleted_meanwhile_leaves_in_the_same_run(showroom, settings, after_list):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    after_list[room.source.domain] = lambda: room.delete(prepared.gids[0])
    run = prepared.run("all")
    assert (run.state, run.failed) == ("finished", 0)
    assert [room.link(gid).state for gid in prepared.gids] == ["unlinked", "linked", "linked", "linked"]


def test_what_is_chosen_meanwhile_is_made(showroom, settings, after_list):
    prepared = FirstSync(showroom(), settings)
    room = prepared.room
    room.set(selected_tags=["new"])

    def choose() -> None:
        room.change(prepared.gids[0], tags=["new"])
        match_product(room.source.store, prepared.gids[0])

    after_list[room.source.domain] = choose
    run = prepared.run()
    assert (run.state, run.counts) == ("finished", {"create": 1, "skip": 3})
    assert room.handles() == ["lamp-0"]


def test_what_is_edited_there_meanwhile_is_found_by_the_next_run(showroom, settings, after_list):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    room.set(price_percent=0)
    partner = room.link(prepared.gids[0]).destination_gid

    def edit() -> None:
        room.world.tick(60)
        room.reprice(partner, "11.00", room.destination)

    after_list[room.destination.domain] = edit
    prepared.run("all")
    assert prepared.run("all").counts == {"equal": 3, "update": 1}
    assert prepared.prices() == ["10.00"] * 4
