"""The table of currency rates, pure: reading it from a CSV file, and the rate of a day."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

COLUMNS = ("date", "from", "to", "rate")
MOST_ROWS = 10_000
MOST_PROBLEMS = 20
_LARGEST = Decimal(10) ** 10  # what the column of the database holds: 18 digits, 8 of them behind the point
_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class RateRow:
    """One unit of `base` is `rate` units of `quote` from `valid_from` on."""

    base: str
    quote: str
    rate: Decimal
    valid_from: date


class RateTableError(ValueError):
    """A table that cannot be taken; `problems` says what is wrong in which line. Nothing of it counts."""

    def __init__(self, problems: list[str]) -> None:
        shown = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            shown.append(f"… and {len(problems) - MOST_PROBLEMS} more.")
        super().__init__("\n".join(shown))
        self.problems = shown


def parse_rates(text: str) -> list[RateRow]:
    """The rows of a CSV file with the columns date, from, to and rate, in any order, separated by commas or semicolons.

    Dates are like 2026-11-21, currencies like EUR. In a file with semicolons the rate may have a decimal comma. Raises
    RateTableError with all that is wrong.
    """
    text = text.removeprefix("\ufeff").replace("\x00", "")
    first_line = text.lstrip("\r\n").partition("\n")[0]
    separator = ";" if first_line.count(";") > first_line.count(",") else ","
    try:
        lines = [(number, row) for number, row in _numbered(text, separator) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise RateTableError([f"This is no CSV file: {error}."]) from None
    if not lines:
        raise RateTableError(["The file is empty. Its first line must name the columns: date, from, to, rate."])
    names = _header(lines[0][1])
    if len(lines) - 1 > MOST_ROWS:
        raise RateTableError([f"At most {MOST_ROWS:,} rates in one file, not {len(lines) - 1:,}."])
    return _rows(lines[1:], names, separator == ";")


def _numbered(text: str, separator: str) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for row in reader:
        yield reader.line_num, row


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip().casefold() for cell in cells]
    problems = [f"Line 1: there is no column “{name}”." for name in COLUMNS if name not in names]
    problems += [f"Line 1: the column “{name[:40]}” is not known." for name in names if name and name not in COLUMNS]
    problems += [f"Line 1: the column “{name}” stands there twice." for name in COLUMNS if names.count(name) > 1]
    if problems:
        raise RateTableError([*problems, "The columns must be: date, from, to, rate."])
    return names


def _rows(lines: list[tuple[int, list[str]]], names: list[str], may_have_comma: bool) -> list[RateRow]:
    rows: list[RateRow] = []
    problems: list[str] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, cells in lines:
        if len(cells) != len(names):
            problems.append(f"Line {number}: {len(cells)} columns instead of {len(names)}.")
            continue
        try:
            row = _row({name: cell.strip() for name, cell in zip(names, cells, strict=True)}, may_have_comma)
        except ValueError as error:
            problems.append(f"Line {number}: {error}")
            continue
        key = (row.base, row.quote, row.valid_from)
        if key in seen:
            problems.append(f"Line {number}: the same currencies and date as in line {seen[key]}.")
        seen.setdefault(key, number)
        rows.append(row)
    if problems:
        raise RateTableError(problems)
    return rows


def _row(cells: dict[str, str], may_have_comma: bool) -> RateRow:
    base, quote = (_currency(cells[name], name) for name in ("from", "to"))
    if base == quote:
        raise ValueError(f"a rate from {base} to itself.")
    return RateRow(base, quote, _rate(cells["rate"], may_have_comma), _date(cells["date"]))


def _currency(text: str, column: str) -> str:
    code = text.upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError(f"“{text[:40]}” in the column “{column}” is no currency like EUR.")
    return code


def _date(text: str) -> date:
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text[:40]}” is no date like 2026-11-21.") from None


def _rate(text: str, may_have_comma: bool) -> Decimal:
    try:
        rate = Decimal(text.replace(",", ".") if may_have_comma else text)
    except InvalidOperation:
        raise ValueError(f"“{text[:40]}” is no rate like 1.0853.") from None
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"the rate must be above 0, not “{text[:40]}”.")
    if rate >= _LARGEST or rate != round(rate, _DECIMALS):
        raise ValueError(f"the rate “{text[:40]}” has more than 10 digits before or 8 behind the point.")
    return rate


def rate_on(rows: Iterable[RateRow], base: str, quote: str, day: date) -> Decimal | None:
    """The rate of a day: of the newest row of the two currencies that is valid by then; None if there is none.

    A currency in itself is 1. The table is not read backwards: what EUR is in USD does not tell what USD is in EUR.
    """
    if base == quote:
        return Decimal(1)
    fitting = [row for row in rows if (row.base, row.quote) == (base, quote) and row.valid_from <= day]
    return max(fitting, key=lambda row: row.valid_from).rate if fitting else None
