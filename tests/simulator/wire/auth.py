"""Tokens: static, by client credentials, for a code, for a refresh token; their expiry, uninstalling (shopify.md 6)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from tests.simulator.state.apps import App, Token
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import HttpError

BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"
LIFE_SECONDS = 86_399
OFFLINE_LIFE_SECONDS = 3_600
REFRESH_LIFE_SECONDS = 90 * 86_400
# https://shopify.dev/changelog/more-resilient-refreshes-for-expiring-offline-access-tokens
RECOVERY_SECONDS = 30 * 86_400
CODE_LIFE_SECONDS = 60.0


@dataclass(slots=True)
class OAuthError(Exception):
    """HTTP 400 of the OAuth endpoint, or another status."""

    error: str
    description: str
    status: int = 400

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
    """Answers POST /admin/oauth/access_token. Raises OAuthError."""
    if shop is None:
        raise OAuthError("shop_not_permitted", "Client credentials cannot be performed on this shop.")
    kind = form.get("grant_type")
    if kind is None and "code" in form:
        kind = "code"
    if kind not in ("client_credentials", "refresh_token", "code"):
        raise OAuthError("unsupported_grant_type", "The grant type is not supported.")
    app = shop.apps.get(str(form.get("client_id")))
    if app is None or form.get("client_secret") not in app.secrets:
        raise OAuthError("invalid_client", "Client authentication failed.")
    if kind == "client_credentials" and not app.permitted:
        raise OAuthError("shop_not_permitted", "Client credentials cannot be performed on this shop.")
    if not app.installed:
        raise OAuthError("app_not_installed", "The app is not installed on this shop.")
    if kind == "code":
        return _exchange(shop, app, form, clock)
    if kind == "refresh_token":
        return _refresh(shop, app, str(form.get("refresh_token")), clock)
    token = _issue(shop, app, clock.seconds() + LIFE_SECONDS)
    return {"access_token": token.value, "scope": ",".join(sorted(app.scopes)), "expires_in": LIFE_SECONDS}


def issue_refreshable(shop: Shop, app: App, clock: Clock) -> Token:
    """An expiring offline token with its refresh token, as the authorization code grant gives them."""
    token = _issue(shop, app, clock.seconds() + OFFLINE_LIFE_SECONDS)
    token.refresh_token = f"shprt_{secrets.token_hex(16)}"
    token.refresh_expires_at = clock.seconds() + REFRESH_LIFE_SECONDS
    return token


def _issue(shop: Shop, app: App, expires_at: float | None) -> Token:
    token = Token(f"shpat_{secrets.token_hex(16)}", app.client_id, expires_at)
    with shop.lock:
        shop.tokens[token.value] = token
    return token


def _exchange(shop: Shop, app: App, form: dict, clock: Clock) -> dict:
    """A code for a token (row 72): once. What a pair before it was is dead then."""
    with shop.lock:
        code = shop.codes.get(str(form.get("code")))
        is_good = code is not None and not code.used and code.client_id == app.client_id
        if not is_good or clock.seconds() - code.issued_at > CODE_LIFE_SECONDS:
            raise OAuthError("invalid_request", "The authorization code was not found or was already used")
        code.used = True
        for old in shop.tokens.values():
            if old.client_id == app.client_id and old.refresh_token:
                old.revoked = old.refresh_retired = True
        if str(form.get("expiring")) in ("1", "True", "true"):
            return _pair(app, issue_refreshable(shop, app, clock), clock)
        return {"access_token": _issue(shop, app, None).value, "scope": ",".join(sorted(app.scopes))}


def _refresh(shop: Shop, app: App, refresh_token: str, clock: Clock) -> dict:
    """Another pair for a refresh token (row 73): the access token before it is dead at once, also one nobody got."""
    now = clock.seconds()
    with shop.lock:
        old = next((one for one in shop.tokens.values() if one.refresh_token == refresh_token), None)
        if old is None or old.client_id != app.client_id or _is_dead(old, shop.knobs.refresh_rotation, now):
            raise _refused(shop)
        if old.replaces is not None:
            old.replaces.refresh_retired = True
        for other in shop.tokens.values():
            if other.replaces is old:
                other.revoked = other.refresh_retired = True
        old.revoked = True
        old.refresh_used_at = old.refresh_used_at or now
        new = issue_refreshable(shop, app, clock)
        new.replaces = old
        return _pair(app, new, clock)


def _is_dead(old: Token, rotation: str, now: float) -> bool:
    if old.refresh_retired or now >= (old.refresh_expires_at or 0):
        return True
    if old.refresh_used_at is None:
        return False
    return rotation == "at_once" or now - old.refresh_used_at >= RECOVERY_SECONDS


def _refused(shop: Shop) -> OAuthError:
    if shop.knobs.refused_refresh == "invalid_request":
        return OAuthError("invalid_request", "This request requires an active refresh_token", 401)
    return OAuthError("invalid_grant", "The refresh token is not valid.")


def _pair(app: App, token: Token, clock: Clock) -> dict:
    return {
        "access_token": token.value,
        "refresh_token": token.refresh_token,
        "scope": ",".join(sorted(app.scopes)),
        "expires_in": OFFLINE_LIFE_SECONDS,
        "refresh_token_expires_in": int((token.refresh_expires_at or 0) - clock.seconds()),
    }


def expire_tokens(shop: Shop, clock: Clock, *, refresh_too: bool = False) -> None:
    """Every token that can expire has expired; the static one cannot. `refresh_too`: nobody renewed for 90 days."""
    for token in shop.tokens.values():
        if token.expires_at is not None:
            token.expires_at = clock.seconds() - 1
        if refresh_too and token.refresh_token:
            token.refresh_expires_at = clock.seconds() - 1


def revoke_tokens(shop: Shop) -> None:
    for token in shop.tokens.values():
        token.revoked = token.refresh_retired = True


def uninstall(shop: Shop, client_id: str) -> None:
    """The tokens and subscriptions are gone at once; the app hears of it once more (shopify.md 4.3)."""
    with shop.lock:
        shop.publish([("APP_UNINSTALLED", (shop.id,))])
        shop.apps[client_id].installed = False
        for token in shop.tokens.values():
            if token.client_id == client_id:
                token.revoked = token.refresh_retired = True
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
