"""`manage.py doctor`: what is right, what is not, and what to do."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncing.monitoring import doctor
from tiposync.console.management.command import OperatorCommand

EXPLANATION = """\
Looks at settings, database, migrations, keys, people, workers, the public address, alerts, stores and open problems,
and says what to do about whatever is not right. Changes nothing; with --live it asks Shopify about each store, too, and
repairs webhook subscriptions, as “Check store” does.

Exit codes: 0 nothing is wrong (warnings may be shown); 1 something is wrong.
"""
SIGNS = {doctor.GOOD: "ok     ", doctor.WARNING: "warning", doctor.WRONG: "WRONG  "}


class Command(OperatorCommand):
    help = EXPLANATION
    # Of both it tells itself.
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--live", action="store_true", help="ask Shopify about each store, too")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for finding in doctor.examine(is_live=options["live"]):
            self.stdout.write(f"{SIGNS[finding.grade]}  {finding.subject}: {finding.words}")
            if finding.advice:
                self.stdout.write(f"         → {finding.advice}")
            wrong += finding.grade == doctor.WRONG
        if wrong:
            raise CommandError(f"{wrong} wrong.", returncode=1)
        self.stdout.write("Nothing is wrong.")
