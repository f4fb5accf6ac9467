"""What happens to an order after it was copied, carried to the other side: shipped, cancelled, refunded, edited, paid.

Fulfilments go from the copy to the original; all else from the original to the copy. What has a row of its own
(cancellation, refund, shipment) is carried first, for it says how: with or without restock, with which tracking. Then
both orders are compared (orders.changes.comparing), and what is left of their difference is carried or told. Nothing
comes back: our own doings are equal on both sides. May die between any two statements.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from orders.changes.draft_comparing import CopyComparison
from orders.changes.readings import is_deletion, is_gone
from orders.changes.steps import (
    cancellations,
    carry_back,
    draft_refunds,
    edits,
    fulfilments,
    marking,
    payments,
    refunds,
    state,
)
from orders.changes.steps.state import UpdateRefused
from orders.copies import late_links, placing
from orders.copies.importing import RetryLater, import_order
from orders.models import OrderImport, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import draft_orders

Kind = OrderUpdate.Kind
# A cancellation first: it makes refunds of the same order superfluous.
FIRST = (Kind.CANCELLATION, Kind.REFUND, Kind.FULFILMENT)
LAST = (Kind.EDIT, Kind.PAYMENT, Kind.MARK)
BACK = (Kind.CARRY_BACK,)
SWITCHED_OFF = "The connection does not sync such changes."


def carry_updates(connection: Connection, order_gid: str, clients: OpenClient, move_units: MoveUnits) -> str:
    """Carry everything that happened to one order since it was copied; what came of it, in words. Safe to repeat.

    One change that cannot be carried does not keep the others back. Raises RetryLater, UpdateRefused, and what the
    client raises; a refusal is written down in its row first. Let one worker at a time do it for one order.
    """
    row = OrderImport.objects.select_related("connection__source", "connection__destination").get(
        connection=connection, order_gid=order_gid
    )
    if row.state in OrderImport.UNFINISHED:
        return "It waits for the copy."  # the import reads the original as it is then, and has this job done after it
    if row.state != OrderImport.State.CONFIRMED:
        return _skip_all(row)
    if not _has_news(row):
        return "Nothing to send."
    if row.has_open_draft:
        # It may have been completed: the order it made is the copy.
        import_order(connection, order_gid, clients, move_units)
        row.refresh_from_db()
    return _Carrier(row, clients, move_units).run()


def _has_news(row: OrderImport) -> bool:
    has_signs = row.original_signs > row.original_signs_seen or row.copy_signs > row.copy_signs_seen
    return has_signs or row.updates.filter(state__in=state.OPEN).exists()


def _skip_all(row: OrderImport) -> str:
    for update in row.updates.filter(state__in=state.OPEN):
        state.skip(update, "There is no copy.")
    return "There is no copy."


def _worse(known: Exception | None, new: Exception) -> Exception:
    """Of two problems the one that passes by itself: the job comes back, and what is refused stands in its row."""
    if known is None or getattr(known, "failure", "") != errors.TRANSIENT:
        return new
    return known


class _Carrier:
    """One try for the changes of one order."""

    def __init__(self, row: OrderImport, clients: OpenClient, move_units: MoveUnits) -> None:
        self.row = row
        self.clients = clients
        self.move_units = move_units
        self.choices = OrderSettings.of(row.connection)
        self.comparison = CopyComparison(row, self.choices, clients, move_units)
        self.words: list[str] = []
        self.problem: Exception | None = None

    def run(self) -> str:
        """Note what happened, carry what has a row of its own, compare, and carry what is left. Raises the worst of
        what kept a change from being carried, after the others were."""
        self._attempt("", self.comparison.note_news)
        has_open_draft = self.row.has_open_draft
        # Where it is not known what happened, neither can be told what is left of it.
        is_known = self.problem is None
        self._attempt("", self._settle)
        if Kind.REFUND in (carried := self._carry_open(FIRST)) or Kind.CANCELLATION in carried:
            is_old = Kind.FULFILMENT in carried  # else only the copy was changed
            self._attempt("", partial(self.comparison.begin_again, is_original_old=is_old))
        if is_known and self.problem is None or self._only_refused():
            self._attempt("", self._compare)
        if self.comparison.was_shipped:
            self._carry_open((Kind.FULFILMENT,))
        if self._carry_open(BACK):
            self._attempt("", self._compare_again)
        self._carry_open(LAST)
        self._attempt("", self._place)
        if is_known and has_open_draft and self._lost_draft():
            self._attempt("", self.comparison.begin_again)
            self._attempt("", self._compare)
        if self.problem is not None:
            raise self.problem
        return " ".join(self.words) or "Nothing that concerns the copy has changed."

    def _lost_draft(self) -> bool:
        """Whether the draft was deleted a moment ago, by us or by somebody."""
        self.row.refresh_from_db()
        return self.row.has_deleted_draft

    def _only_refused(self) -> bool:
        return getattr(self.problem, "failure", errors.TRANSIENT) != errors.TRANSIENT

    def _compare(self) -> None:
        self.comparison.compare()

    def _settle(self) -> None:
        """Before what happened to the original is carried, it must be known what became of our own doings."""
        carry_back.settle(self.comparison)
        edits.settle_edits(self.comparison)

    def _place(self) -> None:
        if self.row.place == OrderImport.Place.WANTED and self.row.copy_order_gid:
            placing.place_units(self.row, self.clients, self.move_units)

    def _compare_again(self) -> None:
        self.comparison.begin_again()
        self._compare()

    def _carry_open(self, kinds: Sequence[str]) -> set[str]:
        """Carry what waits of these kinds, one after the other; of which kinds there was something."""
        waiting = list(self.row.updates.filter(state__in=state.OPEN, kind__in=kinds).order_by("pk"))
        for update in sorted(waiting, key=lambda each: kinds.index(each.kind)):
            update.order_import = self.row
            self._attempt(f"{update.get_kind_display()}: ", partial(self.carry, update))
        return {update.kind for update in waiting}

    def _attempt(self, name: str, work: Callable[[], str | None]) -> None:
        try:
            if words := work():
                self.words.append(f"{name}{words}")
        except (errors.ShopifyError, RetryLater, UpdateRefused) as error:
            self.problem = _worse(self.problem, error)

    def carry(self, update: OrderUpdate) -> str:
        """Carry one change; a refusal is written into its row. Raises as `carry_updates` does."""
        ways: dict[str, tuple[bool, Callable[[OrderUpdate], str]]] = {
            Kind.CANCELLATION: (self.choices.carries_cancellations, self._cancel),
            Kind.REFUND: (self.choices.carries_refunds, self._refund),
            Kind.FULFILMENT: (self.choices.carries_fulfilments, self._fulfil),
            Kind.EDIT: (True, self._edit),
            Kind.PAYMENT: (True, self._pay),
            Kind.CARRY_BACK: (True, self._carry_back),
            Kind.MARK: (True, self._mark),
        }
        is_wanted, way = ways[update.kind]
        if not is_wanted and update.state == OrderUpdate.State.PLANNED:
            if is_deletion(update):
                return cancellations.leave(update)
            return state.skip(update, SWITCHED_OFF)
        try:
            return way(update)
        except errors.ObjectNotFound as error:
            if words := self._why_gone():
                return state.skip(update, words)
            state.fail(update, str(error), error.failure)
            raise
        except (errors.ShopifyError, UpdateRefused) as error:
            if error.failure != errors.TRANSIENT:
                state.fail(update, str(error), error.failure)
            raise

    def _why_gone(self) -> str:
        """Which of the two orders was deleted, in words; '' if neither, or if nobody can tell."""
        self.comparison.forget()
        with contextlib.suppress(errors.ObjectNotFound):
            if is_gone(self.comparison.read_original()):
                return "The original was deleted in the destination."
            if is_gone(self.comparison.read_copy()):
                return "The copy was deleted in the source."
        return ""

    def _edit(self, update: OrderUpdate) -> str:
        if self.row.has_deleted_draft:
            return edits.leave_to_shop(update, self.comparison)
        if self.row.has_open_draft:
            return draft_refunds.carry_edit(update, self.choices, self.clients, self.move_units)
        if update.state == OrderUpdate.State.SENT:
            return "Not known yet."  # as settle_edits has said
        return edits.carry_edit(update, self.comparison, self.choices)

    def _carry_back(self, update: OrderUpdate) -> str:
        if update.state == OrderUpdate.State.SENT:
            return "Not known yet."  # as carry_back.settle has said
        return carry_back.carry(update, self.comparison)

    def _pay(self, update: OrderUpdate) -> str:
        return payments.carry_payment(update, self.comparison)

    def _mark(self, update: OrderUpdate) -> str:
        return marking.carry_mark(update, self.comparison)

    def _refund(self, update: OrderUpdate) -> str:
        if self.row.copy_order_gid and self.row.updates.filter(kind=Kind.EDIT, state=OrderUpdate.State.SENT).exists():
            raise RetryLater(edits.LOST, state.PAUSE_SECONDS)  # which units of the copy are these, nobody knows yet
        return refunds.carry_refund(update, self.comparison)

    def _fulfil(self, update: OrderUpdate) -> str:
        return fulfilments.carry_fulfilment(update, self.comparison)

    # Cancelling

    def _cancel(self, update: OrderUpdate) -> str:
        row = self.row
        client = self.clients(row.connection.source)
        if is_deletion(update):
            late_links.end(row, self.move_units, late_links.DELETED)
            if row.has_open_draft and not state.begin(update, {}):
                return "Another worker has it in hand."
        if row.has_deleted_draft or row.has_open_draft and self._drop_draft(client):
            return cancellations.finish_draft(update)
        return cancellations.carry_cancellation(update, self.comparison)

    def _drop_draft(self, client: Client) -> bool:
        """Delete the draft, which frees what it reserves; False when it was completed meanwhile and is an order now."""
        row = self.row
        refusal = None
        try:
            draft_orders.delete_draft(client, row.copy_gid)
        except errors.UserErrors as error:
            refusal = error
        import_order(
            row.connection, row.order_gid, self.clients, self.move_units
        )  # takes over what became of the draft
        row.refresh_from_db()
        if refusal is not None and not row.copy_order_gid:
            raise refusal
        return not row.copy_order_gid
