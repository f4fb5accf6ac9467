"""Boxes to tick for what a store has right now, fetched by a page once it is open: it never waits for a store."""

from collections.abc import Callable, Iterable
from itertools import islice

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from tiposync.console.kit.operations import REFUSALS, refusal_words

MOST_OPTIONS = 1000


def live_list(
    request: HttpRequest, name: str, stored: list[str], read: Callable[[], Iterable[tuple[str, str]]]
) -> HttpResponse:
    """The options of the field `name`, (id, title) of each as `read` finds them; what is chosen stays ticked.

    Chosen is what the asking form holds, or what is stored. A store that refuses or does not answer leaves it as it is.
    """
    chosen = request.GET.getlist(name) if "asked" in request.GET else stored
    problem, known = "", []
    try:
        known = list(islice(read(), MOST_OPTIONS + 1))
    except REFUSALS as error:
        problem = refusal_words(error)
    is_cut, known = len(known) > MOST_OPTIONS, known[:MOST_OPTIONS]
    rows = [{"gid": gid, "title": title, "is_chosen": gid in chosen} for gid, title in known]
    gone = [gid for gid in chosen if gid not in dict(known)]
    context = {"name": name, "rows": rows, "gone": gone, "problem": problem, "is_cut": is_cut, "limit": MOST_OPTIONS}
    return TemplateResponse(request, "admin/console/live_options.html", context)
