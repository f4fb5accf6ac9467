"""Accepting many suggestions: the page that shows each pair with reason and score, and linking what a person saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from stores.linking import linking, scoring, suggestions
from stores.linking.suggestions import Suggested
from stores.models import VariantLink
from tiposync.console.kit import markup
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import refusal_words
from tiposync.console.stores.connection_summary import follow_up

MOST_ROWS, MOST_TITLE_ROWS = 500, 100  # looking for titles takes longer
_RELATED = ("connection__source", "connection__destination", "source_variant__store")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A link and what it would be linked to; `refusal` says why it would not ('' if it would)."""

    link: VariantLink
    suggested: Suggested | None
    refusal: str = ""

    @property
    def partner(self) -> Suggested:
        """What it would be linked to, of one that is not refused."""
        assert self.suggested is not None  # a link without a suggestion is refused
        return self.suggested


def propose(links: Sequence[VariantLink], least: int) -> list[Proposal]:
    """The best suggestion of each link as it is now. What has a doubt that no score shows is refused in words."""
    best = suggestions.best_of(links, least)
    wanted = [found.variant.pk for link in links if (found := best[link.pk])]
    return [Proposal(link, best[link.pk], _refusal(link, best[link.pk], least, wanted)) for link in links]


def _refusal(link: VariantLink, best: Suggested | None, least: int, wanted: list[int]) -> str:
    if link.state not in suggestions.OPEN:
        return "It does not wait for a partner any more."
    if link.source_variant.gone_at:
        return "It was deleted in the source."
    if best is None:
        return f"There is no suggestion of {least} or more for it."
    if wanted.count(best.variant.pk) > 1:
        return "Several of these rows have the same best suggestion: open them and decide."
    return "" if best.score >= least else f"Its score is below {least}."


def ask(request: HttpRequest, context: dict[str, Any], links: QuerySet[VariantLink], least: int) -> HttpResponse:
    """The page that lists what would be linked. Nothing happens before its button is pressed."""
    most = MOST_ROWS if least > scoring.BEST_TITLE_SCORE else MOST_TITLE_ROWS
    found = list(islice(links.select_related(*_RELATED), most + 1))
    proposals = propose(found[:most], least)
    good = [one for one in proposals if not one.refusal]
    context |= {
        "title": "Accept suggestions",
        "good": [_row(one) for one in good],
        "left": [_row(one) for one in proposals if one.refusal],
        "pairs": ",".join(f"{one.link.pk}:{one.partner.variant.pk}" for one in good),
        "least": least,
        "is_cut": len(found) > most,
        "limit": most,
        "accept": reverse("admin:stores_variantlink_accept"),
        "back": reverse("admin:stores_variantlink_changelist"),
    }
    return TemplateResponse(request, "admin/stores/variantlink/accept.html", context)


def _row(one: Proposal) -> dict[str, Any]:
    found = one.suggested
    return {
        "link": one.link,
        "url": reverse("admin:stores_variantlink_change", args=[one.link.pk]),
        "source": one.link.source_variant,
        "partner": found.variant if found else None,
        "score": markup.score_pill(found.score) if found else "",
        "reason": found.reason if found else "",
        "refusal": one.refusal,
    }


def accept(page: Any, request: HttpRequest, permission: str) -> HttpResponse:
    """Link the pairs of the page, each as it was shown: what changed since is left alone, and said."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    pairs = _pairs_of(request.POST.get("pairs", ""))
    least = row_number(request.POST.get("least")) or 0
    links = list(VariantLink.objects.filter(pk__in=pairs).select_related(*_RELATED).order_by("pk"))
    done, refused = _link(page, request, links, pairs, least)
    for connection in {link.connection for link in done}:
        follow_up(connection)
    if done:
        messages.success(request, f"Linked: {len(done)}.")
    if refused or len(links) < len(pairs):
        left = len(refused) + len(pairs) - len(links)
        messages.warning(request, f"Left alone: {left}. {refused[0] if refused else 'Links are gone.'}")
    return HttpResponseRedirect(reverse("admin:stores_variantlink_changelist"))


def _link(
    page: Any, request: HttpRequest, links: Sequence[VariantLink], pairs: dict[int, int], least: int
) -> tuple[list[VariantLink], list[str]]:
    done, refused = [], []
    for one in propose(links, least):
        if not one.refusal and one.partner.variant.pk != pairs[one.link.pk]:
            refused.append(f"{one.link.source_variant}: its best suggestion has changed since you looked.")
        elif one.refusal:
            refused.append(f"{one.link.source_variant}: {one.refusal}")
        else:
            try:
                linking.set_partner(one.link, one.partner.variant, by=request.user)
            except linking.LinkRefused as error:
                refused.append(refusal_words(error))
            else:
                done.append(one.link)
                words = f"Accepted the suggestion {one.partner.variant} ({one.partner.score}: {one.partner.reason})."
                page.log_change(request, one.link, words)
    return done, refused


def _pairs_of(text: str) -> dict[int, int]:
    """Link id to variant id, of what the page's form holds; at most MOST_ROWS of them."""
    parts = ([row_number(one) for one in part.split(":")] for part in text.split(",")[:MOST_ROWS])
    return {one[0]: one[1] for one in parts if len(one) == 2 and one[0] is not None and one[1] is not None}
