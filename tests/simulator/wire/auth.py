"""Tokens: the static one, the client credentials grant, refresh-token rotation, expiry and uninstall (shopify.md 6)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import App, Shop, Token
from tests.simulator.wire.problems import HttpError

BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"
LIFE_SECONDS = 86_399
OFFLINE_LIFE_SECONDS = 3_600


@dataclass(slots=True)
class OAuthError(Exception):
    """HTTP 400 of the OAuth endpoint."""

    error: str
    description: str

    def body(self) -> dict:
        return {"error": self.error, "error_description": self.description}


def installation_of(shop: Shop, token_text: str | None, clock: Clock) -> tuple[App, set[str]]:
    """The installation and scopes behind a token. Raises HttpError 401 with `errors` as a STRING (row 3)."""
    token = shop.tokens.get(token_text or "")
    app = shop.apps.get(token.client_id) if token else None
    expired = token is not None and token.expires_at is not None and clock.seconds() >= token.expires_at
    if token is None or token.revoked or expired or app is None or not app.installed:
        raise HttpError(401, BAD_TOKEN)
    return app, app.scopes if token.scopes is None else token.scopes


def grant(shop: Shop | None, form: dict, clock: Clock) -> dict:
    """Answers POST /admin/oauth/access_token. Raises OAuthError (HTTP 400)."""
    if shop is None:
        raise OAuthError("shop_not_permitted", "Client credentials cannot be performed on this shop.")
    kind = form.get("grant_type")
    if kind not in ("client_credentials", "refresh_token"):
        raise OAuthError("unsupported_grant_type", "The grant type is not supported.")
    app = shop.apps.get(str(form.get("client_id")))
    if app is None or form.get("client_secret") not in app.secrets:
        raise OAuthError("invalid_client", "Client authentication failed.")
    if not app.permitted:
        raise OAuthError("shop_not_permitted", "Client credentials cannot be performed on this shop.")
    if not app.installed:
        raise OAuthError("app_not_installed", "The app is not installed on this shop.")
    if kind == "refresh_token":
        return _refresh(shop, app, str(form.get("refresh_token")), clock)
    token = _issue(shop, app, clock.seconds() + LIFE_SECONDS)
    return {"access_token": token.value, "scope": ",".join(sorted(app.scopes)), "expires_in": LIFE_SECONDS}


def issue_refreshable(shop: Shop, app: App, clock: Clock) -> Token:
    """An expiring offline token with its refresh token, as the authorization code grant gives them."""
    token = _issue(shop, app, clock.seconds() + OFFLINE_LIFE_SECONDS)
    token.refresh_token = f"shprt_{secrets.token_hex(16)}"
    return token


def _issue(shop: Shop, app: App, expires_at: float) -> Token:
    token = Token(f"shpat_{secrets.token_hex(16)}", app.client_id, expires_at)
    with shop.lock:
        shop.tokens[token.value] = token
    return token


def _refresh(shop: Shop, app: App, refresh_token: str, clock: Clock) -> dict:
    """Rotation kills the old pair (row 4)."""
    with shop.lock:
        live = (token for token in shop.tokens.values() if not token.revoked and token.client_id == app.client_id)
        old = next((token for token in live if token.refresh_token == refresh_token), None)
        if old is None:
            raise OAuthError("invalid_grant", "The refresh token is not valid.")
        old.revoked = True
        new = issue_refreshable(shop, app, clock)
    scope = ",".join(sorted(app.scopes))
    return {
        "access_token": new.value,
        "refresh_token": new.refresh_token,
        "scope": scope,
        "expires_in": OFFLINE_LIFE_SECONDS,
    }


def expire_tokens(shop: Shop, clock: Clock) -> None:
    """Every token that can expire has expired; the static one cannot."""
    for token in shop.tokens.values():
        if token.expires_at is not None:
            token.expires_at = clock.seconds() - 1


def revoke_tokens(shop: Shop) -> None:
    for token in shop.tokens.values():
        token.revoked = True


def uninstall(shop: Shop, client_id: str) -> None:
    """The tokens and subscriptions are gone at once; the app hears of it once more (shopify.md 4.3)."""
    with shop.lock:
        shop.publish([("APP_UNINSTALLED", (shop.id,))])
        shop.apps[client_id].installed = False
        for token in shop.tokens.values():
            if token.client_id == client_id:
                token.revoked = True
        for subscription in list(shop.subscriptions.values()):
            if subscription.client_id == client_id:
                del shop.subscriptions[subscription.id]


def install(shop: Shop, client_id: str) -> None:
    """Installed again; the static token counts again, the others have to be asked for."""
    with shop.lock:
        shop.apps[client_id].installed = True
        for token in shop.tokens.values():
            if token.client_id == client_id and token.expires_at is None:
                token.revoked = False


def set_scopes(shop: Shop, client_id: str, scopes: set[str]) -> None:
    with shop.lock:
        previous, shop.apps[client_id].scopes = shop.apps[client_id].scopes, set(scopes)
        if previous != scopes:
            shop.publish([("APP_SCOPES_UPDATE", (shop.id, tuple(sorted(previous)), tuple(sorted(scopes))))])
