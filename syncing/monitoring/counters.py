"""Counts what happened since the last time: webhooks by topic, writes by outcome, how long they took, drift."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from syncing.models import Heartbeat, Tally
from syncing.models.tally import FOR_EVER

EVENTS, ADJUSTMENTS, LATENCY, DRIFT = "events", "adjustments", "latency", "drift"
COUNTED = "tallied"  # the heartbeat whose instant tells how far counting has come
# What is committed later than this after its own time stamp is not counted. Figures, not the ledger.
LAG = timedelta(seconds=30)
LONGEST_STEP = timedelta(hours=1)
# Upper ends in seconds; what took longer counts under +Inf.
BUCKETS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600)

# Each gives rows of hour, id of the store or connection (or null), label, count, sum.
_EVENTS = """
    SELECT date_trunc('hour', received_at), store_id, topic, count(*), 0 FROM syncing_webhookevent
    WHERE received_at > %(after)s AND received_at <= %(until)s GROUP BY 1, 2, 3
"""
_ADJUSTMENTS = """
    SELECT date_trunc('hour', settled_at), connection_id, state, count(*), 0 FROM syncing_stockadjustment
    WHERE settled_at > %(after)s AND settled_at <= %(until)s GROUP BY 1, 2, 3
"""
# From the arrival of the newest webhook about the level's partner to the answer that our write took effect.
_LATENCY = """
    SELECT date_trunc('hour', settled_at), connection_id, coalesce(bucket::text, '+Inf'), count(*), sum(seconds)
    FROM (
        SELECT adjustment.settled_at, adjustment.connection_id,
               extract(epoch FROM adjustment.settled_at - cause.received_at)::float8 AS seconds
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
    GROUP BY 1, 2, 3
"""
_DRIFT = """
    SELECT date_trunc('hour', finished_at), connection_id, '', sum(differing), sum(compared)
    FROM syncing_reconciliation
    WHERE finished_at > %(after)s AND finished_at <= %(until)s AND state = 'done' GROUP BY 1, 2
"""
_QUERIES = {EVENTS: _EVENTS, ADJUSTMENTS: _ADJUSTMENTS, LATENCY: _LATENCY, DRIFT: _DRIFT}


def count_new() -> None:
    """Count what happened since the last time, once, whoever asks; called every minute."""
    now = timezone.now()
    with transaction.atomic():
        Heartbeat.objects.get_or_create(name=COUNTED, defaults={"beat_at": now - LAG - timedelta(minutes=1)})
        # Skipped when another sweep is at it.
        mark = Heartbeat.objects.select_for_update(skip_locked=True).filter(name=COUNTED).first()
        if mark is None or mark.beat_at >= now - LAG:
            return
        until = min(now - LAG, mark.beat_at + LONGEST_STEP)
        for name, query in _QUERIES.items():
            _add(name, query, {"after": mark.beat_at, "until": until, "buckets": [float(end) for end in BUCKETS]})
        Heartbeat.objects.filter(pk=mark.pk).update(beat_at=until)


def _add(name: str, query: str, window: dict) -> None:
    sums: dict[tuple[datetime, str, str], list[float]] = defaultdict(lambda: [0, 0])
    with db.cursor() as cursor:
        cursor.execute(query, window)
        for hour, subject_id, label, count, total in cursor.fetchall():
            keys = [(hour, "", label[:100]), (FOR_EVER, "", label[:100])]
            if subject_id:
                # Of a store only how many: every topic of every store would be many rows that nobody looks at.
                keys.append((hour, of_store(subject_id), "") if name == EVENTS else (hour, of(subject_id), label))
            for key in keys:
                sums[key][0] += count or 0
                sums[key][1] += total or 0
        cursor.execute(
            """
            INSERT INTO syncing_tally (hour, subject, label, name, count, total)
            SELECT hour, subject, label, %s, count, total
            FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::bigint[], %s::float8[])
                 AS new (hour, subject, label, count, total)
            ON CONFLICT (name, subject, hour, label) DO UPDATE
            SET count = syncing_tally.count + excluded.count, total = syncing_tally.total + excluded.total
            """,
            [
                name,
                *([key[part] for key in sums] for part in range(3)),
                [int(count) for count, _ in sums.values()],
                [float(total) for _, total in sums.values()],
            ],
        )


def of(connection_id: int) -> str:
    """The subject of what concerns a connection."""
    return f"connection {connection_id}"


def of_store(store_id: int) -> str:
    """The subject of what concerns a store."""
    return f"store {store_id}"


def totals(name: str) -> dict[str, tuple[int, float]]:
    """Label to (count, sum) since the beginning."""
    rows = Tally.objects.filter(name=name, subject="", hour=FOR_EVER).values_list("label", "count", "total")
    return {label: (count, total) for label, count, total in rows}


def counted_until() -> datetime | None:
    """How far counting has come; None before it began."""
    return Heartbeat.objects.filter(name=COUNTED).values_list("beat_at", flat=True).first()


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """Seconds within which this share (0 to 1) of what was measured was done, from a count for each upper end.

    As Prometheus does (histogram_quantile): spread evenly within a bucket; beyond the last end, that end. None where
    nothing was measured.
    """
    rank = share * sum(counts.values())
    if not rank:
        return None
    before, lower = 0, 0.0
    for end in BUCKETS:
        count = counts.get(f"{end:g}", 0)
        if count and before + count >= rank:
            return lower + (end - lower) * (rank - before) / count
        before, lower = before + count, end
    return float(BUCKETS[-1])
