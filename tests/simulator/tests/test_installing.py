"""Rows 72 and 73: the authorization page, the signed way back, codes, and refresh tokens that rotate.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.simulator.pages.installing import signature
from tests.simulator.state.shop import Shop
from tests.simulator.tests.conftest import DOMAIN, Api, Small

READ_SHOP = "{ shop { name } }"
CLIENT, SECRET, BACK = "foreign", "shpss_foreign_secret", "https://sync.example.com/shopify/connected/"
ASKED = {"client_id": CLIENT, "scope": "read_products,write_inventory", "redirect_uri": BACK, "state": "s-1"}
HALF_YEAR = 180 * 86_400


@pytest.fixture
def shop(small: Small) -> Shop:
    small.sim.add_app(DOMAIN, CLIENT, SECRET, [BACK])
    return small.shop


def visit(api: Api, **changes) -> requests.Response:
    return requests.get(f"{api.url}/{DOMAIN}/admin/oauth/authorize", ASKED | changes, allow_redirects=False, timeout=10)


def press(api: Api, action: str = "install", **changes) -> dict[str, str]:
    """What the browser is led to: the address without its query under "to", and the query."""
    address = f"{api.url}/{DOMAIN}/admin/oauth/authorize"
    answer = requests.post(address, ASKED | {"action": action} | changes, allow_redirects=False, timeout=10)
    place = urlsplit(answer.headers["Location"])
    return dict(parse_qsl(place.query)) | {"to": place._replace(query="").geturl()}


def ask(api: Api, **form) -> requests.Response:
    given = {"client_id": CLIENT, "client_secret": SECRET} | form
    return requests.post(f"{api.url}/{DOMAIN}/admin/oauth/access_token", json=given, timeout=10)


def refresh(api: Api, pair: dict) -> requests.Response:
    return ask(api, grant_type="refresh_token", refresh_token=pair["refresh_token"])


@pytest.fixture
def pair(api: Api, shop: Shop) -> dict:
    return ask(api, code=press(api)["code"], expiring=1).json()


def test_the_page_names_the_scopes_and_install_leads_back_signed(api: Api, shop: Shop):
    page = visit(api)
    assert page.status_code == 200 and "write_inventory" in page.text and "Install" in page.text
    back = press(api)
    assert back.pop("to") == BACK
    assert (back["shop"], back["state"]) == (DOMAIN, "s-1") and back["code"]
    assert back["hmac"] == signature(back, SECRET)
    assert shop.apps[CLIENT].scopes == {"read_products", "write_inventory"}


def test_cancel_installs_nothing_and_tells_the_app_or_does_not(api: Api, shop: Shop):
    assert press(api, "cancel")["to"] == f"/{DOMAIN}"
    shop.knobs.cancel_tells = True
    back = press(api, "cancel")
    assert (back["to"], back["error"], back["state"]) == (BACK, "access_denied", "s-1")
    assert not shop.apps[CLIENT].installed


@pytest.mark.parametrize(
    "changes", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example.com/"}, {"redirect_uri": ""}]
)
def test_an_unknown_app_and_a_redirect_address_that_is_not_its_own_are_refused(api: Api, shop: Shop, changes):
    answer = visit(api, **changes)
    assert answer.status_code == 400 and "invalid_request" in answer.text
    assert not shop.codes


def test_who_has_granted_all_is_led_back_at_once_and_more_scopes_are_asked_for(api: Api, shop: Shop):
    press(api)
    assert visit(api).status_code == 302
    assert "read_orders" in visit(api, scope="read_products,read_orders").text


def test_scopes_are_granted_in_part_or_those_of_the_released_version(api: Api, shop: Shop):
    shop.knobs.scopes_granted = "read_products"
    assert ask(api, code=press(api)["code"], expiring=1).json()["scope"] == "read_products"
    shop.knobs.scopes_granted = None
    shop.apps[CLIENT].released = {"read_locations"}
    assert ask(api, code=press(api)["code"], expiring=1).json()["scope"] == "read_locations"


def test_a_code_gives_an_expiring_pair_once(api: Api, shop: Shop):
    code = press(api)["code"]
    assert ask(api, code=code, client_secret="wrong").json()["error"] == "invalid_client"
    pair = ask(api, code=code, expiring=1).json()
    assert (pair["expires_in"], pair["refresh_token_expires_in"]) == (3600, 7_776_000)
    assert Api(api.url, pair["access_token"]).data(READ_SHOP)
    again = ask(api, code=code, expiring=1)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


def test_a_code_that_waited_too_long_is_worth_nothing(api: Api, shop: Shop, small: Small):
    code = press(api)["code"]
    small.sim.clock.advance(61)
    assert ask(api, code=code, expiring=1).json()["error"] == "invalid_request"


def test_without_asking_for_it_a_token_does_not_expire(api: Api, shop: Shop, small: Small):
    answer = ask(api, code=press(api)["code"]).json()
    assert "refresh_token" not in answer and "expires_in" not in answer
    small.sim.clock.advance(HALF_YEAR)
    assert Api(api.url, answer["access_token"]).data(READ_SHOP)


def test_client_credentials_do_not_serve_a_foreign_organisation_also_once_it_is_installed(api: Api, pair: dict):
    assert ask(api, grant_type="client_credentials").json()["error"] == "shop_not_permitted"
    assert refresh(api, pair).status_code == 200


def test_another_code_replaces_the_pair_before_it(api: Api, pair: dict):
    ask(api, code=press(api)["code"], expiring=1)
    assert Api(api.url, pair["access_token"]).send(READ_SHOP).status_code == 401
    assert refresh(api, pair).json()["error"] == "invalid_grant"


def test_a_used_refresh_token_lives_until_its_replacement_is_used(api: Api, pair: dict):
    lost = refresh(api, pair).json()
    assert Api(api.url, pair["access_token"]).send(READ_SHOP).status_code == 401
    got = refresh(api, pair).json()
    assert Api(api.url, lost["access_token"]).send(READ_SHOP).status_code == 401
    assert refresh(api, lost).status_code == 400
    assert refresh(api, got).status_code == 200
    assert refresh(api, pair).status_code == 400


def test_what_a_used_refresh_token_may_still_do_ends_after_thirty_days(api: Api, pair: dict, small: Small):
    refresh(api, pair)
    small.sim.clock.advance(30 * 86_400)
    assert refresh(api, pair).status_code == 400


def test_a_refresh_token_that_nobody_used_for_ninety_days_is_dead(api: Api, pair: dict, small: Small):
    small.sim.clock.advance(90 * 86_400)
    assert refresh(api, pair).json()["error"] == "invalid_grant"


def test_the_refusal_is_worded_in_either_way(api: Api, pair: dict, shop: Shop):
    shop.knobs.refresh_rotation = "at_once"
    refresh(api, pair)
    assert (refresh(api, pair).status_code, refresh(api, pair).json()["error"]) == (400, "invalid_grant")
    shop.knobs.refused_refresh = "invalid_request"
    assert (refresh(api, pair).status_code, refresh(api, pair).json()["error"]) == (401, "invalid_request")


def test_uninstalling_ends_the_pair(api: Api, pair: dict, small: Small):
    small.sim.uninstall(DOMAIN, CLIENT)
    small.sim.install(DOMAIN, CLIENT)
    assert Api(api.url, pair["access_token"]).send(READ_SHOP).status_code == 401
    assert refresh(api, pair).json()["error"] == "invalid_grant"


def test_an_answer_about_tokens_is_lost_after_they_were_made(api: Api, pair: dict, small: Small):
    small.sim.fault(DOMAIN, "lost_answer", match="oauth")
    with pytest.raises(requests.ConnectionError):
        refresh(api, pair)
    assert Api(api.url, pair["access_token"]).send(READ_SHOP).status_code == 401
    assert refresh(api, pair).status_code == 200


def test_topics_that_tell_of_customers_are_refused_without_approval(api: Api, shop: Shop):
    shop.knobs.protected_data = False
    document = """mutation($topic: WebhookSubscriptionTopic!) {
      webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: "https://sync.example.com/x"}) {
        webhookSubscription { id } userErrors { message } } }"""
    refused = api.data(document, {"topic": "ORDERS_CREATE"})["webhookSubscriptionCreate"]
    assert "protected customer data" in refused["userErrors"][0]["message"]
    assert api.data(document, {"topic": "PRODUCTS_UPDATE"})["webhookSubscriptionCreate"]["webhookSubscription"]
