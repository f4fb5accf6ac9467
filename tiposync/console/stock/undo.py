"""The page before an undo: what would be taken back, level by level, and what is left alone and why."""

from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from stores.models import Connection, VariantLink
from syncing.models import StockAdjustment, StockLink
from syncing.stock import undo
from tiposync.console.kit import markup

UNDO = "syncing.undo_run"
MOST_ROWS = 500
QUEUED = "Queued: what nobody changed since is taken back. “Jobs” tells what came of it."
HEADS = ("Variant", "Where", "The run wrote")


def undo_page(
    request: HttpRequest, context: dict[str, Any], connection: Connection, writes: QuerySet[StockAdjustment]
) -> HttpResponse:
    """What taking these writes back would do now. `context` has the console's own, and `title`, `back` and `undo` (the
    addresses of the row and of the button's POST)."""
    found = list(islice(undo.steps(connection, writes), MOST_ROWS + 1))
    shown = found[:MOST_ROWS]
    rows = StockLink.objects.filter(pk__in=[step.last.link_id for step in shown])
    by_link = {row.pk: row.variant_link for row in rows.select_related("variant_link__source_variant")}
    context |= {
        "changes": markup.table(
            (*HEADS, "It would become"), [_row(step, by_link) for step in shown if not step.reason]
        ),
        "left": markup.table((*HEADS, "Reason"), [_row(step, by_link) for step in shown if step.reason]),
        "is_cut": len(found) > MOST_ROWS,
        "limit": MOST_ROWS,
        "is_two_way": connection.is_two_way,
        "inert": connection.why_inert(),
    }
    return TemplateResponse(request, "admin/syncing/undo.html", context)


def _row(step: undo.Step, by_link: dict[int, VariantLink]) -> tuple[Any, ...]:
    level, link = step.last.level, by_link.get(step.last.link_id or 0)
    return (
        link.source_variant if link else level.item_gid.rsplit("/", 1)[-1],
        f"{level.location.store}, {level.location.name}",
        markup.change(step.rows[0].change_from, step.last.change_to),
        step.reason or markup.change(step.now, step.becomes),
    )
