"""The pages of security keys as a browser with a key in it uses them."""

import json
import re

import pytest
from django.test import Client

from tests.support.console.authenticator import Authenticator, Options
from tests.support.console.press import look_at
from tests.tiposync.console.access.test_sign_in import LOGIN, PASSWORD, TWO_FACTOR, ada, quick_hashes, sign_in

__all__ = ["ada", "quick_hashes"]  # fixtures of those who use these
ORIGIN = "https://sync.example.com"


@pytest.fixture(autouse=True)
def at_our_address(settings):
    settings.PUBLIC_URL = ORIGIN


@pytest.fixture
def key():
    return Authenticator(ORIGIN)


def options_in(page: str) -> Options:
    """What a page asks the browser's keys for; {} if for nothing."""
    found = re.search(r'<script id="security-key-options" type="application/json">(.+?)</script>', page, re.S)
    return json.loads(found[1]) if found else {}


def begin(client: Client) -> Options:
    """What the page asks a new key for, once the password was given."""
    client.post(TWO_FACTOR, {"wish": "begin", "password": PASSWORD})
    return options_in(look_at(client, TWO_FACTOR))


def register(client: Client, key: Authenticator, name: str = "Blue key") -> str:
    """Register a key on the page that offers it; the page that follows."""
    options = begin(client) if not options_in(look_at(client, TWO_FACTOR)) else options_in(look_at(client, TWO_FACTOR))
    form = {"wish": "register", "name": name, "answer": key.create(options)}
    return client.post(TWO_FACTOR, form, follow=True).content.decode()


def change(client: Client, key: Authenticator, **form: object) -> str:
    """Press a button of the page and prove oneself with a key; the page that follows."""
    answer = key.get(options_in(look_at(client, TWO_FACTOR)))
    return client.post(TWO_FACTOR, form | {"answer": answer}, follow=True).content.decode()


def asked(client: Client, **form: str) -> Options:
    """What the second step of the sign-in asks for, after the right password."""
    return options_in(sign_in(client, **form).content.decode())


def answer(client: Client, said: str, **form: str):
    return client.post(LOGIN, {"wish": "second factor", "answer": said} | form)


@pytest.fixture
def keyed(ada, client, key):
    """Ada, signed in, with a key as her only second factor."""
    sign_in(client)
    register(client, key)
    return client
