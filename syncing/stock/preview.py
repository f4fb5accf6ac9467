"""What a start or a reconciliation would write, before anything is: read live, planned as the loop plans, not kept."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from stores.clients import OpenClient
from stores.models import Connection, Location
from stores.shopify.client import Client
from stores.shopify.inventory import read_levels
from syncing.models import StockLink
from syncing.stock import pairs, planning, wiring
from syncing.stock.mirror import levels
from syncing.stock.pairs import Pair

CHUNK_ROWS = 250


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One pair: what both sides have now, what each would become (equal: nothing is written), or why it is skipped."""

    link_id: int
    variant: str
    locations: str
    source: int | None
    source_becomes: int | None
    destination: int | None
    destination_becomes: int | None
    reason: str = ""

    @property
    def differs(self) -> bool:
        return (self.source, self.destination) != (self.source_becomes, self.destination_becomes)


def preview(connection: Connection, clients: OpenClient, *, only_differences: bool = True) -> Iterator[PreviewRow]:
    """Every pair that a start or a reconciliation would change, read live now; writes nothing anywhere but new pairs.

    Raises what the client raises.
    """
    wiring.wire_connection(connection)
    last = 0
    while ids := _next_levels(connection, last):
        last = ids[-1]
        loaded = pairs.load(Q(connection=connection, destination_level_id__in=ids))
        for side, store in (("source", connection.source), ("destination", connection.destination)):
            _fill(loaded, side, clients(store))
        for row in _rows(connection, loaded):
            if row.differs or row.reason or not only_differences:
                yield row


def _next_levels(connection: Connection, last: int) -> list[int]:
    rows = StockLink.objects.filter(connection=connection, destination_level_id__gt=last)
    return list(
        rows.order_by("destination_level_id").values_list("destination_level_id", flat=True).distinct()[:CHUNK_ROWS]
    )


def _fill(loaded: Sequence[Pair], name: str, client: Client) -> None:
    by_location: dict[int, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for pair in loaded:
        side = getattr(pair, name)
        by_location[side.location_id][side.item_gid].append(side)
    for location in Location.objects.filter(pk__in=by_location):
        sides = by_location[location.pk]
        for reading in read_levels(client, location.gid, list(sides)):
            for side in sides[reading.item_gid]:
                side.available, side.is_active = levels.believed(reading, name == "source")
                side.as_of, side.is_doubtful = reading.as_of, False


def _rows(connection: Connection, loaded: Sequence[Pair]) -> Iterator[PreviewRow]:
    names = {
        link.pk: (str(link.variant_link.source_variant), link.where)
        for link in StockLink.objects.filter(pk__in=[pair.link_id for pair in loaded]).select_related(
            "variant_link__source_variant", "mapping__source_location", "mapping__destination_location"
        )
    }
    for pair in loaded:
        if not pair.destination.is_active and connection.activates_items and pair.source.is_active:
            pair.destination.is_active, pair.destination.available = True, pair.destination.available or 0
    plan = planning.plan(connection, loaded)
    becomes = {write.side.level_id: write.change_to for write in plan.writes}
    reasons = {row.pair.link_id: row.reason for row in plan.settled}
    for pair in loaded:
        variant, locations = names[pair.link_id]
        source, destination = pair.source.available, pair.destination.available
        yield PreviewRow(
            pair.link_id,
            variant,
            locations,
            source,
            becomes.get(pair.source.level_id, source),
            destination,
            becomes.get(pair.destination.level_id, destination),
            reasons.get(pair.link_id, ""),
        )
