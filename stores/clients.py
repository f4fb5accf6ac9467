"""A client for a store: its bucket and its token live in the Store row, shared by all workers of all machines.

Never ask Shopify inside a database transaction: the bucket's row would stay locked for every other worker.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.utils import timezone

from stores import gates, locks
from stores.locks import Lock
from stores.models import Store
from stores.models.fields import LOST_KEY, Unreadable, usable
from stores.shared.buckets import StoreBucket
from stores.shopify import auth, shops
from stores.shopify.client import Client, new_session
from stores.shopify.errors import (
    DeadRefreshToken,
    InvalidCredentials,
    NotConnected,
    ShopifyError,
    StoreNotFound,
    StoreRenamed,
    Unauthorized,
)

logger = logging.getLogger(__name__)

# A renewal that failed while the current token still lives is not tried again before this many seconds.
RENEWAL_PAUSE_SECONDS = 60
# What an answer says of the time is written down when the clocks moved apart by this, and after this time anyway.
CLOCK_STEP, CLOCK_PAUSE = timedelta(seconds=5), timedelta(seconds=20)

TOKEN_FIELDS = [
    *("access_token", "token_obtained_at", "token_expires_at", "scopes", "refresh_token", "refresh_expires_at"),
]

_opened = threading.local()


def open_client(store: Store) -> Client:
    """A client for `store`: one per thread, so that connections stay open, and another once its credentials change.

    Nothing is sent yet. Raises what Client raises when it is used; credentials that Shopify definitely refuses also
    mark the store as disconnected, with the reason.
    """
    clients: dict[int, tuple[str, Client]] = _opened.__dict__.setdefault("clients", {})
    fingerprint = _fingerprint(store)
    known = clients.get(store.pk)
    if known and known[0] == fingerprint:
        return known[1]
    if known:
        known[1].session.close()
    session = new_session()
    url = store_url(store)
    tokens = StoreTokens(store, url, session)
    client = Client(
        url,
        settings.SHOPIFY_API_VERSION,
        tokens,
        StoreBucket(store.pk),
        session,
        domain=store.domain,
        note_time=StoreClock(store.pk).note,
        patience=gates.PATIENCE_SECONDS,
        gate=gates.StoreGate(store),
    )
    clients[store.pk] = (fingerprint, client)
    return client


def open_for_person(store: Store) -> Client:
    """The client for a page that somebody waits for (Client.for_a_person)."""
    return open_client(store).for_a_person()


def open_for_check(store: Store) -> Client:
    """The client for what an operator presses and waits for, a check or a command: turned away by no rest.

    An answer ends the trouble.
    """
    return open_client(store).through(gates.CheckGate(store))


def store_url(store: Store) -> str:
    """The address that a store's paths are appended to, without a slash at its end."""
    return settings.SHOPIFY_BASE_URL.format(domain=store.domain).rstrip("/")


def _fingerprint(store: Store) -> str:
    """Changes with whatever a client is built from; a renewed token is none of it."""
    fixed_token = store.access_token if store.auth == Store.Auth.STATIC_TOKEN else ""
    parts = (store_url(store), settings.SHOPIFY_API_VERSION, store.auth, store.client_id, store.client_secret)
    return hashlib.sha256("\n".join((*parts, fixed_token)).encode()).hexdigest()


class StoreClock:
    """What Shopify's answers say of the time, in the row of the store: not each time, for it seldom changes.

    Nothing that protects units compares our clock with Shopify's: they may be minutes apart, and ours may leap.
    """

    def __init__(self, store_pk: int) -> None:
        self._store_pk = store_pk
        self._noted_at: datetime | None = None
        self._difference = timedelta(0)

    def note(self, answered_at: datetime) -> None:
        """Shopify's clock was at `answered_at` a moment ago."""
        difference = timezone.now() - answered_at
        if self._noted_at is not None:
            is_as_before = abs(difference - self._difference) < CLOCK_STEP
            if is_as_before and timedelta(0) <= answered_at - self._noted_at < CLOCK_PAUSE:
                return
        self._noted_at, self._difference = answered_at, difference
        Store.objects.filter(pk=self._store_pk).update(answered_at=answered_at, clock_difference=difference)


def ask_time(store: Store) -> datetime:
    """The store's clock now, to the second; what is known of it where its answer does not tell. Raises as a client."""
    if at := shops.ask_time(open_client(store)):
        return at
    store.refresh_from_db(fields=["clock_difference"])
    return store.now()


class StoreTokens:
    """The token of a store (auth.TokenSource): kept encrypted in its row, renewed by one worker at a time."""

    def __init__(self, store: Store, url: str, session: requests.Session) -> None:
        self._store_pk = store.pk
        self._url = url
        self._session = session
        self._next_renewal_at: datetime | None = None
        self._load(store)

    def _load(self, store: Store) -> None:
        if not store.is_readable:
            mark_disconnected(store.pk, LOST_KEY)
            raise InvalidCredentials(LOST_KEY)
        is_fixed = store.auth == Store.Auth.INSTALLED and not store.refresh_token and not store.token_expires_at
        self.is_static = store.auth == Store.Auth.STATIC_TOKEN or (is_fixed and bool(store.access_token))
        self._token = "" if isinstance(store.access_token, Unreadable) else store.access_token
        self._expires_at = store.token_expires_at
        self._renew_at = None
        if store.token_obtained_at and store.token_expires_at:
            life = store.token_expires_at - store.token_obtained_at
            self._renew_at = store.token_obtained_at + life * auth.RENEW_AFTER_SHARE

    def token(self) -> str:
        """See auth.TokenSource.token. Renews at 80 % of the token's life."""
        now = timezone.now()
        if self.is_static or (self._token and self._renew_at and now < self._renew_at):
            return self._token
        if not self._token or not self._expires_at or now >= self._expires_at:
            return self.renew(self._token)
        if self._next_renewal_at is None or now >= self._next_renewal_at:
            self._next_renewal_at = now + timedelta(seconds=RENEWAL_PAUSE_SECONDS)
            self._renew_in_time()
        return self._token

    def _renew_in_time(self) -> None:
        """Renew a token that still lives: whatever hinders it, work goes on with the old one."""
        with renewal(self._store_pk, waits=False) as is_ours:
            if not is_ours:
                return
            try:
                self._renew(self._token)
            except ShopifyError as error:
                logger.warning("Store %s: its token could not be renewed in time: %s", self._store_pk, error)

    def renew(self, rejected_token: str) -> str:
        """See auth.TokenSource.renew. A definite refusal marks the store as disconnected, with the reason.

        Raises also StoreNotFound, and what is transient, as auth.fetch_token does.
        """
        with renewal(self._store_pk, waits=True):
            try:
                self._renew(rejected_token)
            except NotConnected:
                raise
            except (InvalidCredentials, StoreNotFound, StoreRenamed, Unauthorized) as error:
                mark_disconnected(self._store_pk, str(error))
                raise
        return self._token

    def _renew(self, rejected_token: str) -> None:
        store = Store.objects.filter(pk=self._store_pk).first()
        if store is None:
            raise Unauthorized("This store was removed: it has no credentials any more.")
        self._load(store)
        is_alive = self.is_static or (self._renew_at and timezone.now() < self._renew_at)
        if self._token and self._token != rejected_token and is_alive:
            return  # another worker got there first, or an operator pasted a new one
        if store.auth == Store.Auth.INSTALLED:
            token = self._refresh(store)
        elif self.is_static:
            auth.StaticToken(self._token).renew(rejected_token)
        else:
            token = auth.fetch_token(self._url, store.client_id, store.client_secret, self._session)
        keep_token(store, token)
        self._next_renewal_at = None
        self._load(store)

    def _refresh(self, store: Store) -> auth.Token:
        """Another token by the refresh token of the row. One that Shopify calls dead may have been replaced meanwhile.

        By a release, or a restored process, that asks without our lock: then what stands in the row now counts. Where
        our own last answer was lost, the row still has the token that it was asked with, and so is it now.
        """
        if not store.refresh_token:
            raise Unauthorized(auth.INSTALL_AGAIN) if store.access_token else NotConnected(auth.NOT_CONNECTED)
        try:
            return self._ask_refreshed(store)
        except DeadRefreshToken:
            used = store.refresh_token
            store.refresh_from_db(fields=["client_id", "client_secret", "refresh_token"])
            if not store.refresh_token or store.refresh_token == used:
                raise
            return self._ask_refreshed(store)

    def _ask_refreshed(self, store: Store) -> auth.Token:
        secret, given = usable(store.client_secret), usable(store.refresh_token)
        token = auth.refresh_token(self._url, store.client_id, secret, given, self._session)
        return token if token.refresh_token else replace(token, refresh_token=given)


def keep_token(store: Store, token: auth.Token, *also: str) -> None:
    """Store a token and what belongs to it at once: half of a pair would be worth nothing. Hold the renewal's lock.

    `also`: names of further fields of the row.
    """
    store.access_token = token.access_token
    store.token_obtained_at, store.token_expires_at = token.obtained_at, token.expires_at
    store.scopes = sorted(token.scopes)
    names = [*also, "access_token", "token_obtained_at", "token_expires_at", "scopes"]
    if store.auth == Store.Auth.INSTALLED:
        store.refresh_token, store.refresh_expires_at = token.refresh_token, token.refresh_expires_at
        names += ["refresh_token", "refresh_expires_at"]
    store.save(update_fields=names)


@contextmanager
def renewal(store_pk: int, waits: bool) -> Iterator[bool]:
    """Hold the right to renew a store's token; yields False when another worker has it and we do not wait.

    A lock of the session, not of a transaction: no transaction stays open while Shopify is asked, and a worker that
    dies frees it.
    """
    is_ours = True
    if waits:
        locks.acquire(Lock.TOKEN, store_pk)
    else:
        is_ours = locks.try_acquire(Lock.TOKEN, store_pk)
    try:
        yield is_ours
    finally:
        if is_ours:
            locks.free(Lock.TOKEN, store_pk)


def mark_disconnected(store_pk: int, reason: str) -> None:
    """Stop all traffic with a store whose credentials Shopify refuses; a good check of it ends that."""
    logger.error("Store %s is disconnected: %s", store_pk, reason)
    Store.objects.filter(pk=store_pk).update(status=Store.Status.DISCONNECTED, status_reason=reason)


def renew_token(store: Store) -> None:
    """Ask Shopify for a fresh token although the current one lives: proves the credentials, brings the current scopes.

    Nothing to do for a fixed token. Updates `store`. Raises as StoreTokens.renew does.
    """
    with new_session() as session:
        tokens = StoreTokens(store, store_url(store), session)
        if store.auth == Store.Auth.STATIC_TOKEN:
            return
        if store.auth == Store.Auth.INSTALLED and tokens.is_static:
            return
        tokens.renew(store.access_token)
    forget_client(store)
    store.refresh_from_db(fields=TOKEN_FIELDS)


def forget_client(store: Store) -> None:
    """Have the next client of this thread start with the token that is stored now."""
    known = _opened.__dict__.get("clients", {}).pop(store.pk, None)
    if known:
        known[1].session.close()


# What opens a store's client: open_client, or a test's own.
OpenClient = Callable[[Store], Client]
