"""A web and workers as real processes, on the database of the test and its simulator."""

from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command

from tests.benchmarks.staging.stage import free_port
from tests.e2e.killing import Processes
from tests.simulator import Simulator
from tests.support.world import World

LIMITS = {
    "QUEUE_WORKERS": "2",
    "WATCHDOG_SECONDS": "15",  # on a busy machine a cluster that only begins must not be taken for stuck
    "STOCK_LINGER_SECONDS": "0.1",
    "WEBHOOK_PATIENCE_SECONDS": "0.2",
    # Answers of this Shopify are lost for a fraction of a second only; whoever waits longer finds nothing new.
    "ORDER_LOOK_SECONDS": "5",
    "LOG_LEVEL": "CRITICAL",
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def processes(simulator, product_env, port) -> Iterator[Processes]:
    """None yet; all of them end with the test."""
    found = Processes(product_env | LIMITS | {"PUBLIC_URL": f"http://127.0.0.1:{port}"})
    yield found
    found.end()


@pytest.fixture
def serve(simulator: Simulator, processes: Processes, port: int) -> Callable[..., World]:
    """Builds a source and destinations, {name: strategy}, in step, with the web to take their webhooks."""

    def build(items: int, stock: int, **strategies: str) -> World:
        world = World(simulator, f"http://127.0.0.1:{port}/webhooks/shopify/", is_manual=False)
        source = world.add_store("source", "source", items, stock)
        for name, strategy in strategies.items():
            world.connect(source, world.add_store(name, "destination", items, stock), strategy)
        call_command("upsert_schedules", verbosity=0)
        world.work()
        simulator.courier.wait_idle()
        world.mark()
        processes.start_web(port)
        return world

    return build
