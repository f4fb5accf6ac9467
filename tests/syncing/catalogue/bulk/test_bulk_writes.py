"""New prices of many products go by a bulk operation, each once, whatever becomes of it; few go one by one."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import ProductLink
from stores.shopify import gids
from syncing.catalogue.bulk import following, gathering
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.runs import lifecycle
from syncing.models import BulkLine, BulkOperation, CatalogueRun, WebhookEvent
from syncing.webhooks import catalogue
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.metafields import Wanted
from tests.support.catalogue.bulk import Repricing

RAISED = "15.00"


@pytest.fixture
def repricing(showroom, settings, monkeypatch):
    """A re-pricing that was not begun, and a store whose lost starts nobody waits for."""
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)

    def prepare(count: int = 4, **fields) -> Repricing:
        return Repricing(showroom(), settings, count, **fields)

    return prepare


def is_settled(prepared: Repricing) -> bool:
    """A second run finds everything as it should be, and writes nothing."""
    before = prepared.room.writes, prepared.lines_sent
    counts = prepared.run("all").counts
    return counts == {"equal": prepared.count} and before == (prepared.room.writes, prepared.lines_sent)


def test_new_prices_go_by_one_bulk_operation_and_a_second_run_writes_nothing(repricing):
    prepared = repricing()
    run = prepared.run()
    assert (run.state, run.counts, run.done, run.failed) == ("finished", {"update": 4}, 4, 0)
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 4, 0)
    [operation] = BulkOperation.objects.all()
    assert (operation.state, operation.total, operation.done, operation.failed) == ("done", 4, 4, 0)
    assert {link.state for link in ProductLink.objects.all()} == {"linked"}
    [row] = run.items.first().differences
    assert (row["field"], row["current"], row["wanted"]) == ("price", "10.00", RAISED)
    assert is_settled(prepared)


def test_few_go_one_by_one(repricing):
    prepared = repricing(least=5)
    run = prepared.run()
    assert run.counts == {"update": 4}
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 0, 4)
    assert not BulkOperation.objects.exists()


def test_of_many_products_of_which_few_changed_these_go_one_by_one(repricing):
    prepared = repricing(least=3)
    prepared.room.set(price_percent=0)
    for gid in prepared.gids[:2]:
        prepared.room.reprice(gid, "20.00")
    run = prepared.run("all")
    assert run.counts == {"update": 2, "equal": 2}
    assert (prepared.lines_sent, prepared.single_writes) == (0, 2)
    assert run.begun_with[gathering.OFF] == gathering.TOO_FEW
    assert BulkOperation.objects.get().state == "dropped"


def test_a_preview_and_a_setting_of_none_write_nothing_in_bulk(repricing, settings):
    prepared = repricing()
    run = prepared.room.run("prices", is_preview=True)
    assert (run.counts, BulkOperation.objects.count()) == ({"update": 4}, 0)
    settings.BULK_WRITES_FROM = 0
    prepared.run()
    assert (prepared.lines_sent, prepared.single_writes) == (0, 4)


@pytest.mark.parametrize(
    ("kind", "how", "state", "singles"),
    [
        ("internal_error_before", "close", "refused", 1),  # not done, and told so
        ("refuse_before", "close", "unknown", 1),  # not done, and nothing told
        ("lost_answer", "internal_error", "refused", 0),  # done, and told that it was not
        ("lost_answer", "close", "unknown", 0),  # done, and nothing told
    ],
)
def test_a_line_that_was_not_told_to_be_done_is_looked_at_and_written_only_if_it_was_not(
    repricing, kind, how, state, singles
):
    prepared = repricing()
    gid = prepared.room.link(prepared.gids[1]).destination_gid
    prepared.room.destination.fault(kind, match="bulk_line", how=how, naming=gid)
    run = prepared.run()
    assert (run.state, run.done, run.failed) == ("finished", 4, 0)
    assert (prepared.prices(), prepared.single_writes) == ([RAISED] * 4, singles)
    assert sorted(prepared.line_states()) == sorted(["done"] * 3 + [state])
    assert is_settled(prepared)


def test_what_a_failed_operation_did_is_not_done_again(repricing):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_fails = "TIMEOUT:3"
    run = prepared.run()
    assert (run.state, run.counts) == ("finished", {"update": 4})
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 3, 1)
    operation = BulkOperation.objects.get()
    assert (operation.state, operation.done, operation.failed, operation.message) == ("failed", 3, 1, "TIMEOUT")


@pytest.mark.parametrize("code", ["INVALID_MUTATION", "INVALID_STAGED_UPLOAD_FILE", "NO_SUCH_FILE"])
def test_what_shopify_refuses_in_bulk_goes_one_by_one(repricing, code):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_refuses = code
    run = prepared.run()
    assert (run.state, run.counts) == ("finished", {"update": 4})
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 0, 4)
    assert BulkOperation.objects.get().state == "refused"


def test_without_permission_or_with_an_upload_that_fails_it_goes_one_by_one(repricing):
    prepared = repricing()
    prepared.room.destination.fault("refused_field", match="bulkOperationRunMutation", code="ACCESS_DENIED")
    prepared.run()
    assert (prepared.prices(), prepared.single_writes) == ([RAISED] * 4, 4)
    prepared.room.set(price_percent=100)
    prepared.room.destination.shop.knobs.uploads_fail = 403
    prepared.run()
    assert (prepared.prices(), prepared.single_writes) == (["20.00"] * 4, 8)
    assert {operation.state for operation in BulkOperation.objects.all()} == {"refused"}


@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_start_whose_answer_was_lost_is_found_and_not_repeated(repricing, how):
    prepared = repricing()
    prepared.room.destination.fault("lost_answer", match="bulkOperationRunMutation", how=how)
    run = prepared.run()
    assert run.counts == {"update": 4}
    assert (prepared.lines_sent, prepared.single_writes) == (4, 0)
    assert prepared.room.destination.count("bulkOperationRunMutation") == 1


def test_a_start_that_never_arrived_is_looked_for_and_then_made_anew(repricing, monkeypatch):
    prepared = repricing()
    prepared.room.destination.fault("refuse_before", match="bulkOperationRunMutation")
    run = prepared.begin()
    prepared.room.sweep()
    assert BulkOperation.objects.get().state == "starting"  # it may still arrive
    monkeypatch.setattr(following, "LOOKED_FOR", following.OLD * 0)
    prepared.end(run)
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 4, 0)
    assert sorted(operation.state for operation in BulkOperation.objects.all()) == ["done", "dropped"]


def test_a_start_from_before_our_clock_was_set_back_is_not_waited_for(repricing):
    prepared = repricing()
    prepared.room.destination.fault("refuse_before", match="bulkOperationRunMutation")
    run = prepared.begin()
    prepared.room.sweep()
    started = BulkOperation.objects.filter(state="starting")
    assert started.update(started_at=timezone.now() + timedelta(hours=5)) == 1
    prepared.end(run)
    assert (prepared.prices(), prepared.lines_sent, prepared.single_writes) == ([RAISED] * 4, 4, 0)


def test_starts_that_never_arrive_end_in_single_writes(repricing, monkeypatch):
    prepared = repricing()
    monkeypatch.setattr(following, "LOOKED_FOR", following.OLD * 0)
    prepared.room.destination.fault("refuse_before", match="bulkOperationRunMutation", count=None)
    run = prepared.run()
    assert (run.counts, prepared.single_writes) == ({"update": 4}, 4)
    assert BulkOperation.objects.count() == following.MOST_STARTS_COUNT


def test_a_result_whose_address_dies_is_asked_for_again_and_then_done_without(repricing):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_link_seconds = 0.0
    run = prepared.run()
    assert (run.state, run.done, prepared.prices()) == ("finished", 4, [RAISED] * 4)
    assert (prepared.lines_sent, prepared.single_writes) == (4, 0)  # each was looked at, and found to be done
    operation = BulkOperation.objects.get()
    assert (operation.attempts, operation.failed) == (following.MOST_ATTEMPTS, 4)


def test_an_operation_that_shopify_does_not_know_any_more_is_done_without(repricing):
    prepared = repricing()
    shop = prepared.room.destination.shop
    shop.knobs.bulk_delay_seconds = 60.0
    run = prepared.begin()
    prepared.room.sweep()
    shop.bulk_operations.clear()
    run = prepared.end(run)
    assert (run.state, prepared.prices()) == ("finished", [RAISED] * 4)
    assert BulkOperation.objects.get().message == following.GONE


def test_lines_that_shopify_counts_from_one_are_recognised_by_their_products(repricing):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_first_line = 1
    prepared.run()
    assert (prepared.line_states(), prepared.single_writes) == (["done"] * 4, 0)


def test_at_most_five_operations_of_a_store_run_at_once(repricing, monkeypatch):
    prepared = repricing(7)
    monkeypatch.setattr(gathering, "MOST_LINES", 1)
    shop, most = prepared.room.destination.shop, 0
    shop.knobs.bulk_delay_seconds = 60.0
    run = prepared.begin()

    def watch() -> None:
        nonlocal most
        running = [one for one in shop.bulk_operations.values() if one.status in ("CREATED", "RUNNING")]
        most = max(most, len(running))
        prepared.room.world.tick(13)

    run = prepared.end(run, watch)
    assert (run.counts, 1 < most <= 5) == ({"update": 7}, True)
    assert prepared.room.destination.count("bulkOperationRunMutation") >= 7


def test_places_that_others_have_at_shopify_are_waited_for(repricing):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_refuses = "LIMIT_REACHED"
    run = prepared.begin()
    prepared.room.sweep()
    assert BulkOperation.objects.get().state == "gathered"
    prepared.room.destination.shop.knobs.bulk_refuses = None
    prepared.end(run)
    assert (prepared.lines_sent, prepared.single_writes) == (4, 0)


@pytest.mark.parametrize("many", [5, 4])
def test_who_edits_a_product_before_the_operation_begins_is_not_overwritten(repricing, monkeypatch, many):
    monkeypatch.setattr(following, "MANY_COUNT", many)
    room = (prepared := repricing()).room
    room.set(edited="keep", price_percent=0)
    for gid in prepared.gids:
        room.reprice(gid, "30.00")
    run = prepared.begin("all")
    own = room.link(prepared.gids[0]).destination_gid
    room.world.tick(60)

    def edit() -> None:
        room.world.tick(60)
        room.reprice(own, "99.00", room.destination)

    close = gathering.Gathering.close

    def close_and_edit(gathered: gathering.Gathering) -> bool:
        found = close(gathered)
        if gathered.has_gathered:
            edit()
        return found

    monkeypatch.setattr(gathering.Gathering, "close", close_and_edit)
    prepared.end(run)
    assert prepared.prices() == ["99.00", "30.00", "30.00", "30.00"]
    assert BulkLine.objects.get(source_gid=prepared.gids[0]).reason == following.CHANGED_THERE
    assert ("BulkInstants" in str(room.destination.shop.bulk_operations)) == (many == 4)


def test_a_product_with_an_open_line_is_in_no_other_hands(repricing):
    prepared = repricing()
    shop = prepared.room.destination.shop
    shop.knobs.bulk_delay_seconds = 3600.0
    run = prepared.begin()
    prepared.room.sweep()
    prepared.room.reprice(prepared.gids[0], "100.00")
    with pytest.raises(Busy):
        prepared.room.carry(prepared.gids[0])
    prepared.room.world.tick(3601)
    prepared.end(run)
    prepared.room.carry(prepared.gids[0])
    assert prepared.prices() == ["150.00", *[RAISED] * 3]


def test_a_line_that_was_not_sent_makes_way_for_a_change_of_its_product(repricing):
    prepared = repricing()
    run = prepared.room.go_on(lifecycle.start(prepared.room.connection, "prices"))
    prepared.room.reprice(prepared.gids[0], "100.00")
    prepared.room.carry(prepared.gids[0])
    assert prepared.prices() == ["150.00", "10.00", "10.00", "10.00"]
    run = prepared.end(run)
    assert (run.counts, run.failed) == ({"equal": 1, "update": 3}, 0)
    assert (prepared.prices(), prepared.lines_sent) == (["150.00", *[RAISED] * 3], 3)


def test_our_own_webhooks_lead_to_no_read_and_an_edit_meanwhile_is_compared(repricing):
    prepared = repricing()
    room = prepared.room
    shop = room.destination.shop
    shop.knobs.bulk_delay_seconds = 3600.0
    run = prepared.begin()
    room.sweep()
    while prepared.lines_sent < 4:
        room.sweep()
    room.world.deliver()
    room.world.work()
    assert BulkLine.objects.exclude(changed_there_at=None).count() == 4
    room.world.tick(60)
    room.reprice(room.link(prepared.gids[0]).destination_gid, "99.00", room.destination)
    room.world.deliver()
    room.world.work()
    room.world.tick(3601)
    prepared.end(run)
    assert prepared.prices() == [RAISED] * 4  # what follows is brought back
    assert prepared.single_writes == 1 + 1  # the edit by hand, and what brought it back


def test_a_sale_meanwhile_is_no_edit(repricing):
    prepared = repricing()
    room = prepared.room
    room.destination.shop.knobs.bulk_delay_seconds = 3600.0
    prepared.begin()
    room.sweep()
    while prepared.lines_sent < 4:
        room.sweep()
    room.world.deliver()
    room.world.work()
    at = BulkLine.objects.get(source_gid=prepared.gids[0]).changed_there_at
    number = gids.number(room.link(prepared.gids[0]).destination_gid)
    bodies = [json.loads(event.body) for event in WebhookEvent.objects.filter(store=room.destination.store)]
    body = max((body for body in bodies if body.get("id") == number), key=lambda body: body["updated_at"])
    later = at + timedelta(minutes=5)
    said = catalogue.follow_products(room.destination.store, [body | {"updated_at": later.isoformat()}])
    assert said == ["Nothing that follows the source was edited."]
    assert BulkLine.objects.get(source_gid=prepared.gids[0]).changed_there_at == at


def test_a_paused_run_ends_what_is_in_hand_and_begins_nothing(repricing):
    prepared = repricing()
    prepared.room.destination.shop.knobs.bulk_delay_seconds = 60.0
    run = prepared.begin()
    prepared.room.sweep()
    lifecycle.pause(run)
    prepared.room.world.tick(61)
    while prepared.open_operations(run):
        prepared.room.sweep()
    run.refresh_from_db()
    assert (run.state, run.done, prepared.prices()) == ("paused", 4, [RAISED] * 4)
    lifecycle.resume(run)
    assert prepared.end(run).state == "finished"


def test_a_cancelled_run_has_its_operation_cancelled_and_keeps_what_was_done(repricing):
    prepared = repricing()
    shop = prepared.room.destination.shop
    shop.knobs.bulk_line_seconds = 60.0
    run = prepared.begin()
    prepared.room.sweep()
    prepared.room.world.tick(61)
    while prepared.lines_sent < 2:
        prepared.room.sweep()
    lifecycle.cancel(run)
    run = prepared.end(run)
    operation = run.bulk_operations.get()
    assert (run.state, operation.state, operation.done, operation.failed) == ("cancelled", "cancelled", 2, 2)
    assert list(operation.lines.order_by("pk").values_list("state", flat=True)) == ["done"] * 2 + ["unknown"] * 2
    shop.knobs.bulk_line_seconds = 0.0
    prepared.end(CatalogueRun.objects.latest("pk"), lambda: prepared.room.world.tick(600))  # begun by the sweep
    assert (prepared.prices(), prepared.lines_sent) == ([RAISED] * 4, 4)


def test_metafields_and_channels_go_in_bulk_after_prices(repricing):
    prepared = repricing(3)
    room = prepared.room
    room.set(publication_gids=room.channels(), field_policies={"publishing": "sync", "metafields": "sync"})
    room.set(metafield_namespaces=["custom"])
    at = room.sim.clock.whole_seconds()
    for gid in prepared.gids:
        wanted = Wanted("custom", "care", "single_line_text_field", "Wash cold")
        metafields.put(room.source.shop, ("Product", gids.number(gid)), wanted, at)
    run = prepared.run("all")
    assert (run.counts, run.failed) == ({"update": 3}, 0)
    lines = prepared.counters.bulk_lines
    assert dict(lines) == {"productVariantsBulkUpdate": 3, "metafieldsSet": 3, "publishablePublish": 3}
    assert room.writes == 0
    product = room.there("lamp-2")
    assert [row.value for row in product.metafields] == ["Wash cold"]
    assert set(product.publication_gids) == set(room.channels())
    assert is_settled(prepared)


def test_what_is_taken_off_sale_goes_one_by_one_past_the_guard(repricing):
    prepared = repricing(3)
    room = prepared.room
    room.set(publication_gids=room.channels(), field_policies={"publishing": "sync"}, price_percent=0)
    prepared.run("all")
    assert prepared.counters.bulk_lines["publishablePublish"] == 3
    for gid in prepared.gids[:2]:
        for channel in ("Online Store", "Point of Sale"):
            room.take_off_sale(gid, channel)
    prepared.run("all")
    assert prepared.counters.bulk_lines["publishableUnpublish"] == 0
    assert room.destination.count("publishableUnpublish") == 2
