"""A button above a list that takes out what it shows: its columns, and as many lines as its title says."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.text import slugify
from unfold.decorators import action

from stores.linking import csv_file
from tiposync.console.kit import markup
from tiposync.console.kit.pages import ReadOnlyPage, csv_answer, listed_rows

MOST_ROWS = 100_000
CHUNK_ROWS = 500
TIME = re.compile(r'<time [^>]*?datetime="([^"]+)"[^>]*>.*?</time>')


class ExportedList(ReadOnlyPage):
    """Adds the button. Instants are whole, with their offset; on the page many are distances from now."""

    actions_list = ["export_rows"]

    @action(description="Export to CSV", url_path="export", permissions=["view"], icon="download")
    def export_rows(self, request: HttpRequest) -> StreamingHttpResponse:
        """The rows of the list as it is filtered, searched and sorted; no more than MOST_ROWS."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = listed_rows(self, request)[:MOST_ROWS]
        names = [str(name) for name in self.list_display]
        heads = [str(label_for_field(name, self.model, self)) for name in names]
        lines = self._lines(rows.iterator(CHUNK_ROWS), names)
        return csv_answer(csv_file.write_lines(lines, heads), slugify(str(self.opts.verbose_name_plural)))

    def _lines(self, rows: Iterator[Any], names: list[str]) -> Iterator[list[str]]:
        for row in rows:
            yield [words_of(getattr(self, name)(row)) for name in names]


def words_of(cell: Any) -> str:
    """What a cell of a list says, without its looks."""
    text = unescape(strip_tags(TIME.sub(r"\1", str(cell)))).strip()
    return "" if text == markup.NOTHING else text
