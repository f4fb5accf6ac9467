"""What is told of a comparison: conflicts and notes in words, differences as rows."""

from typing import Any

from stores.models import Connection
from syncing.catalogue.rules.parts.made import Desired

DELETED_MEANWHILE = "It was deleted in the destination while it was made."


def conflicts_of(desired: Desired) -> str:
    """What an operator should decide."""
    return " ".join(conflict.reason for conflict in desired.conflicts)


def remarks_of(desired: Desired) -> str:
    """All that an operator should know."""
    return " ".join(filter(None, (conflicts_of(desired), desired.removal_words, *desired.notes)))


def rows_of(desired: Desired) -> tuple[dict[str, Any], ...]:
    """The differences for a JSON column, and the page that shows both sides."""
    return tuple(difference.as_row() for difference in desired.differences)


def why_not_created(connection: Connection) -> str:
    """Why nothing is made of a product where what is there is all that is written to."""
    by = connection.get_identifier_display()
    return f"The destination has nothing that matches it ({by}), and none is created (Update only)."
