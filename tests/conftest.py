"""The cast: a simulated Shopify with a source and two destinations, and what real workers need."""

import logging
import os

import tests.support.environment  # noqa: F401  first: Django must not read its settings before

# isort: split
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from stores.models import Store
from syncing import tasks, views
from tests.simulator import Simulator
from tests.simulator.state.shop import CLIENT_SECRET
from tests.support import emptying
from tests.support.databases import drop_migrated_database, find_migrated_database
from tests.support.thoroughness import EXAMPLES, IS_LONG, IS_SEARCH, PASSWORD_ROUNDS

pytest_plugins = ["tests.support.fixtures", "tests.support.running_order"]
emptying.install()

# Else each test that has somebody sign in hashes for a fifth of a second.
PBKDF2PasswordHasher.iterations = PASSWORD_ROUNDS

# Every property runs under this one: the same examples each time but for a search, repeated by the line that a failure
# prints, and without a clock, since how long an example takes is the machine's affair. Its parent is named: Hypothesis
# has another default where CI is set.
hypothesis_settings.register_profile(
    "tiposync",
    parent=hypothesis_settings.get_profile("default"),
    max_examples=100 * EXAMPLES,
    deadline=None,
    derandomize=not (IS_SEARCH or IS_LONG),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("tiposync")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, django_db_blocker) -> None:
    """Each worker of pytest-xdist has a database of its own: a copy of one that was migrated once."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = find_migrated_database()


def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        drop_migrated_database()


@pytest.fixture(autouse=True)
def _forget_stores() -> None:
    """What this process remembers for some seconds: another test's stores have other secrets."""
    views._stores.clear()
    tasks._fit["until"] = 0.0


class _FailedDuties(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def failed_duties() -> Iterator[list[str]]:
    """What the log says of duties of the sweep that failed. A test that expects that empties it; else it has failed."""
    handler, logger = _FailedDuties(), logging.getLogger("syncing.sweep")
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)
    assert not handler.lines, "\n".join(handler.lines)


@pytest.fixture
def simulator(settings) -> Iterator[Simulator]:
    """A Shopify without shops, new for each test, where the product finds Shopify."""
    with Simulator() as simulator:
        settings.SHOPIFY_BASE_URL = simulator.serve() + "/{domain}"
        yield simulator


def join(simulator: Simulator, name: str, role: str) -> Store:
    """An empty simulated shop (`simulator.shop(store.domain)`) and its row."""
    domain = f"{name}-store.myshopify.com"
    simulator.add_shop(domain, name=f"{name.title()} store")
    return Store.objects.create(domain=domain, role=role, client_id="tiposync", client_secret=CLIENT_SECRET)


@pytest.fixture
def source(simulator, db) -> Store:
    """The store that controls."""
    return join(simulator, "source", Store.Role.SOURCE)


@pytest.fixture
def north(simulator, db) -> Store:
    """A store that follows."""
    return join(simulator, "north", Store.Role.DESTINATION)


@pytest.fixture
def south(simulator, db) -> Store:
    """Another store that follows."""
    return join(simulator, "south", Store.Role.DESTINATION)


@pytest.fixture
def product_env(transactional_db, settings) -> dict[str, str]:
    """The environment of a subprocess that works on the database of the tests, and on the simulator if there is one.

    Rows must be committed, as they are in a test that uses this; `simulator` must stand before it among the fixtures.
    """
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return os.environ | {
        "DATABASE_URL": url,
        "SHOPIFY_BASE_URL": settings.SHOPIFY_BASE_URL,
        "PUBLIC_URL": settings.PUBLIC_URL,
    }
