#!/usr/bin/env python
"""Django's command line, with this project's settings."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiposync.settings")
    # PostgreSQL shows it beside our connections, and the history beside changes that were not made at the console.
    who = os.environ.get("USER") or f"user {os.getuid()}"
    os.environ.setdefault("PGAPPNAME", f"tiposync {' '.join(sys.argv[1:2])} by {who}"[:63])
    if sys.argv[1:2] == ["work"]:  # workers; what else is called here may take as long as it needs
        os.environ.setdefault("PROGRAM_STATEMENT_SECONDS", "300")
    execute_from_command_line(sys.argv)
