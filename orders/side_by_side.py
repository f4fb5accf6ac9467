"""An original beside its copy, line by line, and the steps from one to the other: what a page and a command show.

From our rows alone, as both orders were when they were last compared: nothing is asked of Shopify.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orders.changes.readings import is_deletion
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from orders.reserved_units import count_held

State, LineState, UpdateState, Place = OrderImport.State, OrderImportLine.State, OrderUpdate.State, OrderImport.Place
WAITING = (UpdateState.PLANNED, UpdateState.SENT, UpdateState.NEEDS_SHOP, UpdateState.FAILED)
NOT_COMPARED = "Not compared since it was imported."
LINKED_SINCE = "It was linked since: its units are reserved until somebody decides."
AGREED = "so it stays, by a decision or by the choices of the connection"


@dataclass(frozen=True, slots=True)
class LineBeside:
    """A line of the original, in units; None is what nobody knows, or what is not there. `words`: what differs."""

    line: OrderImportLine
    ordered: int | None
    in_original: int | None
    in_copy: int | None
    held_back: int
    words: str

    @property
    def title(self) -> str:
        return self.line.title or self.line.variant_gid or "a custom line"

    @property
    def differs(self) -> bool:
        """Whether both are known to hold another number of it."""
        return None not in (self.in_original, self.in_copy) and self.in_original != self.in_copy


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done about an order, or waits: `state` is one of a later change, `words` what came of it."""

    name: str
    state: str
    words: str
    at: datetime | None
    update: OrderUpdate | None = None

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def state_words(self) -> str:
        return str(UpdateState(self.state).label)


def compare_rows(row: OrderImport, lines: Iterable[OrderImportLine]) -> list[LineBeside]:
    """The lines of an order with what both orders hold of them."""
    is_cancelled = _is_cancelled(row)
    return [_beside(row, line, is_cancelled) for line in lines]


def _is_cancelled(row: OrderImport) -> bool:
    """Whether the original was cancelled since it was copied."""
    return any(update.kind == OrderUpdate.Kind.CANCELLATION for update in row.updates.all())


def _how_it_ended(row: OrderImport) -> str:
    is_deleted = any(is_deletion(update) for update in row.updates.all())
    return "deleted" if is_deleted else "cancelled"


def _beside(row: OrderImport, line: OrderImportLine, is_cancelled: bool) -> LineBeside:
    is_copied = row.state == State.CONFIRMED
    original, copy = line.original_quantity, _units_in_copy(row, line)
    if not is_copied or original is None and not line.is_carried:
        original = line.quantity  # as the order was last mapped, or noted
    if not is_copied or not line.is_carried:
        words = _why_not_copied(row, line)
    elif original is None or copy is None:
        words = NOT_COMPARED
    else:
        words = what_differs(line, original, copy, _known_cause(row, is_cancelled))
    return LineBeside(line, line.ordered_quantity, original, copy, count_held(line), words)


def _units_in_copy(row: OrderImport, line: OrderImportLine) -> int | None:
    if row.state != State.CONFIRMED or line.state == LineState.ELSEWHERE:
        return None
    return line.copy_quantity if line.is_carried and not row.has_deleted_draft else 0


def _known_cause(row: OrderImport, is_cancelled: bool) -> str:
    """What happened to a whole order, which says more than the units that it gained or lost; '' if nothing did."""
    if is_cancelled:
        return f"the original was {_how_it_ended(row)}"
    return "the draft was deleted" if row.has_deleted_draft else ""


def _why_not_copied(row: OrderImport, line: OrderImportLine) -> str:
    """Why a line is in no copy; one that waits for its order's copy needs no words."""
    if row.state in (State.CONFIRMED, State.SKIPPED) and line.is_pending:
        return f"{line.reason} {LINKED_SINCE}".strip()
    return line.reason


def what_differs(line: OrderImportLine, original: int, copy: int, cause: str = "") -> str:
    """How original and copy differ in a line that was copied, and whose doing it is; '' where they do not."""
    if original == copy:
        return ""
    amount = f"{copy - original} more in the copy" if copy > original else f"{original - copy} fewer in the copy"
    if cause:
        return f"{amount}: {cause}."
    if line.original_baseline is None or line.copy_baseline is None:
        return f"{amount}: nobody knows which of them was changed."
    theirs, own = original - line.original_baseline, copy - line.copy_baseline
    if theirs == own:
        return f"{amount}: {AGREED}."
    changes = [_changed("the original", theirs), _changed("the copy", own)]
    return f"{amount}: {' and '.join(filter(None, changes))}."


def _changed(name: str, units: int) -> str:
    if not units:
        return ""
    return f"{name} {'gained' if units > 0 else 'lost'} {abs(units)}"


def sum_up(row: OrderImport, lines: Iterable[LineBeside]) -> str:
    """How many lines differ, in a sentence."""
    if row.state == State.SENT:
        return "Whether there is a copy is not known yet."
    if row.state != State.CONFIRMED:
        return "There is no copy."
    known = [each for each in lines if each.line.is_carried]
    differing = sum(each.differs for each in known)
    if any(each.in_original is None or each.in_copy is None for each in known):
        return "Original and copy have not been compared yet since the copy was made."
    cancelled = f"The original was {_how_it_ended(row)}. " if _is_cancelled(row) else ""
    if not differing:
        return f"{cancelled}Of what was imported, both contain the same."
    return f"{cancelled}They differ in {differing} of {len(known)} {'lines' if len(known) > 1 else 'line'}."


def find_steps(row: OrderImport, updates: Iterable[OrderUpdate]) -> list[Step]:
    """What waits first, then what was done; the newest of each first."""
    steps = [
        Step(str(each.get_kind_display()), each.state, each.reason, each.origin_at or each.created_at, each)
        for each in updates
    ]
    steps += filter(None, [_compare_step(row), _place_step(row), _copy_step(row)])
    return sorted(steps, key=lambda step: not step.waits)


def has_unseen_signs(row: OrderImport) -> bool:
    """Whether something happened to either order that no comparison has seen yet."""
    is_news = row.original_signs > row.original_signs_seen or row.copy_signs > row.copy_signs_seen
    return row.state == State.CONFIRMED and is_news


def _compare_step(row: OrderImport) -> Step | None:
    if not has_unseen_signs(row):
        return None
    sides = [
        name
        for name, count, seen in (
            ("the original", row.original_signs, row.original_signs_seen),
            ("the copy", row.copy_signs, row.copy_signs_seen),
        )
        if count > seen
    ]
    words = f"Something happened to {' and to '.join(sides)} since they were last compared."
    return Step("Compare original and copy", UpdateState.PLANNED, words, None)


def _place_step(row: OrderImport) -> Step | None:
    states = {Place.WANTED: UpdateState.PLANNED, Place.SENT: UpdateState.SENT, Place.DONE: UpdateState.CONFIRMED}
    if row.state != State.CONFIRMED or not row.place:
        return None
    state = states[Place(row.place)]
    return Step("Take its units from the location that sold", state, row.get_place_display(), None)


def _copy_step(row: OrderImport) -> Step | None:
    kind = "draft" if row.is_draft else "order"
    if row.state == State.CONFIRMED:
        words = f"As the {kind} {row.copy_name}.".replace(" .", ".")
        return Step("Imported to the source", UpdateState.CONFIRMED, words, row.confirmed_at)
    states = {State.FAILED: UpdateState.FAILED, State.SENT: UpdateState.SENT}
    if row.state not in OrderImport.UNFINISHED:
        return None
    return Step(f"Make the {kind} in the source", states.get(State(row.state), UpdateState.PLANNED), row.reason, None)
