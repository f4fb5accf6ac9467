"""The console's pages of the map: stores, connections, links, people, and the global switch."""

from stores.admin import connection, link, people, store, switch

__all__ = ["connection", "link", "people", "store", "switch"]
