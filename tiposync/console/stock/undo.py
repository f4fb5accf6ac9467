"""The page before an undo: what would be taken back, level by level, and what is left alone and why."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from stores.models import Connection, VariantLink
from syncing.models import StockAdjustment, StockLink
from syncing.stock import undo
from tiposync.console.kit import markup
from tiposync.console.kit.previews import (
    CHANGES,
    FALLS,
    STAYS,
    Column,
    Preview,
    Row,
    Total,
    asked_sort,
    difference,
    wants_file,
)

UNDO = "syncing.undo_run"
MOST_ROWS = 500
QUEUED = "Queued: what nobody changed since is taken back. “Jobs” shows the result."
COLUMNS = (
    Column("variant", "Variant"),
    Column("where", "Where"),
    *(
        Column(name, label, is_number=True, draw=markup.quantity)
        for name, label in (("before", "Before the run"), ("wrote", "It wrote"), ("now", "Now"), ("becomes", "Becomes"))
    ),
    Column("change", "Change", is_number=True, draw=difference),
    Column("reason", "Reason", draw=markup.wrapped),
)


def undo_page(
    request: HttpRequest, context: dict[str, Any], connection: Connection, writes: QuerySet[StockAdjustment]
) -> HttpResponseBase:
    """What taking these writes back would do now. `context` has the console's own, and `title`, `back` and `undo` (the
    addresses of the row and of the button's POST)."""
    found = list(islice(undo.steps(connection, writes), MOST_ROWS + 1))
    shown = found[:MOST_ROWS]
    rows = StockLink.objects.filter(pk__in=[step.last.link_id for step in shown])
    by_link = {row.pk: row.variant_link for row in rows.select_related("variant_link__source_variant")}
    table = _table(shown, by_link, asked_sort(request))
    if wants_file(request):
        return table.write()
    context |= {
        "preview": table,
        "has_changes": any(not step.reason for step in shown),
        "is_cut": len(found) > MOST_ROWS,
        "limit": MOST_ROWS,
        "is_two_way": connection.is_two_way,
        "inert": connection.why_inert(),
    }
    return TemplateResponse(request, "admin/syncing/undo.html", context)


def _table(steps: Sequence[undo.Step], by_link: dict[int, VariantLink], sort: str) -> Preview:
    rows = [_row(step, by_link) for step in steps]
    ranks = [row.rank for row in rows]
    totals = [
        Total(ranks.count(FALLS), "item falls to 0", "items fall to 0", is_grave=True),
        Total(len(ranks) - ranks.count(STAYS), "quantity is taken back", "quantities are taken back"),
        Total(ranks.count(STAYS), "quantity is left alone", "quantities are left alone"),
    ]
    return Preview("undo", COLUMNS, rows, totals, sort)


def _row(step: undo.Step, by_link: dict[int, VariantLink]) -> Row:
    level, link = step.last.level, by_link.get(step.last.link_id or 0)
    becomes = None if step.reason else step.becomes
    change = None if becomes is None or step.now is None else becomes - step.now
    rank = STAYS if step.reason else FALLS if becomes == 0 and step.now != 0 else CHANGES
    values = (
        str(link.source_variant) if link else level.item_gid.rsplit("/", 1)[-1],
        f"{level.location.store}, {level.location.name}",
        *(step.rows[0].change_from, step.last.change_to, step.now, becomes, change, step.reason),
    )
    return Row(values, rank)
