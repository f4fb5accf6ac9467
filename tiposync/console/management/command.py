"""What every command for operators has in common: a help text laid out by hand, and no work on an outdated database."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class OperatorCommand(BaseCommand):
    """A command whose `help` is printed as it was written, examples and all."""

    requires_migrations_checks = True

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
