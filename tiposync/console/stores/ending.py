"""What a page asks before an operator ends links: how many items are on sale, and what becomes of these quantities."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.template.response import TemplateResponse

from stores.models import Connection
from syncing.queue import enqueue
from syncing.stock import ends

CHOICE = "_choice"


def choices_for(must_leave: bool) -> list[tuple[str, str]]:
    """What may become of quantities that an operator ends; two-way, they are left."""
    return [pair for pair in Connection.Ending.choices if pair[0] == Connection.Ending.LEAVE or not must_leave]


def ask(
    request: HttpRequest, context: dict[str, Any], which: Q, *, must_leave: bool, button: str
) -> TemplateResponse | None:
    """The page to answer with, where something of these pairs is on sale and nothing was chosen yet; else None.

    `context` has the site's, a title, and `back`.
    """
    if CHOICE in request.POST:
        return None
    on_sale = ends.count_on_sale(which)
    if not on_sale.items:
        return None
    posted = [(name, text) for name, texts in request.POST.lists() for text in texts if name[:4] != "csrf"]
    more = {
        "removed": f"{on_sale.items} items are on sale in the destination with {on_sale.units} units, and would no "
        "longer be synced. What becomes of these quantities?",
        "choices": choices_for(must_leave),
        "choice": CHOICE,
        "posted": posted,
        "action": request.get_full_path(),
        "button": button,
    }
    return TemplateResponse(request, "admin/stores/connection/selection.html", context | more)


def carry_out(request: HttpRequest, which: Q) -> None:
    """Have what ended just now be what was chosen on the page that asked, guarded as ever. Raises ValueError."""
    if choice := request.POST.get(CHOICE):
        enqueue.carry_stock_of(ends.choose(which, choice))
