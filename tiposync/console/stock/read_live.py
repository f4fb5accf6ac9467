"""Ask Shopify what a linked item's levels are now, for an operator who looks at them."""

from dataclasses import dataclass

from stores.clients import open_client
from stores.models import Connection, Location, SyncSwitch
from syncing.models import StockLevel, StockLink
from syncing.queue import enqueue
from syncing.stock.mirror.levels import observe_live
from tiposync.console.kit.operations import REFUSALS, refusal_words


@dataclass(frozen=True)
class Reading:
    """What was believed of a level, and what Shopify says; or why it could not be asked ('' if it could)."""

    level: StockLevel
    before: int | None
    problem: str = ""

    @property
    def words(self) -> str:
        """Where, and how many; with what stood here before where that differs."""
        now = _units(self.level.available)
        was = "" if self.level.available == self.before else f", here {_units(self.before)} until now"
        return f"{self.level.location.store}, {self.level.location.name}: {now}{was}"


def _units(quantity: int | None) -> str:
    return "unknown or not stocked there" if quantity is None else str(quantity)


def ask_live(links: list[StockLink]) -> list[Reading]:
    """Read the levels of these links live into the mirror and have what changed carried: each level, sources first.

    A store that is paused or does not answer hinders no other: its levels carry the words. Raises ValueError with
    words while everything is stopped.
    """
    if SyncSwitch.objects.filter(is_stopped=True).exists():
        raise ValueError("All syncing is paused: nothing is read until it is resumed.")
    sides = [link.source_level for link in links] + [link.destination_level for link in links]
    levels = {level.pk: level for level in sides}
    by_location: dict[Location, list[StockLevel]] = {}
    for level in levels.values():
        by_location.setdefault(level.location, []).append(level)
    problems: dict[int, str] = {}
    dirtied: set[int] = set()
    for location, group in by_location.items():
        store, problem = location.store, ""
        try:
            if store.is_paused:
                problem = f"The store {store} is paused: nothing is read from it until it is resumed."
            else:
                dirtied |= observe_live(group, open_client(store).for_a_person(), location)
        except REFUSALS as error:
            problem = f"{store}: {refusal_words(error)}"
        problems |= {level.pk: problem for level in group}
    for connection in Connection.objects.filter(pk__in=dirtied):
        enqueue.carry_stock(connection)
    now = StockLevel.objects.select_related("location__store").in_bulk(levels)
    return [Reading(now[pk], level.available, problems[pk]) for pk, level in levels.items()]


def read_live(links: list[StockLink]) -> int:
    """As ask_live, for who needs all of them: return how many were read. Raises ValueError for what could not be."""
    readings = ask_live(links)
    if problems := problems_of(readings):
        raise ValueError(" ".join(problems))
    return len(readings)


def problems_of(readings: list[Reading]) -> list[str]:
    """Why some could not be asked, each reason once."""
    return list(dict.fromkeys(reading.problem for reading in readings if reading.problem))
