"""Take note of a destination's order: one row per connection, with the units that are held back from then on.

Asks Shopify nothing, so that it can happen while a webhook is processed: what is sold counts at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from orders import missed
from orders.carriers import is_too_early, is_too_late
from orders.changes import echoes, signs
from orders.changes.rules import units_left
from orders.copies import draft_units
from orders.marks import MARK_TAG
from orders.models import OrderImport, OrderSettings, OrderUpdate
from orders.reserved_units import (
    MoveUnits,
    SeenLine,
    note_lines,
    owe_more,
    owe_what_copy_lost,
    source_variants,
)
from stores.models import CARRY_ORDERS, ENDING_TWO_WAY, Connection, Strategy
from stores.shopify import gids
from stores.shopify.instants import instant_or_none, parse_instant
from stores.shopify.orders.order_records import OrderRecord

State = OrderImport.State
# What Shopify shows an app of the past: https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
OLDEST = timedelta(days=60)
# From then on it is told that an order waits for its payment, which Shopify will soon not show any more.
SOON_UNREADABLE = timedelta(days=55)
ADDED_UNLINKED = "It was added to the original later, and its product is not linked to one of the source."
# "Fully paid" stays true when some of it was given back later.
PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """What a webhook or a read tells of an order. Instants are aware UTC and Shopify's; `as_of`: when it said so."""

    gid: str
    name: str
    placed_at: datetime
    cancelled_at: datetime | None
    is_test: bool
    is_paid: bool
    is_ours: bool
    total: Decimal | None
    currency: str
    lines: tuple[SeenLine, ...]
    as_of: datetime


def seen_in_payload(payload: dict) -> SeenOrder:
    """The order of an orders/* webhook (shopify.md 4.6). Raises ValueError, KeyError, TypeError or AttributeError."""
    tags = [tag.strip() for tag in (payload.get("tags") or "").split(",")]
    placed_at = parse_instant(payload["created_at"])
    return SeenOrder(
        gid=gids.gid("Order", payload["id"]),
        name=payload.get("name") or "",
        placed_at=placed_at,
        cancelled_at=instant_or_none(payload.get("cancelled_at")),
        is_test=bool(payload.get("test")),
        is_paid=(payload.get("financial_status") or "").upper() in PAID,
        is_ours=MARK_TAG in tags,
        total=_decimal(payload.get("total_price")),
        currency=payload.get("currency") or "",
        lines=tuple(_seen_line(line) for line in payload["line_items"]),
        as_of=instant_or_none(payload.get("updated_at")) or placed_at,
    )


def _seen_line(line: dict) -> SeenLine:
    quantity = line.get("current_quantity")
    quantity = line["quantity"] if quantity is None else quantity
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 0 <= quantity < 2**31:
        raise ValueError(f"a line's quantity is {quantity!r}")
    variant_id = line.get("variant_id")
    variant_gid = "" if variant_id is None else gids.gid("ProductVariant", variant_id)
    title, is_gift_card = line.get("title") or "", bool(line.get("gift_card"))
    return SeenLine(gids.gid("LineItem", line["id"]), variant_gid, title, quantity, is_gift_card)


def _decimal(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 10**15 else None


def seen_in_record(order: OrderRecord, answered_at: datetime | None) -> SeenOrder:
    """The order as it was read in an answer of `answered_at` (Shopify's clock; None: it did not tell)."""
    return SeenOrder(
        gid=order.gid,
        name=order.name,
        placed_at=order.created_at,
        cancelled_at=order.cancelled_at,
        is_test=order.test,
        is_paid=order.financial_status in PAID,
        is_ours=bool(order.custom_id) or MARK_TAG in order.tags,
        total=order.total.shop.amount,
        currency=order.total.shop.currency,
        lines=tuple(
            SeenLine(line.gid, line.variant_gid or "", line.title, max(0, line.current_quantity), line.is_gift_card)
            for line in order.lines
        ),
        as_of=answered_at or order.updated_at,
    )


def carrying_connections(store_id: int) -> QuerySet[Connection]:
    """The started connections that carry this destination's orders, or did so once: what they noted goes on.

    Paused ones, too: they go on later.
    """
    rows = Connection.objects.filter(destination=store_id, state=Connection.State.RUNNING)
    did_so = Q(aligned_strategy__in=CARRY_ORDERS) | Exists(OrderImport.objects.filter(connection=OuterRef("pk")))
    return rows.filter(Q(strategy__in=CARRY_ORDERS) | did_so).select_related("source", "destination")


def makes_drafts(connection: Connection) -> bool:
    """Whether an order that is noted now becomes a draft: by the strategy in force, not by one that is yet to begin."""
    in_force = connection.aligned_strategy if connection.is_leaving_orders else connection.strategy
    return in_force == Strategy.DRAFT_ORDER


def why_not_ours(connection: Connection, seen: SeenOrder) -> str:
    """Why this connection does not even keep a row for an order, in words; '' if it does."""
    if seen.is_ours:
        return "It is a copy that we made."
    if connection.orders_from_at is None:
        return "The connection does not import orders."
    if is_too_late(connection, seen.placed_at):
        return "It was placed after the connection was disconnected."
    if is_too_early(connection, seen.placed_at):
        return "It was placed before the connection imported orders."
    return ""


def why_skipped(seen: SeenOrder, *, is_noted: bool = False) -> str:
    """Why no copy is made of an order, in words for its row; '' if one is. `is_noted`: it was noted in its time.

    Its age is told by Shopify's clock alone: ours may leap ahead, and have every order skipped for good.
    """
    if seen.is_test:
        return "It is a test order."
    if seen.cancelled_at:
        return "It was cancelled before it was imported."
    if not is_noted and seen.placed_at < seen.as_of - OLDEST:
        return "It is older than 60 days: Shopify does not show it to us any more."
    return ""


TOO_OLD = (
    "It was not imported within 60 days, and Shopify does not show it to us any more: enter it in the source by hand, "
    "then press “Give up”. Its units are reserved until then."
)


def is_too_old(order_import: OrderImport, answered_at: datetime | None) -> bool:
    """Whether Shopify shows the original no more because of its age, by its own clock."""
    now = answered_at or order_import.connection.destination.now()
    return order_import.placed_at is not None and order_import.placed_at < now - OLDEST


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a note: the row (None: not ours), whether its import has work now, and words for the event."""

    order_import: OrderImport | None
    has_work: bool
    words: str
    has_changes: bool = False  # of the original, since it was copied: they are to be looked at


def note(connection: Connection, seen: SeenOrder, move_units: MoveUnits) -> Noted:
    """Have a row for this order, and its units held back, unless it is there already. Safe to repeat."""
    known = OrderImport.objects.filter(connection=connection, order_gid=seen.gid).first()
    if known is None:
        if words := why_not_ours(connection, seen):
            return Noted(None, False, words)
        with transaction.atomic():
            made, is_new = OrderImport.objects.get_or_create(
                connection=connection, order_gid=seen.gid, defaults=_first_fields(connection, seen)
            )
            if is_new:
                if made.state != State.SKIPPED:
                    move_units(note_lines(made, seen.lines), None)
                words = made.reason or "Its copy is planned."
                return Noted(made, made.state == State.PLANNED, words)
        known = made  # another delivery got there first
    return _note_again(known, seen, move_units)


def _note_again(known: OrderImport, seen: SeenOrder, move_units: MoveUnits) -> Noted:
    if known.state == State.CONFIRMED:
        note_life_of_original(known, seen, move_units)
        return Noted(known, False, "Original and copy are compared.", has_changes=True)
    if known.state == State.SKIPPED and _has_first_goods(known, seen):
        return _begin_after_all(known, seen, move_units)
    if known.state == State.SKIPPED and known.late_links in missed.LATE:
        missed.follow_original(known, seen.lines, seen.as_of, move_units)
    if known.state not in OrderImport.UNFINISHED:
        return Noted(known, False, f"{known.get_state_display()} already.")
    # The import may have read the original before this: then it is compared with the copy once that is there.
    if known.state == State.SENT:
        note_life_of_original(known, seen, move_units)
    else:
        signs.note_original(OrderImport.objects.filter(pk=known.pk))
    if is_due_again(known, is_paid=seen.is_paid, is_cancelled=seen.cancelled_at is not None):
        return Noted(known, True, "It is looked at again.")
    if may_hold_other_units(known, seen.as_of):
        return Noted(known, True, "It is read again: it may contain other units by now.")
    return Noted(known, False, f"{known.get_state_display()}: {known.reason}")


def may_gain_first_goods(known: OrderImport) -> bool:
    """Whether an order was skipped because it held nothing of this source, and nobody decided that it stays so.

    What was taken off it before it could be copied is nothing, too.
    """
    is_undecided = known.late_links in ("", OrderImport.LateLinks.WANTED)
    lines = known.lines.all()
    return is_undecided and bool(lines) and not any(line.source_variant_id and line.quantity for line in lines)


def _has_first_goods(known: OrderImport, seen: SeenOrder) -> bool:
    """Whether an edit has given such an order goods of this source."""
    if not may_gain_first_goods(known) or why_not_ours(known.connection, seen) or why_skipped(seen, is_noted=True):
        return False
    before = {line.line_gid for line in known.lines.all() if line.quantity}
    gained = [line.variant_gid for line in seen.lines if line.quantity > 0 and line.gid not in before]
    return bool(gained and source_variants(known.connection_id, gained))


def _begin_after_all(known: OrderImport, seen: SeenOrder, move_units: MoveUnits) -> Noted:
    """Have such an order copied, and its units held back until then."""
    with transaction.atomic():
        fields = {"state": State.PLANNED, "reason": "", "failure": "", "late_links": "", "changed_at": timezone.now()}
        if not OrderImport.objects.filter(pk=known.pk, state=State.SKIPPED).update(**fields):
            return Noted(known, False, "Another worker has it in hand.")
        known.refresh_from_db()
        move_units(note_lines(known, seen.lines), None)
    return Noted(known, True, "It contains goods of this source now: its copy is planned.")


def note_life_of_original(known: OrderImport, seen: SeenOrder, move_units: MoveUnits) -> None:
    """Count a sign of life of a copied order, and hold back at once what it holds more than its copy."""
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().select_related("connection").get(pk=known.pk)
        signs.note_original(OrderImport.objects.filter(pk=row.pk))
        if seen.cancelled_at or row.connection.aligned_strategy in (Strategy.TWO_WAY, ENDING_TWO_WAY):
            return
        has_custom = OrderSettings.of(row.connection).unlinked == OrderSettings.Unlinked.CUSTOM
        move_units(owe_more(row, seen.lines, ADDED_UNLINKED, has_custom=has_custom), None)


def note_life_of_copy(known: OrderImport, payload: dict, move_units: MoveUnits) -> bool:
    """Count a sign of life of a copy (an orders/* webhook), and hold back at once what its original holds besides.

    False for one that says only what is known, such as our own doings. Raises as `seen_in_payload` does.
    """
    seen = seen_in_payload(payload)
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=known.pk)
        lines = list(row.lines.all())
        names = {gid: line.line_gid for line in lines for gid in line.copy_line_gids or ()}
        held: dict[str, int] = {}
        for node, line in zip(payload["line_items"], seen.lines, strict=True):
            said = [(each.get("name") or "", str(each.get("value") or "")) for each in node.get("properties") or ()]
            name = units_left.named_line(said) or names.get(line.gid, "")
            held[name] = held.get(name, 0) + (0 if seen.cancelled_at else line.quantity)
        if echoes.is_known(row, lines, held, payload):
            return False
        signs.note_copy(OrderImport.objects.filter(pk=row.pk))
        move_units(owe_what_copy_lost(row, held), seen.as_of)
    return True


def note_life_of_draft(known: OrderImport, payload: dict, moved_at: datetime, move_units: MoveUnits) -> bool:
    """Count a sign of life of an open draft (draft_orders/update), and hold back at once what it holds no more.

    False for one that says only what is known, such as our own doings.
    """
    held = echoes.units_of_draft(payload)
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=known.pk)
        if not row.has_open_draft or not echoes.is_other_draft(row, held):
            return False
        signs.note_copy(OrderImport.objects.filter(pk=row.pk))
        move_units(draft_units.owe_what_draft_lost(row, held), moved_at)
    return True


def hold_unread_copy(known: OrderImport, move_units: MoveUnits) -> None:
    """A copy that something happened to cannot be read: until it is, it counts as one that holds nothing."""
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=known.pk)
        move_units(owe_what_copy_lost(row, {}), None)


def note_deletion_of_copy(known: OrderImport, move_units: MoveUnits) -> None:
    """Count it as a sign of life that a copy is gone, and hold back what its original holds."""
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=known.pk)
        signs.note_copy(OrderImport.objects.filter(pk=row.pk))
        move_units(owe_what_copy_lost(row, {}), None)


def is_due_again(known: OrderImport, *, is_paid: bool, is_cancelled: bool) -> bool:
    """Whether an unfinished import can go on, now that its original is so."""
    is_payment_there = known.waits_for == OrderImport.WaitsFor.PAYMENT and is_paid
    return known.state in (State.PLANNED, State.SENT) or is_payment_there or is_cancelled


def may_hold_other_units(known: OrderImport, updated_at: datetime) -> bool:
    """Whether an original that waits, or could not be copied, was edited or refunded since it was read, or may have
    been: until it is read again nobody knows what it holds."""
    read_as_of = known.original_read_as_of or known.placed_at
    is_unread = read_as_of is None or updated_at > read_as_of
    return is_unread and known.state in (State.WAITING, State.FAILED)


def _first_fields(connection: Connection, seen: SeenOrder) -> dict:
    fields = {
        "order_name": seen.name[:100],
        "placed_at": seen.placed_at,
        "original_total": seen.total,
        "original_currency": seen.currency[:3],
        "is_draft": makes_drafts(connection),
    }
    if words := why_skipped(seen):
        return fields | {"state": State.SKIPPED, "reason": words}
    choices = OrderSettings.of(connection)
    if must_wait_for_payment(choices, seen.is_paid):
        return fields | WAITING_FOR_PAYMENT
    return fields | WAITING_FOR_REVIEW if must_wait_for_review(choices, seen) else fields


WAITING_FOR_PAYMENT = {
    "state": State.WAITING,
    "waits_for": OrderImport.WaitsFor.PAYMENT,
    "reason": "It waits until it is fully paid.",
}


WAITING_FOR_REVIEW = {
    "state": State.WAITING,
    "waits_for": OrderImport.WaitsFor.REVIEW,
    "reason": "It waits until somebody has reviewed it.",
}


def must_wait_for_review(choices: OrderSettings, seen: SeenOrder, *, is_reviewed: bool = False) -> bool:
    """Whether somebody has to say first that an order is to be copied. The hours are counted by Shopify's clock."""
    if choices.when != OrderSettings.When.REVIEW or is_reviewed:
        return False
    return choices.review_hours is None or seen.as_of < seen.placed_at + timedelta(hours=choices.review_hours)


def must_wait_for_payment(choices: OrderSettings, is_paid: bool) -> bool:
    """Whether the connection copies an order only once it is paid, and this one is not."""
    return choices.when == OrderSettings.When.PAID and not is_paid


def note_update(
    order_import: OrderImport, kind: str, origin_gid: str, origin_at: datetime | None, *, may_change: bool = False
) -> bool:
    """Have a row for something that happened to an order after it was copied; False if it was there already.

    `may_change`: the same thing can change afterwards, as a fulfilment's tracking does; what was done is looked at
    again then.
    """
    row, is_new = OrderUpdate.objects.get_or_create(
        order_import=order_import, kind=kind, origin_gid=origin_gid, defaults={"origin_at": origin_at}
    )
    # Its words are forgotten anew, some day.
    OrderImport.objects.filter(pk=order_import.pk, is_forgotten=True).update(is_forgotten=False)
    if may_change and not is_new:
        # Where a worker has it in hand, the new instant keeps it from ending with what it saw (state._end).
        OrderUpdate.objects.filter(pk=row.pk).update(origin_at=origin_at)
        over = OrderUpdate.objects.filter(pk=row.pk, state__in=(OrderUpdate.State.CONFIRMED, OrderUpdate.State.FAILED))
        over.update(state=OrderUpdate.State.PLANNED, reason="", failure="")
    return is_new
