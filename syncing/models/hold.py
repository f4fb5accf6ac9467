"""The plans that wait for an operator, and what they began with: holds of one cause are one row, and one decision."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from stores.models import Connection, Store
from syncing.models.ledger import StockAdjustment
from syncing.models.reconciliation import Reconciliation
from syncing.models.stock import StockLink


class HoldCause(models.Model):
    """What holds have in common: the store that changed, how, and when.

    A hold joins the newest cause of the same store and kind of change if that began, and got its last one, not long ago
    (syncing.stock.writes.hold_causes says how long); else it begins one. So a fall to 0 is never decided together with
    a rise, nor with what another store did, nor with the same thing next day. The store is the source, unless the plan
    would write to it: then a two-way destination changed. Of a write of unknown outcome it is the one written to.
    """

    class Change(models.TextChoices):
        TO_ZERO = "to_zero", "fell to 0"
        FELL = "fell", "fell unusually far"
        ROSE = "rose", "rose unusually far"
        ENDED = "ended", "no longer synced, would be set to 0"
        STARTED = "started", "would change much in the initial sync"
        UNKNOWN = "unknown", "with a write of unknown outcome"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="hold_causes")
    change = models.CharField(max_length=8, choices=Change.choices)
    began_at = models.DateTimeField()
    newest_at = models.DateTimeField(help_text="When the last review of this cause began.")

    class Meta:
        verbose_name = "change that needs review"
        verbose_name_plural = "changes that need review"
        ordering = ["-id"]
        indexes = [models.Index(fields=["store", "change", "newest_at"]), models.Index(fields=["newest_at"])]

    def __str__(self) -> str:
        return f"{self.store}: items {self.get_change_display()}"


class StockHold(models.Model):
    """A plan that waits for an operator: it looks destructive, or nobody can tell whether a write took effect."""

    class Kind(models.TextChoices):
        GUARD = "guard", "Unusually large change"
        OUTCOME = "outcome", "Outcome of a write unknown"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RELEASED = "released", "Released"
        DISCARDED = "discarded", "Discarded"
        SET_TRUE = "set_true", "True quantity set: somebody counted, and both stores follow"
        SUPERSEDED = "superseded", "No longer needed"

    link = models.ForeignKey(StockLink, on_delete=models.CASCADE, related_name="holds")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    reason = models.TextField(help_text="Why it needs review, in words.")
    source_from = models.IntegerField(null=True)
    source_to = models.IntegerField(null=True)
    destination_from = models.IntegerField(null=True)
    destination_to = models.IntegerField(null=True)
    adjustment = models.ForeignKey(StockAdjustment, on_delete=models.SET_NULL, null=True, related_name="holds")
    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.SET_NULL, null=True, related_name="holds")
    # Null only of what a worker of an earlier release held: it is grouped within the minute.
    cause = models.ForeignKey(
        HoldCause,
        verbose_name="together with",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="holds",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    true_quantity = models.IntegerField(null=True, help_text="What a user said that there really is.")
    source_seen_quantity = models.IntegerField(null=True, help_text="What the source had when they said so.")
    destination_seen_quantity = models.IntegerField(null=True, help_text="What the destination had when they said so.")
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)
    # The link's newest adjustment when an operator decided: what was written since is told by its id, not by a clock.
    last_adjustment_id = models.BigIntegerField(db_default=0, editable=False)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = "review"
        verbose_name_plural = "reviews"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["link"], condition=Q(state="open"), name="one_open_hold_per_link")
        ]
        indexes = [models.Index(fields=["cause"], condition=Q(state="open"), name="hold_open_by_cause")]
        permissions = [("resolve_hold", "Can release or discard a review")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.link}"

    def what_changed(self, is_start: bool = False) -> tuple[int, str]:
        """The store that changed, and how; `is_start` says that the plan begins a connection."""
        change = HoldCause.Change
        if self.kind == self.Kind.OUTCOME:
            row = self.adjustment
            return (row.batch.store_id if row else self.connection.source_id), change.UNKNOWN
        writes_source = self.source_from is not None and self.source_from != self.source_to
        writes_destination = self.destination_from != self.destination_to
        before, after = (
            (self.destination_from, self.destination_to)
            if writes_destination or not writes_source
            else (self.source_from, self.source_to)
        )
        is_of_destination = writes_source and not writes_destination
        store = self.connection.destination_id if is_of_destination else self.connection.source_id
        if is_start:
            return store, change.STARTED
        if self.source_from is None:
            return store, change.ENDED
        if (before or 0) > 0 >= (after or 0):
            return store, change.TO_ZERO
        return store, change.FELL if (after or 0) < (before or 0) else change.ROSE
