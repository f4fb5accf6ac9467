"""A cancellation of the original, to its copy: what is open of it is taken off, what was shipped is told in words.

Shopify cancels a shipped order of which nothing was paid, and puts its shipped units back on sale; it refuses a paid
one. So a copy is cancelled as a whole only while nothing of it is shipped. Somebody may ship it between our look and
our call: the open units of an unpaid copy are therefore taken off first, by a refund, which Shopify refuses for units
that are shipped meanwhile, and the empty order is then cancelled without restocking. Cancelling takes time, and
asking twice is harmless: the second answer is "already in progress".
"""

import contextlib
from uuid import uuid4

from orders.changes import decisions, readings
from orders.changes.comparing import Comparison
from orders.changes.rules import units_left
from orders.changes.steps import refunds, state
from orders.changes.steps.state import UpdateRefused
from orders.copies.importing import RetryLater
from orders.models import OrderUpdate
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import order_changes
from stores.shopify.orders.order_changes import Cancellation
from stores.shopify.orders.order_progress import OrderProgress

# How often a cancellation is asked after, in seconds: Shopify works on it by itself.
ASK_SECONDS = 5
CANCELLED = "The copy is cancelled."
SEE = "See that this is right, then press “Done by hand”."
NOT_CANCELLED_YET = "Shopify has not cancelled the copy yet."
CHANGED_MEANWHILE = "The copy changed while it was being cancelled: it is looked at again."
ENDED_WITHOUT = "Shopify has ended the cancellation without cancelling the copy: do it by hand."


def finish_draft(update: OrderUpdate) -> str:
    """The draft is gone, as its original is; what came of it, in words."""
    words = "The draft was deleted."
    if readings.is_deletion(update) and update.state == OrderUpdate.State.SENT:
        return decisions.need_shop(update, f"{_deleted(update)} Its draft was deleted, too. {SEE}", {})
    return state.confirm(update, words)


def leave(update: OrderUpdate) -> str:
    """The connection carries no cancellations: people are told of a deletion all the same."""
    words = f"{_deleted(update)} The connection sends no cancellations, so its copy stays as it is. {SEE}"
    return decisions.need_shop(update, words, {})


def _deleted(update: OrderUpdate) -> str:
    return f"The original was deleted in {update.order_import.connection.destination}."


def carry_cancellation(update: OrderUpdate, comparison: Comparison) -> str:
    """Cancel the copy of a cancelled order; what came of it, in words. Safe to repeat.

    Raises RetryLater while Shopify works on it, UpdateRefused where units were shipped already, and what the client
    raises.
    """
    row = update.order_import
    client = comparison.clients(row.connection.source)
    asked = update.body.get("asked") if update.state == OrderUpdate.State.SENT else None
    is_over, refusal = _ask_after(client, Cancellation(*asked)) if asked else (False, None)
    copy = _read(comparison)  # after the question: what is over has taken effect
    if copy.cancelled_at:
        return _finish(update, copy)
    if asked and not is_over:
        raise RetryLater(NOT_CANCELLED_YET, ASK_SECONDS)
    if is_over and not units_left.shipped_units(copy):
        raise refusal or UpdateRefused(ENDED_WITHOUT)
    original = comparison.read_original()
    if not original.cancelled_at:
        return state.skip(update, "The original is not cancelled.")
    restocks = refunds.restocks_copies(row.connection, comparison.choices)
    return _Canceller(update, comparison, original, restocks).cancel(copy)


def _read(comparison: Comparison) -> OrderProgress:
    """The copy now. Raises what the client raises."""
    comparison.copy = None
    copy = comparison.read_copy()
    if readings.is_gone(copy):
        raise errors.ObjectNotFound(f"{comparison.row.connection.source}: the copy {copy.name} is not there any more.")
    comparison.is_copy_fresh = True
    return copy


def _ask_after(client: Client, asked: Cancellation) -> tuple[bool, errors.UserErrors | None]:
    """Whether Shopify has done with it, and why it failed."""
    try:
        return order_changes.is_cancellation_over(client, asked), None
    except errors.UserErrors as error:
        return True, error


def _finish(update: OrderUpdate, copy: OrderProgress) -> str:
    """The copy is cancelled. Raises UpdateRefused where units of it had been shipped: somebody has to see to them."""
    update.result_gid = copy.gid
    if shipped := units_left.shipped_units(copy, copy.cancelled_at):
        raise UpdateRefused(
            f"The copy is cancelled, but it was shipped: {_in_words(copy, shipped)}. Have the parcel sent back, and "
            "see whether the source's stock is right: Shopify may have put these units back on sale."
        )
    if readings.is_deletion(update) and update.state == OrderUpdate.State.SENT:
        return decisions.need_shop(update, f"{_deleted(update)} Its copy was cancelled. {SEE}", {})
    state.note(update, update.body | {"refunds": [each.gid for each in copy.refunds]})  # Shopify tells of each
    return state.confirm(update, CANCELLED, copy.gid)


def _in_words(copy: OrderProgress, units: dict[str, int]) -> str:
    titles = {line.gid: line.title for line in copy.lines}
    return ", ".join(f"{quantity} of “{titles[gid]}”" for gid, quantity in units.items())


class _Canceller:
    """One try for a copy that is not cancelled yet. `client` is the source's."""

    def __init__(self, update: OrderUpdate, comparison: Comparison, original: OrderProgress, restocks: bool) -> None:
        self.update = update
        self.comparison = comparison
        self.client: Client = comparison.clients(update.order_import.connection.source)
        self.original = original
        self.restocks = restocks
        self.what = "deleted" if readings.is_gone(original) else "cancelled"

    def cancel(self, copy: OrderProgress) -> str:
        copy = self._settle(copy)
        is_empty_first = self.restocks and not copy.is_paid
        if units_left.shipped_units(copy) or is_empty_first:
            rows = units_left.plan_removal(copy, restocks=self.restocks)
            if rows and not self._refund_open_units(copy, rows):
                return "Another worker has it in hand."
            copy = self._read() if rows else copy
        if copy.cancelled_at:
            return _finish(self.update, copy)
        if shipped := units_left.shipped_units(copy):
            if readings.is_deletion(self.update):
                return self._keep_shipped(copy, shipped)
            raise UpdateRefused(
                f"The copy was shipped before it could be cancelled: {_in_words(copy, shipped)}. It stays as it is; "
                "what was not shipped is taken off it. Have the parcel sent back, and refund it in the source."
            )
        if not state.begin(self.update, {}):
            return "Another worker has it in hand."
        return self._ask(restock=self.restocks and not is_empty_first)

    def _keep_shipped(self, copy: OrderProgress, shipped: dict[str, int]) -> str:
        """What is done is often deleted to clear away; only what was open of it concerns people."""
        if self.update.state == OrderUpdate.State.PLANNED:
            return state.skip(self.update, f"{_deleted(self.update)} All of its copy was shipped: it stays as it is.")
        words = f"What was not shipped was taken off its copy; this was, and stays: {_in_words(copy, shipped)}."
        return decisions.need_shop(self.update, f"{_deleted(self.update)} {words} {SEE}", {})

    def _read(self) -> OrderProgress:
        return _read(self.comparison)

    def _settle(self, copy: OrderProgress) -> OrderProgress:
        """The copy once it is known what became of a refund whose answer was lost."""
        if self.update.state != OrderUpdate.State.SENT or "input" not in self.update.body:
            return copy
        # What does not fit any more is refused: what the copy holds now tells what is left to take off.
        with contextlib.suppress(errors.UserErrors):
            refunds.settle(self.update, self.client, copy, self.client.answered_at)
        return self._read()

    def _refund_open_units(self, copy: OrderProgress, rows: list[order_changes.RefundRow]) -> bool:
        """Take open units off the copy; False if another worker has it in hand."""
        place = self.update.order_import.connection.destination
        asked = order_changes.refund_input(copy.gid, rows, f"{self.what.capitalize()} in {place}")
        known = [each.gid for each in copy.refunds]
        if not state.begin(self.update, {"input": asked, "known": known}, uuid4(), as_of=self.client.answered_at):
            return False
        self.comparison.is_copy_fresh = False
        try:
            refunds.send(self.update, self.client)
        except errors.UserErrors:
            if units_left.plan_removal(self._read(), restocks=self.restocks) == rows:
                raise
            raise RetryLater(CHANGED_MEANWHILE, ASK_SECONDS) from None
        return True

    def _ask(self, *, restock: bool) -> str:
        """Have it cancelled. Repeating it is safe: what is cancelled, or about to be, is refused."""
        row = self.update.order_import
        self.comparison.is_copy_fresh = False
        try:
            asked = order_changes.cancel_order(
                self.client,
                row.copy_order_gid,
                reason=self.original.cancel_reason or "OTHER",
                restock=restock,
                staff_note=f"{row.order_name} was {self.what} in {row.connection.destination}.",
            )
        except errors.UserErrors as error:
            copy = self._read()
            if copy.cancelled_at:
                return _finish(self.update, copy)
            if order_changes.is_under_way(error):
                raise RetryLater(NOT_CANCELLED_YET, ASK_SECONDS) from None
            if units_left.shipped_units(copy):
                raise RetryLater(CHANGED_MEANWHILE, ASK_SECONDS) from None
            raise
        if asked.job_gid:
            state.note(self.update, {"asked": [asked.job_gid, asked.result_gid]})
        copy = self._read()
        if copy.cancelled_at:
            return _finish(self.update, copy)
        raise RetryLater(NOT_CANCELLED_YET, ASK_SECONDS)
