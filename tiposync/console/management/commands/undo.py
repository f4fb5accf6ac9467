"""Take the stock writes of a reconciliation or of a first alignment back; or only show what that would do."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from stores.models import Connection
from syncing.models import Reconciliation
from syncing.queue import enqueue
from syncing.stock import undo
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_connection, name_of

EXPLANATION = """\
Takes back what a run wrote, level by level, wherever nobody changed the level since; the rest is left alone and listed.
Two-way, the difference that the run had synced stands again between both stores; one-way, the destination keeps its
value until the source changes.

Examples:
  manage.py undo --reconciliation 12 --preview
  manage.py undo --alignment main.myshopify.com:eu.myshopify.com

Exit codes: 0 queued, or shown; 1 refused; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reconciliation", type=int, metavar="NUMBER", help="the number in its address")
        what.add_argument("--alignment", metavar="CONNECTION", help="source:destination (their domains), or its number")
        parser.add_argument("--preview", action="store_true", help="only show what would become of each level")

    def handle(self, *args: Any, **options: Any) -> None:
        run = self._run(options["reconciliation"])
        connection = run.connection if run else find_connection(options["alignment"])
        if options["preview"]:
            self._preview(connection, run)
        elif reason := connection.why_inert():
            raise CommandError(f"{name_of(connection)}: nothing is taken back. {reason}")
        else:
            if run:
                enqueue.undo_run(run)
            else:
                enqueue.undo_alignment(connection)
            self.stdout.write(f"{name_of(connection)}: queued. The job “Undo a run” shows the result.")

    def _run(self, number: int | None) -> Reconciliation | None:
        if number is None:
            return None
        run = Reconciliation.objects.select_related("connection__source", "connection__destination").filter(pk=number)
        if not run:
            raise CommandError(f"There is no reconciliation {number}.")
        return run.get()

    def _preview(self, connection: Connection, run: Reconciliation | None) -> None:
        count = left = 0
        for step in undo.steps(connection, undo.writes_of(run) if run else undo.first_alignment_of(connection)):
            row = step.last
            words = step.reason or f"{step.now} → {step.becomes}"
            self.stdout.write(f"  {row.level.item_gid.rsplit('/', 1)[-1]} at {row.level.location}: {words}")
            count, left = count + (not step.reason), left + bool(step.reason)
        self.stdout.write(f"  Levels that would be taken back: {count}; left alone: {left}.")
