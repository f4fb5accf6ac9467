"""All that needs attention: one page by cause, its number on every page, and the badges of the menu."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from syncing.models import HoldCause, StockHold
from syncing.monitoring import reviews
from tiposync.console.kit import markup
from tiposync.console.kit.filters import open_causes
from tiposync.console.kit.list_views import VIEWS
from tiposync.console.kit.reach import within
from tiposync.console.kit.views import LARGEST_COUNT, View, count_each, count_words

# The order in which causes are shown, under these headings.
HEADINGS = (
    ("Stores and connections", ("stores.store", "stores.connection")),
    ("Inventory", ("syncing.holdcause", "syncing.stocklink")),
    ("Orders", ("orders.orderimport", "orders.orderupdate")),
    ("Products", ("stores.productlink", "stores.resourcelink", "syncing.cataloguerun")),
    ("System", ("syncing.syncjob", "syncing.webhookevent", "syncing.alert", "syncing.privacyrequest")),
)
# Nothing wrong happens while these wait, and there may be thousands: beside the others, in no sum.
UNHURRIED = "stores.variantlink"
# The view whose rows the badge of a list counts, and leads to: the first.
BADGED = (
    *("stores.variantlink", "orders.orderimport", "stores.productlink", "syncing.cataloguerun", "syncing.syncjob"),
    *("stores.store", "syncing.webhookevent", "syncing.privacyrequest"),
)


# Its rows are told one by one: each is a decision, however many items it is about.
REVIEWS, SHOWN_ROWS = "syncing.holdcause", 10


@dataclass(frozen=True)
class Badge:
    """A number in the menu, and the view of the list that shows these rows."""

    words: str
    query: str
    label: str


@dataclass
class Found:
    """What needs attention of what this user sees: how many rows by model and view."""

    counts: dict[tuple[str, View], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Of all causes together."""
        return sum(count for (_, view), count in self.counts.items() if view.cause)

    @property
    def badge(self) -> str:
        """The sum as the menu and the bell show it; '' for none."""
        return count_words(self.total) if self.total else ""

    @property
    def badges(self) -> dict[str, Badge]:
        """By model: the number beside its line of the menu."""
        first = {label: VIEWS[label][0] for label in BADGED}
        counted = {label: (view, self.counts.get((label, view), 0)) for label, view in first.items()}
        return {
            label: Badge(count_words(count), view.query, view.label)
            for label, (view, count) in counted.items()
            if count
        }


def of(request: HttpRequest) -> Found:
    """What needs attention, counted once for a request, in one query."""
    found = getattr(request, "_attention", None)
    if found is None:
        found = Found()
        asked = list(_asked(request))
        rows = [within(_model(label)._default_manager.filter(view.rows())) for label, view in asked if view.rows]
        found.counts = dict(zip(asked, count_each(rows), strict=True))
        request._attention = found  # type: ignore[attr-defined]
    return found


def _model(label: str) -> Any:
    return apps.get_model(label)


def _asked(request: HttpRequest) -> Iterator[tuple[str, View]]:
    """The views that are counted: of each model that this user sees, its causes and what its badge shows."""
    for label, views in VIEWS.items():
        app, model = label.split(".")
        if request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}"):
            first = views[0] if label in BADGED else None
            yield from ((label, view) for view in views if view.rows and (view.cause or view is first))


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What needs attention, by cause; each number leads to the rows that it counts."""
    counts = of(request).counts
    groups = []
    for title, labels in HEADINGS:
        causes = [
            _cause(label, view, counts[label, view])
            for label in labels
            for view in VIEWS[label]
            if view.cause and counts.get((label, view))
        ]
        if causes:
            groups.append({"title": title, "causes": causes})
    open_matches = counts.get((UNHURRIED, VIEWS[UNHURRIED][0]), 0)
    context = admin.site.each_context(request) | {
        "title": "Needs attention",
        "groups": groups,
        "matches": _cause(UNHURRIED, VIEWS[UNHURRIED][0], open_matches) if open_matches else None,
    }
    return TemplateResponse(request, "admin/syncing/attention.html", context)


def _cause(label: str, view: View, count: int) -> dict[str, Any]:
    return {
        "count": count_words(count),
        "is_most": count > LARGEST_COUNT,
        "words": view.cause,
        "next_step": view.next_step,
        "rows": _each_cause() if label == REVIEWS else [],
        "url": f"{reverse(f'admin:{label.replace(chr(46), chr(95))}_changelist')}?{view.query}",
    }


def _each_cause() -> list[dict[str, str]]:
    """The newest causes of reviews in words, each with the address of its page."""
    causes = within(HoldCause.objects.filter(open_causes())).select_related("store").order_by("-pk")
    shown = list(causes[:SHOWN_ROWS])
    found = reviews.summarize(shown, within(StockHold.objects.all()))
    return [
        {
            "words": reviews.words_of(cause, found[cause.pk]),
            "note": f"{found[cause.pk].connection_count} connections" if found[cause.pk].connection_count > 1 else "",
            "since": markup.ago(cause.began_at),
            "url": reverse("admin:syncing_holdcause_change", args=[cause.pk]),
        }
        for cause in shown
    ]
