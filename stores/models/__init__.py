"""The map: which stores exist, how they are connected, and what is linked to what."""

from stores.models.catalogue import CatalogueSettings, SyncMode
from stores.models.catalogue_field import CatalogueField, FieldPolicy
from stores.models.catalogue_link import CatalogueFile, FollowState, ProductLink, ResourceLink
from stores.models.connection import CARRY_ORDERS, ENDING_TWO_WAY, Connection, LocationMapping
from stores.models.currency_rate import CurrencyRate
from stores.models.history import ConfigurationChange
from stores.models.link import VariantLink
from stores.models.product import ChosenCollection, Product
from stores.models.store import Location, Store, Strategy, SyncSwitch
from stores.models.trouble import StoreTrouble
from stores.models.variant import Variant

__all__ = [
    "CARRY_ORDERS",
    "ENDING_TWO_WAY",
    "CatalogueField",
    "CatalogueFile",
    "CatalogueSettings",
    "ChosenCollection",
    "ConfigurationChange",
    "Connection",
    "CurrencyRate",
    "FieldPolicy",
    "FollowState",
    "Location",
    "LocationMapping",
    "Product",
    "ProductLink",
    "ResourceLink",
    "Store",
    "StoreTrouble",
    "Strategy",
    "SyncMode",
    "SyncSwitch",
    "Variant",
    "VariantLink",
]
