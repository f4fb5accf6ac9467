"""The mirror of Shopify's levels, the pairs kept in step, and what was seen of them."""

from django.db import models
from django.db.models import F, Q

from stores.models import Connection, Location, LocationMapping, Store, VariantLink


class StockLevel(models.Model):
    """The mirror of one Shopify inventory level: one item at one location.

    `available` None: unknown, not stocked there, or not tracked; never to be read as 0. What a source was read live not
    to stock there, or at a closed location, is 0 and not active. `as_of` is Shopify's clock.
    A doubtful level is read live before it is used, or shown by a value that travelled from after `doubt_as_of`
    (Shopify's clock, too; None: only a live read will do that was asked for at `doubt_version` or later, and is from
    after `overtaken_as_of`, or one after it). `version` moves with every change of the mirror and every
    doubt, so that a live read that was overtaken by something newer can tell.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="levels")
    # Without an index of its own: level_once begins with it, and whatever looks for one item shall use that.
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="levels", db_index=False)
    item_gid = models.CharField("inventory item", max_length=64)
    available = models.IntegerField(null=True, blank=True)
    as_of = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField("stocked there", default=True)
    is_doubtful = models.BooleanField("doubtful", default=True)
    doubt_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    doubt_version = models.BigIntegerField(default=0, db_default=0, editable=False)
    overtaken_as_of = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["location", "item_gid"], name="level_once")]
        indexes = [
            models.Index(fields=["store", "item_gid"]),
            models.Index(fields=["store"], condition=Q(available__lt=0), name="level_below_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.item_gid.rsplit('/', 1)[-1]} at {self.location}: {self.available}"


class StockLink(models.Model):
    """A pair of levels that is kept in step.

    The baselines are the two values at which both sides were last in step, corrected by what has been carried over
    since. Dirty means dirty_sequence > settled_sequence: a run settles only the sequence it took, so a mark that
    arrives meanwhile survives. Both only grow, hence no confusion between an old mark and a new one.
    """

    class State(models.TextChoices):
        NEW = "new", "Not synced yet"
        IN_STEP = "in_step", "Synced"
        PENDING = "pending", "Pending"
        DRIFTED = "drifted", "Changed in the destination"
        HELD = "held", "Needs review"
        SKIPPED = "skipped", "Skipped"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stock_links")
    variant_link = models.ForeignKey(VariantLink, on_delete=models.CASCADE, related_name="stock_links")
    # None: its locations are no longer mapped to each other, so it has ended, or is about to.
    mapping = models.ForeignKey(LocationMapping, on_delete=models.SET_NULL, null=True, related_name="stock_links")
    source_level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="links_as_source")
    destination_level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="links_as_destination")
    source_baseline = models.IntegerField(null=True, blank=True)
    destination_baseline = models.IntegerField(null=True, blank=True)
    keeps_destination = models.BooleanField(
        "keeps the destination's value",
        default=False,
        help_text="One-way: its own value stands until the source changes (keep quantities, or a discarded review).",
    )
    # Its variants are no longer kept in step, and this is what becomes of the destination's quantity ('': they are). It
    # is sure when both catalogues were read since: what was deleted may have been made again.
    ending = models.CharField(max_length=5, choices=Connection.Ending.choices, blank=True, default="", db_default="")
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_sure = models.BooleanField(default=False, db_default=False, editable=False)
    dirty_sequence = models.BigIntegerField(default=1)
    settled_sequence = models.BigIntegerField(default=0)
    dirty_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    reason = models.CharField(max_length=255, blank=True)
    reconciliation = models.ForeignKey(
        "syncing.Reconciliation", on_delete=models.SET_NULL, null=True, blank=True, related_name="links"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "inventory"
        verbose_name_plural = "inventory"
        constraints = [
            models.UniqueConstraint(fields=["variant_link", "mapping"], name="stock_link_once"),
            # Several variants may stand for one inventory item: two links of the same two levels are one pair.
            models.UniqueConstraint(
                fields=["connection", "source_level", "destination_level"], name="pair_of_levels_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["connection", "dirty_at", "id"],
                condition=Q(dirty_sequence__gt=F("settled_sequence")),
                name="stock_link_dirty",
            ),
            models.Index(fields=["connection", "state"]),
            models.Index(fields=["connection"], condition=~Q(ending=""), name="stock_link_ended"),
            models.Index(fields=["connection"], condition=Q(keeps_destination=True), name="stock_link_keeps"),
            models.Index(fields=["changed_at"]),  # the console's list begins with what changed last
        ]

    def __str__(self) -> str:
        return f"{self.variant_link} at {self.where}"

    @property
    def where(self) -> str:
        """Its two locations."""
        if self.mapping is not None:
            return str(self.mapping)
        return f"{self.source_level.location.name} → {self.destination_level.location.name} (no longer mapped)"


class StockObservation(models.Model):
    """A value of a level that reached us and differed from the mirror. Append-only; removed by age."""

    class Origin(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        LIVE = "live", "Live read"
        BULK = "bulk", "Bulk read"
        RECENT = "recent", "Comparison of recent changes"
        WRITE = "write", "Our own write"

    level = models.ForeignKey(StockLevel, on_delete=models.CASCADE, related_name="observations")
    previous = models.IntegerField(null=True)
    available = models.IntegerField(null=True)
    as_of = models.DateTimeField(null=True)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    is_doubtful = models.BooleanField(default=False, help_text="Proved nothing by itself: the level was read live.")
    event = models.ForeignKey("syncing.WebhookEvent", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["level", "id"]), models.Index(fields=["created_at"])]
