"""The console's pages of the map: stores, connections, links, catalogues, people, history, signing in, the switch."""

from stores.admin import (
    catalogue,
    connection,
    currency_rate,
    follow_link,
    history,
    link,
    people,
    sign_in,
    store,
    switch,
    two_factor,
)

__all__ = [
    "catalogue",
    "connection",
    "currency_rate",
    "follow_link",
    "history",
    "link",
    "people",
    "sign_in",
    "store",
    "switch",
    "two_factor",
]
