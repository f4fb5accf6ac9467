"""`manage.py work`: the workers, supervised."""

import contextlib
import logging
import os
import signal
import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from stores import locks
from syncing.queue import fitness, heartbeats, watchdog
from syncing.queue.supervisor import Supervisor, die_with_parent

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Supervises a cluster of workers; with --cluster it is that cluster."""

    help = (
        "Runs the workers: QUEUE_WORKERS processes that do what is due, watched and restarted when they no longer "
        "work. Start it on as many machines as you like. SIGTERM or Ctrl-C stops it cleanly: what runs is finished, "
        "for up to STOP_SECONDS; whatever is cut short is picked up again by another worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cluster", action="store_true", help="Internal: be the supervised cluster itself.")

    def handle(self, *args: str, **options: object) -> None:
        if options["cluster"]:
            _run_cluster()
            return
        _refuse_pooler()
        Supervisor(
            command=[sys.executable, sys.argv[0], "work", "--cluster"],
            # The address is passed on because the embedded database counts the processes that started it themselves.
            environment=os.environ | {"DATABASE_URL": settings.DATABASE_URL},
            patience_seconds=settings.WATCHDOG_SECONDS,
            longest_seconds=settings.Q_CLUSTER["timeout"] + 3 * watchdog.HARD_LIMIT_SECONDS,
            stop_seconds=settings.STOP_SECONDS,
        ).run()


def _refuse_pooler() -> None:
    """That stays so until somebody changes it. A database that is away comes back, and migrations are on their way."""
    with contextlib.suppress(DatabaseError):
        if not locks.are_kept():
            raise CommandError(f"Workers do not start: {locks.NOT_KEPT}. {locks.KEEP_THEM}")
    connections.close_all()


def _run_cluster() -> None:
    die_with_parent()
    # Inherited by every process of the cluster: a SIGTERM to all processes of a container reaches none of them, so that
    # the supervisor alone decides how the cluster ends.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    watchdog.listen()
    if watchdog.RESTART_REASON in os.environ:
        try:
            heartbeats.beat(heartbeats.RESTARTED)
        except DatabaseError as error:
            logger.warning("The restart could not be noted: %s", error)
    with contextlib.suppress(DatabaseError):  # away: the cluster finds that out by itself
        if words := fitness.why_unfit():
            raise CommandError(words)  # its supervisor tries again
    connections.close_all()  # the processes about to be forked must not inherit one
    call_command("qcluster")
