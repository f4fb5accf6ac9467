"""Look for what webhooks did not tell: orders of a destination, and what happened since to them and to their copies."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from orders import carriers, due, intake, missed
from orders.changes import signs
from orders.changes.draft_comparing import CopyComparison
from orders.changes.steps import state
from orders.copies import late_links
from orders.copies.draft_copy import DraftCopy
from orders.models import OrderImport, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection, Store
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import draft_orders, order_lists, orders
from stores.shopify.orders.order_records import OrderRecord, OrderSummary

Kind = OrderUpdate.Kind
logger = logging.getLogger(__name__)

# What is looked at twice: Shopify's search lags, by half an hour at times, and one order may be seen before another.
OVERLAP = timedelta(minutes=45)
CHUNK_ROWS = 100
# Before it is asked again whether an original and its copy are still there: at each hourly look, and not at one more.
FOUND_FOR = timedelta(minutes=30)
UNREAD_ROWS = 3  # where so many fail one after the other, and none was read, it is the store that fails
ORIGINAL_ROWS = 1000  # so many are asked for at a time, the longest unasked first: four calls to each store


@dataclass(slots=True)
class Discovered:
    """What a look found: new rows, and the imports and the copies' changes that now have work to do.

    `unread` are orders that alone could not be read (gid -> name): the next look begins with them.
    """

    found: int = 0
    due: list[OrderImport] = field(default_factory=list)
    changed: list[OrderImport] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    unread_since: datetime | None = None
    has_read: bool = False
    leaves_unread: bool = False

    def leave_unread(
        self, error: errors.ShopifyError, summary: OrderSummary | None, row: OrderImport | None = None
    ) -> None:
        """Go on without an order of which the store says that it alone cannot be read now.

        Raises the error where the store says so of everything: not asked of one order, or of so many in a row.
        """
        if not (self.leaves_unread and error.is_of_request) or (
            not self.has_read and len(self.unread) + 1 >= UNREAD_ROWS
        ):
            raise error
        if summary is not None:
            self.unread_since = min(self.unread_since or summary.updated_at, summary.updated_at)
            self.unread[summary.gid] = summary.name
        if row is not None:
            self.unread.pop(row.copy_order_gid, None)
            self.unread[row.order_gid] = row.order_name
        logger.warning("an order could not be read", extra={"order": list(self.unread)[-1], "error": str(error)})


def discover_orders(
    connection: Connection, clients: OpenClient, move_units: MoveUnits, *, leaves_unread: bool = False
) -> Discovered:
    """Take note of every order that no webhook told of, and of what else is due. Raises what the client raises.

    The next look begins where this one ended, and a little before. A look that breaks off is made again as a whole.
    `leaves_unread`: an order that alone cannot be read ends no look; whoever goes by what is sold must not have that.
    """
    discovered = Discovered(leaves_unread=leaves_unread)
    if connection.orders_from_at is None and not connection.order_imports.exists():
        return discovered
    client = clients(connection.destination)

    def see(some: list[OrderSummary]) -> None:
        _see(connection, some, clients, move_units, discovered)

    # Not by the search, which has not seen the newest yet: what they sold would be taken for drift and put on sale.
    placed = order_lists.iter_orders_placed(client, _since(connection, connection.orders_looked_at))
    while some := list(islice(placed, CHUNK_ROWS)):
        see(some)
    latest = _discover(connection, client, connection.orders_looked_at, see, discovered)
    Connection.objects.filter(pk=connection.pk).update(orders_looked_at=latest)
    discovered.unread_since = None
    latest = _discover(
        connection,
        clients(connection.source),
        connection.copies_looked_at,
        lambda some: _see_copies(some, connection, clients, move_units, discovered),
        discovered,
    )
    Connection.objects.filter(pk=connection.pk).update(copies_looked_at=latest)
    drafts = list(due.open_drafts(connection.pk).select_related("connection__source", "connection__destination"))
    for first in range(0, len(drafts), draft_orders.READ_ROWS):
        _see_drafts(drafts[first : first + draft_orders.READ_ROWS], clients, move_units, discovered)
    _ask_for_deleted(connection, clients, move_units, discovered)
    return discovered


def _discover(
    connection: Connection,
    client: Client,
    before: datetime | None,
    see: Callable[[list[OrderSummary]], None],
    discovered: Discovered,
) -> datetime | None:
    """Show what changed in a store since `before`, some at a time; the instant of the last change, or of the first one
    that could not be read.
    """
    changed = order_lists.iter_orders_updated(client, _since(connection, before))
    while some := list(islice(changed, CHUNK_ROWS)):
        see(some)
        before = max([*([before] if before else []), *(summary.updated_at for summary in some)])
    return min(before, discovered.unread_since) if before and discovered.unread_since else before


def _since(connection: Connection, before: datetime | None) -> datetime:
    # A connection that carries none any more still follows those that it noted.
    begins_at = (connection.orders_from_at or timezone.now() - intake.OLDEST).replace(microsecond=0)
    return max(begins_at, (before or begins_at) - OVERLAP)


def _see(
    connection: Connection, some: list[OrderSummary], clients: OpenClient, move_units: MoveUnits, discovered: Discovered
) -> None:
    """Orders of the destination that were placed or changed."""
    client = clients(connection.destination)
    known = _imports(connection, some, "order_gid")
    for summary in some:
        row = known.get(summary.gid)
        if row is not None and summary.cancelled_at and row.state not in OrderImport.UNFINISHED:
            late_links.end(row, move_units, late_links.CANCELLED)
        if row is None:
            _note_missed(connection, summary, client, move_units, discovered)
        elif row.state in OrderImport.UNFINISHED:
            is_paid = summary.financial_status in intake.PAID
            is_due = intake.is_due_again(row, is_paid=is_paid, is_cancelled=summary.cancelled_at is not None)
            if is_due or intake.may_hold_other_units(row, summary.updated_at):
                discovered.due.append(row)
            if row.attempts or connection.restored_at:
                # There may be a copy already, of what the original was: once it is found, the next look may begin
                # after this change. Where there is none, the copy is made of the original as it is then.
                _note_changes(row, summary, discovered)
        elif row.state == OrderImport.State.SKIPPED:
            _see_skipped(row, summary, client, move_units, discovered)
        elif row.state == OrderImport.State.CONFIRMED:
            _note_changes(row, summary, discovered)
            if signs.is_news(summary.updated_at, row.original_compared_as_of):
                signs.note_original(OrderImport.objects.filter(pk=row.pk))
                _compare(row, clients, move_units, discovered, summary)


def _see_skipped(
    row: OrderImport, summary: OrderSummary, client: Client, move_units: MoveUnits, discovered: Discovered
) -> None:
    """An order of which nothing came from this source may have been given goods of it since it was read."""
    known = row.original_read_as_of or row.placed_at
    is_news = known is None or summary.updated_at > known or summary.is_edited and summary.updated_at == known
    is_wanted = row.late_links in missed.LATE or intake.may_gain_first_goods(row)
    if summary.cancelled_at or not is_news or not is_wanted:
        return
    order = _read(client, summary, discovered)
    if order is None:
        return
    noted = intake.note(row.connection, intake.seen_in_record(order, client.answered_at), move_units)
    discovered.due += [row] if noted.has_work else []
    OrderImport.objects.filter(pk=row.pk).update(original_read_as_of=order.updated_at)


def _note_missed(
    connection: Connection, summary: OrderSummary, client: Client, move_units: MoveUnits, discovered: Discovered
) -> None:
    is_ours = bool(summary.custom_id) or intake.MARK_TAG in summary.tags
    if is_ours or carriers.is_too_early(connection, summary.created_at):
        return
    order = _read(client, summary, discovered)
    if order is None:
        return
    noted = intake.note(connection, intake.seen_in_record(order, client.answered_at), move_units)
    if noted.order_import is not None:
        discovered.found += 1
        discovered.due += [noted.order_import] if noted.has_work else []


def _read(client: Client, summary: OrderSummary, discovered: Discovered) -> OrderRecord | None:
    """An order of the destination; None where it was deleted a moment ago, or alone cannot be read."""
    if summary.gid in discovered.unread:
        return None
    try:
        order = orders.read_order(client, summary.gid)
    except errors.ObjectNotFound:
        return None
    except errors.ShopifyError as error:
        discovered.leave_unread(error, summary)
        return None
    discovered.has_read = True
    return order


def _see_copies(
    some: list[OrderSummary], connection: Connection, clients: OpenClient, move_units: MoveUnits, discovered: Discovered
) -> None:
    """Copies that something happened to; the source's own orders are none of our business."""
    known = _imports(connection, some, "copy_order_gid")
    for summary in some:
        if row := known.get(summary.gid):
            done = dict(row.updates.filter(kind=Kind.FULFILMENT).values_list("origin_gid", "origin_at"))
            news = [shipment for shipment in summary.shipments if shipment[1] != done.get(shipment[0])]
            for gid, changed_at in news:
                intake.note_update(row, Kind.FULFILMENT, gid, changed_at, may_change=True)
            discovered.changed += [row] if news else []
            is_new = row.copy_compared_as_of is None and not _was_touched(summary)
            if not is_new and signs.is_news(summary.updated_at, row.copy_compared_as_of):
                signs.note_copy(OrderImport.objects.filter(pk=row.pk))
                _compare(row, clients, move_units, discovered, summary)


def _was_touched(copy: OrderSummary) -> bool:
    """Whether anything has happened to a copy since it was made."""
    return bool(copy.updated_at > copy.created_at or copy.cancelled_at or copy.refunds or copy.is_edited)


def _compare(
    row: OrderImport,
    clients: OpenClient,
    move_units: MoveUnits,
    discovered: Discovered,
    summary: OrderSummary | None = None,
) -> bool:
    """Compare a copied order now, before its stock is: what is owed must not be taken for drift, and put on sale.

    What cannot be read is left to its own job, which says so, and to the next look (False).
    """
    if row.order_gid in discovered.unread:
        return False
    row.refresh_from_db()
    comparison = CopyComparison(row, OrderSettings.of(row.connection), clients, move_units)
    try:
        comparison.note_news()
        comparison.compare()
    except errors.ShopifyError as error:
        discovered.changed.append(row)
        if error.failure != errors.TRANSIENT:
            return True
        discovered.leave_unread(error, summary, row)
        if comparison.copy is None and row.copy_signs > row.copy_signs_seen:
            intake.hold_unread_copy(row, move_units)
        return False
    discovered.has_read = True
    if row.updates.filter(state__in=state.OPEN).exists():
        discovered.changed.append(row)
    return True


def _ask_for_deleted(
    connection: Connection, clients: OpenClient, move_units: MoveUnits, discovered: Discovered
) -> None:
    """Whether originals and copies are still there, while Shopify would show them: of a deletion no list tells."""
    now = timezone.now()
    young = connection.destination.now() - intake.OLDEST / 2
    rows = OrderImport.objects.filter(connection=connection, placed_at__gt=young).annotate(
        found_at=Coalesce("original_found_at", "created_at")
    )
    is_ended = Exists(OrderUpdate.objects.filter(order_import=OuterRef("pk"), kind=Kind.CANCELLATION))
    is_late = Q(late_links__in=(OrderImport.LateLinks.WANTED, OrderImport.LateLinks.LINKED))
    is_ours = Q(state__in=(OrderImport.State.CONFIRMED, OrderImport.State.WAITING, OrderImport.State.FAILED)) | is_late
    rows = rows.filter(is_ours, ~is_ended, found_at__lt=now - FOUND_FOR).order_by("found_at", "pk")
    some = list(rows.select_related("connection__source", "connection__destination")[:ORIGINAL_ROWS])
    missing = order_lists.find_missing(clients(connection.destination), [row.order_gid for row in some])
    copies = [row.copy_order_gid for row in some if row.copy_order_gid and row.state == OrderImport.State.CONFIRMED]
    missing |= order_lists.find_missing(clients(connection.source), copies)
    gone = [row for row in some if missing & {row.order_gid, row.copy_order_gid}]
    asked = OrderImport.objects.filter(pk__in=[row.pk for row in some])
    asked.exclude(pk__in=[row.pk for row in gone]).update(original_found_at=now)
    for row in gone:  # each until it was seen to: an error keeps none of the others from its turn
        if _see_gone(row, missing, clients, move_units, discovered):
            asked.filter(pk=row.pk).update(original_found_at=now)


def _see_gone(
    row: OrderImport, missing: set[str], clients: OpenClient, move_units: MoveUnits, discovered: Discovered
) -> bool:
    """An order of which Shopify does not show the original, or the copy, any more; whether it was seen to."""
    own = OrderImport.objects.filter(pk=row.pk)
    if row.state == OrderImport.State.CONFIRMED:
        if row.order_gid in missing:
            signs.note_original(own)
        if row.copy_order_gid in missing:
            signs.note_copy(own)
        return _compare(row, clients, move_units, discovered)
    if row.state == OrderImport.State.SKIPPED:
        late_links.end(row, move_units, late_links.DELETED)
    else:
        discovered.due.append(row)
    return True


def ask_for_originals_soon(store: Store, order_gids: Iterable[str]) -> None:
    """Have the next look ask whether these orders of a destination are still there."""
    rows = OrderImport.objects.filter(connection__destination=store, order_gid__in=list(order_gids))
    rows.update(original_found_at=timezone.now() - FOUND_FOR)


def _see_drafts(
    rows: Sequence[OrderImport], clients: OpenClient, move_units: MoveUnits, discovered: Discovered
) -> None:
    """What became of drafts, now: what was in one that staff deleted must not be taken for drift, and put on sale.

    One that alone cannot be read keeps no other from being seen: its units are held back, and its own job says why.
    """
    choices, gone = OrderSettings.of(rows[0].connection), []
    found = _read_drafts(rows, clients)
    for row in rows:
        copy = DraftCopy(row, row.connection.source, clients, move_units, choices)
        if row.copy_gid not in found:
            copy.hold_unread()
            discovered.due.append(row)
            continue
        draft = found[row.copy_gid]
        copy.write_down(draft)
        if draft is None:
            gone.append(row)
        elif choices.sends_invoice and row.draft_status == OrderImport.DraftStatus.OPEN:
            discovered.due.append(row)
    touched = OrderImport.objects.filter(signs.UNSEEN, pk__in=[row.pk for row in rows if found.get(row.copy_gid)])
    for row in [*gone, *touched.select_related("connection__source", "connection__destination")]:
        _compare(row, clients, move_units, discovered)


def _read_drafts(rows: Sequence[OrderImport], clients: OpenClient) -> dict[str, draft_orders.DraftRecord | None]:
    """Those of these drafts that can be read, all at once or, where that fails, one by one.

    Raises what the client raises where the store gives none of them.
    """
    client, found = clients(rows[0].connection.source), dict[str, draft_orders.DraftRecord | None]()
    try:
        return draft_orders.read_drafts(client, [row.copy_gid for row in rows])
    except errors.ShopifyError:
        for count, row in enumerate(rows, 1):
            try:
                found[row.copy_gid] = draft_orders.read_draft(client, row.copy_gid)
            except errors.ShopifyError as error:
                if not found and count >= UNREAD_ROWS and error.failure == errors.TRANSIENT:
                    raise
    return found


def _note_changes(row: OrderImport, original: OrderSummary, discovered: Discovered) -> None:
    """A cancellation and refunds, which the copy must follow. What the copy knows already turns out to be nothing."""
    news = [intake.note_update(row, Kind.REFUND, gid, made_at) for gid, made_at in original.refunds]
    if original.cancelled_at:
        news.append(intake.note_update(row, Kind.CANCELLATION, original.gid, original.cancelled_at))
    discovered.changed += [row] if any(news) else []


def _imports(connection: Connection, some: Iterable[OrderSummary], name: str) -> dict[str, OrderImport]:
    gids = [summary.gid for summary in some]
    rows = OrderImport.objects.filter(connection=connection, **{f"{name}__in": gids})
    rows = rows.select_related("connection__source", "connection__destination")
    return {getattr(row, name): row for row in rows}
