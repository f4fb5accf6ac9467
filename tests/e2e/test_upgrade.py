"""A database that an earlier release filled migrates, keeps every row, and goes on with its stores.

`releases/0.1.0.sql.xz` is what `make demo` of that release left, taken while it ran:
`pg_dump --no-owner --no-privileges --inserts --rows-per-insert=200 --exclude-table-data=django_session`.
"""

import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.demo import ORDERING
from tests.e2e.killing import Processes, wait_until
from tests.simulator import Simulator
from tests.simulator.demo.seed import DAY_SECONDS, build_store, seed_demo
from tiposync.settings import DEVELOPMENT_CREDENTIAL_KEY

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
RELEASES = sorted(Path(__file__).with_name("releases").glob("*.sql.xz"))
# Made anew at any time: wake-ups, and what running processes say of themselves.
PASSING = {"django_q_ormq", "django_q_task", "django_q_schedule", "syncing_heartbeat", "syncing_cluster"}
Manage = Callable[..., str]


@pytest.fixture(params=RELEASES, ids=lambda path: path.name.removesuffix(".sql.xz"))
def filled_database(request) -> Iterator[str]:
    """The URL of a database as a release left it."""
    name = f"upgrade_{os.getpid()}"
    server = os.environ["DATABASE_URL"]
    lines = lzma.decompress(request.param.read_bytes()).decode().splitlines()
    dump = "\n".join(line for line in lines if not line.startswith("\\"))  # psql's own words
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(dump)
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def shopify() -> Iterator[Simulator]:
    """The stores that the demo had, as they were when it began."""
    with Simulator() as simulator:
        seed_demo(simulator)
        for spec in ORDERING:
            at = simulator.clock.whole_seconds() - DAY_SECONDS
            simulator.shops[spec.domain] = build_store(spec, 1, at=at)
        yield simulator


@pytest.fixture
def processes(filled_database, shopify) -> Iterator[Processes]:
    environment = {
        "DATABASE_URL": filled_database,
        "SHOPIFY_BASE_URL": shopify.serve() + "/{domain}",
        "CREDENTIAL_KEYS": DEVELOPMENT_CREDENTIAL_KEY,
        "QUEUE_WORKERS": "2",
        "LOG_LEVEL": "CRITICAL",
    }
    found = Processes(os.environ | environment)
    yield found
    found.end()


@pytest.fixture
def manage(processes) -> Manage:
    """Runs a command on the filled database and returns what it said."""

    def run(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=processes.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def count_rows(url: str) -> dict[str, int]:
    """Rows by table."""
    with psycopg.connect(url) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()[0]
            for name in tables
        }


def pairs(url: str) -> list[tuple]:
    """What the product keeps in step without a rule: strategy, then store, item and location of both sides."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            """
            SELECT own.strategy, source_store.domain, source.item_gid, source_place.gid,
                   destination_store.domain, destination.item_gid, destination_place.gid
            FROM syncing_stocklink link
            JOIN stores_connection own ON own.id = link.connection_id
            JOIN syncing_stocklevel source ON source.id = link.source_level_id
            JOIN stores_location source_place ON source_place.id = source.location_id
            JOIN stores_store source_store ON source_store.id = source.store_id
            JOIN syncing_stocklevel destination ON destination.id = link.destination_level_id
            JOIN stores_location destination_place ON destination_place.id = destination.location_id
            JOIN stores_store destination_store ON destination_store.id = destination.store_id
            WHERE link.state = 'in_step'
            """
        ).fetchall()


def columns(url: str) -> dict[tuple[str, str], bool]:
    """Each column, and whether a row can be added without naming it."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT table_name, column_name, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'
            FROM information_schema.columns WHERE table_schema = 'public'
            """
        )
        return {(table, column): is_optional for table, column, is_optional in rows}


def number_of(gid: str) -> int:
    return int(gid.rsplit("/", 1)[1])


def is_settled(manage: Manage) -> bool:
    rows = json.loads(manage("sync_status", "--json"))["connections"]
    return all(not row["oldest_waiting_at"] and not row["pending_batches"] for row in rows)


def test_a_database_of_an_earlier_release_migrates_keeps_its_rows_and_syncs(
    filled_database, shopify, processes, manage
):
    before, known = count_rows(filled_database), columns(filled_database)
    manage("migrate", "--noinput")
    # The web of the earlier release goes on for minutes: it finds all it knows, and names nothing else.
    found = columns(filled_database)
    assert not set(known) - set(found)
    tables = {table for table, _ in known}
    assert not [name for name in set(found) - set(known) if name[0] in tables and not found[name]]
    after = count_rows(filled_database)
    lost = {name: (rows, after.get(name)) for name, rows in before.items() if after.get(name, 0) < rows}
    assert not {name: rows for name, rows in lost.items() if name not in PASSING}
    manage("upsert_schedules")
    manage("upsert_roles")
    processes.start("manage.py", "work")
    manage("reconcile", "--all", "--wait", "--timeout", "120")
    assert wait_until(lambda: is_settled(manage)), manage("sync_status")
    compared = pairs(filled_database)
    assert len(compared) > 1000
    wrong = [
        row
        for row in compared
        if shopify.available(row[1], number_of(row[2]), number_of(row[3]))
        != shopify.available(row[4], number_of(row[5]), number_of(row[6]))
    ]
    assert not wrong, wrong[:5]
