"""Which file of a destination was made of what in a source, so that no image or video is sent twice."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.utils import timezone

from stores.models import CatalogueFile, Connection, FileLink, Store
from stores.models.catalogue_link import url_key
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.metafields.writes import places_of
from stores.shopify.products.media import read_media
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.rules import images
from syncing.catalogue.rules.fields import Field
from syncing.catalogue.rules.images import FAILED, READY
from syncing.catalogue.rules.parts.made import Desired

FILES_AT_ONCE = 1000
_STATES = {READY: CatalogueFile.State.READY, FAILED: CatalogueFile.State.FAILED}


def known_files(
    store: Store, products: Sequence[ProductRecord], copies: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Origin in a source -> file gid in this store, of images of these products, and of their videos in `copies`."""
    videos = [video.gid for product in products for video in images.source_videos(product)]
    keys = {image.url: url_key(image.url) for product in products for image in images.source_images(product)}
    rows = CatalogueFile.objects.filter(store=store, source_key__in=set(keys.values()))
    found = dict(rows.values_list("source_key", "file_gid"))
    known = {url: found[key] for url, key in keys.items() if key in found}
    return known | {gid: copies[gid] for gid in videos if gid in copies}


def living_files(
    client: Client,
    connection: Connection,
    product: ProductRecord,
    partner: ProductRecord | None,
    known: Mapping[str, str],
    *,
    forgets: bool,
) -> dict[str, str]:
    """Origin in the source -> file gid of those of `known` that belong to `product` and still exist.

    Also of what the partner shows and the product has lost. Deleted ones are forgotten if it `forgets`. What the
    partner shows exists; only for others Shopify is asked. Raises as Client.execute does.
    """
    store = connection.destination
    origins = map(images.origin_of, images.source_media(product))
    own = {origin: known[origin] for origin in origins if origin in known}
    shown = {media.gid for media in partner.media} if partner else set()
    doubtful = sorted({gid for gid in own.values() if gid not in shown})
    gone = {state.gid for state in read_media(client, doubtful) if not state.exists}
    if gone and forgets:
        CatalogueFile.objects.filter(store=store, file_gid__in=gone).delete()
        copies = FileLink.objects.filter(destination=store, destination_gid__in=gone)
        copies.update(state=FileLink.State.WANTED, destination_gid="", asked_at=None, tries=0)
    lost = _lost_by(connection, shown - set(own.values()))
    return lost | {origin: gid for origin, gid in own.items() if gid not in gone}


def _lost_by(connection: Connection, file_gids: set[str]) -> dict[str, str]:
    """Origin in the source -> file gid, of these files of the destination that were made of something there."""
    if not file_gids:
        return {}
    made = CatalogueFile.objects.filter(store=connection.destination_id, file_gid__in=file_gids)
    between = {"source": connection.source_id, "destination": connection.destination_id}
    copied = FileLink.objects.filter(**between, destination_gid__in=file_gids)
    return dict(made.values_list("source_url", "file_gid")) | dict(copied.values_list("source_gid", "destination_gid"))


def remember_files(store: Store, urls: Sequence[str], media: Sequence[MediaRecord]) -> bool:
    """Note what became of the addresses of a write: `urls` as in Desired.file_urls, `media` as Shopify lists them.

    False, and nothing is noted, when the lists do not belong together. True for whether all is noted.
    """
    if len(urls) != len(media):
        return False
    rows = [
        CatalogueFile(store=store, source_url=url, source_key=url_key(url), file_gid=each.gid, state=_state(each))
        for url, each in zip(urls, media, strict=True)
        if url
    ]
    CatalogueFile.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["store", "source_key"], update_fields=["file_gid", "state"]
    )
    return True


def leave_out_refused(store: Store, desired: Desired, error: UserErrors) -> bool:
    """Take copies of videos that Shopify refuses out of a write, and say so; whether the rest can be sent again.

    Such a copy counts as failed: it is tried again another day.
    """
    rows, urls = desired.product.get("files") or [], desired.file_urls
    refused = places_of(error, len(rows), "files")
    if not refused or len(refused) < len({row.field for row in error.errors}):
        return False  # something else is wrong as well
    copies = FileLink.objects.filter(destination=store, destination_gid__in=[rows[at].get("id") for at in refused])
    if len(set(copies.values_list("destination_gid", flat=True))) < len(refused):
        return False  # the destination's own, or an image
    for place, said in refused.items():
        copy = copies.filter(destination_gid=rows[place]["id"])
        copy.update(state=FileLink.State.FAILED, reason=f"Shopify: {said}"[:500], checked_at=timezone.now())
        desired.notes.append(f"Left out: a video or 3D model. Shopify: {said.rstrip('.')}.")
    left = [place for place in range(len(rows)) if place not in refused]
    memory = desired.written.get(Field.IMAGES) or []
    desired.written[Field.IMAGES] = [entry for place, entry in enumerate(memory) if place not in refused]
    desired.product["files"], desired.file_urls = [rows[at] for at in left], tuple(urls[at] for at in left)
    return True


def _state(media: MediaRecord) -> str:
    # A failure is told of by `follow_up`, which also asks for its reason.
    return CatalogueFile.State.READY if media.status == READY else CatalogueFile.State.PROCESSING


def follow_up(client: Client, store: Store) -> tuple[int, list[CatalogueFile]]:
    """See what became of images that Shopify was still fetching: how many it still is, and those that failed now.

    Raises as Client.execute does.
    """
    rows = list(CatalogueFile.objects.filter(store=store, state=CatalogueFile.State.PROCESSING)[:FILES_AT_ONCE])
    known = {row.file_gid: row for row in rows}
    waiting, failed = 0, []
    for state in read_media(client, list(known)):
        row = known[state.gid]
        row.checked_at = timezone.now()
        if not state.exists:
            row.delete()
            continue
        row.state, row.reason = _STATES.get(state.status, CatalogueFile.State.PROCESSING), state.error[:500]
        row.save(update_fields=["state", "reason", "checked_at"])
        waiting += row.state == CatalogueFile.State.PROCESSING
        failed += [row] if row.state == CatalogueFile.State.FAILED else []
    return waiting, failed
