"""Searching big lists by the item they are about: first which variants have the words, then which rows have those."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from stores.models import Variant

# So many variants are handed over by number, which lets the database begin with them. More are looked up row by row:
# where that many fit, a page is full after a few rows.
MOST_NAMED = 5000
MOST_WORDS = 8


def variants_with(words: str) -> QuerySet[Variant]:
    """Variants in whose title, SKU, barcode and handle every word occurs somewhere, or whose inventory item it is."""
    condition = Q()
    for word in words.lower().split()[:MOST_WORDS]:
        condition &= Q(search_text__contains=word)
    return Variant.objects.filter(condition | Q(item_gid=words.strip())).order_by()


class SearchedByItem:
    """A list page whose search box finds items; `item_paths` lead from a row to its variants."""

    item_paths: tuple[str, ...] = ()
    search_fields = ("pk",)  # Django draws the box only where there are some
    search_help_text = "Search by title, SKU, barcode or handle"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The rows about the items found; none of them twice."""
        if not search_term.strip():
            return queryset, False
        found = variants_with(search_term).values_list("pk", flat=True)
        named: Any = list(found[: MOST_NAMED + 1])
        if len(named) > MOST_NAMED:
            named = found
        condition = Q()
        for path in self.item_paths:
            condition |= Q(**{f"{path}__in": named})
        return queryset.filter(condition), False
