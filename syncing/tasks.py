"""The only names the queue ever sees. Change them never: queued tasks name them."""

from syncing import handlers, jobs, pulse
from syncing.sweep import sweep as do_duties


def wake(_: int) -> None:
    """Run what is due."""
    pulse.beat()
    jobs.run_due(handlers.WORK)


def sweep(_: int) -> None:
    """Every minute: start what a lost wake-up left behind."""
    pulse.beat()
    pulse.sign()
    do_duties()
    jobs.run_due(handlers.WORK)


def beat(_: int) -> None:
    """Show that this cluster really executes."""
    pulse.beat()
    pulse.sign()
    pulse.mend_schedules()
