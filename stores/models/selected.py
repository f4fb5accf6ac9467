"""The columns of a connection that say which of its source's products take part: stock, orders and catalogue alike."""

from django.core.exceptions import ValidationError
from django.db import models

from stores.models.fields import check_texts
from stores.shopify import gids


def text_list(label: str, help_text: str) -> models.JSONField:
    """A list of texts; empty: no matter. Rows of an older release have an empty one."""
    return models.JSONField(
        label, default=list, db_default=[], blank=True, validators=[check_texts], help_text=help_text
    )


class SelectionFields(models.Model):
    """Each list that is not empty must hold of a product; of one list any will do."""

    selected_tags = text_list("with any of these tags", "Case does not matter. None: whatever their tags are.")
    unselected_tags = text_list("without any of these tags", "Products with one of them take no part.")
    selected_collection_gids = text_list("in these collections", "In any of them. None: whatever they are in.")
    selected_vendors = text_list("of these vendors", "None: of all.")
    selected_product_types = text_list("of these product types", "None: of all.")
    selected_product_gids = text_list("listed by hand", "Ids of products at Shopify. None: all of the above.")
    # Until somebody confirms it, stock and orders of a connection that is older than this choice go on as they did.
    ignores_selection = models.BooleanField(default=False, db_default=False, editable=False)
    # The settings that each product was last decided about with, as a digest ('': all take part).
    decided_with = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True

    def check_selection(self) -> None:
        """Raise ValidationError for ids that are none."""
        for name, kind in (("selected_collection_gids", "Collection"), ("selected_product_gids", "Product")):
            try:
                gids.require(getattr(self, name), kind)
            except gids.GidError as error:
                raise ValidationError({name: str(error)}) from None
