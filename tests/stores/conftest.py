"""Simulated shops over real HTTP for the tests of the map."""

from collections.abc import Iterator

import pytest

from stores import clients
from stores.models import Store
from tests.simulator.seed import seed_demo
from tests.simulator.simulation import Simulator

SOURCE, NORTH, SOUTH = (f"{name}-store.myshopify.com" for name in ("source", "north", "south"))


@pytest.fixture
def sim(settings) -> Iterator[Simulator]:
    """The demo's three shops, served on a free port; nothing is delivered, for nobody listens."""
    with Simulator() as simulator:
        seed_demo(simulator)
        settings.SHOPIFY_BASE_URL = simulator.serve() + "/{domain}"
        settings.PUBLIC_URL = "https://sync.example.com"
        for domain in (SOURCE, NORTH, SOUTH):
            simulator.set_manual(domain, True)
        clients._opened.__dict__.clear()  # clients of earlier tests know other servers and other rows
        yield simulator


@pytest.fixture
def source_store(sim: Simulator, db) -> Store:
    """The source, with a Dev Dashboard app's credentials; not checked yet."""
    return Store.objects.create(
        domain=SOURCE, role="source", client_id="tiposync", client_secret="shpss_simulator_secret"
    )


@pytest.fixture
def north_store(sim: Simulator, db) -> Store:
    """A destination with a fixed token; not checked yet."""
    return Store.objects.create(
        domain=NORTH,
        role="destination",
        auth="static_token",
        access_token=sim.static_token(NORTH),
        client_secret="shpss_simulator_secret",
    )
