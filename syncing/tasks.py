"""The only names the queue ever sees. Change them never: queued tasks name them."""

from syncing import handlers
from syncing.queue import heartbeats, jobs, watchdog
from syncing.sweep import sweep as do_duties


def wake(_: int) -> None:
    """Run what is due."""
    heartbeats.beat()
    jobs.run_due(handlers.WORK)


def sweep(_: int) -> None:
    """Every minute: start what a lost wake-up left behind."""
    heartbeats.beat()
    heartbeats.sign()
    do_duties()
    jobs.run_due(handlers.WORK)


def beat(_: int) -> None:
    """Show that this cluster really executes."""
    heartbeats.beat()
    heartbeats.sign()
    watchdog.mend_schedules()
