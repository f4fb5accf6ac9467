"""What would change, as a table: totals and falls to 0 first, numbers on the right, sorted by a press, and as CSV.

One for quantities, prices, products and files. Sorting and the file are links, or buttons of a form where what was
entered travels along; neither needs a script.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import slugify

from stores.linking import csv_file
from tiposync.console.kit import markup
from tiposync.console.kit.pages import csv_answer

SORT, FILE = "sort", "csv"  # in the address, or in the form
MOST_SHOWN_ROWS = 500
FALLS, CHANGES, STAYS = range(3)  # the ranks of rows, in the order in which they stand

Value = str | int | Decimal | None


@dataclass(frozen=True)
class Column:
    """A column: its name in address and file, its label, how a value looks; and whether the page has it, too."""

    name: str
    label: str
    is_number: bool = False
    draw: Callable[[Any], Any] = str
    is_shown: bool = True

    def shown(self, value: Value) -> Any:
        """A value as the page has it."""
        return markup.NOTHING if value is None or value == "" else self.draw(value)


@dataclass(frozen=True)
class Row:
    """A row: a value for each column, its rank, and the page that its first cell leads to."""

    values: tuple[Value, ...]
    rank: int = CHANGES
    url: str = ""


@dataclass(frozen=True)
class Total:
    """A number that stands above the table."""

    count: int
    one: str
    many: str
    is_grave: bool = False

    @property
    def words(self) -> str:
        return self.one if self.count == 1 else self.many


def number(value: int | Decimal) -> str:
    """A number on the page."""
    return f"{value:,}"


def money(value: Decimal) -> str:
    """An amount on the page, with the decimals that it has."""
    return f"{value:,f}"


def difference(value: int | Decimal) -> str:
    """A change, with its sign."""
    return f"{value:+,f}" if isinstance(value, Decimal) else f"{value:+,}"


@dataclass
class Preview:
    """A table of what would change. `name` is its file's.

    `rows` are all of it; or, where there is a `count`, the first of so many, `is_in_order` as the database gave them.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row] = ()
    totals: Sequence[Total] = ()
    sort: str = ""
    form: str = ""  # the id of the form that is sent to sort, where there is one
    form_url: str = ""  # and where it is sent to
    count: int = -1
    is_in_order: bool = False

    def __post_init__(self) -> None:
        self.count = len(self.rows) if self.count < 0 else self.count
        name = self.sort.removeprefix("-")
        self.sort = self.sort if name in {column.name for column in self.columns} else ""
        if not self.is_in_order:
            self.rows = self._in_order()

    def _in_order(self) -> list[Row]:
        rows = sorted(self.rows, key=lambda row: row.rank)
        if not self.sort:
            return rows
        names = [column.name for column in self.columns]
        at = names.index(self.sort.removeprefix("-"))
        known = [row for row in rows if row.values[at] not in (None, "")]
        known.sort(key=lambda row: _key(row.values[at]), reverse=self.sort.startswith("-"))
        return known + [row for row in rows if row.values[at] in (None, "")]  # what is not known comes last

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The rows of the page as the template draws them."""
        return [
            {
                "url": row.url,
                "is_grave": row.rank == FALLS,
                "cells": [
                    {"label": column.label, "is_number": column.is_number, "words": column.shown(value)}
                    for column, value in zip(self.columns, row.values, strict=True)
                    if column.is_shown
                ],
            }
            for row in self.rows[:MOST_SHOWN_ROWS]
        ]

    @property
    def heads(self) -> list[dict[str, Any]]:
        """The heads of the columns: how each is sorted by, and what a press makes of it."""
        found = []
        for column in filter(lambda column: column.is_shown, self.columns):
            is_up, is_down = self.sort == column.name, self.sort == f"-{column.name}"
            # The largest first, where a number is pressed.
            turned = f"-{column.name}" if (is_up or (column.is_number and not is_down)) else column.name
            found.append(
                {
                    "label": column.label,
                    "is_number": column.is_number,
                    "sort": turned,
                    "state": "ascending" if is_up else "descending" if is_down else "",
                    "arrow": "↑" if is_up else "↓" if is_down else "↕",
                }
            )
        return found

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than the page shows; the file has them."""
        return self.count > len(self.shown)

    @property
    def count_words(self) -> str:
        """How many rows there are: as many lines has the file."""
        return f"{self.count:,} {'row' if self.count == 1 else 'rows'}"

    def write(self, rows: Iterable[Row] | None = None) -> StreamingHttpResponse:
        """The file: a line for each row, in the order of the page."""
        lines = (["" if value is None else value for value in row.values] for row in (rows or self.rows))
        text = csv_file.write_lines(lines, [column.name for column in self.columns])
        return csv_answer(text, slugify(self.name))


def _key(value: Value) -> Any:
    return value.casefold() if isinstance(value, str) else value


def asked_sort(request: HttpRequest) -> str:
    """By which column the page, or the form, asks to sort."""
    return request.POST.get(SORT, "") or request.GET.get(SORT, "")


def entered(request: HttpRequest) -> list[tuple[str, str]]:
    """What a form sent, to travel along in the next one."""
    left_out = (SORT, FILE, "csrfmiddlewaretoken")
    return [(name, text) for name, texts in request.POST.lists() for text in texts if name not in left_out]


def is_about_table(request: HttpRequest) -> bool:
    """Whether a form was sent to sort the table, or for its file: nothing is to be done then."""
    return SORT in request.POST or FILE in request.POST


def wants_file(request: HttpRequest) -> bool:
    """Whether the file is asked for, and no page."""
    return FILE in request.POST or FILE in request.GET
