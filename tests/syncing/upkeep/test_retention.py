"""Disk use is bounded: every table is pruned by age, bounded by what it is about, or kept for ever for a reason."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure

from orders.models import OrderImport, OrderUpdate
from stores.models import MatchDecision
from syncing.models import (
    Alert,
    AlertChannel,
    AlertMessage,
    CatalogueRun,
    CatalogueRunItem,
    Cluster,
    HoldCause,
    Reconciliation,
    StockBatch,
    StockObservation,
    SyncJob,
    WebhookEvent,
)
from syncing.upkeep import retention
from tests.support.console.orders import make_import, make_line, make_update
from tests.support.console.rows import (
    Rows,
    make_adjustment,
    make_event,
    make_job,
    make_observation,
    make_reconciliation,
    make_rows,
)

pytestmark = pytest.mark.django_db(transaction=True)

CATALOGUE = "as many as the stores have products, variants, levels, locations, and ever had"
PEOPLE = "people make them, a few a day at most"
FEW = "a fixed number"
QUEUE = "goes when the wake-up has run"
LEDGER = (
    "the inventory history: every quantity can be explained for ever; its bulk, the bytes that were sent, goes by age"
)
ORDERS = "why no order is synced twice; what it tells of the customer goes by age"
WITH_OWNER = "goes with the row it belongs to"
PRUNED = "by age"
BLOCKS = "a row for sixteen of what is searched; goes with the last of them"

TABLE = {
    "admin.LogEntry": PEOPLE,
    "auth.Permission": FEW,
    "auth.Group": PEOPLE,
    "auth.Group_permissions": PEOPLE,
    "auth.User": PEOPLE,
    "auth.User_groups": PEOPLE,
    "auth.User_user_permissions": PEOPLE,
    "contenttypes.ContentType": FEW,
    "sessions.Session": PRUNED,
    "django_q.Task": PRUNED,
    "django_q.Success": "none are written (Q_CLUSTER save_limit)",
    "django_q.Failure": PRUNED,
    "django_q.Schedule": FEW,
    "django_q.OrmQ": QUEUE,
    "axes.AccessAttempt": PRUNED,
    "axes.AccessAttemptExpiration": WITH_OWNER,
    "axes.AccessFailureLog": PRUNED,
    "axes.AccessLog": PRUNED,
    "otp_totp.TOTPDevice": PEOPLE,
    "console.KeptPreview": "of the last hour: the older ones go whenever another is kept",
    "console.Preferences": "a row a user",
    "console.SecurityKey": PEOPLE,
    "otp_static.StaticDevice": PEOPLE,
    "otp_static.StaticToken": PEOPLE,
    "stores.Store": PEOPLE,
    "stores.StoreTrouble": "two rows a store at most",
    "stores.Location": CATALOGUE,
    "stores.SyncSwitch": FEW,
    "stores.StoreLimit": PEOPLE,
    "stores.StoreLimit_stores": PEOPLE,
    "stores.Connection": PEOPLE,
    "stores.LocationMapping": PEOPLE,
    "stores.CatalogueSettings": PEOPLE,
    "stores.ProductLink": CATALOGUE,
    "stores.ResourceLink": CATALOGUE,
    "stores.CatalogueFile": CATALOGUE,
    "stores.FileLink": CATALOGUE,
    "stores.Unpublished": CATALOGUE,
    "stores.CurrencyRate": PEOPLE,
    "stores.ConfigurationChange": PEOPLE,
    "stores.Product": CATALOGUE,
    "stores.ChosenCollection": "as many as selections name",
    "stores.Variant": CATALOGUE,
    "stores.VariantLink": CATALOGUE,
    "stores.VariantLink_candidates": CATALOGUE,
    "stores.MatchDecision": PRUNED,
    "stores.DecidedMatch": WITH_OWNER,
    "orders.OrderImport": ORDERS,
    "orders.OrderImportLine": ORDERS,
    "orders.OrderSettings": PEOPLE,
    "orders.OrderSplit": ORDERS,
    "orders.OrderUpdate": ORDERS,
    "syncing.AlertChannel": PEOPLE,
    "syncing.AlertChannel_stores": PEOPLE,
    "syncing.Alert": PRUNED,
    "syncing.AlertMessage": PRUNED,
    "syncing.AlertMessage_alerts": WITH_OWNER,
    "syncing.SyncJob": PRUNED,
    "syncing.Cluster": PRUNED,
    "syncing.Heartbeat": FEW,
    "syncing.BulkOperation": WITH_OWNER,
    "syncing.BulkLine": WITH_OWNER,
    "syncing.CatalogueRun": PRUNED,
    "syncing.CatalogueRunItem": WITH_OWNER,
    "syncing.WebhookEvent": PRUNED,
    "syncing.RecentChanges": "a row a store",
    "syncing.StockBurst": "a row a store",
    "syncing.Reconciliation": PRUNED,
    "syncing.StockLevel": CATALOGUE,
    "syncing.StockLink": CATALOGUE,
    "syncing.StockObservation": PRUNED,
    "syncing.StockBatch": LEDGER,
    "syncing.StockAdjustment": LEDGER,
    "syncing.StockHold": LEDGER,
    "syncing.HoldCause": PRUNED,
    "syncing.PrivacyRequest": "proof that it was done; a few a year",
    "syncing.RowCount": "a row a connection, table and state",
    "syncing.VariantTexts": BLOCKS,
    "syncing.ProductTexts": BLOCKS,
    "syncing.RunItemTexts": BLOCKS,
    "syncing.ChangedTexts": "of the last minute",
    "syncing.Tally": PRUNED,
}


def test_every_table_is_bounded_or_has_a_reason():
    models = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    assert models == set(TABLE)


@pytest.fixture
def rows(settings) -> Rows:
    settings.RETENTION_DAYS = 30
    return make_rows()


def _alert(rows: Rows, **fields) -> Alert:
    now = timezone.now()
    defaults = {"kind": "held", "subject": "a", "message": "b", "opened_at": now, "seen_at": now}
    return Alert.objects.create(**(defaults | fields))


def _message(rows: Rows) -> AlertMessage:
    channel, _ = AlertChannel.objects.get_or_create(name="Desk", addresses="desk@example.com")
    return AlertMessage.objects.create(channel=channel, purpose="test", title="a", text="b", created_at=timezone.now())


def _run(rows: Rows) -> CatalogueRun:
    run = CatalogueRun.objects.create(connection=rows.connection, kind="all", state="finished")
    CatalogueRunItem.objects.create(run=run, action="update", source_gid="gid://shopify/Product/1")
    return run


def _instants() -> dict[str, datetime]:
    return dict.fromkeys(("began_at", "newest_at"), timezone.now())


def _failure(rows: Rows) -> Failure:
    now, number = timezone.now(), Failure.objects.count()
    return Failure.objects.create(id=f"f{number}", name="f", func="f", started=now, stopped=now, success=False)


def _attempt(number: int) -> AccessAttempt:
    return AccessAttempt.objects.create(username=f"a{number}", failures_since_start=1)


def _cluster(process: int) -> Cluster:
    return Cluster.objects.create(host="sync-1", process=process, worker_count=2, beat_at=timezone.now())


# Model: (the column that ages, makes a row)
MAKERS: dict[type, tuple[str, Callable[[Rows], object]]] = {
    WebhookEvent: ("received_at", lambda rows: make_event(rows.source, f"e{WebhookEvent.objects.count()}")),
    StockObservation: ("created_at", lambda rows: make_observation(rows.stock_link.source_level, 1, 2)),
    SyncJob: ("finished_at", lambda rows: make_job(rows.connection, subject=str(SyncJob.objects.count()))),
    CatalogueRun: ("finished_at", _run),
    AlertMessage: ("created_at", _message),
    Alert: ("resolved_at", lambda rows: _alert(rows, resolved_at=timezone.now())),
    Cluster: ("beat_at", lambda rows: _cluster(Cluster.objects.count())),
    Reconciliation: ("finished_at", lambda rows: make_reconciliation(rows.connection)),
    HoldCause: ("newest_at", lambda rows: HoldCause.objects.create(**_instants(), store=rows.source, change="to_zero")),
    MatchDecision: ("made_at", lambda rows: MatchDecision.objects.create(kind="link")),
    AccessAttempt: ("attempt_time", lambda rows: _attempt(AccessAttempt.objects.count())),
    AccessFailureLog: ("attempt_time", lambda rows: AccessFailureLog.objects.create(username="a")),
    AccessLog: ("attempt_time", lambda rows: AccessLog.objects.create(username="a")),
    Failure: ("stopped", _failure),
}


@pytest.mark.parametrize("model", MAKERS)
def test_what_is_old_goes_and_what_is_young_stays(rows, model):
    column, make = MAKERS[model]
    old, young = make(rows), make(rows)
    ends = timezone.now() - (retention.KEEP_CLUSTERS if model is Cluster else timedelta(days=30))
    model.objects.filter(pk=old.pk).update(**{column: ends - timedelta(hours=1)})
    model.objects.filter(pk=young.pk).update(**{column: ends + timedelta(hours=1)})
    retention.prune()
    assert list(model.objects.values_list("pk", flat=True)) == [young.pk]


def test_sign_ins_that_have_ended_go(rows):
    for key, hours in (("over", -1), ("on", 1)):
        ends = timezone.now() + timedelta(hours=hours)
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    retention.prune()
    assert [session.session_key for session in Session.objects.all()] == ["on"]


def test_every_table_that_is_pruned_is_tried_here():
    tried = {model._meta.label for model in MAKERS} | {"sessions.Session", "django_q.Task", "syncing.Tally"}
    assert {label for label, words in TABLE.items() if words == PRUNED} == tried  # tallies: test_metrics


def test_an_open_alert_and_waiting_webhooks_stay_however_old(rows):
    old = timezone.now() - timedelta(days=99)
    _alert(rows, opened_at=old, seen_at=old)
    WebhookEvent.objects.filter(pk=make_event(rows.source, state="new").pk).update(received_at=old)
    retention.prune()
    assert Alert.objects.exists() and WebhookEvent.objects.exists()


def test_the_bytes_of_a_settled_write_go_and_its_ledger_stays(rows, admin_client):
    settled, pending = (make_adjustment(rows.stock_link, 7, 5).batch for _ in range(2))
    StockBatch.objects.update(answered_at=timezone.now() - timedelta(days=31))
    StockBatch.objects.filter(pk=pending.pk).update(state="unknown")
    retention.prune()
    assert bytes(StockBatch.objects.get(pk=settled.pk).body) == b""
    assert bytes(StockBatch.objects.get(pk=pending.pk).body) != b""
    assert settled.adjustments.get().delta == -2
    assert "Removed by age." in admin_client.get(f"/admin/syncing/stockbatch/{settled.pk}/change/").content.decode()


@pytest.fixture
def order(rows) -> OrderImport:
    """A copied order that tells of its customer in four places."""
    order = make_import(rows.connection, reason="The invoice was not sent. ada@example.com is invalid.")
    make_line(order, "Engraving for Ada", variant_gid="", state="custom")
    make_line(order, "Red socks")
    make_update(order, kind="fulfilment", state="confirmed", body={"tracking": ["DHL", ["JD01"], []]}, reason="Ada")
    return order


def age(order: OrderImport, days: int) -> None:
    for rows in (OrderImport.objects.filter(pk=order.pk), OrderUpdate.objects.filter(order_import=order)):
        rows.update(changed_at=timezone.now() - timedelta(days=days))


def told(order: OrderImport) -> str:
    order.refresh_from_db()
    updates = [f"{update.reason} {update.body}" for update in order.updates.all()]
    return " ".join([order.reason, *order.lines.values_list("title", flat=True), *updates])


def test_what_orders_tell_of_their_customers_goes_by_age_and_the_order_stays(order):
    age(order, 29)
    retention.prune()
    assert all(word in told(order) for word in ("ada@", "Engraving", "JD01"))
    age(order, 31)
    retention.prune()
    assert not any(word in told(order) for word in ("ada@", "Ada", "JD01"))
    assert "Red socks" in told(order) and (order.state, order.is_forgotten) == ("confirmed", True)
    assert order.updates.get().state == "confirmed"


def test_an_order_with_a_change_under_way_is_let_be_until_that_is_over(order):
    make_update(order, state="planned", body={"tracking": ["DHL", ["JD02"], []]})
    age(order, 31)
    retention.prune()
    assert "JD02" in told(order)
    OrderUpdate.objects.update(state="confirmed")
    retention.prune()
    assert "JD02" not in told(order)


def test_pruning_while_others_write_takes_a_batch_at_a_time_and_waits_for_nobody(rows, monkeypatch):
    monkeypatch.setattr(retention, "BATCH_ROWS", 10)
    old = timezone.now() - timedelta(days=31)
    for number in range(25):
        make_event(rows.source, f"e{number}")
    WebhookEvent.objects.update(received_at=old)
    left = []
    while WebhookEvent.objects.filter(received_at__lt=timezone.now() - timedelta(days=30)).exists():
        retention.prune()
        make_event(rows.source, f"new {len(left)}")
        left.append(WebhookEvent.objects.filter(webhook_id__startswith="e").count())
    assert left == [15, 5, 0]
    assert WebhookEvent.objects.count() == 3
