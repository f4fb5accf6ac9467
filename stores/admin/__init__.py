"""The console's pages of the map: stores, connections, links, catalogues, rates, people, and the global switch."""

from stores.admin import catalogue, connection, currency_rate, follow_link, link, people, store, switch

__all__ = ["catalogue", "connection", "currency_rate", "follow_link", "link", "people", "store", "switch"]
