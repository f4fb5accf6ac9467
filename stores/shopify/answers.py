"""Reading what came back: statuses, network failures and GraphQL errors, each turned into its class of errors.py."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from stores.shopify import errors, throttle
from stores.shopify.errors import ShopifyError, UserError
from stores.shopify.texts import read_json

# Refused before execution, whatever else the answer holds (shopify.md 1.4).
_OUR_FAULT = frozenset(
    {
        "MAX_COST_EXCEEDED",
        "BAD_REQUEST",
        "INVALID_FIELD_ARGUMENTS",
        "INVALID_VARIABLE",
        "MAX_INPUT_SIZE_EXCEEDED",
        "GRAPHQL_PARSE_FAILED",
    }
)
# More new variants in a day than a large store takes; changes of present ones go on.
# https://shopify.dev/docs/api/usage/limits
VARIANT_LIMIT = "VARIANT_THROTTLE_EXCEEDED"
_NOT_FOUND = frozenset({"RESOURCE_NOT_FOUND", "NOT_FOUND"})
_MYSHOPIFY = re.compile(r"\b[a-z0-9][a-z0-9-]*\.myshopify\.com(?=[:/?]|\Z)")
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+[a-z]\b")
# Static validation has codes such as undefinedField (shopify.md 1.4), a syntax error has a location and no code.
_VALIDATION = re.compile(r"[a-z]+(?:[A-Z][a-z]*)*")


def store_name(store_url: str) -> str:
    """The domain of a store for messages and logs: the last part of the path, or the host."""
    parts = urlsplit(store_url)
    return parts.path.strip("/").rpartition("/")[2] or parts.hostname or store_url


def request_id(response: requests.Response) -> str:
    """X-Request-Id, which Shopify's support asks for; `-` when absent."""
    return response.headers.get("X-Request-Id") or "-"


def answered_at(response: requests.Response) -> datetime | None:
    """Shopify's clock when it answered, to the second; None where the answer does not tell."""
    try:
        at = parsedate_to_datetime(response.headers.get("Date") or "")
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def network_error(error: requests.RequestException, store: str, *, is_write: bool) -> ShopifyError:
    """What a failed exchange means. Only the kind of the failure is told: the text may carry addresses or headers."""
    kind = type(error).__name__
    if _never_sent(error):
        return errors.Unreachable(
            f"{store}: no connection to Shopify ({kind}). Nothing was sent; it will be tried again."
        )
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return errors.Unreachable(
            f"{store}: no secure connection to Shopify ({kind}). Check certificates and proxy of this machine.",
            outcome_unknown=is_write,
        )
    if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        return errors.AnswerLost(
            f"{store}: the connection broke before Shopify's answer arrived ({kind}).", outcome_unknown=is_write
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return errors.AnswerLost(f"{store}: Shopify's answer could not be unpacked.", outcome_unknown=is_write)
    return errors.QueryRejected(f"{store}: the request could not be built ({kind}). Check the store's domain.")


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def raise_for_status(response: requests.Response, store: str, *, is_write: bool) -> None:
    """Raise for every HTTP status but 200 (shopify.md 1.3). `errors` is a string or a list there, and not repeated."""
    status = response.status_code
    if status == 200:
        return
    seen = f"(HTTP {status}, request {request_id(response)})"
    if 300 <= status < 400:
        place = response.headers.get("Location", "")
        named = _MYSHOPIFY.search(place.lower())
        if named and named[0] != store.lower():
            raise errors.StoreRenamed(
                f"{store}: Shopify points to {named[0]} instead of answering {seen}: the store has this name now. "
                "Enter it in the store's settings, then check the store. Nothing is sent to the new name before.",
                domain=named[0],
            )
        host = urlsplit(place).hostname or "another address"
        raise errors.UnexpectedAnswer(
            f"{store}: Shopify points to {host} instead of answering {seen}. Check the store's .myshopify.com domain."
        )
    if status >= 500 or status == 408:
        raise errors.ServerError(f"{store}: Shopify had an internal fault {seen}.", outcome_unknown=is_write)
    if status == 429:
        raise errors.SlowDown(
            f"{store}: Shopify asks to slow down {seen}.",
            retry_after=_retry_after(response.headers.get("Retry-After")),
        )
    raise _refusal(status, store, seen)


def _refusal(status: int, store: str, seen: str) -> ShopifyError:
    if status == 401:
        return errors.Unauthorized(
            f"{store}: Shopify does not accept the access token {seen}. The app may have been uninstalled or its token "
            "revoked: install the app again or enter new credentials, then check the store."
        )
    if status == 402:
        return errors.StoreFrozen(f"{store}: the store is frozen, usually because of an unpaid bill {seen}.")
    if status == 403:
        return errors.AccessDenied(
            f"{store}: Shopify denies access {seen}. Check the app's scopes and approve them on the store."
        )
    if status == 404:
        return errors.StoreNotFound(f"{store}: Shopify knows no store under this domain {seen}. Check the domain.")
    if status in (423, 430):
        return errors.StoreLocked(
            f"{store}: Shopify has locked the store or blocks our requests {seen}. Nothing is sent until a person has "
            "looked: ask Shopify's support and name the request id."
        )
    return errors.QueryRejected(f"{store}: Shopify calls our request malformed {seen}.", codes=(f"HTTP_{status}",))


def _retry_after(header: str | None) -> float:
    """Seconds from Retry-After, a float such as `2.0` at Shopify."""
    try:
        seconds = float(header or "")
    except ValueError:
        return 1.0
    return seconds if 0 <= seconds < 10**7 else 1.0


def json_object(response: requests.Response, store: str, *, is_write: bool) -> dict[str, Any]:
    """The JSON object of a 200 answer. Raises UnexpectedAnswer for anything else, such as an HTML page."""
    try:
        answer = read_json(response.content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        kind = response.headers.get("Content-Type", "no type").partition(";")[0][:40]
        raise errors.UnexpectedAnswer(
            f"{store}: the answer is not JSON but {kind} (request {request_id(response)}). If this stays, check the "
            "domain: something other than Shopify may answer there.",
            outcome_unknown=is_write,
        )
    return answer


def data_of(answer: dict[str, Any], store: str, *, is_write: bool, cost: float = 0.0) -> dict[str, Any]:
    """The `data` of a GraphQL answer. `cost` (points) serves to compute the wait when throttled.

    Raises the class of errors.py that fits the top-level errors, also when part of the data is there: a field that is
    null because of a missing scope must never be read as empty.
    """
    listed = answer.get("errors")
    if listed:
        error = graphql_error(answer, listed, store, is_write=is_write, cost=cost)
        error.is_of_request = isinstance(error, errors.ServerError | errors.UnexpectedAnswer)
        raise error
    data = answer.get("data")
    if not isinstance(data, dict):
        raise errors.UnexpectedAnswer(f"{store}: the answer has no data.", outcome_unknown=is_write)
    if not is_write:
        _refuse_search_warnings(answer, store)
    return data


def graphql_error(
    answer: dict[str, Any], listed: Any, store: str, *, is_write: bool, cost: float = 0.0
) -> ShopifyError:
    """The error for a 200 answer with top-level `errors` (shopify.md 1.4); what asks for most patience wins."""
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if not entries:
        return errors.UnexpectedAnswer(
            f"{store}: Shopify answered with an error: {_clip(listed)}", outcome_unknown=is_write
        )
    codes = tuple(_code(entry) for entry in entries)
    said = "; ".join(_clip(entry.get("message")) for entry in entries[:3])
    if "THROTTLED" in codes:
        return _throttled(answer, store, cost)
    if "SHOP_INACTIVE" in codes:
        return errors.StoreFrozen(f"{store}: the store is inactive (closed, paused or unpaid).")
    if "INTERNAL_SERVER_ERROR" in codes:
        return errors.ServerError(f"{store}: Shopify had an internal fault: {said}", outcome_unknown=is_write)
    if "ACCESS_DENIED" in codes:
        return _access_denied(entries, store, said, is_write=is_write)
    if any(code in _NOT_FOUND for code in codes):
        return errors.ObjectNotFound(f"{store}: {said}")
    if any(code in _OUR_FAULT for code in codes) or ("data" not in answer and any(map(_is_validation, entries))):
        return errors.QueryRejected(f"{store}: Shopify rejects our request: {said}", codes=codes)
    if is_write and (refused := _refused_fields(answer, entries)):
        kind = errors.VariantLimitReached if VARIANT_LIMIT in codes else errors.UserErrors
        return kind(f"{store}: Shopify refuses this change.", errors=refused)
    return errors.UnexpectedAnswer(f"{store}: Shopify answered with an error: {said}", outcome_unknown=is_write)


def _refused_fields(answer: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[UserError, ...]:
    """Refusals that stand beside the data in place of userErrors: of a mutation whose own field is null, so not done.

    Such as a category that Shopify does not know, or too many new variants in a day. () where it may have been done.
    """
    data = answer.get("data")
    found = []
    for entry in entries:
        code, path = _code(entry), entry.get("path")
        is_refusal = code == VARIANT_LIMIT or code.startswith("INVALID_")
        if not is_refusal or not isinstance(data, dict) or not isinstance(path, list) or not path:
            return ()
        if data.get(path[0]) is not None:
            return ()
        found.append(UserError(code, tuple(path), _clip(entry.get("message"))))
    return tuple(found)


def _code(entry: Mapping[str, Any]) -> str:
    extensions = entry.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) else ""


def _is_validation(entry: Mapping[str, Any]) -> bool:
    code = _code(entry)
    return bool(_VALIDATION.fullmatch(code)) if code else "locations" in entry


def _throttled(answer: Mapping[str, Any], store: str, cost: float) -> errors.Throttled:
    status, requested, _ = cost_of(answer)
    seconds = throttle.seconds_until(status, requested or cost)
    return errors.Throttled(
        f"{store}: the store's points are used up; it will be tried again.",
        retry_after=1.0 if seconds is None else seconds,
    )


def _access_denied(entries: Sequence[Mapping[str, Any]], store: str, said: str, *, is_write: bool) -> ShopifyError:
    denied = [entry for entry in entries if _code(entry) == "ACCESS_DENIED"]
    wanted = " ".join(
        f"{(entry.get('extensions') or {}).get('requiredAccess', '')} {entry.get('message')}" for entry in denied
    )
    scopes = tuple(dict.fromkeys(_SCOPE.findall(wanted)))
    todo = f"Missing scopes: {', '.join(scopes)}. " if scopes else f"Shopify says: {said} "
    # Denied on the mutation itself: not executed. Denied on a field below it: the write had already happened.
    below = any(isinstance(entry.get("path"), list) and len(entry["path"]) > 1 for entry in denied)
    return errors.AccessDenied(
        f"{store}: the app may not do this. {todo}Add them to the app, release it, and approve it on the store.",
        missing_scopes=scopes,
        outcome_unknown=is_write and below,
    )


def _refuse_search_warnings(answer: Mapping[str, Any], store: str) -> None:
    """Shopify ignores an unknown filter and returns everything: any warning is an error (shopify.md 7.3)."""
    extensions = answer.get("extensions")
    searches = extensions.get("search") if isinstance(extensions, dict) else None
    for search in searches if isinstance(searches, list) else ():
        for warning in (search.get("warnings") or ()) if isinstance(search, dict) else ():
            words = _clip(warning.get("message") if isinstance(warning, dict) else warning)
            raise errors.QueryRejected(
                f"{store}: Shopify ignored a part of our search: {words}", codes=("SEARCH_WARNING",)
            )


def cost_of(answer: Mapping[str, Any]) -> tuple[dict[str, Any] | None, float | None, float | None]:
    """(throttleStatus, requested points, actual points) of an answer; None for what it does not tell."""
    extensions = answer.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    if not isinstance(cost, dict):
        return None, None, None
    status = cost.get("throttleStatus")
    return (
        status if isinstance(status, dict) else None,
        _points(cost, "requestedQueryCost"),
        _points(cost, "actualQueryCost"),
    )


def _points(cost: Mapping[str, Any], name: str) -> float | None:
    value = cost.get(name)
    return float(value) if isinstance(value, int | float) else None


def user_errors(listed: Any) -> tuple[UserError, ...]:
    """`userErrors` of a payload as UserError rows; read leniently (shopify.md 1.5)."""
    rows = []
    for entry in listed or ():
        field = entry.get("field") or ()
        rows.append(
            UserError(entry.get("code"), tuple(field) if not isinstance(field, str) else (field,), entry["message"])
        )
    return tuple(rows)


def payload_of(data: Mapping[str, Any], name: str, store: str, refused: str) -> dict[str, Any]:
    """The payload of the mutation `name`. Raises UserErrors, whose message begins with the store and `refused`.

    Raises UnexpectedAnswer, its outcome unknown, when the answer says nothing of the mutation.
    """
    payload = data.get(name)
    if not isinstance(payload, dict):
        raise errors.UnexpectedAnswer(f"{store}: the answer to {name} says nothing of it.", outcome_unknown=True)
    if listed := user_errors(payload.get("userErrors")):
        raise errors.UserErrors(f"{store}: {refused}", errors=listed)
    return payload


def _clip(text: object) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= 300 else f"{flat[:297]}..."
