"""A security key in a real browser: registered, used at the sign-in and for a change. Chromium plays the key."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import CDPSession, expect

from tests.browser.product import Product, running_product
from tests.browser.test_pages import inspect
from tests.browser.visitor import PASSWORD, Visitor, make_user
from tiposync.console.models import SecurityKey

pytestmark = pytest.mark.browser

TWO_FACTOR = "/admin/two-factor/"
USB_KEY = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False}


@pytest.fixture(scope="module")
def product(browser, template, django_db_blocker, tmp_path_factory) -> Iterator[Product]:
    """At an address with a name: browsers bind keys to no number."""
    folder = tmp_path_factory.mktemp("product")
    with django_db_blocker.unblock(), running_product(folder, template, "localhost") as found:
        yield found


@pytest.fixture
def owner(product) -> Iterator[User]:
    user = make_user("ada")
    yield user
    user.delete()


class Key:
    """A key in the visitor's computer, which somebody touches whenever it is asked."""

    def __init__(self, visitor: Visitor) -> None:
        self.session: CDPSession = visitor.context.new_cdp_session(visitor.page)
        self.session.send("WebAuthn.enable")
        options = USB_KEY | {"automaticPresenceSimulation": True, "isUserVerified": False}
        self.name = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def lose(self) -> None:
        self.session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.name})


def register(visitor: Visitor, name: str) -> None:
    """Register a key, from the page that asks for the password."""
    visitor.open(TWO_FACTOR)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Continue")
    visitor.page.get_by_label("Name").fill(name)
    visitor.press("Register a key")
    expect(visitor.page.get_by_text("Two-factor sign-in is on").first).to_be_visible()


def give_password(visitor: Visitor) -> None:
    visitor.open("/admin/login/")
    visitor.page.get_by_label("Username").fill("ada")
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in")


def test_a_key_is_registered_signs_in_and_turns_two_factor_off(visitor, owner):
    visitor.sign_in("ada")
    Key(visitor)
    register(visitor, "Blue key")
    visitor.context.clear_cookies()
    give_password(visitor)
    expect(visitor.page.get_by_text("Your password is right")).to_be_visible()
    visitor.press("Use your security key")
    visitor.page.wait_for_url(lambda url: "/login/" not in url)
    row = SecurityKey.objects.get(user=owner)
    assert (row.name, row.transports, row.sign_count > 0) == ("Blue key", ["usb"], True)
    visitor.open(TWO_FACTOR)
    visitor.press("Use a security key")
    expect(visitor.page.get_by_text("Your key has answered.")).to_be_visible()
    visitor.press("Turn off")
    expect(visitor.page.get_by_text("Two-factor sign-in is off.")).to_be_visible()
    assert not SecurityKey.objects.exists()


def test_who_has_lost_the_key_is_told_and_signs_in_with_a_recovery_code(visitor, owner):
    visitor.sign_in("ada")
    key = Key(visitor)
    register(visitor, "Blue key")
    code = visitor.page.locator("pre").inner_text().split()[0]
    key.lose()
    Key(visitor)  # another one, which was never registered
    visitor.context.clear_cookies()
    give_password(visitor)
    visitor.press("Use your security key")
    expect(visitor.page.get_by_text("No key has answered.")).to_be_visible()
    visitor.page.get_by_label("Code").fill(code)
    visitor.press("Sign in with a code")
    visitor.page.wait_for_url(lambda url: "/login/" not in url)


def test_the_pages_of_keys_are_fit_for_everybody(visitor, owner):
    visitor.sign_in("ada")
    Key(visitor)
    visitor.open(TWO_FACTOR)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Continue")
    wrong = inspect(visitor, TWO_FACTOR, is_dark_too=True)
    visitor.open(TWO_FACTOR)
    visitor.page.get_by_label("Name").fill("A key with a name that is as long as a name may be, " + "x" * 12)
    visitor.press("Register a key")
    expect(visitor.page.get_by_text("Your recovery codes")).to_be_visible()
    wrong += inspect(visitor, TWO_FACTOR, is_dark_too=True)
    assert not wrong, "\n".join(wrong)
