"""A connection of one source to one destination, and which of their locations belong together."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from stores.models.selected import SelectionFields
from stores.models.store import Location, ReasonedPauseFields, Store, Strategy, SyncSwitch

CARRY_ORDERS = (Strategy.DRAFT_ORDER, Strategy.ORDER)
ORDERS_SHOWN = timedelta(days=60)  # to an app, by Shopify; what is older does not change any more
# The aligned strategy of a connection that was two-way, while the last changes of that time are carried.
ENDING_TWO_WAY = "two_way_end"
# What workers write, at any moment; and what decides since when orders are carried.
OF_WORKERS = {"aligned_strategy", "started_at", "carries_orders_since", "orders_looked_at", "restored_at"}
OF_WORKERS |= {"copies_looked_at", "reconciled_at", "linked_at", "decided_with", "disconnecting_at", "waits_for_orders"}
DECIDES_SINCE = {"strategy", "aligned_strategy", "state", "started_at", "carries_orders_since"}


class Connection(SelectionFields, ReasonedPauseFields):
    """Source to destination: what travels, how products match, and the limits of caution."""

    Strategy = Strategy

    class Identifier(models.TextChoices):
        HANDLE = "handle", "Product handle, then option values"
        SKU = "sku", "Variant SKU"
        BARCODE = "barcode", "Variant barcode"

    class State(models.TextChoices):
        PENDING = "pending", "Waits for approval"
        READY = "ready", "Approved, not started"
        RUNNING = "running", "Started"
        REJECTED = "rejected", "Rejected"
        ENDED = "ended", "Ended"
        REMOVED = "removed", "Removed: only its orders are known still"

    class Alignment(models.TextChoices):
        SOURCE_WINS = "source_wins", "Use source quantities: the destination takes them at the start"
        KEEP_BOTH = "keep_both", "Keep current quantities: only changes made from then on are synced"

    class Drift(models.TextChoices):
        CORRECT = "correct", "Correct it at the next reconciliation"
        REPORT = "report", "Only report it"

    class Ending(models.TextChoices):
        LEAVE = "leave", "Leave its quantity as it is, and tell"
        ZERO = "zero", "Set its quantity to 0"
        DENY = "deny", "Set its quantity to 0, and stop selling when out of stock"

    source = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="as_source")
    destination = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="as_destination")
    strategy = models.CharField(max_length=12, choices=Strategy.choices, default=Strategy.ONE_WAY)
    identifier = models.CharField(
        "match by",
        max_length=8,
        choices=Identifier.choices,
        default=Identifier.SKU,
        help_text="Blanks around it and its case do not matter. Empty or repeated ones never link by themselves.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY, editable=False)
    is_paused = models.BooleanField("paused", default=False)
    alignment = models.CharField(
        "initial sync", max_length=12, choices=Alignment.choices, default=Alignment.SOURCE_WINS
    )
    drift = models.CharField(
        "changed in the destination",
        max_length=8,
        choices=Drift.choices,
        default=Drift.CORRECT,
        help_text="One-way only: what happens to a quantity that somebody changed in the destination.",
    )
    ending = models.CharField(
        "when a link ends",
        max_length=5,
        choices=Ending.choices,
        default=Ending.ZERO,
        db_default=Ending.LEAVE,  # of connections that are older than this choice
        help_text="One-way only: its variant was deleted in the source, or is not shared or selected any more.",
    )
    activates_items = models.BooleanField(
        "stock items where they are not stocked",
        default=True,
        help_text="An item that is not stocked at the mapped destination location is activated there.",
    )
    safety_buffer = models.PositiveIntegerField(
        default=0, help_text="One-way only: so many units are kept back from the destination."
    )
    cap_quantity = models.PositiveIntegerField(
        "cap", null=True, blank=True, help_text="One-way only: never show more than this many."
    )
    percentage = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="One-way only: share of the source's quantity that the destination shows, rounded down.",
    )
    guard_zero_from = models.PositiveIntegerField(
        "review a fall to 0 from",
        default=50,
        help_text="A level that falls to 0 from this many or more is read again, then needs review.",
    )
    guard_move = models.PositiveIntegerField(
        "review a change of more than",
        default=1000,
        help_text="A change of more units than this is read again, then needs review.",
    )
    guard_zero_share = models.PositiveSmallIntegerField(
        "review when this share would drop to 0",
        default=20,
        validators=[MaxValueValidator(100)],
        help_text="Percent of the connection's items that may drop to 0 in one run.",
    )
    guard_zero_minimum = models.PositiveSmallIntegerField(
        "… and at least this many items",
        default=10,
        help_text="Small connections: fewer items than this never trip the share.",
    )
    # The strategy that the links' baselines were made for: after a change of strategy both sides are aligned anew.
    aligned_strategy = models.CharField("strategy in effect", max_length=12, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Since when its strategy carries orders: what was sold before is not ours to copy. Like the start, an instant of
    # the destination's clock, for it is compared with those of its orders.
    carries_orders_since = models.DateTimeField("imports orders since", null=True, blank=True, editable=False)
    # Up to which changes of the destination's orders, and of the source's, were looked at (Shopify's clock).
    orders_looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # An older database was restored then: orders placed before may have copies that it does not know of.
    restored_at = models.DateTimeField(null=True, blank=True, editable=False)
    copies_looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    reconciled_at = models.DateTimeField(null=True, blank=True, editable=False)
    linked_at = models.DateTimeField("last matched", null=True, blank=True, editable=False)
    # Somebody disconnected it then, by the destination's clock: orders placed since are not its.
    # It ends once all is done.
    disconnecting_at = models.DateTimeField(null=True, blank=True, editable=False)
    waits_for_orders = models.BooleanField(default=True, db_default=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["source", "destination"]
        constraints = [
            models.UniqueConstraint(fields=["source", "destination"], name="one_connection_per_pair"),
            models.CheckConstraint(condition=~Q(source=models.F("destination")), name="not_to_itself"),
        ]
        permissions = [("approve_connection", "Can approve a connection")]

    def __str__(self) -> str:
        return f"{self.source} → {self.destination}"

    def first_state(self) -> str:
        """What a new connection begins as: a moderated source's waits for approval."""
        is_moderated = self.source.acceptance == Store.Acceptance.MODERATION
        return self.State.PENDING if is_moderated else self.State.READY

    @property
    def is_two_way(self) -> bool:
        return self.strategy == Strategy.TWO_WAY

    @property
    def carries_orders(self) -> bool:
        """Whether a destination's order becomes one of the source, as a draft or as a real one."""
        return self.strategy in CARRY_ORDERS

    def order_strategies(self) -> set[str]:
        """The strategies under which its orders are carried: its own, and that of orders noted under another one."""
        lately = self.order_imports.filter(placed_at__gte=timezone.now() - ORDERS_SHOWN)
        noted = {Strategy.DRAFT_ORDER if is_draft else Strategy.ORDER for is_draft in _kinds(lately)}
        return noted | {each for each in (self.strategy, self.aligned_strategy) if each in CARRY_ORDERS}

    @property
    def is_leaving_orders(self) -> bool:
        """Whether it is to carry no orders any more, by a strategy that has not begun: until then it carries them."""
        return not self.carries_orders and self.aligned_strategy in CARRY_ORDERS

    @property
    def is_leaving_two_way(self) -> bool:
        """Whether what changed under two-way is still carried as changes, before the new strategy begins."""
        return not self.is_two_way and self.aligned_strategy in (Strategy.TWO_WAY, ENDING_TWO_WAY)

    @property
    def orders_from_at(self) -> datetime | None:
        """Orders placed before this instant are not carried; None while none are.

        A strategy begins when both sides are aligned by it, not when an operator chooses it: until then the units of
        an order travel in the old strategy's way, and in that way alone.
        """
        if self.started_at is None or not (self.carries_orders or self.is_leaving_orders):
            return None
        if self.carries_orders_since is None:
            return None if self.is_leaving_two_way or self.is_leaving_orders else self.started_at
        return max(self.started_at, self.carries_orders_since)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a strategy that begins (or ceases) to carry orders is noted with the instant.

        Workers write the row of a connection that exists: what is theirs is saved only where `update_fields` names it,
        and what follows from it is decided by what the row holds now, not by what was read before.
        """
        if self._state.adding:
            self._note_since()
            super().save(*args, **kwargs)
            return
        all_names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
        named = kwargs.pop("update_fields", None)
        names = all_names - OF_WORKERS - self.get_deferred_fields() if named is None else set(named)
        with transaction.atomic():
            if names & DECIDES_SINCE:
                self._settle_since(names)
                names.add("carries_orders_since")
            super().save(*args, update_fields=names, **kwargs)

    def _settle_since(self, names: set[str]) -> None:
        """Decide since when orders are carried, by the row as it will be; it stays locked until it is."""
        rows = Connection.objects.select_for_update(of=("self",)).select_related("destination")
        if (row := rows.filter(pk=self.pk).first()) is not None:
            for name in DECIDES_SINCE & names:
                setattr(row, name, getattr(self, name))
            row._note_since()
            self.carries_orders_since = row.carries_orders_since

    def _note_since(self) -> None:
        if not self.carries_orders and not self.is_leaving_orders:
            self.carries_orders_since = None
            return
        # Until two-way has ended, the units of orders travel as changes of stock.
        two_way = (Strategy.TWO_WAY, ENDING_TWO_WAY)
        is_two_way_still = self.aligned_strategy in two_way and self.state == self.State.RUNNING
        if self.carries_orders and self.carries_orders_since is None and not is_two_way_still:
            self.carries_orders_since = self.destination.now()

    def why_inert(self, is_stopped: bool | None = None) -> str:
        """Why nothing travels along this connection now, in words; '' when it does.

        `is_stopped`: how the global switch stands, from who knows; otherwise it is looked at.
        """
        if self.state != self.State.RUNNING:
            return f"The connection is not started ({self.get_state_display().lower()})."
        if is_stopped is None:
            is_stopped = SyncSwitch.objects.filter(is_stopped=True).exists()
        if is_stopped:
            return "All syncing is paused."
        if self.is_paused:
            return "The connection is paused."
        for store in (self.source, self.destination):
            if store.is_paused:
                return f"The store {store} is paused."
            if store.status == Store.Status.DISCONNECTED:
                return f"The store {store} is disconnected: {store.status_reason}"
        return ""

    def clean(self) -> None:
        source, destination = (getattr(self, name, None) for name in ("source", "destination"))
        if source and source.role != Store.Role.SOURCE:
            raise ValidationError({"source": f"{source} is a destination: it cannot control another store."})
        if destination and destination.role != Store.Role.DESTINATION:
            raise ValidationError({"destination": f"{destination} is a source: it cannot follow another store."})
        self.check_selection()
        if self.pk and self.is_two_way:
            refuse_shared_locations(list(self.mappings.all()))

    def start(self, at: datetime | None = None) -> None:
        """Mark it started; what was approved and mapped begins to travel at the next run.

        `at` is now by the destination's clock, as it just told: ours may be minutes ahead, and whatever was ordered
        before it would be nobody's.
        """
        self.state = self.State.RUNNING
        if self.started_at is None:
            self.started_at = at or self.destination.now()
            self.carries_orders_since = self.started_at  # if it carries any: whatever it was when this was read
        self.save(update_fields=["state", "started_at", "carries_orders_since"])


def _kinds(order_imports: models.QuerySet) -> Iterable[bool]:
    return order_imports.order_by().values_list("is_draft", flat=True).distinct()


class LocationMapping(models.Model):
    """Stock of this source location shows at that destination location."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mappings")
    source_location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")
    destination_location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "source_location", "destination_location"], name="location_pair_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source_location.name} → {self.destination_location.name}"

    def clean(self) -> None:
        connection = getattr(self, "connection", None)
        if connection is None or not (self.source_location_id and self.destination_location_id):
            return
        if self.source_location.store_id != connection.source_id:
            raise ValidationError({"source_location": f"This is not a location of {connection.source}."})
        if self.destination_location.store_id != connection.destination_id:
            raise ValidationError({"destination_location": f"This is not a location of {connection.destination}."})
        if connection.is_two_way:
            refuse_shared_locations([m for m in connection.mappings.all() if m.pk != self.pk] + [self])


def refuse_shared_locations(mappings: list[LocationMapping]) -> None:
    """Raise ValidationError if a two-way connection would use a location twice: its changes would count twice."""
    for side in ("source_location", "destination_location"):
        used = [getattr(mapping, f"{side}_id") for mapping in mappings]
        if len(used) != len(set(used)):
            raise ValidationError(
                "Two-way needs one source location for one destination location: one is mapped twice."
            )
