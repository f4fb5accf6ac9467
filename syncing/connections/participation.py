"""Who takes part in a connection: decided anew, and stock, orders and catalogue follow at once."""

from collections.abc import Collection

from django.db import transaction

from stores import selecting, selection
from stores.clients import OpenClient
from stores.models import CatalogueSettings, Connection, Store
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.stock import wiring

MOST_PRODUCTS = 100  # that are followed one by one; above it everything is


def ensure(connection: Connection, clients: OpenClient) -> None:
    """Where the settings are others than those last decided with: read what they ask for, decide, follow.

    Raises as the client does: until it is known who takes part, nothing travels.
    """
    if selecting.is_stale(connection):
        wanted, share = selecting.in_force(connection)
        selecting.ensure_facts(connection, clients(connection.source), wanted, share)
        follow(connection)


def read_anew(connection: Connection, clients: OpenClient) -> None:
    """Read all that decides about its products, whatever no webhook told of; decide and follow. Raises likewise."""
    wanted, share = selecting.selection_of(connection), selecting.share_of(connection.source)
    if selection.needs_facts(wanted, share):
        named = selecting.named_collections(wanted, share)
        selecting.read_facts(connection.source, clients(connection.source), named)
    follow(connection)


def follow(connection: Connection, product_gids: Collection[str] = ()) -> set[str]:
    """Decide anew (about these products), and have whatever changed followed; the products that did."""
    with transaction.atomic():  # who comes after a worker that died in between would find nothing changed
        changed = selecting.decide(connection, product_gids)
        if changed:
            few = sorted(changed) if len(changed) <= MOST_PRODUCTS else []
            wiring.wire_connection(connection, *few)
            enqueue.carry_stock_of([connection.pk])
            resuming.resume_linked([connection.pk])
            _follow_catalogue(connection, few)
        return changed


def _follow_catalogue(connection: Connection, few: Collection[str]) -> None:
    catalogue = CatalogueSettings.objects.filter(connection=connection, started_at__isnull=False)
    if catalogue.exists():
        for product_gid in few:
            enqueue.sync_product(connection, product_gid)
        if not few:
            catalogue.update(products_compared_at=None)


def read_collection(source: Store, clients: OpenClient, collection_gid: str) -> int:
    """Read the products of a collection that decides about some; how many changed sides. Raises as the client does."""
    selecting.read_collections(source, clients(source), [collection_gid])
    return sum(len(follow(row)) for row in Connection.objects.filter(source=source).select_related("source"))
