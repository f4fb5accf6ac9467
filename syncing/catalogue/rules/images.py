"""The images and videos of a product, pure: which of them the destination should show, in which order, what must come.

A file sent by its address always becomes a new one (shopify.md 8.1), so what became of each origin is remembered
(`files`: origin in the source -> file gid in the destination) and sent by its id from then on. The origin of an image
is its address. Whatever moves, videos and 3D models, goes by its id: it is copied first, by itself (referred_files), so
that one that is refused costs no product, and one that takes long holds none up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify.cdn import identity_of
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.rules.fingerprint import digest

IMAGE, READY, FAILED = "IMAGE", "READY", "FAILED"
MOST_FILES = 250  # images and videos of one product
_NOUNS = {
    IMAGE: ("image", "images"),
    "VIDEO": ("video", "videos"),
    "EXTERNAL_VIDEO": ("video", "videos"),
    "MODEL_3D": ("3D model", "3D models"),
}


@dataclass(frozen=True)
class ImagePlan:
    """`wanted` and `current` compare: [key, alt] of each; the key is of its origin in the source where that is known.

    `shown` is the pair for people. `rows` is the complete list for ProductSetInput.files, what the destination keeps of
    its own included; `urls` has for each row the source's address, '' for what is not made of one. `notes` says what
    was left out. `ours` of `wanted`, the first, are the source's. `awaits`: the source is still processing images, so
    nobody knows yet what it will show. `coming` are the videos and models that have no copy yet, `to_come` is what of
    them can be had, in words.
    """

    wanted: list[list[str]]
    current: list[list[str]]
    shown: tuple[str, str]
    rows: list[dict[str, Any]]
    urls: tuple[str, ...]
    notes: tuple[str, ...]
    awaits: bool
    ours: int = 0
    coming: tuple[str, ...] = ()
    to_come: str = ""


@dataclass(frozen=True)
class Manner:
    """How images follow. `moves`: videos and 3D models as well. `merges`, `keeps_edits`: what Policy says.

    `failures` say of videos and models why they have no copy.
    """

    moves: bool
    merges: bool = False
    keeps_edits: bool = False
    failures: Mapping[str, str] | None = None


def url_digest(url: str) -> str:
    """How an origin in the source is remembered."""
    return digest(identity_of(url))


def origin_of(media: MediaRecord) -> str:
    """What a file of the source is known by: an image by its address, all else by its id."""
    return media.url if media.kind == IMAGE else media.gid


def source_images(source: ProductRecord) -> list[MediaRecord]:
    """The images that can be sent: those whose address works, each once."""
    return [media for media in source_media(source) if media.kind == IMAGE]


def source_videos(source: ProductRecord) -> list[MediaRecord]:
    """The videos and 3D models that can be copied."""
    return [media for media in source_media(source) if media.kind != IMAGE]


def source_media(source: ProductRecord) -> list[MediaRecord]:
    """All that can be sent or copied, each once, in the source's order; the last of equal images tells the alt text."""
    ready = [media for media in source.media if media.status == READY and origin_of(media)]
    return list({identity_of(origin_of(media)): media for media in ready}.values())


def plan_images(
    source: ProductRecord,
    destination: ProductRecord | None,
    files: Mapping[str, str],
    manner: Manner,
    *,
    last: Sequence[Sequence[str]] = (),
) -> ImagePlan:
    """What the destination should show. `last` is what was written before, as `wanted` was then.

    Replacing takes away what the source does not have. Merging keeps the destination's own behind the source's, and
    takes away only what came from the source and has left it. Videos of the destination stay as well where edits are
    kept, where videos do not follow, and as long as others are still to come in their place.
    """
    listed = [media for media in source_media(source) if manner.moves or media.kind == IMAGE]
    placed = [media for media in listed if media.kind == IMAGE or media.gid in files]
    coming = [media for media in listed if media not in placed]
    wanted = [[url_digest(origin_of(media)), media.alt] for media in placed]
    rows = [_row(media, files) for media in placed]
    urls = [media.url if media.kind == IMAGE else "" for media in placed]
    present = _Present(destination, files, manner, wanted, last, bool(coming))
    kept = present.kept()
    wanted += [[key, media.alt] for key, media in kept if media.kind == IMAGE]
    rows += [{"id": media.gid} for _, media in kept]
    urls += [""] * len(kept)
    compared = [(key, media) for key, media in present.shown if media.kind == IMAGE or (key, media) not in kept]
    shown_kept = [media for _, media in kept if media.kind == IMAGE]
    return ImagePlan(
        wanted,
        [[key, media.alt] for key, media in compared],
        (_described([*placed, *shown_kept]), _described([media for _, media in compared])),
        rows,
        tuple(urls),
        tuple(_left_out(source, coming, manner)),
        any(media.kind == IMAGE and _is_pending(media) for media in source.media),
        len(placed),
        tuple(media.gid for media in coming),
        counted(media for media in coming if media.gid not in (manner.failures or {})),
    )


class _Present:
    """What the destination shows, and what of it stays though the source does not have it."""

    def __init__(
        self,
        destination: ProductRecord | None,
        files: Mapping[str, str],
        manner: Manner,
        wanted: Sequence[Sequence[str]],
        last: Sequence[Sequence[str]],
        is_coming: bool,
    ) -> None:
        self._origins = {gid: origin for origin, gid in files.items()}
        self._manner, self._is_coming = manner, is_coming
        self._taken = {key for key, _ in wanted}
        self._stale = {entry[0] for entry in last} - self._taken
        self.shown = [(self._key(media), media) for media in (destination.media if destination else ())]

    def _key(self, media: MediaRecord) -> str:
        origin = self._origins.get(media.gid)
        return url_digest(origin) if origin else media.gid

    def kept(self) -> list[tuple[str, MediaRecord]]:
        """These are the destination's own, or will be replaced."""
        own = [(key, media) for key, media in self.shown if key not in self._taken]
        return [(key, media) for key, media in own if self._stays(key, media)]

    def _stays(self, key: str, media: MediaRecord) -> bool:
        if media.kind == IMAGE:
            return self._manner.merges and key not in self._stale
        if not self._manner.moves or self._is_coming:
            return True
        is_ours = media.gid in self._origins
        return not is_ours and (self._manner.merges or self._manner.keeps_edits)


def file_input(image: MediaRecord, files: Mapping[str, str]) -> dict[str, Any]:
    """FileSetInput that names an image of the source in the destination, for a variant's `file`."""
    gid = files.get(origin_of(image))
    return {"id": gid} if gid else {"originalSource": image.url}


def removed(destination: ProductRecord | None, rows: Sequence[Mapping[str, Any]]) -> list[MediaRecord]:
    """What a complete list of files takes away from the destination's product."""
    kept = {row.get("id") for row in rows}
    return [media for media in destination.media if media.gid not in kept] if destination else []


def name_of(media: MediaRecord) -> str:
    """An image or video for people, by its file."""
    name = identity_of(media.url).partition("?")[0].rpartition("/")[2] or media.gid.rpartition("/")[2]
    noun = _NOUNS.get(media.kind, ("file", ""))[0]
    return f"the {noun} {name}" + (f" ({media.alt})" if media.alt else "")


def counted(some: Iterable[MediaRecord]) -> str:
    """How many of each kind, such as `2 images, 1 video`; '' for none."""
    numbers = Counter(_NOUNS.get(media.kind, ("file", "files")) for media in some)
    return ", ".join(f"{count} {nouns[count != 1]}" for nouns, count in numbers.items())


def watched(source: ProductRecord, copies: Mapping[str, str], *, moves: bool) -> list[list[str]]:
    """What of the source's images and videos decides what is written; `copies` is source gid -> destination gid."""
    rows = []
    for media in source_media(source):
        if media.kind == IMAGE:
            rows.append([identity_of(media.url), media.alt])
        elif moves:
            rows.append([media.gid, media.alt, copies.get(media.gid, "")])
    return rows


def _row(media: MediaRecord, files: Mapping[str, str]) -> dict[str, Any]:
    kind = {} if origin_of(media) in files else {"contentType": media.kind}
    return file_input(media, files) | {"alt": media.alt} | kind


def _described(some: Sequence[MediaRecord]) -> str:
    alts = [media.alt for media in some if media.alt]
    shown = f" ({', '.join(alts[:5])}{' …' if len(alts) > 5 else ''})" if alts else ""
    return f"{counted(some) or '0 images'}{shown}"


def _is_pending(media: MediaRecord) -> bool:
    return media.status not in (READY, FAILED)


def _left_out(source: ProductRecord, coming: Sequence[MediaRecord], manner: Manner) -> list[str]:
    notes = []
    others = [media for media in source.media if media.kind != IMAGE]
    if others and not manner.moves:
        notes.append(f"Left out: {counted(others)}. Videos and 3D models do not follow in this connection.")
    failed = [media for media in source.media if media.status == FAILED and (manner.moves or media.kind == IMAGE)]
    if failed:
        notes.append(f"Left out: {counted(failed)} that Shopify could not process in the source.")
    failures = manner.failures or {}
    for media in coming:
        if media.gid in failures:
            notes.append(f"Left out: {name_of(media)}: {failures[media.gid]}.")
    if to_come := counted(media for media in coming if media.gid not in failures):
        notes.append(f"Still to be imported: {to_come}.")
    return notes
