"""Security keys as a second factor: registering, signing in, removing, and what proves nothing."""

import json
import logging
import re
import time

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice

from tests.security import site
from tests.support.console.authenticator import VERIFIED, Authenticator
from tests.support.console.press import look_at
from tests.tiposync.console.access.key_pages import (
    ORIGIN,
    ada,
    answer,
    asked,
    at_our_address,
    change,
    key,
    keyed,
    options_in,
    quick_hashes,
    register,
)
from tests.tiposync.console.access.test_sign_in import (
    LOGIN,
    PASSWORD,
    TWO_FACTOR,
    code_of,
    is_in,
    set_up,
    sign_in,
)
from tiposync.console.access import security_keys
from tiposync.console.access import sign_in as signing_in
from tiposync.console.models import SecurityKey

__all__ = ["ada", "at_our_address", "key", "keyed", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_key_is_registered_after_the_password_and_makes_recovery_codes(ada, client, key):
    thief = Client()
    sign_in(thief)
    sign_in(client)
    page = register(client, key)
    assert "Two-factor sign-in is on" in page and len(re.search(r"<pre[^>]*>(.+?)</pre>", page, re.S)[1].split()) == 10
    row = SecurityKey.objects.get()
    assert (row.user, row.name, row.transports, row.confirmed) == (ada, "Blue key", ["usb"], True)
    assert is_in(client) and not is_in(thief)
    assert "Blue key" in look_at(client, TWO_FACTOR)


def test_with_a_key_the_password_alone_does_not_sign_in(keyed):
    stranger = Client()
    assert sign_in(stranger).status_code == 200
    assert not is_in(stranger) and site.is_sign_in(stranger.get("/admin/stores/store/"))


def test_a_key_signs_in_and_its_use_is_noted(keyed, key):
    browser = Client()
    said = answer(browser, key.get(asked(browser)))
    assert said.status_code == 302 and is_in(browser)
    row = SecurityKey.objects.get()
    assert row.sign_count == key.count and row.last_used_at
    assert signing_in.PENDING not in browser.session


def test_the_sign_in_leads_to_the_page_that_was_asked_for(keyed, key):
    browser = Client()
    place = f"{LOGIN}?next=/admin/stores/store/"
    page = browser.post(place, {"username": "ada", "password": PASSWORD}).content.decode()
    said = {"wish": "second factor", "answer": key.get(options_in(page))}
    assert browser.post(place, said).headers["Location"] == "/admin/stores/store/"


@pytest.mark.parametrize("how", ["recovery code", "authenticator"])
def test_a_code_does_as_well_at_the_second_step_without_the_password_again(ada, client, key, how):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "add", "code": codes[0]})
    register(client, key)
    code = codes[1] if how == "recovery code" else code_of(ada, steps=1)
    browser = Client()
    assert asked(browser)
    wrong = answer(browser, "", code="wrong-code").content.decode()
    assert "does not fit" in wrong and options_in(wrong) and not is_in(browser)
    StaticDevice.objects.get().throttle_reset()
    answer(browser, "", code=code)
    assert is_in(browser)


def test_without_a_script_a_code_beside_the_password_signs_in_as_ever(ada, client, key):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "add", "code": codes[0]})
    register(client, key)
    browser = Client()
    sign_in(browser, code=codes[1])
    assert is_in(browser)


def test_an_answer_counts_once_and_for_its_session_alone(keyed, key):
    first, second = Client(), Client()
    options = asked(first)
    theirs = asked(second)
    assert options["challenge"] != theirs["challenge"]
    said = key.get(options)
    assert not is_in(second) and answer(second, said).status_code == 200 and not is_in(second)
    answer(first, said)
    assert is_in(first)
    asked(second)
    answer(second, said)
    assert not is_in(second)


def test_a_challenge_is_used_up_by_an_answer_that_does_not_fit(keyed, key):
    browser = Client()
    options = asked(browser)
    page = answer(browser, Authenticator(ORIGIN, credential_id=key.credential_id).get(options)).content.decode()
    assert "This key does not fit" in page and options_in(page)["challenge"] != options["challenge"]
    answer(browser, key.get(options))
    assert not is_in(browser)
    answer(browser, key.get(options_in(look_again(browser, page))))
    assert is_in(browser)


def look_again(browser: Client, page: str) -> str:
    return answer(browser, "nonsense").content.decode()


LIES = {
    "another site": {"origin": "https://sync.example.com.evil.example"},
    "http": {"origin": "http://sync.example.com"},
    "another port": {"origin": f"{ORIGIN}:8443"},
    "another host": {"host": "evil.example"},
    "nobody there": {"flags": 0},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_key_that_was_asked_elsewhere_or_untouched_proves_nothing(ada, client, keyed, key, lie):
    browser = Client()
    vars(key).update(LIES[lie])
    answer(browser, key.get(asked(browser)))
    assert not is_in(browser)
    keyed.post(TWO_FACTOR, {"wish": "turn off", "answer": key.get(options_in(look_at(keyed, TWO_FACTOR)))})
    assert SecurityKey.objects.exists()


@pytest.mark.parametrize("said", [7, None, "usb", {"usb": 1}, [["usb"], {}, None]])
def test_a_key_may_say_of_its_ways_what_it_will(ada, client, key, said):
    sign_in(client)
    key.transports = said
    assert "Two-factor sign-in is on" in register(client, key)
    assert SecurityKey.objects.get().transports == []


@pytest.mark.parametrize("lie", LIES)
def test_no_key_is_registered_that_was_asked_elsewhere_or_untouched(ada, client, key, lie):
    sign_in(client)
    vars(key).update(LIES[lie])
    assert "No key was registered" in register(client, key)
    assert not SecurityKey.objects.exists() and is_in(client)


def test_a_key_whose_counter_goes_back_is_refused_and_the_log_says_so(keyed, key, caplog):
    copy = Authenticator(ORIGIN, credential_id=key.credential_id, private=key.private, count=key.count)
    browser, thief = Client(), Client()
    answer(browser, key.get(asked(browser)))
    assert is_in(browser)
    with caplog.at_level(logging.WARNING):
        answer(thief, copy.get(asked(thief)))
    assert not is_in(thief)
    assert "counter went back: there may be a copy of it, from 127.0.0.1" in caplog.text
    answer(Client(), "")
    later = Client()
    answer(later, key.get(asked(later)))
    assert is_in(later)


def test_a_key_that_never_counts_signs_in_again_and_again(ada, client):
    key = Authenticator(ORIGIN, step=0, flags=VERIFIED | 1)
    sign_in(client)
    register(client, key)
    for _ in range(2):
        browser = Client()
        answer(browser, key.get(asked(browser)))
        assert is_in(browser)


def test_the_key_of_somebody_else_signs_nobody_in(keyed, key, ada):
    User.objects.create_superuser("eve", password=PASSWORD)
    theirs, eve = Authenticator(ORIGIN), Client()
    sign_in(eve, name="eve")
    register(eve, theirs)
    browser = Client()
    answer(browser, theirs.sign(asked(browser)))
    assert not is_in(browser)


def test_nobody_registers_the_key_of_somebody_else(keyed, key):
    User.objects.create_superuser("eve", password=PASSWORD)
    eve = Client()
    sign_in(eve, name="eve")
    assert "registered already" in register(eve, key)
    assert SecurityKey.objects.get().user.username == "ada" and is_in(eve)


@pytest.mark.parametrize("how", ["late", "password changed", "inactive", "no password"])
def test_the_second_step_is_worth_nothing_without_a_password_that_was_right_just_now(keyed, key, ada, how):
    browser = Client()
    options = asked(browser) if how != "no password" else options_in(look_at(keyed, TWO_FACTOR))
    if how == "late":
        session = browser.session
        session[signing_in.PENDING] = session[signing_in.PENDING] | {"until": time.time() - 1}
        session.save()
    if how == "password changed":
        ada.set_password("another-long-password")
        ada.save()
    if how == "inactive":
        User.objects.update(is_active=False)
    page = answer(browser, key.get(options)).content.decode()
    assert "begin with your name and password again" in page and 'name="password"' in page
    User.objects.update(is_active=True)
    assert not is_in(browser)


def test_a_challenge_does_not_wait_for_ever(keyed, key):
    browser = Client()
    said, session = key.get(asked(browser)), browser.session
    name = security_keys._name(security_keys.TO_PROVE)
    session[name] = session[name] | {"until": time.time() - 1}
    session.save()
    answer(browser, said)
    assert not is_in(browser)


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        "null",
        '"text"',
        "[" * 5000,
        '{"response": {}}',
        '{"response": 7, "id": 7}',
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "é"}}',
        "x" * 30_000,
    ],
)
def test_whatever_is_sent_as_an_answer_is_refused_with_a_page(keyed, said):
    browser = Client()
    asked(browser)
    assert answer(browser, said).status_code == 200 and not is_in(browser)
    for wish in ("register", "turn off", "add"):
        assert keyed.post(TWO_FACTOR, {"wish": wish, "answer": said}).status_code == 302
    assert SecurityKey.objects.count() == 1


def test_hostile_parts_of_a_true_answer_are_refused_with_a_page(keyed, key):
    browser = Client()
    for part in ("authenticatorData", "clientDataJSON", "signature"):
        for planted in ("", "AAAA", "%%%", 7, None, [], "A" * 5000):
            said = json.loads(key.get(asked(browser)))
            said["response"][part] = planted
            assert answer(browser, json.dumps(said)).status_code == 200, (part, planted)
    assert not is_in(browser)


@pytest.mark.parametrize(
    "url", ["http://sync.example.com", "https://192.0.2.1", "https://[2001:db8::1]", "", "nonsense"]
)
def test_where_browsers_would_refuse_no_key_is_offered_and_codes_go_on(ada, client, key, settings, url):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "add", "code": codes[0]})
    register(client, key)
    settings.PUBLIC_URL = url
    browser = Client()
    assert not asked(browser)
    sign_in(browser, code=codes[1])
    assert is_in(browser)
    client.post(TWO_FACTOR, {"wish": "add", "code": codes[2]})
    assert "PUBLIC_URL is an https address with a name" in look_at(client, TWO_FACTOR)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Sync.Example.com/", ("sync.example.com", "https://sync.example.com")),
        ("https://sync.example.com:443", ("sync.example.com", "https://sync.example.com")),
        ("https://sync.example.com:8443/x", ("sync.example.com", "https://sync.example.com:8443")),
        ("http://localhost:8000", ("localhost", "http://localhost:8000")),
        ("http://127.0.0.1:8000", None),
    ],
)
def test_keys_are_bound_to_the_address_of_the_settings(settings, url, expected):
    settings.PUBLIC_URL = url
    assert security_keys.place() == expected


def test_nobody_has_keys_without_end(keyed, key, ada):
    more = range(security_keys.MOST_KEYS - 1)
    SecurityKey.objects.bulk_create(
        SecurityKey(user=ada, name="x", credential_id=f"AAA{n}", public_key=b"") for n in more
    )
    change(keyed, key, wish="add")
    assert "Remove one first" in look_at(keyed, TWO_FACTOR)


def test_what_a_user_calls_a_key_is_text_everywhere(ada, client, key, caplog):
    sign_in(client)
    with caplog.at_level(logging.INFO):
        page = register(client, key, "<script>alert(1)</script>\nada signed in\x1b[2J" + "x" * 200)
    assert "<script>alert" not in page + look_at(client, TWO_FACTOR)
    assert len(SecurityKey.objects.get().name) == 64
    assert "\x1b" not in caplog.text and "\nada signed in" not in caplog.text
    second = Authenticator(ORIGIN)
    change(client, key, wish="add")
    register(client, second, "   ")
    assert SecurityKey.objects.filter(name="Security key").exists()


def test_the_log_names_who_did_what_with_a_key_and_from_where(ada, client, key, caplog):
    with caplog.at_level(logging.INFO):
        sign_in(client)
        register(client, key)
        browser = Client()
        options = asked(browser)
        answer(browser, Authenticator(ORIGIN, credential_id=key.credential_id).get(options))
        answer(browser, key.get(asked(browser)))
        change(client, key, remove=SecurityKey.objects.get().pk)
    said = [record.getMessage() for record in caplog.records if record.name.endswith("sign_in_log")]
    for expected in (
        "ada turned two-factor sign-in on with the security key “Blue key”, from 127.0.0.1",
        "ada gave a security key that does not fit (InvalidAuthenticationResponse), from 127.0.0.1",
        "ada gave the password and no key that fits, from 127.0.0.1",
        "ada signed in by password and second factor, from 127.0.0.1",
        "ada removed the security key “Blue key”, from 127.0.0.1",
        "ada has two-factor sign-in turned off, from 127.0.0.1",
    ):
        assert expected in said


def test_looking_at_the_sign_in_page_begins_no_session(client):
    assert client.get(LOGIN).status_code == 200
    sign_in(client, "wrong", name="nobody")
    assert not Session.objects.exists()
