"""Files that metafields refer to, and videos of products: each is copied once into a destination, and found again by
what is recorded here.

A carried thing wants its files; the job copies them; what refers to one is carried again once its copy is ready.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from stores.ages import over
from stores.clients import OpenClient
from stores.models import CatalogueSettings, Connection, FileLink, ProductLink, ResourceLink, Store
from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError, UserErrors
from stores.shopify.metafields import files as wire
from stores.shopify.metafields.files import FileRecord
from stores.shopify.metafields.writes import said_by
from syncing.catalogue import uploads
from syncing.catalogue.portions import portions

State = FileLink.State
KINDS = frozenset({"MediaImage", "GenericFile", "Video", "Model3d", "ExternalVideo"})
ROWS_AT_ONCE = 250
FAILED_FOR = timedelta(days=1)  # then it is tried again when something that refers to it is carried
GONE = "It does not exist in the source any more."
UNKNOWN_KIND = "Files of this kind are not copied."


def copies_of(connection: Connection, source_gids: Iterable[str]) -> dict[str, str]:
    """Source gid -> destination gid of these files, as far as their copies are ready."""
    rows = _links(connection, source_gids).filter(state=State.READY)
    return dict(rows.values_list("source_gid", "destination_gid"))


def failures_of(connection: Connection, source_gids: Iterable[str]) -> dict[str, str]:
    """Why these files of the source have no copy, in words."""
    rows = _links(connection, source_gids).filter(state=State.FAILED)
    named = rows.values_list("source_gid", "reason")
    return {gid: f"its file cannot be copied: {reason.rstrip('.')}" for gid, reason in named}


def want(connection: Connection, source_gids: Iterable[str]) -> None:
    """Have the files among these copied, as far as nobody has."""
    names = {"source": connection.source, "destination": connection.destination}
    rows = [FileLink(**names, source_gid=gid) for gid in source_gids if _kind(gid) in KINDS]
    if not rows:
        return
    is_old = over("checked_at", FAILED_FOR, timezone.now())
    stale = _links(connection, [row.source_gid for row in rows]).filter(is_old, state=State.FAILED)
    stale.update(state=State.WANTED, reason="", destination_gid="", tries=0)
    FileLink.objects.bulk_create(rows, ignore_conflicts=True)


def forget_deleted(connection: Connection, client: Client) -> int:
    """Have those copies made again that are gone from the destination (`client`); how many.

    What refers to them differs from here on: it is compared, waits for its files, and gets them. Nobody tells when
    staff delete a file. Raises as Client.execute does. Safe to repeat.
    """
    between = {"source": connection.source_id, "destination": connection.destination_id}
    ready = FileLink.objects.filter(**between, state=State.READY).order_by("pk")
    count = 0
    for portion in portions(ready.values_list("pk", "destination_gid").iterator()):
        living = wire.find_living(client, dict.fromkeys(gid for _, gid in portion))
        gone = ready.filter(pk__in=[pk for pk, gid in portion if gid not in living])
        count += gone.update(state=State.WANTED, destination_gid="", asked_at=None, tries=0)
    return count


@dataclass
class Followed:
    """What came of a look: how many are still to come, those that failed now, and what stores in trouble answered."""

    left: int = 0
    failed: list[FileLink] = field(default_factory=list)
    errors: list[ShopifyError] = field(default_factory=list)


def destinations_due() -> list[Store]:
    """Stores into which files are to be copied, or are being fetched, along a catalogue that travels now."""
    due = FileLink.objects.filter(state__in=(State.WANTED, State.PROCESSING)).values("destination")
    return [store for store in Store.objects.filter(pk__in=due).order_by("pk") if _sources_of(store)]


def _sources_of(destination: Store) -> list[Store]:
    """Those whose catalogues travel into it now: of others nothing is read, and nothing is written for them."""
    rows = CatalogueSettings.objects.filter(connection__destination=destination).order_by("connection__source")
    rows = rows.select_related("connection__source", "connection__destination")
    return [row.connection.source for row in rows if not row.why_inert()]


def follow(open_client: OpenClient, store: Store) -> Followed:
    """Copy what is wanted in a destination, and see what became of what Shopify was still fetching.

    A source that cannot be asked keeps the files of no other one waiting. Raises as Client.execute does for the
    destination.
    """
    followed, sources = Followed(), _sources_of(store)
    if not sources:
        return followed
    client = open_client(store)
    rows = list(_due(store, State.PROCESSING).filter(source__in=sources).order_by("pk")[:ROWS_AT_ONCE])
    found = wire.read_files(client, [row.destination_gid for row in rows], with_errors=True)
    for row in rows:
        record = found.get(row.destination_gid)
        if record is None:
            _settle(row, State.WANTED, "")  # deleted meanwhile
        elif record.status == wire.FAILED:
            followed.failed.append(_settle(row, State.FAILED, record.error or "Shopify gives no reason."))
        elif record.status == wire.READY:
            _settle(row, State.READY, "")
    for source in sources:
        rows = list(_due(store, State.WANTED).filter(source=source).order_by("pk")[:ROWS_AT_ONCE])
        try:
            _copy(open_client, source, client, rows, followed.failed)
        except ShopifyError as error:
            followed.errors.append(error)
    due = FileLink.objects.filter(destination=store, source__in=sources, state__in=(State.WANTED, State.PROCESSING))
    followed.left = due.count()
    return followed


def note_failed(failed: Iterable[FileLink]) -> tuple[list[ProductLink], list[ResourceLink]]:
    """Have what refers to these looked at again, so that it says why they are left out."""
    products: list[ProductLink] = []
    others: list[ResourceLink] = []
    for row in failed:
        between = {"connection__source": row.source_id, "connection__destination": row.destination_id}
        names = between | {"awaits__contains": [row.source_gid]}
        products += ProductLink.objects.filter(**names).select_related("connection")
        others += ResourceLink.objects.filter(**names).select_related("connection")
    ProductLink.objects.filter(pk__in=[link.pk for link in products]).update(fingerprint="")
    ResourceLink.objects.filter(pk__in=[link.pk for link in others]).update(fingerprint="")
    return products, others


def _kind(text: str) -> str:
    try:
        return gids.split(text)[0]
    except gids.GidError:
        return ""


def _copy(open_client: OpenClient, source: Store, client: Client, rows: list[FileLink], failed: list[FileLink]) -> None:
    if not rows:
        return
    source_client = open_client(source)
    found = wire.read_files(source_client, [row.source_gid for row in rows])
    due: list[tuple[FileLink, FileRecord]] = []
    moving: list[tuple[FileLink, FileRecord]] = []
    for row in rows:
        record = found.get(row.source_gid)
        if record is None or not record.kind or record.status == wire.FAILED:
            failed.append(_settle(row, State.FAILED, UNKNOWN_KIND if record and not record.kind else GONE))
        elif record.url:  # else the source itself is still fetching it
            (due if record.kind in (wire.IMAGE, wire.FILE) else moving).append((row, record))
    for start in range(0, len(due), wire.FILES_PER_WRITE):
        failed += _make(client, due[start : start + wire.FILES_PER_WRITE])
    uploads.make_each(source_client, client, moving, _settle, failed)


def _make(client: Client, due: list[tuple[FileLink, FileRecord]]) -> list[FileLink]:
    """Make all of them; where one is refused, each by itself."""
    try:
        made = wire.create_files(client, [record for _, record in due])
    except UserErrors as error:
        if len(due) == 1:
            return [_settle(due[0][0], State.FAILED, f"Shopify: {said_by(error)}")]
        return [row for each in due for row in _make(client, [each])]
    for (row, _), gid in zip(due, made, strict=True):
        row.destination_gid = gid
        _settle(row, State.PROCESSING, "")
    return []


def _settle(row: FileLink, state: str, reason: str) -> FileLink:
    row.state, row.reason, row.checked_at = state, reason[:500], timezone.now()
    row.destination_gid = "" if state in (State.WANTED, State.FAILED) else row.destination_gid
    row.asked_at = row.asked_at if state == State.WANTED and reason else None
    row.tries = 0 if state == State.READY else row.tries
    row.save(update_fields=["state", "reason", "checked_at", "destination_gid", "asked_at", "tries"])
    return row


def _due(store: Store, state: str) -> QuerySet[FileLink]:
    return FileLink.objects.filter(destination=store, state=state)


def _links(connection: Connection, source_gids: Iterable[str]) -> QuerySet[FileLink]:
    names: Mapping[str, int] = {"source": connection.source_id, "destination": connection.destination_id}
    return FileLink.objects.filter(**names, source_gid__in=list(source_gids))
