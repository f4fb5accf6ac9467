"""Record a delivery once, and turn what was recorded into observations and work."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, transaction
from django.db import connection as db

from stores.models import Store
from stores.shared.statements import prepared_cursor
from stores.shopify import gids
from stores.shopify.instants import parse_instant
from stores.shopify.texts import read_json
from stores.tracing import traced
from syncing.models import StockBurst, StockObservation, WebhookEvent
from syncing.queue import enqueue, jobs
from syncing.queue.pacing import Paced
from syncing.stock.mirror import levels
from syncing.stock.mirror.levels import Hint

logger = logging.getLogger(__name__)

PROCESS_ROWS = 500
ALONE_SECONDS = 0.05  # how long a worker that has marked something goes on with other webhooks before it wakes another
STORE_SECONDS = 1.0  # how long a store's row is used for one lot after the other
TRACED_EVENTS = 50  # so many webhook ids at most follow a job into the logs
# What reading an unexpected body raises.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError)
LARGEST_QUANTITY = 2**31 - 1  # Shopify's Int, and our column's
STOCK_TOPIC = "inventory_levels/update"
# Each change of stock brings one, which mostly says nothing new. Whatever it leads to waits for company, too: so a lot
# of them is taken in together, and stock does not wait for them.
PATIENT_TOPIC = "products/update"
# Deliveries come far more densely in a flood than a worker can be woken (broker.PACE_SECONDS).
WAKE_PACE_SECONDS = 0.02
_wake_ups = Paced(WAKE_PACE_SECONDS)
Read = TypeVar("Read")
# What the payloads of one topic lead to: one reason in words for each of them.
Effect = Callable[[Store, Sequence[dict]], Sequence[str]]


def record(
    store_id: int, webhook_id: str, topic: str, body: str, event_id: str, triggered_at: datetime | None, version: str
) -> bool:
    """Store a delivery and have it processed; False if Shopify sent it before (its retries keep the webhook id).

    On return the row is committed, so Shopify may be told that it arrived.
    """
    delivery = (store_id, webhook_id, topic, body, event_id, triggered_at, version)
    # Whether the session of this thread still lives, the insertion itself tells: webhooks are too many to ask before.
    db.health_check_done = True  # type: ignore[attr-defined]  # of BaseDatabaseWrapper, which the stubs leave out
    with _wake_ups.company():
        try:
            return _record(*delivery)
        except (OperationalError, InterfaceError):
            if db.is_usable():
                raise
            db.close()
            return _record(*delivery)


def _record(
    store_id: int, webhook_id: str, topic: str, body: str, event_id: str, triggered_at: datetime | None, version: str
) -> bool:
    delivery = (store_id, webhook_id, topic, body, event_id, triggered_at, version)
    with prepared_cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO syncing_webhookevent (store_id, webhook_id, topic, body, event_id, triggered_at, api_version,
                                              received_at, state, reason)
            VALUES (%s, %s, %s, %s, %s, %s, %s, now(), 'new', '') ON CONFLICT (store_id, webhook_id) DO NOTHING
            RETURNING EXISTS (SELECT FROM syncing_stockburst
                              WHERE store_id = %s AND patient_until BETWEEN now() AND now() + make_interval(secs => %s))
            """,
            [*delivery, store_id, StockBurst.LONGEST_PATIENCE.total_seconds()],
        )
        row = cursor.fetchone()
    is_new, is_in_burst = row is not None, row is not None and row[0]
    # Only now, after the row is there for every worker to see (jobs.enqueue tells why).
    if is_in_burst and topic in (STOCK_TOPIC, PATIENT_TOPIC):
        _wake_ups.run("burst", partial(enqueue.process_events, settings.BURST_READ_SECONDS))
    elif not settings.WEBHOOK_PATIENCE_SECONDS:
        _wake_ups.run("all", enqueue.process_events)
    elif topic == PATIENT_TOPIC:
        _wake_ups.run("patient", partial(enqueue.process_events, settings.WEBHOOK_PATIENCE_SECONDS))
    else:
        _wake_ups.run("urgent", enqueue.process_urgent_events)
    return is_new


def replay(event: WebhookEvent) -> None:
    """Process a stored event again. Safe at any time: it only tells where to look."""
    WebhookEvent.objects.filter(pk=event.pk).update(state=WebhookEvent.State.NEW, reason="", processed_at=None)
    enqueue.process_events()


def process_new(
    effects: dict[str, Effect], must_end: Callable[[], bool] = lambda: False, *, only_urgent: bool = False
) -> bool:
    """Process all waiting events (but those that can wait), the oldest first; several workers may do so at once.

    False when it was told to end before none was left. The worker that calls this goes on to carry what was marked,
    without another being woken for it; but where it has more to process for so long, another carries meanwhile.
    """
    stores: dict[int, Store] = {}
    read_at, marked_at = time.monotonic(), None
    while (lot := _process_some(effects, stores, only_urgent)) is not None:
        if not lot.has_more:
            return True
        if must_end():
            return False
        if time.monotonic() - read_at > STORE_SECONDS:
            read_at = time.monotonic()
            stores.clear()
        if lot.dirtied and marked_at is None:
            marked_at = time.monotonic()
        if marked_at is not None and time.monotonic() - marked_at >= ALONE_SECONDS:
            jobs.wake()
            marked_at = None
    return True


@dataclass(frozen=True, slots=True)
class _Lot:
    """What was processed at once: the connections that it dirtied, and whether other events waited as it began.

    Whatever arrives later asks for a job of its own.
    """

    dirtied: set[int]
    has_more: bool


def _process_some(effects: dict[str, Effect], stores: dict[int, Store], only_urgent: bool) -> _Lot | None:
    """Process one lot; None where none waits that nobody has in hand. `stores`: those known already, by their ids.

    Where an event cannot be processed, nothing of the lot was: then it is gone through once more, guarded.
    """
    try:
        return _process_lot(effects, stores, only_urgent, is_guarded=False)
    except _Bad:
        return _process_lot(effects, stores, only_urgent, is_guarded=True)


class _Bad(Exception):
    """An event of a lot cannot be processed."""


def _process_lot(
    effects: dict[str, Effect], stores: dict[int, Store], only_urgent: bool, *, is_guarded: bool
) -> _Lot | None:
    with transaction.atomic():
        # One store and topic in a transaction: levels are locked before their links, as everywhere. With a second store
        # its levels would be waited for with links in hand, for which a run waits that has those levels in hand.
        events, has_more = _lock_lot(only_urgent)
        if not events:
            return None
        topic, store_id = events[0].topic, events[0].store_id
        store = stores.get(store_id) or stores.setdefault(store_id, Store.objects.get(pk=store_id))
        ids = [event.webhook_id for event in events]
        with traced(correlation=ids[:TRACED_EVENTS]):  # for the jobs that they lead to
            dirtied = _process_topic(store, topic, events, effects, is_guarded)
        _save_outcomes(events)
    logger.info("%s processed: %d", topic, len(ids), extra={"store": store.domain, "correlation": ids})
    enqueue.carry_stock_of(dirtied, announced_by=store, goes_on=True)
    return _Lot(dirtied, has_more)


def _lock_lot(only_urgent: bool) -> tuple[list[WebhookEvent], bool]:
    """The oldest event that waits, with those of its store and topic, locked; and whether more wait than these."""
    with prepared_cursor() as cursor:
        cursor.execute(_URGENT_LOT if only_urgent else _LOT)
        rows = cursor.fetchall()
    events = [WebhookEvent.from_db(db.alias, _COLUMNS, row[:-1]) for row in rows]
    return events, len(rows) == PROCESS_ROWS or any(row[-1] for row in rows[:1])


_COLUMNS = [field.attname for field in WebhookEvent._meta.concrete_fields]
# Rows that another worker has in hand are skipped: order does not matter, time stamps do.
_ANY_LOT = f"""
    WITH oldest AS MATERIALIZED (
        SELECT store_id, topic FROM syncing_webhookevent WHERE state = 'new' {{which}}
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    ), others AS MATERIALIZED (
        SELECT EXISTS (SELECT FROM syncing_webhookevent other WHERE other.state = 'new' {{which}}
                       AND (other.store_id <> oldest.store_id OR other.topic <> oldest.topic)) AS has_more FROM oldest
    )
    SELECT {", ".join(f"event.{name}" for name in _COLUMNS)}, others.has_more
    FROM oldest CROSS JOIN others
    JOIN syncing_webhookevent event ON event.store_id = oldest.store_id AND event.topic = oldest.topic
    WHERE event.state = 'new' ORDER BY event.id LIMIT {PROCESS_ROWS} FOR UPDATE OF event SKIP LOCKED
"""
_LOT, _URGENT_LOT = _ANY_LOT.format(which=""), _ANY_LOT.format(which=f"AND topic <> '{PATIENT_TOPIC}'")


def _save_outcomes(events: Sequence[WebhookEvent]) -> None:
    # One plain statement: most of a burst's time would go into the CASE expressions of Django's bulk_update.
    with prepared_cursor() as cursor:
        cursor.execute(
            """
            UPDATE syncing_webhookevent event SET state = new.state, reason = new.reason, processed_at = now()
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS new (id, state, reason) WHERE event.id = new.id
            """,
            [[event.pk for event in events], [event.state for event in events], [event.reason for event in events]],
        )


def _process_topic(
    store: Store, topic: str, events: Sequence[WebhookEvent], effects: dict[str, Effect], is_guarded: bool
) -> set[int]:
    if topic == STOCK_TOPIC:
        return _observe(store, events)
    rows = _readable(events, lambda event, payload: payload)
    if topic in effects:
        follow = _follow if is_guarded else _follow_all
        follow(store, effects[topic], rows)
    else:
        for event, _ in rows:
            event.state, event.reason = WebhookEvent.State.IGNORED, "Nothing here follows this topic."
    return set()


def _observe(store: Store, events: Sequence[WebhookEvent]) -> set[int]:
    hints = _readable(events, _hint)
    marked = levels.observe_hints(store, [hint for _, hint in hints], StockObservation.Origin.WEBHOOK)
    for event, _ in hints:
        event.state = WebhookEvent.State.DONE
        if event.pk in marked.unknown_events:
            event.state, event.reason = WebhookEvent.State.IGNORED, "This item at this location is not linked."
    return marked.connection_ids


def _readable(
    events: Iterable[WebhookEvent], read: Callable[[WebhookEvent, dict], Read]
) -> list[tuple[WebhookEvent, Read]]:
    """What the bodies say; those that cannot be read are refused."""
    readings = []
    for event in events:
        try:
            readings.append((event, read(event, _as_object(read_json(event.body)))))
        except MALFORMED as error:
            _refuse(event, error)
    return readings


def _follow_all(store: Store, effect: Effect, rows: Sequence[tuple[WebhookEvent, dict]]) -> None:
    """All of a topic at once. Raises _Bad where one of them cannot be processed."""
    try:
        reasons = effect(store, [payload for _, payload in rows])
    except (OperationalError, InterfaceError):
        raise  # the database's trouble, not the event's: all of them are processed again
    except Exception as error:
        raise _Bad from error
    _note_done(rows, reasons)


def _follow(store: Store, effect: Effect, rows: Sequence[tuple[WebhookEvent, dict]]) -> None:
    """As `_follow_all`; one by one where one of them cannot be processed: it must not stop the others."""
    try:
        with transaction.atomic():
            reasons = effect(store, [payload for _, payload in rows])
    except (OperationalError, InterfaceError):
        raise  # the database's trouble, not the event's: all of them are processed again
    except Exception as error:
        if len(rows) == 1:
            _refuse(rows[0][0], error)
            return
        for row in rows:
            _follow(store, effect, [row])
        return
    _note_done(rows, reasons)


def _note_done(rows: Sequence[tuple[WebhookEvent, dict]], reasons: Sequence[str]) -> None:
    for (event, _), reason in zip(rows, reasons, strict=True):
        event.state, event.reason = WebhookEvent.State.DONE, reason[:500]


def _refuse(event: WebhookEvent, error: Exception) -> None:
    event.state = WebhookEvent.State.FAILED
    if isinstance(error, MALFORMED):
        event.reason = f"The body is not what Shopify documents for {event.topic}: {error!r}"[:500]
    else:
        logger.error("Event %s (%s) cannot be processed", event.pk, event.topic, exc_info=error)
        event.reason = f"It cannot be processed, a bug of ours: {type(error).__name__}. The log tells more."


def _as_object(payload: object) -> dict:
    if not isinstance(payload, dict):
        raise TypeError("the body is not a JSON object")
    return payload


def _hint(event: WebhookEvent, payload: dict) -> Hint:
    available = payload["available"]
    if available is not None and (isinstance(available, bool) or not isinstance(available, int)):
        raise ValueError(f"available is {available!r}")
    if available is not None and abs(available) > LARGEST_QUANTITY:
        raise ValueError("available is a number that no level can have")
    as_of = parse_instant(payload["updated_at"])
    item_gid = gids.gid("InventoryItem", payload["inventory_item_id"])
    return Hint(item_gid, gids.gid("Location", payload["location_id"]), available, as_of, event.pk)
