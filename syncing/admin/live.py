"""Ask Shopify what a linked item's levels are now, for an operator who looks at them."""

from stores.clients import open_client
from stores.models import Connection, SyncSwitch
from syncing import jobs
from syncing.models import StockLevel, StockLink
from syncing.stock.levels import observe_live


def read_live(links: list[StockLink]) -> int:
    """Read both levels of these links live into the mirror and have what changed carried; return how many were read.

    Raises ValueError with words while the traffic of one of the stores is stopped, and what the client raises.
    """
    levels = {level.pk: level for link in links for level in (link.source_level, link.destination_level)}
    _refuse_while_paused(list(levels.values()))
    dirtied: set[int] = set()
    by_location: dict[int, list[StockLevel]] = {}
    for level in levels.values():
        by_location.setdefault(level.location_id, []).append(level)
    for group in by_location.values():
        location = group[0].location
        dirtied |= observe_live(group, open_client(location.store), location)
    for connection in Connection.objects.filter(pk__in=dirtied):
        jobs.carry(connection)
    return len(levels)


def _refuse_while_paused(levels: list[StockLevel]) -> None:
    if SyncSwitch.objects.filter(is_stopped=True).exists():
        raise ValueError("All syncing is stopped by the global switch: nothing is read until it is resumed.")
    for level in levels:
        if level.location.store.is_paused:
            raise ValueError(
                f"The store {level.location.store} is paused: nothing is read from it until it is resumed."
            )
