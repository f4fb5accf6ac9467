"""One message per problem: opens and ends alerts, composes messages, sends what waits.

A problem that comes back within an hour is the same one, not news. A channel gets at most one message in
ALERT_PAUSE_MINUTES: what appears meanwhile waits for the next one, together.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from stores import locks
from stores.ages import over, within
from stores.locks import Lock
from syncing import fence
from syncing.connections import pausing
from syncing.models import Alert, AlertChannel, AlertMessage, Heartbeat, SyncJob
from syncing.monitoring import channels, reviews, service_problems
from syncing.monitoring.channels import MessageNotSent
from syncing.monitoring.problem import list_of
from syncing.queue import jobs

logger = logging.getLogger(__name__)

FLAPPING = timedelta(hours=1)
SHOWN_ROWS = 20
TOO_OLD = timedelta(days=1)
ALARM, ALARM_PAUSE = "alarm", timedelta(minutes=2)


def watch() -> None:
    """Every minute: take note of what is wrong now and have it told.

    Raises what kept a channel from being told, after all the others were.
    """
    errors: list[Exception] = []
    with transaction.atomic():
        if not locks.try_acquire_until_commit(Lock.WATCH):
            return  # another sweep is at it
        now = timezone.now()
        _note_problems(*service_problems.find_problems(), now)
        for channel in AlertChannel.objects.filter(is_active=True):
            try:
                with transaction.atomic():
                    _compose_due(channel, now)
            except Exception as error:
                logger.exception("The channel “%s” was not told", channel)
                errors.append(error)
        if AlertMessage.objects.filter(state=AlertMessage.State.PENDING).exists():
            jobs.enqueue(SyncJob.Kind.SEND_ALERTS)
    if errors:
        raise errors[0]


def _note_problems(
    found: Iterable[service_problems.Problem], failed: Iterable[service_problems.Problem], now: datetime
) -> None:
    by_key = {(problem.kind, problem.subject): problem for problem in map(_fitting, (*found, *failed))}
    recent = Alert.objects.filter(Q(resolved_at=None) | Q(resolved_at__gt=now - FLAPPING))
    # The open one of each, else the newest: where our clock leapt, one that is younger may have ended.
    ranked = sorted(recent, key=lambda alert: (alert.resolved_at is None, alert.pk))
    known = {(alert.kind, alert.subject): alert for alert in ranked}
    gone = [alert.pk for key, alert in known.items() if key not in by_key and alert.resolved_at is None]
    if failed:  # which of them stand nobody knows: what is not seen now may only not have been looked at
        gone = []
    Alert.objects.filter(pk__in=gone).update(resolved_at=now)
    opened = []
    for key, problem in by_key.items():
        if alert := known.get(key):
            alert.message, alert.path, alert.seen_at, alert.resolved_at = problem.message, problem.path, now, None
            opened.append(alert)
    Alert.objects.bulk_update(opened, ["message", "path", "seen_at", "resolved_at"])
    Alert.objects.bulk_create(
        Alert(
            kind=problem.kind,
            subject=problem.subject,
            message=problem.message,
            path=problem.path,
            store_id=problem.store_id,
            connection_id=problem.connection_id,
            opened_at=now,
            seen_at=now,
        )
        for key, problem in by_key.items()
        if key not in known
    )


def _fitting(problem: service_problems.Problem) -> service_problems.Problem:
    """Whatever its words are, it can be stored: one that could not would keep all the others from being told."""
    widths = {field.name: field.max_length for field in Alert._meta.concrete_fields}
    subject, path = (getattr(problem, name)[: widths[name]] for name in ("subject", "path"))
    return replace(problem, subject=subject, path=path, message=problem.message.replace("\x00", ""))


def _compose_due(channel: AlertChannel, now: datetime) -> bool:
    """Compose what this channel should be told now; whether there was anything."""
    is_composed = _compose_problems(channel, now) if channel.sends_at_once else False
    return (_compose_digest(channel, now) if channel.sends_digest else False) or is_composed


def _compose_problems(channel: AlertChannel, now: datetime) -> bool:
    sent = channel.messages.filter(purpose=AlertMessage.Purpose.PROBLEMS)
    if sent.filter(within("created_at", timedelta(minutes=settings.ALERT_PAUSE_MINUTES), now)).exists():
        return False
    unsent = Alert.objects.filter(resolved_at=None).exclude(pk__in=_known_to(channel, now))
    alerts = _concerning(channel, unsent)
    if not alerts:
        return False
    _compose(channel, AlertMessage.Purpose.PROBLEMS, alerts, _title(alerts), _lines(alerts), now)
    return True


def _known_to(channel: AlertChannel, now: datetime) -> QuerySet:
    """The alerts that this channel need not be told of again: of a pause it is reminded each day, if no digest does."""
    sent = channel.messages.filter(purpose=AlertMessage.Purpose.PROBLEMS)
    known = Alert.objects.filter(messages__in=sent)
    if not channel.sends_digest:
        lately = sent.filter(within("created_at", pausing.REMINDED_AFTER, now))
        known = known.exclude(~Q(pk__in=Alert.objects.filter(messages__in=lately).values("pk")), kind=Alert.Kind.PAUSED)
    return known.values("pk")


def _compose_digest(channel: AlertChannel, now: datetime) -> bool:
    if now.hour < settings.ALERT_DIGEST_HOUR or channel.messages.filter(day=now.date()).exists():
        return False
    opened = _concerning(channel, Alert.objects.filter(resolved_at=None))
    ended = _concerning(channel, Alert.objects.filter(resolved_at__gt=now - timedelta(days=1)))
    if not opened and not ended:
        return False
    text = [
        f"Open: {len(opened)}",
        *_lines(opened),
        "",
        f"Ended since yesterday: {len(ended)}",
        *_lines(ended),
    ]
    title = f"tiposync, {now:%Y-%m-%d}: {len(opened)} open, {len(ended)} ended"
    _compose(channel, AlertMessage.Purpose.DIGEST, opened, title, text, now, day=now.date())
    return True


def _concerning(channel: AlertChannel, alerts: QuerySet[Alert]) -> list[Alert]:
    """Those of the channel's stores, and those of all stores."""
    chosen = set(channel.stores.values_list("pk", flat=True))
    rows = alerts.select_related("connection").order_by("pk")
    if not chosen:
        return list(rows)
    concerned = [(alert, alert.store_ids() | reviews.stores_of(alert)) for alert in rows]
    return [alert for alert, ids in concerned if not ids or chosen & ids]


def _compose(
    channel: AlertChannel,
    purpose: str,
    alerts: Sequence[Alert],
    title: str,
    lines: Sequence[str],
    now: datetime,
    day: date | None = None,
) -> AlertMessage:
    text = "\n".join([*lines, "", f"Everything that is open: {settings.PUBLIC_URL}{list_of('syncing_alert')}"])
    message = AlertMessage.objects.create(
        channel=channel, purpose=purpose, title=_one_line(title), text=text, created_at=now, day=day
    )
    message.alerts.set(alerts)
    return message


def _title(alerts: Sequence[Alert]) -> str:
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    return f"tiposync: {alerts[0]}{more}"


def _one_line(title: str) -> str:
    # A line break in a mail's subject would be taken for another header, which Django refuses to send.
    line = " ".join(title.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def _lines(alerts: Sequence[Alert]) -> list[str]:
    lines = []
    for alert in alerts[:SHOWN_ROWS]:
        lines.append(f"- {alert} (since {alert.opened_at:%Y-%m-%d %H:%M} UTC)")
        if alert.path:
            lines.append(f"  {settings.PUBLIC_URL}{alert.path}")
    return lines + ([f"- and {len(alerts) - SHOWN_ROWS} more"] if len(alerts) > SHOWN_ROWS else [])


def send_pending() -> str | None:
    """Send every message that waits; one that fails does not stop the others.

    Raises MessageNotSent, naming the channels, when one was not sent: it is tried again.
    """
    failed: list[str] = []
    faults: list[Exception] = []
    AlertMessage.objects.filter(state=AlertMessage.State.PENDING, created_at__lt=timezone.now() - TOO_OLD).update(
        state=AlertMessage.State.FAILED
    )
    waiting = AlertMessage.objects.filter(state=AlertMessage.State.PENDING, channel__is_active=True).order_by("pk")
    for message in waiting.select_related("channel"):
        try:
            send(message)
        except MessageNotSent as error:
            failed.append(f"{message.channel}: {error}")
        except Exception as error:  # a fault of ours in one message keeps nobody else's back
            logger.exception("A message to “%s” failed", message.channel)
            faults.append(error)
    if faults:
        raise faults[0]
    if failed:
        raise MessageNotSent(" ".join(dict.fromkeys(failed)))
    return None


def send(message: AlertMessage) -> None:
    """Send one message and note what came of it. Raises MessageNotSent.

    A worker that dies in between sends it again: told twice is better than not at all.
    """
    message.attempts += 1
    try:
        channels.send(message)
    except MessageNotSent as error:
        message.error = str(error)
        message.save(update_fields=["attempts", "error"])
        raise
    message.state, message.sent_at, message.error = AlertMessage.State.SENT, timezone.now(), ""
    message.save(update_fields=["attempts", "state", "sent_at", "error"])


def send_test(channel: AlertChannel) -> None:
    """Send a test message now. Raises MessageNotSent."""
    text = [f"This is a test of the channel “{channel}”. Problems would be told like this:", ""]
    text += ["- Store disconnected: Example store: its token was revoked."]
    title = "tiposync: a test message"
    message = _compose(channel, AlertMessage.Purpose.TEST, [], title, text, timezone.now())
    try:
        send(message)
    except MessageNotSent:
        AlertMessage.objects.filter(pk=message.pk).update(state=AlertMessage.State.FAILED)
        raise


def sound_alarm() -> bool:
    """Called by a web process that finds that scheduled work does not happen: tell it, for perhaps nobody else will.

    Whether anything was done. Many processes and probes may find it at once: one of them in a few minutes does it.
    """
    now = timezone.now()
    Heartbeat.objects.get_or_create(name=ALARM, defaults={"beat_at": now - 2 * ALARM_PAUSE})
    if not Heartbeat.objects.filter(over("beat_at", ALARM_PAUSE, now), name=ALARM).update(beat_at=now):
        return False  # nothing got updated: another process got there first
    for step in (watch, send_pending):  # what waits is sent even where nothing can be added
        try:
            step()
        except MessageNotSent as error:
            logger.error("The alarm could not be sent: %s", error)
        except Exception:
            logger.exception("The alarm failed")
            fence.renew_session()
    return True
