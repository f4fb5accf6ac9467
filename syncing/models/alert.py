"""Problems that somebody should know of, whom to tell, and what was told."""

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import models
from django.db.models import Q

from stores.models import Connection, Store
from stores.models.fields import EncryptedTextField, Unreadable


class AlertChannel(models.Model):
    """Where alerts go: e-mail addresses, or a webhook that understands Slack's {"text": …}."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook (Slack, Mattermost, …)"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.EMAIL)
    addresses = models.CharField(
        "e-mail addresses", max_length=1000, blank=True, help_text="Several are separated by commas."
    )
    url = EncryptedTextField(
        "webhook address", blank=True, help_text="Kept encrypted and never shown again: whoever has it can write there."
    )
    is_active = models.BooleanField("active", default=True)
    sends_at_once = models.BooleanField(
        "at once", default=True, help_text="One message when a problem appears; several that appear together share it."
    )
    sends_digest = models.BooleanField(
        "daily digest", default=True, help_text="Once a day what is open and what ended; nothing when there is nothing."
    )
    stores = models.ManyToManyField(
        Store, blank=True, related_name="+", help_text="Only problems of these stores; none chosen means all stores."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def recipients(self) -> list[str]:
        """The e-mail addresses."""
        return self.addresses.replace(",", " ").replace(";", " ").split()

    def clean(self) -> None:
        if self.kind == self.Kind.WEBHOOK:
            if not (isinstance(self.url, Unreadable) or self.url.startswith("https://")):
                raise ValidationError({"url": "Paste the address of an incoming webhook; it starts with https://."})
            return
        if not self.recipients():
            raise ValidationError({"addresses": "Enter at least one e-mail address."})
        for address in self.recipients():
            try:
                EmailValidator()(address)
            except ValidationError:
                raise ValidationError({"addresses": f"{address} is no e-mail address."}) from None


class Alert(models.Model):
    """One problem from its appearance to its end. `subject` tells it from others of its kind."""

    class Kind(models.TextChoices):
        STORE_DISCONNECTED = "store_disconnected", "Store disconnected"
        STORE_ATTENTION = "store_attention", "Store needs attention"
        OVERSOLD = "oversold", "Oversold"
        HELD = "held", "Needs review"
        JOB_FAILED = "job_failed", "Job failed"
        HEARTBEAT_MISSED = "heartbeat_missed", "Scheduled work does not run"
        WORKERS_RESTARTED = "workers_restarted", "Workers were restarted"
        EVENTS_WAIT = "events_wait", "Webhooks wait"
        EVENT_FAILED = "event_failed", "Webhook cannot be processed"
        WEBHOOKS_SILENT = "webhooks_silent", "Webhooks do not arrive"
        WORK_WAITS = "work_waits", "Work waits"
        CHANNEL_FAILED = "channel_failed", "Alerts do not arrive"
        ORDER_FAILED = "order_failed", "Order not imported"
        ORDER_WAITS = "order_waits", "Order waits"
        ORDER_NEEDS_SHOP = "order_needs_shop", "Order needs the shop"
        STOCK_REFUSED = "stock_refused", "Stock refused"
        STOCK_UNVOUCHED = "stock_unvouched", "On sale, and nobody vouches for it"
        SALE_REFUSED = "sale_refused", "Store refuses to stop a sale"
        CATALOGUE = "catalogue", "Products are not synced"
        PRIVACY = "privacy", "Privacy request waits"
        OVERDUE = "overdue", "Reconciliation overdue"
        CLOCK = "clock", "Clocks differ"
        PAUSED = "paused", "Still paused"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(max_length=160)
    message = models.TextField()
    path = models.CharField(max_length=255, blank=True, help_text="The console's page about it.")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, null=True, related_name="alerts")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, related_name="alerts")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(resolved_at=None), name="one_open_alert_per_problem"
            )
        ]
        indexes = [models.Index(fields=["resolved_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.message}"

    def store_ids(self) -> set[int]:
        """The stores it is about; none when it is about all of them."""
        ends = {self.connection.source_id, self.connection.destination_id} if self.connection else set()
        return ends | ({self.store_id} if self.store_id else set())


class AlertMessage(models.Model):
    """One message to one channel, recorded before it is sent."""

    class Purpose(models.TextChoices):
        PROBLEMS = "problems", "New problems"
        DIGEST = "digest", "Daily digest"
        TEST = "test", "Test"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="messages")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    alerts = models.ManyToManyField(Alert, related_name="messages")
    title = models.CharField(max_length=255)
    text = models.TextField()
    day = models.DateField(null=True, help_text="Of a digest.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "day"], condition=Q(purpose="digest"), name="one_digest_a_day")
        ]

    def __str__(self) -> str:
        return self.title
