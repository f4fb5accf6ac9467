"""What staff took off a copy, taken off its original, too: by the connection's choice, or because a person said so.

By a refund of units that mails nobody, and moves no money unless the connection says so. It is committed before it is
sent; after a lost answer the refunds of the original tell whether it took effect, and only when none appears in time,
by Shopify's clock, is what is to go back found out anew. Units that are shipped stay: they are told of. Both baselines
of a line then go down by the same units, so that our own doing, coming back, is no change.
"""

from collections.abc import Mapping
from uuid import uuid4

from django.db import transaction

from orders import reserved_units
from orders.changes import decisions
from orders.changes.comparing import Comparison
from orders.changes.line_values import COMPARED
from orders.changes.rules import units_left
from orders.changes.steps import refunds, state
from orders.copies.importing import RetryLater
from orders.copies.rules import sums
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.shopify import errors
from stores.shopify.orders import order_changes

State = OrderUpdate.State
Line = OrderImportLine
LOST = "Shopify's answer was lost: looking at the original before anything is taken off it again."
CARRIED = "The same units were taken off the original. {}"
NO_MONEY, MONEY = "No money was moved.", "{} went back to the customer."
OTHERS = "Another worker has it in hand."
CHANGED_MEANWHILE = "The original changed meanwhile: it is looked at again."
REFUSED = "{units} cannot be taken off the original by us: {why} Take it off by hand; then press “Done by hand”."


def settle(comparison: Comparison) -> None:
    """Find out what became of what was sent to the original without an answer.

    Raises RetryLater while that is not sure, and what the client raises.
    """
    row = comparison.row
    sent = list(row.updates.filter(kind=OrderUpdate.Kind.CARRY_BACK, state=State.SENT).order_by("pk"))
    if not sent:
        return
    comparison.read_copy()
    assert comparison.copy is not None
    as_of = comparison.copy.answered_at  # before the original is read
    comparison.original = None
    original = comparison.read_original()
    for update in sent:
        update.order_import = row
        if made := refunds.find_made(update, original):
            _finish(update, made, comparison.move_units)
        else:
            state.wait_for_late(update, as_of, LOST)
            _unsend(update)


def _unsend(update: OrderUpdate) -> None:
    """What was sent had no effect, and never will have; what a person said stays said."""
    kept = {name: update.body[name] for name in ("wanted", "who") if name in update.body}
    update.state, update.body, update.key = State.PLANNED, kept, None
    update.save(update_fields=["state", "body", "key", "changed_at"])


def carry(update: OrderUpdate, comparison: Comparison) -> str:
    """Take off the original what staff took off its copy; what came of it, in words. Safe to repeat after `settle`.

    Raises RetryLater, and what the client raises.
    """
    row, original = update.order_import, comparison.read_original()
    wanted = {gid: each.carry_back for gid, each in comparison.steps.items() if each.carry_back}
    if not wanted or original.cancelled_at:
        return state.skip(update, decisions.SAME)
    client = comparison.clients(row.connection.destination)
    restocks = refunds.restocks_copies(row.connection, comparison.choices)
    rows = units_left.plan_removal(original, restocks=restocks, wanted=wanted)
    note = f"Taken off {row.copy_name or 'its copy'} in {row.connection.source}"
    money = None
    # Of what is not paid yet nothing is given back: less of it is owed.
    if comparison.choices.refunds_customer and original.payments.outstanding <= 0:
        money = order_changes.suggest_money_back(client, row.order_gid, rows)
    asked = order_changes.refund_input(row.order_gid, rows, note, money)
    body = update.body | {"input": asked, "known": [each.gid for each in original.refunds], "units": wanted}
    body["money"] = sums.text(money.amount, money.currency) if money else ""
    if not state.begin(update, body, uuid4(), as_of=client.answered_at):
        return OTHERS
    try:
        made = order_changes.send_refund(client, asked, str(update.key))
    except (errors.UserErrors, errors.AccessDenied) as error:
        return _refuse(update, comparison, wanted, error)
    except errors.ShopifyError as error:
        if not error.outcome_unknown:
            _unsend(update)
        raise
    return _finish(update, made, comparison.move_units)


def _refuse(update: OrderUpdate, comparison: Comparison, wanted: Mapping[str, int], error: errors.ShopifyError) -> str:
    """Shopify says no: look whether the original has changed since it was read; otherwise people are told."""
    _unsend(update)
    before = comparison.read_original()
    comparison.original = None
    if comparison.read_original() != before:
        raise RetryLater(CHANGED_MEANWHILE, 1) from None
    titles = dict(update.order_import.lines.values_list("line_gid", "title"))
    units = ", ".join(f"{count} × “{titles.get(gid, '')}”" for gid, count in wanted.items())
    words = REFUSED.format(units=units, why=error)
    decisions.need_shop(update, words, wanted)
    return words


def _finish(update: OrderUpdate, made: str, move_units: MoveUnits) -> str:
    """The original has lost the units: both baselines go down by them, and none of them is held back any longer."""
    row, units = update.order_import, update.body["units"]
    money = update.body.get("money")
    words = CARRIED.format(MONEY.format(money) if money else NO_MONEY)
    with transaction.atomic():
        OrderImport.objects.select_for_update().get(pk=row.pk)
        if not OrderUpdate.objects.filter(pk=update.pk, state=State.SENT).exists():
            return OTHERS
        known = list(row.lines.filter(line_gid__in=units))
        before = reserved_units.held_back(row)
        for line in known:
            count = units[line.line_gid]
            line.original_quantity = max((line.original_quantity or 0) - count, 0)
            line.original_baseline = (line.original_baseline or 0) - count
            line.copy_baseline = (line.copy_baseline or 0) - count
            line.owed_quantity = max(line.owed_quantity - count, 0)
        Line.objects.bulk_update(known, COMPARED)
        state.confirm(update, words, made)
        move_units(reserved_units.find_changed(before, reserved_units.held_back(row)), None)
    return words
