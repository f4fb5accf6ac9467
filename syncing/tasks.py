"""The only names the queue ever sees. Change them never: queued tasks name them."""

import logging
import time

from syncing import handlers
from syncing.queue import fitness, heartbeats, jobs, watchdog
from syncing.sweep import sweep as do_duties

logger = logging.getLogger(__name__)


def wake(_: int) -> None:
    """Run what is due. That workers are alive, the beats tell, of which each cluster makes one every half minute."""
    if time.monotonic() >= _fit["until"] and _is_outgrown():
        return
    jobs.run_due(handlers.WORK)


def sweep(_: int) -> None:
    """Every minute: start what a lost wake-up left behind."""
    if _is_outgrown():
        return
    heartbeats.beat()
    heartbeats.sign()
    do_duties()
    jobs.run_due(handlers.WORK)


def beat(_: int) -> None:
    """Show that this cluster really executes."""
    if _is_outgrown():
        return
    heartbeats.beat()
    heartbeats.sign()
    watchdog.mend_schedules()


def _is_outgrown() -> bool:
    """Whether the database was migrated past this release: then its workers do nothing and do not count as alive."""
    words = fitness.why_outgrown()
    if words:
        logger.error(words)
    _fit["until"] = 0.0 if words else time.monotonic() + FIT_SECONDS
    return bool(words)


# Wake-ups are many: until then this process need not ask again. What must not be done by old rules at all, the database
# itself lets nobody claim (fitness.RULES_VERSION).
FIT_SECONDS = 60
_fit = {"until": 0.0}
