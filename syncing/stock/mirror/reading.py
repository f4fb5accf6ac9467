"""Read levels live, lot by lot: what cannot be read is noted and left, and keeps nothing else from being read."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.db import DatabaseError

from stores.clients import OpenClient
from stores.models import Location
from syncing.models import StockLevel
from syncing.stock.mirror import levels
from syncing.stock.mirror.contradictions import Contradictions
from syncing.stock.mirror.troubles import Troubles


def read_levels(
    asked: Iterable[StockLevel],
    clients: OpenClient,
    troubles: Troubles,
    *,
    except_links: Sequence[int] = (),
    contradictions: Contradictions | None = None,
) -> set[int]:
    """Take the live values of these levels into the mirror; return the connections whose links became dirty.

    A lot that fails is halved until only what is bad is left. What could not be read stands in `troubles`.
    `except_links` and `contradictions` are those of `levels.observe_live`.
    """
    by_location: dict[int, list[StockLevel]] = defaultdict(list)
    for level in asked:
        by_location[level.location_id].append(level)
    observe = partial(levels.observe_live, except_links=except_links, contradictions=contradictions)
    dirtied: set[int] = set()
    for location in Location.objects.filter(pk__in=by_location).select_related("store").order_by("pk"):
        dirtied |= _read_location(by_location[location.pk], location, clients, troubles, observe)
    return dirtied


def _read_location(
    asked: Sequence[StockLevel],
    location: Location,
    clients: OpenClient,
    troubles: Troubles,
    observe: Callable[..., set[int]],
) -> set[int]:
    dirtied: set[int] = set()
    size = levels.READ_ROWS
    lots = deque(asked[start : start + size] for start in range(0, len(asked), size))
    while lots:
        lot = lots.popleft()
        if not troubles.can_read(location.store_id):
            troubles.unread_level_ids.update(level.pk for level in lot)
            continue
        began = time.monotonic()
        try:
            dirtied |= observe(lot, clients(location.store), location)
        except DatabaseError:
            raise
        except Exception as error:  # whatever it is, it must keep no other lot from being read
            goes_on = troubles.note_read(location.store_id, error, time.monotonic() - began)
            if goes_on and len(lot) > 1:
                middle = len(lot) // 2
                lots += (lot[:middle], lot[middle:])  # at the end: what is well is read first
            else:
                troubles.errors.append(error)
                troubles.unread_level_ids.update(level.pk for level in lot)
    return dirtied
