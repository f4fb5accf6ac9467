"""Files: made from a URL, UPLOADED, then PROCESSING, then READY or FAILED; served from their own address (row 31).

The same URL again makes another file (shopify.md 8.1). Downloads begin at once and count when the clock has got there.
"""

from __future__ import annotations

import re
import uuid
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as TooLongError
from pathlib import PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urlsplit

from tests.simulator.events.catalogue import staged
from tests.simulator.events.catalogue.pictures import draw, kind_of, size_of
from tests.simulator.state.catalogue import ExternalVideo, File, GenericFile, Model3d, Video
from tests.simulator.state.gids import gid, parse_gid
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import NotSimulatedError

CDN = re.compile(r"/s/files/1/(\d+)/files/([^/?]+)\Z")
KINDS = {
    File: "MediaImage",
    ExternalVideo: "ExternalVideo",
    Video: "Video",
    Model3d: "Model3d",
    GenericFile: "GenericFile",
}
CONTENT_TYPES = {File: "IMAGE", ExternalVideo: "EXTERNAL_VIDEO", Video: "VIDEO", Model3d: "MODEL_3D"}
IMAGE_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ""])
VIDEO_HOSTS = {"www.youtube.com": "YOUTUBE", "youtu.be": "YOUTUBE", "youtube.com": "YOUTUBE", "vimeo.com": "VIMEO"}
MAX_ALT = 512
NO_DOWNLOAD = ("IMAGE_DOWNLOAD_FAILURE", "The image could not be downloaded.")
NO_IMAGE = ("UNSUPPORTED_IMAGE_FILE_TYPE", "The file is not a supported image.")
NO_VIDEO = ("GENERIC_FILE_DOWNLOAD_FAILURE", "The source could not be downloaded.")


def complaint_about(given: dict, shop: Shop | None = None) -> tuple[str, str, str] | None:
    """(input field, message, FilesErrorCode) about the input of a new file, or None."""
    url = read_url(given.get("originalSource") or "")
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        return "originalSource", "Image URL is invalid", "INVALID_IMAGE_SOURCE_URL"
    if len(given.get("alt") or "") > MAX_ALT:
        return "alt", f"The alt value exceeds the maximum limit of {MAX_ALT} characters.", "ALT_VALUE_LIMIT_EXCEEDED"
    wanted = given.get("filename")
    if wanted and PurePosixPath(wanted).suffix.lower() != PurePosixPath(unquote(url.path)).suffix.lower():
        message = "Provided filename extension must match original source."
        return "filename", message, "MISMATCHED_FILENAME_AND_ORIGINAL_SOURCE"
    kind = given.get("contentType")
    if kind == "EXTERNAL_VIDEO" and url.hostname not in VIDEO_HOSTS:
        return "originalSource", "Only videos of YouTube and Vimeo can be added by their address.", "INVALID"
    kind = kind or CONTENT_TYPES.get(_class_of(given, PurePosixPath(url.path).name), "")
    is_moving = shop is not None and kind not in ("IMAGE", "FILE", "")
    return staged.complaint_about(shop, given, kind) if is_moving else None


def read_url(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def new_file(sim, shop: Shop, given: dict, at: float) -> File:
    """A file from {originalSource, alt, filename, contentType}; its download is on its way."""
    if given.get("duplicateResolutionMode", "APPEND_UUID") != "APPEND_UUID":
        raise NotSimulatedError("The simulator resolves duplicate filenames by APPEND_UUID only")
    url = given["originalSource"]
    upload = staged.find(shop, url)
    name = given.get("filename") or (upload.filename if upload else "")
    name = name or PurePosixPath(unquote(urlsplit(url).path)).name or "file"
    kind = _class_of(given, name)
    now, seconds = int(at), shop.knobs.media_seconds
    file = kind(shop.next_id(), name, now, now, given.get("alt") or "", source=url, ready_at=at + seconds)
    keep(shop, file)
    if file.is_moving:
        file.content = upload.content if upload else b""
        fetched = upload is not None or kind is ExternalVideo
        file.problem = staged.problem_of(shop, f"{name} {url}") or (None if fetched else NO_VIDEO)
    else:
        file.download = sim.downloads.start(url)
    return file


def _class_of(given: dict, name: str) -> type[File]:
    if urlsplit(given["originalSource"]).hostname in VIDEO_HOSTS:
        return ExternalVideo
    guessed = staged.kind_of_name(name) or ("IMAGE" if _ending(name) in IMAGE_ENDINGS else "FILE")
    wanted = given.get("contentType") or guessed
    return {"IMAGE": File, "VIDEO": Video, "MODEL_3D": Model3d}.get(wanted, GenericFile)


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def keep(shop: Shop, file: File) -> None:
    """Puts it among the shop's files; a name that is taken gets a UUID (APPEND_UUID)."""
    if file.filename in shop.catalog.file_names:
        path = PurePosixPath(file.filename)
        extra = uuid.UUID(int=shop.random.getrandbits(128), version=4)
        file.filename = f"{path.stem}_{extra}{path.suffix}"
    shop.catalog.file_names[file.filename] = file.id
    shop.catalog.files[file.id] = file


def drawn_file(shop: Shop, name: str, at: int, alt: str = "") -> File:
    """An image that a merchant has uploaded: ready at once, drawn from its name."""
    file = File(shop.next_id(), name, at, at, alt, ready_at=at)
    keep(shop, file)
    return file


def status_of(shop: Shop, file: File, now: float) -> str:
    """UPLOADED, PROCESSING, READY or FAILED at this moment; whoever looks waits for a download that is still due."""
    if now < file.ready_at:
        halfway = file.created_at + (file.ready_at - file.created_at) / 2
        return "UPLOADED" if now < halfway else "PROCESSING"
    _settle(shop, file)
    return "FAILED" if file.problem else "READY"


def _settle(shop: Shop, file: File) -> None:
    download, file.download = file.download, None
    if download is None:
        return
    try:
        content = download.result(timeout=10)
    except (OSError, TooLongError, CancelledError):
        file.problem = NO_DOWNLOAD
        return
    if shop.knobs.media_fails:
        file.problem = NO_DOWNLOAD
    elif type(file) is File and kind_of(content) is None:
        file.problem = NO_IMAGE
    else:
        file.content, file.problem = content, None


def content_of(file: File) -> bytes:
    return draw(file.filename) if file.content is None else file.content


def url_of(shop: Shop, file: File) -> str:
    """Where everybody finds it: a public address that outlives changes of its content, with a version."""
    return f"{shop.catalog.base_url}/s/files/1/{shop.id}/files/{quote(file.filename)}?v={file.updated_at}"


def served(sim, path: str) -> tuple[bytes, str] | None:
    """(bytes, MIME type) of an address as url_of makes it; None for what is not there (any more), or not ready."""
    match = CDN.match(path)
    shop = next((shop for shop in sim.shops.values() if match and shop.id == int(match[1])), None)
    file = shop.catalog.files.get(shop.catalog.file_names.get(unquote(match[2]), 0)) if shop else None
    if file is None or type(file) is ExternalVideo or status_of(shop, file, sim.clock.seconds()) != "READY":
        return None
    content = content_of(file)
    guessed = staged.MIME_TYPES.get(_ending(file.filename), "application/octet-stream")
    return content, kind_of(content) or guessed


def image_size(file: File) -> tuple[int, int]:
    return size_of(content_of(file))


def find_file(shop: Shop, text: str) -> File | None:
    """A file by its gid; None for one that is gone, or for the id of something else."""
    try:
        kind, number, _ = parse_gid(text)
    except ValueError:
        return None
    file = shop.catalog.files.get(number)
    return file if file is not None and KINDS[type(file)] == kind else None


def file_gid(file: File) -> str:
    return gid(KINDS[type(file)], file.id)


def delete_file(shop: Shop, file: File) -> None:
    shop.catalog.files.pop(file.id, None)
    shop.catalog.file_names.pop(file.filename, None)


def users_of(shop: Shop, file_id: int) -> list[int]:
    """The products among whose media it is."""
    return [product.id for product in shop.products.values() if file_id in product.file_ids]


def take_from_product(shop: Shop, product, file_ids: list[int]) -> None:
    """Takes media from a product; what no product needs any more is deleted (shopify.md 8.1, [S] productDelete)."""
    for file_id in file_ids:
        product.file_ids.remove(file_id)
        for variant_id in product.variant_ids:
            if shop.variants[variant_id].file_id == file_id:
                shop.variants[variant_id].file_id = None
        file = shop.catalog.files.get(file_id)
        if file is not None and not users_of(shop, file_id):
            delete_file(shop, file)


class PictureError(Exception):
    """An image that a mutation waits for could not be had."""


def fetch_picture(sim, shop: Shop, url: str, at: float) -> File:
    """An image of a collection or an article, downloaded while the mutation waits. Raises PictureError."""
    wrong = complaint_about({"originalSource": url})
    if wrong:
        raise PictureError("URL is invalid")
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "image"
    file = File(shop.next_id(), name, int(at), int(at), source=url, download=sim.downloads.start(url))
    _settle(shop, file)
    if file.problem:
        raise PictureError("upload failed: the file could not be downloaded or is no image")
    keep(shop, file)
    return file
