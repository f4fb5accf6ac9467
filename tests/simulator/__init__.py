"""A Shopify that fits in one process: real HTTP, real schema, real webhooks (development only)."""

from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock

__all__ = ["Clock", "Simulator"]
