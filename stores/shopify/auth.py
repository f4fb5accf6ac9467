"""Tokens: asking for one with an app's client credentials, and the two ways a client gets at it.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import requests

from stores.shopify import answers
from stores.shopify.errors import InvalidCredentials, Unauthorized, UnexpectedAnswer

logger = logging.getLogger(__name__)

# The share of a token's life after which it is renewed (shopify.md 6).
RENEW_AFTER_SHARE = 0.8
# Shopify's answer says 86399 seconds; used only when the answer leaves it out.
USUAL_LIFE_SECONDS = 86399

_WHAT_TO_DO = {
    "shop_not_permitted": (
        "Shopify gives this app no token for this store: app and store belong to different organisations, or the "
        "domain is misspelled. Check the domain; then create the app in the Dev Dashboard of the organisation that "
        "owns the store, or paste a token of a custom app."
    ),
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
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Token:
    """An access token with its granted scopes and life; instants are aware UTC."""

    access_token: str = field(repr=False)
    scopes: tuple[str, ...]
    obtained_at: datetime
    expires_at: datetime

    @property
    def renew_at(self) -> datetime:
        """When to ask for the next one: 80 % of its life."""
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
    store = answers.store_name(store_url)
    obtained_at = datetime.now(UTC)
    body = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
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
    return _read_token(answers.json_object(response, store, is_write=False), store, obtained_at)


def _read_token(answer: dict[str, Any], store: str, obtained_at: datetime) -> Token:
    access_token, scope = answer.get("access_token"), answer.get("scope") or ""
    life = answer.get("expires_in", USUAL_LIFE_SECONDS)
    if not isinstance(access_token, str) or not isinstance(scope, str) or not isinstance(life, int | float):
        raise UnexpectedAnswer(f"{store}: the answer to the request for a token holds no usable token.")
    check_token_text(access_token)
    scopes = tuple(part.strip() for part in scope.split(",") if part.strip())
    return Token(access_token, scopes, obtained_at, obtained_at + timedelta(seconds=float(life)))


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
