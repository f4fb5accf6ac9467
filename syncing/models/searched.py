"""The texts that people search, many rows in one: a million rows are looked through in a tenth of a second."""

from django.db import models

BLOCK_ROWS = 16


class SearchedTexts(models.Model):
    """The texts of up to BLOCK_ROWS rows of a table, those whose id divided by that is `block`, a line a text.

    Renewed within a minute after one of them changed (syncing.upkeep.texts); until then ChangedTexts names the block.
    A table for each that is searched: one of all would have to be read as a whole.
    """

    block = models.BigIntegerField(primary_key=True)
    texts = models.TextField()

    class Meta:
        abstract = True
        default_permissions = ()  # nobody sees it

    def __str__(self) -> str:
        return str(self.block)


class VariantTexts(SearchedTexts):
    """Of variants."""


class ProductTexts(SearchedTexts):
    """Of links of products."""


class RunItemTexts(SearchedTexts):
    """Of lines of runs."""


class ChangedTexts(models.Model):
    """A block whose texts are out of date: triggers write it together with the row, whoever writes that.

    Only ever added and removed, so that writers of the same block never wait for one another.
    """

    table = models.CharField(max_length=40)
    block = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.table} {self.block}"
