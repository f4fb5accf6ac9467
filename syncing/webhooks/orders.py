"""What a webhook about an order leads to: a row with its units held back, and the work of copying it or its changes."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from orders import discovery, due, intake
from orders.changes import echoes, signs
from orders.copies import late_links
from orders.models import OrderImport, OrderUpdate
from orders.reserved_units import Returned, reserve
from stores.clients import OpenClient
from stores.models import Connection, Store
from stores.shopify import gids
from stores.shopify.errors import ShopifyError
from stores.shopify.instants import instant_or_none
from syncing.connections.resuming import move_units
from syncing.queue import enqueue

Payloads = Sequence[dict]
Kind = OrderUpdate.Kind
COMPARED = "Original and copy are compared, unless it says what is known."
NOT_OURS = "It concerns no order that we imported."
NO_NEWS = "Nothing that concerns us has changed, or it is none of ours."
NOBODY = "No connection imports this store's orders."


class _Later:
    """Collects what several orders move: links are marked once, in the order of their ids, as everywhere."""

    def __init__(self) -> None:
        self.variants: set[int] = set()
        self.moved_at: datetime | None = None

    def __call__(
        self, source_variant_ids: Collection[int], moved_at: datetime | None, returned: Returned | None = None
    ) -> None:
        self.variants |= set(source_variant_ids)
        if source_variant_ids and moved_at is not None:
            self.moved_at = max(self.moved_at or moved_at, moved_at)


def follow_orders(store: Store, payloads: Payloads) -> list[str]:
    """orders/create, paid and updated: any of them may be the first to arrive, or the only one."""
    if store.is_source:
        return _follow_copies(store, payloads)
    return _note_all(store, payloads, lambda connection, order_import, seen: None)


def cancel_orders(store: Store, payloads: Payloads) -> list[str]:
    """orders/cancelled: before the copy was made there will be none, afterwards the copy is cancelled, too."""
    if store.is_source:
        return _follow_copies(store, payloads)

    def cancel(connection: Connection, order_import: OrderImport, seen: intake.SeenOrder) -> None:
        # Also while the import is under way: it may have read the original before this.
        if order_import.state != OrderImport.State.SKIPPED:
            intake.note_update(order_import, Kind.CANCELLATION, seen.gid, seen.cancelled_at)
            enqueue.update_order(connection, seen.gid)

    return _note_all(store, payloads, cancel)


def _note_all(
    store: Store, payloads: Payloads, then: Callable[[Connection, OrderImport, intake.SeenOrder], None]
) -> list[str]:
    connections = list(intake.carrying_connections(store.pk))
    if not connections:
        return [NOBODY] * len(payloads)
    orders = [intake.seen_in_payload(payload) for payload in payloads]
    reasons = [""] * len(payloads)
    moved = _Later()
    with transaction.atomic():
        # By order: two workers with deliveries of the same orders must not wait for each other's rows in a circle.
        for index in sorted(range(len(orders)), key=lambda i: orders[i].gid):
            words = []
            for connection in connections:
                noted = intake.note(connection, orders[index], moved)
                words.append(noted.words)
                if noted.has_work:
                    enqueue.import_order(connection, orders[index].gid)
                if noted.has_changes:
                    enqueue.compare_orders(connection, orders[index].gid)
                if noted.order_import is not None:
                    if orders[index].cancelled_at and noted.order_import.state not in OrderImport.UNFINISHED:
                        late_links.end(noted.order_import, moved, late_links.CANCELLED)
                    then(connection, noted.order_import, orders[index])
            reasons[index] = " ".join(words)
        move_units(moved.variants, None)
    return reasons


def _follow_copies(store: Store, payloads: Payloads) -> list[str]:
    """orders/* in a source: a copy of ours may have been cancelled, refunded or edited by staff."""
    gid_of = [gids.gid("Order", payload["id"]) for payload in payloads]
    known = _by(OrderImport.objects.filter(connection__source=store, copy_order_gid__in=gid_of), "copy_order_gid")
    reasons, moved = [], _Later()
    with transaction.atomic():
        # By order: two workers with deliveries of the same orders must not wait for each other's rows in a circle.
        for index in sorted(range(len(payloads)), key=lambda i: gid_of[i]):
            for row in known.get(gid_of[index], ()):
                if _is_new(payloads[index]) and row.copy_compared_as_of is None:
                    continue  # it tells of its creation
                if intake.note_life_of_copy(row, payloads[index], moved):
                    enqueue.compare_orders(row.connection, row.order_gid)
            if gid_of[index] not in known and not _is_new(payloads[index]):
                _note_unknown_copy(store, payloads[index])
        reasons = [COMPARED if known.get(gid) else NOT_OURS for gid in gid_of]
        move_units(moved.variants, moved.moved_at)
    return reasons


def _note_unknown_copy(store: Store, payload: dict) -> None:
    """Something has happened to a copy before the answer to its creation told us of it: it is compared once it is
    known."""
    domain, _, number = str(payload.get("source_identifier") or "").rpartition("/")
    try:
        order_gid = gids.gid("Order", number)
    except gids.GidError:
        return  # another app's, or none
    rows = OrderImport.objects.filter(connection__source=store, order_gid=order_gid)
    for row in rows.select_related("connection__destination"):
        if row.connection.destination.domain == domain:
            signs.note_copy(OrderImport.objects.filter(pk=row.pk))
            enqueue.compare_orders(row.connection, row.order_gid)


def _is_new(payload: dict) -> bool:
    """Whether nothing has happened to an order since it was made."""
    happened = ("cancelled_at", "refunds", "fulfillments")
    is_whole = all(line.get("current_quantity", line["quantity"]) == line["quantity"] for line in payload["line_items"])
    return is_whole and not any(payload.get(name) for name in happened)


def follow_refunds(store: Store, payloads: Payloads) -> list[str]:
    """refunds/create in a destination: the copy is to lose the same units. In a source: both are compared."""
    if store.is_source:
        return _compare(store, [payload["order_id"] for payload in payloads], payloads, echoes.is_own_refund)
    rows = [(payload["order_id"], gids.gid("Refund", payload["id"]), payload.get("created_at")) for payload in payloads]
    return _note_updates(_originals(store, rows), rows, Kind.REFUND)


def follow_edits(store: Store, payloads: Payloads) -> list[str]:
    """orders/edited in either store: original and copy are compared."""
    order_ids = [payload["order_edit"]["order_id"] for payload in payloads]
    return _compare(store, order_ids, payloads, echoes.is_own_edit if store.is_source else None)


def follow_deletions(store: Store, payloads: Payloads) -> list[str]:
    """orders/delete: a copy that is gone is compared with its original; whether an original is gone, a read proves."""
    if not store.is_source:
        discovery.ask_for_originals_soon(store, [gids.gid("Order", payload["id"]) for payload in payloads])
        return _compare(store, [payload["id"] for payload in payloads])
    gid_of = [gids.gid("Order", payload["id"]) for payload in payloads]
    known = _by(OrderImport.objects.filter(connection__source=store, copy_order_gid__in=gid_of), "copy_order_gid")
    moved = _Later()
    with transaction.atomic():
        for row in sorted((row for some in known.values() for row in some), key=lambda row: row.pk):
            intake.note_deletion_of_copy(row, moved)
            enqueue.compare_orders(row.connection, row.order_gid)
        move_units(moved.variants, None)
    return ["It is compared with its original." if known.get(gid) else NOT_OURS for gid in gid_of]


def _compare(
    store: Store,
    order_ids: Sequence[int],
    payloads: Payloads = (),
    is_own: Callable[[OrderImport, dict], bool] | None = None,
) -> list[str]:
    """Have these orders compared with what they are copies of, or were copied as; not for our own doings."""
    gid_of = [gids.gid("Order", order_id) for order_id in order_ids]
    side, name = ("source", "copy_order_gid") if store.is_source else ("destination", "order_gid")
    rows = OrderImport.objects.filter(**{f"connection__{side}": store, f"{name}__in": gid_of})
    known = _by(rows.exclude(state=OrderImport.State.SKIPPED), name)
    with transaction.atomic():
        for row in sorted((row for some in known.values() for row in some), key=lambda row: row.pk):
            said = [payload for gid, payload in zip(gid_of, payloads, strict=False) if gid == getattr(row, name)]
            if is_own:
                OrderImport.objects.select_for_update().get(pk=row.pk)
                if all(is_own(row, payload) for payload in said):
                    continue
            note = signs.note_copy if store.is_source else signs.note_original
            note(OrderImport.objects.filter(pk=row.pk))
            enqueue.compare_orders(row.connection, row.order_gid)
            if row.state in OrderImport.UNFINISHED:  # it is read again, and other units of it are held back
                enqueue.import_order(row.connection, row.order_gid)
    return [COMPARED if known.get(gid) else NOT_OURS for gid in gid_of]


def follow_fulfilments(store: Store, payloads: Payloads) -> list[str]:
    """fulfillments/create and update in a source: what was shipped of a copy is shipped of the original, too."""
    rows = [
        (payload["order_id"], gids.gid("Fulfillment", payload["id"]), payload.get("updated_at")) for payload in payloads
    ]
    copies = OrderImport.objects.filter(connection__source=store, copy_order_gid__in=_order_gids(rows))
    return _note_updates(_by(copies, "copy_order_gid"), rows, Kind.FULFILMENT)


def follow_draft_deletions(store: Store, payloads: Payloads) -> list[str]:
    """draft_orders/delete in a source: what a draft of ours reserved is held back at once, then it is looked at."""
    draft_gids = [gids.gid("DraftOrder", payload["id"]) for payload in payloads]
    known = _by(OrderImport.objects.filter(connection__source=store, copy_gid__in=draft_gids), "copy_gid")
    ours = sorted((row for some in known.values() for row in some if row.has_open_draft), key=lambda row: row.pk)
    with transaction.atomic():
        variants = set().union(*(reserve(row) for row in ours))
        for row in ours:
            enqueue.import_order(row.connection, row.order_gid)
        move_units(variants, store.now())
    return ["It is looked at." if known.get(gid) else NOT_OURS for gid in draft_gids]


def follow_drafts(store: Store, payloads: Payloads) -> list[str]:
    """draft_orders/update in a source: look what became of a draft of ours, and what people changed in it."""
    draft_gids = [gids.gid("DraftOrder", payload["id"]) for payload in payloads]
    known = _by(OrderImport.objects.filter(connection__source=store, copy_gid__in=draft_gids), "copy_gid")
    reasons = []
    for draft_gid, payload in zip(draft_gids, payloads, strict=True):
        rows = known.get(draft_gid, ())
        ours = [row for row in rows if payload.get("status") != row.draft_status]
        moved_at = instant_or_none(payload.get("updated_at")) or store.now()
        touched = [row for row in rows if intake.note_life_of_draft(row, payload, moved_at, move_units)]
        for row in ours:
            enqueue.import_order(row.connection, row.order_gid)
        for row in touched:
            enqueue.compare_orders(row.connection, row.order_gid)
        reasons.append("It is looked at." if ours or touched else NO_NEWS)
    return reasons


Row = tuple[int, str, str | None]
Imports = dict[str, list[OrderImport]]


def _order_gids(rows: Iterable[Row]) -> list[str]:
    return [gids.gid("Order", order_id) for order_id, _, _ in rows]


def _originals(store: Store, rows: Sequence[Row]) -> Imports:
    return _by(OrderImport.objects.filter(connection__destination=store, order_gid__in=_order_gids(rows)), "order_gid")


def _by(imports: QuerySet[OrderImport], name: str) -> Imports:
    found: Imports = {}
    for row in imports.select_related("connection"):
        found.setdefault(getattr(row, name), []).append(row)
    return found


def _note_updates(imports: Imports, rows: Sequence[Row], kind: str) -> list[str]:
    reasons = [""] * len(rows)
    for index in sorted(range(len(rows)), key=lambda i: rows[i][1]):
        order_id, origin_gid, happened_at = rows[index]
        concerned = [
            row for row in imports.get(gids.gid("Order", order_id), ()) if row.state != OrderImport.State.SKIPPED
        ]
        for row in concerned:
            intake.note_update(row, kind, origin_gid, instant_or_none(happened_at), may_change=kind == Kind.FULFILMENT)
            enqueue.update_order(row.connection, row.order_gid)
            if row.state in OrderImport.UNFINISHED:  # it is read again, and other units of it are held back
                enqueue.import_order(row.connection, row.order_gid)
        reasons[index] = "It goes to the other side." if concerned else NOT_OURS
    return reasons


def why_orders_must_end_first(connection: Connection, clients: OpenClient) -> str:
    """Why a connection that is to carry no orders any more still does, in words; '' if its new strategy may begin.

    Before it does, every order that was placed until then is noted: its units are taken from the source by its copy.
    What happened to copies until then is carried, for its units are counted in the stock that both sides begin with. So
    is what an original gave back: what can be copied now is, and what waits for something else is looked at once more.
    """
    if not connection.is_leaving_orders:
        return ""
    try:
        discovered = discovery.discover_orders(connection, clients, move_units)
    except ShopifyError as error:
        return f"Orders placed until now are still to be noted. {error}"
    waiting = (row for row in discovered.due if row.state == OrderImport.State.WAITING)
    copying = {*due.under_way(connection.pk), *waiting}
    for row in {*discovered.due, *copying}:
        enqueue.import_order(connection, row.order_gid)
    for row in {*discovered.changed, *due.unfinished_updates([connection.pk])}:
        enqueue.update_order(connection, row.order_gid)
    changes = due.unfinished_updates([connection.pk]).count()
    words = [f"Changes of {changes} imported orders are synced first."] if changes else []
    words += [f"Orders being imported are brought to their end first: {len(copying)}."] if copying else []
    return " ".join(words)
