"""The stage of the traffic's tests, for orders, too; and a source with destinations whose orders it gets."""

from collections.abc import Callable

import pytest

from tests.orders.trade import Trade
from tests.syncing.conftest import stage, world  # noqa: F401  fixtures
from tests.world import World


@pytest.fixture
def trade(world: World) -> Callable[..., Trade]:  # noqa: F811  the fixture
    """Builds a source and destinations in step: north with the given strategy, south one-way."""

    def build(strategy: str = "order", **choices) -> Trade:
        return Trade.open(world, strategy, **choices)

    return build
