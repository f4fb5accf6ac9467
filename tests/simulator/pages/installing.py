"""Shopify's authorization page: what an app asks for, "Install" and "Cancel", and the signed way back (row 72).

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from tests.simulator.pages.page import heading
from tests.simulator.pages.parts import button, frame, post_form, text
from tests.simulator.state.apps import App, Code
from tests.simulator.state.shop import Shop
from tests.simulator.wire import auth

PATH = re.compile(r"/([^/]+)/admin/oauth/authorize\Z")
ASKED = ("client_id", "scope", "redirect_uri", "state")
Answer = tuple[int, str, str]  # status, HTML, where to go ('': nowhere)


def answer(sim: Any, domain: str, given: dict[str, str], *, is_form: bool) -> Answer:
    """GET shows the page, or leads back at once who has granted all that is asked for; POST is one of its buttons."""
    shop = sim.shops.get(domain)
    if shop is None:
        return 404, _problem("Sorry, this store is currently unavailable."), ""
    app = shop.apps.get(given.get("client_id", ""))
    if app is None:
        return 400, _problem("Oauth error invalid_request: Could not find Shopify API application"), ""
    if given.get("redirect_uri", "") not in app.redirects:
        return 400, _problem("Oauth error invalid_request: The redirect_uri is not whitelisted"), ""
    asked = {scope for scope in given.get("scope", "").split(",") if scope}
    wanted = asked if app.released is None else set(app.released)
    if not is_form and app.installed and wanted <= app.scopes:
        return 302, "", _back(sim, shop, app, given)
    if not is_form:
        return 200, _page(shop, wanted, given), ""
    if given.get("action") != "install":
        refused = _signed(shop, app, given, {"error": "access_denied"}, sim.clock.whole_seconds())
        return 302, "", refused if shop.knobs.cancel_tells else f"/{shop.domain}"
    with shop.lock:
        granted = wanted if shop.knobs.scopes_granted is None else wanted & set(shop.knobs.scopes_granted.split(","))
        app.installed = True
        auth.set_scopes(shop, app.client_id, granted)
        return 302, "", _back(sim, shop, app, given)


def _problem(words: str) -> str:
    return frame("Shopify", heading("Shopify", "simulated"), f'<div class="note">{text(words)}</div>')


def _page(shop: Shop, wanted: set[str], given: dict[str, str]) -> str:
    lines = "".join(f"<li><code>{text(scope)}</code></li>" for scope in sorted(wanted))
    fields = {name: given.get(name, "") for name in ASKED}
    buttons = button("Install", "install") + button("Cancel", "cancel")
    form = post_form(f"/{shop.domain}/admin/oauth/authorize", fields, buttons, "row")
    body = f'<section><h2>This app will be able to</h2><ul>{lines}</ul><div class="order">{form}</div></section>'
    return frame(f"Install app · {shop.name}", heading("Install app", f"on {shop.name}, simulated"), body)


def _back(sim: Any, shop: Shop, app: App, given: dict[str, str]) -> str:
    code = Code(secrets.token_hex(16), app.client_id, sim.clock.seconds())
    shop.codes[code.value] = code
    return _signed(shop, app, given, {"code": code.value}, sim.clock.whole_seconds())


def _signed(shop: Shop, app: App, given: dict[str, str], more: dict[str, str], now: int) -> str:
    """The app's redirect address with what Shopify tells there, signed with the app's oldest secret."""
    host = base64.b64encode(f"admin.shopify.com/store/{shop.domain.split('.')[0]}".encode()).decode()
    query = {**more, "host": host, "shop": shop.domain, "state": given.get("state", ""), "timestamp": str(now)}
    query["hmac"] = signature(query, app.secrets[0], encodes=shop.knobs.callback_encodes)
    return f"{given['redirect_uri']}?{urlencode(query)}"


def signature(query: dict[str, str], secret: str, *, encodes: bool = False) -> str:
    """Hex SHA-256 over the sorted query without the signature itself."""
    pairs = sorted((name, value) for name, value in query.items() if name != "hmac")
    message = "&".join(f"{name}={quote(value, safe='') if encodes else value}" for name, value in pairs)
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
