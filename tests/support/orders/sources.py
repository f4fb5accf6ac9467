"""Several sources whose goods one destination sells; and what a test asks of the copies of an order."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from orders.models import OrderImport, OrderSettings
from stores.models import Connection, VariantLink
from stores.shopify import gids
from syncing.queue import enqueue
from syncing.stock import wiring
from tests.simulator.state.orders import Order
from tests.support.orders.trade import total_of
from tests.support.places import Place
from tests.support.world import World

ITEMS = 2  # of each source


@dataclass
class Sources:
    """`north` sells the items of each source in turn (0 and 1 of the first, 2 and 3 of the second …), and one more."""

    world: World
    sources: list[Place]
    north: Place
    connections: list[Connection]

    @classmethod
    def open(cls, world: World, count: int = 2, strategy: str = "order", **choices) -> "Sources":
        """All in step, 20 of each item; `choices` are order settings of all connections."""
        sources = [world.add_store(name, "source", ITEMS, 20) for name in ("alpha", "beta", "gamma", "delta")[:count]]
        north = world.add_store("north", "destination", count * ITEMS + 1, 20)
        began = world.sim.clock.now() - timedelta(hours=1)
        connections = []
        for number, source in enumerate(sources):
            at = began + timedelta(minutes=number)
            fields = {"state": "ready", "started_at": at, "carries_orders_since": at, "aligned_strategy": strategy}
            connection = world.connect(source, north, strategy, **fields)
            theirs = list(north.store.variants.order_by("pk"))[number * ITEMS :]
            VariantLink.objects.bulk_create(
                VariantLink(connection=connection, source_variant=mine, destination_variant=other, state="linked")
                for mine, other in zip(source.store.variants.order_by("pk"), theirs, strict=False)
            )
            OrderSettings.objects.create(connection=connection, **choices)
            connection.state = Connection.State.RUNNING
            connection.save()
            wiring.wire_connection(connection)
            enqueue.carry_stock(connection)
            connections.append(connection)
        world.work()
        world.mark()
        return cls(world, sources, north, connections)

    @property
    def sim(self):
        return self.world.sim

    @property
    def foreign(self) -> int:
        """The number of north's item that no source has."""
        return len(self.sources) * ITEMS

    def place(self, *rows: tuple[int, int, str], **details) -> Order:
        """An order of north: (item, units, price) lines."""
        lines = [{"variant_id": self.north.variants[n].id, "quantity": q, "price": price} for n, q, price in rows]
        return self.sim.place_order(self.north.domain, lines, force=True, **details)

    def run(self) -> None:
        self.world.follow()
        self.world.work()

    def row(self, number: int, order: Order) -> OrderImport:
        """The import of an order by one of the connections."""
        return OrderImport.objects.get(connection=self.connections[number], order_gid=gids.gid("Order", order.id))

    def copies(self, number: int) -> list[Order]:
        return list(self.sources[number].shop.orders.values())

    def totals(self) -> list[list[Decimal]]:
        """What the copies in each source cost."""
        return [[total_of(copy) for copy in self.copies(number)] for number in range(len(self.sources))]
