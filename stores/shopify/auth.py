"""Tokens: asking for one with an app's client credentials, a code or a refresh token; how a client gets at it.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import requests

from stores.shopify import answers
from stores.shopify.errors import DeadRefreshToken, InvalidCredentials, Unauthorized, UnexpectedAnswer

logger = logging.getLogger(__name__)

# The share of a token's life after which it is renewed (shopify.md 6).
RENEW_AFTER_SHARE = 0.8
# Shopify's answer says 86399 seconds; used only when the answer leaves it out.
USUAL_LIFE_SECONDS = 86399

# An app of another organisation than the store's: nothing but installing it from Shopify gives it a token.
FOREIGN = "shop_not_permitted"
FOREIGN_WORDS = (
    "Shopify gives this app no token for this store: app and store belong to different organisations, or the domain is "
    "misspelled. Check the domain; then press “Connect” on the store's page: the app is installed from Shopify."
)
_WHAT_TO_DO = {
    FOREIGN: FOREIGN_WORDS,
    "app_not_installed": (
        "The app is not installed on this store. Open the app in the Dev Dashboard, install it on the store, "
        "approve its scopes, and check the store again."
    ),
    "invalid_client": (
        "Shopify does not know this client id, or the client secret does not belong to it. "
        "Copy both again from the app's settings in the Dev Dashboard."
    ),
    "application_cannot_be_found": (
        "Shopify knows no app with this client id. Copy client id and client secret again from the Dev Dashboard."
    ),
}
_ANY_OTHER = (
    "Shopify refused to give a token for these credentials{reason}. Check client id and client secret in the Dev "
    "Dashboard, and that the app is released and installed on this store."
)
INSTALL_AGAIN = (
    "Shopify does not renew this store's access any more: the app was uninstalled, its secret was replaced, or nothing "
    "was asked of the store for too long. Press “Connect” on the store's page to install the app again."
)
NOT_CONNECTED = (
    "The app is not installed on this store yet. Press “Connect” on the store's page: it leads to Shopify, where "
    "somebody who may install apps on the store presses “Install”."
)
# What Shopify calls a refresh token that it does not take (shopify.md 6).
_DEAD = frozenset({"invalid_grant", "invalid_request"})
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Token:
    """An access token with its granted scopes and life; instants are aware UTC.

    `expires_at` is None for one that does not end. With a refresh token another one is asked for, until
    `refresh_expires_at`, where Shopify tells it.
    """

    access_token: str = field(repr=False)
    scopes: tuple[str, ...]
    obtained_at: datetime
    expires_at: datetime | None
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: datetime | None = None

    @property
    def renew_at(self) -> datetime | None:
        """When to ask for the next one: 80 % of its life; None where it does not end."""
        if self.expires_at is None:
            return None
        return self.obtained_at + (self.expires_at - self.obtained_at) * RENEW_AFTER_SHARE


class TokenSource(Protocol):
    """Where a client gets the token of its store."""

    def token(self) -> str:
        """The token to send now; may ask Shopify for one."""
        ...

    def renew(self, rejected_token: str) -> str:
        """Another token than `rejected_token`, which Shopify answered 401 to.

        Several workers may report the same one; only the first needs to ask Shopify. Raises Unauthorized or
        InvalidCredentials when there is no other.
        """
        ...


class StaticToken:
    """The pasted token of a custom app made in a store's admin; it does not expire and cannot be renewed."""

    def __init__(self, access_token: str) -> None:
        """Raises InvalidCredentials for text that cannot be a token, before it is ever put into a header."""
        check_token_text(access_token)
        self._access_token = access_token

    def token(self) -> str:
        """See TokenSource.token."""
        return self._access_token

    def renew(self, rejected_token: str) -> str:
        """Always raises Unauthorized."""
        raise Unauthorized(
            "Shopify does not accept this store's access token: it was revoked, or the app was uninstalled. "
            "Paste the current Admin API access token of the custom app, and check the store again."
        )


def check_token_text(access_token: str) -> None:
    """Refuse text that an HTTP header cannot carry: the library's own error would print the token.

    Raises InvalidCredentials.
    """
    if not isinstance(access_token, str) or not _TOKEN.fullmatch(access_token):
        raise InvalidCredentials(
            "The access token is empty or contains blanks or other characters that no token has. Paste it again.",
            reason="malformed_token",
        )


def fetch_token(
    store_url: str,
    client_id: str,
    client_secret: str,
    session: requests.Session,
    timeout: tuple[float, float] | float = (5, 30),
) -> Token:
    """Ask Shopify for a token by the client credentials grant. There is no refresh token: ask again.

    Raises InvalidCredentials (what to do is in the message), StoreNotFound, Throttled, ServerError, Unreachable,
    AnswerLost, UnexpectedAnswer. Asking twice is harmless, so no outcome is ever unknown.
    """
    body = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
    return _ask(store_url, body, session, timeout, life=USUAL_LIFE_SECONDS)


def exchange_code(
    store_url: str,
    client_id: str,
    client_secret: str,
    code: str,
    session: requests.Session,
    timeout: tuple[float, float] | float = (5, 20),
) -> Token:
    """Change the code of an authorization for a token that expires, and its refresh token. A code is good once.

    Raises as fetch_token does; after AnswerLost the code is worth nothing: begin anew.
    """
    body = {"client_id": client_id, "client_secret": client_secret, "code": code, "expiring": 1}
    return _ask(store_url, body, session, timeout)


def refresh_token(
    store_url: str,
    client_id: str,
    client_secret: str,
    refresh_token: str,
    session: requests.Session,
    timeout: tuple[float, float] | float = (5, 30),
) -> Token:
    """Another token and refresh token for this one. Store both at once: this one may be dead afterwards.

    Raises DeadRefreshToken where Shopify does not take it (any more), else as fetch_token does. Where the answer was
    lost, ask with the same one again.
    """
    body = {"client_id": client_id, "client_secret": client_secret, "grant_type": "refresh_token"}
    try:
        return _ask(store_url, body | {"refresh_token": refresh_token}, session, timeout)
    except InvalidCredentials as error:
        if error.reason in _DEAD:
            raise DeadRefreshToken(f"{answers.store_name(store_url)}: {INSTALL_AGAIN}", reason=error.reason) from None
        raise


def _ask(
    store_url: str,
    body: dict[str, Any],
    session: requests.Session,
    timeout: tuple[float, float] | float,
    life: float | None = None,
) -> Token:
    """Post to the store's token endpoint. `life` is in seconds, for an answer that tells none."""
    store = answers.store_name(store_url)
    obtained_at = datetime.now(UTC)
    try:
        response = session.post(
            f"{store_url.rstrip('/')}/admin/oauth/access_token",
            json=body,
            headers={"Accept": "application/json"},
            timeout=timeout,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise answers.network_error(error, store, is_write=False) from None
    logger.info("%s token status=%s request=%s", store, response.status_code, answers.request_id(response))
    if response.status_code in (400, 401, 403):
        raise _credentials_error(response, store)
    answers.raise_for_status(response, store, is_write=False)
    return _read_token(answers.json_object(response, store, is_write=False), store, obtained_at, life)


def _read_token(answer: dict[str, Any], store: str, obtained_at: datetime, life: float | None) -> Token:
    access_token, scope, refresh = (
        answer.get("access_token"),
        answer.get("scope") or "",
        answer.get("refresh_token") or "",
    )
    seconds, refresh_seconds = answer.get("expires_in", life), answer.get("refresh_token_expires_in")
    if (
        not (isinstance(access_token, str) and isinstance(scope, str) and isinstance(refresh, str))
        or not isinstance(seconds, int | float | None)
        or (refresh and seconds is None)
    ):
        raise UnexpectedAnswer(f"{store}: the answer to the request for a token has no usable token.")
    check_token_text(access_token)
    scopes = tuple(part.strip() for part in scope.split(",") if part.strip())
    ends = None if seconds is None else obtained_at + timedelta(seconds=float(seconds))
    refresh_ends = None
    if refresh and isinstance(refresh_seconds, int | float):
        refresh_ends = obtained_at + timedelta(seconds=float(refresh_seconds))
    return Token(access_token, scopes, obtained_at, ends, refresh, refresh_ends)


def _credentials_error(response: requests.Response, store: str) -> InvalidCredentials:
    """Find Shopify's code in the answer, be it JSON or the HTML page that the OAuth path also answers with."""
    text = response.text[:20_000]
    reason = next((code for code in _WHAT_TO_DO if code in text), "")
    if reason:
        return InvalidCredentials(f"{store}: {_WHAT_TO_DO[reason]}", reason=reason)
    # Only a bare code is repeated: a description might echo what was sent.
    found = re.search(r'"error"\s*:\s*"([a-z_]{1,60})"', text)
    reason = found.group(1) if found else ""
    words = f" ({reason})" if reason else f" (HTTP {response.status_code})"
    return InvalidCredentials(f"{store}: {_ANY_OTHER.format(reason=words)}", reason=reason)
