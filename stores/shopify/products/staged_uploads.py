"""Files that are sent to Shopify: lines of variables, and what travels from one store to another through here.

For Shopify fetches no video and no 3D model by its address. What is downloaded goes on at once, some kilobytes of it in
memory.
"""

import io
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from stores.shopify import answers, cdn
from stores.shopify.client import Client, new_session
from stores.shopify.errors import UnexpectedAnswer
from stores.shopify.metafields.files import MODEL, VIDEO

# Shopify's own limits (https://help.shopify.com/manual/products/product-media/product-media-types).
MOST_BYTES = {VIDEO: 1_000_000_000, MODEL: 500_000_000}
LINES = "BULK_MUTATION_VARIABLES"
TRANSFER_SECONDS = 300.0  # for one file; a worker is ended after QUEUE_TIMEOUT
TIMEOUT = (5, 60)  # seconds: to connect, and without a byte
STAGE_COST = 12.0


class TransferFailed(Exception):
    """A file did not arrive; the message says why. `may_pass`: it may do better at another time."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file is to be sent, and by which address Shopify knows it afterwards ('' for lines of variables)."""

    url: str
    resource_url: str
    parameters: tuple[tuple[str, str], ...]


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/stagedUploadsCreate
# Its user errors are of the plain type.
STAGE_UPLOAD = """
mutation StageUpload($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message }
  }
}
"""


def stage(client: Client, name: str, mime_type: str, kind: str, size: int) -> Target:
    """A place for one file of so many bytes; it is gone after some hours, used or not.

    Needs write_files for a video or model. Raises UserErrors, UnexpectedAnswer, and as Client.execute does.
    """
    row = {"filename": name, "mimeType": mime_type, "resource": kind, "fileSize": str(size), "httpMethod": "POST"}
    data = client.execute(STAGE_UPLOAD, {"input": [row]}, cost=STAGE_COST)
    payload = answers.payload_of(data, "stagedUploadsCreate", client.domain, "there is no place for the file.")
    [target] = payload["stagedTargets"] or [{}]
    url, resource_url = target.get("url") or "", target.get("resourceUrl") or ""
    if not (resource_url or kind == LINES) or not cdn.is_outside(url, client.origin):
        raise UnexpectedAnswer(f"{client.domain}: Shopify names no place that a file may be sent to.")
    return Target(url, resource_url, tuple((row["name"], row["value"]) for row in target["parameters"]))


def copy_file(
    source: Client,
    destination: Client,
    url: str,
    name: str,
    mime_type: str,
    kind: str,
    *,
    seconds: float = TRANSFER_SECONDS,
) -> str:
    """Take a video or model from its address, which must be Shopify's, to a staged place; its address there.

    `name` and `mime_type` are for the destination. Nothing of it shows before a file is made of it. Raises
    TransferFailed, UserErrors, and as Client.execute does for the destination. Safe to repeat.
    """
    if not cdn.is_shopifys(url, source.origin):
        raise TransferFailed("its address is none of Shopify's")
    deadline = time.monotonic() + seconds
    with _download(url) as response:
        size = _size_of(response, kind)
        target = stage(destination, name, mime_type, kind, size)
        _send(target, _Form(target, name, mime_type, size, lambda most: _read(response, most, deadline)))
    return target.resource_url


def upload_lines(client: Client, content: bytes) -> str:
    """Send variables for a bulk mutation, JSON in lines; the path by which it is to name them.

    Raises TransferFailed, UserErrors, and as Client.execute does. Nothing happens before it names them.
    """
    name, mime_type = "lines.jsonl", "text/jsonl"
    target = stage(client, name, mime_type, LINES, len(content))
    path = dict(target.parameters).get("key")
    if not path:
        raise UnexpectedAnswer(f"{client.domain}: Shopify does not say what the uploaded lines are called.")
    _send(target, _Form(target, name, mime_type, len(content), io.BytesIO(content).read))
    return path


@contextmanager
def _download(url: str) -> Iterator[requests.Response]:
    """An answer whose body is still to be read. No token is sent, no redirect is followed, no content is unpacked."""
    session = new_session(1)
    try:
        response = session.get(
            url, stream=True, timeout=TIMEOUT, allow_redirects=False, headers={"Accept-Encoding": "identity"}
        )
    except requests.RequestException as error:
        raise TransferFailed(f"it cannot be downloaded ({type(error).__name__})", may_pass=True) from None
    with session, response:
        if response.status_code != 200:
            may_pass = response.status_code >= 500 or response.status_code in (403, 408, 429)
            raise TransferFailed(f"it cannot be downloaded (HTTP {response.status_code})", may_pass=may_pass)
        yield response


def _size_of(response: requests.Response, kind: str) -> int:
    text = response.headers.get("Content-Length", "")
    if not (text.isascii() and text.isdigit()) or response.headers.get("Content-Encoding", "identity") != "identity":
        raise TransferFailed("its size is not told")
    if not 0 < int(text) <= MOST_BYTES[kind]:
        raise TransferFailed(f"it has {int(text):,} bytes; Shopify takes {MOST_BYTES[kind]:,}")
    return int(text)


def _read(response: requests.Response, most: int, deadline: float) -> bytes:
    if time.monotonic() > deadline:
        raise TransferFailed("it took too long", may_pass=True)
    try:
        return response.raw.read(most) or b""
    except (HTTPError, OSError) as error:
        raise TransferFailed(f"its download broke off ({type(error).__name__})", may_pass=True) from None


class _Form:
    """The body of a form whose last field is a file of a known size, read while it is sent."""

    def __init__(self, target: Target, name: str, mime_type: str, size: int, read: Callable[[int], bytes]) -> None:
        self.boundary = uuid.uuid4().hex
        self._left, self._read_file = size, read
        fields = "".join(self._head(f'name="{key}"') + f"{value}\r\n" for key, value in target.parameters)
        file = self._head(f'name="file"; filename="{_quoted(name)}"', f"Content-Type: {mime_type}\r\n")
        self._before, self._after = (fields + file).encode(), f"\r\n--{self.boundary}--\r\n".encode()
        self._length = len(self._before) + size + len(self._after)

    def _head(self, disposition: str, more: str = "") -> str:
        return f"--{self.boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"

    def __len__(self) -> int:
        return self._length

    def read(self, most: int = 1 << 16) -> bytes:
        """The next bytes, b"" at the end. Raises TransferFailed where the file ends too early."""
        if self._before:
            part, self._before = self._before[:most], self._before[most:]
            return part
        if self._left:
            part = self._read_file(min(most, self._left))
            if not part:
                raise TransferFailed("its download broke off", may_pass=True)
            self._left -= len(part)
            return part
        part, self._after = self._after[:most], self._after[most:]
        return part


def _quoted(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable() and letter not in '"\\')


def _send(target: Target, form: _Form) -> None:
    kind: Mapping[str, Any] = {"Content-Type": f"multipart/form-data; boundary={form.boundary}"}
    with new_session(1) as session:
        try:
            response = session.post(target.url, data=form, headers=kind, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise TransferFailed(f"it cannot be uploaded ({type(error).__name__})", may_pass=True) from None
        if response.status_code not in (200, 201, 204):
            may_pass = response.status_code >= 500 or response.status_code in (408, 429)
            raise TransferFailed(f"it cannot be uploaded (HTTP {response.status_code})", may_pass=may_pass)
