"""Install from Shopify: leading somebody to a store's authorization page, and what becomes of what comes back.

What led there is bound to the store's row, the user and their session, and is used once, within ten minutes. So nobody
can have another's browser connect a store, and no answer counts twice.
"""

import hashlib
import logging
import re
import secrets
import time
from datetime import timedelta

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models.functions import Now

from stores import clients, onboarding, redaction
from stores.models import Store
from stores.models.fields import usable
from stores.models.store import DOMAIN_PATTERN
from stores.shopify import auth, installing, shops
from stores.shopify.client import new_session
from stores.shopify.errors import AnswerLost, InvalidCredentials

logger = logging.getLogger(__name__)

REDIRECT_PATH = "/shopify/connected/"
PATIENCE = timedelta(minutes=10)  # from “Connect” to the way back, and how old what Shopify signed may be
MOST_TRIES, WAIT_SECONDS = 50, 0.2  # for a worker that renews the token just now
AGAIN = "Press “Connect” on the store's page again."


class Forged(Exception):
    """What came back is not Shopify's: not signed as it must be, not of a store of ours, or too old."""


class NotInstalled(ValueError):
    """It is Shopify's, and yet nothing was connected; the message says why, and what to do."""


def redirect_url() -> str:
    """Where Shopify leads back to: an app must have exactly this among its redirect URLs. '' without PUBLIC_URL."""
    return settings.PUBLIC_URL.rstrip("/") + REDIRECT_PATH if settings.PUBLIC_URL else ""


def wanted_scopes(store: Store) -> list[str]:
    """What the store's connections need, and what is granted already: asking for less would take that away."""
    return sorted({*store.scopes, *shops.missing_scopes((), onboarding.purposes(store))})


def begin(store: Store, session_key: str, user_pk: int) -> str:
    """Shopify's authorization page for this store and app. What was begun for it before does not count any more.

    Raises ValueError where PUBLIC_URL or the app's credentials are missing, ImproperlyConfigured where these cannot be
    decrypted.
    """
    if not redirect_url():
        raise ValueError("PUBLIC_URL is not set, so Shopify cannot lead back here. Set it, and restart this service.")
    if not (store.client_id and usable(store.client_secret)):
        raise ValueError("Enter the app's client id and client secret first, and save the store.")
    state = secrets.token_urlsafe(32)
    redaction.know(state)
    digest = _digest(state, session_key, user_pk, store.pk)
    Store.objects.filter(pk=store.pk).update(install_digest=digest, install_began_at=Now())
    address = clients.store_url(store)
    return installing.authorization_url(address, store.client_id, wanted_scopes(store), redirect_url(), state)


def verify(query_text: str) -> tuple[Store, dict[str, str]]:
    """The store, and what Shopify says, of a query that Shopify signed lately with the secret of the store's app.

    Raises Forged: nothing else of the query was looked at.
    """
    try:
        query = installing.read_query(query_text)
    except ValueError as error:
        raise Forged(str(error)) from None
    domain = query.get("shop", "")
    store = Store.objects.filter(domain=domain).first() if re.match(DOMAIN_PATTERN, domain) else None
    try:
        known = store.webhook_secrets() if store else []
    except ImproperlyConfigured as error:
        raise Forged(str(error)) from None
    if not installing.is_signed(query, known) or store is None:
        raise Forged("The signature does not fit.")
    moment = query.get("timestamp", "")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        raise Forged("It does not say when it was signed.")
    if abs(store.now().timestamp() - int(moment)) > PATIENCE.total_seconds():
        raise Forged("It was signed too long ago.")
    return store, query


def finish(store: Store, query: dict[str, str], session_key: str, user_pk: int) -> None:
    """Change a verified code for tokens, and keep them. Its scopes are then those that were granted.

    Raises NotInstalled, and as auth.exchange_code does.
    """
    state, code = query.get("state", ""), query.get("code", "")
    for secret in (state, code):
        redaction.know(secret)
    digest = _digest(state, session_key, user_pk, store.pk)
    begun = Store.objects.filter(pk=store.pk, install_digest=digest, install_began_at__gt=Now() - PATIENCE)
    if not state or not begun.update(install_digest="", install_began_at=None):
        raise NotInstalled(
            "This was not begun in this browser by you within the last ten minutes, or it was used before: nothing was "
            f"changed. {AGAIN}"
        )
    if not code:
        raise NotInstalled(f"The app was not installed at Shopify: nothing was changed. {AGAIN}")
    for _ in range(
        MOST_TRIES
    ):  # a worker renews what is replaced now; a page does not wait for it as long as work does
        with clients.renewal(store.pk, waits=False) as is_ours:
            if is_ours:
                _keep(store, code)
                return
        time.sleep(WAIT_SECONDS)
    raise NotInstalled(f"A worker is renewing this store's token just now. {AGAIN}")


def _keep(store: Store, code: str) -> None:
    with new_session() as session:
        token = _exchange(store, code, session)
    store.auth = Store.Auth.INSTALLED
    clients.keep_token(store, token, "auth")
    clients.forget_client(store)
    logger.info("Store %s was connected from Shopify, with %s scopes.", store.domain, len(store.scopes))


def _exchange(store: Store, code: str, session: requests.Session) -> auth.Token:
    address = clients.store_url(store)
    try:
        return auth.exchange_code(address, store.client_id, usable(store.client_secret), code, session)
    except AnswerLost as error:
        raise NotInstalled(f"{error} What Shopify answered cannot be asked for again. {AGAIN}") from None
    except InvalidCredentials as error:
        if error.reason != "invalid_request":
            raise
        raise NotInstalled(
            f"Shopify does not take its own code any more: it was used, or is too old. {AGAIN}"
        ) from None


def _digest(state: str, session_key: str, user_pk: int, store_pk: int) -> str:
    return hashlib.sha256("\n".join((state, session_key, str(user_pk), str(store_pk))).encode()).hexdigest()
