"""One product is read and matched in all connections of its store, and what follows from that is done in each."""

from stores.linking import linking
from stores.models import Connection, Store
from syncing.connections import participation, resuming
from syncing.queue import enqueue
from syncing.stock import wiring


def match_product(store: Store, product_gid: str, *, is_deleted: bool = False) -> None:
    """Match it (linking.match_product), wire and carry the stock of what this concerns, go on with what waited for it.

    Whoever needs a product matched before its job has run calls this: a change is found once, for all connections.
    """
    touched = linking.match_product(store, product_gid, is_deleted=is_deleted)
    for connection in Connection.objects.filter(source=store).select_related("source"):
        participation.follow(connection, [product_gid])
    resuming.resume_linked(touched)
    for connection in Connection.objects.filter(pk__in=touched):
        wiring.wire_connection(connection, product_gid)
        if wiring.has_unwired(connection):  # a vanished duplicate lets variants of other products match
            wiring.wire_connection(connection)
    enqueue.carry_stock_of(touched)
    resuming.resume_matched(store, product_gid)
