"""The console's pages of the map: stores, connections, links, people, the history, signing in, the global switch."""

from stores.admin import connection, history, link, people, sign_in, store, switch, two_factor

__all__ = ["connection", "history", "link", "people", "sign_in", "store", "switch", "two_factor"]
