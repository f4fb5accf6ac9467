"""The console's pages of the traffic: stock, holds, ledger, runs, reconciliations, jobs, events, and the first page."""

from syncing.admin import (
    catalogue_item,
    catalogue_run,
    dashboard,
    event,
    hold,
    job,
    ledger,
    reconciliation,
    sidebar,
    stock_link,
)

__all__ = [
    "catalogue_item",
    "catalogue_run",
    "dashboard",
    "event",
    "hold",
    "job",
    "ledger",
    "reconciliation",
    "sidebar",
    "stock_link",
]
