"""One message per problem: what opens an alert, who is told, what is left unsaid, and what happens when it fails."""

import json
from datetime import timedelta

import pytest
import responses
from django.core import mail
from django.db.models.functions import Now
from django.utils import timezone

from stores.models import ProductLink, Store
from syncing import handlers, sweep
from syncing.models import Alert, AlertChannel, AlertMessage, CatalogueRun, Heartbeat, StockLevel, SyncJob
from syncing.monitoring import alerts, service_problems
from syncing.monitoring.channels import MessageNotSent
from syncing.queue import heartbeats, jobs
from tests.support.console.orders import make_failed, make_update
from tests.support.console.press import list_of, look_at, page_of, press
from tests.support.console.rows import NASTY, make_event, make_hold, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

HOOK = "https://hooks.example.com/services/T0/B0/secret-part"


@pytest.fixture
def rows(settings):
    settings.ALERT_DIGEST_HOUR = 24  # no digest unless a test wants one
    settings.ALERT_PRIVATE_HOSTS = ["hooks.example.com"]
    heartbeats.beat()
    return make_rows()


@pytest.fixture
def desk(rows):
    return AlertChannel.objects.create(name="Desk", addresses="desk@example.com, night@example.com")


@pytest.fixture
def later(monkeypatch):
    """Lets time pass: `later(minutes=5)`."""
    real, passed = timezone.now, [timedelta()]
    monkeypatch.setattr(timezone, "now", lambda: real() + passed[0])

    def pass_time(**span) -> None:
        passed[0] += timedelta(**span)
        Heartbeat.objects.update(beat_at=timezone.now())

    return pass_time


def watch() -> list[mail.EmailMessage]:
    """What a minute's sweep and the workers do; the mails that went out."""
    mail.outbox.clear()
    alerts.watch()
    SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(due_at=Now() - timedelta(seconds=1))
    jobs.run_due(handlers.WORK, 5)
    return list(mail.outbox)


def kinds() -> set[str]:
    return {problem.kind for problem in service_problems.find()}


def test_when_all_is_well_nobody_is_told_anything(desk):
    assert watch() == []
    assert not Alert.objects.exists()


def test_a_problem_is_told_once_however_often_it_is_seen(desk, rows, later):
    make_job(rows.connection)
    (sent,) = watch()
    assert sent.to == ["desk@example.com", "night@example.com"]
    assert "Shopify said no." in sent.body
    assert "/admin/syncing/syncjob/" in sent.body
    for _ in range(3):
        later(minutes=30)
        assert watch() == []


def test_problems_that_appear_together_share_a_message(desk, rows):
    make_job(rows.connection)
    make_hold(rows.stock_link)
    StockLevel.objects.filter(pk=rows.stock_link.source_level_id).update(available=-2)
    (sent,) = watch()
    assert "(and 2 more)" in sent.subject
    assert all(word in sent.body for word in ("Job failed", "Needs review", "Oversold", "stands at -2"))


def test_what_appears_within_the_pause_waits_for_the_next_message(desk, rows, later):
    make_job(rows.connection)
    assert len(watch()) == 1
    make_hold(rows.stock_link)
    later(minutes=2)
    assert watch() == []
    later(minutes=9)
    (sent,) = watch()
    assert "Needs review" in sent.body and "Job failed" not in sent.body


def test_what_comes_back_within_an_hour_is_no_news_and_later_it_is(desk, rows, later):
    job = make_job(rows.connection)
    assert len(watch()) == 1
    SyncJob.objects.filter(pk=job.pk).update(state="succeeded")
    later(minutes=15)
    watch()
    assert Alert.objects.get().resolved_at
    SyncJob.objects.filter(pk=job.pk).update(state="failed")
    later(minutes=15)
    assert watch() == []
    assert Alert.objects.get().resolved_at is None
    SyncJob.objects.filter(pk=job.pk).update(state="succeeded")
    watch()
    later(minutes=61)
    SyncJob.objects.filter(pk=job.pk).update(state="failed")
    assert len(watch()) == 1


def test_a_problem_that_stands_is_known_although_a_younger_alert_of_it_has_ended(desk, rows):
    """As after a clock of ours that leapt ahead and back."""
    Store.objects.filter(pk=rows.source.pk).update(status="disconnected")
    watch()
    standing = Alert.objects.get(kind="store_disconnected", resolved_at=None)
    now = timezone.now()
    ended = Alert.objects.create(
        kind=standing.kind, subject=standing.subject, message="", opened_at=now, seen_at=now, resolved_at=now
    )
    watch()
    standing.refresh_from_db()
    ended.refresh_from_db()
    assert standing.resolved_at is None
    assert ended.resolved_at == now


def test_a_disconnected_store_is_told_and_ends_by_itself(desk, rows):
    Store.objects.filter(pk=rows.source.pk).update(status="disconnected", status_reason="The token was revoked.")
    (sent,) = watch()
    assert sent.subject == "tiposync: Store disconnected: Main: The token was revoked."
    Store.objects.update(status="ready")
    watch()
    assert Alert.objects.get().resolved_at


def test_a_channel_of_some_stores_hears_of_these_only_and_of_what_concerns_all(desk, rows, later):
    other = Store.objects.create(domain="other.myshopify.com", name="Other", role="destination", client_id="a")
    desk.stores.set([other])
    make_job(rows.connection)
    assert watch() == []
    Store.objects.filter(pk=other.pk).update(status="disconnected")
    assert "Other" in watch()[0].subject
    later(minutes=11)
    make_event(rows.source, state="new")
    later(minutes=6)
    assert "Webhooks wait" in watch()[0].subject


def test_an_order_that_was_not_copied_is_told(desk, rows):
    order = make_failed(rows.connection)
    make_update(order)
    (sent,) = watch()
    assert "was not imported: Shopify refused it: phone is taken." in sent.body
    assert page_of(order) in sent.body and "Refund" in sent.body


def test_a_held_run_and_what_does_not_follow_are_told_once_for_a_connection(desk, rows):
    run = CatalogueRun.objects.create(connection=rows.connection, kind="all", state="held", hold_reason="50 of 60.")
    for number in range(3):
        gid = f"gid://shopify/Product/{number}"
        ProductLink.objects.create(connection=rows.connection, source_gid=gid, state="failed", reason="Refused.")
    (mail_1, *more) = watch()
    assert f"/admin/syncing/cataloguerun/{run.pk}/change/" in mail_1.body and "50 of 60." in mail_1.body
    assert "3 products do not follow" in mail_1.body and not more
    assert Alert.objects.count() == 2
    CatalogueRun.objects.update(state="finished")
    ProductLink.objects.update(state="unlinked")
    watch()
    assert not Alert.objects.filter(resolved_at=None).exists()


def test_missed_heartbeats_and_waiting_work_are_found(rows):
    old = timezone.now() - timedelta(minutes=20)
    for name in heartbeats.scheduled():
        heartbeats.beat(name)
    assert kinds() == set()
    Heartbeat.objects.filter(name=heartbeats.RETENTION).update(beat_at=old)
    make_job(rows.connection, state="queued", due_at=old, failure="")
    heartbeats.beat(heartbeats.RESTARTED)
    rows.connection.reconciled_at = timezone.now() - timedelta(hours=3)
    rows.connection.save(update_fields=["reconciled_at"])
    assert kinds() == {"heartbeat_missed", "work_waits", "workers_restarted", "overdue"}
    found = {problem.subject for problem in service_problems.find() if problem.kind == "heartbeat_missed"}
    assert found == {heartbeats.RETENTION}


def test_each_piece_of_scheduled_work_beats_its_heart(rows):
    Heartbeat.objects.exclude(name=heartbeats.QUEUE).delete()
    sweep.sweep()
    assert set(heartbeats.scheduled()) <= set(Heartbeat.objects.values_list("name", flat=True))


def test_after_an_installation_the_first_sign_of_life_is_missed_too(rows):
    Heartbeat.objects.all().delete()
    assert "heartbeat_missed" not in kinds()
    Heartbeat.objects.create(name=heartbeats.INSTALLED, beat_at=timezone.now() - timedelta(hours=1))
    assert "heartbeat_missed" in kinds()


def test_with_no_worker_alive_the_probe_of_the_web_sounds_the_alarm_once(desk, client):
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(hours=1))
    mail.outbox.clear()
    for _ in range(5):
        assert client.get("/readyz").status_code == 503
    (sent,) = mail.outbox
    assert "No worker has shown a sign of life" in sent.body


@responses.activate
def test_a_chat_gets_the_text_with_nothing_that_acts_in_it(rows):
    responses.add(responses.POST, HOOK, status=200)
    AlertChannel.objects.create(name="Chat", kind="webhook", url=HOOK)
    make_hold(rows.stock_link)
    watch()
    text = json.loads(responses.calls[0].request.body)["text"]
    assert "&lt;script&gt;" in text and NASTY not in text


@responses.activate
def test_a_channel_that_fails_does_not_stop_the_others_and_is_tried_again(desk, rows):
    responses.add(responses.POST, HOOK, status=500)
    AlertChannel.objects.create(name="Chat", kind="webhook", url=HOOK)
    make_job(rows.connection)
    assert len(watch()) == 1
    job = SyncJob.objects.get(kind=SyncJob.Kind.SEND_ALERTS)
    assert (job.state, job.attempts > 0) == (SyncJob.State.QUEUED, True)
    assert "hooks.example.com answered 500" in job.message and "secret-part" not in job.message
    responses.replace(responses.POST, HOOK, status=200)
    assert watch() == []
    assert set(AlertMessage.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "[::1]", "localhost"])
def test_no_alert_becomes_a_request_inside_our_network(rows, host):
    channel = AlertChannel.objects.create(name="Inside", kind="webhook", url=f"https://{host}/hook")
    with pytest.raises(MessageNotSent, match="not an address on the internet"):
        alerts.send_test(channel)


def test_a_digest_is_sent_once_a_day_and_only_if_there_is_something(desk, rows, settings, later):
    settings.ALERT_DIGEST_HOUR = 0
    desk.sends_at_once = False
    desk.save()
    assert watch() == []
    make_job(rows.connection)
    (digest,) = watch()
    assert "1 open, 0 ended" in digest.subject
    assert watch() == []
    later(days=1)
    assert "1 open" in watch()[0].subject


def test_the_test_button_sends_one_and_says_what_went_wrong(admin_client, desk, settings):
    assert "Look whether it arrived" in press(admin_client, page_of(desk), "Send a test message")
    assert mail.outbox[-1].subject == "tiposync: a test message"
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    page = press(admin_client, page_of(desk), "Send a test message")
    assert "EMAIL_URL is not set" in page
    assert "tiposync: a test message" in page  # among the last messages, as failed


def test_the_address_of_a_webhook_goes_in_and_never_comes_out(admin_client, rows):
    form = {"name": "Chat", "kind": "webhook", "url": HOOK, "is_active": "on", "sends_at_once": "on"}
    admin_client.post("/admin/syncing/alertchannel/add/", form)
    chat = AlertChannel.objects.get()
    assert chat.url == HOOK
    page = look_at(admin_client, page_of(chat)) + look_at(admin_client, page_of(chat, "history"))
    admin_client.post(page_of(chat), form | {"name": "Chat room", "url": ""})
    chat.refresh_from_db()
    assert (chat.name, chat.url) == ("Chat room", HOOK)
    page += look_at(admin_client, list_of("stores_configurationchange"))
    assert "secret-part" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "email", "addresses": ""}, "at least one e-mail address"),
        ({"kind": "email", "addresses": "desk@example.com nobody"}, "nobody is no e-mail address"),
        ({"kind": "webhook", "url": "http://hooks.example.com/x"}, "starts with https://"),
        ({"kind": "webhook", "url": ""}, "starts with https://"),
    ],
)
def test_a_channel_that_leads_nowhere_is_refused(admin_client, rows, fields, words):
    page = admin_client.post("/admin/syncing/alertchannel/add/", {"name": "Desk"} | fields).content.decode()
    assert words in page
    assert not AlertChannel.objects.exists()


def test_the_list_of_alerts_leads_to_the_page_of_each(admin_client, desk, rows):
    job = make_job(rows.connection)
    watch()
    page = look_at(admin_client, list_of("syncing_alert"))
    assert page_of(job) in page
    assert "Desk" in look_at(admin_client, page_of(Alert.objects.get()))
