"""The console's pages of the traffic: stock, holds, ledger, runs, reconciliations, jobs, events, and the first page."""

from syncing.admin import (
    alert,
    catalogue_item,
    catalogue_run,
    cluster,
    dashboard,
    event,
    hold,
    job,
    ledger,
    privacy,
    reconciliation,
    sidebar,
    stock_link,
)

__all__ = [
    "alert",
    "catalogue_item",
    "catalogue_run",
    "cluster",
    "dashboard",
    "event",
    "hold",
    "job",
    "ledger",
    "privacy",
    "reconciliation",
    "sidebar",
    "stock_link",
]
