"""Ask for work: one function for each kind, named as it. syncing.handlers says what each does."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Exists
from django.db.models.functions import Now

from stores.models import Connection, Store
from syncing.models import CatalogueRun, Reconciliation, StockBurst, SyncJob
from syncing.queue.jobs import enqueue

LINGER_SECONDS = 3  # one edit of a product or collection brings several webhooks
URGENT = "all but product updates"  # subject of a job that leaves webhooks that can wait to another
SUGGEST_SECONDS = 5  # which lets the stock of what was just matched go first
FILES_SECONDS = 30  # Shopify fetches most images within this time


def process_events(due_in: float = 0) -> None:
    """Have all new webhook events processed."""
    enqueue(SyncJob.Kind.PROCESS_EVENTS, due_in=due_in)


def process_urgent_events() -> None:
    """Have new webhook events processed, but for those that can wait; they have been asked for as well."""
    enqueue(SyncJob.Kind.PROCESS_EVENTS, URGENT)


def carry_stock(connection: Connection, due_in: float = 0, *, rings: bool = True) -> None:
    """Have a connection's changed stock carried over. `rings` is that of `jobs.enqueue`."""
    subject = f"connection {connection.pk}"
    enqueue(SyncJob.Kind.CARRY_STOCK, subject, connection=connection, due_in=due_in, rings=rings)


def carry_stock_of(connection_ids: Iterable[int], *, announced_by: Store | None = None, goes_on: bool = False) -> None:
    """Have those of these connections run that are started; a worker that `goes_on` runs the first of them itself.

    `announced_by` is the store whose webhooks told. While it is asked ahead of them the stock waits for the next look,
    which has more. Where that does not come, it does not wait for longer.
    """
    soon = (Now(), Now() + StockBurst.LONGEST_PATIENCE)
    asked = StockBurst.objects.filter(store=announced_by, until_at__isnull=False, patient_until__range=soon)
    started = Connection.objects.filter(pk__in=set(connection_ids), state=Connection.State.RUNNING)
    for place, connection in enumerate(started.only("pk").annotate(is_asked=Exists(asked)).order_by("pk")):
        due_in = settings.BURST_READ_SECONDS if connection.is_asked else 0
        carry_stock(connection, due_in, rings=place > 0 or not goes_on)


def follow_burst(store: Store) -> None:
    """Have a store asked for changes of which no webhook has told yet, again and again while there are any."""
    kind, subject = SyncJob.Kind.FOLLOW_BURST, f"store {store.pk}"
    enqueue(kind, subject, store=store, due_in=settings.BURST_READ_SECONDS)


def start_connection(connection: Connection) -> None:
    """Have an approved connection started: matched, wired, aligned."""
    enqueue(SyncJob.Kind.START_CONNECTION, f"connection {connection.pk}", connection=connection)


def match_connection(connection: Connection) -> None:
    """Have the catalogues of a connection read and matched again."""
    enqueue(SyncJob.Kind.MATCH_CONNECTION, f"connection {connection.pk}", connection=connection)


def suggest_partners(connection: Connection) -> None:
    """Have likely partners of a connection's open links looked for, from the first link on.

    Nothing waits for that: it goes behind whatever is due by then, and makes room for other work.
    """
    kind, subject = SyncJob.Kind.SUGGEST_PARTNERS, f"connection {connection.pk}"
    # How far one that waits has come says nothing any more: what was matched since is anywhere.
    SyncJob.objects.filter(kind=kind, subject=subject, state=SyncJob.State.QUEUED).update(arguments={})
    enqueue(kind, subject, connection=connection, due_in=SUGGEST_SECONDS)


def match_product(store: Store, product_gid: str) -> None:
    """Have one product of a store read and matched again, in all its connections."""
    subject = f"store {store.pk} {product_gid}"
    enqueue(SyncJob.Kind.MATCH_PRODUCT, subject, store=store, arguments={"product_gid": product_gid})


def reconcile(connection: Connection, trigger: str = "operator") -> None:
    """Have a connection compared with what Shopify says now."""
    subject, arguments = f"connection {connection.pk}", {"trigger": trigger}
    enqueue(SyncJob.Kind.RECONCILE, subject, connection=connection, arguments=arguments)


def compare_recent(store: Store) -> None:
    """Have a store asked for what changed lately, in case no webhook told of it."""
    enqueue(SyncJob.Kind.COMPARE_RECENT, f"store {store.pk}", store=store)


def undo_run(run: Reconciliation) -> None:
    """Have the stock writes that a reconciliation led to taken back."""
    subject, arguments = f"reconciliation {run.pk}", {"reconciliation": run.pk}
    enqueue(SyncJob.Kind.UNDO_RUN, subject, connection=run.connection, arguments=arguments)


def undo_alignment(connection: Connection) -> None:
    """Have the stock writes of a connection's first alignment taken back."""
    enqueue(SyncJob.Kind.UNDO_RUN, f"first alignment of connection {connection.pk}", connection=connection)


def check_store(store: Store) -> None:
    """Have a store checked and its webhook subscriptions repaired."""
    enqueue(SyncJob.Kind.CHECK_STORE, f"store {store.pk}", store=store)


def import_order(connection: Connection, order_gid: str) -> None:
    """Have an order of a connection's destination copied, or its draft looked at."""
    subject, arguments = f"connection {connection.pk} {order_gid}", {"order_gid": order_gid}
    enqueue(SyncJob.Kind.IMPORT_ORDER, subject, connection=connection, arguments=arguments)


def update_order(connection: Connection, order_gid: str) -> None:
    """Have what happened to a copied order later carried to the other side."""
    subject, arguments = f"connection {connection.pk} {order_gid}", {"order_gid": order_gid}
    enqueue(SyncJob.Kind.UPDATE_ORDER, subject, connection=connection, arguments=arguments)


def compare_orders(connection: Connection, order_gid: str) -> None:
    """The same after a sign of life that may mean nothing, with what else happens to the order in the next seconds."""
    subject, arguments = f"connection {connection.pk} {order_gid}", {"order_gid": order_gid}
    enqueue(SyncJob.Kind.UPDATE_ORDER, subject, connection=connection, arguments=arguments, due_in=LINGER_SECONDS)


def send_notice(order_import_id: int, connection: Connection) -> None:
    """Have a mail about an order sent, if one is due by then."""
    subject, arguments = f"order import {order_import_id}", {"order_import": order_import_id}
    enqueue(SyncJob.Kind.SEND_NOTICE, subject, connection=connection, arguments=arguments)


def sync_collection(connection: Connection, collection_gid: str) -> None:
    """Have one collection of the source carried, with what else happens to it in the next seconds."""
    subject, arguments = f"connection {connection.pk} {collection_gid}", {"collection_gid": collection_gid}
    kind = SyncJob.Kind.SYNC_COLLECTION
    enqueue(kind, subject, connection=connection, arguments=arguments, due_in=LINGER_SECONDS)


def read_collection(store: Store, collection_gid: str, due_in: float = LINGER_SECONDS) -> None:
    """Have the products of a source's collection read, which decides which of them take part."""
    subject, arguments = f"store {store.pk} {collection_gid}", {"collection_gid": collection_gid}
    enqueue(SyncJob.Kind.READ_COLLECTION, subject, store=store, arguments=arguments, due_in=due_in)


def sync_product(connection: Connection, product_gid: str, due_in: float = LINGER_SECONDS) -> None:
    """Have one product of the source carried, with what else happens to it in the next seconds."""
    subject, arguments = f"connection {connection.pk} {product_gid}", {"product_gid": product_gid}
    kind = SyncJob.Kind.SYNC_PRODUCT
    enqueue(kind, subject, connection=connection, arguments=arguments, due_in=due_in)


def run_catalogue(run: CatalogueRun) -> None:
    """Have a catalogue run, or a preview, worked at until it is over."""
    arguments = {"run": run.pk}
    enqueue(SyncJob.Kind.RUN_CATALOGUE, f"run {run.pk}", connection=run.connection, arguments=arguments)


def follow_bulk(store: Store) -> None:
    """Have bulk operations of a store started, and followed to their ends."""
    enqueue(SyncJob.Kind.FOLLOW_BULK, f"store {store.pk}", store=store)


def follow_files(store: Store) -> None:
    """Have it looked at what became of images that Shopify was still fetching."""
    enqueue(SyncJob.Kind.FOLLOW_FILES, f"store {store.pk}", store=store, due_in=FILES_SECONDS)


def delete_unordered(connection: Connection) -> None:
    """Have products that were taken off sale a day ago deleted, if nobody ever ordered them."""
    enqueue(SyncJob.Kind.DELETE_UNORDERED, f"connection {connection.pk}", connection=connection)


def sync_content(connection: Connection, *, compares: bool = False) -> None:
    """Have a connection's collections, pages, blogs and articles looked at: what changed, or all (`compares`)."""
    subject = f"connection {connection.pk}" + (", all" if compares else "")
    enqueue(SyncJob.Kind.SYNC_CONTENT, subject, connection=connection, arguments={"compares": compares})
