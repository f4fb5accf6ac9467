"""What is read for one connection is matched in all of its stores, and what follows from that is done in each."""

from collections.abc import Collection
from functools import partial

from django.db.models import Q

from stores.linking import linking, suggestions
from stores.models import Connection, Store
from syncing import fence
from syncing.connections import participation, resuming
from syncing.queue import enqueue
from syncing.stock import wiring


def match_product(store: Store, product_gid: str, *, is_deleted: bool = False) -> None:
    """Match it (linking.match_product), wire and carry the stock of what this concerns, go on with what waited for it.

    Whoever needs a product matched before its job has run calls this: a change is found once, for all connections, and
    is wired in the same transaction. What waits to be carried after that is found in the rows.
    """
    wires = partial(_wire, store, product_gid)
    touched = linking.match_product(store, product_gid, is_deleted=is_deleted, then=wires)
    enqueue.carry_stock_of(touched)
    resuming.resume_matched(store, product_gid)


def _wire(store: Store, product_gid: str, touched: Collection[int]) -> None:
    for connection in Connection.objects.filter(source=store).select_related("source").order_by("pk"):
        participation.follow(connection, [product_gid])
    resuming.resume_linked(touched)
    for connection in Connection.objects.filter(pk__in=touched).order_by("pk"):
        wiring.wire_connection(connection, product_gid)
        if wiring.has_unwired(connection):  # a vanished duplicate lets variants of other products match
            wiring.wire_connection(connection)


def match_others(connection: Connection, stores: Collection[Store], *, is_repeated: bool = False) -> None:
    """The same after these stores were read as a whole for one connection: what changed is matched in the others, too.

    What is open is matched, not what has just changed: a job that is repeated after a crash finds it again. What
    follows from it is done in all of them then (`is_repeated`), for how far it came is not known. One that fails stops
    no other. Raises fence.SomeFailed at the end.
    """
    others = Connection.objects.filter(Q(source__in=stores) | Q(destination__in=stores), state=Connection.State.RUNNING)
    others = others.exclude(pk=connection.pk).select_related("source", "destination").order_by("pk")
    fence.each(others, partial(_match_again, is_repeated), str, keeps_locks=True)


def _match_again(is_repeated: bool, other: Connection) -> None:
    changed = linking.match_connection(other, suggests=False, is_read=False).changed
    if changed or is_repeated or wiring.has_unwired(other):
        resuming.resume_linked([other.pk])
        wiring.wire_connection(other)
        enqueue.carry_stock_of([other.pk])
        resuming.resume_connection(other)
        have_partners_suggested(other)


def have_partners_suggested(connection: Connection) -> None:
    """Have likely partners looked for of what was matched and has none: by a job of its own, for nothing waits for it.

    At once where orders are imported: one whose product is in doubt has its units held back, and nobody knows of a
    doubt that was not looked for.
    """
    if connection.carries_orders:
        suggestions.refresh(connection)
    else:
        enqueue.suggest_partners(connection)
