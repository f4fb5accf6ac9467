"""Ages of instants that we noted by our own clock, which may have been set back since.

What lies as far ahead of now as it should lie behind was noted before that. It is due now, and did not happen lately:
taken by the letter it would stand still until the clock is there again.
"""

from datetime import datetime, timedelta

from django.db.models import Q


def is_over(at: datetime, span: timedelta, now: datetime) -> bool:
    """Whether `span` is over since `at`."""
    return abs(now - at) > span


def over(name: str, span: timedelta, now: datetime) -> Q:
    """Rows of which `span` is over since the instant in the column `name`."""
    return Q(**{f"{name}__lt": now - span}) | Q(**{f"{name}__gt": now + span})


def within(name: str, span: timedelta, now: datetime) -> Q:
    """Rows whose instant in the column `name` is no longer ago than `span`."""
    return Q(**{f"{name}__range": (now - span, now + span)})
