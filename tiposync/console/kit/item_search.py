"""Searching big lists by the item they are about: first which variants have the words, then which rows have those."""

from typing import Any

from django.contrib.admin.views.main import ORDER_VAR
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import smart_split, unescape_string_literal

from stores.models import Store, Variant
from syncing.upkeep import texts
from tiposync.console.kit.pages import Page
from tiposync.console.kit.paginator import MOST_FOUND_ROWS

# So many variants are handed over by number, which lets the database begin with them.
MOST_ITEMS = 5000
SURE_ITEMS = 2 * MOST_FOUND_ROWS
MOST_WORDS = 8


def _has_words(words: str, path: str = "") -> Q:
    condition = Q()
    for word in words.lower().split()[:MOST_WORDS]:
        condition &= Q(**{f"{path}search_text__contains": word})
    return condition | Q(**{f"{path}item_gid": words.strip()})


def variants_with(words: str) -> QuerySet[Variant]:
    """Variants in whose title, SKU, barcode and handle every word occurs somewhere, or whose inventory item it is."""
    # With the stores, an index has the item; without them all variants would be read for it.
    own = Variant.objects.filter(store__in=list(Store.objects.values_list("pk", flat=True)), item_gid=words.strip())
    near = texts.where(Variant, words.lower().split()[:MOST_WORDS], own.values_list("pk", flat=True))
    return Variant.objects.filter(near or Q(), _has_words(words)).order_by()


class SearchedByText(Page):
    """A list page of many rows whose `search_fields` are texts of their own, which are kept in blocks as well."""

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The rows that Django finds, who looks at all of them if nobody tells where to look."""
        near = texts.where(self.model, _words_as_django_has_them(search_term)) if self.model in texts.SEARCHED else None
        return super().get_search_results(request, queryset.filter(near or Q()), search_term)


def _words_as_django_has_them(search_term: str) -> list[str]:
    """With what is quoted as one of them: https://docs.djangoproject.com/en/5.2/ref/contrib/admin/."""
    words = list(smart_split(search_term))
    is_quoted = [word.startswith(('"', "'")) and word[0] == word[-1] for word in words]
    return [unescape_string_literal(word) if quoted else word for word, quoted in zip(words, is_quoted, strict=True)]


class SearchedByItem(Page):
    """A list page whose search box finds items; `item_paths` lead from a row to its variants, by their store's role."""

    item_paths: dict[str, str] = {}
    # Whether an index gives the rows in the list's own order, and that has nothing to do with words: where many items
    # are found, a page is then full after a few rows. In the order of titles all the red ones may be far behind.
    is_walked = False
    search_fields = ("pk",)  # Django draws the box only where there are some
    search_help_text = "Search by title, SKU, barcode or handle"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The rows about the items found; none of them twice."""
        if not search_term.strip():
            return queryset, False
        found = variants_with(search_term)
        named = list(found.values_list("pk", "store__role")[: MOST_ITEMS + 1])
        if len(named) <= MOST_ITEMS:
            return queryset.filter(self._about(named)), False
        # The first of them tell whether there are too many rows to count.
        request._surely_found = queryset.filter(self._about(named[:SURE_ITEMS]))  # type: ignore[attr-defined]
        condition = Q()
        for role, path in self.item_paths.items():
            if self.is_walked and ORDER_VAR not in request.GET:
                condition |= _has_words(search_term, f"{path}__")
            else:
                condition |= Q(**{f"{path}__in": found.filter(store__in=_stores_of(role)).values("pk")})
        return queryset.filter(condition), False

    def _about(self, named: list[tuple[int, str]]) -> Q:
        condition = Q()
        for role, path in self.item_paths.items():
            condition |= Q(**{f"{path}__in": [pk for pk, its_role in named if its_role == role]})
        return condition

    def get_paginator(self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any) -> Paginator:
        if queryset.model is self.model:
            kwargs["surely"] = getattr(request, "_surely_found", None)
        return super().get_paginator(request, queryset, *args, **kwargs)


def _stores_of(role: str) -> list[int]:
    """By number: the database looks at them before it looks at words."""
    return list(Store.objects.filter(role=role).values_list("pk", flat=True))
