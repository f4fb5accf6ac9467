"""Links as django-import-export takes them in: a dry run that says what each line does, then all of it or nothing."""

from collections.abc import Sequence
from typing import Any

import tablib
from django.db import IntegrityError
from import_export import resources
from import_export.instance_loaders import BaseInstanceLoader
from import_export.results import Error, Result, RowResult

from stores.linking import csv_import
from stores.linking.csv_file import LINK, READ, LinkFileError, LinkRow
from stores.linking.csv_import import NOTHING, Change
from stores.models import Connection

_TYPES = {NOTHING: RowResult.IMPORT_TYPE_SKIP, LINK: RowResult.IMPORT_TYPE_NEW}


class LinkResource(resources.Resource):
    """Decides a file as a whole: a line by itself could not tell that another one takes its partner.

    `changes` are its lines as planned, `connections` those that a real run changed.
    """

    class Meta:
        use_bulk = True  # no savepoint for each line: the whole file is one
        instance_loader_class = BaseInstanceLoader  # required, never asked: the plan loads in sets

    def __init__(self, by: object = None) -> None:
        super().__init__()
        self.by = by
        self.changes: list[Change] = []
        self.connections: list[Connection] = []

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        rows = [LinkRow(**dict(zip(dataset.headers, cells, strict=True))) for cells in dataset]
        csv_import.lock_connections(rows)
        self.changes = csv_import.plan(rows)

    def import_row(self, row: dict, instance_loader: Any, **kwargs: Any) -> RowResult:
        change, result = self.changes[kwargs["row_number"] - 1], RowResult()
        result.import_type = _TYPES.get(change.effect, RowResult.IMPORT_TYPE_UPDATE)
        if change.problem:
            result.import_type = RowResult.IMPORT_TYPE_ERROR
            result.errors.append(Error(LinkFileError([change.problem]), row, change.row.line))
        return result

    def after_import(self, dataset: tablib.Dataset, result: Result, **kwargs: Any) -> None:
        if not kwargs["dry_run"] and not result.has_errors():
            self.connections = csv_import.apply(self.changes, self.by)

    def handle_import_error(self, result: Result, error: Exception, raise_errors: bool = False) -> None:
        raise error  # what fails here is no line's fault, and no line is taken


def import_links(rows: Sequence[LinkRow], by: object, dry_run: bool) -> LinkResource:
    """Plan these lines and, unless it is a dry run, do them: all or nothing. Raises LinkFileError."""
    columns = ("line", *READ)
    dataset = tablib.Dataset(*([getattr(row, name) for name in columns] for row in rows), headers=columns)
    resource = LinkResource(by or "a user")
    try:
        resource.import_data(dataset, dry_run=dry_run, use_transactions=True)
    except IntegrityError:
        raise LinkFileError(["A partner was linked by somebody else in this moment. Look again."]) from None
    if problems := [f"Line {change.row.line}: {change.problem}" for change in resource.changes if change.problem]:
        raise LinkFileError(problems)
    return resource
