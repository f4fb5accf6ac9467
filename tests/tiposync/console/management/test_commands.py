"""The command line: what an operator types, what is said, what is refused, and with which exit code."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from orders.models import OrderSettings
from stores.linking import linking
from stores.models import Connection, Store, SyncSwitch, VariantLink
from syncing.models import Heartbeat, Reconciliation, StockLink, SyncJob
from syncing.queue import heartbeats, jobs
from tests.simulator.simulation import Simulator
from tests.support.fixtures import NORTH, SOURCE, SOUTH

SECRET = "shpss_simulator_secret"
PAIR = f"{SOURCE}:{NORTH}"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def refusal(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value


@pytest.fixture
def stores(source_store: Store, north_store: Store) -> tuple[Store, Store]:
    return source_store, north_store


@pytest.fixture
def connection(stores) -> Connection:
    """Mapped by name, matched, not started."""
    run("connect_stores", SOURCE, NORTH, "--map-by-name")
    run("link_products", PAIR, "--match")
    return Connection.objects.get()


# --- add_store ----------------------------------------------------------------------------------------------------


def test_the_role_of_a_connected_store_cannot_change(connection):
    assert "has connections" in str(refusal("add_store", NORTH, "--role", "source", "--no-check"))


# --- connect_stores -----------------------------------------------------------------------------------------------


def test_stores_are_connected_with_locations_mapped_by_name(stores):
    said = run("connect_stores", SOURCE, NORTH, "--strategy", "two_way", "--identifier", "barcode", "--map-by-name")
    connection = Connection.objects.get()
    assert (connection.strategy, connection.identifier, connection.state) == ("two_way", "barcode", "ready")
    assert [str(mapping) for mapping in connection.mappings.all()] == ["Main warehouse → Main Warehouse"]
    assert f"not mapped, so not synced, in {NORTH}: Outlet, Shop Bremen" in said
    assert not SyncJob.objects.exists()


def test_connecting_again_changes_only_what_is_given(connection):
    run("connect_stores", SOURCE, NORTH, "--alignment", "keep_both")
    run("connect_stores", SOURCE, NORTH, "--map-by-name", "--map", "main WAREHOUSE=Main warehouse")
    again = Connection.objects.get()
    assert (again.alignment, again.identifier, again.mappings.count()) == ("keep_both", "sku", 1)


def test_a_destination_cannot_control(stores):
    error = refusal("connect_stores", NORTH, SOURCE, "--map-by-name")
    assert "it cannot control another store" in str(error)
    assert not Connection.objects.exists()


def test_an_unknown_store_or_location_is_told_with_those_that_are_known(stores):
    error = refusal("connect_stores", "nobody", NORTH)
    assert str(error) == f"There is no store nobody.myshopify.com. Known: {NORTH}, {SOURCE}."
    error = refusal("connect_stores", SOURCE, NORTH, "--map", "Main warehouse=Depot")
    assert "has no location “Depot”" in str(error) and "“Outlet”" in str(error)
    assert not Connection.objects.exists()


def test_two_way_refuses_a_location_that_is_mapped_twice_and_changes_nothing(stores):
    maps = ["--map", "Main warehouse=Outlet", "--map", "Returns=Outlet"]
    error = refusal("connect_stores", SOURCE, NORTH, "--strategy", "two_way", *maps)
    assert "one is mapped twice" in str(error)
    assert not Connection.objects.exists()
    run("connect_stores", SOURCE, NORTH, "--strategy", "one_way", *maps)
    assert "one is mapped twice" in str(refusal("connect_stores", SOURCE, NORTH, "--strategy", "two_way"))
    assert Connection.objects.get().strategy == "one_way"


def test_a_preview_shows_what_a_start_would_change_and_writes_nothing(sim: Simulator, stores):
    before = len(sim.changes(NORTH))
    said = run("connect_stores", SOURCE, NORTH, "--map-by-name", "--preview")
    assert "linked" in said and "Main warehouse → Main Warehouse: source" in said
    assert len(sim.changes(NORTH)) == before
    assert Connection.objects.get().state == Connection.State.READY


@pytest.mark.django_db(transaction=True)
def test_a_start_is_queued_once_locations_are_mapped(stores):
    assert "no locations are mapped" in str(refusal("connect_stores", SOURCE, NORTH, "--start"))
    assert not SyncJob.objects.exists()
    assert "Starting is queued" in run("connect_stores", SOURCE, NORTH, "--map-by-name", "--start")
    assert SyncJob.objects.get().kind == SyncJob.Kind.START_CONNECTION


def test_a_connection_under_moderation_waits_for_approval(stores):
    Store.objects.filter(domain=SOURCE).update(acceptance="moderation")
    error = refusal("connect_stores", SOURCE, NORTH, "--map-by-name", "--start")
    assert "waits for approval" in str(error)
    assert Connection.objects.get().state == Connection.State.PENDING
    run("connect_stores", SOURCE, NORTH, "--approve", "--start")
    assert Connection.objects.get().state == Connection.State.READY


def test_two_way_warns_when_the_source_may_not_be_written(sim: Simulator, stores):
    Store.objects.filter(domain=SOURCE).update(scopes=["read_products"])
    said = run("connect_stores", SOURCE, NORTH, "--strategy", "two_way", "--map-by-name")
    assert "Two-way needs the scope write_inventory" in said


# --- link_products ------------------------------------------------------------------------------------------------


def open_sku(connection: Connection) -> VariantLink:
    return connection.links.filter(state="unmatched").exclude(source_variant__sku_key="").first()


def free_variant(connection: Connection):
    return connection.destination.variants.filter(links_as_destination=None).exclude(sku_key="").first()


def test_links_are_counted_and_listed_with_their_reasons(connection):
    said = run("link_products", PAIR, "--list", "unmatched")
    assert str(linking.count_links(connection)) in said
    assert "It has no SKU." in said


def test_ambiguous_links_are_listed_with_their_candidates(connection):
    if not connection.links.filter(state="ambiguous", candidates__isnull=False).exists():
        pytest.fail("The seed has no ambiguous SKU any more.")
    assert "    candidate: " in run("link_products", str(connection.pk), "--list", "ambiguous")


def test_a_variant_is_linked_by_sku_and_cleared_again(connection):
    link, partner = open_sku(connection), free_variant(connection)
    run("link_products", PAIR, "--link", f"{link.source_variant.sku}={partner.gid}")
    link.refresh_from_db()
    assert (link.destination_variant, link.is_manual, link.reason) == (partner, True, "Linked by the command line.")
    run("link_products", PAIR, "--clear", link.source_variant.sku)
    link.refresh_from_db()
    assert (link.state, link.is_manual) == ("unmatched", False)


def test_of_several_resolutions_all_are_made_or_none(connection):
    link = open_sku(connection)
    taken = connection.links.filter(state="linked").first()
    error = refusal(
        "link_products", PAIR,
        "--ignore", link.source_variant.sku,
        "--link", f"{link.source_variant.gid}={taken.destination_variant.gid}",
    )  # fmt: skip
    assert f"is already linked to {taken.source_variant} of {SOURCE}" in str(error)
    link.refresh_from_db()
    assert link.state == "unmatched"


def test_a_sku_that_several_variants_have_asks_for_the_id(connection):
    repeated = connection.links.filter(state="ambiguous").first().source_variant
    error = str(refusal("link_products", PAIR, "--ignore", repeated.sku))
    assert "give one's id instead" in error and repeated.gid in error
    run("link_products", PAIR, "--ignore", repeated.gid)
    assert connection.links.get(source_variant=repeated).state == "ignored"


def test_an_unknown_connection_is_told_with_those_that_are_known(connection):
    assert PAIR in str(refusal("link_products", f"{SOURCE}:{SOUTH}"))


# --- reconcile ----------------------------------------------------------------------------------------------------


@pytest.fixture
def started(connection) -> Connection:
    connection.start()
    return connection


def test_a_preview_of_a_reconciliation_reads_live_and_writes_nothing(sim: Simulator, started):
    before = len(sim.changes(NORTH))
    assert "pairs would change." in run("reconcile", PAIR, "--preview")
    assert len(sim.changes(NORTH)) == before and not Reconciliation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_all_leaves_out_what_is_paused_and_a_named_one_is_refused(started):
    Connection.objects.update(is_paused=True)
    assert "left out. The connection is paused." in run("reconcile", "--all")
    assert "The connection is paused." in str(refusal("reconcile", PAIR))
    assert not SyncJob.objects.exists()
    Connection.objects.update(is_paused=False)
    assert "queued" in run("reconcile", "--all")
    assert SyncJob.objects.get().kind == SyncJob.Kind.RECONCILE


@pytest.mark.django_db(transaction=True)
def test_waiting_without_workers_ends_with_a_question(started):
    assert "do the workers run?" in str(refusal("reconcile", PAIR, "--wait", "--timeout", "0"))


@pytest.mark.django_db(transaction=True)
def test_waiting_tells_what_the_reconciliation_said_and_fails_with_it(started, monkeypatch):
    def work(job: SyncJob) -> str:
        return "5 pairs compared."

    def fail(job: SyncJob) -> str:
        raise linking.LinkRefused("Not today.")

    for act in (work, fail):
        monkeypatch.setattr(
            "tiposync.console.management.commands.reconcile.time.sleep",
            lambda seconds, act=act: jobs.run_due({SyncJob.Kind.RECONCILE: act}),
        )
        if act is work:
            assert "5 pairs compared." in run("reconcile", PAIR, "--wait")
        else:
            assert f"Failed: {PAIR}." in str(refusal("reconcile", PAIR, "--wait"))


def test_reconcile_says_so_where_there_is_nothing_to_compare(db):
    assert "No connection is started" in run("reconcile", "--all")


def test_reconcile_wants_to_know_what(db):
    assert refusal("reconcile").returncode == 2


# --- sync_status --------------------------------------------------------------------------------------------------


def status(*arguments: str) -> dict:
    return json.loads(run("sync_status", "--json", *arguments))


def test_an_empty_installation_says_what_to_do(db):
    said = run("sync_status")
    assert "add one with add_store" in said and "No worker has ever run." in said


def test_everything_well_exits_with_zero_and_says_so(started):
    Store.objects.update(status="ready")
    heartbeats.beat()
    assert "Nothing needs attention." in run("sync_status", "--check")
    found = status("--check")
    assert found["problems"] == []
    assert found["connections"][0]["connection"] == PAIR
    assert found["connections"][0]["links"]["linked"] == linking.count_links(started).linked


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda: Store.objects.filter(domain=NORTH).update(status="attention", status_reason="Why."),
            "attention. Why.",
        ),
        (lambda: SyncSwitch.objects.create(pk=1, is_stopped=True, reason="Stocktaking"), "paused: Stocktaking"),
        (lambda: StockLink.objects.update(dirty_at=timezone.now() - timedelta(hours=1)), "out of sync since"),
        (lambda: Connection.objects.update(reconciled_at=timezone.now() - timedelta(days=1)), "overdue"),
        (lambda: fail_job(), "failed jobs: 1"),
        (lambda: Heartbeat.objects.update(beat_at=timezone.now() - timedelta(hours=1)), "sign of life"),
    ],
)
def test_what_needs_attention_is_named_and_exits_with_one(started, spoil, words):
    Store.objects.update(status="ready")
    heartbeats.beat()
    run("link_products", PAIR, "--match")  # wires its stock
    StockLink.objects.update(dirty_sequence=5, settled_sequence=4)
    spoil()
    error = refusal("sync_status", "--check")
    assert words in str(error) and error.returncode == 1
    assert any(words in problem for problem in status()["problems"])


def fail_job() -> None:
    SyncJob.objects.create(
        kind=SyncJob.Kind.RECONCILE, connection=Connection.objects.get(), state="failed", due_at=timezone.now()
    )


def test_a_pause_needs_no_attention(started):
    Store.objects.update(status="ready")
    Connection.objects.update(is_paused=True, reconciled_at=timezone.now() - timedelta(days=9))
    heartbeats.beat()
    assert "The connection is paused." in run("sync_status", "--check")


@pytest.mark.parametrize("name", ["add_store", "connect_stores", "link_products", "reconcile", "sync_status"])
def test_the_help_of_each_command_documents_its_exit_codes(name, capsys):
    with pytest.raises(SystemExit):
        call_command(name, "--help")
    shown = capsys.readouterr().out
    assert "Exit codes: 0" in shown and f"manage.py {name} " in shown


def test_a_connection_is_told_how_it_carries_orders(stores):
    run(
        "connect_stores", SOURCE, NORTH, "--strategy", "order", "--orders", "currency_rate=1.1", "--orders", "when=paid"
    )
    run("connect_stores", SOURCE, NORTH, "--orders", "sends_invoice=yes", "--orders", "notifies_customers=yes")
    chosen = Connection.objects.get().order_settings
    assert (chosen.currency_rate, chosen.when) == (Decimal("1.1"), "paid")
    assert (chosen.sends_invoice, chosen.notifies_customers) == (True, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--strategy", "one_way", "--orders", "when=paid"], "imports no orders"),
        (["--strategy", "order", "--orders", "colour=red"], "NAME=VALUE"),
        (["--strategy", "order", "--orders", "when=tomorrow"], "tomorrow"),
        (["--strategy", "order", "--orders", "name_pattern=copy"], "{name} or {number}"),
        (["--strategy", "order", "--orders", "notice_addresses=ops"], "not an e-mail address"),
    ],
)
def test_a_wrong_order_setting_is_refused_in_words_and_changes_nothing(stores, given, words):
    assert words in str(refusal("connect_stores", SOURCE, NORTH, *given))
    assert not OrderSettings.objects.exists()
