"""What we know of a store's variants: the identifiers that matching needs, and what their stock allows."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Concat, Lower

from stores.identifiers import PUNCTUATION, WITHOUT_PUNCTUATION, normalize_text
from stores.models.store import Store

SEARCHED = ("product_title", "title", "sku", "barcode", "handle")
# The same as SQL, exactly as the indexes below have it: `column` and `table` are ours, never somebody's input.
_QUOTED = PUNCTUATION.replace("'", "''")
LOOSE = f"LTRIM(TRANSLATE({{column}}, '{_QUOTED}', ''), '0')"
TITLE_WORDS = (
    "to_tsvector('simple'::regconfig, COALESCE({table}.product_title, '') || ' ' || COALESCE({table}.title, ''))"
)


def normalize_identifier(value: str | None) -> str:
    """Blanks around an identifier, its case and how its letters are encoded do not matter (docs/guide/matching.md)."""
    return normalize_text(value or "")


def loosen_identifier(key: str) -> str:
    """A normalised identifier without punctuation and leading zeros: "0012-A" and "12 a" are loosely the same."""
    return key.translate(WITHOUT_PUNCTUATION).lstrip("0")


def _loose(column: str) -> Func:
    return Func(Func(F(column), Value(PUNCTUATION), Value(""), function="TRANSLATE"), Value("0"), function="LTRIM")


class Variant(models.Model):
    """One variant of one store, as last read. Gone ones stay, so that what they were linked to can be told."""

    READS = "stores_variant_reads"  # the sequence that numbers reads of catalogues (stores.variants.number_read)

    class Sale(models.TextChoices):
        """What we did about selling it when it is out of stock (syncing.connections.stopped_sales)."""

        UNTOUCHED = "", "Nothing"
        STOPPING = "stopping", "Being stopped"
        STOPPED = "stopped", "Stopped: it was sold before when out of stock, and will be again"
        DENIED = "denied", "It was not sold when out of stock before, or that is left to its store"
        REFUSED = "refused", "Its store refuses the change"

    ONLY_TITLE = "Default Title"  # Shopify's name for the variant of a product without options

    # No index of its own: every other one begins with the store, and beside them it only misleads the planner.
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="variants", db_index=False)
    gid = models.CharField(max_length=64)
    product_gid = models.CharField(max_length=64)
    item_gid = models.CharField("inventory item", max_length=64)
    product_title = models.CharField(max_length=512, blank=True)
    title = models.CharField(max_length=512, blank=True)
    handle = models.CharField(max_length=255, blank=True)
    sku = models.CharField("SKU", max_length=255, blank=True)
    barcode = models.CharField(max_length=255, blank=True)
    options = models.JSONField(default=list, help_text="[[name, value], …] in the product's order")
    handle_key = models.CharField(max_length=255, blank=True, editable=False)
    sku_key = models.CharField(max_length=255, blank=True, editable=False)
    barcode_key = models.CharField(max_length=255, blank=True, editable=False)
    is_tracked = models.BooleanField("tracked", default=True)
    is_bundle = models.BooleanField("bundle", default=False, help_text="Its stock is computed from its components.")
    # What the console's searches look through: one text is read several times faster than five columns.
    search_text = models.GeneratedField(
        expression=Lower(
            Concat(*(part for name in SEARCHED for part in (F(name), Value(" ")))), output_field=models.TextField()
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    gone_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField()
    sale = models.CharField(
        max_length=8, choices=Sale.choices, blank=True, default=Sale.UNTOUCHED, db_default="", editable=False
    )
    sale_reason = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    sale_tried_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When it was refused last.")
    read_number = models.BigIntegerField(db_default=0, editable=False, help_text="Which read saw it last.")

    class Meta:
        ordering = ["store", "product_title", "title"]
        constraints = [models.UniqueConstraint(fields=["store", "gid"], name="variant_once_per_store")]
        indexes = [
            models.Index(fields=["store", "product_gid"]),
            models.Index(fields=["store", "item_gid"]),
            models.Index(fields=["store", "handle_key"]),
            models.Index(fields=["store", "sku_key"]),
            models.Index(fields=["store", "barcode_key"]),
            # For suggestions (stores.linking.suggestions): what is the same but for its spelling.
            models.Index("store", _loose("sku_key"), condition=~Q(sku_key=""), name="variant_loose_sku"),
            models.Index("store", _loose("barcode_key"), condition=~Q(barcode_key=""), name="variant_loose_barcode"),
            models.Index(fields=["product_title", "title"]),  # the console lists links by these
            models.Index(fields=["store"], condition=~Q(sale=""), name="variant_with_stopped_sale"),
            models.Index(fields=["store"], condition=~Q(sale_reason=""), name="variant_with_refused_sale"),
            GinIndex(SearchVector("product_title", "title", config="simple"), name="variant_title_words"),
        ]

    def __str__(self) -> str:
        name = self.product_title if self.title in ("", self.ONLY_TITLE) else f"{self.product_title} / {self.title}"
        return f"{name} [{self.sku}]" if self.sku else name

    def skip_reason(self) -> str:
        """Why this variant's stock cannot be synced, in words; '' when it can."""
        if self.gone_at:
            return "deleted in the store"
        if self.is_bundle:
            return "bundle: its stock is computed from its components"
        return "" if self.is_tracked else "inventory is not tracked"
