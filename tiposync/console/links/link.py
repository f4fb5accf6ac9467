"""Links: which variants have a partner, which do not and why, and the picker that resolves them."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from stores.linking import decisions, linking, scoring, suggestions
from stores.models import Connection, MatchDecision, Store, Variant, VariantLink
from syncing.stock import ends
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.filters import ConnectionFilter, ExactFilter
from tiposync.console.kit.item_search import SearchedByItem, variants_with
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import signed_in
from tiposync.console.kit.reach import sees_connection
from tiposync.console.links import accepting, decision, ignoring, next_match, same
from tiposync.console.links.files import LinkFiles
from tiposync.console.stores import ending
from tiposync.console.stores.connection_summary import follow_up

CHANGE = "stores.change_variantlink"
FOUND_ROWS = 20
State = VariantLink.State
SUGGESTED = VariantLink.candidates.through.objects.values("variantlink")


class DoubtFilter(ExactFilter):
    """What waits for an operator."""

    title = "attention"
    parameter_name = "doubt"
    conditions = (
        ("open", "Waits for you: unmatched or ambiguous", {"state__in": [State.UNMATCHED, State.AMBIGUOUS]}),
        ("suggested", "Has a suggestion", {"state__in": suggestions.OPEN, "suggested_score__isnull": False}),
        (
            "sure",
            f"Has a suggestion of {scoring.SURE_SCORE} or more",
            {"state__in": suggestions.OPEN, "suggested_score__gte": scoring.SURE_SCORE},
        ),
        ("left_out", "Takes no part: not shared, not selected, or left out", {"left_out__gt": ""}),
    )


@admin.register(VariantLink)
class VariantLinkAdmin(SearchedByItem, LinkFiles):
    """Links, by connection and title."""

    intro = (
        "Which destination variant stands for which source variant. Nothing unmatched or ambiguous ever syncs: open "
        "one to pick its partner. What you decide is never overwritten by matching."
    )
    empty_title = "Nothing has been matched yet"
    empty_text = (
        "Open a connection and press “Match now”: it reads the products of both stores and links what belongs together."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    operate_permission = CHANGE
    list_display = [
        "shown_source",
        "shown_state",
        "shown_partner",
        "shown_suggestion",
        "shown_reason",
        "connection",
        "timeline",
    ]
    list_filter = [DoubtFilter, ("state", ChoicesDropdownFilter), ConnectionFilter, ("is_manual", BooleanRadioFilter)]
    list_filter_submit = True
    ordering = ["source_variant__product_title", "source_variant__title", "pk"]
    list_select_related = [
        "connection__source",
        "connection__destination",
        "source_variant",
        "destination_variant",
        "suggested_variant",
    ]
    item_paths = {Store.Role.SOURCE: "source_variant", Store.Role.DESTINATION: "destination_variant"}
    actions = ["accept_best", "accept_any", "ignore_selected"]
    operations = ("pick", "ignore", "same_elsewhere", "clear")
    panel_template = "admin/stores/variantlink/picker.html"
    fieldsets = [
        ("Link", {"fields": ["connection", "shown_state", "shown_reason", "is_manual", "created_at", "changed_at"]})
    ]

    def panel(self, request: HttpRequest, row: VariantLink) -> dict[str, Any]:
        can_change = request.user.has_perm(CHANGE)
        query = request.GET.get("partner", "").strip()
        can_pick = can_change and not row.source_variant.gone_at
        suggested = suggestions.suggest([row])[row.pk] if can_pick and row.state in suggestions.OPEN else []
        # Partners that another link has are no suggestions, but tell why this link is ambiguous.
        candidates = row.candidates.exclude(pk__in=[one.variant.pk for one in suggested]).select_related("store")
        found = search_variants(row.connection.destination, query) if query and can_change else []
        return {
            "source": row.source_variant,
            "partner": row.destination_variant if row.state == State.LINKED else None,
            "reason": row.reason,
            "left_out": row.left_out,
            "connection": row.connection,
            "can_pick": can_pick,
            "pick_url": self._with_list(request, self.do_url(row, "pick")),
            "filters": request.GET.get(next_match.FILTERS, ""),
            "next": next_match.find(self, request, row) if can_change else None,
            "is_decided": row.state not in suggestions.OPEN,
            "suggestions": with_claims(row, [one.variant for one in suggested], suggested),
            "candidates": with_claims(row, list(candidates.order_by("product_title", "title", "pk")[:50])),
            "query": query,
            "found": with_claims(row, found),
            "found_in_source": in_source(row, query) if query and can_change else [],
            "is_cut": len(found) == FOUND_ROWS,
            "timeline": reverse("admin:syncing_timeline", args=[row.pk]),
            "source_arrow": in_shopify.variant_arrow(row.connection.source, row.source_variant),
            "partner_arrow": in_shopify.variant_arrow(row.connection.destination, row.destination_variant),
        }

    @display(description="Source variant", ordering="source_variant__product_title")
    def shown_source(self, link: VariantLink) -> str:
        variant = link.source_variant
        return markup.two_lines(variant, " · ".join(part for part in (variant.barcode, variant.handle) if part))

    @display(description="State", ordering="state")
    def shown_state(self, link: VariantLink) -> str:
        notes = [markup.pill(markup.QUIET, "by hand")] if link.is_manual else []
        notes += [markup.pill(markup.WARN, "takes no part", link.left_out)] if link.left_out else []
        return markup.joined([markup.state_pill(link), *notes])

    @display(description="Partner", ordering="destination_variant__product_title")
    def shown_partner(self, link: VariantLink) -> str:
        return markup.wrapped(str(link.destination_variant)) if link.destination_variant else markup.NOTHING

    @display(description="Best suggestion", ordering="suggested_score")
    def shown_suggestion(self, link: VariantLink) -> str:
        if not link.suggested_variant or link.state not in suggestions.OPEN:
            return markup.NOTHING
        score = markup.score_pill(link.suggested_score) if link.suggested_score is not None else ""
        words = markup.joined([score, link.suggested_reason])
        return markup.two_lines(markup.wrapped(str(link.suggested_variant)), words)

    @display(description="Why")
    def shown_reason(self, link: VariantLink) -> str:
        return markup.wrapped(" ".join(filter(None, (link.left_out, link.reason))))

    @display(description="Timeline")
    def timeline(self, link: VariantLink) -> str:
        url = reverse("admin:syncing_timeline", args=[link.pk])
        return markup.joined([markup.anchor(url, "Timeline"), in_shopify.both_variants(link)])

    @operation("Link", "Makes this variant the partner.", permission=CHANGE, is_inline=True)
    def pick(self, request: HttpRequest, link: VariantLink) -> str:
        wanted = row_number(request.POST.get("variant"))
        variant = Variant.objects.select_related("store").filter(pk__in=[wanted]).first()
        if variant is None:
            raise ValueError("that variant does not exist any more. Search again.")
        with decisions.recorded(MatchDecision.Kind.LINK, signed_in(request), [link]) as recorder:
            linking.set_partner(link, variant, by=request.user)
            recorder.done(link)
        follow_up(link.connection, link.source_variant.product_gid)
        words = f"Linked to {variant}. Its stock is being synced." if _runs(link) else f"Linked to {variant}."
        return decision.undoable(recorder.decision, words)

    @operation(
        "Ignore",
        "Leaves this variant out of syncing for good, until you clear the decision. Neither store is changed.",
        permission=CHANGE,
        offered=lambda link: link.state != State.IGNORED,
    )
    def ignore(self, request: HttpRequest, link: VariantLink) -> str | HttpResponse:
        if (question := self.ask_what_becomes(request, [link], "Ignore")) is not None:
            return question
        with decisions.recorded(MatchDecision.Kind.IGNORE, signed_in(request), [link]) as recorder:
            linking.ignore(link, by=request.user)
            recorder.done(link)
        follow_up(link.connection, link.source_variant.product_gid)
        ending.carry_out(request, Q(variant_link=link))
        return decision.undoable(recorder.decision, "It is left out of syncing.")

    @operation(
        "Clear",
        "Forgets the present partner and what a user decided; matching decides again at once.",
        permission=CHANGE,
        offered=lambda link: link.is_manual or link.state == State.LINKED,
    )
    def clear(self, request: HttpRequest, link: VariantLink) -> str | HttpResponse:
        if (question := self.ask_what_becomes(request, [link], "Clear")) is not None:
            return question
        linking.clear(link)
        follow_up(link.connection, link.source_variant.product_gid)
        ending.carry_out(request, Q(variant_link=link))
        link.refresh_from_db()
        return f"Matched again, it is now {link.get_state_display().lower()}."

    @operation(
        "The same in other connections …",
        "The same variant waits for a decision in other connections of this source: shows what it would be there, with "
        "a tick each. Nothing is saved yet.",
        permission=CHANGE,
        offered=same.has_others,
        is_page=True,
    )
    def same_elsewhere(self, request: HttpRequest, link: VariantLink) -> HttpResponse:
        return same.ask(request, self.admin_site.each_context(request), link)

    @action(description=f"Accept the best suggestions of {scoring.SURE_SCORE} or more …", permissions=["operate"])
    def accept_best(self, request: HttpRequest, queryset: QuerySet[VariantLink]) -> HttpResponse:
        """Shows what would be linked; a person says so on the page that follows."""
        return self._ask(request, queryset, scoring.SURE_SCORE)

    @action(description="Accept the best suggestions, whatever their score …", permissions=["operate"])
    def accept_any(self, request: HttpRequest, queryset: QuerySet[VariantLink]) -> HttpResponse:
        """As accept_best, also where there is more doubt."""
        return self._ask(request, queryset, scoring.LEAST_SCORE)

    def _ask(self, request: HttpRequest, queryset: QuerySet[VariantLink], least: int) -> HttpResponse:
        links = queryset.filter(state__in=suggestions.OPEN).order_by(F("suggested_score").desc(nulls_last=True), "pk")
        return accepting.ask(request, self.admin_site.each_context(request), links, least)

    def get_urls(self) -> list[URLPattern]:
        views = (("accept", self.accept_view), ("ignore", self.ignore_view), ("same", self.same_view))
        own = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"stores_variantlink_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    def accept_view(self, request: HttpRequest) -> HttpResponse:
        """Link the pairs that the page of accept_best or accept_any showed."""
        return accepting.accept(self, request, CHANGE)

    def ignore_view(self, request: HttpRequest) -> HttpResponse:
        """Ignore what was ticked on the page of ignore_selected."""
        return ignoring.ignore(self, request, CHANGE)

    def same_view(self, request: HttpRequest) -> HttpResponse:
        """Link what was ticked on the page of same_elsewhere."""
        return same.accept(self, request, CHANGE)

    @action(description="Ignore: leave the selected variants out of syncing …", permissions=["operate"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[VariantLink]) -> HttpResponse:
        """Shows what would be ignored; a person says so on the page that follows."""
        return ignoring.ask(request, self.admin_site.each_context(request), queryset)

    def ask_what_becomes(self, request: HttpRequest, links: list[VariantLink], button: str) -> HttpResponse | None:
        """The page that asks what becomes of what these have on sale, unless it was answered or nothing is."""
        context = self.admin_site.each_context(request) | {
            "title": f"{button}: what becomes of what is on sale?",
            "heading": "What is on sale",
            "back": reverse("admin:stores_variantlink_changelist"),
        }
        running = [link for link in links if _runs(link)]
        must_leave = all(ends.must_leave(link.connection) for link in running)
        return ending.ask(request, context, Q(variant_link__in=running), must_leave=must_leave, button=button)


def _runs(link: VariantLink) -> bool:
    return link.connection.state == Connection.State.RUNNING


def search_variants(store: Store, query: str) -> list[Variant]:
    """Living variants of a store in whose title, SKU, barcode or handle every word of `query` occurs."""
    rows = variants_with(query).filter(store=store, gone_at=None).select_related("store")
    return list(rows.order_by("product_title", "title", "pk")[:FOUND_ROWS])


def in_source(link: VariantLink, query: str) -> list[dict[str, Any]]:
    """What the same words find in the source, each with how its own link stands."""
    found = search_variants(link.connection.source, query)
    links = VariantLink.objects.filter(connection=link.connection, source_variant__in=found)
    own = {row.source_variant_id: row for row in links.select_related("destination_variant")}
    return [
        {
            "variant": variant,
            "link": own.get(variant.pk),
            "state": markup.state_pill(own[variant.pk]) if variant.pk in own else markup.NOTHING,
            "url": reverse("admin:stores_variantlink_change", args=[own[variant.pk].pk]) if variant.pk in own else "",
        }
        for variant in found
    ]


def _claimant(claim: VariantLink) -> Any:
    return claim.source_variant if sees_connection(claim.connection_id) else "a product of another store"


def with_claims(
    link: VariantLink, variants: list[Variant], suggested: list[suggestions.Suggested] | None = None
) -> list[dict[str, Any]]:
    """Variants as the picker draws them; one that is linked already says to what and cannot be picked.

    `suggested`, in the same order, adds score and reason.
    """
    linked = VariantLink.objects.filter(state=State.LINKED, destination_variant__in=variants).exclude(pk=link.pk)
    claims = {claim.destination_variant_id: claim for claim in linked.select_related("source_variant__store")}
    scores = {one.variant.pk: one for one in suggested or ()}
    return [
        {
            "variant": variant,
            "arrow": in_shopify.variant_arrow(link.connection.destination, variant),
            "score": markup.score_pill(scores[variant.pk].score) if variant.pk in scores else "",
            "reason": scores[variant.pk].reason if variant.pk in scores else "",
            "is_partner": link.state == State.LINKED and link.destination_variant_id == variant.pk,
            "claimed_by": _claimant(claims[variant.pk]) if variant.pk in claims else None,
            "claimed_url": reverse("admin:stores_variantlink_change", args=[claims[variant.pk].pk])
            if variant.pk in claims and sees_connection(claims[variant.pk].connection_id)
            else "",
        }
        for variant in variants
    ]
