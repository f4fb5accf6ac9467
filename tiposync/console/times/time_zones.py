"""The time zone in which the console shows and takes times: each user's own, else the installation's."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.utils import timezone

from tiposync.console.models import Preferences

# Those that are named for a place; IANA's other names are older ones of the same, or no place's.
REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic"),
    *("Australia", "Europe", "Indian", "Pacific"),
)


@cache
def names() -> tuple[str, ...]:
    """The zones that are offered, by IANA's names."""
    return ("UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS and "/" in name))


def of(user: Any) -> tzinfo:
    """The zone of a user; of nobody yet, before they signed in, the installation's."""
    name = (
        user.is_authenticated and Preferences.objects.filter(user=user.pk).values_list("time_zone", flat=True).first()
    )
    try:
        return ZoneInfo(name or settings.CONSOLE_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):  # this system does not know it, or not any more
        return UTC


def current_name() -> str:
    """What the zone is called that times are shown in now."""
    return timezone.get_current_timezone_name()


def today() -> date:
    """The day that it is now where whoever asks is."""
    return timezone.localdate()


def begins_at(day: date) -> datetime:
    """The first instant of a day where whoever asks is, in UTC.

    Where a clock is changed at midnight, a day begins an hour later, or for the first time: the earlier of both.
    """
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone()).astimezone(UTC)


def ends_at(day: date) -> datetime:
    """The first instant after a day: 23 or 25 hours after it began where clocks were changed on it."""
    return begins_at(day + timedelta(days=1))
