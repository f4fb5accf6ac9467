"""What follows an attempt to copy an order, or to carry its changes, whatever became of it."""

from orders import due, notices
from stores.models import Connection
from syncing.queue import enqueue


def follow_import(connection: Connection, order_gid: str) -> None:
    """Have what happened to an order while it was being copied carried, and told who wants to be told."""
    if due.unfinished_updates([connection.pk]).filter(order_gid=order_gid).exists():
        enqueue.update_order(connection, order_gid)
    enqueue_notices(connection, order_gid)


def enqueue_notices(connection: Connection, order_gid: str) -> None:
    """Have those told who want to be told of an order's state."""
    for order_import in due.untold([connection.pk]).filter(order_gid=order_gid):
        if notices.decide(order_import):
            enqueue.send_notice(order_import.pk, connection)
