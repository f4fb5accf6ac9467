"""A first sync, new prices, and a run that writes them by bulk operations."""

import time
from collections.abc import Callable
from typing import Any

from syncing.catalogue.runs import lifecycle
from syncing.models import BulkLine, BulkOperation, CatalogueRun
from syncing.queue import enqueue
from tests.support.catalogue.showroom import Showroom

RESULT_SECONDS = 240  # by which any of them is over, on a busy machine, too


class Repricing:
    """Products of a source that are in the destination, whose prices are to rise by a half there."""

    def __init__(self, room: Showroom, settings: Any, count: int = 4, least: int = 2) -> None:
        self.room, self.count = room, count
        self.gids = [room.add(f"Lamp {number}") for number in range(count)]
        for place in room.world.places:
            place.lose_webhooks()
        settings.BULK_WRITES_FROM = 0
        assert room.run("first").counts == {"create": count}
        settings.BULK_WRITES_FROM = least
        room.set(price_percent=50)
        room.sim.reset_counters()

    @property
    def counters(self) -> Any:
        return self.room.destination.shop.counters

    @property
    def lines_sent(self) -> int:
        """Variant writes that Shopify carried out as lines."""
        return int(self.counters.bulk_lines["productVariantsBulkUpdate"])

    @property
    def single_writes(self) -> int:
        return self.room.destination.count("productVariantsBulkUpdate")

    def begin(self, kind: str = "prices") -> CatalogueRun:
        run = lifecycle.start(self.room.connection, kind)
        enqueue.run_catalogue(run)
        return run

    def run(self, kind: str = "prices") -> CatalogueRun:
        return self.end(self.begin(kind))

    def end(self, run: CatalogueRun, meanwhile: Callable[[], object] = lambda: None) -> CatalogueRun:
        """What workers and the sweep do until it is over."""
        deadline = time.monotonic() + RESULT_SECONDS
        while time.monotonic() < deadline:
            meanwhile()
            self.room.sweep()
            run.refresh_from_db()
            if not run.is_under_way and not self.open_operations(run):
                return run
            time.sleep(0.02)
        raise AssertionError(f"{run.state} {list(BulkOperation.objects.values('state', 'message', 'done', 'failed'))}")

    def open_operations(self, run: CatalogueRun) -> list[BulkOperation]:
        return list(run.bulk_operations.filter(state__in=BulkOperation.OPEN))

    def prices(self) -> list[str]:
        handles = [f"lamp-{number}" for number in range(self.count)]
        return [str(self.room.there(handle).variants[0].price) for handle in handles]

    def line_states(self) -> list[str]:
        return list(BulkLine.objects.order_by("pk").values_list("state", flat=True))
