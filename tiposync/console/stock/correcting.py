"""“Correct now”: pressed on an item's page or for a selection of the inventory list."""

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from stores.clients import open_for_person
from stores.models import VariantLink
from syncing.connections import correcting
from syncing.models import StockLink
from tiposync.console.kit.operations import REFUSALS, refusal_words
from tiposync.console.kit.pages import signed_in

CORRECT = "syncing.resolve_hold"


def is_correctable(links: Iterable[StockLink]) -> bool:
    """Whether one of these was changed in the destination."""
    return any(link.state == StockLink.State.DRIFTED for link in links)


def correct_now(request: HttpRequest, links: Iterable[StockLink]) -> None:
    """Correct what drifted among these, say so, and leave a line in the timeline of each item."""
    if not request.user.has_perm(CORRECT):
        raise PermissionDenied
    try:
        done = correcting.correct(links, open_for_person)
    except REFUSALS as error:
        messages.error(request, f"Correct now: {refusal_words(error)}")
        return
    if not done:
        messages.warning(request, "Nothing was corrected: none of these was changed in its destination.")
        return
    items = VariantLink.objects.filter(pk__in=[link.variant_link_id for link in done])
    words = "Correct now: the destination gets what it should have."
    LogEntry.objects.log_actions(signed_in(request).pk, items, CHANGE, change_message=words)
    messages.success(request, f"Being corrected: {len(done)}. The guard looks at it, as at any change.")
