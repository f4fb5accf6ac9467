"""What needs the shop: changes that staff made in a copy, and units that cannot be added to it. People decide.

Until then the units that the original holds and the copy does not stay held back. One row tells of all that was changed
in a copy; it ends by itself once both hold the same again.
"""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from orders import reserved_units
from orders.changes.steps.state import OPEN
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.shopify.orders.order_progress import OrderProgress

Kind = OrderUpdate.Kind
State = OrderUpdate.State
Line = OrderImportLine
SAME = "Original and copy contain the same."
AGAIN = "It is tried once more."
ADDED, COST, SHIPPED = OrderUpdate.ADDED, "cost", "shipped"  # what a row tells of a copy; see origin_of
ADDED_WORDS = (
    "They are the source's own affair and are sent nowhere: if they were meant for the customer of the original, "
    "add them there by hand. Then press “Done by hand”."
)
SHIPPED_WORDS = (
    "They cannot be shipped there any more. Have the parcel stopped or sent back, or its goods paid for, and see that "
    "the stock is right. Then press “Done by hand”."
)
REFUSED = (State.NEEDS_SHOP, State.FAILED)


def note(row: OrderImport, copy: OrderProgress, differs: Mapping[str, int], lines: Mapping[str, Line]) -> None:
    """Have a row that tells of what the copy holds more, or (negative) less, than it should; or end it."""
    update = row.updates.filter(kind=Kind.COPY_CHANGED, origin_gid=row.copy_order_gid or row.copy_gid).first()
    if not differs:
        if update is not None and update.state == State.NEEDS_SHOP:
            _end(update, State.SKIPPED, SAME)
        return
    if update is None:
        update = OrderUpdate(order_import=row, kind=Kind.COPY_CHANGED, origin_gid=row.copy_order_gid or row.copy_gid)
    if update.state == State.NEEDS_SHOP and update.body.get("differs") == dict(differs):
        return
    update.state, update.body, update.failure = State.NEEDS_SHOP, {"differs": dict(differs)}, ""
    update.is_noticed = False
    update.reason = _words(row, copy, differs, lines)
    update.origin_at, update.confirmed_at = copy.cancelled_at or copy.updated_at or timezone.now(), None
    update.save()


def _words(row: OrderImport, copy: OrderProgress, differs: Mapping[str, int], lines: Mapping[str, Line]) -> str:
    less = [f"{-units} × “{lines[gid].title}”" for gid, units in differs.items() if units < 0]
    more = [f"{units} × “{lines[gid].title}”" for gid, units in differs.items() if units > 0]
    words = []
    if copy.cancelled_at:
        words.append("The copy was cancelled in the source.")
    elif not copy.lines:
        words.append(
            f"The {'draft' if copy.gid == row.copy_gid and row.is_draft else 'copy'} was deleted in the source."
        )
    if less:
        words.append(
            f"The original still contains what the copy does not: {', '.join(less)}. What is not shipped of it "
            "stays reserved. Put it into an order of the source, or take it off the original; then press "
            "“Done by hand”"
            + ("." if row.has_open_draft else "; or press “Apply to the original”, which takes it off there.")
        )
    if more:
        words.append(
            f"The copy contains more than the original: {', '.join(more)}. Take it off by hand, or have it sent back "
            "if it was shipped; then press “Done by hand”."
        )
    return " ".join(words)


def note_added(row: OrderImport, copy: OrderProgress, added: Mapping[str, tuple[str, int]]) -> None:
    """Have a row that tells of lines that the original does not know: line of the copy -> (title, units); or end it."""
    units, titles = {gid: each[1] for gid, each in added.items()}, {gid: each[0] for gid, each in added.items()}
    words = f"came into the copy that the original does not know. {ADDED_WORDS}"
    _note_once(row, copy, ADDED, units, titles, words, "The copy does not contain them any more.")


def knows_added(row: OrderImport, copy: OrderProgress, added: Mapping[str, tuple[str, int]]) -> bool:
    """Whether these very lines, and no others, were told of."""
    update = row.updates.filter(kind=Kind.COPY_CHANGED, origin_gid=OrderUpdate.origin_of(copy.gid, ADDED)).first()
    known = update.body[ADDED] if update and update.state != State.SKIPPED else {}
    return known == {gid: units for gid, (_, units) in added.items()}


def note_shipped(row: OrderImport, copy: OrderProgress, units: Mapping[str, int], lines: Mapping[str, Line]) -> None:
    """Have a row that tells of units (original's line ->) that were shipped although they were refunded; or end it."""
    titles = {gid: lines[gid].title for gid in units}
    words = f"refunded in {row.connection.destination}, and shipped by the source all the same. {SHIPPED_WORDS}"
    _note_once(row, copy, SHIPPED, units, titles, words, "Original and copy have shipped the same.")


def _note_once(
    row: OrderImport,
    copy: OrderProgress,
    name: str,
    units: Mapping[str, int],
    titles: Mapping[str, str],
    words: str,
    over: str,
) -> None:
    """Have a row tell of these units, once; or end it, which `over` says.

    It keeps what people have agreed to, so that only what exceeds that is told again.
    """
    origin = OrderUpdate.origin_of(copy.gid, name)
    update = row.updates.filter(kind=Kind.COPY_CHANGED, origin_gid=origin).first()
    agreed = _agreed_in(update, name)
    new = {gid: count - agreed.get(gid, 0) for gid, count in units.items() if count > agreed.get(gid, 0)}
    if not new:
        if update is not None and update.state == State.NEEDS_SHOP:
            _end(update, State.SKIPPED, over)
        return
    body = {name: dict(units), "agreed": agreed}
    if update is not None and update.state == State.NEEDS_SHOP and update.body == body:
        return
    update = update or OrderUpdate(order_import=row, kind=Kind.COPY_CHANGED, origin_gid=origin)
    update.state, update.body, update.failure, update.is_noticed = State.NEEDS_SHOP, body, "", False
    named = ", ".join(f"{count} × “{titles[gid]}”" for gid, count in new.items())
    update.reason = f"{named} {words}"
    update.origin_at, update.confirmed_at = copy.updated_at or timezone.now(), None
    update.save()


def note_cost(row: OrderImport, edit: OrderUpdate, words: str) -> None:
    """Have a row that tells that what an edit of ours added costs something else than it was sold at."""
    if words:
        fields = {"state": State.NEEDS_SHOP, "reason": words, "origin_at": timezone.now()}
        origin = OrderUpdate.origin_of(row.copy_order_gid, f"{COST}{edit.pk}")
        row.updates.get_or_create(kind=Kind.COPY_CHANGED, origin_gid=origin, defaults=fields)


def find_agreed(row: OrderImport) -> dict[str, int]:
    """Units of lines of the copy, unknown to its original, that people were told of and have agreed to."""
    update = row.updates.filter(
        kind=Kind.COPY_CHANGED, origin_gid=OrderUpdate.origin_of(row.copy_order_gid, ADDED)
    ).first()
    return _agreed_in(update, ADDED)


def _agreed_in(update: OrderUpdate | None, name: str) -> dict[str, int]:
    if update is None:
        return {}
    agreed: dict[str, int] = update.body.get("agreed", {})
    return agreed | update.body[name] if update.state == State.CONFIRMED else agreed


def was_refused(row: OrderImport, wanted: Mapping[str, int]) -> bool:
    """Whether these very units could not be added or taken off, and nobody said to try again."""
    refused = row.updates.filter(kind=Kind.EDIT, state__in=REFUSED).values_list("body", flat=True)
    return any(body.get("wanted") == dict(wanted) for body in refused)


def end_edits(row: OrderImport) -> None:
    """What could not be carried is done by now."""
    for update in row.updates.filter(kind=Kind.EDIT, state=State.NEEDS_SHOP):
        _end(update, State.SKIPPED, SAME)


# What staff took off a copy, taken off its original, too


def find_wanted_back(row: OrderImport, choices: OrderSettings) -> dict[str, int] | None:
    """What may be taken off the original (line gid -> units): what somebody said; None: all, by the choice."""
    if choices.copy_changes == OrderSettings.CopyChanges.CARRY:
        return None
    found: dict[str, int] = {}
    decided = row.updates.filter(kind=Kind.CARRY_BACK, state__in=(*OPEN, *REFUSED))
    for body in decided.values_list("body", flat=True):
        for gid, units in body.get("wanted", {}).items():
            found[gid] = max(found.get(gid, 0), units)
    return found


def find_carried_back(row: OrderImport) -> set[str]:
    """The refunds of the original that are our own doing."""
    done = row.updates.filter(kind=Kind.CARRY_BACK, state=State.CONFIRMED)
    return set(done.values_list("result_gid", flat=True))


def note_back(row: OrderImport, wanted: Mapping[str, int], copy: OrderProgress) -> None:
    """Have a row for what is to be taken off the original, unless one waits, or it was refused; or end those."""
    known = row.updates.filter(kind=Kind.CARRY_BACK)
    if not wanted:
        for update in known.filter(state=State.NEEDS_SHOP):
            _end(update, State.SKIPPED, SAME)
        return
    refused = known.filter(state__in=REFUSED).values_list("body", flat=True)
    if any(body.get("wanted") == dict(wanted) for body in refused) or known.filter(state__in=OPEN).exists():
        return
    _plan_back(row, wanted, "", copy)


def _plan_back(row: OrderImport, wanted: Mapping[str, int], who: str, copy: OrderProgress | None) -> None:
    count = row.updates.filter(kind=Kind.CARRY_BACK).count()
    row.updates.create(
        kind=Kind.CARRY_BACK,
        origin_gid=OrderUpdate.origin_of(row.copy_order_gid or row.copy_gid, count),
        origin_at=(copy and (copy.cancelled_at or copy.updated_at)) or timezone.now(),
        body={"wanted": dict(wanted), "who": who},
    )


def can_carry_back(row: OrderImport) -> bool:
    """Whether somebody can say that what staff took off the copy is to be taken off the original, too."""
    return _has_whole_copy(row) and bool(_undecided_losses(row))


def _has_whole_copy(row: OrderImport) -> bool:
    """Whether what its copy lost is known line by line: of an order, and of a draft that was deleted."""
    return bool(row.copy_order_gid) or row.has_deleted_draft


def _undecided_losses(row: OrderImport) -> dict[str, int]:
    """Original's line gid -> units that staff took off the copy, of which nobody has decided."""
    updates = list(row.updates.all())
    if any(update.kind == Kind.CARRY_BACK and update.state in OPEN for update in updates):
        return {}
    found: dict[str, int] = {}
    for update in updates:
        if update.state == State.NEEDS_SHOP and update.kind == Kind.COPY_CHANGED:
            found |= {gid: -units for gid, units in update.body.get("differs", {}).items() if units < 0}
        elif update.state == State.NEEDS_SHOP and update.kind == Kind.CARRY_BACK:
            found |= update.body.get("wanted", {})
    return found


def decide_back(row: OrderImport, who: str) -> bool:
    """A person says that what staff took off the copy is to be taken off the original, too; False if nothing is told.

    At most the units that were told of. The caller then has it carried.
    """
    with transaction.atomic():
        OrderImport.objects.select_for_update().get(pk=row.pk)
        if not _has_whole_copy(row) or not (wanted := _undecided_losses(row)):
            return False
        for update in row.updates.filter(kind=Kind.CARRY_BACK, state=State.NEEDS_SHOP):
            _end(update, State.SKIPPED, AGAIN)
        _plan_back(row, wanted, who, None)
    return True


def need_shop(update: OrderUpdate, words: str, wanted: Mapping[str, int]) -> str:
    """Somebody has to do something by hand, as units cannot be added to a copy or taken off it; return the words."""
    update.body = {"wanted": dict(wanted)}
    update.reason, update.state, update.failure, update.is_noticed = words, State.NEEDS_SHOP, "", False
    update.save(update_fields=["body", "reason", "state", "failure", "is_noticed", "changed_at"])
    return words


def _end(update: OrderUpdate, end_state: str, words: str) -> None:
    update.state, update.reason, update.confirmed_at = end_state, words, timezone.now()
    update.save(update_fields=["state", "reason", "confirmed_at", "changed_at"])


def needs_shop(row: OrderImport) -> bool:
    """Whether somebody has to decide about an order."""
    return any(update.state == State.NEEDS_SHOP for update in row.updates.all())


def decide_done(row: OrderImport, move_units: MoveUnits, words: str) -> bool:
    """A person says that what differs is right as it is, or done by hand; False if nothing waits for that.

    What both orders held of the lines that were told of, when they were last compared, counts as agreed, and nothing of
    it is held back any longer. What is still to be carried, or changes afterwards, is carried, or told, as ever.
    """
    with transaction.atomic():
        OrderImport.objects.select_for_update().get(pk=row.pk)
        waiting = list(row.updates.filter(state=State.NEEDS_SHOP))
        if not waiting:
            return False
        lines = [line for line in row.lines.all() if line.is_carried and line.original_quantity is not None]
        sent = row.updates.filter(kind=Kind.CARRY_BACK, state=State.SENT).values_list("body", flat=True)
        under_way = {
            gid for body in sent for gid in body.get("units", {})
        }  # the next comparison knows what became of it
        named = {gid for update in waiting for name in ("differs", "wanted") for gid in update.body.get(name, {})}
        lines = [line for line in lines if line.line_gid in named - under_way]
        before = reserved_units.count_reserved(lines)
        for line in lines:
            line.original_baseline, line.copy_baseline, line.owed_quantity = (
                line.original_quantity,
                line.copy_quantity or 0,
                0,
            )
            if line.state == Line.State.PLANNED:
                line.state = Line.State.CARRIED if line.source_variant_id else Line.State.CUSTOM
        Line.objects.bulk_update(lines, ["original_baseline", "copy_baseline", "owed_quantity", "state"])
        for update in waiting:
            _end(update, State.CONFIRMED, words)
        move_units(reserved_units.find_changed(before, reserved_units.count_reserved(lines)), None)
    return True
