"""A full comparison of a connection, and what it found."""

from datetime import timedelta

from django.db import models

from stores.models import Connection, Store


class Reconciliation(models.Model):
    """One comparison of every linked level with what Shopify says now. It marks; the stock loop writes."""

    class State(models.TextChoices):
        READING = "reading", "Reading"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    CORRECTION = "correction"  # the trigger of what somebody had corrected: of a few pairs, not of all

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="reconciliations")
    state = models.CharField(max_length=8, choices=State.choices, default=State.READING)
    trigger = models.CharField(max_length=20, default="schedule", help_text="What asked for it.")
    bulk_gids = models.JSONField(default=dict, blank=True, help_text="Running bulk operations by store id.")
    levels_read = models.PositiveIntegerField(default=0)
    compared = models.PositiveIntegerField(default=0, help_text="Pairs of levels compared.")
    equal = models.PositiveIntegerField(default=0, help_text="Pairs found synced.")
    differing = models.PositiveIntegerField(default=0, help_text="Pairs that were out of sync and handed to the loop.")
    orders_found = models.PositiveIntegerField(default=0, help_text="Orders that no webhook had told of.")
    skipped = models.JSONField(default=dict, blank=True, help_text="Reason: number of pairs.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("undo_run", "Can take back the stock writes of a run"),
            ("operate_connection", "Can check a store; can match, preview, reconcile and pause a connection"),
            ("stop_everything", "Can stop everything"),
        ]

    def __str__(self) -> str:
        return f"Reconciliation of {self.connection} at {self.started_at:%Y-%m-%d %H:%M} UTC"

    def count_corrected(self) -> int:
        """Writes that this comparison led to and that took effect."""
        return self.adjustments.filter(state="applied").count()

    def count_held(self) -> int:
        """Plans of this comparison that wait or waited for an operator."""
        return self.holds.count()


class RecentChanges(models.Model):
    """How far a store was asked for levels that changed lately, which finds what no webhook told of within minutes."""

    store = models.OneToOneField(Store, on_delete=models.CASCADE, primary_key=True, related_name="recent_changes")
    compared_at = models.DateTimeField(help_text="When it was asked last, by our clock.")
    until_at = models.DateTimeField(help_text="Changes before this instant were asked for, by Shopify's time.")
    pause_seconds = models.FloatField(
        default=0, help_text="It is not asked again before: its budget for this is used up."
    )

    class Meta:
        verbose_name_plural = "recent changes"

    def __str__(self) -> str:
        return f"Recent changes of {self.store}"


class StockBurst(models.Model):
    """A store whose stock changes time and again just now: how it is asked for changes ahead of its webhooks.

    Nothing but pace hangs on it: what is asked for too late, or not at all, its webhooks tell.
    """

    store = models.OneToOneField(Store, on_delete=models.CASCADE, primary_key=True, related_name="stock_burst")
    until_at = models.DateTimeField(null=True, help_text="Changes before this were asked for, by Shopify's time.")
    looked_at = models.DateTimeField(null=True, help_text="When it was asked last, by our clock.")
    empty_reads = models.PositiveSmallIntegerField(default=0, help_text="Looks in a row that found nothing new.")
    has_found = models.BooleanField(default=False, help_text="Whether a look of this burst found something new.")
    vain_bursts = models.PositiveSmallIntegerField(default=0, help_text="Bursts in a row of which no look did.")
    patient_until = models.DateTimeField(null=True, help_text="Until then its webhooks about stock are taken in lots.")

    LONGEST_PATIENCE = timedelta(minutes=1)  # one that ends later was noted before the database's clock was set back

    class Meta:
        verbose_name = "burst of stock"
        verbose_name_plural = "bursts of stock"

    def __str__(self) -> str:
        return f"Burst of stock of {self.store}"
