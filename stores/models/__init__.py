"""The map: which stores exist, how they are connected, and what is linked to what."""

from stores.models.connection import Connection, LocationMapping
from stores.models.history import ConfigurationChange
from stores.models.link import VariantLink
from stores.models.store import Location, Store, Strategy, SyncSwitch
from stores.models.variant import Variant

__all__ = [
    "ConfigurationChange",
    "Connection",
    "Location",
    "LocationMapping",
    "Store",
    "Strategy",
    "SyncSwitch",
    "Variant",
    "VariantLink",
]
