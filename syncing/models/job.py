"""A piece of work as a row that a person can read; and the queue's heartbeat."""

from django.db import models
from django.db.models import Q

from stores.models import Connection, Store


class SyncJob(models.Model):
    """One piece of work. At most one queued and one running per (kind, subject): enqueueing again coalesces."""

    class Kind(models.TextChoices):
        PROCESS_EVENTS = "process_events", "Process webhooks"
        CARRY_STOCK = "carry_stock", "Sync stock"
        START_CONNECTION = "start_connection", "Start connection"
        MATCH_CONNECTION = "match_connection", "Match variants"
        MATCH_PRODUCT = "match_product", "Match one product"
        RECONCILE = "reconcile", "Reconcile"
        COMPARE_RECENT = "compare_recent", "Compare recent changes"
        FOLLOW_BURST = "follow_burst", "Ask ahead of webhooks"
        UNDO_RUN = "undo_run", "Undo a run"
        CHECK_STORE = "check_store", "Check store"
        FORGET = "forget", "Remove personal data"
        SEND_ALERTS = "send_alerts", "Send alerts"
        IMPORT_ORDER = "import_order", "Copy an order"
        UPDATE_ORDER = "update_order", "Sync an order update"
        SEND_NOTICE = "send_notice", "Send a notice"
        SYNC_PRODUCT = "sync_product", "Sync one product"
        SYNC_COLLECTION = "sync_collection", "Sync one collection"
        SYNC_CONTENT = "sync_content", "Sync pages, blogs, articles"
        READ_COLLECTION = "read_collection", "Read a collection"
        RUN_CATALOGUE = "run_catalogue", "Product sync run"
        FOLLOW_BULK = "follow_bulk", "Bulk writes"
        DELETE_UNORDERED = "delete_unordered", "Delete what was never ordered"
        FOLLOW_FILES = "follow_files", "Follow up images"
        SUGGEST_PARTNERS = "suggest_partners", "Suggest partners"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    class Failure(models.TextChoices):
        TRANSIENT = "transient", "Transient: will be tried again"
        REJECTED = "rejected", "Shopify refused it"
        MISCONFIGURED = "misconfigured", "Needs a setting, a scope or a credential"
        UNMATCHED = "unmatched", "Waits for something to be linked"
        GAVE_UP = "gave_up", "Gave up after many tries"
        BUG = "bug", "A bug: see the traceback"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(
        max_length=160, blank=True, help_text="What it is about: a connection, store, product or order."
    )
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    arguments = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    # Said with each claim. The database lets nobody claim with less than it wants (migration 0019).
    rules = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=14, choices=Failure.choices, blank=True)
    message = models.TextField(blank=True, help_text="Result, or what went wrong and what to do.")
    traceback = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "job"
        verbose_name_plural = "jobs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(state="queued"), name="job_queued_once"),
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(state="running"), name="job_running_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="job_due"),
            models.Index(fields=["state", "finished_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.subject}".strip()


class Cluster(models.Model):
    """The workers that one `manage.py work` keeps on a machine. A row is theirs for as long as their process lives."""

    host = models.CharField(max_length=100)
    process = models.PositiveIntegerField(help_text="The id of the process that keeps the workers.")
    worker_count = models.PositiveIntegerField("workers")
    rules = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    first_seen_at = models.DateTimeField("first seen", auto_now_add=True)
    beat_at = models.DateTimeField("last sign of life", help_text="When one of them last did what it is there for.")

    class Meta:
        verbose_name = "workers of a machine"
        verbose_name_plural = "workers"
        ordering = ["host", "process"]
        constraints = [models.UniqueConstraint(fields=["host", "process"], name="one_row_per_cluster")]

    def __str__(self) -> str:
        return f"{self.host}, process {self.process}"


class Heartbeat(models.Model):
    """When something that must happen regularly last really happened."""

    name = models.CharField(max_length=50, unique=True)
    beat_at = models.DateTimeField()
    failed_at = models.DateTimeField(null=True, help_text="When it first failed after it last happened.")
    failure_count = models.PositiveIntegerField(default=0, db_default=0, help_text="How often it ever failed.")
    reason = models.TextField(blank=True, db_default="", help_text="Why it failed the last time.")

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%H:%M:%S}"
