"""What became of each order of a destination: one row per connection and order, and one per line."""

from django.db import models
from django.db.models import F, Q

from stores.models import Connection, Variant


class OrderImport(models.Model):
    """The copy of one destination order in the source. The unique row is what makes it exactly one.

    "Sent" is committed before Shopify is asked to create anything; from then on nothing is sent again before a look
    whether it is there. Holds no personal data: names and addresses travel from store to store and are not kept.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent, answer not known yet"
        CONFIRMED = "confirmed", "Imported"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"

    class WaitsFor(models.TextChoices):
        PAYMENT = "payment", "Its payment"
        LINKS = "links", "Its products to be linked"
        REVIEW = "review", "Its review"

    class LateLinks(models.TextChoices):
        WANTED = "wanted", "Its products are linked to none"
        LINKED = "linked", "Its products were linked since"
        ENDED = "ended", "Not ours"

    class Place(models.TextChoices):
        WANTED = "wanted", "To be moved to the location that sold"
        SENT = "sent", "Being moved"
        DONE = "done", "As sold"

    class DraftStatus(models.TextChoices):
        OPEN = "open", "Open"
        INVOICE_SENT = "invoice_sent", "Invoice sent"
        COMPLETED = "completed", "Completed"
        DELETED = "deleted", "Deleted"

    # States in which the source has no copy yet, so that its units are held back from the other destinations.
    UNFINISHED = (State.PLANNED, State.WAITING, State.SENT, State.FAILED)

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="order_imports")
    order_gid = models.CharField("order", max_length=64)
    order_name = models.CharField("name", max_length=100, blank=True)
    placed_at = models.DateTimeField(null=True, blank=True)
    original_total = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    original_currency = models.CharField(max_length=3, blank=True)
    exchange_rate = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Units of the copy's currency for one of the original's, as a fraction; empty: the same money.",
    )
    exchange_words = models.CharField("converted at", max_length=120, blank=True, default="", db_default="")
    # Shopify's clock for the original as it was read: what happened to it up to then is in the copy already.
    original_read_as_of = models.DateTimeField(null=True, blank=True, editable=False)

    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    waits_for = models.CharField(max_length=8, choices=WaitsFor.choices, blank=True)
    is_partial = models.BooleanField("partial", default=False, help_text="Some lines were left out: see the lines.")
    # Somebody said that it is to be copied, where orders are reviewed.
    is_reviewed = models.BooleanField(default=False, db_default=False, editable=False)
    reason = models.TextField(blank=True, help_text="Why it is in this state, in words.")
    notes = models.TextField(
        blank=True, default="", db_default="", help_text="What somebody should know of the copy, one thing a line."
    )
    failure = models.CharField(
        max_length=14, blank=True, help_text="The kind of problem, as for jobs: transient, rejected, misconfigured …"
    )

    late_links = models.CharField(
        "links that came late",
        max_length=6,
        choices=LateLinks.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Skipped or imported in part for want of links: what became of these since.",
    )

    place = models.CharField(
        "location of its units", max_length=6, choices=Place.choices, blank=True, default="", db_default=""
    )
    # Handed over at the counter, and to be fulfilled in the source, where no one is to pack it.
    is_handed_over = models.BooleanField(default=False, db_default=False, editable=False)
    place_sent_as_of = models.DateTimeField(null=True, blank=True, editable=False)  # by the source's clock

    is_draft = models.BooleanField("draft", default=False)
    copy_gid = models.CharField("copy", max_length=64, blank=True, help_text="The order or draft order in the source.")
    copy_name = models.CharField(max_length=100, blank=True)
    copy_total = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    copy_currency = models.CharField(max_length=3, blank=True)
    # The source's order: the copy itself or, for a draft, what completing it made.
    copy_order_gid = models.CharField("order in the source", max_length=64, blank=True)
    draft_status = models.CharField(max_length=12, choices=DraftStatus.choices, blank=True)
    reserved_until = models.DateTimeField(null=True, blank=True, help_text="Until then Shopify reserves its stock.")

    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often its creation was sent.")
    sent_at = models.DateTimeField(null=True, blank=True)
    # Shopify's clock a moment before: a copy was created after that.
    sent_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    look_up_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Nothing is sent again before it was looked for until then, by Shopify's time.",
    )
    # An operator does not want to wait for that any longer.
    may_send_again = models.BooleanField(default=False, db_default=False, editable=False)
    looks = models.PositiveSmallIntegerField(default=0, help_text="Looks for it since it was last sent.")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # Signs of life of the original and of its copy: how many there were, and how many were seen by a comparison.
    original_signs = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    original_signs_seen = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    copy_signs = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    copy_signs_seen = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # Shopify's clock as either was last compared: what changed in that second or later is compared again.
    original_compared_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    copy_compared_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    # When it was last asked, by our clock, whether the original and its copy are still there.
    original_found_at = models.DateTimeField(null=True, blank=True, editable=False)
    # How the original was paid when it was last compared; empty: not known.
    payment_seen = models.CharField(max_length=60, blank=True, default="", db_default="", editable=False)
    noticed_as = models.CharField(max_length=10, blank=True, editable=False)  # what the last mail about it told
    is_forgotten = models.BooleanField(default=False, editable=False)  # what may tell of a customer was removed
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "order"
        verbose_name_plural = "orders"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["connection", "order_gid"], name="order_imported_once")]
        indexes = [
            models.Index(fields=["connection", "state"]),
            models.Index(
                fields=["id"], condition=Q(state="confirmed", noticed_as__in=["", "failed"]), name="order_untold"
            ),
            models.Index(fields=["changed_at"], condition=Q(is_forgotten=False), name="order_not_forgotten"),
            models.Index(fields=["copy_order_gid"]),
            models.Index(fields=["copy_gid"]),
            models.Index(fields=["order_gid"]),
            models.Index(fields=["id"], condition=Q(place__in=["wanted", "sent"]), name="order_to_place"),
            models.Index(
                fields=["connection"], condition=Q(late_links__in=["wanted", "linked"]), name="order_late_links"
            ),
            models.Index(
                fields=["id"],
                condition=Q(original_signs__gt=F("original_signs_seen")) | Q(copy_signs__gt=F("copy_signs_seen")),
                name="order_sign_unseen",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["planned", "waiting", "sent", "failed"]),
                name="order_unfinished",
            ),
        ]

    @property
    def has_open_draft(self) -> bool:
        """Whether its copy is a draft that is no order yet and, as far as we know, still there."""
        return self.is_draft and not self.copy_order_gid and self.draft_status != self.DraftStatus.DELETED

    @property
    def has_deleted_draft(self) -> bool:
        """Whether its copy was a draft that was deleted before it became an order."""
        return self.draft_status == self.DraftStatus.DELETED and not self.copy_order_gid

    def __str__(self) -> str:
        return f"{self.order_name or self.order_gid.rsplit('/', 1)[-1]} of {self.connection.destination}"


class OrderImportLine(models.Model):
    """One line of a destination order, what became of it, and whether its units are held back."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        CARRIED = "carried", "In the copy"
        CUSTOM = "custom", "In the copy as a custom line"
        LEFT_OUT = "left_out", "Left out"
        ELSEWHERE = "elsewhere", "In the copy of another source"

    order_import = models.ForeignKey(OrderImport, on_delete=models.CASCADE, related_name="lines")
    line_gid = models.CharField(max_length=64)
    variant_gid = models.CharField("variant in the destination", max_length=64, blank=True)
    source_variant = models.ForeignKey(Variant, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    title = models.CharField(max_length=255, blank=True)
    # The units of the line when it was first seen; empty: seen by a release that did not keep them.
    ordered_quantity = models.PositiveIntegerField("units ordered", null=True, blank=True, editable=False)
    # The units that its copy was made with, or is to be made with.
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    reason = models.CharField(max_length=255, blank=True)
    # Sold in the destination, not yet taken from the source: subtracted from what the source offers (stock.pairs).
    is_pending = models.BooleanField("reserved units", default=False)
    # Held back although it was not linked when the order was last mapped: its link is in doubt, or came since.
    is_doubtful = models.BooleanField(default=False, db_default=False, editable=False)
    # The units of original and copy when they last agreed, or when a person said that they do (changes.comparison), and
    # when they were last compared. Empty: never.
    original_baseline = models.IntegerField(null=True, blank=True, editable=False)
    copy_baseline = models.IntegerField(null=True, blank=True, editable=False)
    original_quantity = models.IntegerField("in the original", null=True, blank=True)
    copy_quantity = models.IntegerField("in the copy", null=True, blank=True)
    # What the original holds and the copy does not, and nobody decided: held back besides those of `is_pending`.
    owed_quantity = models.PositiveIntegerField("units owed", default=0, db_default=0)
    # Lines of the copy that stand for it, as far as they are known.
    copy_line_gids = models.JSONField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["order_import", "line_gid"], name="order_line_once")]
        indexes = [
            models.Index(fields=["source_variant"], condition=Q(is_pending=True), name="order_line_pending"),
            models.Index(fields=["source_variant"], condition=Q(owed_quantity__gt=0), name="order_line_owed"),
            models.Index(fields=["variant_gid"]),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.title or self.variant_gid}"

    @property
    def is_carried(self) -> bool:
        """Whether its units belong in the copy, or are to be added to it."""
        return self.state not in (self.State.LEFT_OUT, self.State.ELSEWHERE)
