"""The console's pages, by subject: importing them registers them with Django's admin."""

from tiposync.console.access import admission, history, people, sessions, sign_in, sign_in_log, two_factor
from tiposync.console.catalogue import currency_rate, follow_link, run, run_item, settings
from tiposync.console.home import dashboard, sidebar
from tiposync.console.links import decision, link
from tiposync.console.operation import alert, cluster, job, privacy, webhook_event
from tiposync.console.orders import order, update
from tiposync.console.stock import hold, hold_cause, ledger, reconciliation, stock_link
from tiposync.console.stores import connection, store, switch

__all__ = [
    "alert",
    "cluster",
    "connection",
    "currency_rate",
    "dashboard",
    "decision",
    "follow_link",
    "history",
    "hold",
    "hold_cause",
    "job",
    "ledger",
    "link",
    "order",
    "people",
    "privacy",
    "reconciliation",
    "run",
    "run_item",
    "sessions",
    "settings",
    "sidebar",
    "sign_in",
    "sign_in_log",
    "admission",
    "stock_link",
    "store",
    "switch",
    "two_factor",
    "update",
    "webhook_event",
]
