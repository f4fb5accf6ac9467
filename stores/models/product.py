"""What we know of a source's products and collections: no more than a selection asks for."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from stores.models.store import Store


class Product(models.Model):
    """One product of a source, as last read; without such a row nothing is known of it."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="products", db_index=False)
    gid = models.CharField(max_length=64)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    vendor = models.CharField(max_length=255, blank=True)
    product_type = models.CharField("type", max_length=255, blank=True)
    read_number = models.BigIntegerField(db_default=0, editable=False, help_text="Which read saw it last.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "gid"], name="product_once_per_store")]

    def __str__(self) -> str:
        return f"{self.gid} of {self.store}"


class ChosenCollection(models.Model):
    """A collection of a source that somebody selects or shares by, with its products as last read."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="chosen_collections", db_index=False)
    gid = models.CharField(max_length=64)
    product_gids = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    handle = models.CharField(max_length=255, blank=True, default="", db_default="", help_text="While it was there.")
    read_number = models.BigIntegerField(db_default=0, editable=False, help_text="Which read saw it last.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "gid"], name="chosen_collection_once_per_store")]

    def __str__(self) -> str:
        return f"{self.gid} of {self.store}"
