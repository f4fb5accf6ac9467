"""Writes in bulk: a store's operations are followed, and the runs that wait for them go on."""

from stores.clients import open_client
from stores.models import Store
from syncing import fence
from syncing.catalogue.bulk import following
from syncing.models import CatalogueRun
from syncing.queue import enqueue, jobs


def follow(store: Store) -> None:
    """Start, follow and read a store's bulk operations. Raises Later while there are any, ShopifyError."""
    if _rests(store):
        return  # the sweep comes back to it
    followed = following.follow(store, open_client(store))
    for run in CatalogueRun.objects.filter(pk__in=followed.runs, state=CatalogueRun.State.RUNNING):
        enqueue.run_catalogue(run)
    for link in followed.edited:
        enqueue.sync_product(link.connection, link.source_gid)
    if followed.is_open:
        raise jobs.Later(followed.seconds, "Shopify is at it.")


def go_on() -> None:
    """Have those followed that are to be started, or that Shopify may be at: a duty of the sweep."""
    stores = (store for store in following.find_open() if not _rests(store))
    fence.each(stores, enqueue.follow_bulk, str)


def _rests(store: Store) -> bool:
    return store.is_paused or store.status == Store.Status.DISCONNECTED
