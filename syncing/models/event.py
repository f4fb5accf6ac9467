"""A delivery of a webhook, stored as it came."""

from django.db import models
from django.db.models import Q

from stores.models import Store

# What most deliveries are about: whoever looks for these finds enough of them among the newest.
FREQUENT_TOPICS = ("inventory_levels/update", "products/update")


class WebhookEvent(models.Model):
    """One delivery. `body` is the raw JSON text whose signature was right; Shopify's retries keep the webhook id."""

    class State(models.TextChoices):
        NEW = "new", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Nothing to do"
        FAILED = "failed", "Failed"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="events")
    webhook_id = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100, blank=True)
    topic = models.CharField(max_length=100)
    api_version = models.CharField(max_length=20, blank=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    reason = models.CharField(max_length=500, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("read_bodies", "Can read webhooks that tell of customers")]
        constraints = [models.UniqueConstraint(fields=["store", "webhook_id"], name="delivery_stored_once")]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="new"), name="event_waiting"),
            models.Index(fields=["received_at"]),
            # For the console: the few among a million. What arrives most is in neither, and costs nothing more.
            models.Index(fields=["id"], condition=Q(state="failed"), name="event_failed"),
            models.Index(fields=["topic", "id"], condition=~Q(topic__in=FREQUENT_TOPICS), name="event_of_rare_topic"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} from {self.store}"
