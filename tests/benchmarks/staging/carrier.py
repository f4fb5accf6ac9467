"""Do one piece of the workers' work in a process of its own and tell what it took, as JSON.

`python -m tests.benchmarks.staging.carrier KIND [--profile FILE]`, with KIND events, carry, reconcile, orders,
bare-orders, on-demand, catalogue, catalogue-singly (nothing in bulk) or reimport.

The pieces are the very functions that the job runner calls. What is told apart: seconds spent in HTTP (the simulator,
the wire), seconds slept (for Shopify's file, for its bucket, for company), and the rest, which is ours: Python and the
database.
"""

import argparse
import cProfile
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

django.setup()

import requests  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection as db  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.utils import timezone  # noqa: E402

from orders.copies import shopify_copy  # noqa: E402
from orders.models import OrderImport, OrderSettings  # noqa: E402
from stores.clients import open_client  # noqa: E402
from stores.models import Connection  # noqa: E402
from stores.shopify.errors import StoreRests  # noqa: E402
from stores.shopify.orders import order_lists  # noqa: E402
from stores.shopify.orders import orders as shopify_orders  # noqa: E402
from syncing import handlers  # noqa: E402
from syncing.catalogue.runs import lifecycle  # noqa: E402
from syncing.models import SyncJob  # noqa: E402
from syncing.queue import jobs  # noqa: E402

LOOK_SECONDS = 0.2  # between two looks at Shopify's bulk operation


class Stopwatch:
    """Adds up the seconds that a function takes, by being called in its place."""

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.seconds, self.calls = 0.0, 0

    def __call__(self, *arguments: object, **named: object) -> object:
        started = time.perf_counter()
        self.calls += 1
        try:
            return self.function(*arguments, **named)
        finally:
            self.seconds += time.perf_counter() - started


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(PIECES))
    parser.add_argument("--profile", help="also write cProfile's figures into this file")
    options = parser.parse_args()
    connection = Connection.objects.select_related("source", "destination").get()
    work = PIECES[options.kind]
    asked, slept = Stopwatch(requests.Session.send), Stopwatch(time.sleep)
    requests.Session.send = lambda self, *arguments, **named: asked(self, *arguments, **named)
    time.sleep = slept
    memory = _peak_bytes()
    started, cpu = time.perf_counter(), _cpu_seconds()
    asks = Stopwatch(lambda execute, *given: execute(*given))
    with cProfile.Profile() if options.profile else nullcontext() as profile, db.execute_wrapper(asks):
        told = work(connection)
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    if profile:
        profile.dump_stats(options.profile)
    own = seconds - asked.seconds - slept.seconds
    figures = {"seconds": seconds, "own": own, "http": asked.seconds, "slept": slept.seconds, "cpu": cpu}
    figures |= {"statements": asks.calls}
    print(json.dumps(figures | {"peak_bytes": _peak_bytes(), "bytes_at_start": memory, "told": told}))


def _peak_bytes() -> int:
    """Most memory that was resident. Not getrusage's: that counts what the process that started us had, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _cpu_seconds() -> float:
    """Processor time of this process and of its PostgreSQL backend: what it takes however busy the machine is."""
    with db.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _process_events(connection: Connection) -> str:
    handlers.process_events(SyncJob())
    return ""


def _carry(connection: Connection) -> str:
    return _until_done(lambda: handlers.carry_stock(SyncJob(connection=connection)), 0)


def _reconcile(connection: Connection) -> str:
    job = SyncJob(connection=connection, arguments={"trigger": "operator"})

    def work() -> str:
        try:
            return handlers.reconcile(job)
        except StoreRests:
            job.attempts += 1  # a worker's next try goes on with what this one has begun
            raise

    return _until_done(work, LOOK_SECONDS)


def _orders(connection: Connection) -> str:
    """Run jobs, as a worker does, until no order waits."""
    waiting = SyncJob.objects.filter(kind=SyncJob.Kind.IMPORT_ORDER, state=SyncJob.State.QUEUED)
    while waiting.exists():
        jobs.run_due(handlers.WORK, 1)
    return ""


def _on_demand(connection: Connection) -> str:
    """For each line of the input: process what was delivered, run at once what follows for orders, say "done"."""
    about_orders = (SyncJob.Kind.IMPORT_ORDER, SyncJob.Kind.UPDATE_ORDER)
    waiting = SyncJob.objects.filter(kind__in=about_orders, state=SyncJob.State.QUEUED)
    for _ in sys.stdin:
        _process_events(connection)
        while waiting.update(due_at=Now()):
            jobs.run_due(handlers.WORK, 1)
        print("done", flush=True)
    return ""


def _bare_orders(connection: Connection) -> str:
    """Read each order of the destination and create its copy: the calls, and nothing that makes them safe."""
    giver, taker = open_client(connection.destination), open_client(connection.source)
    since = datetime.now(UTC) - timedelta(days=1)
    gids = [summary.gid for summary in order_lists.iter_orders_updated(giver, since)]
    for gid in gids:
        order = shopify_orders.read_order(giver, gid)
        choices = shopify_copy.choices_of(OrderImport(connection=connection), OrderSettings.of(connection))
        mapped = shopify_copy.map_now(connection, order, shopify_copy.linked(connection, order), choices)
        shopify_copy.create(taker, mapped, lambda words: None)
    return str(len(gids))


def _run_catalogue(connection: Connection) -> str:
    run = lifecycle.start(connection, lifecycle.Kind.ALL if connection.catalogue.synced_with else lifecycle.Kind.FIRST)
    # A row: a long run notes there how far it is.
    fields = {"kind": SyncJob.Kind.RUN_CATALOGUE, "connection": connection, "arguments": {"run": run.pk}}
    job = SyncJob.objects.create(due_at=timezone.now(), **fields)
    following = SyncJob(store=connection.destination)
    while run.is_under_way:
        _until_done(lambda: handlers.run_catalogue(job), 0)
        _until_done(lambda: handlers.follow_bulk(following), LOOK_SECONDS)
        run.refresh_from_db()
    job.delete()
    return ", ".join(f"{count:,} {action}" for action, count in sorted(run.counts.items()))


def _run_singly(connection: Connection) -> str:
    settings.BULK_WRITES_FROM = 0
    return _run_catalogue(connection)


def _reimport(connection: Connection) -> str:
    """Match what the source has now, then compare all of it: as a day without webhooks ends."""
    _until_done(lambda: handlers.match_connection(SyncJob(connection=connection)), LOOK_SECONDS)
    return _run_catalogue(connection)


def _until_done(work: Callable[[], str | None], pause: float) -> str:
    while True:
        try:
            return work() or ""
        except (jobs.Later, StoreRests):  # a simulator that writes a large file answers slowly
            time.sleep(pause)


PIECES = {
    "events": _process_events,
    "carry": _carry,
    "reconcile": _reconcile,
    "orders": _orders,
    "bare-orders": _bare_orders,
    "on-demand": _on_demand,
    "catalogue": _run_catalogue,
    "catalogue-singly": _run_singly,
    "reimport": _reimport,
}

if __name__ == "__main__":
    main()
