"""A Shopify that fits in one process: real HTTP, real schema, real webhooks (development only)."""

from .clock import Clock
from .simulation import Simulator

__all__ = ["Clock", "Simulator"]
