"""One stage for all tests of the traffic, and a fresh world on it for each."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from stores import clients
from tests.places import impatient_client, open_stage
from tests.simulator import Simulator
from tests.world import World


@pytest.fixture(scope="session")
def stage() -> Iterator[Simulator]:
    """The simulator: it takes longest to build, so all tests play on the same one."""
    sim = open_stage()
    yield sim
    sim.stop()


@pytest.fixture
def world(stage: Simulator, transactional_db, settings, monkeypatch) -> World:
    """No store yet: a test adds those it needs."""
    settings.SHOPIFY_BASE_URL = stage.base_url + "/{domain}"
    settings.STOCK_LINGER_SECONDS = 0
    monkeypatch.setattr(clients, "Client", impatient_client(stage))
    monkeypatch.setattr(timezone, "now", stage.clock.product_now)
    return World(stage)


@pytest.fixture
def pair(world: World) -> Callable[..., World]:
    """Builds one source and destinations in step; `world.places` has the source first."""

    def build(strategy: str = "two_way", *, destinations: int = 1, items: int = 3, stock: int = 20, **fields) -> World:
        source = world.add_store("source", "source", items, stock)
        for name in ("north", "south", "west")[:destinations]:
            world.connect(source, world.add_store(name, "destination", items, stock), strategy, **fields)
        world.work()
        world.mark()
        return world

    return build
