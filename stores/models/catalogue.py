"""What of its source's catalogue a connection follows: products, fields, prices, collections and content."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from stores.models.catalogue_field import DEFAULT_POLICIES, CatalogueField, check_policies, default_policies
from stores.models.connection import Connection
from stores.models.fields import check_texts


class SyncMode(models.TextChoices):
    """What may be done to the destination: docs/guide/catalogue.md."""

    OFF = "off", "Off: nothing follows"
    CREATE_UPDATE = "create_update", "Create & update: create what is missing, update what matches"
    UPDATE_ONLY = "update_only", "Update only: never create"
    CREATE_ONLY = "create_only", "Create only: never touch what was there already"


class PriceRuleFields(models.Model):
    """The columns of a price rule: percent, then amount, then currency rate, then rounding."""

    class RateKind(models.TextChoices):
        FIXED = "fixed", "Fixed: the rate entered here"
        TABLE = "table", "Table: the newest rate of the rate table that is valid on the day"

    class Rounding(models.TextChoices):
        NONE = "none", "None: only to the currency's smallest unit"
        NEAREST = "nearest", "To the nearest"
        UP = "up", "Up"
        DOWN = "down", "Down"

    price_percent = models.DecimalField(
        "percent",
        max_digits=7,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal("-99.999"))],
        help_text="Added to the source's price: 10 makes 100.00 to 110.00, -10 makes it 90.00.",
    )
    price_amount = models.DecimalField(
        "fixed amount",
        max_digits=12,
        decimal_places=3,
        default=Decimal(0),
        help_text="Added after the percentage, in the source's currency; may be negative.",
    )
    rate_kind = models.CharField("currency rate", max_length=5, choices=RateKind.choices, default=RateKind.FIXED)
    fixed_rate = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text="Units of the destination's currency for one unit of the source's. 1: the same currency.",
    )
    rounding = models.CharField(max_length=7, choices=Rounding.choices, default=Rounding.NONE)
    rounding_step = models.DecimalField(
        "round to steps of",
        max_digits=12,
        decimal_places=3,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.001"))],
        help_text="1 with the ending 0.99 gives 0.99, 1.99, 2.99 …; 10 with 9.95 gives 9.95, 19.95 …; 0.05 with 0 "
        "gives 0.05, 0.10, 0.15 …",
    )
    rounding_ending = models.DecimalField(
        "and end with",
        max_digits=12,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text="For example 0.99, 0.95 or 0. Smaller than the step.",
    )

    class Meta:
        abstract = True


class CatalogueSettings(PriceRuleFields):
    """A connection's catalogue. Without such a row, or before it was started, nothing but stock follows."""

    class Merging(models.TextChoices):
        REPLACE = "replace", "Replace: the destination has exactly the source's"
        MERGE = "merge", "Merge: the destination keeps its own as well"

    class Edited(models.TextChoices):
        OVERWRITE = "overwrite", "Overwrite it with the source's"
        KEEP = "keep", "Keep it, and report the difference"

    class Visibility(models.TextChoices):
        SOURCE = "source", "Only while, and not before, the product is on sale on any channel of the source"
        ALWAYS = "always", "Whether or not it is on sale in the source"

    class OwnVariants(models.TextChoices):
        KEEP = "keep", "Keep them"
        REMOVE = "remove", "Remove them, but not when the products meet first"

    class Unlink(models.TextChoices):
        UNPUBLISH = "unpublish", "Unpublish"
        UNPUBLISH_IF_ORDERED = "if_ordered", "Unpublish if it was ever ordered, else delete"
        DELETE = "delete", "Delete"
        NOTHING = "nothing", "Nothing"

    class CollectionSelection(models.TextChoices):
        ALL = "all", "All that the source shares"
        CHOSEN = "chosen", "Only the chosen ones"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="catalogue")
    product_mode = models.CharField(
        "products",
        max_length=13,
        choices=SyncMode.choices,
        default=SyncMode.UPDATE_ONLY,
        help_text="What may be done to the destination's products.",
    )
    field_policies = models.JSONField("fields", default=default_policies, validators=[check_policies])
    tags_merging = models.CharField(
        "tags in the destination", max_length=7, choices=Merging.choices, default=Merging.REPLACE
    )
    images_merging = models.CharField(
        "images and videos in the destination", max_length=7, choices=Merging.choices, default=Merging.REPLACE
    )
    syncs_videos = models.BooleanField(
        "videos and 3D models follow",
        default=True,
        db_default=False,  # of catalogues that are older than this choice
        help_text="With the images, in their order. Videos of YouTube and Vimeo by their address; others, and 3D "
        "models, are uploaded.",
    )
    metafield_namespaces = models.JSONField(
        default=list,
        blank=True,
        validators=[check_texts],
        help_text="Metafields of these namespaces follow, for example custom. None: no metafields.",
    )
    syncs_content_metafields = models.BooleanField(
        "metafields of collections and content follow",
        default=True,
        db_default=False,
        help_text="Those of collections, pages, blogs and articles, of the same namespaces.",
    )
    publication_gids = models.JSONField(
        "sales channels",
        default=list,
        blank=True,
        validators=[check_texts],
        help_text="Where products and collections are published in the destination. None: they stay unpublished.",
    )
    visibility = models.CharField(
        "products are on sale",
        max_length=6,
        choices=Visibility.choices,
        default=Visibility.SOURCE,
        db_default=Visibility.ALWAYS,  # of catalogues that are older than this choice
        help_text="On these channels. With Sync a product is taken off sale when the source takes it off all its "
        "channels, and comes back with it; with Create only this counts when it is created.",
    )
    edited = models.CharField(
        "edited in the destination",
        max_length=9,
        choices=Edited.choices,
        default=Edited.OVERWRITE,
        help_text="What happens to a synced field that somebody changed in the destination.",
    )
    own_variants = models.CharField(
        "variants that only the destination has",
        max_length=6,
        choices=OwnVariants.choices,
        default=OwnVariants.KEEP,
        db_default=OwnVariants.KEEP,
        help_text="Of products that follow with their options: what the destination added itself, and what the source "
        "deleted. The preview names what would be removed, and the limits below count it. A variant that another link "
        "vouches for stays.",
    )
    unlink = models.CharField(
        "when a product no longer follows",
        max_length=10,
        choices=Unlink.choices,
        default=Unlink.UNPUBLISH,
        help_text="The source's product was deleted, is no longer shared, or has left the selection. Whether it was "
        "ever ordered is told a day later from all orders of the destination, if its app may read them "
        "(read_all_orders); what leaves a doubt is kept, unpublished.",
    )
    guard_share = models.PositiveSmallIntegerField(
        "review a run that would remove more than this share",
        default=20,
        validators=[MaxValueValidator(100)],
        help_text="Percent of the connection's linked products that one run may unpublish or delete.",
    )
    guard_products = models.PositiveIntegerField(
        "… or more products than", default=50, help_text="That one run may unpublish or delete."
    )
    guard_minimum = models.PositiveSmallIntegerField(
        "… but never for fewer than",
        default=5,
        help_text="Small connections: fewer products than this never trip the share.",
    )
    collection_mode = models.CharField("collections", max_length=13, choices=SyncMode.choices, default=SyncMode.OFF)
    collection_selection = models.CharField(
        "which collections", max_length=6, choices=CollectionSelection.choices, default=CollectionSelection.ALL
    )
    collection_gids = models.JSONField(
        "chosen collections", default=list, blank=True, validators=[check_texts], help_text="Ids in the source."
    )
    syncs_pages = models.BooleanField("pages follow", default=False)
    syncs_blogs = models.BooleanField("blogs follow", default=False)
    syncs_articles = models.BooleanField("articles follow", default=False, help_text="Their blogs follow, too.")
    metaobject_mode = models.CharField(
        "metaobjects",
        max_length=13,
        choices=SyncMode.choices,
        default=SyncMode.OFF,
        db_default=SyncMode.OFF,
        help_text="Those that metafields which follow refer to, by type and handle, and what they refer to themselves, "
        "up to three references away.",
    )
    syncs_metaobject_types = models.BooleanField(
        "types of metaobjects follow",
        default=False,
        db_default=False,
        help_text="A type that the destination does not define is defined as in the source. One that is there is never "
        "changed. Without this, metaobjects of such a type are left out, and named.",
    )
    poll_minutes = models.PositiveSmallIntegerField(
        "look for changed content every",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
        help_text="Minutes. Shopify tells nobody when a page, blog or article changes.",
    )
    # Per kind of content the source's updatedAt up to which it was read, and when all ids were last compared.
    content_cursors = models.JSONField(default=dict, blank=True, editable=False)
    polled_at = models.DateTimeField(null=True, blank=True, editable=False)
    content_compared_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The price rule that the prices of the destination were made with, as a digest: another one re-prices.
    priced_with = models.CharField(max_length=64, blank=True, editable=False)
    # All the settings that the last whole pass over the products was made with, as a digest: others lead to another.
    synced_with = models.CharField(max_length=64, blank=True, editable=False)
    # When all products were last compared; None: as soon as possible.
    products_compared_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "product sync"
        verbose_name_plural = "product sync"
        constraints = [
            models.CheckConstraint(condition=Q(fixed_rate__gt=0), name="catalogue_rate_above_zero"),
            models.CheckConstraint(condition=Q(price_percent__gt=-100), name="catalogue_percent_above_minus_100"),
            models.CheckConstraint(condition=Q(rounding_step__gt=0), name="catalogue_step_above_zero"),
            models.CheckConstraint(
                condition=Q(rounding_ending__gte=0, rounding_ending__lt=F("rounding_step")),
                name="catalogue_ending_below_step",
                violation_error_message="The ending must be smaller than the step it is repeated in.",
            ),
        ]
        permissions = [("release_catalogue_run", "Can release a sync run that needs review")]

    def __str__(self) -> str:
        return f"Product sync of {self.connection}"

    @property
    def makes_metaobject_types(self) -> bool:
        """Whether types of metaobjects are defined in the destination."""
        return self.metaobject_mode != SyncMode.OFF and self.syncs_metaobject_types

    def policy_of(self, field: str) -> str:
        """The policy of a field; one that the stored table does not name has its default."""
        return self.field_policies.get(field) or DEFAULT_POLICIES[CatalogueField(field)]

    def why_inert(self) -> str:
        """Why nothing of the catalogue travels now, in words; '' when it does."""
        if reason := self.connection.why_inert():
            return reason
        if self.connection.disconnecting_at:
            return "The connection is being disconnected."
        return "" if self.started_at else "Product sync was not started."

    def clean(self) -> None:
        if self.collection_selection == self.CollectionSelection.CHOSEN and not self.collection_gids:
            raise ValidationError({"collection_gids": "Choose at least one collection, or all of them."})

    def start(self) -> None:
        """Mark it started: from here on the source's changes travel."""
        self.started_at = self.started_at or timezone.now()
        self.save(update_fields=["started_at"])
