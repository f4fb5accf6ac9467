"""A full comparison of a connection, and what it found."""

from django.db import models

from stores.models import Connection


class Reconciliation(models.Model):
    """One comparison of every linked level with what Shopify says now. It marks; the stock loop writes."""

    class State(models.TextChoices):
        READING = "reading", "Reading"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="reconciliations")
    state = models.CharField(max_length=8, choices=State.choices, default=State.READING)
    trigger = models.CharField(max_length=20, default="schedule", help_text="schedule, operator, start or resume")
    bulk_gids = models.JSONField(default=dict, blank=True, help_text="Running bulk operations by store id.")
    levels_read = models.PositiveIntegerField(default=0)
    compared = models.PositiveIntegerField(default=0, help_text="Pairs of levels compared.")
    equal = models.PositiveIntegerField(default=0, help_text="Pairs found in step.")
    differing = models.PositiveIntegerField(default=0, help_text="Pairs that were out of step and handed to the loop.")
    orders_found = models.PositiveIntegerField(default=0, help_text="Orders that no webhook had told of.")
    skipped = models.JSONField(default=dict, blank=True, help_text="Reason: number of pairs.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("undo_run", "Can take back the stock writes of a run")]

    def __str__(self) -> str:
        return f"Reconciliation of {self.connection} at {self.started_at:%Y-%m-%d %H:%M}"

    def count_corrected(self) -> int:
        """Writes that this comparison led to and that took effect."""
        return self.adjustments.filter(state="applied").count()

    def count_held(self) -> int:
        """Plans of this comparison that wait or waited for an operator."""
        return self.holds.count()
