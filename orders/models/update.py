"""The ledger of what happened to an order after it was copied, and of what we did about it."""

from django.db import models
from django.db.models import Q

from orders.models.order import OrderImport


class OrderUpdate(models.Model):
    """One later change of an original (or of its copy) that goes to the other side. Once per thing that caused it.

    `origin_gid` is what happened (the cancelled order, the refund, the fulfilment, the edit), `result_gid` what we made
    of it on the other side: that is how our own doings are recognised when they come back as webhooks.
    """

    ADDED = "added"  # what a row tells of: lines that staff put into a copy

    class Kind(models.TextChoices):
        FULFILMENT = "fulfilment", "Fulfilment, back to the destination"
        CANCELLATION = "cancellation", "Cancellation, to the copy"
        REFUND = "refund", "Refund, to the copy"
        EDIT = "edit", "Edited in the destination"
        PAYMENT = "payment", "Paid in the destination"
        COPY_CHANGED = "copy_changed", "Changed in the source"
        CARRY_BACK = "carry_back", "Taken off the original, too"
        MARK = "mark", "Marked as entered by hand"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        SENT = "sent", "Sent, answer not known yet"
        CONFIRMED = "confirmed", "Done"
        SKIPPED = "skipped", "Nothing to do"
        FAILED = "failed", "Failed"
        NEEDS_SHOP = "needs_shop", "Needs the shop"

    order_import = models.ForeignKey(OrderImport, on_delete=models.CASCADE, related_name="updates")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    origin_gid = models.CharField(max_length=80)
    key = models.UUIDField(null=True, blank=True, help_text="The idempotency key, where Shopify knows one.")
    body = models.JSONField(default=dict, blank=True, editable=False)  # what is sent under that key, kept to the byte
    result_gid = models.CharField(max_length=80, blank=True, db_index=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    reason = models.TextField(blank=True, help_text="Result, in words.")
    failure = models.CharField(max_length=14, blank=True)
    # A mail told of it, or nobody wants one, since it came to need the shop.
    is_noticed = models.BooleanField(default=False, db_default=False, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    origin_at = models.DateTimeField(null=True, blank=True, help_text="When it happened, by Shopify's time.")
    sent_at = models.DateTimeField(null=True, blank=True)
    # Both by Shopify's clock: a moment before it was sent, and until when what was sent may still be executed.
    sent_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    look_up_until = models.DateTimeField(null=True, blank=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "order update"
        verbose_name_plural = "order updates"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["order_import", "kind", "origin_gid"], name="order_update_once")]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=["planned", "sent"]), name="update_unfinished"),
            # What failed is counted on every page of the console: few of many.
            models.Index(fields=["order_import"], condition=Q(state="failed"), name="update_failed"),
            models.Index(fields=["order_import"], condition=Q(state="needs_shop"), name="update_needs_shop"),
        ]

    @staticmethod
    def origin_of(copy_gid: str, name: str | int) -> str:
        """The `origin_gid` of a row that is not about a copy as a whole: one copy has several of them."""
        return f"{copy_gid}#{name}"

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.order_import}"
