"""An order that staff entered in the source by hand becomes the copy of an original: a person says so.

Both are read as they are now. Lines are paired by the links; what both hold now counts as agreed, and nothing of it is
held back any longer. It is marked as copies are (orders.changes.steps.marking), and followed as any copy is.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from orders import intake, reserved_units
from orders.changes import signs
from orders.changes.rules import units_left
from orders.changes.rules.comparison import payment_words
from orders.changes.steps import state
from orders.copies.rules import copy_input
from orders.marks import MARK_TAG
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from orders.reserved_units import MoveUnits
from stores import locks
from stores.clients import OpenClient
from stores.locks import Lock
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound
from stores.shopify.orders import named_orders, orders
from stores.shopify.orders.order_progress import OrderProgress, read_progress
from stores.shopify.orders.order_records import OrderRecord

Line, State, UpdateState = OrderImportLine, OrderImport.State, OrderUpdate.State
UNKNOWN_LINE = "It is linked to no product of the source: whether {name} has it is not known."
OTHER_COPY = "Another order is its copy now."
SENT = "what was sent to its copy has no answer yet: wait until that is known."


@dataclass(frozen=True, slots=True)
class _Found:
    """The order that staff entered, as it was read; a change from `as_of` on is not known."""

    order: OrderProgress
    total: Decimal
    currency: str
    as_of: datetime | None


def can_link(row: OrderImport) -> bool:
    """Whether an order of the source may be named as its copy: it has none, or somebody has to see to its own."""
    if row.state in (State.PLANNED, State.WAITING, State.FAILED, State.SKIPPED):
        return True
    needs_shop = any(update.state == UpdateState.NEEDS_SHOP for update in row.updates.all())
    is_gone = row.draft_status == OrderImport.DraftStatus.DELETED
    return row.state == State.CONFIRMED and (needs_shop or row.is_partial or is_gone)


def link(row: OrderImport, named: str, clients: OpenClient, move_units: MoveUnits, who: str) -> str:
    """Have the source's order of this name, number or gid be the copy of an original; what they differ in, in words.

    Raises ValueError with words where that order cannot be it, and what the client raises. Safe to repeat: the second
    time it is refused, since it is the copy already.
    """
    if not can_link(row):
        raise ValueError("it has a copy, or may have one: nothing of it needs the shop.")
    connection = row.connection
    source, destination = clients(connection.source), clients(connection.destination)
    gid = _find(source, named)
    _require_free(gid)
    if row.state == State.CONFIRMED:
        _require_empty(row, source)
    began = time.monotonic()
    original = orders.read_order(destination, row.order_gid)
    known_until = signs.known_until(original.updated_at, destination.answered_at, time.monotonic() - began)
    if original.cancelled_at:
        raise ValueError("the original is cancelled: nothing is to be delivered.")
    found = _read(source, gid, copy_input.custom_id(row.order_gid, connection.destination.domain))
    with transaction.atomic():
        locks.acquire_until_commit(Lock.ENTERED_ORDERS, connection.source_id)  # two people may name the same order
        fresh = OrderImport.objects.select_for_update().get(pk=row.pk)
        if not can_link(fresh) or (fresh.state, fresh.copy_gid) != (row.state, row.copy_gid):
            raise ValueError("it was taken up meanwhile: look whether its copy is there.")
        _require_free(gid)
        before = reserved_units.held_back(fresh)
        held = _pair(fresh, original, found.order, destination.answered_at)
        if not any(held.values()):
            raise ValueError(f"{found.order.name} contains none of its products.")
        _end_updates(fresh, found.order.name, who)
        _confirm(fresh, found, original, known_until, who)
        intake.note_update(fresh, OrderUpdate.Kind.MARK, gid, None)
        changed = reserved_units.find_changed(before, reserved_units.held_back(fresh))
        move_units(changed | reserved_units.carried(fresh), source.answered_at or connection.source.now())
    return _words(fresh, found.order.name)


def _find(source: Client, named: str) -> str:
    if not named.strip():
        raise ValueError("enter the name or the number of the order in the source.")
    if gid := named_orders.gid_of(named) or named_orders.gid_of_number(named):
        return gid
    found = named_orders.find_by_name(source, named)
    if len(found) > 1:
        raise ValueError(f"the source has {len(found)} orders “{named}”: give the number in the address of the one.")
    if not found:
        raise ValueError(f"the source has no order “{named}”; one that is new is found by its name some minutes later.")
    return found[0]


def _require_free(gid: str) -> None:
    known = OrderImport.objects.filter(copy_order_gid=gid).first()
    if known is not None:
        raise ValueError(f"that order is the copy of {known} already.")


def _require_empty(row: OrderImport, source: Client) -> None:
    """The copy that it had must hold nothing: two orders would deliver the same."""
    if not row.copy_order_gid:
        if row.draft_status != OrderImport.DraftStatus.DELETED:
            raise ValueError(f"its draft {row.copy_name} is there still: delete it first.")
        return
    try:
        copy = read_progress(source, row.copy_order_gid)
    except ObjectNotFound:
        return
    if units := sum(line.current_quantity for line in copy.lines if not copy.cancelled_at):
        raise ValueError(f"its copy {copy.name} contains {units} units still: cancel it in the source first.")


def _read(source: Client, gid: str, own_id: str) -> _Found:
    """Raises ValueError for what cannot be the copy of the original that `own_id` names."""
    began = time.monotonic()
    record = orders.read_order(source, gid)
    order = read_progress(source, gid)
    is_own = dict(record.attributes).get(copy_input.ORIGINAL_ID) == own_id  # a restored database does not know of it
    if record.custom_id not in ("", own_id) or MARK_TAG in record.tags and not is_own:
        raise ValueError(f"{record.name} is a copy that we made.")
    if order.cancelled_at:
        raise ValueError(f"{record.name} is cancelled.")
    as_of = signs.known_until(order.updated_at, source.answered_at, time.monotonic() - began)
    return _Found(order, record.total.shop.amount, record.total.shop.currency, as_of)


def _pair(
    row: OrderImport, original: OrderRecord, copy: OrderProgress, answered_at: datetime | None
) -> Mapping[str, int]:
    """Have the rows be the original's lines with what both hold of each; original's line -> units in the copy."""
    seen = intake.seen_in_record(original, answered_at)
    reserved_units.note_lines(row, seen.lines)
    row.lines.filter(is_doubtful=True).update(is_doubtful=False, source_variant=None)
    reserved_units.keep_found(row, has_custom=False)
    lines = list(row.lines.select_related("source_variant"))
    names = units_left.match_lines(
        copy,
        [
            units_left.Original(line.line_gid, line.source_variant.gid, line.quantity)
            for line in lines
            if line.state == Line.State.CARRIED and line.source_variant
        ],
    )
    units = {line.gid: line.current_quantity for line in copy.lines}
    held: dict[str, int] = {}
    for line in lines:
        gids = sorted(gid for gid, name in names.items() if name == line.line_gid)
        held[line.line_gid] = count = sum(units[gid] for gid in gids)
        is_carried = line.state == Line.State.CARRIED
        line.original_baseline = line.original_quantity = line.quantity if is_carried else None
        line.copy_baseline = line.copy_quantity = count if is_carried else None
        line.copy_line_gids, line.owed_quantity, line.is_pending = gids or None, 0, False
        if line.state == Line.State.LEFT_OUT:
            line.reason = UNKNOWN_LINE.format(name=copy.name)[:255]
    held_fields = ["original_baseline", "original_quantity", "copy_baseline", "copy_quantity", "copy_line_gids"]
    Line.objects.bulk_update(lines, [*held_fields, "owed_quantity", "is_pending", "reason"])
    return held


def _end_updates(row: OrderImport, name: str, who: str) -> None:
    """What needed the shop is decided; what failed concerned another copy. Raises ValueError where an answer is out."""
    if row.updates.filter(state=UpdateState.SENT).exists():
        raise ValueError(SENT)
    for update in row.updates.filter(state=UpdateState.NEEDS_SHOP):
        state.confirm(update, f"Entered by hand as {name}, says {who}.")
    for update in row.updates.filter(state__in=(UpdateState.FAILED, UpdateState.PLANNED)):
        state.skip(update, OTHER_COPY)


def _confirm(row: OrderImport, found: _Found, original: OrderRecord, known_until: datetime | None, who: str) -> None:
    LateLinks, now = OrderImport.LateLinks, timezone.now()
    OrderImport.objects.filter(pk=row.pk).update(
        state=State.CONFIRMED,
        is_draft=False,
        is_partial=False,
        order_name=original.name[:100],
        original_total=original.total.shop.amount,
        original_currency=original.total.shop.currency,
        original_read_as_of=original.updated_at,
        copy_gid=found.order.gid,
        copy_order_gid=found.order.gid,
        copy_name=found.order.name[:100],
        copy_total=found.total,
        copy_currency=found.currency,
        draft_status="",
        reserved_until=None,
        reason=f"Entered by hand as {found.order.name}, says {who}.",
        notes="",
        failure="",
        waits_for="",
        late_links=LateLinks.ENDED if row.late_links else "",
        place="",
        confirmed_at=now,
        original_compared_as_of=known_until,
        copy_compared_as_of=found.as_of,
        payment_seen=payment_words(original.financial_status, original.received.shop.amount),
        original_signs_seen=row.original_signs,
        copy_signs=row.copy_signs + 1,  # what was shipped of it already goes back to the original
        noticed_as="new",  # somebody knows of it
        is_forgotten=False,
        changed_at=now,
    )
    row.refresh_from_db()


def _words(row: OrderImport, name: str) -> str:
    """What the two differ in."""
    differ = [
        f"{line.copy_quantity} instead of {line.original_quantity} × “{line.title}”"
        for line in row.lines.all()
        if line.is_carried and line.copy_quantity != line.original_quantity
    ]
    missing = row.lines.filter(state=Line.State.LEFT_OUT, quantity__gt=0).count()
    words = [f"{name} is its copy now."]
    if differ:
        words.append(f"It contains {', '.join(differ)}: so it stays, as you said.")
    if missing:
        words.append(f"Whether it has the {missing} lines that are linked to no product is not known.")
    return " ".join(words)
