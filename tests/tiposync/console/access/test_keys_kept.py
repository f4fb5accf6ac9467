"""Security keys that somebody has: adding another second factor, removing one, and which sign-ins end with it."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.security import site
from tests.support.console.authenticator import Authenticator, Options
from tests.support.console.press import look_at, page_of, press
from tests.tiposync.console.access.key_pages import (
    ORIGIN,
    ada,
    answer,
    asked,
    at_our_address,
    begin,
    change,
    key,
    keyed,
    options_in,
    quick_hashes,
    register,
)
from tests.tiposync.console.access.test_sign_in import (
    PASSWORD,
    TWO_FACTOR,
    code_for,
    code_of,
    is_in,
    set_up,
    sign_in,
)
from tiposync.console.models import SecurityKey

__all__ = ["ada", "at_our_address", "key", "keyed", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_key_is_added_with_the_first_and_keeps_codes_and_sign_ins(keyed, key):
    codes = set(StaticDevice.objects.get().token_set.values_list("token", flat=True))
    other, second = Client(), Authenticator(ORIGIN)
    answer(other, key.get(asked(other)))
    change(keyed, key, wish="add")
    assert "Added the security key “Spare”" in register(keyed, second, "Spare").replace("&quot;", '"')
    assert set(StaticDevice.objects.get().token_set.values_list("token", flat=True)) == codes
    assert is_in(keyed) and is_in(other)
    browser = Client()
    answer(browser, second.get(asked(browser)))
    assert is_in(browser)


def test_an_authenticator_is_added_to_a_key(keyed, key, ada):
    change(keyed, key, wish="add")
    shown = re.search(r"console-muted\">((?:[A-Z2-7]{4} ?)+)<", look_at(keyed, TWO_FACTOR))
    assert shown
    pending = keyed.session["pending_authenticator"]["key"]
    keyed.post(TWO_FACTOR, {"wish": "set up", "code": code_for(pending)})
    assert TOTPDevice.objects.get().confirmed and SecurityKey.objects.exists() and is_in(keyed)
    browser = Client()
    sign_in(browser, code=code_of(ada, steps=1))
    assert is_in(browser)


def test_nothing_is_added_without_a_proof(keyed, key):
    for form in ({"wish": "add"}, {"wish": "add", "code": "wrong-code"}, {"wish": "begin", "password": PASSWORD}):
        keyed.post(TWO_FACTOR, form)
        assert "pending_authenticator" not in keyed.session
    page = look_at(keyed, TWO_FACTOR)
    keyed.post(TWO_FACTOR, {"wish": "register", "answer": Authenticator(ORIGIN).create(creation(options_in(page)))})
    assert SecurityKey.objects.count() == 1


def creation(options: Options) -> Options:
    """An intruder's own options to register, with a challenge that this session knows."""
    rp = {"id": options["rpId"]}
    return options | {"rp": rp, "pubKeyCredParams": [{"alg": -7}], "excludeCredentials": []}


def test_who_began_with_the_password_alone_adds_nothing_once_the_owner_was_first(ada, client, key):
    thief = Client()
    sign_in(thief)
    options = begin(thief)
    sign_in(client)
    said, session = Authenticator(ORIGIN).create(options), dict(thief.session.items())
    register(client, key)
    revived = Client()  # a request of the thief that was under way
    revived.force_login(ada)
    store = revived.session
    store.update({name: value for name, value in session.items() if not name.startswith("_auth")})
    store["otp_device_id"] = SecurityKey.objects.get().persistent_id
    store.save()
    revived.post(TWO_FACTOR, {"wish": "register", "answer": said})
    assert SecurityKey.objects.count() == 1


def test_removing_one_of_two_ends_the_sign_ins_that_it_proved_and_no_others(keyed, key):
    second = Authenticator(ORIGIN)
    change(keyed, key, wish="add")
    register(keyed, second, "Spare")
    by_first, by_second = Client(), Client()
    answer(by_first, key.get(asked(by_first)))
    answer(by_second, second.get(asked(by_second)))
    first = SecurityKey.objects.get(name="Blue key")
    assert "Removed the security key “Blue key”" in change(keyed, key, remove=first.pk)
    assert is_in(keyed) and is_in(by_second) and not is_in(by_first)
    assert [row.name for row in SecurityKey.objects.all()] == ["Spare"]
    assert "gone already" in change(keyed, second, remove=first.pk)


def test_removing_the_last_one_turns_it_off_and_ends_the_other_sign_ins(keyed, key):
    other = Client()
    answer(other, key.get(asked(other)))
    page = change(keyed, key, remove=SecurityKey.objects.get().pk)
    assert "two-factor sign-in is off" in page
    assert not SecurityKey.objects.exists() and not StaticDevice.objects.exists()
    assert is_in(keyed) and not is_in(other)
    plain = Client()
    sign_in(plain)
    assert is_in(plain)


def test_an_authenticator_is_removed_while_a_key_stays(ada, client, key):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "add", "code": codes[0]})
    register(client, key)
    client.post(TWO_FACTOR, {"wish": "remove authenticator", "code": codes[1]})
    assert not TOTPDevice.objects.exists() and SecurityKey.objects.exists() and is_in(client)
    assert StaticDevice.objects.exists()


def test_the_key_of_somebody_else_is_not_removed(keyed, key):
    eve, theirs = User.objects.create_superuser("eve", password=PASSWORD), Client()
    row = SecurityKey.objects.create(user=eve, name="Hers", credential_id="x", public_key=b"x")
    assert "gone already" in change(keyed, key, remove=row.pk)
    assert SecurityKey.objects.filter(pk=row.pk).exists()
    for number in ("²", "-1", "9" * 40, "x"):
        change(keyed, key, remove=number)
    assert SecurityKey.objects.count() == 2 and not is_in(theirs)


@pytest.mark.parametrize("how", ["turned off", "reset", "deleted", "unconfirmed"])
def test_a_sign_in_ends_with_the_key_that_proved_it(keyed, key, admin_client, ada, how):
    other = Client()
    answer(other, key.get(asked(other)))
    assert is_in(other)
    if how == "turned off":
        change(keyed, key, wish="turn off")
    if how == "reset":
        press(admin_client, page_of(ada), "Turn off two-factor sign-in")
    if how == "deleted":
        SecurityKey.objects.all().delete()
    if how == "unconfirmed":
        SecurityKey.objects.update(confirmed=False)
    assert site.is_sign_in(other.get("/admin/stores/store/")) and "_auth_user_id" not in other.session


def test_where_a_second_factor_is_required_a_key_is_one_and_the_last_one_stays(ada, client, key, settings):
    settings.TWO_FACTOR = "required"
    sign_in(client)
    assert client.get("/admin/stores/store/").headers["Location"] == TWO_FACTOR
    register(client, key)
    assert is_in(client)
    page = look_at(client, TWO_FACTOR)
    assert "Turn off" not in page and 'name="remove"' not in page
    change(client, key, wish="add")
    register(client, Authenticator(ORIGIN), "Spare")
    assert look_at(client, TWO_FACTOR).count('name="remove"') == 2
