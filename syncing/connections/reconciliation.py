"""Compare every linked level of a connection with what Shopify says now, and mark what differs. It never writes stock.

With every webhook lost, this alone brings a connection to the same end state.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

from django.conf import settings
from django.db import DatabaseError
from django.db import connection as db
from django.db.models import Q, QuerySet
from django.utils import timezone

from orders import discovery
from stores.ages import over
from stores.clients import OpenClient
from stores.models import Connection, Store
from stores.shopify import bulk
from stores.shopify.errors import TRANSIENT, BulkFailed
from stores.shopify.inventory import LevelReading
from syncing.connections import participation, rematching, resuming
from syncing.models import Reconciliation, StockLevel, StockLink, StockObservation
from syncing.queue import enqueue, jobs
from syncing.stock import pairs, planning, wiring
from syncing.stock.mirror import levels
from syncing.stock.mirror.contradictions import Contradictions
from syncing.stock.mirror.levels import Hint
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.planning import State

CHUNK_ROWS = 2000
POLL_SECONDS = 5
READ = "read"
UNREAD = "could not be read"
MAY_BE_SOLD = "may be sold by an order that could not be read"
UNREAD_ORDERS = "Orders that Shopify did not let us read, which the next comparison asks for again: {names}."


def run(
    connection: Connection, clients: OpenClient, trigger: str = "schedule", *, is_retry: bool = False
) -> Reconciliation:
    """Read both sides, compare, mark what differs; the report.

    Raises jobs.Later while a bulk operation of Shopify runs (the next call goes on with it), and what the client
    raises; the report then says so. After what passes by itself a retry goes on with it: what one store held is not
    read again each time that the other does not answer.
    """
    report = _open_report(connection, trigger, is_retry)
    try:
        if not report.bulk_gids:  # once a comparison, not again at each look at Shopify's files
            participation.read_anew(connection, clients)
            wiring.wire_connection(connection)
        unread = _read_stores(connection, clients, report)
        # After the levels were read and before drift is corrected: a sale whose order nobody told us of is no drift.
        # One that is being disconnected has no next look: there each order must have been read.
        orders = discover_orders(connection, clients, report, leaves_unread=connection.disconnecting_at is None)
        _compare(connection, report, unread, may_be_sold=bool(orders.unread))
    except jobs.Later:
        raise
    except Exception as error:
        report.message = str(error)
        if getattr(error, "failure", "") != TRANSIENT:
            report.state, report.finished_at = Reconciliation.State.FAILED, timezone.now()
        report.save()
        raise
    words = UNREAD_ORDERS.format(names=", ".join(sorted(orders.unread.values()))) if orders.unread else ""
    report.state, report.message, report.finished_at = Reconciliation.State.DONE, words, timezone.now()
    report.save()
    Connection.objects.filter(pk=connection.pk).update(reconciled_at=report.finished_at)
    return report


def abandon(connection: Connection, reason: str) -> None:
    """End a comparison that is half read: what it has read is old by the time that anything travels again."""
    Reconciliation.objects.filter(connection=connection, state=Reconciliation.State.READING).update(
        state=Reconciliation.State.FAILED, finished_at=timezone.now(), message=f"Given up half read. {reason}"
    )


def _open_report(connection: Connection, trigger: str, is_retry: bool) -> Reconciliation:
    reading = Reconciliation.objects.filter(connection=connection, state=Reconciliation.State.READING)
    # What one store held is old by the time that a comparison is due again: it is read anew, at that pace.
    now, pace = timezone.now(), timedelta(minutes=settings.RECONCILE_MINUTES)
    failed = reading.exclude(message="")
    failed = failed.filter(over("started_at", pace, now)) if is_retry else failed
    failed.update(state=Reconciliation.State.FAILED, finished_at=now)
    return reading.first() or Reconciliation.objects.create(connection=connection, trigger=trigger)


def _linked_levels(connection: Connection, store: Store) -> QuerySet[StockLevel]:
    side = "source_level" if store.pk == connection.source_id else "destination_level"
    return StockLevel.objects.filter(pk__in=StockLink.objects.filter(connection=connection).values(side))


def _wants_bulk(connection: Connection, store: Store, report: Reconciliation) -> bool:
    """Whether this store is still to be read, and too large to be read page by page."""
    begun = report.bulk_gids.get(str(store.pk))
    if begun is not None:  # a file is asked for again and again until it is there: no need to count each time
        return begun != READ
    most = settings.BULK_FROM_LEVELS
    return _linked_levels(connection, store)[: most + 1].count() > most


def _read_stores(connection: Connection, clients: OpenClient, report: Reconciliation) -> set[int]:
    """Read both sides, each as far as it can be; the levels that alone could not be read.

    What one store holds is known although the other does not answer. Raises Later where a file is being prepared, else
    the worst of what a store said that could not be read.
    """
    troubles, problems, unready = Troubles(), [], None
    stores = (connection.source, connection.destination)
    wants = [store for store in stores if _wants_bulk(connection, store, report)]
    # Both prepare their files at one time.
    work: list[Callable[[], object]] = [partial(_ensure_bulk, store, clients, report) for store in wants]
    work += [partial(_read_store, connection, store, clients, report, troubles) for store in stores]
    for step in work:
        try:
            step()
        except jobs.Later as later:
            unready = later
        except DatabaseError:
            raise
        except Exception as error:
            problems.append(error)
    if unready:
        raise unready
    if problems or not all(troubles.can_read(store.pk) for store in stores):
        troubles.errors += problems
        troubles.raise_worst()
    return troubles.unread_level_ids


def _read_store(
    connection: Connection, store: Store, clients: OpenClient, report: Reconciliation, troubles: Troubles
) -> None:
    if report.bulk_gids.get(str(store.pk)) == READ:
        return  # its file was read before the other store's was ready
    linked, contradictions = _linked_levels(connection, store), Contradictions()
    if _wants_bulk(connection, store, report):
        asked = _read_bulk(store, clients, linked, report, contradictions)
    else:
        asked = list(linked.order_by("location_id", "pk"))
    enqueue.carry_stock_of(read_levels(asked, clients, troubles, contradictions=contradictions))
    report.levels_read += sum(level.pk not in troubles.unread_level_ids for level in asked)
    rematching.match_connection(connection, contradictions)
    if not troubles.can_read(store.pk):
        return
    report.bulk_gids[str(store.pk)] = READ
    report.save()


def _read_bulk(
    store: Store,
    clients: OpenClient,
    linked: QuerySet[StockLevel],
    report: Reconciliation,
    contradictions: Contradictions,
) -> list[StockLevel]:
    """Start Shopify's bulk operation, wait for it (Later), then stream its file in chunks: memory stays flat.

    Returns the levels that the file does not speak of, doubtful now: deleted, or not stocked there any more.
    """
    client = clients(store)
    state = bulk.poll(client, _ensure_bulk(store, clients, report))
    if state.is_under_way:
        raise jobs.Later(POLL_SECONDS, f"{store}: Shopify is preparing the file ({state.object_count} objects so far).")
    if state.status != "COMPLETED":
        _forget_bulk(store, report)
        raise BulkFailed(
            f"{store}: Shopify ended the bulk operation without a result ({state.error_code or state.status}); "
            "it is started again.",
            error_code=state.error_code or state.status,
        )
    seen = _Seen(linked)
    lines = _Counted(bulk.stream(state.url, client.session) if state.url else iter(()))
    readings = _readings(lines)
    while chunk := list(islice(readings, CHUNK_ROWS)):
        report.levels_read += _compare_readings(store, chunk, seen, contradictions)
    if lines.count != state.object_count:
        _forget_bulk(store, report)
        raise BulkFailed(f"{store}: the file has {lines.count} of {state.object_count} lines.", error_code="INCOMPLETE")
    missing = seen.missing()
    levels.doubt(missing)
    return list(StockLevel.objects.filter(pk__in=missing).order_by("location_id", "pk"))


def _ensure_bulk(store: Store, clients: OpenClient, report: Reconciliation) -> str:
    """The gid of this comparison's bulk operation, started if there is none; a lost answer's is found again."""
    gid = report.bulk_gids.get(str(store.pk))
    if gid is None:
        client = clients(store)
        running = bulk.find_running(client, bulk.BULK_LEVELS)
        gid = running.gid if running else bulk.start(client, bulk.BULK_LEVELS)
        report.bulk_gids[str(store.pk)] = gid
        report.save(update_fields=["bulk_gids"])
    return gid


def _forget_bulk(store: Store, report: Reconciliation) -> None:
    report.bulk_gids.pop(str(store.pk), None)
    report.save(update_fields=["bulk_gids"])


class _Counted:
    """The lines of a file, and how many there were: a file that broke off must not pass for a short one."""

    def __init__(self, lines: Iterator[dict]) -> None:
        self.lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[dict]:
        for line in self.lines:
            self.count += 1
            yield line


def _readings(lines: Iterable[dict]) -> Iterator[LevelReading]:
    for line in lines:
        reading = bulk.level_reading_from_line(line)
        if reading is not None and reading.as_of is not None:
            yield reading


def _hint(store: Store, reading: LevelReading) -> Hint:
    assert reading.as_of is not None  # `_readings` leaves out those without an instant
    available, is_active = levels.believed(reading, store.is_source)
    return Hint(reading.item_gid, reading.location_gid, available, reading.as_of, is_active=is_active)


class _Seen:
    """Which of the linked levels a file spoke of: a bit for each, so that 100,000 of them take 12 kB."""

    def __init__(self, linked: QuerySet[StockLevel]) -> None:
        self.linked = linked
        ids = linked.order_by("pk").values_list("pk", flat=True)
        self.first, last = ids.first() or 0, ids.last() or 0
        self.bits = bytearray((last - self.first) // 8 + 1)
        self.last = last

    def add(self, pk: int) -> bool:
        """Note a level; False if it is none of the linked ones' range."""
        if not self.first <= pk <= self.last:
            return False
        self.bits[(pk - self.first) // 8] |= 1 << (pk - self.first) % 8
        return True

    def missing(self) -> list[int]:
        """Linked levels that the file did not speak of: deleted, or not stocked there any more."""
        ids = self.linked.order_by("pk").values_list("pk", flat=True)
        return [pk for pk in ids.iterator() if not self.bits[(pk - self.first) // 8] >> (pk - self.first) % 8 & 1]


def _compare_readings(store: Store, chunk: Sequence[LevelReading], seen: _Seen, contradictions: Contradictions) -> int:
    """Observe only the values that differ from the mirror: rows that agree are not even locked."""
    items = [reading.item_gid for reading in chunk]
    rows = StockLevel.objects.filter(store=store, item_gid__in=items).values_list(
        "item_gid", "location__gid", "pk", "available", "is_active", "is_doubtful"
    )
    mirror = {(item, location): (pk, known) for item, location, pk, *known in rows}
    differing, linked = [], []
    for reading in chunk:
        if (reading.item_gid, reading.location_gid) not in mirror:
            continue
        level_pk, known = mirror[reading.item_gid, reading.location_gid]
        if seen.add(level_pk):
            linked.append(reading)
        hint = _hint(store, reading)
        if known != [hint.available, hint.is_active, False]:
            differing.append(hint)
    contradictions.note(store.pk, linked)
    if differing:
        enqueue.carry_stock_of(levels.observe_hints(store, differing, StockObservation.Origin.BULK).connection_ids)
    return len(linked)


def discover_orders(
    connection: Connection, clients: OpenClient, report: Reconciliation, *, leaves_unread: bool = False
) -> discovery.Discovered:
    """Look for orders of the destination that no webhook told of, and have them copied; the report counts them."""
    if not connection.carries_orders and not connection.order_imports.exists():
        return discovery.Discovered()
    discovered = discovery.discover_orders(connection, clients, resuming.move_units, leaves_unread=leaves_unread)
    report.orders_found += discovered.found
    for order_import in discovered.due:
        enqueue.import_order(connection, order_import.order_gid)
    for order_import in discovered.changed:
        enqueue.update_order(connection, order_import.order_gid)
    return discovered


def _compare(connection: Connection, report: Reconciliation, unread: set[int], *, may_be_sold: bool) -> None:
    """Plan every pair as the loop would; hand those that need a write to it.

    `may_be_sold`: what has become less in the destination may be in an order that could not be read, and is no drift.
    """
    # After a change of strategy the loop aligns all pairs anew: what the old one left says nothing under the new one.
    connection.refresh_from_db(fields=["strategy", "aligned_strategy"])
    if connection.aligned_strategy not in ("", connection.strategy):
        enqueue.carry_stock(connection)
        return
    last = (0, 0)
    while chunk := _next_chunk(connection, last):
        last = chunk[-1]
        loaded = pairs.load(Q(connection=connection, destination_level_id__in={level for level, _ in chunk}))
        if may_be_sold:
            loaded = _leave_out(loaded, _has_less, MAY_BE_SOLD, report)
        _compare_chunk(connection, loaded, report, unread)
    report.save()
    enqueue.carry_stock(connection)


def _next_chunk(connection: Connection, last: tuple[int, int]) -> list[tuple[int, int]]:
    """(destination level, link) in that order, so that all that is summed into one level is compared together."""
    rows = StockLink.objects.filter(connection=connection, destination_level_id__gt=last[0])
    return list(rows.order_by("destination_level_id", "pk").values_list("destination_level_id", "pk")[:CHUNK_ROWS])


def _has_less(pair: pairs.Pair) -> bool:
    """Whether the destination offers less than when both sides agreed; where nobody knows that, than the source."""
    has, agreed = pair.destination.available, pair.destination_baseline
    known = pair.source.available if agreed is None else agreed
    return pair.is_aligned and has is not None and known is not None and has < known


def _leave_out(
    loaded: Sequence[pairs.Pair], is_out: Callable[[pairs.Pair], bool], why: str, report: Reconciliation
) -> list[pairs.Pair]:
    known = pairs.leave_out(loaded, is_out)
    if len(known) < len(loaded):
        report.skipped[why] = report.skipped.get(why, 0) + len(loaded) - len(known)
    return known


def _compare_chunk(
    connection: Connection, loaded: Sequence[pairs.Pair], report: Reconciliation, unread: set[int]
) -> None:
    loaded = _leave_out(loaded, lambda pair: any(side.level_id in unread for side in pair.sides()), UNREAD, report)
    sure = pairs.leave_out(loaded, pairs.must_be_read)
    plan = planning.plan(connection, sure)
    marked = {pair.link_id for pair in loaded} - {pair.link_id for pair in sure}
    marked |= {write.pair.link_id for write in plan.writes}
    unlike = {row.pair.link_id for row in plan.settled if _says_otherwise(connection, row)}
    for row in plan.settled:
        if row.state == State.IN_STEP:
            report.equal += 1
        elif row.state == State.DRIFTED and connection.drift == Connection.Drift.CORRECT:
            marked.add(row.pair.link_id)
        else:
            reason = "changed in the destination (reported only)" if row.state == State.DRIFTED else row.reason
            report.skipped[reason] = report.skipped.get(reason, 0) + 1
    report.compared += len(loaded)
    report.differing += len(marked)
    mark(sorted(marked | unlike), report)


def _says_otherwise(connection: Connection, row: planning.Settled) -> bool:
    """Whether the link says something else than is true now, or waits for an activation that may succeed now.

    Nothing is skipped for good: whatever once was the reason, the loop looks again when a comparison says otherwise.
    What is held waits for its operator, or for another value.
    """
    pair = row.pair
    if row.reason == planning.NOT_STOCKED and connection.activates_items:
        return True
    return pair.state != State.HELD and (pair.state, pair.reason) != (row.state, row.reason[:255])


def mark(link_ids: Sequence[int], report: Reconciliation) -> None:
    """Have these pairs planned again, for the sake of this report."""
    with db.cursor() as cursor:
        cursor.execute(
            """
            UPDATE syncing_stocklink link
            SET dirty_at = CASE WHEN dirty_sequence > settled_sequence THEN dirty_at ELSE clock_timestamp() END,
                dirty_sequence = dirty_sequence + 1, reconciliation_id = %s
            FROM (SELECT id FROM syncing_stocklink WHERE id = ANY(%s) ORDER BY id FOR UPDATE) marked
            WHERE link.id = marked.id
            """,
            [report.pk, list(link_ids)],
        )
