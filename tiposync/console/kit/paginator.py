"""How lists are cut into pages: which rows are on a page is found first, narrowly; then only those are read in full."""

from typing import Any, Self

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property
from unfold.paginator import InfinitePaginator

MOST_COUNTED_ROWS = 10_000
MOST_FOUND_ROWS = 1_000  # of a search, which looks at many rows for each that it finds


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
        return f"{int(self):,}+" if self.is_least else f"{int(self):,}"

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)


class _LateRows(Paginator):
    """A list's rows join many tables: sorting a hundred thousand of such wide rows for fifty takes seconds.

    `whole` are the rows as the page shows them, without any filter. `is_searched`: the rows were searched for words;
    `surely` are some of what was found, where these are found faster than all.
    """

    def __init__(
        self, *args: Any, whole: QuerySet, is_searched: bool = False, surely: QuerySet | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.whole, self.is_searched, self.surely = whole, is_searched, surely

    @property
    def _found(self) -> QuerySet:
        assert isinstance(self.object_list, QuerySet)  # a list of the console pages rows of a table, never of a list
        return self.object_list

    def page(self, number: int | str) -> Page:
        """The page with this number. Raises InvalidPage."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = self.whole.filter(pk__in=self._keys(first)).order_by(*self._found.query.order_by)
        return self._get_page(rows, number, self)  # type: ignore[attr-defined]  # Django's hook; the stubs lack it

    def _keys(self, first: int) -> list[Any]:
        """Of the rows of the page that begins with this one."""
        return list(self._found.select_related(None).values_list("pk", flat=True)[first : first + self.per_page])


class ListPaginator(_LateRows):
    """Numbered pages of what may be counted; beyond MOST_COUNTED_ROWS rows nobody pages, and `is_cut` says so.

    Of a search it is MOST_FOUND_ROWS, and what was found by then is not searched for again.
    """

    template_name = "admin/console/pagination.html"
    is_counted = True

    @property
    def _most(self) -> int:
        return MOST_FOUND_ROWS if self.is_searched else MOST_COUNTED_ROWS

    @cached_property
    def _counted(self) -> int:
        if not self.is_searched:
            return count_to(self._found.select_related(None), self._most + 1)
        if self.surely is not None and count_to(self.surely.select_related(None), self._most + 1) > self._most:
            return self._most + 1
        return len(self._first_found)

    @cached_property
    def _first_found(self) -> list[Any]:
        found = self._found.select_related(None).order_by()
        return list(found.values_list("pk", flat=True)[: self._most + 1])

    def _keys(self, first: int) -> list[Any]:
        if not self.is_searched or self.is_cut:
            return super()._keys(first)
        rows = self.whole.select_related(None).filter(pk__in=self._first_found)
        rows = rows.order_by(*self._found.query.order_by)
        return list(rows.values_list("pk", flat=True)[first : first + self.per_page])

    @property
    def count(self) -> int:
        return min(self._counted, self._most)

    @property
    def is_cut(self) -> bool:
        return self._counted > self._most

    def shown_count(self, on_page: int) -> Count:
        """How many rows the list says it has."""
        return Count(self.count, is_least=self.is_cut)


class EndlessPaginator(_LateRows, InfinitePaginator):
    """Previous and next, for tables of millions: nothing is counted."""

    is_counted = False

    def shown_count(self, on_page: int) -> Count:
        """Only what is on the page: so the list offers no choice of rows that nobody counted."""
        return Count(on_page)
