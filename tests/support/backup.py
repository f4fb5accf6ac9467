"""A backup of the product's database as `pg_dump` has it, kept in memory, and what the guide says to do with it."""

import io

from django.core.management import call_command
from django.db import connection as db
from django.db import transaction

from stores import clients
from stores.models import Connection, SyncSwitch
from syncing import views
from syncing.queue import enqueue
from tests.support import emptying


class Backup:
    """All rows of this moment, and where the numbering of new ones stood."""

    def __init__(self) -> None:
        with transaction.atomic(), db.cursor() as cursor:
            self.tables = {name: _copy_out(cursor, name) for name in emptying.filled_tables(cursor)}
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
            self.numbers = dict(cursor.fetchall())

    def restore(self) -> None:
        """Put it back, with the product not running: what a process remembers of the newer database is gone, too."""
        quote = db.ops.quote_name
        with transaction.atomic(), db.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # neither foreign keys nor triggers
            for name in emptying.filled_tables(cursor):
                cursor.execute(f"DELETE FROM {quote(name)}")
            for name, rows in self.tables.items():
                with cursor.copy(f"COPY {quote(name)} FROM STDIN") as copy:
                    copy.write(rows)
            for name, number in self.numbers.items():
                cursor.execute("SELECT setval(%s, %s, %s)", [quote(name), number or 1, number is not None])
        views._stores.clear()
        clients._opened.__dict__.clear()


def _copy_out(cursor, name: str) -> bytes:
    with cursor.copy(f"COPY {db.ops.quote_name(name)} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def after_restore() -> None:
    """What the guide says to run before any worker starts."""
    call_command("after_restore", stdout=io.StringIO())


def resume_everything() -> None:
    """The console's button of that name."""
    SyncSwitch.objects.update(is_stopped=False, reason="")
    for connection in Connection.objects.filter(state=Connection.State.RUNNING):
        enqueue.reconcile(connection, trigger="resume")
    enqueue.process_events()
