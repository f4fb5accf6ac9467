"""Signs of life of an original or of its copy: that something happened, whatever it was.

Each is counted in its row, and a comparison writes down how many there were when it began: what comes while it works is
not lost. A sign says where to look; what follows is decided by what both orders hold (orders.changes.rules.comparison).
"""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from orders.models import OrderImport

UNSEEN = Q(original_signs__gt=F("original_signs_seen")) | Q(copy_signs__gt=F("copy_signs_seen"))


def note_original(imports: QuerySet[OrderImport]) -> None:
    """Something happened to these originals."""
    imports.update(original_signs=F("original_signs") + 1)


def note_copy(imports: QuerySet[OrderImport]) -> None:
    """Something happened to these copies."""
    imports.update(copy_signs=F("copy_signs") + 1)


def is_news(updated_at: datetime, compared_as_of: datetime | None) -> bool:
    """Whether an order may have changed since it was compared, by the instant of its last change."""
    return compared_as_of is None or updated_at >= compared_as_of


def known_until(updated_at: datetime | None, answered_at: datetime | None, seconds: float) -> datetime | None:
    """From which instant on a change of an order is not known, after a read that took `seconds` and was answered then.

    Shopify's instants of changes have whole seconds: in the second of the last one there may be another, unless the
    read began later.
    """
    if updated_at is None:
        return None
    begun_at = answered_at - timedelta(seconds=seconds + 1) if answered_at else updated_at
    return updated_at + timedelta(seconds=1) if begun_at > updated_at + timedelta(seconds=1) else updated_at
