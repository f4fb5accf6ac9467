"""The map: which stores exist, how they are connected, and what is linked to what."""

from stores.models.catalogue import CatalogueSettings, SyncMode
from stores.models.catalogue_field import CatalogueField, FieldPolicy
from stores.models.catalogue_link import CatalogueFile, FollowState, ProductLink, ResourceLink, Unpublished
from stores.models.connection import CARRY_ORDERS, ENDING_TWO_WAY, Connection, LocationMapping
from stores.models.currency_rate import CurrencyRate
from stores.models.file_link import FileLink
from stores.models.history import ConfigurationChange
from stores.models.limit import StoreLimit
from stores.models.link import VariantLink
from stores.models.match_decision import DecidedMatch, MatchDecision
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
    "DecidedMatch",
    "FieldPolicy",
    "FileLink",
    "FollowState",
    "Location",
    "LocationMapping",
    "MatchDecision",
    "Product",
    "ProductLink",
    "ResourceLink",
    "Store",
    "StoreLimit",
    "StoreTrouble",
    "Strategy",
    "SyncMode",
    "SyncSwitch",
    "Unpublished",
    "Variant",
    "VariantLink",
]
