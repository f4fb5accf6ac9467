"""Databases of the tests' server besides the tests' own: the one that others are copied from, and the copies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners
import psycopg
from django.core.management import call_command
from django.db import connection
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
            with at_home_in(name):
                call_command("migrate", verbosity=0)
    return name


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
