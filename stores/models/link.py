"""Which destination variant stands for which source variant."""

from django.db import models
from django.db.models import Q

from stores.models.connection import Connection
from stores.models.variant import Variant


class VariantLink(models.Model):
    """One row per connection and source variant, with its partner or the reason why it has none."""

    class State(models.TextChoices):
        LINKED = "linked", "Linked"
        UNMATCHED = "unmatched", "Unmatched"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        IGNORED = "ignored", "Ignored"
        GONE = "gone", "Gone"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="links")
    source_variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="links_as_source")
    destination_variant = models.ForeignKey(
        Variant, on_delete=models.CASCADE, related_name="links_as_destination", null=True, blank=True
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNMATCHED)
    reason = models.CharField(max_length=255, blank=True, help_text="Why it is in this state, in words.")
    is_manual = models.BooleanField(
        "decided by hand", default=False, help_text="Matching never overwrites what a user decided."
    )
    # '' where its product takes part in this connection: what is not shared, not selected, or left out by an operator
    # keeps its partner, and nothing of it travels.
    left_out = models.CharField("takes no part because", max_length=255, blank=True, default="", db_default="")
    candidates = models.ManyToManyField(Variant, blank=True, related_name="+")
    # Without an index of its own: below there is one of the few rows that have a suggestion.
    suggested_variant = models.ForeignKey(
        Variant, on_delete=models.SET_NULL, related_name="+", null=True, blank=True, db_index=False
    )
    suggested_score = models.PositiveSmallIntegerField(null=True, blank=True, help_text="0 to 100.")
    suggested_reason = models.CharField(max_length=255, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "match"
        verbose_name_plural = "variant matching"
        ordering = ["connection", "source_variant__product_title", "source_variant__title"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "source_variant"], name="link_once_per_connection"),
            # A second claim on a destination variant is ambiguous, never silently taken: also not by a second source.
            models.UniqueConstraint(
                fields=["destination_variant"], condition=Q(state="linked"), name="destination_variant_claimed_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="linked") | Q(destination_variant__isnull=False), name="linked_has_a_partner"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "state"]),
            models.Index(fields=["connection"], condition=~Q(left_out=""), name="link_left_out"),
            models.Index(
                fields=["suggested_variant"], condition=Q(suggested_variant__isnull=False), name="link_suggested"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_variant} → {self.destination_variant or self.get_state_display()}"
