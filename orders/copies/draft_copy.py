"""A copy that is a draft: what becomes of it in the source, which of its units are held back, and its invoice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from orders import reserved_units
from orders.changes import signs
from orders.changes.rules.units_left import named_line
from orders.copies import draft_units, placing
from orders.copies.rules import contact
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Store
from stores.shopify import errors
from stores.shopify.orders import draft_orders

# A reservation that ends within this counts as ended: the sweep of every minute finds it, and its units are held back,
# before they are for sale again. By the source's clock.
RESERVATION_MARGIN = timedelta(seconds=150)
DELETED = "The draft was deleted in the source."


def keep_draft_lines(row: OrderImport, lines: Iterable[draft_orders.DraftLine]) -> None:
    """Write down what is in a draft that an older database does not know of: its original may hold other units by now.

    Where they hold the same, that is what they agreed upon. Where not, nobody knows who changed which of the two: no
    baseline says so (orders.changes.steps.draft_refunds decides).
    """
    units: dict[str, int] = {}
    for line in lines:
        if name := named_line(line.properties):
            units[name] = units.get(name, 0) + line.quantity
    rows = [each for each in row.lines.all() if each.is_carried]
    for each in rows:
        held, wanted = units.get(each.line_gid, 0), each.quantity
        each.quantity = each.copy_quantity = held
        each.original_quantity = wanted
        each.original_baseline = each.copy_baseline = held if held == wanted else None
    held_fields = ["original_baseline", "copy_baseline", "original_quantity", "copy_quantity"]
    OrderImportLine.objects.bulk_update(rows, ["quantity", *held_fields])


def _was_touched(row: OrderImport, draft: draft_orders.DraftRecord) -> bool:
    """Whether anything may have happened to a draft since its lines were compared, or since it was made."""
    if row.copy_compared_as_of is None:
        return draft.updated_at > draft.created_at
    return signs.is_news(draft.updated_at, row.copy_compared_as_of)


@dataclass(frozen=True, slots=True)
class DraftCopy:
    """The draft of one row, in its source."""

    row: OrderImport
    source: Store
    clients: OpenClient
    move_units: MoveUnits
    choices: OrderSettings

    def follow(self) -> str:
        """See what became of a draft in the source: completed, deleted, its reservation over."""
        row = self.row
        if row.draft_status in (OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED):
            return f"The draft {row.copy_name} is {row.get_draft_status_display().lower()}."
        draft = self.read()
        if draft:
            self.send_invoice()
        return f"The draft {row.copy_name} is {row.get_draft_status_display().lower()}."

    def read(self) -> draft_orders.DraftRecord | None:
        """Read it, and write down what became of it. Raises what the client raises."""
        draft = draft_orders.read_draft(self.clients(self.source), self.row.copy_gid)
        self.write_down(draft)
        return draft

    def write_down(self, draft: draft_orders.DraftRecord | None) -> None:
        """Write down what became of it, as it was read a moment ago."""
        row = self.row
        with transaction.atomic():
            fresh = OrderImport.objects.select_for_update().get(pk=row.pk)
            if fresh.draft_status in (OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED):
                row.refresh_from_db()  # another worker read it later
            else:
                self.record(draft)

    def hold_unread(self) -> None:
        """It cannot be read: its units are held back until it is, whether Shopify reserves them still or not."""
        with transaction.atomic():
            fresh = OrderImport.objects.select_for_update().get(pk=self.row.pk)
            if fresh.has_open_draft:  # else another worker has read it
                self.move_units(reserved_units.reserve(fresh), None)

    def record(self, draft: draft_orders.DraftRecord | None) -> None:
        """A draft holds no stock until it is completed, unless it reserves it: its units are held back meanwhile."""
        row, read_at = self.row, self._source_time()
        if draft is None:
            self._record_deletion(read_at)
            return
        if draft.status != "COMPLETED" and _was_touched(row, draft):
            signs.note_copy(OrderImport.objects.filter(pk=row.pk))
        row.reserved_until, row.draft_status = draft.reserved_until, draft.status.lower()
        if draft.order_gid and not row.copy_order_gid:
            rows = row.updates.filter(kind=OrderUpdate.Kind.COPY_CHANGED)
            rows.filter(origin_gid=row.copy_gid).update(origin_gid=draft.order_gid)
            before, since = (OrderUpdate.origin_of(gid, OrderUpdate.ADDED) for gid in (row.copy_gid, draft.order_gid))
            rows.filter(origin_gid=before).update(origin_gid=since)
        row.copy_order_gid = draft.order_gid or ""
        # As of a real order's copy; not of one that an older database did not know of.
        if row.copy_order_gid and row.attempts and placing.is_wanted(row, self.choices):
            row.place = OrderImport.Place.WANTED
        row.save(update_fields=["reserved_until", "draft_status", "copy_order_gid", "place", "changed_at"])
        is_reserved = row.reserved_until is not None and row.reserved_until > read_at + RESERVATION_MARGIN
        if draft.status != "COMPLETED" and not is_reserved:
            self.move_units(reserved_units.reserve(row), None)
        else:
            # Reserved or taken before it was read: a later instant costs a read more, an earlier one would have a
            # webhook from before believed.
            self.move_units(reserved_units.unreserve(row), read_at)

    def _record_deletion(self, read_at: datetime) -> None:
        """It is gone. Whoever deleted it, what its original holds is owed until both were compared."""
        row = self.row
        row.draft_status, row.reserved_until, row.reason = OrderImport.DraftStatus.DELETED, None, DELETED
        row.save(update_fields=["draft_status", "reserved_until", "reason", "changed_at"])
        signs.note_copy(OrderImport.objects.filter(pk=row.pk))
        given_back = reserved_units.carried(row)
        self.move_units(draft_units.owe_what_draft_held(row) | given_back, read_at)

    def _source_time(self) -> datetime:
        """The source's clock at its last answer: ours may be minutes behind, and what is over would go on."""
        return self.clients(self.source).answered_at or self.source.now()

    def send_invoice(self) -> None:
        """Have Shopify mail the invoice, once. A draft without an address has none to send.

        The address stands in an attribute: as the draft's own it would make a customer (`copy_input`).
        """
        row = self.row
        if not self.choices.sends_invoice or row.draft_status != OrderImport.DraftStatus.OPEN or row.reason:
            return
        client = self.clients(self.source)
        draft = draft_orders.read_draft(client, row.copy_gid)
        if draft is None or draft.status == "COMPLETED":
            return  # a moment ago: the next look at it finds out
        try:
            if draft.status == "OPEN":  # else an earlier try, or staff, did it
                draft_orders.send_invoice(client, row.copy_gid, dict(draft.attributes).get(contact.EMAIL, ""))
            row.draft_status = OrderImport.DraftStatus.INVOICE_SENT
        except errors.UserErrors as error:
            row.reason = f"The invoice was not sent. {error}"
        row.save(update_fields=["draft_status", "reason", "changed_at"])
