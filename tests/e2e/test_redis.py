"""The whole product with its wake-ups in Redis: changes travel, whatever happens to Redis or to who holds a wake-up."""

import contextlib
from collections.abc import Iterator

import psutil
import pytest
from django.core.management import call_command
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from stores.models import Store
from syncing import jobs, pulse
from syncing.models import Heartbeat, SyncJob
from syncing.redis_broker import RedisBroker
from tests.benchmarks.stage import wait_for_port
from tests.e2e.killing import Processes, wait_until
from tests.e2e.test_supervisor import slow_shopify  # noqa: F401  a fixture
from tests.redis_server import RedisServer
from tests.simulator import Simulator
from tests.world import World

pytestmark = pytest.mark.process

SECONDS = 50  # less than the minute after which a sweep comes anyway


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def processes(simulator, server, product_env, port) -> Iterator[Processes]:
    variables = {"BROKER_URL": server.url, "QUEUE_WORKERS": "1", "STOCK_LINGER_SECONDS": "0.1", "LOG_LEVEL": "CRITICAL"}
    found = Processes(product_env | variables | {"PUBLIC_URL": f"http://127.0.0.1:{port}"})
    yield found
    found.end()


@pytest.fixture
def world(simulator: Simulator, processes: Processes, port: int) -> World:
    """A source and a destination in step, and the web."""
    world = World(simulator, f"http://127.0.0.1:{port}/webhooks/shopify/", is_manual=False)
    places = [world.add_store(name, name if name == "source" else "destination") for name in ("source", "north")]
    world.connect(*places, "two_way")
    call_command("upsert_schedules", verbosity=0)
    world.work()
    simulator.courier.wait_idle()
    world.mark()
    OrmQ.objects.all().delete()  # wake-ups of what this process did, whose own broker is the other one
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4", "--log-level", "critical"]
    processes.start("-m", "gunicorn", "tiposync.wsgi", *bind)
    wait_for_port(port)
    return world


def start_workers(processes: Processes, watchdog_seconds: int) -> psutil.Process:
    processes.environment["WATCHDOG_SECONDS"] = str(watchdog_seconds)
    Heartbeat.objects.all().delete()
    work = processes.start("manage.py", "work")
    assert wait_until(Heartbeat.objects.filter(name=pulse.SWEEP).exists, SECONDS)
    return work


def sell_and_follow(world: World) -> bool:
    """A customer buys in one store; whether the other one follows in time."""
    source, north = world.places
    source.buy(0)
    return wait_until(lambda: source.available(0) == north.available(0) == world.expected(0), SECONDS)


def test_a_change_travels_by_wake_ups_alone(world, processes):
    start_workers(processes, watchdog_seconds=600)  # the next pulse is minutes away
    Schedule.objects.all().delete()  # and no sweep comes
    for _ in range(3):
        assert sell_and_follow(world)
    assert not OrmQ.objects.exists()


def test_schedules_come_from_postgresql_all_the_same(world, processes):
    start_workers(processes, watchdog_seconds=600)
    Heartbeat.objects.filter(name=pulse.SWEEP).delete()
    Schedule.objects.update(next_run="2026-01-01T00:00:00Z")  # due
    assert wait_until(Heartbeat.objects.filter(name=pulse.SWEEP).exists, SECONDS)


def test_a_wake_up_that_dies_with_its_worker_is_made_good(server, processes, slow_shopify, settings, monkeypatch):  # noqa: F811
    settings.BROKER_URL = server.url
    monkeypatch.setattr(Conf, "BROKER_CLASS", "syncing.redis_broker.RedisBroker")  # we ring through Redis, too
    address, asked, may_answer = slow_shopify
    processes.environment["SHOPIFY_BASE_URL"] = address
    call_command("upsert_schedules", verbosity=0)
    work = start_workers(processes, watchdog_seconds=5)
    store = Store.objects.create(
        domain="slow.myshopify.com", role="source", auth="static_token", access_token="a-token"
    )
    jobs.check(store)
    assert asked.wait(SECONDS)
    assert RedisBroker().queue_size() == 0
    for process in processes.family(work)[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert SyncJob.objects.get(kind=SyncJob.Kind.CHECK_STORE).state == SyncJob.State.RUNNING
    asked.clear()
    assert asked.wait(SECONDS)
    may_answer.set()


def test_without_redis_webhooks_are_taken_in_and_changes_travel_late_and_with_it_again_at_once(
    world, processes, server
):
    start_workers(processes, watchdog_seconds=15)
    assert sell_and_follow(world)
    server.stop()
    assert sell_and_follow(world)  # each cluster sweeps by itself
    assert Heartbeat.objects.filter(name=pulse.REDIS_AWAY).exists()
    server.start()
    assert sell_and_follow(world)
    world.sim.courier.wait_idle()
    attempts = [one["status"] for place in world.places for one in place.shop.webhook_log]
    assert len(attempts) >= 6 and set(attempts) == {200}
