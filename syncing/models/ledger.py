"""The ledger: every stock write we intended, with its cause and outcome."""

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from stores.models import Connection, Store
from syncing.models.reconciliation import Reconciliation
from syncing.models.stock import StockLevel, StockLink


class StockBatch(models.Model):
    """One mutation to one store: its exact bytes and idempotency key, recorded before it is sent.

    `attempts` counts committed intentions to send. A first attempt with a definite answer is unambiguous; anything
    later is a replay of the same bytes under the same key. When its fate is known the bytes go by age (retention).
    """

    class Kind(models.TextChoices):
        ADJUST = "adjust", "Adjust by a delta"
        SET = "set", "Set to a value"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        APPLIED = "applied", "Applied"
        REFUSED = "refused", "Refused"
        UNKNOWN = "unknown", "Outcome unknown"

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="batches")
    connection = models.ForeignKey(Connection, on_delete=models.SET_NULL, null=True, related_name="batches")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    body = models.BinaryField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    first_sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batches"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["connection", "id"], condition=Q(state="pending"), name="batch_pending"),
            models.Index(fields=["answered_at"], condition=~Q(body=b""), name="batch_with_body"),
        ]

    def __str__(self) -> str:
        return f"Batch {self.pk} to {self.store}"


class StockAdjustment(models.Model):
    """One intended change of one level. Append-only: only its outcome is filled in."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        APPLIED = "applied", "Applied"
        STALE = "stale", "Stale: the level had changed, nothing was written"
        FAILED = "failed", "Failed: Shopify refused it"
        UNKNOWN = "unknown", "Unknown: needs review"

    class Cause(models.TextChoices):
        SOURCE_CHANGED = "source_changed", "The source changed"
        DESTINATION_CHANGED = "destination_changed", "The destination changed"
        ALIGNMENT = "alignment", "Initial sync"
        RECONCILIATION = "reconciliation", "Reconciliation"
        ORDERS = "orders", "Reserved for an order that is not imported yet"
        RELEASED = "released", "Approved in a review"
        SET_TRUE = "set_true", "True quantity entered"
        UNDONE = "undone", "A run was undone"
        ENDED = "ended", "The link has ended"

    batch = models.ForeignKey(StockBatch, on_delete=models.PROTECT, related_name="adjustments")
    connection = models.ForeignKey(Connection, on_delete=models.SET_NULL, null=True, related_name="adjustments")
    link = models.ForeignKey(StockLink, on_delete=models.SET_NULL, null=True, related_name="adjustments")
    level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="adjustments")
    change_from = models.IntegerField()
    change_to = models.IntegerField()
    from_as_of = models.DateTimeField(null=True, help_text="When the value it starts from changed in Shopify.")
    source_quantity = models.IntegerField(null=True, help_text="One-way: the source's quantity it was computed from.")
    taken_sequence = models.BigIntegerField(default=0, help_text="The link's dirty sequence that this write answers.")
    is_only_write = models.BooleanField(
        default=True, help_text="Nothing else was planned for the link at the same time."
    )
    cause = models.CharField(max_length=20, choices=Cause.choices)
    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.SET_NULL, null=True, related_name="adjustments")
    undoes = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="undone_by",
        help_text="The last write of the run that this one takes back.",
    )
    hold = models.ForeignKey(
        "syncing.StockHold",
        verbose_name="review",
        on_delete=models.SET_NULL,
        null=True,
        related_name="writes",
        help_text="The review that was decided by setting the true quantity: it tells who did, and what they saw.",
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "inventory change"
        verbose_name_plural = "inventory history"
        ordering = ["-id"]
        constraints = [
            # Nothing new is planned for a level whose last write has an unknown fate: the database sees to it.
            models.UniqueConstraint(fields=["level"], condition=Q(state="pending"), name="one_pending_write_per_level")
        ]
        indexes = [
            models.Index(fields=["level", "id"]),
            models.Index(fields=["link", "id"]),
            models.Index(fields=["connection", "created_at"]),
            models.Index(fields=["settled_at"]),
            # For the console: what went wrong and what has a rare cause, which are few rows, and the writes of a day,
            # which is one entry for many pages of a table that grows at its end only: next to nothing for a write.
            models.Index(
                fields=["id"], condition=Q(state__in=["stale", "failed", "unknown"]), name="adjustment_not_done"
            ),
            models.Index(
                fields=["cause", "id"],
                condition=~Q(cause__in=["source_changed", "reconciliation"]),
                name="adjustment_of_rare_cause",
            ),
            BrinIndex(fields=["created_at"], name="adjustment_made_on"),
        ]

    def __str__(self) -> str:
        return f"{self.change_from} → {self.change_to} ({self.get_state_display()})"

    @property
    def delta(self) -> int:
        return self.change_to - self.change_from

    @property
    def is_undo(self) -> bool:
        return self.cause == self.Cause.UNDONE
