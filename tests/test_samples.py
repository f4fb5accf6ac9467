"""The messages that the product sends, as files to look at (tests/samples): written by its own code, never by hand.

`make samples` writes them anew; a file that is no longer what the code sends fails here.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import responses
from django.core import mail
from django.utils import timezone

from orders import notices
from orders.models import OrderSettings
from stores.models import Connection, Store
from stores.shopify.admin_pages import AT_SHOPIFY
from syncing.models import AlertChannel, HoldCause, SyncJob
from syncing.monitoring import alerts
from syncing.queue import heartbeats
from tests.support.console.orders import make_failed, make_import, make_line
from tests.support.console.rows import (
    make_adjustment,
    make_hold,
    make_job,
    make_link,
    make_location,
    make_stock_link,
    make_store,
)

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = Path(__file__).parent / "samples"
WRITES = os.environ.get("TIPOSYNC_WRITE_SAMPLES") == "1"
NOW = datetime(2026, 11, 21, 8, 4, tzinfo=UTC)
HOOK = "https://hooks.example.com/services/T0/B0/x"


class Scene:
    """A connection, and a clock that stands still."""

    source: Store
    destination: Store
    connection: Connection

    def __init__(self, settings) -> None:
        self.settings, self.now = settings, NOW

    def pass_time(self, hours: int) -> None:
        """All that is scheduled happens meanwhile."""
        self.now += timedelta(hours=hours)
        Connection.objects.update(reconciled_at=self.now)
        for name in heartbeats.scheduled():
            heartbeats.beat(name)


@pytest.fixture
def shop(settings, monkeypatch) -> Scene:
    """A shop and a store that follows it, whose rows have the same numbers each time, at eight in the morning."""
    settings.PUBLIC_URL, settings.DEFAULT_FROM_EMAIL = "https://sync.example.com", "tiposync@example.com"
    settings.SHOPIFY_BASE_URL = AT_SHOPIFY
    settings.ALERT_DIGEST_HOUR, settings.ALERT_PRIVATE_HOSTS = 24, ["hooks.example.com"]
    scene = Scene(settings)
    monkeypatch.setattr(timezone, "now", lambda: scene.now)
    source, north = make_store("Main", Store.Role.SOURCE, pk=1), make_store("North", Store.Role.DESTINATION, pk=2)
    connection = Connection.objects.create(
        pk=1, source=source, destination=north, strategy="order", state="running", reconciled_at=NOW
    )
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    scene.source, scene.destination, scene.connection = source, north, connection
    scene.pass_time(0)
    return scene


def mail_of(message: mail.EmailMessage) -> str:
    """A mail as a file: what stands above it, and its text."""
    return f"From: {message.from_email}\nTo: {', '.join(message.to)}\nSubject: {message.subject}\n\n{message.body}"


def notice(shop: Scene, outcome: str) -> mail.EmailMultiAlternatives:
    """The mail about an order."""
    money = {"original_total": Decimal("84.80"), "copy_total": Decimal("92.43"), "copy_currency": "USD"}
    OrderSettings.objects.create(connection=shop.connection, notice_addresses="orders@example.com")
    if outcome == notices.FAILED:
        reason = "The order is in EUR and the source in USD: enter a currency rate in the connection's order settings."
        row = make_failed(shop.connection, pk=7, reason=reason, failure="misconfigured")
    else:
        row = make_import(shop.connection, pk=7, is_partial=outcome == notices.PARTIAL, **money)
    make_line(row, "Red socks")
    if outcome == notices.PARTIAL:
        reason = "Its product is not linked to one of the source."
        make_line(row, "Gift box", quantity=1, state="left_out", reason=reason)
    assert notices.outcome_of(row) == outcome
    return notices.compose(row, outcome, ["orders@example.com"])


def go_wrong(shop: Scene) -> None:
    """Several things at once."""
    place, other = (make_location(store, "Warehouse") for store in (shop.source, shop.destination))
    mapping = shop.connection.mappings.create(source_location=place, destination_location=other)
    pair = make_stock_link(make_link(shop.connection, "Red socks", "SOCK-1"), mapping, 80, 80)
    make_adjustment(pair, 75, 80)
    now = timezone.now()
    HoldCause.objects.create(pk=3, store=shop.source, change="to_zero", began_at=now, newest_at=now)
    make_hold(pair, pk=3, reason="It would fall from 80 to 0.")
    make_job(shop.connection, pk=12, message="Shopify said no: the location is not active.")
    make_failed(shop.connection, 1001, pk=7, reason="Shopify refused it: phone is taken.")


def disconnect(shop: Scene) -> None:
    words = "Shopify no longer accepts its token: the app was uninstalled, or its token revoked."
    Store.objects.filter(pk=shop.destination.pk).update(status="disconnected", status_reason=words)


def told() -> str:
    """What the minute's watch sends."""
    mail.outbox.clear()
    alerts.watch()
    alerts.send_pending()
    SyncJob.objects.filter(kind=SyncJob.Kind.SEND_ALERTS).delete()  # which would have done that
    (sent,) = mail.outbox
    return mail_of(sent)


def alert_one(shop: Scene) -> str:
    disconnect(shop)
    return told()


def alert_several(shop: Scene) -> str:
    go_wrong(shop)
    return told()


def alert_digest(shop: Scene) -> str:
    go_wrong(shop)
    disconnect(shop)
    told()
    shop.pass_time(hours=5)
    Store.objects.update(status="ready", status_reason="")
    alerts.watch()
    shop.pass_time(hours=18)
    shop.settings.ALERT_DIGEST_HOUR = 7
    return told()


def alert_test(shop: Scene) -> str:
    alerts.send_test(AlertChannel.objects.get())
    return mail_of(mail.outbox[-1])


def alert_chat(shop: Scene) -> str:
    AlertChannel.objects.all().delete()
    AlertChannel.objects.create(name="Chat", kind="webhook", url=HOOK)
    go_wrong(shop)
    with responses.RequestsMock() as chat:
        chat.add(responses.POST, HOOK)
        alerts.watch()
        alerts.send_pending()
        return json.dumps(json.loads(chat.calls[0].request.body), indent=2, ensure_ascii=False) + "\n"


SAMPLES: dict[str, Callable[[Scene], str]] = {
    "order-new.txt": lambda shop: mail_of(notice(shop, notices.NEW)),
    "order-new.html": lambda shop: notice(shop, notices.NEW).alternatives[0][0],
    "order-partial.txt": lambda shop: mail_of(notice(shop, notices.PARTIAL)),
    "order-partial.html": lambda shop: notice(shop, notices.PARTIAL).alternatives[0][0],
    "order-failed.txt": lambda shop: mail_of(notice(shop, notices.FAILED)),
    "order-failed.html": lambda shop: notice(shop, notices.FAILED).alternatives[0][0],
    "alert-one.txt": alert_one,
    "alert-several.txt": alert_several,
    "alert-digest.txt": alert_digest,
    "alert-test.txt": alert_test,
    "alert-chat.json": alert_chat,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_what_the_product_sends(shop, name):
    sent = SAMPLES[name](shop).rstrip() + "\n"
    if WRITES:
        (FOLDER / name).write_text(sent)
    assert (FOLDER / name).read_text() == sent, "Look at what has changed, then: make samples"


def test_there_is_no_sample_of_anything_else_and_the_guide_leads_to_each():
    assert {path.name for path in FOLDER.iterdir()} == set(SAMPLES)
    page = (FOLDER.parents[1] / "docs/operating.md").read_text()
    assert [name for name in SAMPLES if f"(../tests/samples/{name})" not in page] == []
