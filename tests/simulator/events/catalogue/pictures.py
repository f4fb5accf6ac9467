"""Pictures: small PNGs drawn from a name, what kind of picture some bytes are, and fetching them over HTTP."""

from __future__ import annotations

import struct
import urllib.request
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPException
from urllib.parse import urlsplit

SIDE_PIXELS = 48
MAX_BYTES = 20_000_000
FETCH_SECONDS = 5
MAGIC = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
# Only this machine: a simulator never loads anything from anywhere else.
HOSTS = ("127.0.0.1", "localhost")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def draw(name: str) -> bytes:
    """A PNG of two colours that the name decides; the same name, the same bytes."""
    number = zlib.crc32(name.encode())
    front, back = number.to_bytes(4, "big")[1:], (number * 2654435761 % 2**32).to_bytes(4, "big")[1:]
    rows = bytearray()
    for y in range(SIDE_PIXELS):
        inside = [(x - 24) ** 2 + (y - 24) ** 2 < 300 for x in range(SIDE_PIXELS)]
        rows += b"\0" + b"".join(front if hit else back for hit in inside)
    head = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def kind_of(content: bytes) -> str | None:
    """The MIME type of a picture, or None for something else."""
    return next((kind for magic, kind in MAGIC.items() if content.startswith(magic)), None)


def size_of(content: bytes) -> tuple[int, int]:
    """(width, height) of a PNG; other pictures are taken for squares."""
    if content.startswith(b"\x89PNG") and len(content) > 24:
        return struct.unpack(">II", content[16:24])
    return SIDE_PIXELS, SIDE_PIXELS


class Downloads:
    """A few threads that fetch what files are made of: nobody holds a shop's lock meanwhile."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="download")

    def start(self, url: str) -> Future:
        """A future of the bytes; its exception, an OSError, says why there are none."""
        return self._pool.submit(fetch, url)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def fetch(url: str) -> bytes:
    """The bytes at a URL. Raises OSError when there are none."""
    if urlsplit(url).hostname not in HOSTS:
        raise OSError("not on this machine")
    try:
        with OPENER.open(url, timeout=FETCH_SECONDS) as answer:
            return answer.read(MAX_BYTES)
    except (HTTPException, ValueError) as problem:
        raise OSError(str(problem)) from None
