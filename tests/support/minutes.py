"""The minutes of a long play."""

from unittest.mock import patch

from stores.models import CatalogueSettings
from syncing import sweep
from syncing.queue import heartbeats

# They only look, count or tidy, and take half of a sweep's time.
WATCHING = {heartbeats.ALERTS, heartbeats.COUNTERS, heartbeats.RETENTION}
WATCHED_EVERY = 5
# Nothing to do where no connection carries a catalogue.
OF_CATALOGUES = {
    heartbeats.CATALOGUE_STARTS,
    heartbeats.CATALOGUE_RUNS,
    heartbeats.BULK_WRITES,
    heartbeats.WAITING_PRODUCTS,
    heartbeats.DELETIONS,
    heartbeats.IMAGES,
    heartbeats.PUBLICATIONS,
    heartbeats.CONTENT,
}


def sweep_minute(number: int = 0) -> list[str]:
    """The sweep of the minute of this number, from 0: one of many. Every fifth does all, the others what moves goods.

    Where what is watched is the subject, call `sweep.sweep`.
    """
    if number % WATCHED_EVERY == WATCHED_EVERY - 1:
        return sweep.sweep()
    left_out = WATCHING if CatalogueSettings.objects.exists() else WATCHING | OF_CATALOGUES
    kept = {name: duty for name, duty in sweep.DUTIES.items() if name not in left_out}
    with patch.dict(sweep.DUTIES, kept | {heartbeats.ALERTS: lambda: None}, clear=True):  # asked for where others fail
        return sweep.sweep()
