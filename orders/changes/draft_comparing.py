"""Comparing an original with a copy that may still be a draft: what people changed in it is theirs, and is told.

A draft's lines are set anew as a whole (orders.changes.steps.draft_refunds), and only while nobody else has changed
them. `quantity` of a line says how many units are in it now, the baselines how many both held when they last agreed.
"""

import time
from collections.abc import Mapping

from django.db import transaction

from orders import reserved_units
from orders.changes import decisions, line_values, signs
from orders.changes.comparing import Comparison, Kind, Line, State
from orders.changes.readings import Reading
from orders.changes.rules.comparison import Baseline, LineNow, compare_lines
from orders.models import OrderImport
from stores.shopify.orders.draft_orders import DraftLine, read_draft_content
from stores.shopify.orders.order_progress import OrderProgress, ProgressLine


class CopyComparison(Comparison):
    """One job's work on one copied order, whether its copy is an order or still a draft."""

    def read_copy(self) -> OrderProgress:
        """The copy, read once; of an open draft its lines, none of them shipped. Raises what the client raises."""
        row = self.row
        if self.copy is None and row.has_open_draft:
            client, began = self.clients(row.connection.source), time.monotonic()
            content = read_draft_content(client, row.copy_gid)
            lines = tuple(_as_progress(number, line) for number, line in enumerate(content.lines)) if content else ()
            updated_at = content.updated_at if content else None
            as_of = signs.known_until(updated_at, client.answered_at, time.monotonic() - began)
            draft = OrderProgress(row.copy_gid, row.copy_name, None, "", lines, (), (), (), updated_at=updated_at)
            self.copy = Reading(draft, as_of, client.answered_at)
        return super().read_copy()

    def compare(self) -> None:
        """Write down how both stand, hold back what is owed, and have a row for what is to be sent or told.

        Raises what the client raises.
        """
        if self.row.has_open_draft:
            self._compare_draft()
        else:
            super().compare()

    def _compare_draft(self) -> None:
        is_known = self.original is None
        if self._may_be_touched():
            draft = self.read_copy()
            if draft.updated_at is None:
                return  # it is gone: whoever reads it next sees to that
            is_known = is_known and self._is_as_known(draft)
        elif is_known:
            return
        else:
            self.seen = (self.seen[0], self.row.copy_signs_seen)
        if is_known:
            self._note_seen()
            return
        self.read_original()
        with transaction.atomic():
            fresh = OrderImport.objects.select_for_update().get(pk=self.row.pk)
            lines = self._known_lines()
            before, as_they_were = reserved_units.count_reserved(lines.values()), line_values.of(lines)
            self._add_new_lines(lines)
            is_latest = (fresh.original_signs, fresh.copy_signs) == self.seen
            moved = self._write_down_draft(lines, can_lower=is_latest)
            line_values.save(lines, as_they_were)
            self._note_draft_work(lines)
            self._note_seen()
            changed = reserved_units.find_changed(before, reserved_units.count_reserved(lines.values()))
            if changed:
                self.move_units(changed, self.copy.answered_at if moved and self.copy else None)

    def _may_be_touched(self) -> bool:
        """Whether the draft is to be read. Not while it is unknown what became of our own change of it."""
        updates = self.row.updates
        if updates.filter(kind__in=(Kind.EDIT, Kind.REFUND), state=State.SENT).exists():
            return False
        needs_shop = updates.filter(kind=Kind.COPY_CHANGED, state=State.NEEDS_SHOP).exists()
        return needs_shop or self.row.copy_signs > self.row.copy_signs_seen

    def _is_as_known(self, draft: OrderProgress) -> bool:
        """Whether nothing is new in it, and nothing held back: an old webhook may have told of less than it holds."""
        lines = self._known_lines()
        held = self._copy_units(lines, draft)
        if not decisions.knows_added(self.row, draft, self._added_by_staff(lines, draft)):
            return False
        return not any(line.owed_quantity for line in lines.values()) and all(
            held.get(gid, (0, 0))[0] == line.quantity for gid, line in lines.items() if line.is_carried
        )

    def _added_by_staff(self, lines: Mapping[str, Line], copy: OrderProgress) -> dict[str, tuple[str, int]]:
        """As of an order's copy; by variant, or title, since a draft's lines have other ids in the order it becomes."""
        added = super()._added_by_staff(lines, copy)
        if not self.row.is_draft:
            return added
        found: dict[str, tuple[str, int]] = {}
        for line in copy.lines:
            if line.gid in added:
                name, (title, units) = line.variant_gid or line.title, added[line.gid]
                found[name] = (title, units + found.get(name, ("", 0))[1])
        return found

    def _write_down_draft(self, lines: Mapping[str, Line], *, can_lower: bool) -> bool:
        """Keep what both hold and what is owed; whether the draft's units have moved since they were last seen."""
        original = self.read_original()
        current = {} if original.cancelled_at else {line.gid: line.current_quantity for line in original.lines}
        line_values.follow_left_out(lines, current)
        held = self._copy_units(lines, self.copy.order) if self.copy else None
        carried = {gid: line for gid, line in lines.items() if line.is_carried}
        now = [_line_now(line, current.get(gid, 0), held) for gid, line in carried.items()]
        self.steps = compare_lines(now, is_cancelled=original.cancelled_at is not None)
        is_held_back, moved = any(line.is_pending for line in carried.values()), list[Line]()
        for each in now:
            line, steps = carried[each.gid], self.steps[each.gid]
            if line.quantity != each.copy_quantity:
                moved.append(line)
            line.original_quantity, line.quantity = each.original_quantity, each.copy_quantity
            if held is not None:
                line.copy_quantity = each.copy_quantity
            if line.state == Line.State.PLANNED and each.copy_quantity:  # put into it by hand
                line.state = Line.State.CARRIED if line.source_variant_id else Line.State.CUSTOM
                line.is_pending = is_held_back and line.source_variant_id is not None
            owed = self._owed(line, steps.reserved_quantity, steps.add)
            line.owed_quantity = owed if can_lower else max(owed, line.owed_quantity)
            if held is not None and not original.cancelled_at and not steps.has_work and not steps.report:
                line.original_baseline, line.copy_baseline = steps.baseline.original, steps.baseline.copy
        Line.objects.bulk_update(moved, ["is_pending"])  # the rest is written with all that was compared
        return bool(moved)

    def _note_draft_work(self, lines: Mapping[str, Line]) -> None:
        if self.copy is not None:
            differs = {gid: each.report for gid, each in self.steps.items() if each.report}
            decisions.note(self.row, self.copy.order, differs, lines)
            decisions.note_added(self.row, self.copy.order, self._added_by_staff(lines, self.copy.order))
        if any(each.has_work for each in self.steps.values()):
            wanted = {gid: line.original_quantity or 0 for gid, line in lines.items() if line.is_carried}
            self._note_edit(wanted)
        elif not self.read_original().cancelled_at:
            decisions.end_edits(self.row)


def _as_progress(number: int, line: DraftLine) -> ProgressLine:
    units = line.quantity
    return ProgressLine(str(number), line.name, units, units, line.properties, line.variant_gid or "", units)


def _line_now(line: Line, original_quantity: int, held: Mapping[str, tuple[int, int]] | None) -> LineNow:
    """What both hold of a line; of a draft that was not read what is known of it."""
    units = line.quantity if held is None else held.get(line.line_gid, (0, 0))[0]
    known = Baseline(line.quantity, line.quantity)
    if line.original_baseline is not None and line.copy_baseline is not None:
        known = Baseline(line.original_baseline, line.copy_baseline)
    return LineNow(line.line_gid, original_quantity, units, units, known)


def is_changed_by_people(lines: Mapping[str, Line]) -> bool:
    """Whether a draft holds other units than its original did, for people changed it or agreed to that."""
    known = [line for line in lines.values() if line.is_carried and line.copy_baseline is not None]
    return any(line.quantity != line.copy_baseline or line.copy_baseline != line.original_baseline for line in known)
