"""stagedUploadsCreate, and what videos and 3D models tell of themselves (row 31)."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import staged
from tests.simulator.events.catalogue.files import VIDEO_HOSTS, content_of, status_of, url_of
from tests.simulator.reads.shop import attribute
from tests.simulator.state.catalogue import ExternalVideo, File, Model3d, Video
from tests.simulator.wire.problems import NotSimulatedError, user_error

YOUTUBE_ID = re.compile(r"(?:v=|youtu\.be/|embed/|shorts/)([\w-]+)")


def create_targets(root, call: Call, arguments: dict) -> dict:
    """All or none ([S] stagedUploadsCreate)."""
    problems = []
    for index, given in enumerate(arguments["input"]):
        if given["resource"] not in (*staged.RESOURCES, staged.LINES) or given["httpMethod"] != "POST":
            raise NotSimulatedError("The simulator stages videos, 3D models and lines of variables, by POST only")
        if wrong := staged.complaint_about_target(given):
            problems.append(user_error(["input", index, wrong[0]], wrong[1]))
    if problems:
        return {"stagedTargets": None, "userErrors": problems}
    made = [staged.new_target(call.shop, given) for given in arguments["input"]]
    return {"stagedTargets": [staged.described(call.shop, one) for one in made], "userErrors": []}


def source_of(file: File, call: Call, arguments: dict) -> dict | None:
    """Null until it is READY."""
    if status_of(call.shop, file, call.simulator.clock.seconds()) != "READY":
        return None
    ending, size = PurePosixPath(file.filename).suffix.lower(), len(content_of(file))
    shown = {"format": ending.lstrip("."), "mimeType": staged.MIME_TYPES[ending], "url": url_of(call.shop, file)}
    if isinstance(file, Model3d):
        return shown | {"filesize": size}
    return shown | {"fileSize": size, "width": 1280, "height": 720}


def sources_of(file: File, call: Call, arguments: dict) -> list[dict]:
    source = source_of(file, call, arguments)
    return [source] if source else []


def embed_url(file: ExternalVideo, call: Call, arguments: dict) -> str:
    if VIDEO_HOSTS[urlsplit(file.source).hostname] == "VIMEO":
        return f"https://player.vimeo.com/video{urlsplit(file.source).path}"
    found = YOUTUBE_ID.search(file.source)
    return f"https://www.youtube.com/embed/{found[1] if found else ''}"


def duration(file: Video, call: Call, arguments: dict) -> int | None:
    return 1000 if source_of(file, call, arguments) else None


RESOLVERS = {
    "Mutation.stagedUploadsCreate": create_targets,
    "Video.filename": attribute("filename"),
    "Video.duration": duration,
    "Video.originalSource": source_of,
    "Video.sources": sources_of,
    "Model3d.filename": attribute("filename"),
    "Model3d.originalSource": source_of,
    "Model3d.sources": sources_of,
    "ExternalVideo.originUrl": attribute("source"),
    "ExternalVideo.embedUrl": embed_url,
    "ExternalVideo.host": lambda file, call, arguments: VIDEO_HOSTS[urlsplit(file.source).hostname],
}
