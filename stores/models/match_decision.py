"""What people decided about matches, many at once or one by one, so that it can be taken back."""

from django.conf import settings
from django.db import models

from stores.models.link import VariantLink
from stores.models.variant import Variant


class MatchDecision(models.Model):
    """One press of a button: which matches it decided, and what they were before."""

    class Kind(models.TextChoices):
        LINK = "link", "Linked"
        IGNORE = "ignore", "Ignored"

    kind = models.CharField("decision", max_length=6, choices=Kind.choices)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True, db_index=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "decision about matches"
        verbose_name_plural = "decisions about matches"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.made_at:%Y-%m-%d %H:%M} UTC"


class DecidedMatch(models.Model):
    """A match before and after a decision. `left_reason` tells why an undo left it alone, `undone_at` that it did not.

    `after_reason` names who decided: a row whose state, partner and reason are those, and that no later decision is
    about, was not changed since.
    """

    decision = models.ForeignKey(MatchDecision, on_delete=models.CASCADE, related_name="rows")
    link = models.ForeignKey(VariantLink, on_delete=models.CASCADE, related_name="decisions")
    before_state = models.CharField(max_length=10, choices=VariantLink.State.choices)
    before_partner = models.ForeignKey(Variant, on_delete=models.SET_NULL, null=True, related_name="+")
    before_reason = models.CharField(max_length=255, blank=True)
    before_is_manual = models.BooleanField(default=False)
    before_candidates = models.JSONField(default=list)  # ids of variants
    after_state = models.CharField(max_length=10, choices=VariantLink.State.choices)
    after_partner = models.ForeignKey(Variant, on_delete=models.SET_NULL, null=True, related_name="+")
    after_reason = models.CharField(max_length=255, blank=True)
    undone_at = models.DateTimeField(null=True)
    left_reason = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name = "decided match"
        verbose_name_plural = "decided matches"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["decision", "link"], name="match_decided_once")]

    def __str__(self) -> str:
        return f"{self.link}: {self.get_before_state_display()} → {self.get_after_state_display()}"
