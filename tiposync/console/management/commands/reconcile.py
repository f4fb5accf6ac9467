"""Compare connections with what Shopify says now, and have what differs corrected; or only show it."""

import time
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from stores.clients import open_for_check
from stores.models import Connection
from stores.shopify.errors import ShopifyError
from syncing.models import SyncJob
from syncing.queue import enqueue
from syncing.stock import preview
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_connection, name_of
from tiposync.console.management.preview import preview_line

POLL_SECONDS = 0.5

EXPLANATION = """\
Compares every linked quantity of the connections with what both stores say now. What differs is corrected by the
workers, one careful change at a time; this also happens by itself every hour. A connection that is paused, stopped or
not started is not compared.

With --preview nothing is written: every quantity that would change is shown, read live.

Examples:
  manage.py reconcile main.myshopify.com:eu.myshopify.com --wait
  manage.py reconcile --all --preview

Exit codes: 0 done (without --wait: queued); 1 refused, failed, or --wait took too long; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "connections", nargs="*", metavar="connection", help="source:destination (their domains), or its number"
        )
        parser.add_argument("--all", action="store_true", help="all started connections that are not paused")
        parser.add_argument("--preview", action="store_true", help="only show what would change; writes nothing")
        parser.add_argument("--wait", action="store_true", help="wait until the workers have compared, and tell")
        parser.add_argument(
            "--timeout", type=float, default=600, metavar="SECONDS", help="of --wait (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["connections"]) == options["all"]:
            raise CommandError("Name connections, or give --all.", returncode=2)
        connections = self._connections(options)
        if not connections:
            self.stdout.write("No connection is started and free to be compared: sync_status tells how each stands.")
        if options["preview"]:
            for connection in connections:
                self._preview(connection)
            return
        asked_at = timezone.now()
        for connection in connections:
            enqueue.reconcile(connection, trigger="operator")
            self.stdout.write(f"{name_of(connection)}: queued.")
        if options["wait"]:
            self._wait(connections, asked_at, options["timeout"])

    def _connections(self, options: dict[str, Any]) -> list[Connection]:
        if options["all"]:
            known = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
            return [connection for connection in known if self._is_working(connection)]
        connections = [find_connection(text) for text in options["connections"]]
        for connection in connections:
            if reason := connection.why_inert():
                raise CommandError(f"{name_of(connection)} is not compared. {reason}")
        return connections

    def _is_working(self, connection: Connection) -> bool:
        reason = connection.why_inert()
        if reason:
            self.stdout.write(f"{name_of(connection)}: left out. {reason}")
        return not reason

    def _preview(self, connection: Connection) -> None:
        count = 0
        self.stdout.write(f"{name_of(connection)}:")
        try:
            for row in preview.preview(connection, open_for_check):
                count += row.differs
                self.stdout.write(f"  {preview_line(row)}")
        except ShopifyError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"  {count} pairs would change." if count else "  Nothing would change.")

    def _wait(self, connections: list[Connection], asked_at: datetime, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        failed = []
        for connection in connections:
            job = self._finished_job(connection, asked_at, deadline)
            self.stdout.write(f"{name_of(connection)}: {job.message}")
            if job.state == SyncJob.State.FAILED:
                failed.append(name_of(connection))
        if failed:
            raise CommandError(f"Failed: {', '.join(failed)}.")

    def _finished_job(self, connection: Connection, asked_at: datetime, deadline: float) -> SyncJob:
        """The reconciliation that ran after we asked; one that was running then began before, and does not count."""
        own = SyncJob.objects.filter(kind=SyncJob.Kind.RECONCILE, connection=connection)
        over = [SyncJob.State.SUCCEEDED, SyncJob.State.FAILED]
        while True:
            under_way = own.exclude(state__in=over).first()
            if under_way is None and (job := own.filter(state__in=over, finished_at__gte=asked_at).first()):
                return job
            if time.monotonic() > deadline:
                words = f" It said: {under_way.message}" if under_way and under_way.message else ""
                raise CommandError(
                    f"{name_of(connection)} was not compared in time.{words} It stays queued; do the workers run?"
                )
            time.sleep(POLL_SECONDS)
