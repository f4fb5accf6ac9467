"""The same decision for all connections: a variant that was linked or ignored by hand in one waits in others, too."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from stores.identifiers import why_no_identity
from stores.linking import scoring, suggestions
from stores.linking.suggestions import Suggested
from stores.models import Connection, Variant, VariantLink
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.reach import within
from tiposync.console.links import accepting, ignoring
from tiposync.console.links.accepting import Proposal

State = VariantLink.State


def others(link: VariantLink) -> QuerySet[VariantLink]:
    """The undecided matches of the same source variant in other connections of its source."""
    rows = VariantLink.objects.filter(source_variant=link.source_variant_id, state__in=suggestions.OPEN)
    rows = rows.exclude(pk=link.pk).exclude(connection__state__in=(Connection.State.ENDED, Connection.State.REMOVED))
    return within(rows)


def has_others(link: VariantLink) -> bool:
    """Whether this match was decided by hand and the same variant waits elsewhere."""
    return link.is_manual and link.state in (State.LINKED, State.IGNORED) and others(link).exists()


def ask(request: HttpRequest, context: dict[str, Any], link: VariantLink) -> HttpResponse:
    """The page that lists what would be decided elsewhere as it was here."""
    if link.state == State.IGNORED:
        return ignoring.ask(request, context, others(link))
    found = propose(link)
    good = [one for one in found if not one.refusal]
    context |= {
        "title": f"The same partner in other connections: {link.source_variant}",
        "good": [accepting.row_of(one) for one in good],
        "left": [accepting.row_of(one) for one in found if one.refusal],
        "accept": reverse("admin:stores_variantlink_same"),
        "hidden": {"origin": link.pk},
        "back": reverse("admin:stores_variantlink_change", args=[link.pk]),
    }
    return TemplateResponse(request, "admin/stores/variantlink/accept.html", context)


def propose(link: VariantLink) -> list[Proposal]:
    """In each other connection the free variant with the identifier of the partner that was picked in this one."""
    rows = list(others(link).select_related(*accepting.RELATED).order_by("connection")[: accepting.MOST_ROWS])
    partner = link.destination_variant
    assert partner is not None  # a linked match has one
    column = next((name for name in ("sku_key", "barcode_key") if not why_no_identity(getattr(partner, name))), "")
    stores = {row.connection.destination_id for row in rows}
    wanted = {column: getattr(partner, column), "store__in": stores, "gone_at": None} if column else {"pk__in": []}
    taken = VariantLink.objects.filter(state=State.LINKED, destination_variant=OuterRef("pk"))
    free = Variant.objects.filter(~Exists(taken), **wanted).select_related("store")
    by_store: dict[int, list[Variant]] = {}
    for variant in free.order_by("pk"):
        by_store.setdefault(variant.store_id, []).append(variant)
    name = {"sku_key": "SKU", "barcode_key": "barcode"}.get(column, "SKU or barcode")
    return [_proposal(row, by_store.get(row.connection.destination_id, []), f"the {name} of {partner}") for row in rows]


def _proposal(row: VariantLink, found: list[Variant], what: str) -> Proposal:
    if len(found) != 1:
        how_many = "Several free variants there have" if found else "No free variant there has"
        return Proposal(row, None, f"{how_many} {what}: open it and decide.")
    weighed = scoring.weigh(suggestions.candidate_of(row.source_variant), suggestions.candidate_of(found[0]))
    return Proposal(row, Suggested(found[0], weighed.score, f"It has {what}. {weighed.reason}."))


def accept(page: Any, request: HttpRequest, permission: str) -> HttpResponse:
    """Link the ticked pairs of the page, each as it was shown."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    origin = within(VariantLink.objects.filter(pk=row_number(request.POST.get("origin")) or 0))
    link = origin.select_related("destination_variant").first()
    pairs = accepting.pairs_of(request.POST)
    is_linked = link is not None and link.state == State.LINKED
    found = [one for one in propose(link) if one.link.pk in pairs] if link is not None and is_linked else []
    made, done, refused = accepting.link_pairs(page, request, found, pairs)
    accepting.say(request, made, done, [*refused, *["It was decided since you looked."] * (len(pairs) - len(found))])
    back = reverse("admin:stores_variantlink_change", args=[link.pk]) if link else accepting.list_of(request)
    return HttpResponseRedirect(back)
