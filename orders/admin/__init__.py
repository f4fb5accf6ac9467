"""The console's pages of orders: each order and its copy, and what happened to it later."""

from orders.admin import order, update

__all__ = ["order", "update"]
