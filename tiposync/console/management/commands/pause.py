"""Pause connections, stores or all syncing, with a reason and an end; they resume by themselves then."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from stores.models import Connection
from syncing.connections import pausing
from tiposync.console.management.command import OperatorCommand, who_runs_it
from tiposync.console.management.lookup import find_pausable

UNITS = {"m": "minutes", "h": "hours", "d": "days"}

EXPLANATION = """\
Pauses connections, stores, or all syncing. Nothing travels meanwhile; webhooks are recorded, so nothing is lost. With
--until it resumes by itself then, within a minute, and is compared with Shopify first. What is paused already gets the
new reason and the new end. Without --until somebody has to resume it, and is reminded every day.

Examples:
  manage.py pause main.myshopify.com:eu.myshopify.com --until 2h --reason "Prices are being changed"
  manage.py pause eu.myshopify.com --until tomorrow --time-zone Europe/Berlin
  manage.py pause --all --reason "The warehouse moves" --until "2026-12-01 09:00"

Exit codes: 0 done; 1 refused; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="name", help="a connection (source:destination, or its number) or a store"
        )
        parser.add_argument("--all", action="store_true", help="all syncing")
        parser.add_argument("--reason", default="", help="why; shown on every page of the console")
        parser.add_argument(
            "--until", default="", metavar="TIME", help="90m, 2h, 3d, tomorrow (9:00), or YYYY-MM-DD HH:MM"
        )
        parser.add_argument(
            "--time-zone", default=settings.CONSOLE_TIME_ZONE, metavar="ZONE", help="of --until (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["names"]) == options["all"]:
            raise CommandError("Name connections or stores, or give --all.", returncode=2)
        try:
            until = _until(options["until"].strip(), options["time_zone"])
            pausing.check_end(until)
        except ValueError as error:
            raise CommandError(f"--until: {error}", returncode=2) from None
        rows = [find_pausable(name) for name in options["names"] or [""]]
        for row in rows:
            if isinstance(row, Connection) and row.state != Connection.State.RUNNING:
                raise CommandError(f"Nothing is paused. {row.why_inert()}")
        for row in rows:
            pausing.pause(row, who_runs_it(), options["reason"], until)
            self.stdout.write(f"{pausing.name_of(row)} is paused. {pausing.end_words(row)}")


def _until(text: str, zone_name: str) -> datetime | None:
    """The instant that was typed; None for none. Raises ValueError with words."""
    try:
        zone = ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError):  # unknown; no name of a zone; a folder of zones
        raise ValueError(f"there is no time zone “{zone_name}”: name it like Europe/Berlin.") from None
    if not text:
        return None
    if found := re.fullmatch(r"([0-9]{1,5})([mhd])", text):
        return timezone.now() + timedelta(**{UNITS[found[2]]: int(found[1])})
    if text == "tomorrow":
        return pausing.tomorrow_morning(zone)
    try:
        typed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text}”: write 90m, 2h, 3d, tomorrow, or a time like 2026-12-01 09:00.") from None
    return typed if typed.tzinfo else typed.replace(tzinfo=zone)
