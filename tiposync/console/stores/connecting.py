"""Connecting a store from Shopify: the page that leads to Shopify's authorization page, and the way back.

The way back lies outside the console: the middleware there leads to sign in, or to set a second factor up, with the
address in the next one. Here every outcome is one redirect to a clean address, so that neither the address bar nor the
history nor a referrer keeps what Shopify sent.
"""

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from stores import history, installing
from stores.models import Store
from stores.shopify.auth import FOREIGN_WORDS
from stores.shopify.errors import ShopifyError
from syncing.queue import enqueue
from tiposync.console.access import admission
from tiposync.console.kit import reach
from tiposync.console.kit.pages import signed_in

logger = logging.getLogger(__name__)

CHANGE = "stores.change_store"  # who may change stores may connect them
REFUSALS = (installing.NotInstalled, ShopifyError, ImproperlyConfigured)


def is_foreign(store: Store) -> bool:
    """Whether Shopify said that app and store belong to different organisations."""
    return store.auth == Store.Auth.CLIENT_CREDENTIALS and FOREIGN_WORDS in store.status_reason


def may_connect(store: Store) -> bool:
    """Whether the way through Shopify's authorization page is for this store."""
    return store.auth == Store.Auth.INSTALLED or is_foreign(store)


def explain(store: Store) -> str:
    """What “Connect” will do to this store."""
    does = "Leads to Shopify, where somebody who may install apps on the store presses “Install”, and back here."
    if is_foreign(store):
        return f"For a store of another organisation than the app's. {does}"
    if not store.is_connected:
        return does
    return f"Installs the app again, or asks for scopes that are missing. {does}"


def lead_to_shopify(request: HttpRequest, store: Store) -> TemplateResponse:
    """A page that goes on to Shopify by itself. Raises ValueError where the way back would not lead to this session.

    A redirect would not do: the content policy keeps forms, and where they are led to, on our own site.
    """
    expected, key = urlsplit(settings.PUBLIC_URL).netloc, request.session.session_key
    if expected and expected != request.get_host():
        raise ValueError(
            f"Shopify leads back to {settings.PUBLIC_URL}, where you are not signed in: open the console there, and "
            "press “Connect” again."
        )
    address = installing.begin(store, key or "", signed_in(request).pk)
    context = admin.site.each_context(request) | {
        "title": f"Connect {store}",
        "store": store,
        "address": address,
        "scopes": installing.wanted_scopes(store),
        "redirect": installing.redirect_url(),
        "back": reverse("admin:stores_store_change", args=[store.pk]),
    }
    response = TemplateResponse(request, "admin/stores/store/connect.html", context)
    response.headers["Refresh"] = f"0; url={address}"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_GET
def come_back(request: HttpRequest) -> HttpResponse:
    """Where Shopify leads back to, with a code or without; see stores.installing."""
    stores = reverse("admin:stores_store_changelist")
    try:
        store, query = installing.verify(request.META.get("QUERY_STRING", ""))
    except installing.Forged as error:
        logger.warning("What came to %s is not Shopify's: %s", installing.REDIRECT_PATH, error)
        return _clean(request, stores, "What came is not signed by Shopify, or is too old: nothing was changed.")
    user = request.user
    if not isinstance(user, User) or not _may_change(request, user, store):
        words = "Nothing was changed: sign in as somebody who may change stores, then press “Connect” once more."
        return _clean(request, stores, words)
    page = reverse("admin:stores_store_change", args=[store.pk])
    try:
        with history.authored_by(user.get_username()):
            installing.finish(store, query, request.session.session_key or "", user.pk)
    except REFUSALS as error:
        return _clean(request, page, f"Connect: {error}")
    enqueue.check_store(store)
    words = f"Connected from Shopify; granted: {', '.join(store.scopes) or 'no scope'}."
    admin.site.get_model_admin(Store).log_change(request, store, f"Connect: {words}")
    return _clean(request, page, f"{store}: {words} It is being checked now: see below.", messages.SUCCESS)


def _may_change(request: HttpRequest, user: User, store: Store) -> bool:
    """Whether this user, who may be limited to some stores, may connect this one now."""
    if not admission.may_pass(request) or not user.has_perm(CHANGE):
        return False
    with reach.limited_to(reach.of(user)):
        return reach.within(Store.objects.filter(pk=store.pk)).exists() and reach.may_act_on(store)


def _clean(request: HttpRequest, place: str, words: str, level: int = messages.ERROR) -> HttpResponse:
    """Say it there: nothing of the address that was asked for goes with it."""
    messages.add_message(request, level, words)
    response = HttpResponseRedirect(place)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store, private"
    return response
