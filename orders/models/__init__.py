"""One cargo: how a connection carries orders, and what became of each of them."""

from orders.models.order import OrderImport, OrderImportLine
from orders.models.settings import OrderSettings
from orders.models.split import OrderSplit
from orders.models.update import OrderUpdate

__all__ = ["OrderImport", "OrderImportLine", "OrderSettings", "OrderSplit", "OrderUpdate"]
