"""The lines of a run as a table: what it removes first, with all of them in its file."""

from collections.abc import Iterator

from django.db.models import Case, QuerySet, Value, When
from django.urls import reverse

from syncing.models import CatalogueRun, CatalogueRunItem
from tiposync.console.kit import markup
from tiposync.console.kit.previews import CHANGES, FALLS, Column, Preview, Row

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
REMOVALS = (Action.DELETE, Action.UNPUBLISH)
ORDER = (*REMOVALS, Action.CREATE, Action.UPDATE, Action.RELINK, Action.SKIP, Action.EQUAL)  # of the counts
MOST_SHOWN_ROWS = 100
OUTCOMES = dict(CatalogueRunItem.Outcome.choices)


def _outcome(value: str) -> str:
    return markup.pill(markup.TONES.get(value, markup.QUIET), OUTCOMES[value])


COLUMNS = (
    Column("what", "What", draw=markup.wrapped),
    Column("action", "Action", draw=lambda value: Action(value).label),
    Column("outcome", "Outcome", draw=_outcome),
    Column("why", "Why", draw=markup.wrapped),
)
FIELDS = {"what": "title", "action": "action", "outcome": "outcome", "why": "reason"}


def table_of(run: CatalogueRun, sort: str) -> Preview:
    """The first lines of a run that tell something, and how many there are."""
    rows = list(_rows(_lines(run, sort)[:MOST_SHOWN_ROWS]))
    return Preview(f"run {run.pk}", COLUMNS, rows, sort=sort, count=_noteworthy(run).count(), is_in_order=True)


def all_of(run: CatalogueRun, sort: str) -> Iterator[Row]:
    """All lines that tell something."""
    return _rows(_lines(run, sort))


def _noteworthy(run: CatalogueRun) -> QuerySet[CatalogueRunItem]:
    return run.items.exclude(action=Action.EQUAL, outcome=Result.DONE)


def _lines(run: CatalogueRun, sort: str) -> QuerySet[CatalogueRunItem]:
    first = Case(When(action__in=REMOVALS, then=Value(0)), default=Value(1))
    own = (first, "-failure", "id") if run.is_preview else ("-failure", first, "id")
    if (name := sort.removeprefix("-")) in FIELDS:
        own = (("-" if sort.startswith("-") else "") + FIELDS[name], *own)
    return _noteworthy(run).defer("differences").order_by(*own)


def _rows(items: QuerySet[CatalogueRunItem]) -> Iterator[Row]:
    for item in items.iterator():
        rank = FALLS if item.action in REMOVALS else CHANGES
        url = reverse("admin:syncing_cataloguerunitem_change", args=[item.pk])
        yield Row((item.title or item.source_gid, item.action, item.outcome, item.reason), rank, url)
