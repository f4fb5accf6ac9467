"""What stock must come to in the end, counted from what anybody but us did to it."""

from collections import Counter
from itertools import accumulate

from django.db.models import Max

from orders.models import OrderImportLine
from stores.models import Connection
from syncing.models import StockAdjustment
from tests.simulator import Simulator
from tests.support.places import Place, is_our_write


class Accounts:
    """The part of a world that keeps the books. Levels are (item, location), both counted from 0."""

    sim: Simulator
    places: list[Place]
    connections: list[Connection]

    def __init__(self) -> None:
        self.starts: dict[tuple[int, int], int] = {}
        self.opening: dict[tuple[int, int, int], int] = {}
        self.given_back: dict[int, Counter[int]] = {}  # as it stood when counting began; see count_given_back
        self._forget()

    def _forget(self) -> None:
        self.counted: set[int] | None = None  # the stores whose changes count; None: those that are two-way when asked
        self.wrote: set[str] = set()  # references of our writes from before it was counted
        self.counts_from_row = 0  # newer rows of the ledger belong to what is counted

    def mark(self) -> None:
        """Everything is in step: from here on every change counts."""
        for place in self.places:
            place.lose_webhooks()
        self.sim.reset_counters()
        self.count_from_now()
        self._forget()
        self.opening = {
            (place.store.pk, level.item_id, level.location_id): level.available
            for place in self.places
            for level in place.shop.levels.values()
        }

    def count_from_now(self) -> None:
        """What the source has now is where it starts; changes from here on count in the stores that are two-way now."""
        source = self.places[0]
        self.starts = {
            (number, at): source.available(number, at)
            for number in range(len(source.variants))
            for at in range(len(source.location_ids))
        }
        for place in self.places:
            self.wrote |= {change.reference for change in place.shop.changes if change.reference}
            place.shop.changes.clear()
        self.given_back = {place.store.pk: self.count_given_back(place) for place in self.places[1:]}
        self.counted = self._two_way_stores()
        self.counts_from_row = StockAdjustment.objects.aggregate(last=Max("pk"))["last"] or 0

    def count_on(self) -> None:
        """Whatever becomes of strategies, changes count in the stores that are two-way now."""
        self.counted = self._two_way_stores() if self.counted is None else self.counted

    def count_given_back(self, place: Place) -> Counter[int]:
        """Item -> units that orders of a destination held and gave back before any copy took them from the source.

        Where the destination puts them back it adds to its own stock what the source never lost. A machine whose
        destinations sell in more than one way knows.
        """
        return Counter()

    def owed(self, source: Place, number: int, by: Connection | None = None) -> int:
        """Units of an item that the product holds back: sold in a destination, and not taken from the source yet."""
        gid = f"/{source.variants[number].id}"
        lines = OrderImportLine.objects.filter(source_variant__gid__endswith=gid)
        lines = lines.filter(order_import__connection=by) if by else lines
        return sum(line.owed_quantity + (line.quantity if line.is_pending else 0) for line in lines)

    def _two_way_stores(self) -> set[int]:
        return {connection.destination_id for connection in self.connections if connection.is_two_way}

    def expected(self, number: int, at: int = 0) -> int:
        """Where it started, and what anybody but us did to it in the source and in all that are two-way with it."""
        two_way = self._two_way_stores() if self.counted is None else self.counted
        counted = [place for place in self.places if place is self.places[0] or place.store.pk in two_way]
        foreign = (change for place in counted for change in place.changes(number, at) if not is_our_write(change))
        back = (
            self.count_given_back(place)[number] - self.given_back.get(place.store.pk, Counter())[number]
            for place in counted[1:]
        )
        return self.starts[number, at] + sum(change.delta for change in foreign) - (0 if at else sum(back))

    def count_either(self, place: Place, known: int) -> None:
        """While one strategy gives way to another, somebody changes stock under either of them, but under one.

        `known`: how many changes of the store came before. Of each level the last ones belong to the new strategy.
        """
        source, sign = self.places[0], -1 if place.store.pk in (self.counted or ()) else 1
        new = {id(change) for change in place.shop.changes[known:]}
        for number, at in self.starts:
            since = [each for each in place.changes(number, at) if id(each) in new and not is_our_write(each)]
            for delta in accumulate(each.delta for each in reversed(since)):
                if source.available(number, at) == self.expected(number, at) + sign * delta:
                    self.starts[number, at] += sign * delta
                    break

    def open_again(self) -> None:
        """Count from the opening, as after `mark`."""
        self._forget()
        self.given_back = {}  # nobody has ordered anything yet
        source = self.places[0]
        self.starts = {
            (number, at): self.opening[source.store.pk, variant.item_id, location_id]
            for number, variant in enumerate(source.variants)
            for at, location_id in enumerate(source.location_ids)
        }

    def took_effect(self, key: str) -> bool:
        seen = {change.reference or "" for place in self.places for change in place.shop.changes}
        return any(reference.endswith(key) for reference in seen | self.wrote)
