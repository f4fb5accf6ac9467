"""Accepting many suggestions: the page that shows each pair with reason and score, and linking what a person saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from stores.linking import decisions, linking, scoring, suggestions
from stores.linking.suggestions import Suggested
from stores.models import MatchDecision, VariantLink
from tiposync.console.kit import markup
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import refusal_words
from tiposync.console.kit.pages import list_query, signed_in
from tiposync.console.kit.reach import within
from tiposync.console.links import decision
from tiposync.console.stores.connection_summary import follow_up

MOST_ROWS, MOST_TITLE_ROWS = 500, 100  # looking for titles takes longer
PAIR = "pair-"
RELATED = ("connection__source", "connection__destination", "source_variant__store")


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
    found = list(islice(links.select_related(*RELATED), most + 1))
    proposals = propose(found[:most], least)
    good = [one for one in proposals if not one.refusal]
    context |= {
        "title": "Accept suggestions",
        "good": [row_of(one) for one in good],
        "left": [row_of(one) for one in proposals if one.refusal],
        "least": least,
        "is_cut": len(found) > most,
        "limit": most,
        "accept": reverse("admin:stores_variantlink_accept"),
        "hidden": {"least": least, "list": list_query(request)},
        "back": list_of(request),
    }
    return TemplateResponse(request, "admin/stores/variantlink/accept.html", context)


def list_of(request: HttpRequest) -> str:
    """The list of matches as it was filtered where the button was pressed."""
    query = request.POST.get("list", "") or list_query(request)
    return reverse("admin:stores_variantlink_changelist") + (f"?{QueryDict(query).urlencode()}" if query else "")


def row_of(one: Proposal) -> dict[str, Any]:
    """A row as the template draws it."""
    found = one.suggested
    return {
        "link": one.link,
        "url": reverse("admin:stores_variantlink_change", args=[one.link.pk]),
        "source": one.link.source_variant,
        "tick": f"{PAIR}{one.link.pk}",
        "connection": one.link.connection,
        "partner": found.variant if found else None,
        "score": markup.score_pill(found.score) if found else "",
        "reason": found.reason if found else "",
        "refusal": one.refusal,
    }


def accept(page: Any, request: HttpRequest, permission: str) -> HttpResponse:
    """Link the ticked pairs of the page, each as it was shown: what changed since is left alone, and said."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    pairs = pairs_of(request.POST)
    least = row_number(request.POST.get("least")) or 0
    links = list(within(VariantLink.objects.filter(pk__in=pairs)).select_related(*RELATED).order_by("pk"))
    decision, done, refused = link_pairs(page, request, propose(links, least), pairs)
    say(request, decision, done, [*refused, *["Matches are gone."] * (len(pairs) - len(links))])
    return HttpResponseRedirect(list_of(request))


def say(request: HttpRequest, made: MatchDecision | None, done: Sequence[VariantLink], refused: Sequence[str]) -> None:
    """Have the connections follow, and tell what became of the ticked rows."""
    for connection in {link.connection for link in done}:
        follow_up(connection)
    if done:
        decision.announce(request, made, f"Linked: {len(done):,}.")
    if refused:
        messages.warning(request, f"Left alone: {len(refused):,}. {refused[0]}")
    if not done and not refused:
        messages.warning(request, "Nothing was ticked, and nothing was changed.")


def link_pairs(
    page: Any, request: HttpRequest, proposals: Sequence[Proposal], pairs: dict[int, int]
) -> tuple[MatchDecision | None, list[VariantLink], list[str]]:
    """Link what is still proposed as it was shown: the decision, what was linked, and what was refused in words."""
    done, refused = [], []
    with decisions.recorded(MatchDecision.Kind.LINK, signed_in(request), [one.link for one in proposals]) as recorder:
        for one in proposals:
            if not one.refusal and one.partner.variant.pk != pairs[one.link.pk]:
                refused.append(f"{one.link.source_variant}: its best suggestion has changed since you looked.")
            elif one.refusal:
                refused.append(f"{one.link.source_variant}: {one.refusal}")
            else:
                try:
                    linking.set_partner(one.link, one.partner.variant, by=request.user)
                except linking.LinkRefused as error:
                    refused.append(refusal_words(error))
                    continue
                recorder.done(one.link)
                done.append(one.link)
                words = f"Accepted the suggestion {one.partner.variant} ({one.partner.score}: {one.partner.reason})."
                page.log_change(request, one.link, words)
    return recorder.decision, done, refused


def pairs_of(posted: Mapping[str, str]) -> dict[int, int]:
    """Link id to variant id, of the rows that are ticked; at most MOST_ROWS of them."""
    ticked = [name for name in posted if name.startswith(PAIR)][:MOST_ROWS]
    numbers = {row_number(name.removeprefix(PAIR)): row_number(posted[name]) for name in ticked}
    return {link: variant for link, variant in numbers.items() if link is not None and variant is not None}
