"""Counts what happened since the last time: webhooks by topic, writes by outcome, how long they took, drift."""

from datetime import UTC, datetime, timedelta

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from syncing.models import Heartbeat, Tally

EVENTS, ADJUSTMENTS, LATENCY, DRIFT = "events", "adjustments", "latency", "drift"
TALLIED = "tallied"  # the heartbeat whose instant tells how far counting has come
FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC)
# What is committed later than this after its own time stamp is not counted. Figures, not the ledger.
LAG = timedelta(seconds=30)
LONGEST_STEP = timedelta(hours=1)
# Upper ends in seconds; what took longer counts under +Inf.
BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)

_EVENTS = """
    SELECT date_trunc('hour', received_at), topic, count(*), 0 FROM syncing_webhookevent
    WHERE received_at > %(after)s AND received_at <= %(until)s GROUP BY 1, 2
"""
_ADJUSTMENTS = """
    SELECT date_trunc('hour', settled_at), state, count(*), 0 FROM syncing_stockadjustment
    WHERE settled_at > %(after)s AND settled_at <= %(until)s GROUP BY 1, 2
"""
# From the arrival of the newest webhook about the level's partner to the answer that our write took effect.
_LATENCY = """
    SELECT date_trunc('hour', settled_at), coalesce(bucket::text, '+Inf'), count(*), sum(seconds)
    FROM (
        SELECT adjustment.settled_at, extract(epoch FROM adjustment.settled_at - cause.received_at)::float8 AS seconds
        FROM syncing_stockadjustment adjustment
        JOIN syncing_stocklink link ON link.id = adjustment.link_id
        JOIN LATERAL (
            SELECT event.received_at FROM syncing_stockobservation seen
            JOIN syncing_webhookevent event ON event.id = seen.event_id
            WHERE seen.level_id = CASE WHEN link.source_level_id = adjustment.level_id
                                       THEN link.destination_level_id ELSE link.source_level_id END
              AND seen.created_at <= adjustment.created_at
            ORDER BY seen.id DESC LIMIT 1
        ) cause ON true
        WHERE adjustment.settled_at > %(after)s AND adjustment.settled_at <= %(until)s
          AND adjustment.state = 'applied' AND adjustment.cause IN ('source_changed', 'destination_changed')
    ) taken
    LEFT JOIN LATERAL (SELECT min(upper_end) AS bucket FROM unnest(%(buckets)s::float8[]) upper_end
                       WHERE upper_end >= taken.seconds) fitting ON true
    GROUP BY 1, 2
"""
_DRIFT = """
    SELECT date_trunc('hour', finished_at), '', sum(differing), sum(compared) FROM syncing_reconciliation
    WHERE finished_at > %(after)s AND finished_at <= %(until)s AND state = 'done' GROUP BY 1
"""
_QUERIES = {EVENTS: _EVENTS, ADJUSTMENTS: _ADJUSTMENTS, LATENCY: _LATENCY, DRIFT: _DRIFT}


def count_new() -> None:
    """Count what happened since the last time, once, whoever asks; called every minute."""
    now = timezone.now()
    with transaction.atomic():
        Heartbeat.objects.get_or_create(name=TALLIED, defaults={"beat_at": now - LAG - timedelta(minutes=1)})
        # Skipped when another sweep is at it.
        mark = Heartbeat.objects.select_for_update(skip_locked=True).filter(name=TALLIED).first()
        if mark is None or mark.beat_at >= now - LAG:
            return
        until = min(now - LAG, mark.beat_at + LONGEST_STEP)
        for name, query in _QUERIES.items():
            _add(name, query, {"after": mark.beat_at, "until": until, "buckets": [float(end) for end in BUCKETS]})
        Heartbeat.objects.filter(pk=mark.pk).update(beat_at=until)


def _add(name: str, query: str, window: dict) -> None:
    with db.cursor() as cursor:
        cursor.execute(query, window)
        rows = cursor.fetchall()
        for hour, label, count, total in rows:
            for at in (hour, FOR_EVER):
                cursor.execute(
                    """
                    INSERT INTO syncing_tally (hour, name, label, count, total) VALUES (%s, %s, %s, %s, %s)
                    ON CONFLICT (name, hour, label) DO UPDATE
                    SET count = syncing_tally.count + excluded.count, total = syncing_tally.total + excluded.total
                    """,
                    [at, name, label[:100], count or 0, total or 0],
                )


def totals(name: str) -> dict[str, tuple[int, float]]:
    """Label to (count, sum) since the beginning."""
    rows = Tally.objects.filter(name=name, hour=FOR_EVER).values_list("label", "count", "total")
    return {label: (count, total) for label, count, total in rows}
