"""Finding anything by what stands in front of one: a SKU, a barcode, a title, an order's name, a store, a page's name.

The box in the header leads to a page of all that was found; Ctrl-K opens unfold's palette over the page. Both find the
same, nothing is kept between two searches, and nobody finds what they may not see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from tiposync.console.home import sidebar

MOST_ROWS = 8  # of a kind
MOST_CHARACTERS = 100
# In which lists is searched, as their own search boxes do, and what a row found there is called.
KINDS = (
    ("stores.variantlink", "Variant", "link"),
    ("orders.orderimport", "Order", "shopping_cart"),
    ("stores.productlink", "Product", "sell"),
    ("stores.resourcelink", "Collection or content", "article"),
    ("stores.store", "Store", "storefront"),
    ("stores.connection", "Connection", "sync_alt"),
)


@dataclass(frozen=True)
class Found:
    """A page or a row: what unfold's palette and our own page read of it."""

    title: str
    description: str
    link: str
    icon: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Everything that was found, by kind."""
    words = request.GET.get("q", "").strip()[:MOST_CHARACTERS]
    context = admin.site.each_context(request) | {"title": "Search", "words": words, "found": find(request, words)}
    return TemplateResponse(request, "admin/syncing/found.html", context)


@require_safe
def answer(request: HttpRequest) -> HttpResponse:
    """The same for unfold's palette, which asks while somebody types."""
    words = request.GET.get("s", "").strip()[:MOST_CHARACTERS]
    if not words:
        return HttpResponse()
    found = find(request, words)
    context = {"results": found, "page_obj": Paginator(found, max(1, len(found))), "page_counter": 0}
    return TemplateResponse(request, "unfold/helpers/command_results.html", context)


def find(request: HttpRequest, words: str) -> list[Found]:
    """Pages whose name begins with the words, then rows."""
    return [*_pages(request, words), *_rows(request, words)] if words else []


def _pages(request: HttpRequest, words: str) -> Iterator[Found]:
    lists = [(title, sidebar.list_of(label)) for title, _, label in _lines(request)]
    for title, url in [*lists, ("Needs attention", reverse("attention")), ("Dashboard", reverse("admin:index"))]:
        if title.lower().startswith(words.lower()):
            yield Found(title, "Page", url, "tag")


def _lines(request: HttpRequest) -> Iterator[tuple[str, str, str]]:
    named = [*sidebar.LINES, *(line for _, lines in sidebar.GROUPS for line in lines)]
    named += [(title, "", label) for lists in sidebar.RELATED for title, label in lists[1:]]
    return (line for line in named if sidebar.may_view(request, line[2]))


def _rows(request: HttpRequest, words: str) -> Iterator[Found]:
    for label, kind, icon in KINDS:
        if not sidebar.may_view(request, label):
            continue
        shown: Any = admin.site._registry[apps.get_model(label)]
        rows = shown.get_search_results(request, shown.get_queryset(request), words)[0]
        for row in rows[:MOST_ROWS]:
            url = reverse(f"admin:{label.replace('.', '_')}_change", args=[row.pk])
            if label == "stores.variantlink":  # what somebody wants to know of an item is why its number is what it is
                url = reverse("admin:syncing_timeline", args=[row.pk])
            yield Found(str(row), kind, url, icon)
