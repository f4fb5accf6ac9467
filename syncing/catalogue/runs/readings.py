"""How a run reads its products: a large one many at once in both stores, by bulk queries; others by pages."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence

from django.conf import settings

from stores.models import Connection, SyncMode
from stores.shopify.client import Client
from syncing.catalogue.bulk.reading_ahead import ReadingAhead
from syncing.catalogue.products.cases import load_linked
from syncing.catalogue.products.reading import Reading
from syncing.models import CatalogueRun

MOST_LOCATIONS_COUNT = 10  # locations whose levels one bulk query brings: each makes its lines longer
# Of a link: something in here changes with every webhook, write and decision about its product.
SIGNS = ("changed_at", "state", "fingerprint", "source_gid", "destination_gid")
Upcoming = Callable[[int], Sequence[str]]


def readings_of(
    run: CatalogueRun, source: Client, destination: Client, upcoming: Upcoming, must_end: Callable[[], bool]
) -> tuple[Reading, Reading]:
    """Of the source and of the destination, by their clients. `upcoming` lists products of the source in order."""
    least, connection = settings.BULK_WRITES_FROM, run.connection
    is_ending = run.kind == CatalogueRun.Kind.UNLINK or run.begun_with.get("ends")
    count = run.items.count()
    if is_ending or not 0 < least <= count:
        return Reading(source), Reading(destination)

    def signs_here(gids: Sequence[str]) -> Mapping[str, Hashable]:
        return _signs(connection, "source_gid", "heard", gids)

    def signs_there(gids: Sequence[str]) -> Mapping[str, Hashable]:
        return _signs(connection, "destination_gid", "heard_there", gids)

    def upcoming_there(count: int) -> list[str]:
        return _partners_of(connection, upcoming(count))[:count]

    places = [] if run.is_preview or connection.catalogue.product_mode == SyncMode.OFF else _feeding(connection)
    return (
        ReadingAhead(source, connection.source, upcoming, signs_here, must_end, places, count),
        ReadingAhead(destination, connection.destination, upcoming_there, signs_there, must_end, count=count),
    )


def _signs(connection: Connection, column: str, heard: str, gids: Sequence[str]) -> dict[str, Hashable]:
    """What is noted of products, known by a column of their links; without those of which nothing is."""
    found: dict[str, list[tuple[Hashable, ...]]] = defaultdict(list)
    rows = connection.product_links.filter(**{f"{column}__in": list(gids)}).order_by("pk")
    for gid, *signs in rows.values_list(column, heard, *SIGNS):
        found[gid].append(tuple(signs))
    return {gid: tuple(signs) for gid, signs in found.items()}


def _partners_of(connection: Connection, source_gids: Sequence[str]) -> list[str]:
    """The destination's products that are compared with these, as far as is known, in their order."""
    links = connection.product_links.filter(source_gid__in=source_gids).exclude(destination_gid="")
    known = dict(links.values_list("source_gid", "destination_gid"))
    _, partners = load_linked(connection, source_gids)
    found: dict[str, None] = {}
    for gid in source_gids:
        found |= dict.fromkeys({known.get(gid, ""), *partners.get(gid, ())} - {""})
    return list(found)


def _feeding(connection: Connection) -> list[str]:
    """Locations of the source whose levels a new variant begins with; none where they are too many for one query."""
    mappings = connection.mappings.filter(destination_location__is_active=True)
    found = list(dict.fromkeys(mappings.order_by("pk").values_list("source_location__gid", flat=True)))
    return found if len(found) <= MOST_LOCATIONS_COUNT else []
