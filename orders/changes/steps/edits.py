"""Units that an original has gained or lost, put into its copy or taken off it by an edit of the copy.

An edit takes effect as a whole, by its commit, which has no idempotency. So before the commit is written down what is
sent and which lines the copy has; after a lost answer the lines that it added tell whether it took effect, and only
when they do not appear in time, by Shopify's clock, is another one begun. Each unit costs what it was sold at: a line
discount makes the source's own price that of the original. Nobody is mailed, no money moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction

from orders import reserved_units
from orders.changes import comparing, decisions, line_values, signs
from orders.changes.comparing import Comparison
from orders.changes.rules.comparison import LineSteps
from orders.changes.steps import added_units, refunds, state
from orders.changes.steps.state import UpdateRefused
from orders.copies import placing
from orders.copies.importing import RetryLater
from orders.copies.rules import mapping, sums
from orders.copies.rules.lines import CUSTOM, LEAVE_OUT, line_amount
from orders.copies.rules.order_taxes import place_order_taxes
from orders.copies.shopify_copy import choices_of, map_now
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.currencies import decimals
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import order_edits, orders
from stores.shopify.orders.order_edits import AddedUnits, StagedLine
from stores.shopify.orders.order_progress import OrderProgress, ProgressLine
from stores.shopify.orders.order_records import Money, OrderLine, OrderRecord

Line = OrderImportLine
DELETED = (
    "The original has gained {units}, and its draft was deleted: enter these units in the source by hand. They are "
    "reserved until you press “Done by hand”."
)
LOST = "Shopify's answer was lost: looking at the copy before it is edited again."
EDITED = "The copy was edited: it contains what the original contains."
OTHERS = "Another worker has it in hand."
CHANGED_MEANWHILE = "The copy changed while it was being edited: it is looked at again."


def settle_edits(comparison: Comparison) -> None:
    """Find out what became of edits whose answer was lost.

    Raises RetryLater while that is not sure, and what the client raises.
    """
    row = comparison.row
    sent = list(row.updates.filter(kind=OrderUpdate.Kind.EDIT, state=OrderUpdate.State.SENT).order_by("pk"))
    if not sent or not row.copy_order_gid:
        return
    comparison.read_original()
    assert comparison.original is not None
    as_of = comparison.original.answered_at  # before the copy is read
    comparison.copy = None
    copy = comparison.read_copy()
    for update in sent:
        update.order_import = row
        if "units" not in update.body:  # it was sent to the draft that has become this order
            state.unsend(update)
        elif _took_effect(update, copy):
            moved_at = comparison.clients(row.connection.source).answered_at
            _finish(update, copy.lines, moved_at, comparison.move_units)
        else:
            state.wait_for_late(update, as_of, LOST)
            state.unsend(update)


def _took_effect(update: OrderUpdate, copy: OrderProgress) -> bool:
    added = update.body.get("added", [])
    if added:
        return len(_made_lines(update, copy.lines)) == len(added)
    held = {line.gid: line.current_quantity for line in copy.lines}
    return all(held.get(gid, 0) <= after for gid, after in update.body.get("quantities", {}).items())


def _made_lines(update: OrderUpdate, lines: Iterable[ProgressLine]) -> dict[str, str]:
    """Lines of the copy that this edit added -> the original's line. Rather staff's taken for ours than added twice."""
    known, found = set(update.body.get("known", ())), {}
    for asked in update.body.get("added", []):
        for line in lines:
            is_new = line.gid not in known and line.gid not in found
            is_same = line.variant_gid == asked["variant"] and line.quantity == asked["quantity"]
            if is_new and is_same and (line.variant_gid or line.title == asked["title"]):
                found[line.gid] = asked["line"]
                break
    return found


def carry_edit(update: OrderUpdate, comparison: Comparison, choices: OrderSettings) -> str:
    """Make the copy hold what its original holds; what came of it, in words. Safe to repeat after `settle_edits`.

    Raises RetryLater, UpdateRefused, and what the client raises.
    """
    steps = {gid: each for gid, each in comparison.steps.items() if each.add or each.remove}
    if not steps:
        return state.skip(update, decisions.SAME)
    editor = _Editor(update, comparison, choices)
    try:
        return editor.edit(steps)
    except errors.AccessDenied as error:
        words = str(error)
    except (UpdateRefused, errors.UserErrors) as error:
        words = str(error)
        try:
            if len(steps) > 1 and (done := _edit_rest(editor, steps)):
                return done
        except (UpdateRefused, errors.UserErrors) as other:
            words = str(other)
    return decisions.need_shop(update, words, {gid: each.add - each.remove for gid, each in steps.items()})


def _edit_rest(editor: "_Editor", steps: Mapping[str, LineSteps]) -> str:
    """What Shopify, or the connection, refuses of one line keeps no other from the copy; the next comparison, which is
    asked for before, tells of it alone; '' where no line alone is refused.

    Raises UpdateRefused with all words where each is, and as `edit` does.
    """
    refused = editor.find_refused(steps)
    rest = {gid: each for gid, each in steps.items() if gid not in refused}
    if not refused:
        return ""
    if not rest:
        raise UpdateRefused(" ".join(dict.fromkeys(refused.values())))
    signs.note_original(OrderImport.objects.filter(pk=editor.row.pk))
    return editor.edit(rest)


def leave_to_shop(update: OrderUpdate, comparison: Comparison) -> str:
    """There is no draft any more that could hold what its original has gained: people are told."""
    more = {gid: each.add for gid, each in comparison.steps.items() if each.add}
    if not more:
        return state.skip(update, decisions.SAME)
    titles = dict(update.order_import.lines.values_list("line_gid", "title"))
    words = DELETED.format(units=", ".join(f"{units} × “{titles[gid]}”" for gid, units in more.items()))
    decisions.need_shop(
        update,
        words,
        {gid: each.add - each.remove for gid, each in comparison.steps.items() if each.add or each.remove},
    )
    return words


class _Editor:
    """One edit of a copy."""

    def __init__(self, update: OrderUpdate, comparison: Comparison, choices: OrderSettings) -> None:
        self.update = update
        self.row = update.order_import
        self.comparison = comparison
        self.choices = choices
        self.client: Client = comparison.clients(self.row.connection.source)
        self.copy = comparison.read_copy()
        self.lines = {line.line_gid: line for line in self.row.lines.select_related("source_variant")}

    def find_refused(self, steps: Mapping[str, LineSteps]) -> dict[str, str]:
        """Which of these lines cannot be changed as they should, each tried alone and not committed: line -> words."""
        refused = {}
        for gid, each in steps.items():
            try:
                self._stage({gid: each})
            except (UpdateRefused, errors.UserErrors) as error:
                refused[gid] = str(error)
        return refused

    def edit(self, steps: Mapping[str, LineSteps]) -> str:
        edit_gid, left, restock, body = self._stage(steps)
        if not state.begin(self.update, body, as_of=self.client.answered_at):
            return OTHERS
        return self._commit(edit_gid, left, restock)

    def _stage(self, steps: Mapping[str, LineSteps]) -> tuple[str, dict[str, int], bool, dict[str, Any]]:
        """Begin an edit with these steps: its gid, what goes with its commit, whether that restocks, and what is sent.

        Changes nothing.
        """
        quantities = self._quantities({gid: each.remove for gid, each in steps.items() if each.remove})
        added = self._added({gid: each.add for gid, each in steps.items() if each.add})
        edit_gid, total = order_edits.begin_edit(self.client, self.row.copy_order_gid)
        rows = [units for _, units in added]
        restock = refunds.restocks_copies(self.row.connection, self.choices)
        left, differs = quantities, ""
        if added or len(quantities) > order_edits.MOST_COMMIT_LINES:
            staged, before = order_edits.stage_lines(self.client, edit_gid, quantities, rows, restock=restock)
            differs = self._price(edit_gid, rows, staged, before or total)
            left = {}
        body = {
            "known": [line.gid for line in self.copy.lines],
            "quantities": quantities,
            "removed_units": {
                line.gid: line.current_quantity - quantities[line.gid]
                for line in self.copy.lines
                if line.gid in quantities
            },
            "added": [
                {"line": gid, "variant": units.variant_gid, "title": units.title, "quantity": units.quantity}
                for gid, units in added
            ],
            "units": {gid: each.add - each.remove for gid, each in steps.items()},
            "baselines": {gid: _agreed(each) for gid, each in steps.items()},
            "differs_in_cost": differs,
        }
        return edit_gid, left, restock, body

    def _commit(self, edit_gid: str, quantities: Mapping[str, int], restock: bool) -> str:
        """`quantities`: what is not staged yet, as no price depends on it."""
        note = f"{self.row.order_name} was changed in {self.row.connection.destination}."
        try:
            made = order_edits.commit_edit(self.client, edit_gid, note, quantities, restock=restock)
        except errors.UserErrors:
            state.unsend(self.update)
            before, self.comparison.copy = self.copy.lines, None
            if self.comparison.read_copy().lines != before:
                raise RetryLater(CHANGED_MEANWHILE, 1) from None
            raise
        except errors.ShopifyError as error:
            if not error.outcome_unknown:
                state.unsend(self.update)
            raise
        now = replace(self.copy, lines=made.lines, payments=made.payments)
        # Where nothing is to be paid, our own doing that comes back needs no look.
        payment = "" if self.comparison.find_payment(now) else self.comparison.say_payment()
        return _finish(self.update, made.lines, self.client.answered_at, self.comparison.move_units, payment)

    def _quantities(self, less: Mapping[str, int]) -> dict[str, int]:
        """Copy's line gid -> units that it is to have."""
        left, found = dict(less), {}
        names = self.comparison.match(self.lines, self.copy)
        for line in reversed(self.copy.lines):  # what was added last goes first
            name = names.get(line.gid, "")
            units = min(left.get(name, 0), line.open_quantity)
            if units > 0:
                left[name] -= units
                found[line.gid] = line.current_quantity - units
        return found

    # Prices

    def _added(self, more: Mapping[str, int]) -> list[tuple[str, AddedUnits]]:
        """What is to be added at which price: (original's line, units of one price)."""
        if not more:
            return []
        if comparing.carries_stock_both_ways(self.row):
            raise UpdateRefused(added_units.BY_STOCK.format(units=self._in_words(more)))
        if self.choices.inventory_behaviour == OrderSettings.InventoryBehaviour.BYPASS:
            raise UpdateRefused(added_units.BYPASSED.format(units=self._in_words(more)))
        row = self.row
        order = orders.read_order(self.comparison.clients(row.connection.destination), row.order_gid)
        order = replace(place_order_taxes(order), taxes=())  # before it is taken apart
        found = []
        for line in order.lines:
            if not (units := more.get(line.gid, 0)):
                continue
            known = self.lines[line.gid]
            variant = known.source_variant.gid if known.source_variant else ""
            made = self._mapped(replace(order, lines=(replace(line, current_quantity=units),)), variant)
            if not made:
                raise UpdateRefused(added_units.NO_GOODS.format(units=f"{units} × “{line.title}”"))
            taxes = [added_units.money_of(tax).amount for row in made for tax in row.get("taxLines", ())]
            tax = Decimal(0) if order.taxes_included else sum(taxes, Decimal(0))
            ships, taxed = bool(made[0].get("requiresShipping")), bool(made[0].get("taxable"))
            title = made[0].get("title") or line.title
            for count, price in self._prices(order, line, made, variant):
                found.append((line.gid, AddedUnits(variant, title, count, price, ships, taxed, tax)))
                tax = Decimal(0)
        return found

    def _prices(
        self, order: OrderRecord, line: OrderLine, made: Sequence[dict], variant: str
    ) -> list[tuple[int, Money]]:
        """(units, price of each) of what a line has gained: `made`, but for a line with discounts as much as makes its
        copy cost what it costs. Whether a discount grows with its line is Shopify's affair."""
        asked = [(row["quantity"], added_units.money_of(row)) for row in made]
        units, held = sum(count for count, _ in asked), self.lines[line.gid].copy_quantity or 0
        if not line.discounts or not held or line.current_quantity != held + units:
            return asked
        copy, names = orders.read_order(self.client, self.row.copy_order_gid), self.comparison.match_known(self.copy)
        there = [each for each in copy.lines if names.get(each.gid) == line.gid]
        full = replace(line, discounts=(), current_quantity=units)
        whole, most = (
            added_units.cost_of(self._mapped(replace(order, lines=(each,)), variant)) for each in (line, full)
        )
        costs = sum((line_amount(each, each.current_quantity, lambda pair: pair.shop) for each in there), Fraction(0))
        currency = asked[0][1].currency
        if copy.currency != currency or not 0 <= whole - costs <= most:
            return asked  # somebody has changed the prices of the copy
        total = sums.half_up((whole - costs) * 10 ** decimals(currency))
        return [(n, Money(sums.to_amount(each, currency), currency)) for n, each in sums.split_units(total, units)]

    def _mapped(self, order: OrderRecord, variant: str) -> list[dict]:
        """The lines of a copy of this order, as one is made; linked as we know it, since the variant may be deleted."""
        connection, (line,) = self.row.connection, order.lines
        chosen = choices_of(self.row, self.choices)
        chosen = replace(chosen, strategy=mapping.ORDER, unlinked=LEAVE_OUT if variant else CUSTOM, name_pattern="")
        order = (
            replace(order, lines=(replace(line, variant_gid=added_units.ANY),))
            if variant
            else added_units.with_link(order)
        )
        try:
            links, currency = {added_units.ANY: variant or added_units.ANY}, connection.destination.currency
            made = map_now(connection, order, links, chosen, store_currency=currency)
        except mapping.CannotMap as error:
            raise UpdateRefused(f"{error} Add it to the copy by hand.") from None
        lines: list[dict] = (made.input or {})["lineItems"]
        return lines if variant else [each for each in lines if not each.get("variantId")]

    def _price(self, edit_gid: str, rows: Sequence[AddedUnits], staged: Sequence[StagedLine], before: Money) -> str:
        """Have each staged unit cost what it was sold at; words where all of them cost something else all the same.

        Raises UpdateRefused where that cannot be.
        """
        off: dict[str, Money] = {}
        for units, line in zip(rows, staged, strict=True):
            if line.own_price.currency != units.price.currency or line.own_price.amount < units.price.amount:
                own, sold = (sums.text(each.amount, each.currency) for each in (line.own_price, units.price))
                named = f"{units.quantity} × “{units.title}”"
                raise UpdateRefused(added_units.DEARER.format(units=named, sold=sold, own=own))
            if line.own_price.amount > units.price.amount:
                off[line.gid] = Money(line.own_price.amount - units.price.amount, units.price.currency)
        if not off:
            return added_units.compare_cost(rows, staged[-1].total if staged else before, before)
        place = str(self.row.connection.destination)
        priced = order_edits.stage_discounts(self.client, edit_gid, off, f"As sold in {place}")
        found = {line.gid: line for line in priced}
        wanted = {line.gid: units.price for units, line in zip(rows, staged, strict=True)}
        if any(found[gid].price.amount != wanted[gid].amount for gid in off):
            raise UpdateRefused(
                "Shopify does not price what the original has gained as it was sold: add it to the copy by hand, then "
                "press “Done by hand”."
            )
        return added_units.compare_cost(rows, priced[-1].total, before)

    def _in_words(self, more: Mapping[str, int]) -> str:
        return ", ".join(f"{units} × “{self.lines[gid].title}”" for gid, units in more.items())


def _agreed(steps: LineSteps) -> list[int]:
    """What both hold once an edit is done; what goes back to the original besides is agreed when it is there."""
    return [steps.baseline.original + steps.carry_back, steps.baseline.copy + steps.carry_back]


def _finish(
    update: OrderUpdate,
    lines: Sequence[ProgressLine],
    moved_at: datetime | None,
    move_units: MoveUnits,
    payment_seen: str = "",
) -> str:
    """The edit took effect: write down what the copy holds now; what it took is no longer held back.

    `payment_seen`: how the original is paid, where the copy is so, too.
    """
    row, body = update.order_import, update.body
    made = _made_lines(update, lines)
    units_of = {line.gid: line.quantity for line in lines}
    update.body = body | {"made": made, "added_units": {gid: units_of[gid] for gid in made}}
    with transaction.atomic():
        row.place = OrderImport.objects.select_for_update().get(pk=row.pk).place
        placing.want_added(row, update, list(made))
        known = list(row.lines.filter(line_gid__in=body["units"]))
        before = reserved_units.held_back(row)
        for line in known:
            units = body["units"][line.line_gid]
            line.original_baseline, line.copy_baseline = body["baselines"][line.line_gid]
            line.copy_quantity = (line.copy_quantity or 0) + units
            # What was noted meanwhile stays owed.
            line.owed_quantity = max(line.owed_quantity - max(units, 0), 0)
            gids = {gid for gid, name in made.items() if name == line.line_gid}
            line.copy_line_gids = sorted({*(line.copy_line_gids or ()), *gids}) or None
            if line.state == Line.State.PLANNED:
                line.state = Line.State.CARRIED if line.source_variant_id else Line.State.CUSTOM
                line.quantity = max(units, 0)
        Line.objects.bulk_update(known, line_values.COMPARED)
        OrderImport.objects.filter(pk=row.pk).update(payment_seen=payment_seen, place=row.place)
        OrderUpdate.objects.filter(pk=update.pk).update(body=update.body)
        state.confirm(update, EDITED, row.copy_order_gid)
        decisions.note_cost(row, update, body.get("differs_in_cost", ""))
        changed = reserved_units.find_changed(before, reserved_units.held_back(row))
        touched = {line.source_variant_id for line in known if line.source_variant_id is not None}
        move_units(changed | touched, moved_at or row.connection.source.now())
    row.payment_seen = payment_seen
    return EDITED
