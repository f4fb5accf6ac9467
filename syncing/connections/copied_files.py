"""Files on their way into a store: copied, followed until Shopify has fetched them, and what waits for them goes on."""

from stores.clients import open_client
from stores.models import ResourceLink, Store
from syncing.catalogue import referred_files
from syncing.catalogue.products import files
from syncing.queue import enqueue, jobs


def follow(store: Store) -> str | None:
    """Copy files that metafields refer to; see what became of these, and of images, that Shopify was still fetching.

    Returns what could not be, in words. Raises Later while some are still being fetched, ShopifyError.
    """
    waiting, failed = files.follow_up(open_client(store), store)
    followed = referred_files.follow(open_client, store)
    products, others = referred_files.note_failed(followed.failed)
    for product in products:
        enqueue.sync_product(product.connection, product.source_gid, due_in=0)
    for link in others:
        if link.kind == ResourceLink.Kind.COLLECTION:
            enqueue.sync_collection(link.connection, link.source_gid)
    if followed.errors:
        raise followed.errors[0]
    if failed:
        named = "; ".join(f"{row.source_url}: {row.reason or 'no reason given'}" for row in failed[:5])
        return f"{len(failed)} images could not be fetched. {named}"
    if waiting or followed.left:
        raise jobs.Later(enqueue.FILES_SECONDS, f"{waiting + followed.left} images and files are still being fetched.")
    bad = followed.failed
    return f"{len(bad)} files could not be copied. {bad[0].reason}" if bad else None
