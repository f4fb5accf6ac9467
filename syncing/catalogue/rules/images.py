"""The images of a product, pure: which files the destination should show, in which order, and which must be sent.

A file sent by its address always becomes a new one (shopify.md 8.1), so what an address became is remembered (`files`:
source address -> file gid in the destination) and sent by its id from then on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify.cdn import identity_of
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.rules.fingerprint import digest

IMAGE, READY, FAILED = "IMAGE", "READY", "FAILED"


@dataclass(frozen=True)
class ImagePlan:
    """`wanted` and `current` compare: [key, alt] of each image; the key is of the source's address where it is known.

    `rows` is the complete list for ProductSetInput.files, videos and models of the destination included; `urls` has
    for each row the source's address, '' for what is the destination's own. `notes` says what was left out. `awaits`:
    the source is still processing images, so nobody knows yet what it will show.
    """

    wanted: list[list[str]]
    current: list[list[str]]
    rows: list[dict[str, Any]]
    urls: tuple[str, ...]
    notes: tuple[str, ...]
    awaits: bool


def url_digest(url: str) -> str:
    """How a source's address is remembered."""
    return digest(identity_of(url))


def source_images(source: ProductRecord) -> list[MediaRecord]:
    """The images that can be sent: those whose address works, each once."""
    ready = [media for media in source.media if media.kind == IMAGE and media.status == READY and media.url]
    return list({identity_of(media.url): media for media in ready}.values())


def plan_images(
    source: ProductRecord,
    destination: ProductRecord | None,
    files: Mapping[str, str],
    *,
    merges: bool,
    last: Sequence[Sequence[str]] = (),
) -> ImagePlan:
    """What the destination should show. `last` is what was written before, as `wanted` was then.

    Replacing takes away images that the source does not have. Merging keeps the destination's own behind the source's,
    and takes away only those that came from the source and have left it.
    """
    images = source_images(source)
    wanted = [[url_digest(image.url), image.alt] for image in images]
    rows = [_row(image, files) for image in images]
    urls = [image.url for image in images]
    current: list[list[str]] = []
    if destination:
        keys = {gid: url_digest(url) for url, gid in files.items()}
        shown = [(keys.get(media.gid, media.gid), media) for media in destination.media]
        current = [[key, media.alt] for key, media in shown if media.kind == IMAGE]
        taken = {key for key, _ in wanted}
        stale = {entry[0] for entry in last} - taken
        own = [(key, media) for key, media in shown if key not in taken and (media.kind != IMAGE or merges)]
        own = [(key, media) for key, media in own if key not in stale]
        wanted += [[key, media.alt] for key, media in own if media.kind == IMAGE]
        rows += [{"id": media.gid} for _, media in own]
        urls += [""] * len(own)
    return ImagePlan(wanted, current, rows, tuple(urls), tuple(_left_out(source)), _is_pending(source))


def file_input(image: MediaRecord, files: Mapping[str, str]) -> dict[str, Any]:
    """FileSetInput that names an image of the source in the destination, for a variant's `file`."""
    gid = files.get(image.url)
    return {"id": gid} if gid else {"originalSource": image.url}


def removed(destination: ProductRecord | None, rows: Sequence[Mapping[str, Any]]) -> list[MediaRecord]:
    """What a complete list of files takes away from the destination's product."""
    kept = {row.get("id") for row in rows}
    return [media for media in destination.media if media.gid not in kept] if destination else []


def name_of(media: MediaRecord) -> str:
    """An image for people, by its file."""
    name = identity_of(media.url).partition("?")[0].rpartition("/")[2] or media.gid.rpartition("/")[2]
    return f"the image {name}" + (f" ({media.alt})" if media.alt else "")


def _row(image: MediaRecord, files: Mapping[str, str]) -> dict[str, Any]:
    kind = {} if image.url in files else {"contentType": IMAGE}
    return file_input(image, files) | {"alt": image.alt} | kind


def _is_pending(source: ProductRecord) -> bool:
    return any(media.kind == IMAGE and media.status not in (READY, FAILED) for media in source.media)


def _left_out(source: ProductRecord) -> list[str]:
    notes = []
    others = sum(media.kind != IMAGE for media in source.media)
    if others:
        notes.append(f"{others} videos or models were left out: they cannot be fetched by their address.")
    failed = sum(media.kind == IMAGE and media.status == FAILED for media in source.media)
    if failed:
        notes.append(f"{failed} images were left out: Shopify could not process them in the source.")
    return notes
