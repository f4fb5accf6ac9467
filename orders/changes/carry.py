"""What happens to an order after it was copied, carried to the other side: shipped, cancelled, refunded, edited.

Fulfilments go from the copy to the original; cancellations and refunds from the original to the copy; edits are told in
words. Nothing comes back: what we make on one side is never looked at as a change of the other, because each kind
travels in one direction, and the ledger (OrderUpdate) knows what we made. May die between any two statements.
"""

from collections.abc import Callable

from django.db.models import QuerySet

from orders import reserved_units
from orders.changes import cancellations, fulfilments, refunds, state, units_left
from orders.changes.state import UpdateRefused
from orders.copies.importing import RetryLater, import_order
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import draft_orders
from stores.shopify.orders.order_progress import read_progress

Kind = OrderUpdate.Kind
# A cancellation first: it makes refunds of the same order superfluous.
KIND_SEQUENCE = (Kind.CANCELLATION, Kind.REFUND, Kind.FULFILMENT, Kind.EDIT)
SWITCHED_OFF = "The connection does not carry such changes."


def carry_updates(connection: Connection, order_gid: str, clients: OpenClient, move_units: MoveUnits) -> str:
    """Carry everything that happened to one order since it was copied; what came of it, in words. Safe to repeat.

    One change that cannot be carried does not keep the others back. Raises RetryLater, UpdateRefused, and what the
    client raises; a refusal is written down in its row first. Let one worker at a time do it for one order.
    """
    row = OrderImport.objects.select_related("connection__source", "connection__destination").get(
        connection=connection, order_gid=order_gid
    )
    waiting = list(row.updates.filter(state__in=state.OPEN).order_by("pk"))
    if not waiting:
        return "Nothing to carry."
    if row.state in OrderImport.UNFINISHED:
        return "It waits for the copy."  # the import reads the original as it is then, and has this job done after it
    if row.state == OrderImport.State.CONFIRMED and row.is_draft and not row.copy_order_gid:
        import_order(
            connection, order_gid, clients, move_units
        )  # it may have been completed: the order it made is the copy
        row.refresh_from_db()
    words, problem = [], None
    carrier = _Carrier(row, clients, move_units)
    for update in sorted(waiting, key=lambda each: KIND_SEQUENCE.index(each.kind)):
        update.order_import = row
        try:
            words.append(f"{update.get_kind_display()}: {carrier.carry(update)}")
        except (errors.ShopifyError, RetryLater, UpdateRefused) as error:
            problem = _worse(problem, error)
    if problem is not None:
        raise problem
    return " ".join(words)


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

    def carry(self, update: OrderUpdate) -> str:
        """Carry one change; a refusal is written into its row. Raises as `carry_updates` does."""
        if self.row.state != OrderImport.State.CONFIRMED:
            return state.skip(update, "There is no copy.")
        ways: dict[str, tuple[bool, Callable[[OrderUpdate], str]]] = {
            Kind.CANCELLATION: (self.choices.carries_cancellations, self._cancel),
            Kind.REFUND: (self.choices.carries_refunds, self._refund),
            Kind.FULFILMENT: (self.choices.carries_fulfilments, self._fulfil),
            Kind.EDIT: (True, self._report_edit),
        }
        is_wanted, way = ways[update.kind]
        if not is_wanted and update.state == OrderUpdate.State.PLANNED:
            return state.skip(update, SWITCHED_OFF)
        try:
            return way(update)
        except (errors.ShopifyError, UpdateRefused) as error:
            if error.failure != errors.TRANSIENT:
                state.fail(update, str(error), error.failure)
            raise

    def _refund(self, update: OrderUpdate) -> str:
        return refunds.carry_refund(update, self.choices, self.clients, self.move_units)

    def _fulfil(self, update: OrderUpdate) -> str:
        return fulfilments.carry_fulfilment(update, self.choices, self.clients)

    # Cancelling

    def _cancel(self, update: OrderUpdate) -> str:
        row = self.row
        client = self.clients(row.connection.source)
        held = reserved_units.in_copy(row)
        if row.is_draft and not row.copy_order_gid and self._drop_draft(client):
            self.move_units(set(held), None, reserved_units.Returned(row.connection_id, held))
            return state.confirm(update, "The draft was deleted.")
        return cancellations.carry_cancellation(update, self.choices, self.clients)

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

    # Edits

    def _report_edit(self, update: OrderUpdate) -> str:
        """Say on the import in which lines original and copy differ now; staff decide what to do about it."""
        row = self.row
        original = read_progress(self.clients(row.connection.destination), row.order_gid)
        if row.copy_order_gid:
            held = units_left.current_units(read_progress(self.clients(row.connection.source), row.copy_order_gid))
        else:
            held = {line.line_gid: line.quantity for line in self._carried_lines()}
        left_out = set(row.lines.values_list("line_gid", flat=True)) - {line.line_gid for line in self._carried_lines()}
        found = [
            f"“{line.title}”: {line.current_quantity} instead of {held.get(line.gid, 0)}"
            for line in original.lines
            if line.gid not in left_out and line.current_quantity != held.get(line.gid, 0)
        ]
        if not found:
            return state.skip(update, "Original and copy hold the same.")
        words = f"The original was edited after it was copied. It holds {', '.join(found)}. Change the copy by hand."
        OrderImport.objects.filter(pk=row.pk).update(reason=words)
        return state.confirm(update, words)

    def _carried_lines(self) -> QuerySet[OrderImportLine]:
        states = self.row.lines.model.State
        return self.row.lines.exclude(state__in=(states.LEFT_OUT, states.ELSEWHERE))
