"""Have matched again what readings of stock contradict: the webhook that would have told of it was lost, or is late."""

from stores.models import Connection, Store
from syncing.queue import enqueue
from syncing.stock.mirror.contradictions import Contradictions

MOST_PRODUCTS = 50  # that are read one by one; above, a comparison has both catalogues read


def match_products(contradictions: Contradictions) -> None:
    """Have the contradicted products read and matched again, in all connections of their stores."""
    stores = Store.objects.in_bulk({store_id for store_id, _ in contradictions.products})
    for store_id, product_gid in sorted(contradictions.products)[:MOST_PRODUCTS]:
        enqueue.match_product(stores[store_id], product_gid)


def match_connection(connection: Connection, contradictions: Contradictions) -> None:
    """The same after a comparison, and have both catalogues read where that does not suffice.

    A variant that vanished may have its successor in a product that we do not know. Only comparisons ask for so much:
    were Shopify's catalogue to lag behind its stock, a run that does would call itself for ever.
    """
    if contradictions.has_vanished or len(contradictions.products) > MOST_PRODUCTS:
        enqueue.match_connection(connection)
    match_products(contradictions)
