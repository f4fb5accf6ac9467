"""Which connections carry an order of a destination: those that noted it, and those that are yet to."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from orders.models import OrderImport
from stores.models import Connection


def is_too_early(connection: Connection, placed_at: datetime) -> bool:
    """Whether an order was placed before this connection carried orders."""
    begins_at = connection.orders_from_at
    # Shopify's instants have whole seconds: what was placed in the second of the start belongs to us.
    return begins_at is None or placed_at < begins_at.replace(microsecond=0)


def is_too_late(connection: Connection, placed_at: datetime) -> bool:
    """Whether an order was placed after somebody had disconnected this connection, which ends what it has begun."""
    return connection.disconnecting_at is not None and placed_at >= connection.disconnecting_at


def find_carriers(destination_id: int, order_gid: str, placed_at: datetime | None) -> list[Connection]:
    """The running connections that carry an order, whether they know of it yet or not.

    Each notes it for itself, from its own look at the store or as its turn comes with a webhook: one long before
    another.
    """
    noted = OrderImport.objects.filter(connection=OuterRef("pk"), order_gid=order_gid)
    rows = Connection.objects.filter(destination=destination_id, state=Connection.State.RUNNING)
    return [
        each
        for each in rows.select_related("source", "destination").annotate(is_noted=Exists(noted))
        if each.is_noted
        or (placed_at is not None and not is_too_early(each, placed_at) and not is_too_late(each, placed_at))
    ]
