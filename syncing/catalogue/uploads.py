"""Videos and 3D models on their way into a destination: one at a time, each made there once.

Shopify takes hosted ones from a staged upload only: nothing of that shows before a file is made of it, so it is safe to
repeat. That a file is made is noted before, with what it is found by again if the answer is lost.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import PurePosixPath

from django.utils import timezone

from stores.models import FileLink
from stores.shopify.cdn import is_shopifys
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields import files as wire
from stores.shopify.metafields.files import FileRecord
from stores.shopify.metafields.writes import said_by
from stores.shopify.products import staged_uploads
from stores.shopify.products.staged_uploads import TransferFailed

State = FileLink.State
Settle = Callable[[FileLink, str, str], FileLink]
MOST_TRIES = 3
ROUND_SECONDS = 120.0  # of one job: what is left waits for the next one
CLOCKS = timedelta(minutes=2)  # by which ours and Shopify's may differ
GAVE_UP = "It was begun {} times and never arrived."


def make_each(
    source: Client,
    client: Client,
    due: Sequence[tuple[FileLink, FileRecord]],
    settle: Settle,
    failed: list[FileLink],
) -> None:
    """Bring these into a destination, as far as the time allows; those that failed are added to `failed`.

    Raises as Client.execute does for the destination.
    """
    end = time.monotonic() + ROUND_SECONDS
    for row, record in due:
        if time.monotonic() > end:
            break
        if not _make(source, client, row, record, settle):
            failed.append(row)


def _make(source: Client, client: Client, row: FileLink, record: FileRecord, settle: Settle) -> bool:
    """Whether it is on its way, or will be tried again."""
    if made := _find_made(client, row):
        row.destination_gid = made
        settle(row, State.PROCESSING, "")
        return True
    if row.tries >= MOST_TRIES:
        settle(row, State.FAILED, row.reason or GAVE_UP.format(row.tries))
        return False
    row.tries += 1
    row.save(update_fields=["tries"])
    try:
        row.mark, url = _send(source, client, row, record)
        row.asked_at = client.answered_at or timezone.now()
        row.save(update_fields=["mark", "asked_at"])
        [row.destination_gid] = wire.create_files(client, [replace(record, url=url)])
    except TransferFailed as error:
        settle(row, State.WANTED if error.may_pass and row.tries < MOST_TRIES else State.FAILED, f"{error}.")
        return row.state == State.WANTED
    except UserErrors as error:
        settle(row, State.FAILED, f"Shopify: {said_by(error)}")
        return False
    settle(row, State.PROCESSING, "")
    return True


def _find_made(client: Client, row: FileLink) -> str:
    """What an earlier worker made of it, whose answer was lost; '' if there is nothing."""
    if row.asked_at is None:
        return ""
    found = wire.find_made(client, row.mark, row.asked_at - CLOCKS)
    others = FileLink.objects.filter(destination=row.destination_id, destination_gid__in=found).exclude(pk=row.pk)
    taken = set(others.values_list("destination_gid", flat=True))
    return next((gid for gid in reversed(found) if gid not in taken), "")


def _send(source: Client, client: Client, row: FileLink, record: FileRecord) -> tuple[str, str]:
    """What the file will be found by, and the address that it is made of."""
    if record.kind not in wire.HOSTED:
        return record.url, record.url
    record = _reachable(source, record)
    name = name_of(row, record)
    return name, staged_uploads.copy_file(source, client, record.url, name, record.mime_type, record.kind)


def _reachable(source: Client, record: FileRecord) -> FileRecord:
    """The same, in the largest shape that lies at Shopify's where its original does not."""
    if is_shopifys(record.url, source.origin):
        return record
    url = next((url for url in record.more_urls if is_shopifys(url, source.origin)), "")
    name = str(PurePosixPath(record.name or "file").with_suffix(".mp4"))
    return replace(record, url=url, name=name, mime_type="video/mp4") if url else record


def name_of(row: FileLink, record: FileRecord) -> str:
    """The name of its copy: its own, and a mark that no other file has."""
    path = PurePosixPath(record.name or "file")
    mark = sha256(f"{row.source_id} {row.source_gid}".encode()).hexdigest()[:12]
    return f"{path.stem[:80]}-{mark}{path.suffix.lower()}"
