"""Compare an original with its copy: read what gave a sign of life, hold back what is owed, note what is to be done.

Nothing is sent here. What is read of one order alone says whether the other must be read: an order that was touched
without being changed costs one read. All that follows is written down in one transaction, before anything is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db import transaction

from orders import intake, reserved_units
from orders.changes import decisions, line_values
from orders.changes.readings import Reading, Readings, is_restored, note_cancellation
from orders.changes.rules import units_left
from orders.changes.rules.comparison import (
    Baseline,
    LineNow,
    LineSteps,
    Payment,
    compare_lines,
    find_payment,
    leave_in_copy,
    payment_words,
)
from orders.changes.steps import state
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import ENDING_TWO_WAY, Strategy
from stores.shopify.orders.order_progress import OrderProgress

Kind = OrderUpdate.Kind
State = OrderUpdate.State
Line = OrderImportLine
OPEN_KINDS = (Kind.EDIT, Kind.PAYMENT, Kind.CARRY_BACK)


@dataclass(slots=True)
class Comparison(Readings):
    """One job's work on one copied order. What was read is kept until something was sent (`begin_again`)."""

    row: OrderImport
    choices: OrderSettings
    clients: OpenClient
    move_units: MoveUnits
    original: Reading | None = None
    copy: Reading | None = None
    steps: dict[str, LineSteps] = field(default_factory=dict)
    payment: Payment | None = None
    seen: tuple[int, int] = (0, 0)
    is_copy_fresh: bool = False  # it was read after the last thing that was sent to it
    was_shipped: bool = False  # what is known now to stand for lines of the original had been shipped before

    def note_news(self, *, was_carried: bool = False) -> None:
        """Read whichever order gave a sign of life; have a row for each refund, cancellation and shipment of it.

        `was_carried`: one of them was carried a moment ago, so that what is left is to be seen. Raises what the client
        raises.
        """
        row = self.row
        self.seen = (row.original_signs, row.copy_signs)
        if was_carried or row.original_signs > row.original_signs_seen or self._has_open():
            ours = decisions.find_carried_back(row)
            for refund in self.read_original().refunds:
                if refund.lines and refund.gid not in ours:
                    intake.note_update(row, Kind.REFUND, refund.gid, refund.created_at)
            original = self.read_original()
            if original.cancelled_at:
                note_cancellation(row, original)
        if row.copy_signs > row.copy_signs_seen and row.copy_order_gid:
            known = set(row.updates.filter(kind=Kind.FULFILMENT).values_list("origin_gid", flat=True))
            for shipment in self.read_copy().shipments:
                if shipment.gid not in known:
                    intake.note_update(row, Kind.FULFILMENT, shipment.gid, shipment.created_at)

    def _has_open(self) -> bool:
        return self.row.updates.filter(kind__in=OPEN_KINDS, state__in=state.OPEN).exists()

    def begin_again(self, *, is_original_old: bool = True) -> None:
        """What was read is old: something was sent since. Raises what the client raises."""
        self.original = None if is_original_old else self.original
        self.copy = self.copy if self.is_copy_fresh else None
        self.is_copy_fresh = False
        self.note_news(was_carried=True)

    # Comparing

    def compare(self) -> None:
        """Write down how both orders stand, hold back what is owed, and have a row for what is to be sent or told.

        Raises what the client raises.
        """
        if self.original is None and self.row.has_deleted_draft:
            self.read_copy()
        if self.original is None and self.copy is None:
            return
        if not self._must_read_both():
            self._note_seen()
            return
        self.read_original()
        self.read_copy()
        with transaction.atomic():
            fresh = OrderImport.objects.select_for_update().get(pk=self.row.pk)
            lines = self._known_lines()
            before, as_they_were = reserved_units.count_reserved(lines.values()), line_values.of(lines)
            self._add_new_lines(lines)
            moved = self._write_down(lines, can_lower=(fresh.original_signs, fresh.copy_signs) == self.seen)
            line_values.save(lines, as_they_were)
            after = reserved_units.count_reserved(lines.values())
            self._note_work(lines)
            self._note_seen()
            self._plan_stock(before, after, moved, self._given_back(lines, as_they_were))

    def _known_lines(self) -> dict[str, Line]:
        return {line.line_gid: line for line in self.row.lines.select_related("source_variant")}

    def _must_read_both(self) -> bool:
        """Whether the side that was read has changed since both agreed, or something waits."""
        row = self.row
        if not row.payment_seen or row.updates.filter(state__in=(*state.OPEN, State.NEEDS_SHOP)).exists():
            return True
        lines = self._known_lines()
        if any(line.owed_quantity for line in lines.values()):  # perhaps by a webhook that was old
            return True
        if self.original is not None and self._original_changed(lines, self.original.order):
            return True
        return self.copy is not None and self._copy_changed(lines, self.copy.order)

    def _original_changed(self, lines: Mapping[str, Line], original: OrderProgress) -> bool:
        units = {line.gid: line.current_quantity for line in original.lines}
        if self.say_payment() != self.row.payment_seen or line_values.find_left_out(lines, units):
            return True
        for line in original.lines:
            known = lines.get(line.gid)
            if known is None and line.current_quantity > 0:
                return True
            if known is not None and known.is_carried and known.original_baseline != line.current_quantity:
                return True
        return False

    def _copy_changed(self, lines: Mapping[str, Line], copy: OrderProgress) -> bool:
        held = self._copy_units(lines, copy)
        added = self._added_by_staff(lines, copy)
        agreed = decisions.find_agreed(self.row) if added else {}
        if any(units > agreed.get(gid, 0) for gid, (_, units) in added.items()):
            return True
        if not self.choices.carries_refunds and self._has_shipped_more(lines, copy):
            return True
        return any(line.is_carried and held.get(gid, (0, 0))[0] != line.copy_baseline for gid, line in lines.items())

    def _has_shipped_more(self, lines: Mapping[str, Line], copy: OrderProgress) -> bool:
        """Whether more is shipped than the original held when both last agreed: a copy may hold what was refunded."""
        shipped = units_left.original_units(copy, units_left.shipped_units(copy), self.match(lines, copy))
        return any(units > (lines[gid].original_baseline or 0) for gid, units in shipped.items())

    def _copy_units(self, lines: Mapping[str, Line], copy: OrderProgress) -> dict[str, tuple[int, int]]:
        """Original line gid -> units in the copy, and how many of them are not shipped."""
        found: dict[str, tuple[int, int]] = {}
        names = self.match(lines, copy)
        for line in copy.lines:
            if name := names.get(line.gid):
                units, left = found.get(name, (0, 0))
                found[name] = (units + line.current_quantity, left + line.open_quantity)
        return found

    def _added_by_staff(self, lines: Mapping[str, Line], copy: OrderProgress) -> dict[str, tuple[str, int]]:
        """Copy's line gid -> (title, units) of lines that stand for none of the original's, nor for its taxes."""
        names = self.match(lines, copy)
        return {
            line.gid: (line.title, line.current_quantity)
            for line in copy.lines
            if line.gid not in names and line.current_quantity > 0 and not units_left.original_line(line)
            if not (self.row.is_draft and units_left.is_tax(line))
        }

    def match(self, lines: Mapping[str, Line], copy: OrderProgress) -> dict[str, str]:
        """Copy's line gid -> the original's line that it stands for."""
        current = {line.gid: line.current_quantity for line in self.original.order.lines} if self.original else {}
        return units_left.match_lines(
            copy,
            [
                units_left.Original(
                    gid,
                    line.source_variant.gid if line.source_variant else "",
                    current.get(gid, line.original_quantity or 0),
                    frozenset(line.copy_line_gids or ()),
                )
                for gid, line in lines.items()
                if line.is_carried
            ],
        )

    def match_known(self, copy: OrderProgress) -> dict[str, str]:
        """The same by the lines that are written down."""
        return self.match(self._known_lines(), copy)

    def _add_new_lines(self, lines: dict[str, Line]) -> None:
        """A row for each line that the original has gained since it was copied."""
        new = [line for line in self.read_original().lines if line.gid not in lines and line.current_quantity > 0]
        if new:
            seen = [
                reserved_units.SeenLine(
                    line.gid, line.variant_gid, line.title, line.current_quantity, line.is_gift_card
                )
                for line in new
            ]
            has_custom = self.choices.unlinked == OrderSettings.Unlinked.CUSTOM
            for made in reserved_units.add_lines(self.row, seen, has_custom=has_custom, left_out=intake.ADDED_UNLINKED):
                lines[made.line_gid] = made

    def _write_down(self, lines: Mapping[str, Line], *, can_lower: bool) -> bool:
        """Keep what both hold and what is owed; whether the copy's units have moved since they were last seen."""
        now = self._lines_now(lines)
        line_values.follow_left_out(lines, {line.gid: line.current_quantity for line in self.read_original().lines})
        is_cancelled = self.read_original().cancelled_at is not None
        self.steps = compare_lines(now, is_cancelled=is_cancelled, carries_back=True)
        if not self.choices.carries_refunds:
            self.steps = {each.gid: leave_in_copy(each, self.steps[each.gid]) for each in now}
        moved = False
        for each in now:
            line, steps = lines[each.gid], self.steps[each.gid]
            moved = moved or line.copy_quantity != each.copy_quantity
            line.copy_quantity = each.copy_quantity
            owed = self._owed(line, steps.reserved_quantity, steps.add)
            if can_lower or owed >= line.owed_quantity:
                line.original_quantity, line.owed_quantity = each.original_quantity, owed
            if not steps.has_work and not steps.report and not each.under_way:
                line.original_baseline, line.copy_baseline = steps.baseline.original, steps.baseline.copy
                if line.state == Line.State.PLANNED and each.copy_quantity:  # put into it by hand, say
                    line.state = Line.State.CARRIED if line.source_variant_id else Line.State.CUSTOM
            elif each.baseline is None:  # nobody knows who changed what: from here on it is known
                line.original_baseline = line.copy_baseline = each.original_quantity
        self._keep_matches(lines)
        return moved

    def _owed(self, line: Line, units: int, added: int) -> int:
        """Which of the missing units are held back. Two-way, what the destination sells besides travels as a change of
        its stock, and must not be counted twice."""
        if line.source_variant_id is None:
            return 0
        return units - added if carries_stock_both_ways(self.row) else units

    def _keep_matches(self, lines: Mapping[str, Line]) -> None:
        """Write down which lines of the copy stand for which of the original.

        What was shipped of lines that nobody knew before, since they were put into it by hand, is carried once more.
        """
        copy, found = self.read_copy(), dict[str, list[str]]()
        for gid, name in self.match(lines, copy).items():
            found.setdefault(name, []).append(gid)
        known = {line.gid for line in copy.lines if units_left.original_line(line)}
        known |= {gid for line in lines.values() for gid in line.copy_line_gids or ()}
        for name, gids in found.items():
            lines[name].copy_line_gids = sorted(gids)
        new = {gid for gids in found.values() for gid in gids} - known
        shipped = [shipment.gid for shipment in copy.shipments if new & set(shipment.units)]
        self.was_shipped = state.plan_again(self.row, Kind.FULFILMENT, shipped)

    def _lines_now(self, lines: Mapping[str, Line]) -> list[LineNow]:
        original = self.read_original().lines
        current = {line.gid: line.current_quantity for line in original}
        opened = {line.gid: line.open_quantity for line in original}
        held, waits = self._copy_units(lines, self.read_copy()), self._under_way()
        wanted = decisions.find_wanted_back(self.row, self.choices)
        return [
            LineNow(
                gid,
                current.get(gid, 0),
                *held.get(gid, (0, 0)),
                self._baseline(line, held.get(gid, (0, 0))[0]),
                waits.get(gid, 0),
                # Nothing was ever taken from the source for a draft: shipped or not, it is to give these units.
                opened.get(gid) == 0 and not self.row.has_deleted_draft,
                min(opened.get(gid, 0), opened.get(gid, 0) if wanted is None else wanted.get(gid, 0)),
            )
            for gid, line in lines.items()
            if line.is_carried
        ]

    def _baseline(self, line: Line, copy_quantity: int) -> Baseline | None:
        """What both held when they last agreed, as far as that is known: a restored database may be older."""
        if line.original_baseline is None or line.copy_baseline is None:
            return None
        if is_restored(self.row) and copy_quantity != line.copy_baseline:
            return None
        return Baseline(line.original_baseline, line.copy_baseline)

    def _under_way(self) -> dict[str, int]:
        """Units of edits, and of what goes back, whose answer is out."""
        kinds = (Kind.EDIT, Kind.CARRY_BACK)
        sent = self.row.updates.filter(kind__in=kinds, state=State.SENT).values_list("body", flat=True)
        found: dict[str, int] = {}
        for body in sent:
            for gid, units in body.get("units", {}).items():
                found[gid] = found.get(gid, 0) + units
        return found

    # Rows

    def _note_work(self, lines: Mapping[str, Line]) -> None:
        row, original, copy = self.row, self.read_original(), self.read_copy()
        if self._has_refunds_left():  # which say how the same units are taken off, and may be under way
            self.steps = {gid: replace(each, remove=0) for gid, each in self.steps.items()}
        wanted = {gid: each.add - each.remove for gid, each in self.steps.items() if each.add or each.remove}
        if wanted:
            self._note_edit(wanted)
        decisions.note(row, copy, {gid: each.report for gid, each in self.steps.items() if each.report}, lines)
        if not row.updates.filter(kind=Kind.EDIT, state=State.SENT).exists():  # whose lines may be ours
            decisions.note_added(row, copy, self._added_by_staff(lines, copy))
        if not original.cancelled_at and not copy.cancelled_at:
            lost = units_left.shipped_though_refunded(original, copy, self.match(lines, copy))
            decisions.note_shipped(row, copy, lost, lines)
        if not wanted:
            decisions.end_edits(row)
        decisions.note_back(row, {gid: each.carry_back for gid, each in self.steps.items() if each.carry_back}, copy)
        self.payment = self.find_payment(copy)
        if self.payment is not None:
            part = "" if self.payment.amount is None else f"+{self.payment.amount.normalize():f}"
            if not part and copy.payments.received:  # more is to be paid since, for what an edit of ours added
                part = f"/{copy.payments.received.normalize():f}"
            origin = f"{row.order_gid}#{original.payments.received.normalize():f}{part}"
            is_new = intake.note_update(row, Kind.PAYMENT, origin[:80], original.updated_at)
            if not is_new and (copy.payments.current > 0 or any(each.add for each in self.steps.values())):
                free = row.updates.filter(kind=Kind.PAYMENT, origin_gid=origin[:80], body__is_free=True)
                free.filter(state=State.SKIPPED).update(state=State.PLANNED, body={}, reason="")

    def _has_refunds_left(self) -> bool:
        unsettled = (*state.OPEN, State.FAILED)
        return self.row.updates.filter(kind__in=(Kind.CANCELLATION, Kind.REFUND), state__in=unsettled).exists()

    def _note_edit(self, wanted: Mapping[str, int]) -> None:
        """Have a row for what is to be added and taken off, unless one waits, or people were told that it cannot be."""
        row = self.row
        known = row.updates.filter(kind=Kind.EDIT)
        if not decisions.was_refused(row, wanted) and not known.filter(state__in=state.OPEN).exists():
            intake.note_update(row, Kind.EDIT, f"{row.order_gid}#{known.count()}", self.read_original().updated_at)

    def find_payment(self, copy: OrderProgress) -> Payment | None:
        """What is to be recorded as paid in the copy, as it is."""
        row, original = self.row, self.read_original()
        is_same = self.choices.payment_status == OrderSettings.PaymentStatus.SAME
        if not is_same or row.is_draft or original.cancelled_at or copy.cancelled_at or not copy.lines:
            return None
        return find_payment(original.payments, copy.payments)

    def _note_seen(self) -> None:
        """How far both were compared; what came meanwhile is compared again."""
        row = self.row
        fields: dict[str, object] = {"original_signs_seen": self.seen[0], "copy_signs_seen": self.seen[1]}
        if self.original is not None:
            fields["original_compared_as_of"] = self.original.as_of
            if self.copy is not None:
                fields["payment_seen"] = self.say_payment()
        if self.copy is not None:
            fields["copy_compared_as_of"] = self.copy.as_of
        OrderImport.objects.filter(pk=row.pk).update(**fields)
        for name, value in fields.items():
            setattr(row, name, value)

    def say_payment(self) -> str:
        """How the original is paid, to be compared with later."""
        paid = self.read_original().payments
        return payment_words(paid.status, paid.received)

    def _given_back(self, lines: Mapping[str, Line], as_they_were: Mapping[str, list]) -> reserved_units.Returned:
        """What is owed no longer because the original holds less, and not because its copy holds more."""
        is_all = self.read_original().cancelled_at is not None or self.row.has_deleted_draft
        found: dict[int, int] = {}
        for gid, line in lines.items():
            then = dict(zip(line_values.COMPARED, as_they_were[gid], strict=True)) if gid in as_they_were else None
            if then is None or line.source_variant_id is None:
                continue
            less = then["owed_quantity"] - line.owed_quantity
            if not is_all:
                less = min(less, (then["original_quantity"] or 0) - (line.original_quantity or 0))
            if less > 0:
                found[line.source_variant_id] = found.get(line.source_variant_id, 0) + less
        return reserved_units.Returned(self.row.connection_id, found)

    def _plan_stock(
        self, before: dict[int, int], after: dict[int, int], moved: bool, returned: reserved_units.Returned
    ) -> None:
        """Have stock planned anew. Where the copy's units moved, the source's own stock has moved with them."""
        changed = reserved_units.find_changed(before, after)
        if not changed:
            return
        assert self.copy is not None
        self.move_units(changed, self.copy.answered_at if moved else None, returned)


def carries_stock_both_ways(row: OrderImport) -> bool:
    """Whether the connection of an order has become a two-way one since."""
    return row.connection.aligned_strategy in (Strategy.TWO_WAY, ENDING_TWO_WAY)
