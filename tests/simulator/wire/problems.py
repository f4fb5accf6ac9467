"""Errors in the shape of shopify.md 1.3 to 1.5: HTTP answers, top-level GraphQL errors, user errors."""

from __future__ import annotations

import uuid


class NotSimulatedError(Exception):
    """The document asks for something that Shopify has and the simulator does not: it fails loudly, never invents."""


class RequestError(Exception):
    """The whole document is refused: `errors` on the top level and no `data`."""

    def __init__(self, errors: list[dict], *, cost: dict | None = None):
        super().__init__(errors[0]["message"])
        self.errors = errors
        self.cost = cost


class FieldError(Exception):
    """One field fails: it becomes null and an entry in `errors` with its path."""

    def __init__(self, message: str, code: str, **extensions):
        super().__init__(message)
        self.message = message
        self.extensions = {"code": code, **extensions}


class NullBubble(Exception):
    """A non-null field is null: the parent becomes null in its place."""


class LostConnection(Exception):
    """The connection is to be closed without an answer."""


class HttpError(Exception):
    """An answer below GraphQL: `errors` is a string, or the body is HTML (shopify.md 1.3)."""

    def __init__(self, status: int, errors: object = None, *, html: bool = False, headers: dict | None = None):
        super().__init__(f"HTTP {status}")
        self.status = status
        self.errors = errors
        self.html = html
        self.headers = headers or {}


def error(message: str, code: str | None = None, *, path: list | None = None, locations=None, **extensions) -> dict:
    """One entry of a top-level `errors` list."""
    entry: dict = {"message": message}
    if locations:
        entry["locations"] = [{"line": place.line, "column": place.column} for place in locations]
    if path is not None:
        entry["path"] = path
    if code:
        extensions = {"code": code, **extensions}
    if extensions:
        entry["extensions"] = extensions
    return entry


def internal_error() -> dict:
    request_id = str(uuid.uuid4())
    message = (
        "Internal error. Looks like something went wrong on our end.\n"
        f"Request ID: {request_id} (include this in support requests)."
    )
    return error(message, "INTERNAL_SERVER_ERROR", requestId=request_id)


def user_error(field: list | None, message: str, code: str | None = None) -> dict:
    """One entry of `userErrors`. List positions in `field` are strings in inventory mutations (shopify.md 1.5)."""
    return {"field": None if field is None else [str(part) for part in field], "message": message, "code": code}
