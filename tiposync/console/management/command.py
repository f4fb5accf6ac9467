"""What every command for operators has in common: a help text laid out by hand, and no work on an outdated database."""

import argparse
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


def who_runs_it() -> str:
    """Who is at the command line, as the record of changes names them (manage.py)."""
    return os.environ.get("USER") or f"user {os.getuid()}"


class OperatorCommand(BaseCommand):
    """A command whose `help` is printed as it was written, examples and all."""

    requires_migrations_checks = True

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        return super().execute(*args, **{name: _as_text(value) for name, value in options.items()})


def _as_text(value: Any) -> Any:
    """An argument with “?” for each of its bytes that is no UTF-8: Python has it as half a surrogate pair, which no
    database takes."""
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
