"""Ignoring many matches: the page that shows each with a tick, and leaving out of syncing what a person ticked."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from stores.linking import decisions, linking
from stores.models import MatchDecision, VariantLink
from tiposync.console.kit import markup
from tiposync.console.kit.pages import list_query, signed_in
from tiposync.console.kit.reach import within
from tiposync.console.links import accepting, decision
from tiposync.console.stores import ending
from tiposync.console.stores.connection_summary import follow_up

IGNORED = VariantLink.State.IGNORED


def ask(request: HttpRequest, context: dict[str, Any], links: QuerySet[VariantLink]) -> HttpResponse:
    """The page that lists what would be left out of syncing. Nothing happens before its button is pressed."""
    related = (*accepting.RELATED, "destination_variant")
    wanted = links.exclude(state=IGNORED).select_related(*related).order_by("source_variant__product_title", "pk")
    found = list(islice(wanted, accepting.MOST_ROWS + 1))
    context |= {
        "title": "Ignore matches",
        "good": [_row(link) for link in found[: accepting.MOST_ROWS]],
        "ignores": True,
        "verb": "ignored: left out of syncing, in neither store changed",
        "button": "Ignore the ticked ones",
        "is_cut": len(found) > accepting.MOST_ROWS,
        "limit": accepting.MOST_ROWS,
        "accept": reverse("admin:stores_variantlink_ignore"),
        "hidden": {"list": list_query(request)},
        "back": accepting.list_of(request),
    }
    return TemplateResponse(request, "admin/stores/variantlink/accept.html", context)


def _row(link: VariantLink) -> dict[str, Any]:
    return {
        "tick": f"{accepting.PAIR}{link.pk}",
        "url": reverse("admin:stores_variantlink_change", args=[link.pk]),
        "source": link.source_variant,
        "now": markup.joined([markup.state_pill(link), link.destination_variant or ""]),
        "connection": link.connection,
    }


def ignore(page: Any, request: HttpRequest, permission: str) -> HttpResponse:
    """Ignore the ticked rows; where something is on sale, ask first what becomes of it."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    pks = accepting.pairs_of(request.POST)
    links = list(within(VariantLink.objects.filter(pk__in=pks)).select_related(*accepting.RELATED).order_by("pk"))
    undecided = [link for link in links if link.state != IGNORED]
    if (question := page.ask_what_becomes(request, undecided, "Ignore")) is not None:
        return question
    _ignore(page, request, undecided)
    if left := len(pks) - len(undecided):
        messages.warning(request, f"Left alone: {left:,}. They are ignored already, or gone.")
    if not pks:
        messages.warning(request, "Nothing was ticked, and nothing was changed.")
    return HttpResponseRedirect(accepting.list_of(request))


def _ignore(page: Any, request: HttpRequest, links: Sequence[VariantLink]) -> None:
    with decisions.recorded(MatchDecision.Kind.IGNORE, signed_in(request), links) as recorder:
        for link in links:
            linking.ignore(link, by=request.user)
            recorder.done(link)
            page.log_change(request, link, "Ignored.")
    for connection in {link.connection for link in links}:
        follow_up(connection)
    ending.carry_out(request, Q(variant_link__in=links))
    if links:
        decision.announce(request, recorder.decision, f"Left out of syncing: {len(links):,}.")
