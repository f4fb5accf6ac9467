"""First syncs and new prices, and a run that writes them by bulk operations."""

import time
from collections.abc import Callable
from typing import Any

from stores.models import VariantLink
from syncing.catalogue.bulk import reading_ahead
from syncing.catalogue.runs import lifecycle, lists
from syncing.connections.product_matching import match_product
from syncing.models import BulkLine, BulkOperation, CatalogueRun
from syncing.queue import enqueue
from tests.support.catalogue.showroom import Showroom

RESULT_SECONDS = 240  # by which any of them is over, on a busy machine, too


def list_in_bulk(monkeypatch: Any) -> None:
    """Have runs list what a store has by a bulk query, however little it is, and look at it often."""
    monkeypatch.setattr(lists, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(lists, "LEAST_PRODUCTS", 1)


def read_ahead(monkeypatch: Any) -> None:
    """Have runs read their products by bulk queries, however few they are, and look at these often."""
    monkeypatch.setattr(reading_ahead, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(reading_ahead, "LEAST_PRODUCTS", 2)
    monkeypatch.setattr(reading_ahead, "ALIKE_COUNT", 0)


def act_after(monkeypatch: Any, module: Any, name: str) -> dict[str, Callable[[], object]]:
    """By domain, what is to happen right after the next read of a store by the function of that name; once each."""
    read, plans = getattr(module, name), dict[str, Callable[[], object]]()

    def read_and_go_on(client: Any, *arguments: Any, **named: Any) -> Any:
        found = read(client, *arguments, **named)
        plans.pop(client.domain, lambda: None)()
        return found

    monkeypatch.setattr(module, name, read_and_go_on)
    return plans


class BulkRun:
    """A run over products of a source and what became of it."""

    room: Showroom
    gids: list[str]
    count: int

    @property
    def handles(self) -> list[str]:
        return [f"lamp-{number}" for number in range(self.count)]

    @property
    def counters(self) -> Any:
        return self.room.destination.shop.counters

    def begin(self, kind: str) -> CatalogueRun:
        run = lifecycle.start(self.room.connection, kind)
        enqueue.run_catalogue(run)
        return run

    def run(self, kind: str) -> CatalogueRun:
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
        return [str(self.room.there(handle).variants[0].price) for handle in self.handles]

    def line_states(self) -> list[str]:
        return list(BulkLine.objects.order_by("pk").values_list("state", flat=True))


class Repricing(BulkRun):
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

    def begin(self, kind: str = "prices") -> CatalogueRun:
        return super().begin(kind)

    def run(self, kind: str = "prices") -> CatalogueRun:
        return super().run(kind)

    @property
    def lines_sent(self) -> int:
        """Variant writes that Shopify carried out as lines."""
        return int(self.counters.bulk_lines["productVariantsBulkUpdate"])

    @property
    def single_writes(self) -> int:
        return self.room.destination.count("productVariantsBulkUpdate")


class FirstSync(BulkRun):
    """Products of a source of which the destination has none: two sizes, with units, an image, and on sale."""

    def __init__(self, room: Showroom, settings: Any, count: int = 4, least: int = 2) -> None:
        self.room, self.count = room, count
        self.gids = [self.add(f"Lamp {number}") for number in range(count)]
        for gid in self.gids:
            match_product(room.source.store, gid)
        for place in room.world.places:
            place.lose_webhooks()
        settings.BULK_WRITES_FROM = least
        room.set(publication_gids=room.channels(), price_percent=50)
        room.sim.reset_counters()

    def add(self, title: str, **fields: Any) -> str:
        gid = self.room.sizes(title, "S", "M", stock=7, **fields)
        self.room.add_image(gid, f"{title}.png", alt=title)
        return gid

    def begin(self, kind: str = "first") -> CatalogueRun:
        return super().begin(kind)

    def run(self, kind: str = "first") -> CatalogueRun:
        return super().run(kind)

    @property
    def lines_sent(self) -> dict[str, int]:
        """Lines that Shopify carried out, by their mutations."""
        return dict(self.counters.bulk_lines)

    @property
    def single_creations(self) -> int:
        return self.room.destination.count("productSet")

    def is_whole(self) -> bool:
        """Whether each product is there once, linked, at its price, with its units, its image, and on sale."""
        room = self.room
        channels = set(room.channels())
        assert room.handles() == sorted(self.handles)
        for handle, gid in zip(self.handles, self.gids, strict=True):
            product, link = room.there(handle), room.link(gid)
            assert (link.state, link.destination_gid, link.is_created) == ("linked", product.gid, True)
            assert [str(variant.price) for variant in product.variants] == ["15.00", "15.00"]
            assert room.units(handle) == [7, 7]
            assert [media.alt for media in product.media] == [product.title]
            assert set(product.publication_gids) == channels
        assert VariantLink.objects.filter(state=VariantLink.State.LINKED).count() >= 2 * self.count
        return True
