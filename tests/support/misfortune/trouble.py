"""Trouble that lasts, for any world: one store that misbehaves for long, clocks apart, an index that lags."""

from tests.simulator.wire.faults import Fault
from tests.support.places import Place
from tests.support.world import World

FOR_LONG = {"count": None}
# What one store does to every request, for as long as it lasts.
TROUBLES: dict[str, tuple[dict, ...]] = {
    "down": ({"kind": "http", "match": "any", "status": 503},),
    "unreachable": ({"kind": "refuse_before", "match": "any"},),
    "limited": ({"kind": "rate_limited", "match": "any", "retry_after": "120"},),
    "throttled": ({"kind": "throttled", "match": "any"},),
    "unreadable": ({"kind": "http", "match": "any_query", "status": 503},),
    "refuses writes": ({"kind": "http", "match": "any_mutation", "status": 503},),
    "executes and fails": ({"kind": "lost_answer", "match": "any_mutation", "how": "html"},),
    "loses answers": ({"kind": "lost_answer", "match": "any", "how": "close"},),
    "half of all fails": ({"kind": "lost_answer", "match": "any", "how": "internal_error", "probability": 0.5},),
    "slow": (),  # every answer takes SLOW_SECONDS
    "too slow": ({"kind": "lost_answer", "match": "any", "how": "close"},),  # we hang up after that time
}
SLOW_SECONDS = 25.0


class LongTrouble:
    """One store of a world, and what is wrong with it until it ends."""

    def __init__(self, world: World, place: Place, name: str) -> None:
        self.world, self.place, self.name = world, place, name
        plan = world.sim.faults(place.shop)
        self.faults: list[Fault] = [plan.add(**FOR_LONG | fields) for fields in TROUBLES[name]]
        if name in ("slow", "too slow"):
            world.sim.on_before_execute.append(self._take_long)

    def _take_long(self, shop, name: str, arguments: dict) -> None:
        if shop is self.place.shop:
            self.world.sim.clock.advance(SLOW_SECONDS)

    def end(self) -> None:
        plan = self.world.sim.faults(self.place.shop)
        for fault in self.faults:
            plan.remove(fault)
        if self._take_long in self.world.sim.on_before_execute:
            self.world.sim.on_before_execute.remove(self._take_long)

    def spare_the_others(self) -> None:
        """From here on nothing else is wrong: no fault of another store, no surprise, no pause."""
        self.end()
        self.world.calm()
        self.__init__(self.world, self.place, self.name)
