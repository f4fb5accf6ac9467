"""The CSV file of links, pure: its columns, its cells, and what people's spreadsheets make of both."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

COLUMNS = (
    "connection",
    "source_handle",
    "source_sku",
    "source_barcode",
    "source_title",
    "source_option",
    "source_gid",
    "state",
    "reason",
    "destination_sku",
    "destination_barcode",
    "destination_title",
    "destination_gid",
    "suggested_sku",
    "suggested_gid",
    "suggested_score",
    "suggested_reason",
    "decision",
)
# What an import reads; the others are there for people.
NEEDED = ("connection", "decision")
LINK, IGNORE, CLEAR = "link", "ignore", "clear"
DECISIONS = (LINK, IGNORE, CLEAR)
MOST_ROWS = 20_000
MOST_PROBLEMS = 200
MOST_CHARACTERS = 4_000_000  # characters
# A cell that begins with =, +, - or @ is a formula to a spreadsheet, and would be run there. One that parts cells at
# other characters than ours (Excel at ; in half of Europe) finds cells inside of ours, whatever quotes stand around.
_BEGINS = re.compile(r"""(\A|[,;\t\r\n])(?=['" ]*[=+\-@\t\r])""")
_ESCAPED = re.compile(r"""(\A|[,;\t\r\n])'(?=['" ]*[=+\-@\t\r])""")


class LinkFileError(ValueError):
    """A file that cannot be taken; `problems` says why, for operators."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One line of a file (its number counts from 1, the header's). A cell that is missing or blank is ''."""

    line: int
    connection: str
    source_gid: str = ""
    source_sku: str = ""
    source_barcode: str = ""
    destination_gid: str = ""
    destination_sku: str = ""
    destination_barcode: str = ""
    decision: str = ""


READ = tuple(name for name in LinkRow.__slots__ if name != "line")


def escape_cell(text: str) -> str:
    """A cell in which no spreadsheet finds a formula: what could be one gets an apostrophe in front."""
    return _BEGINS.sub(r"\1'", text)


def unescape_cell(text: str) -> str:
    """The cell as it was before escape_cell."""
    return _ESCAPED.sub(r"\1", text)


def write_lines(rows: Iterable[Sequence[object]], columns: Sequence[str] = COLUMNS) -> Iterator[str]:
    """The text of a file with these rows under their header, line by line; opens in Excel (byte order mark, CRLF)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell if isinstance(cell, int | Decimal) else escape_cell(str(cell)) for cell in row])
        if buffer.tell() > 32_768:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def read_text(data: bytes) -> str:
    """The text of a file. Raises LinkFileError."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:1000]:
        raise LinkFileError(["The file is no UTF-8 text: save it as “CSV UTF-8”, not as Unicode text or a workbook."])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LinkFileError(["The file is no UTF-8 text: save it as “CSV UTF-8”."]) from None


def parse_rows(text: str) -> list[LinkRow]:
    """The lines of a file. Commas, semicolons or tabs; the columns in any order. Raises LinkFileError."""
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise LinkFileError(["The file is empty."])
    if len(text) > MOST_CHARACTERS:
        raise LinkFileError([f"The file is too large: import at most {MOST_CHARACTERS:,} characters at a time."])
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().casefold() for cell in next(reader)]
        if problems := _header_problems(header):
            raise LinkFileError(problems)
        return _rows(reader, header)
    except csv.Error as error:
        raise LinkFileError([f"Line {reader.line_num}: this is no CSV file ({error})."]) from None


def _header_problems(header: Sequence[str]) -> list[str]:
    problems = [f"The column “{name}” is missing." for name in NEEDED if name not in header]
    if not {"source_gid", "source_sku", "source_barcode"} & set(header):
        problems.append("No column tells the source variant: source_gid, source_sku or source_barcode.")
    problems += [f"The column “{name}” is there twice." for name in READ if header.count(name) > 1]
    return problems


def _rows(reader: Iterator[list[str]], header: Sequence[str]) -> list[LinkRow]:
    rows: list[LinkRow] = []
    problems: list[str] = []
    line, decided = 1, 0
    for cells in reader:
        line += 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) and any(cells[len(header) :]):
            problems.append(f"Line {line}: more cells than the header has columns.")
        given = {name: unescape_cell(cell.strip()).strip() for name, cell in zip(header, cells, strict=False)}
        rows.append(LinkRow(line, **{name: given.get(name, "").replace("\x00", "") for name in READ}))
        decided += bool(rows[-1].decision)
        if decided > MOST_ROWS:
            raise LinkFileError([f"At most {MOST_ROWS:,} decisions at a time: split the file."])
    if problems:
        raise LinkFileError(problems[:MOST_PROBLEMS])
    if not rows:
        raise LinkFileError(["The file has a header and no lines."])
    return rows
