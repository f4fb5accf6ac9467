"""A refund or an edit of an original whose copy is an open draft: the draft is made what a copy of it is now.

A draft has no refunds ([S] DraftOrder), but its lines can be replaced as a whole (draftOrderUpdate). That is done only
while the draft holds exactly what was put into it: what people changed in it is theirs. Prices are at the rate that the
draft was made with. Shipping and charges stay, as they do in a refunded order. The units of an open draft were
never taken from stock: what it reserves for them, or what is held back for them, becomes free, whether the refund
restocks or not. Nothing left: the draft is deleted, for Shopify knows no draft without lines.

The same lines sent twice change nothing, so that a lost answer needs no more than a look at the draft.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from orders import reserved_units
from orders.changes import comparing, decisions
from orders.changes.draft_comparing import is_changed_by_people
from orders.changes.steps import state
from orders.changes.steps.state import UpdateRefused
from orders.copies import splits
from orders.copies.importing import RetryLater, import_order
from orders.copies.rules import mapping
from orders.copies.rules.lines import CUSTOM, LEAVE_OUT
from orders.copies.rules.order_taxes import place_order_taxes
from orders.copies.shopify_copy import choices_of, map_now
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import draft_orders, orders
from stores.shopify.orders.order_records import Money, OrderRecord

Line = OrderImportLine
LOST = "Shopify's answer was lost: looking at the draft before it is changed again."
REMOVED = "The same units were taken off the draft."
GONE = "The draft was deleted."
SET_ANEW = "The draft was set anew: it contains what the original contains."
DELETED = "Nothing of it is left: the draft was deleted."


@dataclass(frozen=True, slots=True)
class _Plan:
    """A draft's lines as they were made and as they are to be (DraftOrderLineItemInput; none: it is to be deleted).

    `left` and `removed` are original line gid -> units that the draft is to keep, and to lose. `may_be_theirs`: people
    may have changed it, though it is as far as we know as it was made.
    """

    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    left: dict[str, int]
    removed: dict[str, int]
    may_be_theirs: bool = False


def carry_to_draft(update: OrderUpdate, choices: OrderSettings, clients: OpenClient, move_units: MoveUnits) -> str:
    """Take off an open draft what its original does not hold any more; what came of it, in words. Safe to repeat.

    Raises RetryLater, UpdateRefused, and what the client raises.
    """
    row = update.order_import
    if row.draft_status == OrderImport.DraftStatus.DELETED:
        ends = state.confirm if update.state == OrderUpdate.State.SENT else state.skip
        return ends(update, GONE)
    destination = clients(row.connection.destination)
    original = _read_original(row, destination)
    as_of, client = destination.answered_at, clients(row.connection.source)
    present = draft_orders.read_draft_lines(client, row.copy_gid)
    found = _as_found(present or ())
    if present is not None and update in _adopt_sent(row, found, clients, move_units):
        return REMOVED
    plan = _plan(row, original, choices)
    if not plan.removed:
        return state.skip(update, "Nothing of it is in the draft, or it was taken off already.")
    if present is not None and found != _as_sent(plan.after):
        if found != _as_sent(plan.before) or plan.may_be_theirs:
            raise UpdateRefused(_by_hand(row, plan))
        for sent in row.updates.filter(kind=update.kind, state=OrderUpdate.State.SENT).order_by("pk"):
            state.wait_for_late(sent, as_of, LOST)  # what is still under way could undo what is sent now
        if not state.begin(update, {"units": plan.removed, "left": plan.left, "lines": plan.after}):
            return "Another worker has it in hand."
        _send(update, client, plan, clients, move_units)
    return _finish(update, plan, clients, move_units)


def _read_original(row: OrderImport, destination: Client) -> OrderRecord:
    """The original with all its taxes at its lines, before these are taken apart. Raises what the client raises."""
    order = orders.read_order(destination, row.order_gid)
    return replace(place_order_taxes(order), taxes=())


def _adopt_sent(
    row: OrderImport, found: list[tuple[Any, ...]], clients: OpenClient, move_units: MoveUnits
) -> list[OrderUpdate]:
    """The changes whose answer was lost and that are in the draft now; their units are written down.

    By what was sent then: the original may have lost more units meanwhile.
    """
    sent = row.updates.filter(kind=OrderUpdate.Kind.REFUND, state=OrderUpdate.State.SENT)
    there = [each for each in sent if each.body.get("lines") and found == _as_sent(each.body["lines"])]
    for each in there:
        with transaction.atomic():
            _keep(row, each.body["left"], clients, move_units)
            state.confirm(each, REMOVED, row.copy_gid)
    return there


def _plan(row: OrderImport, order: OrderRecord, choices: OrderSettings) -> _Plan:
    """Raises UpdateRefused where no draft can be made of the order as it is."""
    rows = {line.line_gid: line for line in row.lines.select_related("source_variant")}
    known = [line for line in order.lines if line.gid in rows]  # what an edit added was never in the draft
    # Nor were units that it added to a line: only what was taken off concerns a refund.
    units_left = {line.gid: min(max(line.current_quantity, 0), rows[line.gid].quantity) for line in known}
    as_made = [replace(line, current_quantity=rows[line.gid].quantity) for line in known]
    as_is = [replace(line, current_quantity=units_left[line.gid]) for line in known]
    left = {gid: count for gid, count in units_left.items() if rows[gid].state in splits.IN_A_COPY}
    removed = {gid: rows[gid].quantity - count for gid, count in left.items() if count < rows[gid].quantity}
    may_be_theirs = _may_be_theirs(order, rows.values(), left) or is_changed_by_people(rows)
    try:
        before = _draft_lines(row, order, as_made, rows, choices) if removed else []
        if not removed or not any(left.values()):
            return _Plan(before, [], left, removed, may_be_theirs)
        return _Plan(before, _draft_lines(row, order, as_is, rows, choices), left, removed, may_be_theirs)
    except mapping.NoLinkedLines:
        raise UpdateRefused("Only lines without stock would be left in the draft: change it by hand.") from None


def _draft_lines(
    row: OrderImport, order: OrderRecord, lines: Iterable[Any], rows: Mapping[str, Line], choices: OrderSettings
) -> list[dict[str, Any]]:
    """The lines of a draft of this order with these lines, linked as they were when the draft was made.

    Raises NoLinkedLines, and UpdateRefused for what cannot be mapped otherwise.
    """
    connection = row.connection
    links = {
        line.variant_gid: line.source_variant.gid
        for line in rows.values()
        if line.state in (Line.State.CARRIED, Line.State.PLANNED) and line.source_variant is not None
    }
    # What an edit has added and is linked nowhere becomes the first custom line, perhaps.
    has_custom = any(line.is_carried and line.source_variant is None for line in rows.values())
    chosen = replace(
        choices_of(row, choices),
        strategy=mapping.DRAFT_ORDER,
        unlinked=CUSTOM if has_custom else LEAVE_OUT,
    )
    try:
        order = replace(order, lines=tuple(lines))
        mapped = map_now(connection, order, links, chosen, split=splits.kept_split(row))
    except mapping.NoLinkedLines:
        raise
    except mapping.CannotMap as error:
        raise UpdateRefused(f"{error} Change the draft by hand.") from None
    return (mapped.draft_input or {})["lineItems"]


def _as_sent(lines: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    found = []
    for line in lines:
        given = line.get("priceOverride") or line["originalUnitPriceWithCurrency"]
        price = Money(Decimal(given["amount"]), given["currencyCode"])
        found.append(_key(line.get("variantId"), line.get("title", ""), line["quantity"], price))
    return sorted(found)


def _as_found(lines: Iterable[draft_orders.DraftLine]) -> list[tuple[Any, ...]]:
    return sorted(_key(line.variant_gid, line.title, line.quantity, line.price) for line in lines)


def _key(variant_gid: str | None, title: str, quantity: int, price: Money | None) -> tuple[Any, ...]:
    # Without a price it is none that we sent, which are all 0 or more.
    amount, currency = (price.amount, price.currency) if price else (Decimal(-1), "")
    return variant_gid or "", title, quantity, amount, currency


def _may_be_theirs(order: OrderRecord, lines: Iterable[Line], wanted: Mapping[str, int]) -> bool:
    """Whether somebody may have changed a draft that was found again after a backup was restored, with these lines.

    One that holds what was ordered, or less of it but not less than the original holds now, was changed by refunds at
    most: that is carried. `wanted` is original line gid -> units that the draft is to hold.
    """
    ordered = {line.gid: line.quantity for line in order.lines}
    return any(
        not wanted.get(line.line_gid, line.quantity) <= line.quantity <= ordered.get(line.line_gid, 0)
        for line in lines
        if line.state in splits.IN_A_COPY and line.original_baseline is None and line.copy_quantity is not None
    )


def _send(update: OrderUpdate, client: Client, plan: _Plan, clients: OpenClient, move_units: MoveUnits) -> None:
    """Raises RetryLater when the draft was completed a moment ago: the order that it became is changed then."""
    row = update.order_import
    try:
        if plan.after:
            draft_orders.update_draft_lines(client, row.copy_gid, plan.after)
        else:
            draft_orders.delete_draft(client, row.copy_gid)
    except errors.UserErrors:
        import_order(row.connection, row.order_gid, clients, move_units)
        row.refresh_from_db()
        if not row.copy_order_gid:
            raise
        state.unsend(update)
        raise RetryLater("The draft was completed a moment ago: its order is changed instead.", 1) from None


def _finish(update: OrderUpdate, plan: _Plan, clients: OpenClient, move_units: MoveUnits) -> str:
    """The draft is as it is to be, or gone: write down its units, and what they free."""
    row = update.order_import
    import_order(row.connection, row.order_gid, clients, move_units)  # whether it still reserves, or is gone
    row.refresh_from_db()
    if row.draft_status == OrderImport.DraftStatus.DELETED and plan.after:
        return state.confirm(update, GONE)
    with transaction.atomic():
        if not plan.after:
            _end_draft(row, clients, move_units)
            return state.confirm(update, DELETED)
        _keep(row, plan.left, clients, move_units)
        return state.confirm(update, REMOVED, row.copy_gid)


def _end_draft(row: OrderImport, clients: OpenClient, move_units: MoveUnits) -> None:
    """Nothing is left of a draft, since nothing is left of its original: nothing of it is owed any more."""
    lines = row.lines.filter(state__in=splits.IN_A_COPY)
    OrderImport.objects.select_for_update().get(pk=row.pk)
    lines.update(owed_quantity=0)
    _keep(row, dict.fromkeys(lines.values_list("line_gid", flat=True), 0), clients, move_units)


def _keep(row: OrderImport, left: Mapping[str, int], clients: OpenClient, move_units: MoveUnits) -> None:
    source = row.connection.source
    before = reserved_units.in_copy(row)
    changed = reserved_units.keep_quantities(row, left)
    move_units(changed, clients(source).answered_at or source.now(), _given_back(row, before))


def _given_back(row: OrderImport, before: Mapping[int, int]) -> reserved_units.Returned:
    """What the draft holds less than before (source variant -> units), because its original does."""
    after = reserved_units.in_copy(row)
    less = {variant: count - after.get(variant, 0) for variant, count in before.items()}
    return reserved_units.Returned(row.connection_id, {variant: units for variant, units in less.items() if units > 0})


def _by_hand(row: OrderImport, plan: _Plan) -> str:
    titles = dict(row.lines.values_list("line_gid", "title"))
    listed = ", ".join(f"{count} × “{titles[gid]}”" for gid, count in plan.removed.items())
    return (
        "The draft is not as it was made: somebody changed it, or the connection's currency rate. "
        f"Take off by hand: {listed}."
    )


# Edits


def carry_edit(update: OrderUpdate, choices: OrderSettings, clients: OpenClient, move_units: MoveUnits) -> str:
    """Make an open draft what a copy of its original is now; what came of it, in words. Safe to repeat.

    One that people have changed is theirs: it needs the shop, and what was added stays held back. Raises RetryLater,
    and what the client raises.
    """
    row = update.order_import
    if row.draft_status == OrderImport.DraftStatus.DELETED:
        return state.skip(update, GONE)
    destination = clients(row.connection.destination)
    original = _read_original(row, destination)
    as_of, client = destination.answered_at, clients(row.connection.source)
    present = draft_orders.read_draft_lines(client, row.copy_gid)
    if present is None:
        import_order(row.connection, row.order_gid, clients, move_units)
        return state.skip(update, GONE)
    found = _as_found(present)
    if update.state == OrderUpdate.State.SENT and found == _as_sent(update.body["lines"]):
        _keep_edit(row, update.body["wanted"], client.answered_at, move_units)
    rows = {line.line_gid: line for line in row.lines.select_related("source_variant")}
    current = {line.gid: max(line.current_quantity, 0) for line in original.lines}
    wanted = {gid: current.get(gid, 0) for gid, line in rows.items() if line.is_carried}
    if all(rows[gid].quantity == units for gid, units in wanted.items()):
        return state.confirm(update, SET_ANEW, row.copy_gid)
    try:
        made = {gid: line.quantity for gid, line in rows.items() if line.state != Line.State.LEFT_OUT}
        before = _lines_with(row, original, made, rows, choices)
        after = _lines_with(row, original, wanted, rows, choices) if any(wanted.values()) else []
    except UpdateRefused as error:
        decisions.need_shop(update, str(error), wanted)
        return str(error)
    is_gained = any(units > rows[gid].quantity for gid, units in wanted.items())
    is_theirs = found != _as_sent(before) or _may_be_theirs(original, rows.values(), wanted)
    is_theirs = is_theirs or is_changed_by_people(rows)
    if is_theirs or is_gained and comparing.carries_stock_both_ways(row):
        words = _edit_by_hand(rows, wanted)
        decisions.need_shop(update, words, wanted)
        return words
    return _set_anew(update, as_of, _Plan(before, after, wanted, {}), clients, move_units)


def _set_anew(
    update: OrderUpdate, as_of: datetime | None, plan: _Plan, clients: OpenClient, move_units: MoveUnits
) -> str:
    """Send the draft's new lines, or delete it where none are left. `as_of` is the destination's clock."""
    row, wanted = update.order_import, plan.left
    client = clients(row.connection.source)
    if update.state == OrderUpdate.State.SENT:
        state.wait_for_late(update, as_of, LOST)
    if not state.begin(update, {"lines": plan.after, "wanted": wanted}):
        return "Another worker has it in hand."
    _send(update, client, plan, clients, move_units)
    if not plan.after:
        import_order(row.connection, row.order_gid, clients, move_units)
    with transaction.atomic():
        if not plan.after:
            _end_draft(row, clients, move_units)
            return state.confirm(update, DELETED)
        _keep_edit(row, wanted, client.answered_at, move_units)
        return state.confirm(update, SET_ANEW, row.copy_gid)


def _lines_with(
    row: OrderImport,
    order: OrderRecord,
    units: Mapping[str, int],
    rows: Mapping[str, Line],
    choices: OrderSettings,
) -> list[dict[str, Any]]:
    """The lines of a draft of this order that holds these units. Raises UpdateRefused where none can be made."""
    lines = [replace(line, current_quantity=units[line.gid]) for line in order.lines if units.get(line.gid)]
    try:
        return _draft_lines(row, order, lines, rows, choices)
    except mapping.NoLinkedLines:
        raise UpdateRefused("Only lines without stock would be left in the draft: change it by hand.") from None


def _keep_edit(row: OrderImport, wanted: Mapping[str, int], moved_at: datetime | None, move_units: MoveUnits) -> None:
    """The draft holds these units: what it has gained is held back as the rest of it is, or reserved by Shopify."""
    with transaction.atomic():
        OrderImport.objects.select_for_update().get(pk=row.pk)
        before = reserved_units.in_copy(row)
        lines = list(row.lines.filter(line_gid__in=wanted))
        is_pending = any(line.is_pending for line in lines)
        for line in lines:
            units = wanted[line.line_gid]
            line.owed_quantity = max(line.owed_quantity - max(units - line.quantity, 0), 0)
            line.quantity = line.original_baseline = line.copy_baseline = line.copy_quantity = units
            if line.source_variant_id is not None:
                line.is_pending, line.state = is_pending, Line.State.CARRIED
            elif line.state == Line.State.PLANNED:
                line.state = Line.State.CUSTOM
        held = ["original_baseline", "copy_baseline", "copy_quantity", "owed_quantity"]
        Line.objects.bulk_update(lines, ["quantity", "is_pending", "state", *held])
        touched = {line.source_variant_id for line in lines if line.source_variant_id is not None}
        move_units(touched, moved_at or row.connection.source.now(), _given_back(row, before))


def _edit_by_hand(rows: Mapping[str, Line], wanted: Mapping[str, int]) -> str:
    agreed = {gid: (line.original_baseline or 0) - (line.copy_baseline or 0) for gid, line in rows.items()}
    changed = {gid: units - agreed[gid] - rows[gid].quantity for gid, units in wanted.items()}
    more = ", ".join(f"{units} × “{rows[gid].title}”" for gid, units in changed.items() if units > 0)
    less = ", ".join(f"{-units} × “{rows[gid].title}”" for gid, units in changed.items() if units < 0)
    words = ["The original was changed. The draft is not as it was made, or its units travel as stock by now."]
    words += [f"Add by hand: {more}. Until then these units are reserved."] if more else []
    words += [f"Take off by hand: {less}."] if less else []
    return " ".join([*words, "Then press “Done by hand”."])
