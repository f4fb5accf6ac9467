"""Asking for a token."""

import json
from datetime import timedelta

import pytest
import requests

from stores.shopify import errors
from stores.shopify.auth import StaticToken, fetch_token
from tests.stores.shopify.wire import BASE_URL, DOMAIN

ADDRESS = f"{BASE_URL}/admin/oauth/access_token"
SECRET = "shpss_very_secret"

pytestmark = pytest.mark.usefixtures("wire")


def ask():
    return fetch_token(BASE_URL, "my-client", SECRET, requests.Session(), timeout=(1, 2))


def test_a_token_comes_with_its_scopes_and_is_renewed_at_four_fifths_of_its_life(wire):
    wire.add(
        "POST", ADDRESS, json={"access_token": "shpat_x", "scope": "read_products,write_inventory", "expires_in": 1000}
    )
    token = ask()
    assert (token.access_token, token.scopes) == ("shpat_x", ("read_products", "write_inventory"))
    assert token.expires_at - token.obtained_at == timedelta(seconds=1000)
    assert token.renew_at - token.obtained_at == timedelta(seconds=800)
    assert token.obtained_at.utcoffset() == timedelta(0)
    body = json.loads(wire.calls[0].request.body)
    assert body == {"client_id": "my-client", "client_secret": SECRET, "grant_type": "client_credentials"}


def test_a_token_does_not_show_itself(wire):
    wire.add("POST", ADDRESS, json={"access_token": "shpat_x", "scope": "", "expires_in": 1000})
    assert "shpat_x" not in repr(ask())


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        ("shop_not_permitted", "different organisations"),
        ("app_not_installed", "install it on the store"),
        ("invalid_client", "Copy both again"),
        ("something_new", "something_new"),
    ],
)
def test_refused_credentials_say_what_to_do(wire, reason, todo):
    wire.add("POST", ADDRESS, json={"error": reason, "error_description": f"{SECRET} is wrong"}, status=400)
    with pytest.raises(errors.InvalidCredentials, match=todo) as caught:
        ask()
    assert (caught.value.reason, caught.value.failure) == (reason, errors.MISCONFIGURED)
    assert DOMAIN in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_refusal_as_an_html_page_is_understood_too(wire):
    wire.add("POST", ADDRESS, body="<h1>Oauth error app_not_installed</h1>", status=400, content_type="text/html")
    with pytest.raises(errors.InvalidCredentials, match="install it on the store"):
        ask()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>", errors.UnexpectedAnswer),
        (200, '{"expires_in": 5}', errors.UnexpectedAnswer),
        (200, '{"access_token": "x", "expires_in": "soon"}', errors.UnexpectedAnswer),
        (200, '{"access_token": "two words", "expires_in": 5}', errors.InvalidCredentials),
        (302, "", errors.UnexpectedAnswer),
        (404, "", errors.StoreNotFound),
        (429, "", errors.Throttled),
        (503, "<html>", errors.ServerError),
    ],
)
def test_other_answers_become_their_class(wire, status, body, kind):
    wire.add("POST", ADDRESS, body=body, status=status)
    with pytest.raises(kind) as caught:
        ask()
    assert caught.value.outcome_unknown is False


def test_a_broken_connection_is_transient_and_tells_no_secret(wire):
    wire.add("POST", ADDRESS, body=requests.ConnectionError(f"lost {SECRET}"))
    with pytest.raises(errors.AnswerLost) as caught:
        ask()
    assert SECRET not in str(caught.value)


def test_a_static_token_cannot_be_renewed():
    source = StaticToken("shpat_fixed")
    assert source.token() == "shpat_fixed"
    with pytest.raises(errors.Unauthorized) as caught:
        source.renew("shpat_fixed")
    assert "shpat_fixed" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "tökén", None])
def test_text_that_cannot_be_a_token_is_refused(text):
    with pytest.raises(errors.InvalidCredentials):
        StaticToken(text)
