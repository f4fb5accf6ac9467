"""The console's pages of the traffic: stock, holds, ledger, reconciliations, jobs, events, and the first page."""

from syncing.admin import alert, dashboard, event, hold, job, ledger, privacy, reconciliation, sidebar, stock_link

__all__ = ["alert", "dashboard", "event", "hold", "job", "ledger", "privacy", "reconciliation", "sidebar", "stock_link"]
