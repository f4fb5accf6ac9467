"""Searching big lists by the item they are about: first which variants have the words, then which rows have those."""

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from stores.models import Variant
from tiposync.console.kit.pages import Page

# So many variants are handed over by number, which lets the database begin with them. More are looked up row by row:
# where that many fit, a page is full after a few rows.
MOST_ITEMS = 5000
MOST_WORDS = 8


def variants_with(words: str) -> QuerySet[Variant]:
    """Variants in whose title, SKU, barcode and handle every word occurs somewhere, or whose inventory item it is."""
    condition = Q()
    for word in words.lower().split()[:MOST_WORDS]:
        condition &= Q(search_text__contains=word)
    return Variant.objects.filter(condition | Q(item_gid=words.strip())).order_by()


class SearchedByItem(Page):
    """A list page whose search box finds items; `item_paths` lead from a row to its variants, by their store's role."""

    item_paths: dict[str, str] = {}
    search_fields = ("pk",)  # Django draws the box only where there are some
    search_help_text = "Search by title, SKU, barcode or handle"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The rows about the items found; none of them twice."""
        if not search_term.strip():
            return queryset, False
        found = variants_with(search_term)
        named = list(found.values_list("pk", "store__role")[: MOST_ITEMS + 1])
        condition = Q()
        for role, path in self.item_paths.items():
            of_role = [pk for pk, its_role in named if its_role == role]
            is_cut = len(named) > MOST_ITEMS
            condition |= Q(**{f"{path}__in": found.filter(store__role=role).values("pk") if is_cut else of_role})
        return queryset.filter(condition), False
