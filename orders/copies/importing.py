"""Copy a destination's order into the source, exactly once.

Asked twice, Shopify makes two orders (shopify.md 7.1), so: one row per connection and order; "sent" is committed
before the call; after an answer that did not come, the copy is looked for until it is found or surely not there, and
only then asked for again. May die between any two statements: the next run goes on from what the row says.
"""

import logging
import time
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from orders import intake, reserved_units
from orders.changes import signs
from orders.changes.rules.comparison import payment_words
from orders.copies import late_links, made_again, placing, search, shopify_copy, splits
from orders.copies.draft_copy import DraftCopy, keep_draft_lines
from orders.copies.rates import kept_rate
from orders.copies.rules import mapping
from orders.copies.search import RetryLater
from orders.copies.shopify_copy import Copy, choices_of, create, why_wrong
from orders.intake import State
from orders.models import OrderImport, OrderSettings
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import errors, shops
from stores.shopify.orders import draft_orders, orders
from stores.shopify.orders.order_records import OrderRecord

logger = logging.getLogger(__name__)

CLOCKS_APART = timedelta(days=1)  # ours and Shopify's may differ, by less than this; it costs a search for each order
HANDED_OVER = "FULFILLED"
GIVEN_UP = "Somebody ended it meanwhile."
IN_DOUBT = "Waits: to which products of the source these belong is in doubt:"
LateLinks, Place = OrderImport.LateLinks, OrderImport.Place


class ImportFailed(Exception):
    """No copy can be made as things stand; the row says why. `failure` is REJECTED or MISCONFIGURED."""

    def __init__(self, message: str, failure: str) -> None:
        super().__init__(message)
        self.failure = failure


def import_order(connection: Connection, order_gid: str, clients: OpenClient, move_units: MoveUnits) -> str:
    """Bring this order's copy about, as far as that is possible now; what came of it, in words. Safe to repeat.

    Raises RetryLater, ImportFailed, and what the client raises. Let one worker at a time do it for one order: two would
    not make two copies, but one of them would wait for nothing.
    """
    return _Importer(connection, clients, move_units).run(order_gid)


class _Importer:
    """One try for one order."""

    def __init__(self, connection: Connection, clients: OpenClient, move_units: MoveUnits) -> None:
        self.connection = connection
        self.clients = clients
        self.move_units = move_units
        self.choices = OrderSettings.of(connection)
        self.row: OrderImport
        self.is_owed = False
        self.known_until: datetime | None = None  # from then on a change of the original is not known
        self.payment_seen = ""
        self.is_handed_over = False
        self.had_links = False  # whether a line of it was linked when it was looked at before

    @property
    def _draft(self) -> DraftCopy:
        return DraftCopy(self.row, self.connection.source, self.clients, self.move_units, self.choices)

    def run(self, order_gid: str) -> str:
        connection = self.connection
        self.row, _ = OrderImport.objects.get_or_create(
            connection=connection, order_gid=order_gid, defaults={"is_draft": intake.makes_drafts(connection)}
        )
        # Its units are held back: whatever the connection does today, they are to be taken from the source.
        self.is_owed = self.row.lines.exists()
        if self.row.state == State.SKIPPED:
            return f"Skipped. {self.row.reason}"
        if self.row.state == State.CONFIRMED and self.row.place in (Place.WANTED, Place.SENT):
            return self._finish()
        if self.row.state == State.CONFIRMED:
            return self._draft.follow() if self.row.is_draft else f"Imported already, as {self.row.copy_name}."
        try:
            return self._import()
        except errors.ShopifyError as error:
            if error.failure != errors.TRANSIENT:
                self._fail(str(error), error.failure)
            raise

    def _import(self) -> str:
        row = self.row
        if (row.attempts and self._was_created()) or self._was_copied_before_restore():
            return self._finish()
        if not self.is_owed and self.connection.orders_from_at is None:
            return self._skip("The connection does not import orders any more.")
        try:
            destination = self.clients(self.connection.destination)
            began = time.monotonic()
            order = made_again.name_successors(row, orders.read_order(destination, row.order_gid))
            seconds = time.monotonic() - began
            self.known_until = signs.known_until(order.updated_at, destination.answered_at, seconds)
            self.payment_seen = payment_words(order.financial_status, order.received.shop.amount)
            self.is_handed_over = order.is_counter_sale and order.fulfilment_status == HANDED_OVER
        except errors.ObjectNotFound:
            if self.is_owed and intake.is_too_old(row, destination.answered_at):
                self._fail(intake.TOO_OLD, errors.REJECTED)
                raise ImportFailed(intake.TOO_OLD, errors.REJECTED) from None
            # Whatever its store put back of it is a change of its own, as after a cancellation.
            return self._skip("The original is not there any more: deleted, or older than 60 days.", came_back=True)
        if words := self._note(order, destination.answered_at):
            return words
        split = splits.divide(row, order)
        mapped = self._map(order, split)
        if isinstance(mapped, str):
            return mapped
        if not self._claim(mapped, split, destination.answered_at):
            return "Another worker has it in hand."
        self._create(mapped)
        return self._finish()

    # Searching

    def _search(self, since: datetime) -> search.Found:
        return search.search(self.clients(self.connection.source), self.row, self.connection.destination.domain, since)

    def _was_created(self) -> bool:
        """Whether what was sent is there; it is confirmed then. Raises RetryLater while that is not sure."""
        row = self.row
        found = self._search(row.sent_as_of or row.placed_at or row.created_at)
        if found.copy:
            self._confirm(found.copy)
            return True
        if not (pause := search.seconds_left(row, found.as_of)):
            return False
        raise RetryLater("Shopify's answer was lost: looking for the copy before it is asked for again.", pause)

    def _was_copied_before_restore(self) -> bool:
        """Whether there is a copy that the restored database does not know of; it is confirmed then."""
        row, restored_at = self.row, self.connection.restored_at
        if not restored_at or row.attempts or (row.placed_at and row.placed_at > restored_at + CLOCKS_APART):
            return False
        copy = self._search(row.placed_at or restored_at - intake.OLDEST).copy
        if copy:
            self._adopt(copy)
        return copy is not None

    def _adopt(self, copy: Copy) -> None:
        """Take over a copy that the database does not know of. What the original has changed since it was made is seen
        by the next comparison, of an open draft by what it holds now."""
        row, in_draft = self.row, None
        if copy.draft and copy.draft.status != "COMPLETED":
            in_draft = draft_orders.read_draft_lines(self.clients(self.connection.source), copy.gid)
        with transaction.atomic():
            has_custom = self.choices.unlinked == OrderSettings.Unlinked.CUSTOM
            reserved_units.keep_found(row, has_custom=has_custom)
            if in_draft is not None:
                keep_draft_lines(row, in_draft)
            self._confirm(copy)
            signs.note_original(OrderImport.objects.filter(pk=row.pk))

    # Deciding

    def _note(self, order: OrderRecord, answered_at: datetime | None) -> str:
        """Take over what the order is now; words if there is nothing more to do, '' if it is to be copied."""
        row, seen = self.row, intake.seen_in_record(order, answered_at)
        row.order_name, row.placed_at = seen.name[:100], seen.placed_at
        row.original_total, row.original_currency = seen.total, seen.currency
        row.original_read_as_of = order.updated_at
        named = ["order_name", "placed_at", "original_total", "original_currency", "original_read_as_of", "changed_at"]
        row.save(update_fields=named)
        not_ours = "" if self.is_owed else intake.why_not_ours(self.connection, seen)
        # It was just read, so its age is no reason: it may have waited for its payment until now.
        if words := not_ours or intake.why_skipped(seen, is_noted=self.is_owed):
            return self._skip(words, came_back=seen.cancelled_at is not None)
        with transaction.atomic():
            if not self._still_open():
                return GIVEN_UP
            self.had_links, before = (
                row.lines.filter(source_variant__isnull=False, is_doubtful=False).exists(),
                reserved_units.held_by_line(row),
            )
            changed = reserved_units.note_lines(row, seen.lines)
            self.move_units(changed, None, reserved_units.changed_by_original(row, before))
        if intake.must_wait_for_payment(self.choices, seen.is_paid):
            return self._wait(OrderImport.WaitsFor.PAYMENT, intake.WAITING_FOR_PAYMENT["reason"])
        if intake.must_wait_for_review(self.choices, seen, is_reviewed=row.is_reviewed):
            return self._wait(OrderImport.WaitsFor.REVIEW, intake.WAITING_FOR_REVIEW["reason"])
        return ""

    def _map(self, order: OrderRecord, split: splits.KeptSplit | None) -> mapping.MappedOrder | str:
        """What to send, or why nothing is. Raises ImportFailed."""
        connection = self.connection
        if (doubtful := self.row.lines.filter(is_doubtful=True, quantity__gt=0)).exists():
            titles = ", ".join(f"“{line.title}”" for line in doubtful[:3])
            return self._wait(OrderImport.WaitsFor.LINKS, f"{IN_DOUBT} {titles}.")
        try:
            return shopify_copy.map_now(
                connection,
                order,
                shopify_copy.linked(connection, order),
                choices_of(self.row, self.choices),
                store_currency=self._store_currency(order),
                split=split.split if split else None,
            )
        except mapping.WaitsForLinks as error:
            return self._wait(OrderImport.WaitsFor.LINKS, str(error))
        except mapping.NoLinkedLines as error:
            is_wanted = bool(error.variant_gids) and self.choices.shows_unlinked
            failure = errors.UNMATCHED if self._has_lost_links(order) else ""
            return self._skip(str(error), failure=failure, late_links=LateLinks.WANTED if is_wanted else "")
        except mapping.CannotMap as error:
            is_setting = isinstance(error, mapping.CurrencyWithoutRate)
            failure = errors.MISCONFIGURED if is_setting else errors.REJECTED
            self._fail(str(error), failure)
            raise ImportFailed(str(error), failure) from None

    def _store_currency(self, order: OrderRecord) -> str:
        """What the destination sells in; asked for where the order differs from what the last check of it said."""
        destination = self.connection.destination
        if order.currency == destination.currency:
            return destination.currency
        return shops.read_shop(self.clients(destination)).currency

    def _has_lost_links(self, order: OrderRecord) -> bool:
        """Whether an order of which nothing is linked holds what followed the source until lately.

        What never did is the destination's own affair.
        """
        is_wanted = any(line.current_quantity > 0 for line in order.lines)
        return is_wanted and (self.had_links or reserved_units.have_gone(self.row))

    # Creating

    def _claim(self, mapped: mapping.MappedOrder, split: splits.KeptSplit | None, as_of: datetime | None) -> bool:
        """Commit what will be sent, and that it will be; False if another worker did so meanwhile.

        `as_of` is Shopify's clock a moment ago. Raises RetryLater where the order is divided otherwise by now.
        """
        row, now = self.row, timezone.now()
        fields = {
            "state": State.SENT,
            "attempts": row.attempts + 1,
            "sent_at": now,
            "sent_as_of": as_of,
            "looks": 0,
            "look_up_until": None,
            "may_send_again": False,
            "is_draft": mapped.is_draft,
            "is_partial": mapped.is_partial,
            "reason": "",
            "notes": "\n".join(mapped.notes),
            **kept_rate(row, self.choices, mapped.exchange_rate),
            "failure": "",
            "waits_for": "",
            "reserved_until": mapped.reserved_until,
            "copy_total": mapped.total.amount,
            "copy_currency": mapped.total.currency,
            "original_compared_as_of": self.known_until,
            "original_signs_seen": row.original_signs,  # as many as there were before it was read
            "payment_seen": self.payment_seen,
            "is_handed_over": self.choices.fulfils_counter_sales and self.is_handed_over,
            "changed_at": now,
        }
        with transaction.atomic():
            if not splits.is_still_valid(split):
                raise RetryLater("Its lines are divided otherwise between its sources by now.", 1)
            mine = OrderImport.objects.filter(pk=row.pk, attempts=row.attempts, state__in=OrderImport.UNFINISHED)
            if not mine.update(**fields):
                return False
            self.move_units(shopify_copy.keep_mapped(row, mapped), None)
            late_links.note_missing(row, mapped)
        for name, value in fields.items():
            setattr(row, name, value)
        return True

    def _create(self, mapped: mapping.MappedOrder) -> None:
        row, client = self.row, self.clients(self.connection.source)
        try:
            copy = create(client, mapped, partial(shopify_copy.add_note, row))
        except errors.UserErrors as error:
            since = row.sent_as_of or row.placed_at or row.created_at
            if orders.custom_id_was_taken(error) and (known := self._search(since).copy):
                self._confirm(known)  # Shopify itself kept us from making a second one
                return
            self._never_sent()
            raise
        except errors.ShopifyError as error:
            if not error.outcome_unknown:
                self._never_sent()
            raise
        self._confirm(copy)

    def _never_sent(self) -> None:
        """It was refused before anything was created: as if it had not been sent."""
        self.row.attempts -= 1
        self.row.state = State.PLANNED
        OrderImport.objects.filter(pk=self.row.pk, state=State.SENT).update(
            attempts=F("attempts") - 1, state=State.PLANNED, look_up_until=None
        )

    def _confirm(self, copy: Copy) -> None:
        """The copy exists. In one transaction its units cease to be held back and the source's values become doubtful:
        no plan sees the one without the other."""
        row, now = self.row, timezone.now()
        with transaction.atomic():
            fresh = OrderImport.objects.filter(pk=row.pk, state__in=OrderImport.UNFINISHED)
            if not fresh.update(
                state=State.CONFIRMED,
                is_draft=copy.draft is not None,
                copy_gid=copy.gid,
                copy_name=copy.name[:100],
                copy_total=copy.total,
                copy_currency=copy.currency,
                copy_order_gid=copy.order_gid,
                reason=why_wrong(row, copy),
                failure="",
                waits_for="",
                place=self._place(copy),
                confirmed_at=now,
                changed_at=now,
            ):
                row.refresh_from_db()
                return  # another worker saw it first
            row.refresh_from_db()
            if row.is_draft:
                self._draft.record(copy.draft)
                return
            changed = reserved_units.unreserve(row)
            if row.copy_signs > row.copy_signs_seen:  # something happened to it: what it holds will be read
                changed |= reserved_units.owe_what_copy_lost(row, {})
            self.move_units(changed, copy.created_at)

    def _place(self, copy: Copy) -> str:
        """Not for one that an older database did not know of: what became of its place is somebody's decision."""
        is_wanted = self.row.attempts and not copy.draft and placing.is_wanted(self.row, self.choices)
        return Place.WANTED if is_wanted else ""

    def _finish(self) -> str:
        row = self.row
        if row.is_draft:
            self._draft.send_invoice()
        if row.place in (Place.WANTED, Place.SENT):
            placing.place_units(row, self.clients, self.move_units)
        missing = " It is partial: see the lines." if row.is_partial else ""
        return f"Imported as {row.copy_name}.{missing}"

    # Ends

    def _wait(self, waits_for: str, reason: str) -> str:
        self._end(State.WAITING, reason, waits_for=waits_for)
        return reason

    def _fail(self, reason: str, failure: str) -> None:
        if self.row.state != State.SENT:  # of a sent one it is not known whether it failed
            self._end(State.FAILED, reason, failure=failure)
        else:
            OrderImport.objects.filter(pk=self.row.pk).update(reason=reason, failure=failure)

    def _skip(self, reason: str, *, failure: str = "", late_links: str = "", came_back: bool = False) -> str:
        with transaction.atomic():
            if self._end(State.SKIPPED, reason, failure=failure):
                if self.row.late_links != LateLinks.ENDED:
                    OrderImport.objects.filter(pk=self.row.pk).update(late_links=late_links)
                    self.row.late_links = late_links
                before = reserved_units.held_back(self.row) if came_back else {}
                self.move_units(reserved_units.release(self.row), None, reserved_units.returned(self.row, before))
        return f"Skipped. {reason}"

    def _still_open(self) -> bool:
        """Whether nobody has ended it since it was read; keeps it so until the transaction is over."""
        return self._unfinished().select_for_update().exists()

    def _end(self, state: str, reason: str, *, waits_for: str = "", failure: str = "") -> bool:
        """False if somebody ended it meanwhile: an operator gave it up, or another worker has the copy."""
        ended = {"state": state, "reason": reason, "waits_for": waits_for, "failure": failure}
        is_ours = bool(self._unfinished().update(**ended, changed_at=timezone.now()))
        self.row.refresh_from_db()
        return is_ours

    def _unfinished(self) -> QuerySet[OrderImport]:
        return OrderImport.objects.filter(pk=self.row.pk, state__in=OrderImport.UNFINISHED)
