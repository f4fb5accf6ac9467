"""Which file of a destination was made of which address of a source, so that no image is sent twice."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from stores.models import CatalogueFile, Store
from stores.models.catalogue_link import url_key
from stores.shopify.client import Client
from stores.shopify.products.media import read_media
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.rules import images
from syncing.catalogue.rules.images import FAILED, READY

FILES_AT_ONCE = 1000
_STATES = {READY: CatalogueFile.State.READY, FAILED: CatalogueFile.State.FAILED}


def known_files(store: Store, products: Iterable[ProductRecord]) -> dict[str, str]:
    """Source address -> file gid in this store, of the images of these products of a source."""
    keys = {image.url: url_key(image.url) for product in products for image in images.source_images(product)}
    rows = CatalogueFile.objects.filter(store=store, source_key__in=set(keys.values()))
    found = dict(rows.values_list("source_key", "file_gid"))
    return {url: found[key] for url, key in keys.items() if key in found}


def living_files(
    client: Client,
    store: Store,
    product: ProductRecord,
    partner: ProductRecord | None,
    known: Mapping[str, str],
    *,
    forgets: bool,
) -> dict[str, str]:
    """Those of `known` that belong to `product` and still exist; deleted ones are forgotten if it `forgets`.

    What the partner shows exists; only for others Shopify is asked. Raises as Client.execute does.
    """
    own = {image.url: known[image.url] for image in images.source_images(product) if image.url in known}
    shown = {media.gid for media in partner.media} if partner else set()
    doubtful = sorted({gid for gid in own.values() if gid not in shown})
    gone = {state.gid for state in read_media(client, doubtful) if not state.exists}
    if gone and forgets:
        CatalogueFile.objects.filter(store=store, file_gid__in=gone).delete()
    return {url: gid for url, gid in own.items() if gid not in gone}


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
