"""Real web and workers while their database is cut off, restarted, killed, full, read-only: every unit is counted."""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection as db

from orders.models import OrderImport
from syncing.models import StockHold, SyncJob
from tests.e2e.killing import wait_until
from tests.e2e.test_kill_orders import copies_by_original
from tests.support.servers.own import OwnServer
from tests.support.thoroughness import PATIENCE_SECONDS
from tests.support.world import World

pytestmark = pytest.mark.process

ITEMS, STOCK = 4, 1000
AWAY_SECONDS = 1.5
FULL = """
    CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF random() < 0.5 THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN NULL;
    END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION be_full()', name);
        END LOOP;
    END $$
"""


@pytest.fixture(autouse=True)
def server(transactional_db, settings) -> Iterator[OwnServer]:
    """Ours alone; the ORM works on it, and so do processes that are started."""
    before = dict(db.settings_dict)
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{before['NAME']}").geturl()
    # Not in pytest's folder, which each other run of pytest closes to everybody but its user.
    folder = Path(tempfile.mkdtemp(prefix="tiposync-"))
    own = OwnServer(url, folder / "postgres")
    db.close()
    db.settings_dict |= {"HOST": own.host}
    settings.DATABASE_URL = own.url
    yield own
    db.close()
    db.settings_dict |= before
    own.stop()
    folder.rmdir()


class Trade:
    """What people do in the stores meanwhile: buy, restock, order."""

    def __init__(self, world: World) -> None:
        self.world, self.dice, self.placed = world, random.Random(1), 0

    def go_on(self, seconds: float = AWAY_SECONDS) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            place = self.dice.choice([self.world.places[0], self.world.places[2]])
            self.dice.choice([place.buy, place.restock])(self.dice.randrange(ITEMS), self.dice.randint(1, 5))
            time.sleep(0.1)
        self.world.places[1].order((self.dice.randrange(ITEMS), 2))
        self.placed += 1
        self.world.sim.courier.wait_idle(20)

    def go_on_until_refused(self) -> None:
        """Until a webhook was answered 503, as the web finds out that it cannot store any."""
        refused = count_refused(self.world)
        end = time.monotonic() + PATIENCE_SECONDS
        while count_refused(self.world) == refused:
            assert time.monotonic() < end, "no webhook was refused"
            self.go_on()


def cut(server: OwnServer, trade: Trade) -> None:
    for _ in range(3):
        server.end_sessions()
        trade.go_on(0.5)


def restart(server: OwnServer, trade: Trade) -> None:
    server.restart()
    trade.go_on()


def kill(server: OwnServer, trade: Trade) -> None:
    server.kill()
    trade.go_on_until_refused()
    server.start()


def be_read_only(server: OwnServer, trade: Trade) -> None:
    server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    server.execute("SELECT pg_reload_conf()")
    trade.go_on_until_refused()
    server.execute("ALTER SYSTEM RESET default_transaction_read_only")  # no transaction of rows
    server.execute("SELECT pg_reload_conf()")


def insist(server: OwnServer, statement: str) -> None:
    """It locks one table after the other, as workers do in another order: who is told of a deadlock tries again."""
    for _ in range(20):
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            server.execute(statement)
            return
    raise AssertionError("there is a deadlock each time")


def be_full(server: OwnServer, trade: Trade) -> None:
    insist(server, FULL)
    trade.go_on_until_refused()
    insist(server, "DROP FUNCTION be_full CASCADE")


def test_nothing_is_lost_or_done_twice_whatever_becomes_of_the_database(serve: Callable[..., World], processes, server):
    world = serve(ITEMS, STOCK, north="order", south="two_way")
    # Where a machine is busy, workers that are just started must not be taken for stuck.
    processes.environment["WATCHDOG_SECONDS"] = "30"
    processes.start("manage.py", "work")
    trade = Trade(world)
    for trouble in (cut, restart, kill, be_full, be_read_only):
        trade.go_on(0.5)
        trouble(server, trade)
        db.close()  # ours was cut, too
        world.sim.courier.wait_idle(20)
        while world.sim.courier.pending():
            world.sim.clock.advance(60)  # Shopify's until it tries again
            world.sim.courier.wait_idle(20)
        assert wait_until(lambda: is_right(world, trade)), f"{trouble}: {report(world)}"
    assert {len(copies) for copies in copies_by_original(world).values()} == {1}
    assert not StockHold.objects.exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()


def count_refused(world: World) -> int:
    """Webhooks that were answered 503."""
    return sum(line["status"] == 503 for place in world.places for line in place.shop.webhook_log)


def is_right(world: World, trade: Trade) -> bool:
    expected = [world.expected(item) for item in range(ITEMS)]
    levels = [[place.available(item) for item in range(ITEMS)] for place in world.places]
    copied = OrderImport.objects.filter(state="confirmed").count()
    return levels == [expected] * 3 and copied == trade.placed and not world.unsettled()


def report(world: World) -> str:
    levels = [[place.available(item) for item in range(ITEMS)] for place in world.places]
    waiting = list(SyncJob.objects.values_list("kind", "state", "attempts", "due_at", "message"))
    return f"{levels} should be {[world.expected(item) for item in range(ITEMS)]}; {waiting}; {world.unsettled()}"
