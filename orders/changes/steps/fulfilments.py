"""A shipment of the copy, back to the original: the same units, the same tracking; and its cancellation.

`fulfillmentCreate` has no idempotency (shopify.md 7.5). Before the call is committed what is sent and which fulfilments
the original has; after a lost answer a new one with these units is ours, and only when none appears in time, by
Shopify's clock, is it sent again. `fulfillmentCancel` needs none of that: whether a shipment is cancelled can be read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orders.changes import line_values
from orders.changes.comparing import Comparison
from orders.changes.rules import units_left
from orders.changes.rules.units_left import GONE, Part
from orders.changes.steps import state
from orders.changes.steps.state import UpdateRefused
from orders.copies.importing import CLOCKS_APART
from orders.models import OrderUpdate
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import order_changes
from stores.shopify.orders.order_progress import OrderProgress, Shipment, Tracking, read_progress

LOST = "Shopify's answer was lost: looking for the fulfilment before it is sent again."


def carry_fulfilment(update: OrderUpdate, comparison: Comparison) -> str:
    """Ship of the original what was shipped of its copy, or correct the tracking; what came of it, in words.

    Safe to repeat. Raises RetryLater, UpdateRefused, and what the client raises.
    """
    row = update.order_import
    copy = comparison.read_copy()
    assert comparison.copy is not None
    shipment = next((each for each in copy.shipments if each.gid == update.origin_gid), None)
    if shipment is None:
        return state.skip(update, "The fulfilment is not there any more.")
    destination = comparison.clients(row.connection.destination)
    notifies, as_of = comparison.choices.notifies_customers, comparison.copy.answered_at
    carrier = _Carrier(update, shipment, destination, notifies, as_of)
    if shipment.status in GONE:
        return carrier.cancel_made()
    return carrier.ship(units_left.original_units(copy, shipment.units, line_values.known_lines(row)))


@dataclass(slots=True)
class _Carrier:
    """One try for one shipment of the copy; `client` is the destination's, `as_of` Shopify's clock as it begins."""

    update: OrderUpdate
    shipment: Shipment
    client: Client
    notifies: bool
    as_of: datetime | None

    def ship(self, wanted: dict[str, int]) -> str:
        """Ship `wanted` (original line gid -> units), as far as it is left to ship."""
        update = self.update
        while True:
            original = read_progress(self.client, update.order_import.order_gid)
            self._settle_sent(original)
            self._adopt_restored(original, wanted)
            left = self._left(wanted)
            if left and original.cancelled_at:
                return state.skip(update, "The original is cancelled.")
            parts = units_left.plan_shipment(original.fulfilment_orders, left)
            if not parts:
                return self._finish(original, left)
            if not self._send(parts[0], original):
                return "Another worker has it in hand."
            if not (left := self._left(wanted)):
                return self._finish(original, left)

    def cancel_made(self) -> str:
        """Cancel what this change shipped, and nothing that somebody else did."""
        update = self.update
        original = read_progress(self.client, update.order_import.order_gid)
        self._settle_sent(original)
        if not self._done:
            return state.skip(update, "It was cancelled in the source before it was synced.")
        shipped = self._shipped(original)
        if shipped and not state.begin(update, update.body):
            return "Another worker has it in hand."
        for gid in shipped:
            self._cancel(gid)
        return state.confirm(update, "The shipment was cancelled in the destination, too.")

    def _shipped(self, original: OrderProgress) -> list[str]:
        """Those of our fulfilments that are not cancelled."""
        return [each.gid for each in original.shipments if each.gid in self._done and each.status not in GONE]

    def _cancel(self, gid: str) -> None:
        try:
            order_changes.cancel_fulfilment(self.client, gid)
        except errors.UserErrors:
            # Refused, too, where somebody has cancelled it a moment ago: only the order tells.
            if gid in self._shipped(read_progress(self.client, self.update.order_import.order_gid)):
                raise

    @property
    def _done(self) -> dict[str, dict[str, int]]:
        """What this change made so far: fulfilment gid -> original line gid -> units."""
        return self.update.body.get("done", {})

    def _left(self, wanted: dict[str, int]) -> dict[str, int]:
        left = dict(wanted)
        for lines in self._done.values():
            for line_gid, units in lines.items():
                left[line_gid] = left.get(line_gid, 0) - units
        return {line_gid: units for line_gid, units in left.items() if units > 0}

    def _settle_sent(self, original: OrderProgress) -> None:
        """Take over what an earlier try made, if its answer was lost. Raises RetryLater while it may still appear."""
        update = self.update
        sent = update.body.get("sent")
        if not sent:
            return
        ours = set(sent["known"]) | _claimed(update)
        made = [each for each in original.shipments if each.gid not in ours and each.status not in GONE]
        same = [each for each in made if each.units == sent["lines"]]
        # Somebody may ship the same units by hand at that moment: rather theirs taken for ours than shipped twice.
        same.sort(key=lambda each: each.tracking.numbers != self.shipment.tracking.numbers)
        if same:
            self._note_made(same[0].gid, sent["lines"], Tracking(*map(_frozen, sent["tracking"])))
            return
        state.wait_for_late(update, self.as_of, LOST)
        state.note(update, update.body | {"sent": None})

    def _adopt_restored(self, original: OrderProgress, wanted: dict[str, int]) -> None:
        """Take over what was shipped after the backup that was restored since, whatever the row says of having sent it.

        Rather somebody else's shipment of these units taken for ours than shipped twice.
        """
        update, shipment = self.update, self.shipment
        restored_at = update.order_import.connection.restored_at
        if update.attempts or not restored_at or shipment.created_at > restored_at + CLOCKS_APART:
            return
        known = _claimed(update) | set(self._done)
        later = [
            each
            for each in original.shipments
            if each.gid not in known and each.status not in GONE and each.created_at >= shipment.created_at
        ]
        later.sort(key=lambda each: each.tracking.numbers != shipment.tracking.numbers)
        for each in later:
            left = self._left(wanted)
            if each.units and all(units <= left.get(line_gid, 0) for line_gid, units in each.units.items()):
                self._note_made(each.gid, each.units, each.tracking)

    def _note_made(self, gid: str, lines: dict[str, int], tracking: Tracking) -> None:
        update = self.update
        update.result_gid = update.result_gid or gid
        update.body = update.body | {
            "sent": None,
            "done": self._done | {gid: lines},
            "tracking": _as_json(tracking),
        }
        update.save(update_fields=["body", "result_gid", "changed_at"])

    def _send(self, part: Part, original: OrderProgress) -> bool:
        """Send one part; False if another worker has it in hand."""
        update, tracking = self.update, self.shipment.tracking
        sent = {
            "lines": part.lines,
            "tracking": _as_json(tracking),
            "known": [each.gid for each in original.shipments],
        }
        if not state.begin(update, update.body | {"sent": sent}):
            return False
        try:
            gid = order_changes.create_fulfilment(self.client, part.units, tracking, notify_customer=self.notifies)
        except errors.ShopifyError as error:
            if not error.outcome_unknown:  # nothing was made: a later try has nothing to look for
                state.note(update, update.body | {"sent": None})
            raise
        self._note_made(gid, part.lines, tracking)
        return True

    def _finish(self, original: OrderProgress, left: dict[str, int]) -> str:
        """All is shipped that can be. Raises UpdateRefused where a hold in the destination keeps the rest."""
        update, tracking = self.update, self.shipment.tracking
        if left and units_left.is_held(original.fulfilment_orders, left):
            raise UpdateRefused(
                "The destination keeps this order from shipping (“On hold” there): release it there, then try again."
            )
        if not self._done:
            return state.skip(update, "The destination has shipped all of it already, or none of it is in the order.")
        if update.body.get("tracking") != _as_json(tracking):
            self._correct_tracking(original)
            return state.confirm(update, "Shipped in the destination, with the tracking as it is now.")
        rest = " The rest cannot be shipped there: it was shipped already, or taken off the order." if left else ""
        return state.confirm(update, f"Shipped in the destination, too.{rest}")

    def _correct_tracking(self, original: OrderProgress) -> None:
        """What has it already is left alone: a repeat would mail the customer once more."""
        tracking = self.shipment.tracking
        known = {each.gid: each.tracking for each in original.shipments}
        for gid in self._shipped(original):
            if known[gid] != tracking:
                order_changes.update_tracking(self.client, gid, tracking, notify_customer=self.notifies)
        state.note(self.update, self.update.body | {"tracking": _as_json(tracking)})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _claimed(update: OrderUpdate) -> set[str]:
    """Fulfilments that other changes of this order made."""
    others = OrderUpdate.objects.filter(order_import=update.order_import, kind=update.kind).exclude(pk=update.pk)
    return {gid for body in others.values_list("body", flat=True) for gid in body.get("done", {})}


def _as_json(tracking: Tracking) -> list[Any]:
    return [tracking.company, list(tracking.numbers), list(tracking.urls)]
