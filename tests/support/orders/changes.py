"""A copied order to which something happens: what the tests of later changes have in common."""

from orders.changes import carry as updates
from orders.changes.steps import state
from orders.models import OrderUpdate
from stores import clients
from stores.shopify import gids
from syncing.connections import resuming
from syncing.models import SyncJob
from tests.support.minutes import sweep_minute
from tests.support.orders.trade import Trade

State = OrderUpdate.State
Kind = OrderUpdate.Kind
LOST = ["close", "html", "internal_error"]


def copied(trade, *lines, strategy="order", **choices):
    """A trade with one order of north that is copied: (trade, order, copy)."""
    shop = trade(strategy, **choices)
    order = shop.north.order(*lines)
    shop.run()
    return shop, order, (shop.copies or [None])[0]


def update(kind: str) -> OrderUpdate:
    return OrderUpdate.objects.get(kind=kind)


def shipped(order) -> list[tuple[dict[int, int], list[str]]]:
    return [(made.lines, made.numbers) for made in order.fulfillments]


def settle(shop: Trade) -> None:
    """The time passes that looks and jobs wait for."""
    for minute in range(5):
        shop.world.tick(70)
        sweep_minute(minute)
        SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(attempts=0)
        shop.world.work(tries=1)
        shop.run()
        if not OrderUpdate.objects.filter(state__in=state.OPEN).exists():
            return


def carry(shop: Trade, order) -> str:
    return updates.carry_updates(shop.connection, gids.gid("Order", order.id), clients.open_client, resuming.move_units)
