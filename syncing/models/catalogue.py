"""A run over a connection's catalogue: how far it is, what it found, and what became of each thing."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from stores.models import Connection
from syncing.models.job import SyncJob


class CatalogueRun(models.Model):
    """One pass over a connection's catalogue. Its items say what is left to do, so it resumes after a crash.

    What Shopify carries out for it in bulk stands in its bulk operations.
    """

    class Kind(models.TextChoices):
        FIRST = "first", "First sync"
        ALL = "all", "Sync all"
        PRICES = "prices", "New prices"
        CONTENT = "content", "Collections, pages, blogs, articles"
        UNLINK = "unlink", "Unlink"
        RETRY = "retry", "Failed ones again"

    class State(models.TextChoices):
        PLANNING = "planning", "Reading and planning"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused by hand"
        HELD = "held", "Needs review: it would remove too much"
        FINISHED = "finished", "Finished"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    UNDER_WAY = (State.PLANNING, State.RUNNING, State.PAUSED, State.HELD)

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="catalogue_runs")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    is_preview = models.BooleanField("preview", default=False, help_text="It only lists what it would do.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.PLANNING)
    cursor = models.TextField(blank=True, editable=False, help_text="Up to where the source was read.")
    total = models.PositiveIntegerField(default=0, help_text="Things to look at, as far as known.")
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True, help_text="Action: number of things.")
    # Digests of the settings it works with: whoever changes them meanwhile gets another run.
    begun_with = models.JSONField(default=dict, blank=True, editable=False)
    hold_reason = models.TextField(
        "why it needs review", blank=True, help_text="Why it waits for a decision, in words."
    )
    is_released = models.BooleanField("released", default=False, help_text="A user lets it remove that many.")
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    retried = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries", help_text="Of which run."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Rate and time left are told of the time since it last began to work: pauses do not count.
    resumed_at = models.DateTimeField(null=True, blank=True, editable=False)
    resumed_done = models.PositiveIntegerField(default=0, editable=False)
    progressed_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        verbose_name = "sync run"
        verbose_name_plural = "sync runs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=("planning", "running", "paused", "held"), is_preview=False) & ~Q(kind="content"),
                name="one_catalogue_run_per_connection",
            ),
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=("planning", "running", "paused", "held"), is_preview=False, kind="content"),
                name="one_content_run_per_connection",
            ),
            models.CheckConstraint(condition=Q(failed__lte=F("done")), name="failed_ones_are_done"),
        ]

    def __str__(self) -> str:
        what = f"Preview of {self.get_kind_display().lower()}" if self.is_preview else self.get_kind_display()
        return f"{what}, {self.connection}, {self.created_at:%Y-%m-%d %H:%M} UTC"

    @property
    def subject(self) -> str:
        """What it is about, in words: runs over products and runs over content do not wait for each other."""
        return "content" if self.kind == self.Kind.CONTENT else "products"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    def rate(self) -> float | None:
        """Things per second since it last began to work; None before anything was done."""
        if not (self.resumed_at and self.progressed_at) or self.done <= self.resumed_done:
            return None
        seconds = (self.progressed_at - self.resumed_at).total_seconds()
        return (self.done - self.resumed_done) / seconds if seconds > 0 else None

    def time_left(self) -> timedelta | None:
        """How long it will take at that rate; None when nobody can tell."""
        rate = self.rate()
        return timedelta(seconds=round((self.total - self.done) / rate)) if rate and self.is_under_way else None

    def begin(self, at: datetime) -> None:
        """Mark it working from this instant on (not saved)."""
        self.state, self.resumed_at, self.resumed_done = self.State.RUNNING, at, self.done


class CatalogueRunItem(models.Model):
    """What a run plans, or planned, for one thing of the source, and what came of it."""

    class Action(models.TextChoices):
        CREATE = "create", "Create"
        UPDATE = "update", "Update"
        RELINK = "relink", "Take up again"
        EQUAL = "equal", "Nothing to change"
        UNPUBLISH = "unpublish", "Unpublish"
        DELETE = "delete", "Delete"
        SKIP = "skip", "Skip"

    class Outcome(models.TextChoices):
        PLANNED = "planned", "Planned"
        DONE = "done", "Done"
        HELD = "held", "Needs review"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"
        WAITING = "waiting", "Waiting"

    Failure = SyncJob.Failure

    # Without an index of its own: below there is one in the order of the console's list.
    run = models.ForeignKey(CatalogueRun, on_delete=models.CASCADE, related_name="items", db_index=False)
    source_gid = models.CharField("id in the source", max_length=64)
    destination_gid = models.CharField("id in the destination", max_length=64, blank=True)
    title = models.CharField(max_length=512, blank=True)
    action = models.CharField(max_length=9, choices=Action.choices)
    outcome = models.CharField(max_length=7, choices=Outcome.choices, default=Outcome.PLANNED)
    reason = models.TextField(blank=True, help_text="Why this action, or why it failed, in words.")
    failure = models.CharField(max_length=14, choices=SyncJob.Failure.choices, blank=True)
    differences = models.JSONField(
        default=list, blank=True, help_text="Field, source value, destination value, policy, what is done."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "line of a sync run"
        verbose_name_plural = "lines of sync runs"
        ordering = ["run", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "source_gid"], name="run_item_once")]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(outcome="planned"), name="run_item_planned"),
            models.Index(fields=["run", "action"]),
            models.Index(fields=["run", "outcome"]),
            models.Index(fields=["-run", "id"], name="run_item_in_order"),
            models.Index(fields=["failure", "-run", "id"], condition=~Q(failure=""), name="run_item_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.title or self.source_gid}"
