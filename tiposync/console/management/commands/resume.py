"""End pauses of connections, stores or all syncing: what was missed is compared with Shopify first."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncing.connections import pausing
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_pausable

EXPLANATION = """\
Ends a pause before its time, or one that has no end. The started connections concerned are compared with Shopify first,
then synced. A connection whose store is paused as well, or while all syncing is paused, waits for these.

Examples:
  manage.py resume main.myshopify.com:eu.myshopify.com
  manage.py resume --all

Exit codes: 0 done; 1 unknown; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="name", help="a connection (source:destination, or its number) or a store"
        )
        parser.add_argument("--all", action="store_true", help="all syncing")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["names"]) == options["all"]:
            raise CommandError("Name connections or stores, or give --all.", returncode=2)
        for row in [find_pausable(name) for name in options["names"] or [""]]:
            count = pausing.resume(row)
            words = "was not paused" if count is None else f"is resumed. Connections being compared first: {count}"
            self.stdout.write(f"{pausing.name_of(row)} {words}.")
