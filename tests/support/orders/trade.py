"""A source, a destination whose orders it gets, another that only shows its stock; and what a test asks of them."""

from dataclasses import dataclass
from decimal import Decimal

from orders.models import OrderImport, OrderSettings
from stores.models import Connection
from stores.shopify import gids
from tests.simulator.state.order_money import grand_total
from tests.simulator.state.orders import Draft, Order
from tests.support.places import Place
from tests.support.world import World


@dataclass
class Trade:
    """`north` sells what `source` delivers; `south` shows the same stock."""

    world: World
    source: Place
    north: Place
    south: Place
    connection: Connection
    settings: OrderSettings

    @classmethod
    def open(cls, world: World, strategy: str, items: int = 3, stock: int = 20, **choices) -> "Trade":
        """All in step; `choices` are order settings that differ from the defaults."""
        source = world.add_store("source", "source", items, stock)
        north, south = (world.add_store(name, "destination", items, stock) for name in ("north", "south"))
        connection = world.connect(source, north, strategy)
        world.connect(source, south, "one_way")
        settings = OrderSettings.objects.create(connection=connection, **choices)
        world.work()
        world.mark()
        return cls(world, source, north, south, connection, settings)

    @property
    def sim(self):
        return self.world.sim

    def run(self) -> None:
        """All webhooks arrive and all that follows is done."""
        self.world.follow()
        self.world.work()

    @property
    def copies(self) -> list[Order]:
        return list(self.source.shop.orders.values())

    @property
    def drafts(self) -> list[Draft]:
        return list(self.source.shop.drafts.values())

    def row(self, order: Order) -> OrderImport:
        """The import of a destination's order."""
        return OrderImport.objects.get(connection=self.connection, order_gid=gids.gid("Order", order.id))

    def stock(self, number: int = 0) -> tuple[int, int, int]:
        """Available in source, north and south."""
        return tuple(place.available(number) for place in (self.source, self.north, self.south))


def total_of(order: Order) -> Decimal:
    """What an order costs, in the shop's currency."""
    return grand_total(order).shop
