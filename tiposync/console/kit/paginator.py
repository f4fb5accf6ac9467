"""How lists are cut into pages: which rows are on a page is found first, narrowly; then only those are read in full."""

from typing import Any, Self

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property
from unfold.paginator import InfinitePaginator

MOST_COUNTED_ROWS = 10_000


def count_to(rows: QuerySet, most: int) -> int:
    """How many rows there are, but no more than `most` are counted."""
    return rows.order_by().values("pk")[:most].count()


class Count(int):
    """A number of rows as people read it."""

    is_least = False

    def __new__(cls, number: int, *, is_least: bool = False) -> Self:
        count = super().__new__(cls, number)
        count.is_least = is_least
        return count

    def __str__(self) -> str:
        return f"more than {int(self):,}" if self.is_least else f"{int(self):,}"

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)


class _LateRows(Paginator):
    """A list's rows join many tables: sorting a hundred thousand of such wide rows for fifty takes seconds.

    `whole` are the rows as the page shows them, without any filter.
    """

    def __init__(self, *args: Any, whole: QuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.whole = whole

    @property
    def _found(self) -> QuerySet:
        assert isinstance(self.object_list, QuerySet)  # a list of the console pages rows of a table, never of a list
        return self.object_list

    def page(self, number: int | str) -> Page:
        """The page with this number. Raises InvalidPage."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        found = self._found
        keys = list(found.select_related(None).values_list("pk", flat=True)[first : first + self.per_page])
        rows = self.whole.filter(pk__in=keys).order_by(*found.query.order_by)
        return self._get_page(rows, number, self)  # type: ignore[attr-defined]  # Django's hook; the stubs lack it


class ListPaginator(_LateRows):
    """Numbered pages of what may be counted; beyond MOST_COUNTED_ROWS rows nobody pages, and `is_cut` says so."""

    template_name = "admin/console/pagination.html"
    is_counted = True

    @cached_property
    def _counted(self) -> int:
        return count_to(self._found.select_related(None), MOST_COUNTED_ROWS + 1)

    @property
    def count(self) -> int:
        return min(self._counted, MOST_COUNTED_ROWS)

    @property
    def is_cut(self) -> bool:
        return self._counted > MOST_COUNTED_ROWS

    def shown_count(self, on_page: int) -> Count:
        """How many rows the list says it has."""
        return Count(self.count, is_least=self.is_cut)


class EndlessPaginator(_LateRows, InfinitePaginator):
    """Previous and next, for tables of millions: nothing is counted."""

    is_counted = False

    def shown_count(self, on_page: int) -> Count:
        """Only what is on the page: so the list offers no choice of rows that nobody counted."""
        return Count(on_page)
