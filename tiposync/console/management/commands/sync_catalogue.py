"""Start, preview, watch and steer the catalogue runs of a connection."""

import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from stores.clients import open_client, open_for_check
from stores.models import Connection
from stores.shopify.errors import ShopifyError
from syncing.catalogue.policy import NoRate
from syncing.catalogue.runs import lifecycle, plan, worker
from syncing.connections.product_matching import match_others, match_product
from syncing.models import CatalogueRun, CatalogueRunItem, SyncJob
from syncing.queue import enqueue
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_connection, name_of

POLL_SECONDS = 0.5
SLICE_SECONDS = 2.0
BAR_CHARACTERS = 24
STEPS = ("pause", "resume", "cancel", "release", "discard")

EXPLANATION = """\
A run looks at every product that the source shares, and creates, updates or lets go of its partner in the destination
as the connection's product sync says (set_catalogue shows and changes that). It is resumed by itself after a crash.

  start     begin a run; the first one of a connection also starts its product sync (default)
  preview   list what a run would do: create, update, unpublish, delete, skip, and why; writes nothing
  status    how the last run is
  pause, resume, cancel     steer the run that is under way
  release, discard          a run that needs review, for it would remove too much: let it, or keep the products

Workers do the work; --here does it in this process, --wait watches theirs. Both show the progress.

Examples:
  manage.py sync_catalogue main.myshopify.com:eu.myshopify.com preview
  manage.py sync_catalogue main.myshopify.com:eu.myshopify.com start --wait
  manage.py sync_catalogue main.myshopify.com:eu.myshopify.com start --kind prices

Exit codes: 0 done or queued; 1 refused, failed, to be reviewed, or things failed in it; 2 wrong usage.
"""


def _is_over_after(seconds: float) -> Callable[[], bool]:
    ends_at = time.monotonic() + seconds
    return lambda: time.monotonic() > ends_at


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("connection", help="source:destination (their domains), or its number")
        parser.add_argument("action", nargs="?", default="start", choices=["start", "preview", "status", *STEPS])
        kinds = [str(kind) for kind in CatalogueRun.Kind if kind not in ("unlink", "first")]
        parser.add_argument("--kind", choices=kinds, default="all", help="what to look at (default: %(default)s)")
        parser.add_argument("--here", action="store_true", help="work in this process instead of the workers")
        parser.add_argument("--wait", action="store_true", help="watch the workers until the run needs nobody")
        parser.add_argument("--limit", type=int, default=200, metavar="N", help="list at most so many (default 200)")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = find_connection(options["connection"])
        try:
            self._act(connection, options)
        except (lifecycle.RunRefused, NoRate, ShopifyError) as error:
            raise CommandError(f"{name_of(connection)}: {error}") from None

    def _act(self, connection: Connection, options: dict[str, Any]) -> None:
        action = options["action"]
        if action == "status":
            self._print_run(self._last(connection), options["limit"])
        elif action in STEPS:
            run = self._last(connection)
            getattr(lifecycle, action)(run)
            if action in ("resume", "release"):
                enqueue.run_catalogue(run)
            self._print_run(run, 0)
        else:
            self._begin(connection, options)

    def _last(self, connection: Connection) -> CatalogueRun:
        known = connection.catalogue_runs.filter(is_preview=False)
        run = known.filter(state__in=CatalogueRun.UNDER_WAY).first() or known.first()
        if run is None:
            raise CommandError(f"{name_of(connection)} has had no sync run yet.")
        return run

    def _begin(self, connection: Connection, options: dict[str, Any]) -> None:
        is_preview = options["action"] == "preview"
        kind = options["kind"]
        settings = getattr(connection, "catalogue", None)
        if kind == CatalogueRun.Kind.ALL and settings and not settings.synced_with:
            kind = CatalogueRun.Kind.FIRST
        if kind == CatalogueRun.Kind.RETRY:
            run = lifecycle.retry(self._last(connection), is_preview=is_preview)
        else:
            run = lifecycle.start(connection, kind, is_preview=is_preview)
        if options["here"] or is_preview:
            self._work_here(run)
        else:
            enqueue.run_catalogue(run)
            if not options["wait"]:
                self.stdout.write(f"{name_of(connection)}: queued.")
                return
            self._watch(run)
        run.refresh_from_db()
        self._print_run(run, options["limit"] if is_preview else 0)
        failed = run.items.filter(outcome=CatalogueRunItem.Outcome.FAILED)
        if failed.exists() or run.state in (CatalogueRun.State.HELD, CatalogueRun.State.FAILED):
            self._list(failed, options["limit"])
            raise CommandError(run.hold_reason or f"{failed.count()} failed.")

    def _work_here(self, run: CatalogueRun) -> None:
        is_planned = run.cursor == plan.PLANNED
        is_over, opens = False, open_for_check if run.is_preview else open_client
        while not is_over:
            work = worker.carry_out(run, opens, match_product, _is_over_after(SLICE_SECONDS))
            is_over = work.is_over
            if work.is_wired:
                enqueue.carry_stock(run.connection)
            for product_gid in work.awaiting:
                enqueue.sync_product(run.connection, product_gid, due_in=enqueue.FILES_SECONDS)
            run.refresh_from_db()
            self._progress(run)
            if work.busy and not is_over:
                time.sleep(POLL_SECONDS)
        if not is_planned:
            match_others(run.connection, [run.connection.source])
        self._end_line()

    def _watch(self, run: CatalogueRun) -> None:
        own = SyncJob.objects.filter(kind=SyncJob.Kind.RUN_CATALOGUE, subject=f"run {run.pk}")
        while run.state in (CatalogueRun.State.PLANNING, CatalogueRun.State.RUNNING):
            if failed := own.filter(state=SyncJob.State.FAILED).first():
                raise CommandError(f"{run}: {failed.message}")
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()
            self._progress(run)
        self._end_line()

    # Words

    def _progress(self, run: CatalogueRun) -> None:
        """One line that is written over and over; in a file or pipe only its end is."""
        if self.stdout.isatty():
            self.stdout.write(f"\r{progress_line(run)}\x1b[K", ending="")
            self.stdout.flush()

    def _end_line(self) -> None:
        if self.stdout.isatty():
            self.stdout.write("")

    def _print_run(self, run: CatalogueRun, limit: int) -> None:
        self.stdout.write(f"{run}: {run.get_state_display()}. {progress_line(run)}")
        if run.hold_reason:
            self.stdout.write(f"  {run.hold_reason}")
        counted = (f"{CatalogueRunItem.Action(action).label.lower()} {n:,}" for action, n in sorted(run.counts.items()))
        self.stdout.write(f"  {', '.join(counted) or 'nothing to do'}")
        if limit:
            self._list(run.items.exclude(action=CatalogueRunItem.Action.EQUAL), limit)

    def _list(self, items: Any, limit: int) -> None:
        for item in items[:limit]:
            reason = f": {item.reason}" if item.reason else ""
            self.stdout.write(f"  {item.get_action_display():<10} {item.title}{reason}")
            for row in item.differences:
                subject = f" of {row['subject']}" if row["subject"] else ""
                self.stdout.write(
                    f"             {row['field']}{subject}: {row['current']!s:.60} → {row['wanted']!s:.60}"
                )
        if (more := items.count() - limit) > 0:
            self.stdout.write(f"  … and {more:,} more")


def progress_line(run: CatalogueRun) -> str:
    """How far a run is, in one line: a bar, numbers, rate, time left, failures."""
    filled = BAR_CHARACTERS * run.done // run.total if run.total else 0
    parts = [f"[{'#' * filled}{'.' * (BAR_CHARACTERS - filled)}] {run.done:,} of {run.total:,}"]
    if rate := run.rate():
        parts.append(f"{rate:.1f} per second")
    if left := run.time_left():
        parts.append(f"{left} left")
    if run.failed:
        parts.append(f"{run.failed:,} failed")
    return ", ".join(parts)
