"""Observe: what reached us about levels goes into the mirror, and marks the links that it concerns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from stores.models import Location, Store
from stores.shared.statements import prepared_cursor
from stores.shopify.client import Client
from stores.shopify.inventory import LevelReading, read_levels
from syncing.models import StockLevel, StockLink, StockObservation
from syncing.stock.merge import (
    Mirror,
    Verdict,
    judge_hint,
    judge_live,
    keep_doubt,
    latest,
    live_instant,
    raise_doubt,
)
from syncing.stock.mirror.contradictions import Contradictions

READ_ROWS = 250  # Shopify's limit for a list of ids


@dataclass(frozen=True, slots=True)
class Hint:
    """A value that travelled: from a webhook (then with its event) or from a bulk file.

    `is_active`: whether the item is stocked there; None where it does not say, as a webhook of a quantity. That it is
    not is believed of a live read only: the level is doubtful.
    """

    item_gid: str
    location_gid: str
    available: int | None
    as_of: datetime
    event_id: int | None = None
    is_active: bool | None = None


@dataclass(slots=True)
class _Change:
    """One reading's effect: `seen` is what it said, `before` and `after` the mirror (available, active, doubtful)."""

    level_id: int
    before: tuple[int | None, bool, bool]
    after: tuple[int | None, bool, bool]
    seen: int | None
    as_of: datetime | None
    event_id: int | None = None

    @property
    def matters(self) -> bool:
        """Whether the level's value may have changed for its links; a younger time stamp alone does not."""
        return self.before[:2] != self.after[:2] or self.after[2]


def observe_hints(store: Store, hints: Sequence[Hint], origin: str) -> "Marked":
    """Take travelled values into the mirror, in their order; return what they concern."""
    with transaction.atomic(savepoint=False):
        levels = _lock_levels(store, hints)
        changes, touched, unknown = [], {}, set()
        for hint in hints:
            level = levels.get((hint.item_gid, hint.location_gid))
            if level is None:
                unknown.add(hint.event_id)
                continue
            verdict = judge_hint(_mirror(level), hint.available, hint.as_of)
            if verdict is Verdict.NOTHING and hint.is_active in (None, level.is_active):
                continue
            touched[level.pk] = level
            changes.append(_accept_hint(level, hint, verdict, store.is_source))
        return Marked(_save(touched.values(), changes, origin), unknown)


def _accept_hint(level: StockLevel, hint: Hint, verdict: Verdict, store_is_source: bool) -> "_Change":
    seen = (level, hint.available, hint.as_of)
    if verdict is Verdict.DOUBT:
        doubted = raise_doubt(_mirror(level), latest(hint.as_of, level.as_of, level.doubt_as_of))
        return _doubt(*seen, doubted, hint.event_id)
    # The same quantity is no word about whether it is stocked there.
    if verdict is Verdict.NOTHING or (hint.is_active is False and store_is_source):
        return _doubt(*seen, raise_doubt(_mirror(level), None), hint.event_id)
    if not level.is_active and hint.is_active is None and hint.available is not None:
        # Somebody may have written to the hidden level of an item that is not stocked there.
        return _doubt(*seen, raise_doubt(_mirror(level), None), hint.event_id)
    return _accept(*seen, level.is_active if hint.is_active is None else hint.is_active, hint.event_id)


@dataclass(frozen=True, slots=True)
class Marked:
    """The connections whose links became dirty, and the events that were about levels we do not follow."""

    connection_ids: set[int]
    unknown_events: set[int | None]


def observe_live(
    levels: Sequence[StockLevel],
    client: Client,
    location: Location,
    *,
    except_links: Sequence[int] = (),
    contradictions: Contradictions | None = None,
) -> set[int]:
    """Ask Shopify for these levels of one location and take the answers into the mirror; return what became dirty.

    `except_links` are not marked: the caller plans them with these very values. `contradictions` collects the products
    of which the answers say something else than our rows. Raises what the client raises; then
    nothing of the unread batch was taken: what cannot be read is never used.
    """
    dirtied: set[int] = set()
    for start in range(0, len(levels), READ_ROWS):
        asked = {level.item_gid: level for level in levels[start : start + READ_ROWS]}
        readings = read_levels(client, location.gid, list(asked))
        dirtied |= _accept_live(asked, readings, client.answered_at, except_links, location.store.is_source)
        if contradictions is not None:
            contradictions.note(location.store_id, readings)
    return dirtied


def _accept_live(
    asked: dict[str, StockLevel],
    readings: Iterable[LevelReading],
    answered_at: datetime | None,
    except_links: Sequence[int],
    is_source: bool,
) -> set[int]:
    by_item = {reading.item_gid: reading for reading in readings}
    with transaction.atomic():
        levels, changes = lock_levels([level.pk for level in asked.values()]), []
        for level in levels:
            reading = by_item[level.item_gid]
            available, is_active = believed(reading, is_source)
            if not reading.exists and not is_source:
                available = level.available  # what it was last known to have: two-way, its last sale still travels
            as_of = reading.as_of if is_active and available is not None else None
            verdict = judge_live(_mirror(level), available, as_of, asked[level.item_gid].version)
            if verdict is Verdict.ACCEPT:
                as_of = live_instant(_mirror(level), as_of, answered_at)
                changes.append(_accept(level, available, as_of, is_active))
            elif verdict is Verdict.DOUBT or is_active != level.is_active:
                doubted = keep_doubt(_mirror(level), as_of or answered_at, asked[level.item_gid].version)
                changes.append(_doubt(level, available, reading.as_of, doubted))
        return _save(levels, changes, StockObservation.Origin.LIVE, except_links)


def believed(reading: LevelReading, is_source: bool) -> tuple[int | None, bool]:
    """What a reading says of a level: its quantity, and whether the item is stocked there.

    A source that has none there has 0. A destination that does not stock it sells nothing there, but what is left of
    its level tells what became of its units: they stay with an item that is unticked, and are taken elsewhere from a
    location that closes. Nothing is written to it: it is stocked first, or left alone.
    """
    if is_source and reading.has_none:
        return 0, False
    if reading.exists and reading.tracked and not reading.is_active:
        return reading.available or 0, False  # where there is no level, there are no units
    is_sold = reading.exists and reading.is_active and reading.tracked
    return reading.available if is_sold else None, reading.is_active


def doubt(level_ids: Sequence[int], about: datetime | None = None) -> None:
    """These levels must be read live before they are used again.

    `about`: the instant, by Shopify's clock, that the doubt is about. No value from before ends it: neither a
    webhook's nor the answer to a read that was on its way. Without it nothing but a live read does.
    """
    with transaction.atomic():
        rows = lock_levels(level_ids)
        for level in rows:
            doubt_level(level, about)
        write_mirror(rows)


def doubt_level(level: StockLevel, about: datetime | None) -> None:
    """Doubt a level, which the caller has locked and saves."""
    _set_doubt(level, raise_doubt(_mirror(level), about))


def _set_doubt(level: StockLevel, doubted: Mirror) -> None:
    level.is_doubtful, level.doubt_as_of = doubted.is_doubtful, doubted.doubt_as_of
    level.doubt_version, level.overtaken_as_of = doubted.doubt_version, doubted.overtaken_as_of


def mark_dirty(level_ids: Sequence[int], *, except_links: Sequence[int] = ()) -> set[int]:
    """Mark the links of these levels; return their connections. Runs inside the caller's transaction.

    Links are locked in the order of their ids, here as everywhere: two runs that mark overlapping sets must not wait
    for each other in a circle.
    """
    if not level_ids:
        return set()
    with prepared_cursor() as cursor:
        cursor.execute(
            """
            WITH concerned AS (
                SELECT id FROM syncing_stocklink
                WHERE (source_level_id = ANY(%(levels)s::bigint[]) OR destination_level_id = ANY(%(levels)s::bigint[]))
                  AND NOT (id = ANY(%(except)s::bigint[]))
                ORDER BY id FOR UPDATE
            )
            UPDATE syncing_stocklink link
            SET dirty_at = CASE WHEN dirty_sequence > settled_sequence THEN dirty_at ELSE clock_timestamp() END,
                dirty_sequence = dirty_sequence + 1
            FROM concerned WHERE link.id = concerned.id
            RETURNING link.connection_id
            """,
            {"levels": list(level_ids), "except": list(except_links)},
        )
        return {connection_id for (connection_id,) in cursor.fetchall()}


def _lock_levels(store: Store, hints: Sequence[Hint]) -> dict[tuple[str, str], StockLevel]:
    rows = StockLevel.objects.filter(store=store, item_gid__in={hint.item_gid for hint in hints}).order_by("pk")
    located = rows.annotate(location_gid=F("location__gid")).select_for_update(of=("self",))
    return {(level.item_gid, level.location_gid): level for level in located}


def lock_levels(pks: Sequence[int]) -> list[StockLevel]:
    """These levels, locked until the end of the transaction in the order of their ids, as everywhere."""
    return list(StockLevel.objects.filter(pk__in=pks).order_by("pk").select_for_update(of=("self",)))


def _mirror(level: StockLevel) -> Mirror:
    return Mirror(
        level.available,
        level.as_of,
        level.is_doubtful,
        level.version,
        level.doubt_as_of,
        level.doubt_version,
        level.overtaken_as_of,
    )


def _accept(
    level: StockLevel, available: int | None, as_of: datetime | None, is_active: bool, event_id: int | None = None
) -> _Change:
    before = (level.available, level.is_active, level.is_doubtful)
    level.available, level.as_of, level.is_active = available, as_of, is_active
    level.is_doubtful, level.doubt_as_of, level.doubt_version, level.overtaken_as_of = False, None, 0, None
    return _Change(level.pk, before, (available, is_active, False), available, as_of, event_id)


def _doubt(
    level: StockLevel,
    seen: int | None,
    as_of: datetime | None,
    doubted: Mirror,
    event_id: int | None = None,
) -> _Change:
    before = (level.available, level.is_active, level.is_doubtful)
    _set_doubt(level, doubted)
    return _Change(level.pk, before, (level.available, level.is_active, True), seen, as_of, event_id)


def _save(
    levels: Iterable[StockLevel], changes: Sequence[_Change], origin: str, except_links: Sequence[int] = ()
) -> set[int]:
    """Write the levels that were read, tell what was seen of them, mark the links of those whose value may differ."""
    seen = [
        StockObservation(
            level_id=change.level_id,
            previous=change.before[0],
            available=change.seen,
            as_of=change.as_of,
            origin=origin,
            is_doubtful=change.after[2],
            event_id=change.event_id,
        )
        for change in changes
        if change.matters
    ]
    write_mirror(list(levels), seen)
    return mark_dirty([change.level_id for change in changes if change.matters], except_links=except_links)


def write_mirror(levels: Sequence[StockLevel], seen: Sequence[StockObservation] = ()) -> None:
    """Save the mirror of these levels, which the caller has locked, in one statement; each version moves on.

    And what was seen of them, if anything.
    """
    if not levels:
        return
    names = ("pk", "available", "as_of", "is_active", "is_doubtful", "doubt_as_of", "doubt_version", "overtaken_as_of")
    columns = [[getattr(level, name) for level in levels] for name in names]
    seen_names = ("level_id", "previous", "available", "as_of", "origin", "is_doubtful", "event_id")
    rows = [[getattr(one, name) for one in seen] for name in seen_names]
    with prepared_cursor() as cursor:
        if seen:
            cursor.execute(_SEEN + _WRITE_MIRROR, [timezone.now(), *rows, *columns])
        else:
            cursor.execute(_WRITE_MIRROR, columns)


_SEEN = """
    WITH seen AS (
        INSERT INTO syncing_stockobservation (level_id, previous, available, as_of, origin, is_doubtful, event_id,
                                              created_at)
        SELECT seen.*, now FROM (SELECT %s::timestamptz AS now) clock,
               unnest(%s::bigint[], %s::int[], %s::int[], %s::timestamptz[], %s::text[], %s::bool[], %s::bigint[]) seen
    )
"""
_WRITE_MIRROR = """
    UPDATE syncing_stocklevel level
    SET available = new.available, as_of = new.as_of, is_active = new.is_active,
        is_doubtful = new.is_doubtful, doubt_as_of = new.doubt_as_of, version = version + 1,
        doubt_version = new.doubt_version, overtaken_as_of = new.overtaken_as_of
    FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::bool[], %s::bool[], %s::timestamptz[],
                %s::bigint[], %s::timestamptz[])
         AS new (id, available, as_of, is_active, is_doubtful, doubt_as_of, doubt_version, overtaken_as_of)
    WHERE level.id = new.id
"""


def waiting_connections(level_ids: Sequence[int]) -> set[int]:
    """The connections with dirty links on any of these levels."""
    on_them = Q(source_level__in=level_ids) | Q(destination_level__in=level_ids)
    dirty = StockLink.objects.filter(on_them, dirty_sequence__gt=F("settled_sequence"))
    return set(dirty.values_list("connection_id", flat=True).distinct())
