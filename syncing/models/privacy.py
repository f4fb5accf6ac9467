"""What customers ask through Shopify's compliance webhooks, and what became of it."""

from django.db import models

from stores.models import Store


class PrivacyRequest(models.Model):
    """One request. Holds no personal data itself but Shopify's number of the customer."""

    class Kind(models.TextChoices):
        DATA = "data", "Tell what is kept about a customer"
        CUSTOMER = "customer", "Forget a customer"
        SHOP = "shop", "Forget the store"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="privacy_requests")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reference = models.CharField(max_length=64, blank=True, help_text="Shopify's number of the request, if it has one.")
    customer_id = models.BigIntegerField("customer", null=True, blank=True)
    order_ids = models.JSONField("orders", default=list, blank=True)
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    outcome = models.TextField(blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(help_text="Shopify wants it done within 30 days.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.store}, {self.received_at:%Y-%m-%d})"
