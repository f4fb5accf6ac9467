"""The fixtures of the cast: one stage for all tests of the traffic, and what is built on it."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from stores import clients
from stores.models import CatalogueSettings, Store
from tests.simulator.demo.seed import seed_demo
from tests.simulator.simulation import Simulator
from tests.support.catalogue.scene import Scene
from tests.support.catalogue.showroom import Showroom
from tests.support.orders.trade import Trade
from tests.support.places import impatient_client, open_stage
from tests.support.world import World

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
    settings.WEBHOOK_PATIENCE_SECONDS = 0
    settings.BURST_READ_SECONDS = 0
    settings.RECENT_CHANGES_MINUTES = 0  # what a lost webhook leads to is found by the full comparison alone
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


@pytest.fixture
def trade(world: World) -> Callable[..., Trade]:
    """Builds a source and destinations in step: north with the given strategy, south one-way."""

    def build(strategy: str = "order", **choices) -> Trade:
        return Trade.open(world, strategy, **choices)

    return build


@pytest.fixture
def scene(pair: Callable[..., World]) -> Callable[..., Scene]:
    """Builds a source and a destination with linked products and what `fields` says of the catalogue."""

    def build(items: int = 4, **fields) -> Scene:
        world = pair("one_way", items=items)
        fields = {"product_mode": "off", "collection_mode": "create_update"} | fields
        CatalogueSettings.objects.create(connection=world.connections[0], **fields).start()
        return Scene(world)

    return build


CONNECTED = ("strategy", "identifier", "alignment", "selected_tags", "unselected_tags")


@pytest.fixture
def showroom(pair: Callable[..., World]) -> Callable[..., Showroom]:
    """Builds a source and a destination without products, and what `fields` says of the catalogue."""

    def build(destinations: int = 1, **fields) -> Showroom:
        connected = {name: fields.pop(name) for name in CONNECTED if name in fields}
        world = pair(connected.pop("strategy", "one_way"), items=0, destinations=destinations, **connected)
        for connection in world.connections:
            CatalogueSettings.objects.create(
                connection=connection, **{"product_mode": "create_update"} | fields
            ).start()
        return Showroom(world)

    return build


@pytest.fixture
def press(scene: Callable[..., Scene]) -> Scene:
    """Pages, blogs and articles follow."""
    return scene(items=1, syncs_pages=True, syncs_blogs=True, syncs_articles=True, collection_mode="off")
