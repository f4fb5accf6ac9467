"""What a problem is: one thing that is wrong and that somebody should know of."""

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse

from syncing.models import Alert

Kind = Alert.Kind
# Of one kind: more are told when these have ended. A thousand of them are one problem, not a thousand.
MOST_PROBLEMS = 200
# What has no end of its own is news for so long.
NEWS = timedelta(days=1)
ENDS = ("connection__source", "connection__destination")


@dataclass(frozen=True)
class Problem:
    """A problem: (kind, subject) tells it from all others; `path` is the console's page about it."""

    kind: str
    subject: str
    message: str
    path: str = ""
    store_id: int | None = None
    connection_id: int | None = None


def page_of(name: str, pk: object) -> str:
    """The console's page of a row; `name` is its app and model, "stores_store"."""
    return reverse(f"admin:{name}_change", args=[pk])


def list_of(name: str) -> str:
    """The console's list of such rows."""
    return reverse(f"admin:{name}_changelist")
