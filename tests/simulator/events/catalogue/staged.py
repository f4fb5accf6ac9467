"""Staged uploads: a place for a file that Shopify cannot fetch by an address, and what is made of it (row 31).

Videos and 3D models come only by them ([S] FileCreateInput.originalSource); their size is told before.
"""

from __future__ import annotations

import json
import re
import uuid
from pathlib import PurePosixPath

from tests.simulator.state.catalogue import StagedUpload
from tests.simulator.state.shop import Shop

PLACE = re.compile(r"/_staged/(\d+)\Z")
RESOURCES = ("VIDEO", "MODEL_3D")
LINES = "BULK_MUTATION_VARIABLES"  # row 78
MOST_BYTES = {"VIDEO": 1_000_000_000, "MODEL_3D": 500_000_000}
ENDINGS = {"VIDEO": (".mp4", ".mov"), "MODEL_3D": (".glb", ".usdz")}
MIME_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".glb": "model/gltf-binary",
    ".usdz": "model/vnd.usdz+zip",
}
NO_SIZE = "File size is required for this resource."
XML = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"


def kind_of_name(name: str) -> str:
    """VIDEO, MODEL_3D, or '' for another file."""
    ending = PurePosixPath(name).suffix.lower()
    return next((kind for kind, endings in ENDINGS.items() if ending in endings), "")


def complaint_about_target(given: dict) -> tuple[str, str] | None:
    """(input field, message) about a row of StagedUploadInput, or None."""
    kind = given["resource"]
    if kind == LINES:
        is_text = given["mimeType"] == "text/jsonl"
        return None if is_text else ("mimeType", "Mime type must be text/jsonl for this resource.")
    if not given.get("fileSize"):
        return "fileSize", NO_SIZE
    if int(given["fileSize"]) > MOST_BYTES[kind]:
        return "fileSize", f"File size must be at most {MOST_BYTES[kind]} bytes."
    if kind_of_name(given["filename"]) != kind:
        return "filename", "Filename has an extension that this resource does not have."
    return None


def new_target(shop: Shop, given: dict) -> StagedUpload:
    key = str(uuid.UUID(int=shop.random.getrandbits(128), version=4))
    if given["resource"] == LINES:
        key = f"tmp/{shop.id}/bulk/{key}/{given['filename']}"
    size = int(given["fileSize"]) if given.get("fileSize") else None
    staged = StagedUpload(key, given["resource"], given["filename"], given["mimeType"], size)
    shop.catalog.staged[key] = staged
    return staged


def described(shop: Shop, staged: StagedUpload) -> dict:
    """A StagedMediaUploadTarget: a form to be sent by POST, its file last.

    What is uploaded for a bulk mutation has no address of its own: its `key` names it.
    """
    sizes = [1, 20_000_000] if staged.size is None else [staged.size, staged.size]
    policy = json.dumps({"conditions": [["content-length-range", *sizes]]})
    values = {"key": staged.key, "policy": policy, "signature": staged.key[::-1], "success_action_status": "201"}
    return {
        "url": f"{shop.catalog.base_url}/_staged/{shop.id}",
        "resourceUrl": None if staged.resource == LINES else f"{shop.catalog.base_url}/_staged/{shop.id}/{staged.key}",
        "parameters": [{"name": name, "value": value} for name, value in values.items()],
    }


def find(shop: Shop, url: str) -> StagedUpload | None:
    """What was uploaded for this store under a resourceUrl."""
    prefix = f"{shop.catalog.base_url}/_staged/{shop.id}/"
    staged = shop.catalog.staged.get(url.removeprefix(prefix)) if url.startswith(prefix) else None
    return staged if staged and staged.content is not None else None


def complaint_about(shop: Shop, given: dict, kind: str) -> tuple[str, str, str] | None:
    """(input field, message, FilesErrorCode) about a video or model that is to be made, or None."""
    knobs = shop.knobs
    if kind in (knobs.refused_media or "").split(","):
        return "contentType", "The file is not supported on trial accounts.", "UNACCEPTABLE_TRIAL_ASSET"
    count = sum(file.is_moving for file in shop.catalog.files.values())
    if knobs.most_videos is not None and count >= knobs.most_videos:
        message = "Exceeded the limit of non-image media per shop."
        return "originalSource", message, "NON_IMAGE_MEDIA_PER_SHOP_LIMIT_EXCEEDED"
    if kind not in RESOURCES:
        return None
    staged = find(shop, given["originalSource"])
    if (staged is None and not knobs.fetches_videos) or (staged and staged.resource != kind):
        return "originalSource", "Videos and 3D models require a staged upload URL.", "INVALID"
    return None


def problem_of(shop: Shop, name: str) -> tuple[str, str] | None:
    """(MediaErrorCode, message) of what cannot be processed, as the knob names it: "clip.mp4=CODE"."""
    part, _, code = (shop.knobs.media_error or "").partition("=")
    return (code, "It could not be processed.") if code and part in name else None


def receive(sim, path: str, content_type: str, body: bytes) -> tuple[int, str]:
    """(HTTP status, XML) of an upload, as the storage that Shopify uses answers."""
    match = PLACE.match(path)
    shop = next((shop for shop in sim.shops.values() if match and shop.id == int(match[1])), None)
    if shop is None:
        return 404, XML.format("NoSuchBucket", "The specified bucket does not exist.")
    shop.counters.uploads += 1
    if shop.knobs.uploads_fail:
        return shop.knobs.uploads_fail, XML.format("InternalError", "We encountered an internal error.")
    fields, content = read_form(content_type, body)
    staged = shop.catalog.staged.get(fields.get("key", ""))
    if staged is None or {row["name"]: row["value"] for row in described(shop, staged)["parameters"]} != fields:
        return 403, XML.format("SignatureDoesNotMatch", "The signature does not match.")
    if content is None or (staged.size is not None and len(content) != staged.size):
        return 400, XML.format("EntityTooLarge", "The size is not that of the policy.")
    staged.content = content
    return 201, ""


def read_form(content_type: str, body: bytes) -> tuple[dict[str, str], bytes | None]:
    """The fields before the file, and the file. What comes after the file does not count."""
    found = re.search(r'boundary="?([^";]+)', content_type)
    fields: dict[str, str] = {}
    for part in body.split(b"--" + found[1].encode())[1:] if found else ():
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name is None:
            continue
        if name[1] == b"file":
            return fields, value.removesuffix(b"\r\n")
        fields[name[1].decode()] = value.removesuffix(b"\r\n").decode()
    return fields, None
