"""Every state that something can get into is told of to an operator, or it is written down here why it is not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from orders.models import OrderImport
from stores.models import CatalogueFile, Connection, FileLink, ProductLink, ResourceLink, Store, Variant
from syncing.models import (
    Alert,
    AlertChannel,
    AlertMessage,
    CatalogueRun,
    Heartbeat,
    PrivacyRequest,
    StockLevel,
    StockLink,
    WebhookEvent,
)
from syncing.monitoring import service_problems
from syncing.queue import heartbeats
from tests.support.console.orders import make_failed, make_import, make_update
from tests.support.console.rows import Rows, make_event, make_hold, make_job, make_reconciliation, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

FINE = "nothing is wrong"
BY_JOB = "its job fails too, and is told of"
BY_LINK = "the state of its link is told of"
ONE_BY_ONE = "its run writes it by itself, which is told of if that fails"
BY_LEDGER = "its hold or its link is told of"
CHOSEN = "a user chose it, and its page says so"
UNDER_WAY = "it goes on by itself; what keeps it from doing so is told of (work waits, heartbeats, failed jobs)"
NO_HURRY = "there may be thousands, and nothing wrong is synced: counted on the dashboard and in the menu"
BY_MAIL = "a mail tells of it where the connection wants that; it has no end that would end an alert"

# (model, field): state -> the kind of alert, or why there is none.
TABLE: dict[tuple[str, str], dict[str, str]] = {
    ("Store", "status"): {
        "new": CHOSEN,
        "ready": FINE,
        "attention": "store_attention",
        "disconnected": "store_disconnected",
    },
    ("Connection", "state"): {
        "pending": CHOSEN,
        "ready": CHOSEN,
        "running": FINE,
        "rejected": CHOSEN,
        "ended": CHOSEN,
        "removed": CHOSEN,
    },
    ("VariantLink", "state"): {
        "linked": FINE,
        "unmatched": NO_HURRY,
        "ambiguous": NO_HURRY,
        "ignored": CHOSEN,
        "gone": NO_HURRY,
    },
    ("ProductLink", "state"): {
        "linked": FINE,
        "creating": UNDER_WAY,
        "unmatched": NO_HURRY,
        "waiting": UNDER_WAY,
        "conflict": "catalogue",
        "failed": "catalogue",
        "unlinked": CHOSEN,
    },
    ("ResourceLink", "state"): {
        "linked": FINE,
        "creating": UNDER_WAY,
        "unmatched": NO_HURRY,
        "waiting": UNDER_WAY,
        "conflict": "catalogue",
        "failed": "catalogue",
        "unlinked": CHOSEN,
    },
    ("CatalogueFile", "state"): {"processing": UNDER_WAY, "ready": FINE, "failed": "catalogue"},
    ("FileLink", "state"): {"wanted": UNDER_WAY, "processing": UNDER_WAY, "ready": FINE, "failed": "catalogue"},
    ("OrderImport", "state"): {
        "planned": "order_waits",
        "waiting": "order_waits",
        "sent": "order_waits",
        "confirmed": FINE,
        "skipped": "order_failed",
        "failed": "order_failed",
    },
    ("OrderImport", "draft_status"): {
        "open": CHOSEN,
        "invoice_sent": CHOSEN,
        "completed": FINE,
        "deleted": "a user of the source deleted it",
    },
    ("OrderImportLine", "state"): {
        "planned": UNDER_WAY,
        "carried": FINE,
        "custom": CHOSEN,
        "left_out": BY_MAIL,
        "elsewhere": FINE,
    },
    ("OrderUpdate", "state"): {
        "planned": UNDER_WAY,
        "sent": UNDER_WAY,
        "confirmed": FINE,
        "skipped": FINE,
        "failed": "order_failed",
        "needs_shop": "order_needs_shop",
    },
    ("WebhookEvent", "state"): {"new": "events_wait", "done": FINE, "ignored": FINE, "failed": "event_failed"},
    ("SyncJob", "state"): {"queued": "work_waits", "running": UNDER_WAY, "succeeded": FINE, "failed": "job_failed"},
    ("StockLink", "state"): {
        "new": UNDER_WAY,
        "in_step": FINE,
        "pending": UNDER_WAY,
        "drifted": "corrected by the next comparison; or only reported, as the connection chose",
        "held": BY_LEDGER,
        "skipped": "stock_refused",
    },
    ("StockBatch", "state"): {"pending": UNDER_WAY, "applied": FINE, "refused": BY_LEDGER, "unknown": BY_LEDGER},
    ("StockAdjustment", "state"): {
        "pending": UNDER_WAY,
        "applied": FINE,
        "stale": "it is planned again",
        "failed": BY_LEDGER,
        "unknown": BY_LEDGER,
    },
    ("StockHold", "state"): {
        "open": "held",
        **dict.fromkeys(("released", "discarded", "superseded", "set_true"), FINE),
    },
    ("Reconciliation", "state"): {"reading": UNDER_WAY, "done": FINE, "failed": BY_JOB},
    ("CatalogueRun", "state"): {
        "planning": UNDER_WAY,
        "running": UNDER_WAY,
        "paused": CHOSEN,
        "held": "held",
        "finished": FINE,
        "cancelled": CHOSEN,
        "failed": BY_JOB,
    },
    ("CatalogueRunItem", "outcome"): {
        "planned": UNDER_WAY,
        "done": FINE,
        "held": "its run is told of",
        "skipped": FINE,
        "waiting": UNDER_WAY,
        "failed": BY_LINK,
    },
    ("BulkOperation", "state"): {
        **dict.fromkeys(("gathering", "gathered", "starting", "running"), UNDER_WAY),
        **dict.fromkeys(("done", "cancelled"), FINE),
        **dict.fromkeys(("failed", "refused", "dropped"), ONE_BY_ONE),
    },
    ("BulkLine", "state"): {"open": UNDER_WAY, "done": FINE, "refused": ONE_BY_ONE, "unknown": ONE_BY_ONE},
    ("PrivacyRequest", "state"): {"open": "privacy", "done": FINE},
    ("AlertMessage", "state"): {
        "pending": "channel_failed",
        "sent": FINE,
        "failed": "given up after a day in which it was told of; or a test, whose page says so",
    },
}
# Kinds that stand for no state of a row.
WITHOUT_STATE = {
    "oversold",
    "stock_unvouched",
    "sale_refused",
    "heartbeat_missed",
    "workers_restarted",
    "webhooks_silent",
    "overdue",
    "clock",
    "paused",
}


@pytest.fixture
def rows() -> Rows:
    for name in heartbeats.scheduled():
        heartbeats.beat(name)
    return make_rows()


def ago(**span: float):
    return timezone.now() - timedelta(**span)


def _store(status: str) -> Callable[[Rows], object]:
    return lambda rows: Store.objects.filter(pk=rows.source.pk).update(status=status)


def _order(state: str, **fields) -> Callable[[Rows], object]:
    def make(rows: Rows) -> None:
        row = make_import(rows.connection, state=state, **fields)
        OrderImport.objects.filter(pk=row.pk).update(created_at=ago(hours=2), changed_at=ago(hours=2))

    return make


def _follower(model: type, state: str, **fields) -> Callable[[Rows], object]:
    return lambda rows: model.objects.create(
        connection=rows.connection, source_gid="gid://shopify/Product/9", state=state, **fields
    )


def _file(rows: Rows) -> None:
    fields = {"source_url": "https://cdn.shopify.com/a.png", "file_gid": "gid://shopify/MediaImage/1"}
    CatalogueFile.objects.create(store=rows.destination, state="failed", checked_at=timezone.now(), **fields)


def _refused(rows: Rows) -> None:
    reason = "Shopify refused it: The quantity cannot be changed."
    StockLink.objects.filter(pk=rows.stock_link.pk).update(state="skipped", reason=reason)


def _refused_sale(rows: Rows) -> None:
    StockLink.objects.update(ending="deny", is_sure=True)
    StockLevel.objects.filter(store=rows.destination).update(available=0)
    Variant.objects.filter(store=rows.destination).update(sale="refused", sale_reason="It cannot be changed.")


def _unsent(rows: Rows) -> None:
    channel = AlertChannel.objects.create(name="Chat", kind="webhook", url="https://hooks.example.com/x")
    fields = {"created_at": timezone.now(), "error": "hooks.example.com answered 500."}
    AlertMessage.objects.create(channel=channel, purpose="problems", title="a", text="b", attempts=3, **fields)


def _silent(rows: Rows) -> None:
    Connection.objects.update(reconciled_at=timezone.now())
    make_reconciliation(rows.connection, differing=0)
    make_reconciliation(rows.connection, differing=2)


def _waiting_event(rows: Rows) -> None:
    WebhookEvent.objects.filter(pk=make_event(rows.source, state="new").pk).update(received_at=ago(minutes=6))


# (model, state) or a kind without one: makes what its finder must find.
MAKERS: dict[object, Callable[[Rows], object]] = {
    "paused": lambda rows: Connection.objects.update(is_paused=True, paused_at=ago(hours=25)),
    "clock": lambda rows: Store.objects.filter(pk=rows.source.pk).update(clock_difference=timedelta(minutes=2)),
    ("Store", "attention"): _store("attention"),
    ("Store", "disconnected"): _store("disconnected"),
    ("ProductLink", "conflict"): _follower(ProductLink, "conflict"),
    ("ProductLink", "failed"): _follower(ProductLink, "failed"),
    ("ResourceLink", "conflict"): _follower(ResourceLink, "conflict", kind="page"),
    ("ResourceLink", "failed"): _follower(ResourceLink, "failed", kind="page"),
    ("CatalogueFile", "failed"): _file,
    ("FileLink", "failed"): lambda rows: FileLink.objects.create(
        source=rows.source, destination=rows.destination, state="failed", checked_at=timezone.now()
    ),
    ("OrderImport", "planned"): _order("planned"),
    ("OrderImport", "waiting"): _order("waiting", waits_for="links"),
    ("OrderImport", "sent"): _order("sent", failure="transient"),
    ("OrderImport", "skipped"): _order("skipped", failure="unmatched"),
    ("OrderImport", "failed"): lambda rows: make_failed(rows.connection),
    ("OrderUpdate", "failed"): lambda rows: make_update(make_import(rows.connection)),
    ("OrderUpdate", "needs_shop"): lambda rows: make_update(make_import(rows.connection), state="needs_shop"),
    ("WebhookEvent", "new"): _waiting_event,
    ("WebhookEvent", "failed"): lambda rows: make_event(rows.source, state="failed", reason="It cannot be read."),
    ("SyncJob", "queued"): lambda rows: make_job(rows.connection, state="queued", due_at=ago(minutes=6)),
    ("SyncJob", "failed"): lambda rows: make_job(rows.connection),
    ("StockLink", "skipped"): _refused,
    ("StockHold", "open"): lambda rows: make_hold(rows.stock_link),
    ("CatalogueRun", "held"): lambda rows: CatalogueRun.objects.create(
        connection=rows.connection, kind="all", state="held", hold_reason="50 of 60."
    ),
    ("PrivacyRequest", "open"): lambda rows: PrivacyRequest.objects.create(
        store=rows.source, kind="data", due_at=timezone.now()
    ),
    ("AlertMessage", "pending"): _unsent,
    "oversold": lambda rows: StockLevel.objects.filter(pk=rows.stock_link.source_level_id).update(available=-2),
    "sale_refused": _refused_sale,
    "stock_unvouched": lambda rows: StockLink.objects.update(ending="leave", state="skipped"),
    "heartbeat_missed": lambda rows: Heartbeat.objects.filter(name=heartbeats.SWEEP).update(beat_at=ago(hours=1)),
    "workers_restarted": lambda rows: heartbeats.beat(heartbeats.RESTARTED),
    "webhooks_silent": _silent,
    "overdue": lambda rows: Connection.objects.update(reconciled_at=ago(hours=3)),
}


def _stateful_fields() -> dict[tuple[str, str], set[str]]:
    """Each field of ours that holds a state, with its states."""
    found = {}
    for app in ("stores", "orders", "syncing"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                if field.choices and field.name in ("state", "status", "draft_status", "outcome"):
                    found[model.__name__, field.name] = {value for value, _ in field.choices if value}
    return found


def test_every_state_of_every_row_has_its_place_in_the_table():
    assert {key: set(states) for key, states in TABLE.items()} == _stateful_fields()


def test_every_kind_of_alert_stands_for_something():
    told = {told for states in TABLE.values() for told in states.values() if told in Alert.Kind.values}
    assert told | WITHOUT_STATE == set(Alert.Kind.values)


def _told() -> list[tuple[object, str]]:
    states = [
        ((model, state), told)
        for (model, _), states in TABLE.items()
        for state, told in states.items()
        if told in Alert.Kind.values
    ]
    return states + [(kind, kind) for kind in sorted(WITHOUT_STATE)]


@pytest.mark.parametrize(("what", "kind"), _told())
def test_what_is_wrong_is_found_as_one_problem_with_a_page(rows, admin_client, what, kind):
    Connection.objects.update(reconciled_at=timezone.now())
    assert service_problems.find() == []
    MAKERS[what](rows)
    (problem,) = service_problems.find()
    assert problem.kind == kind
    assert problem.message and "None" not in problem.message
    if problem.path:
        page = admin_client.get(problem.path)
        assert page.status_code == 200  # a filter that does not exist would lead elsewhere
    else:
        assert kind in ("heartbeat_missed", "workers_restarted")


@pytest.mark.parametrize(
    "make",
    [
        _order("skipped"),  # on purpose
        _order("waiting", waits_for="payment"),
        lambda rows: make_event(rows.source, state="new"),  # just now
        lambda rows: make_job(rows.connection, state="queued"),
        lambda rows: StockLink.objects.update(state="skipped", reason="Its inventory is not tracked."),
        lambda rows: make_reconciliation(rows.connection, differing=2),  # the first one
    ],
)
def test_what_is_as_it_should_be_is_no_problem(rows, make):
    Connection.objects.update(reconciled_at=timezone.now())
    make(rows)
    assert service_problems.find() == []


def test_differences_that_webhooks_told_of_are_no_sign_of_silence(rows):
    _silent(rows)
    Connection.objects.update(reconciled_at=timezone.now())
    assert [problem.kind for problem in service_problems.find()] == ["webhooks_silent"]
    make_event(rows.destination)
    assert service_problems.find() == []


def test_orders_that_wait_while_the_connection_is_paused_are_no_news(rows):
    _order("planned")(rows)
    Connection.objects.update(reconciled_at=timezone.now(), is_paused=True, paused_at=timezone.now())
    assert service_problems.find() == []


def test_a_mail_server_that_is_away_is_one_problem_for_a_hundred_orders(rows):
    Connection.objects.update(reconciled_at=timezone.now())
    for number in range(3):
        make_job(rows.connection, kind="send_notice", subject=f"order import {number}", message="No mail server.")
    (problem,) = service_problems.find()
    assert problem.message == "3 mails about orders were not sent (Main → North): No mail server."


def test_what_fails_once_is_logged_although_nothing_is_left_to_tell(monkeypatch, caplog):
    tries = []

    def fails_once(now):
        tries.append(now)
        if len(tries) == 1:
            raise ValueError("only now and then")
        return iter(())

    monkeypatch.setattr(service_problems, "FINDERS", (fails_once,))
    assert service_problems.find_problems() == ([], [])
    assert len(tries) == 2 and "only now and then" in caplog.text
