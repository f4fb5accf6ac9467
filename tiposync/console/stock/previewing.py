"""The page before a start: every quantity that would change, read live once, then sorted as often as liked."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone

from stores.clients import OpenClient
from stores.models import Connection
from syncing.models import StockLink
from syncing.stock import preview
from syncing.stock.preview import PreviewRow
from tiposync.console.kit import markup
from tiposync.console.kit.pages import signed_in
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
from tiposync.console.models import KeptPreview

MOST_ROWS = 500
KEPT = "kept"  # in an address: what was read for this page is wanted again, not what the stores say now
KEPT_FOR = timedelta(hours=1)

VARIANT = Column("variant", "Variant")
SOURCE_COLUMNS = (
    Column("source", "Source", is_number=True, draw=markup.quantity),
    Column("source_becomes", "Source becomes", is_number=True, draw=markup.quantity),
)
DESTINATION_COLUMNS = (
    Column("destination", "Destination", is_number=True, draw=markup.quantity),
    Column("destination_becomes", "Becomes", is_number=True, draw=markup.quantity),
    Column("change", "Change", is_number=True, draw=difference),
)
REASON = Column("reason", "Reason", draw=markup.wrapped)


def preview_page(
    request: HttpRequest,
    connection: Connection,
    context: dict[str, Any],
    clients: OpenClient,
    note: Callable[[int, int], None],
) -> HttpResponseBase:
    """The page, or its file. `note(changes, rows)` is told when both stores were read.

    Raises what the client raises.
    """
    kept = _read(request, connection, clients, note)
    rows = [PreviewRow(**row) for row in kept.rows]
    shown = table_of(rows[:MOST_ROWS], f"preview {connection.pk}", asked_sort(request))
    if wants_file(request):
        return shown.write()
    context |= {
        "preview": shown,
        "place": rows[0].locations if len({row.locations for row in rows}) == 1 else "",
        "read": markup.ago(kept.made_at),
        "is_cut": len(rows) > MOST_ROWS,
        "limit": MOST_ROWS,
        "has_pairs": StockLink.objects.filter(connection=connection).exists(),
    }
    return TemplateResponse(request, "admin/stores/connection/preview.html", context)


def _read(
    request: HttpRequest, connection: Connection, clients: OpenClient, note: Callable[[int, int], None]
) -> KeptPreview:
    """What both stores say now; or said, for whoever sorts it or takes it out: no store is asked for that again."""
    own: dict[str, Any] = {"user": signed_in(request), "subject": f"connection {connection.pk}"}
    since = timezone.now() - KEPT_FOR
    if KEPT in request.GET and (kept := KeptPreview.objects.filter(**own, made_at__gte=since).first()):
        return kept
    found = list(islice(preview.preview(connection, clients), MOST_ROWS + 1))
    note(sum(row.differs for row in found), len(found))
    KeptPreview.objects.filter(made_at__lt=since).delete()
    values = {"rows": [asdict(row) for row in found], "made_at": timezone.now()}
    kept, _ = KeptPreview.objects.update_or_create(values, **own)
    return kept


def table_of(rows: Sequence[PreviewRow], name: str, sort: str = "") -> Preview:
    """Previewed pairs as a table: what falls to 0, what else changes, then what is left alone and why."""
    changes_source = any(row.source != row.source_becomes for row in rows)
    has_reasons = any(row.reason for row in rows)
    locations = Column("locations", "Locations", is_shown=len({row.locations for row in rows}) > 1)
    columns = [VARIANT, locations, *SOURCE_COLUMNS[: 1 + changes_source], *DESTINATION_COLUMNS]
    columns += [REASON] if has_reasons else []
    drawn = [Row(_values(row, changes_source, has_reasons), rank_of(row)) for row in rows]
    ranks = [row.rank for row in drawn]
    totals = [
        Total(ranks.count(FALLS), "item falls to 0", "items fall to 0", is_grave=True),
        Total(ranks.count(FALLS) + ranks.count(CHANGES), "item would change", "items would change"),
        Total(ranks.count(STAYS), "item is left alone", "items are left alone"),
    ]
    return Preview(name, columns, drawn, totals, sort)


def rank_of(row: PreviewRow) -> int:
    """Where a row stands: one side sold and would be 0, it changes otherwise, or it is left alone."""
    if not row.differs:
        return STAYS
    sides = ((row.source, row.source_becomes), (row.destination, row.destination_becomes))
    return FALLS if any(after == 0 and before != 0 for before, after in sides) else CHANGES


def _values(row: PreviewRow, changes_source: bool, has_reasons: bool) -> tuple[Any, ...]:
    source = (row.source, row.source_becomes) if changes_source else (row.source,)
    return (
        *(row.variant, row.locations, *source, row.destination, row.destination_becomes, _change(row)),
        *((row.reason,) if has_reasons else ()),
    )


def _change(row: PreviewRow) -> int | None:
    """By how much: of the destination, unless only the source changes."""
    sides = ((row.destination, row.destination_becomes), (row.source, row.source_becomes))
    for before, after in sides:
        if before is not None and after is not None and before != after:
            return after - before
    return None
