"""The stage of the traffic's tests, and a source with destinations whose orders it gets."""

from tests.orders.conftest import trade
from tests.syncing.conftest import pair, stage, world

__all__ = ["pair", "stage", "trade", "world"]
