"""Reviews of one cause on one page: how many items in how many connections, their values, and one decision for all."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, F, Max, Min, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from stores.models import Connection, Store, Variant
from syncing.models import HoldCause, StockHold
from syncing.monitoring import reviews
from syncing.stock import holds
from tiposync.console.kit import markup
from tiposync.console.kit.filters import OpenReviewsFilter, StoreFilter
from tiposync.console.kit.in_shopify import variant_arrow
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import Warned, operation
from tiposync.console.kit.pages import ReadOnlyPage, signed_in
from tiposync.console.kit.reach import within
from tiposync.console.stock import deciding, who_changed
from tiposync.console.stock.hold import RESOLVE

ITEMS_A_PAGE = 50
_VARIANT = "link__variant_link__source_variant"
Decide = Callable[[QuerySet[StockHold], Any], set[int]]


def holds_of(cause: HoldCause) -> QuerySet[StockHold]:
    """The holds of a cause that whoever asks sees."""
    return within(StockHold.objects.filter(cause=cause))


def decidable(cause: HoldCause) -> QuerySet[StockHold]:
    """Those that one decision may decide together. Of a write of unknown outcome somebody must look at each."""
    return holds_of(cause).filter(state=StockHold.State.OPEN, kind=StockHold.Kind.GUARD)


def _has_some(cause: HoldCause) -> bool:
    return decidable(cause).exists()


@admin.register(HoldCause)
class HoldCauseAdmin(ReadOnlyPage):
    """Causes, the newest first."""

    intro = (
        "Changes that are unusually large wait here, one line for each cause: the same store, the same kind of change, "
        "within minutes. Nothing else happens to these items until somebody decides."
    )
    empty_title = "Nothing needs review"
    empty_text = (
        "A change needs review when it is unusually large even after a live read. "
        "The limits are set per connection, under “Guards”."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    operate_permission = RESOLVE
    list_display = ["shown_words", "shown_connections", "shown_open", "shown_decided", "shown_since"]
    list_filter = [OpenReviewsFilter, ("change", ChoicesDropdownFilter), ("store", StoreFilter)]
    list_filter_submit = True
    list_select_related = ["store"]
    ordering = ["-pk"]
    operations = ("release_all", "discard_all")
    panel_template = "admin/syncing/holdcause/reviews.html"
    fieldsets = [("Reviews of one cause", {"fields": ["store", "change", "began_at", "newest_at"]})]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, its rows with what their reviews come to: two queries for all of them."""
        listed = super().get_changelist_instance(request)
        causes = list(listed.result_list)
        found = reviews.summarize(causes, within(StockHold.objects.all()))
        for cause in causes:
            cause.summary = found[cause.pk]
        listed.result_list = causes
        return listed

    def panel(self, request: HttpRequest, row: HoldCause) -> dict[str, Any]:
        summary = reviews.summarize([row], holds_of(row))[row.pk]
        shown = holds_of(row)
        if summary.open_count:
            shown = shown.filter(state=StockHold.State.OPEN)
        may_decide = request.user.has_perm(RESOLVE) and decidable(row).exists()
        newest = decidable(row).aggregate(n=Count("pk"), newest=Max("pk"))
        each = {"cause": row.pk} | ({"state__exact": StockHold.State.OPEN} if summary.open_count else {})
        export = reverse("admin:syncing_stockhold_export_reviews")
        return {
            "words": reviews.words_of(row, summary),
            "summary": summary,
            "open_words": f"{summary.open_count:,} need{'s' if summary.open_count == 1 else ''} review",
            "decided_words": f"{summary.decided_count:,} decided",
            "changed": _when(row, summary),
            "who": who_changed.words_of(row, shown),
            "connections": _connections(row, shown),
            "items": _items(request, row, shown),
            "each": markup.list_url(StockHold, **each),
            "export": f"{export}?{markup.list_url(StockHold, **each).partition('?')[2]}",
            "decide": _buttons(self, row, newest["n"]) if may_decide else [],
            "shown": newest,
        }

    @display(description="What happened")
    def shown_words(self, cause: HoldCause) -> str:
        return markup.unbroken(reviews.words_of(cause, _summary_of(cause)))

    @display(description="Connections")
    def shown_connections(self, cause: HoldCause) -> int:
        return _summary_of(cause).connection_count

    @display(description="Needs review")
    def shown_open(self, cause: HoldCause) -> str:
        count = _summary_of(cause).open_count
        url = markup.list_url(StockHold, cause=cause.pk, state__exact=StockHold.State.OPEN)
        return markup.anchor(url, f"{count:,}") if count else "0"

    @display(description="Decided")
    def shown_decided(self, cause: HoldCause) -> str:
        return f"{_summary_of(cause).decided_count:,}"

    @display(description="Since", ordering="began_at")
    def shown_since(self, cause: HoldCause) -> str:
        return markup.ago(cause.began_at)

    @operation("Release all", "", permission=RESOLVE, is_inline=True, offered=_has_some)
    def release_all(self, request: HttpRequest, cause: HoldCause) -> str:
        return self._decide(request, cause, holds.release_all, "Released")

    @operation("Discard all", "", permission=RESOLVE, is_inline=True, offered=_has_some)
    def discard_all(self, request: HttpRequest, cause: HoldCause) -> str:
        return self._decide(request, cause, holds.discard_all, "Discarded")

    def _decide(self, request: HttpRequest, cause: HoldCause, decide: Decide, word: str) -> str:
        """What the page showed and is still open: no hold that began, or whose values changed, since then."""
        newest, shown = (row_number(request.POST.get(name)) for name in ("newest", "shown"))
        if newest is None or shown is None:
            raise ValueError("the page did not say what it showed. Open it again.")
        decided = decide(decidable(cause).filter(pk__lte=newest), signed_in(request))
        deciding.follow_up(request, decided, f"{word}, with all of: {cause}.")
        words = [f"{word}: {len(decided):,} of {shown:,} reviews."]
        if left := shown - len(decided):
            words.append(
                f"Left alone: {left:,}. Somebody else decided them, or their values changed, since the page was shown."
            )
        if joined := decidable(cause).filter(pk__gt=newest).count():
            words.append(f"{joined:,} more began since then: they still need review.")
        return Warned(" ".join(words)) if len(words) > 1 else words[0]


def _summary_of(cause: HoldCause) -> reviews.Summary:
    return getattr(cause, "summary", None) or reviews.Summary()


def _when(cause: HoldCause, summary: reviews.Summary) -> str:
    is_source = cause.store.role == Store.Role.SOURCE
    at = summary.changed_at if is_source else summary.destination_changed_at
    if at is None:
        return markup.NOTHING
    last = summary.last_changed_at if is_source else at
    first = markup.exact(at)
    return first if last is None or last == at else format_html("{} to {}", first, markup.exact(last))


def _connections(cause: HoldCause, shown: QuerySet[StockHold]) -> list[dict[str, Any]]:
    counted = shown.order_by().values("connection").annotate(n=Count("pk")).order_by("-n", "connection")
    rows = list(counted)
    names = Connection.objects.select_related("source", "destination").in_bulk([row["connection"] for row in rows])
    return [
        {
            "name": names[row["connection"]],
            "count": f"{row['n']:,}",
            "url": markup.list_url(StockHold, cause=cause.pk, connection=row["connection"]),
        }
        for row in rows
    ]


def _items(request: HttpRequest, cause: HoldCause, shown: QuerySet[StockHold]) -> dict[str, Any]:
    """A line for each item, the largest fall first: in the store that changed, and in the others."""
    is_source = cause.store.role == Store.Role.SOURCE
    side, others = ("source", "destination") if is_source else ("destination", "source")
    rows = (
        shown.order_by()
        .values(_VARIANT)
        .annotate(
            n=Count("pk"),
            before=Max(f"link__{side}_baseline"),
            now=Min(f"{side}_from"),
            least=Min(f"{others}_from"),
            most=Max(f"{others}_from"),
            to_least=Min(f"{others}_to"),
            to_most=Max(f"{others}_to"),
            newest=Max("pk"),
            fall=Max(F(f"{others}_from") - F(f"{others}_to"), default=0),
        )
        .order_by("-fall", _VARIANT)
    )
    page = Paginator(rows, ITEMS_A_PAGE).get_page(request.GET.get("p"))
    found = list(page)
    variants = Variant.objects.select_related("store").in_bulk([row[_VARIANT] for row in found])
    return {"page": page, "rows": [_item(cause, variants[row[_VARIANT]], row) for row in found], "store": cause.store}


def _item(cause: HoldCause, variant: Variant, row: dict[str, Any]) -> dict[str, Any]:
    each = markup.list_url(StockHold, cause=cause.pk, **{_VARIANT: variant.pk})
    only = reverse("admin:syncing_stockhold_change", args=[row["newest"]])
    return {
        "variant": variant,
        "arrow": variant_arrow(cause.store, variant) if cause.store.role == Store.Role.SOURCE else "",
        "change": markup.change(row["before"] if row["before"] is not None else row["now"], row["now"]),
        "others": f"{_span(row['least'], row['most'])} → {_span(row['to_least'], row['to_most'])}",
        "count": f"{row['n']:,}",
        "url": only if row["n"] == 1 else each,
    }


def _span(least: int | None, most: int | None) -> str:
    if least is None or most is None:
        return markup.NOTHING
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _buttons(page: HoldCauseAdmin, cause: HoldCause, count: int) -> list[dict[str, Any]]:
    plans = f"these {count:,} plans" if count > 1 else "this plan"
    return [
        {
            "label": "Release all",
            "tone": "primary",
            "url": page.do_url(cause, "release_all"),
            "words": f"Lets {plans} through, as shown. What has changed by then is planned afresh.",
        },
        {
            "label": "Discard all",
            "tone": "default",
            "url": page.do_url(cause, "discard_all"),
            "words": "Leaves all stores as they are: the differences seen now are never synced, changes made from now "
            "on are.",
        },
    ]
