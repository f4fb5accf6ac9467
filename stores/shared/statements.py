"""A cursor for statements that are asked again and again: PostgreSQL parses and plans each once for a session.

Sessions are ours for as long as they last (stores.locks), so what was prepared there is found again.
"""

import psycopg
from django.db import connection as db
from django.db.backends.utils import CursorWrapper

UNPREPARED_RUNS = 2  # of one text in one session, before PostgreSQL plans it for good


def prepared_cursor() -> CursorWrapper:
    """A cursor that prepares what it executes often, and sends parameters beside the text.

    A parameter that stands where no type follows from the statement needs a cast. Not for texts that are put together
    anew each time. https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    db.ensure_connection()
    db.connection.prepare_threshold = UNPREPARED_RUNS  # Django's own cursors prepare nothing, whatever this says
    cursor = psycopg.Cursor(db.connection)
    with db.wrap_database_errors:
        return db._prepare_cursor(cursor)  # type: ignore[attr-defined]  # as db.cursor() does, with its wrappers
