"""Writes that Shopify carries out in bulk: one operation for many lines, each line the intent of one write."""

from django.db import models
from django.db.models import F, Q

from stores.models import Connection, Store
from syncing.models.catalogue import CatalogueRun


class BulkOperation(models.Model):
    """One bulk operation of a run. Its lines are recorded before it is started; results name them by their numbers."""

    class Kind(models.TextChoices):
        CREATE = "create", "New products"
        VARIANTS = "variants", "Prices and other fields of variants"
        METAFIELDS = "metafields", "Metafields"
        PUBLISH = "publish", "Put on sales channels"
        UNPUBLISH = "unpublish", "Take off sales channels"

    class State(models.TextChoices):
        GATHERING = "gathering", "Collecting"
        GATHERED = "gathered", "Waiting to be started"
        STARTING = "starting", "Starting"
        RUNNING = "running", "Running at Shopify"
        DONE = "done", "Done"
        FAILED = "failed", "Ended early: the rest is written one by one"
        REFUSED = "refused", "Shopify refused it: written one by one"
        CANCELLED = "cancelled", "Cancelled"
        DROPPED = "dropped", "Not started: compared again"

    # Open: its lines may still be written. Of these Shopify may know, and counts them.
    OPEN = (State.GATHERING, State.GATHERED, State.STARTING, State.RUNNING)
    AT_SHOPIFY = (State.STARTING, State.RUNNING)

    run = models.ForeignKey(CatalogueRun, on_delete=models.CASCADE, related_name="bulk_operations")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="bulk_operations")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.GATHERING)
    # What a start is found by whose answer was lost (stores.shopify.products.bulk_writes).
    identifier = models.CharField(max_length=40, unique=True, editable=False)
    gid = models.CharField("id at Shopify", max_length=64, blank=True)
    size = models.PositiveIntegerField(default=0, editable=False, help_text="Bytes of its lines.")
    total = models.PositiveIntegerField("lines", default=0)
    progress = models.PositiveIntegerField(default=0, help_text="Lines that Shopify has been through.")
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="Refused, or without a result: written one by one.")
    attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="How often its result was fetched."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        verbose_name = "bulk operation"
        verbose_name_plural = "bulk operations"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "kind"], condition=Q(state="gathering"), name="one_bulk_operation_gathers"
            ),
            models.CheckConstraint(condition=~Q(state="running") | ~Q(gid=""), name="running_bulk_operation_has_an_id"),
            models.CheckConstraint(condition=Q(total__gte=F("done") + F("failed")), name="bulk_lines_are_counted_once"),
        ]
        indexes = [
            models.Index(
                fields=["store"],
                condition=Q(state__in=("gathering", "gathered", "starting", "running")),
                name="bulk_operation_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.total} lines, {self.get_state_display().lower()}"


class BulkLine(models.Model):
    """The intent of one write: what is sent, and what is remembered of its product once Shopify says it is done."""

    class State(models.TextChoices):
        OPEN = "open", "Not known yet"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused: written one by one"
        UNKNOWN = "unknown", "Without a result: written one by one"

    operation = models.ForeignKey(BulkOperation, on_delete=models.CASCADE, related_name="lines")
    run = models.ForeignKey(CatalogueRun, on_delete=models.CASCADE, related_name="bulk_lines")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="bulk_lines")
    kind = models.CharField(max_length=10, choices=BulkOperation.Kind.choices)
    # Counted from 0, in the order of the file; null until that is made.
    number = models.PositiveIntegerField(null=True, blank=True)
    source_gid = models.CharField("id in the source", max_length=64)
    # '' for a product that is to be made, until its result is known.
    destination_gid = models.CharField("id in the destination", max_length=64, blank=True)
    # The destination's own instant when it was compared: who changed it since is not overwritten.
    compared_at = models.DateTimeField(null=True, blank=True)
    variables = models.JSONField(default=dict)
    ending = models.JSONField(
        default=dict, blank=True, help_text="What to remember; empty where more is to be written."
    )
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True)
    # The newest instant that a webhook told of the product meanwhile: ours, or somebody's edit.
    changed_there_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "line of a bulk operation"
        verbose_name_plural = "lines of bulk operations"
        ordering = ["operation", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "number"], name="bulk_line_number_once"),
            models.UniqueConstraint(fields=["run", "source_gid", "kind"], name="bulk_line_once_per_run"),
            models.UniqueConstraint(
                fields=["connection", "source_gid"], condition=Q(state="open"), name="bulk_line_open_once"
            ),
        ]
        indexes = [models.Index(fields=["destination_gid"], condition=Q(state="open"), name="bulk_line_open_there")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.source_gid}: {self.get_state_display().lower()}"
