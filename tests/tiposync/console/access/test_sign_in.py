"""Signing in: lock-out after failures, two-factor sign-in, and what browsers are told about cookies and content."""

import base64
import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.console.press import look_at, page_of, press
from tests.support.console.rows import NASTY, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct-horse-battery"
LOGIN = "/admin/login/"
TWO_FACTOR = "/admin/two-factor/"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada():
    return User.objects.create_superuser("ada", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, code: str = "", name: str = "ada", address: str = "192.0.2.1"):
    form = {"username": name, "password": password, "code": code}
    return client.post(LOGIN, form, REMOTE_ADDR=address)


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def code_of(user: User, steps: int = 0) -> str:
    """What the user's authenticator shows, now or some steps of 30 seconds later.

    By the device's clock: where a step began while it was set up, that one is taken to be late from then on.
    """
    device = TOTPDevice.objects.get(user=user)
    device.save()
    return f"{totp(device.bin_key, drift=device.drift + steps):06}"


def key_shown(client: Client, password: str = PASSWORD) -> str:
    """The key that this browser is shown to set two-factor sign-in up, as hex digits; '' if it is shown none."""
    client.post(TWO_FACTOR, {"wish": "begin", "password": password})
    found = re.search(r"console-muted\">((?:[A-Z2-7]{4} ?)+)<", look_at(client, TWO_FACTOR))
    return base64.b32decode(found[1].replace(" ", "")).hex() if found else ""


def code_for(key: str, steps: int = 0) -> str:
    """What an authenticator with this key shows, now or some steps of 30 seconds later."""
    return f"{totp(bytes.fromhex(key), drift=steps):06}"


def set_up(client: Client, user: User) -> list[str]:
    """Turn two-factor sign-in on at the console; the recovery codes."""
    page = client.post(TWO_FACTOR, {"wish": "set up", "code": code_for(key_shown(client))}).content.decode()
    return re.search(r"<pre[^>]*>(.+?)</pre>", page, re.S)[1].split()


def test_after_five_failures_even_the_right_password_is_refused_from_that_address(ada, client):
    for _ in range(4):
        assert sign_in(client, "wrong").status_code == 200
    assert sign_in(client, "wrong").status_code == 429
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Try again in 15 minutes" in answer.content.decode()
    assert not is_in(client)


def test_a_lock_out_neither_hits_other_addresses_nor_other_names(ada, client):
    User.objects.create_superuser("bob", password=PASSWORD)
    for _ in range(6):
        sign_in(client, "wrong")
    elsewhere, colleague = Client(), Client()
    sign_in(elsewhere, address="192.0.2.2")
    sign_in(colleague, name="bob")
    assert is_in(elsewhere) and is_in(colleague)


def test_behind_a_proxy_a_visitor_cannot_change_address_by_claiming_one(ada, client, settings):
    settings.BEHIND_PROXY = True
    for number in range(6):
        forwarded = f"198.51.100.{number}, 192.0.2.77"
        form = {"username": "ada", "password": "wrong"}
        answer = client.post(LOGIN, form, headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == 429


def test_without_a_proxy_a_claimed_address_counts_for_nothing(ada, client):
    for number in range(6):
        form = {"username": "ada", "password": "wrong"}
        answer = client.post(LOGIN, form, headers={"X-Forwarded-For": f"198.51.100.{number}"})
    assert answer.status_code == 429


def test_a_lock_out_ends_by_itself(ada, client):
    for _ in range(5):
        sign_in(client, "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert sign_in(client).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    sign_in(client)
    assert is_in(client)


def test_an_administrator_unlocks_a_colleague(ada, client, admin_client):
    for _ in range(5):
        sign_in(client, "wrong")
    assert "can try again" in press(admin_client, page_of(ada), "Unlock sign-in")
    sign_in(client)
    assert is_in(client)


def test_with_two_factor_the_password_alone_does_not_sign_in(ada, client):
    sign_in(client)
    set_up(client, ada)
    for code in ("", "000000", "wrong-recovery"):
        stranger = Client()
        assert sign_in(stranger, code=code).status_code == 200
        assert not is_in(stranger)


def test_the_code_of_the_authenticator_signs_in_once(ada, client):
    sign_in(client)
    set_up(client, ada)
    code = code_of(ada, steps=1)
    first, second = Client(), Client()
    sign_in(first, code=code)
    sign_in(second, code=code)
    assert is_in(first) and not is_in(second)


def test_a_recovery_code_signs_in_once(ada, client):
    sign_in(client)
    codes = set_up(client, ada)
    assert len(set(codes)) == 10
    first, second = Client(), Client()
    sign_in(first, code=codes[0])
    sign_in(second, code=codes[0])
    assert is_in(first) and not is_in(second)


def test_a_wrong_code_does_not_turn_it_on(ada, client):
    sign_in(client)
    for is_begun in (False, True):
        assert not is_begun or key_shown(client)
        page = client.post(TWO_FACTOR, {"wish": "set up", "code": "000000"}, follow=True).content.decode()
        assert "does not fit" in page and is_begun == ("Turn on" in page)
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_it_is_turned_off_only_with_a_code(ada, client):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "turn off", "code": "wrong-one"})
    client.post(TWO_FACTOR, {"wish": "turn off", "code": codes[1]})  # right, but too soon after a wrong one
    assert TOTPDevice.objects.filter(confirmed=True).exists()
    StaticDevice.objects.get().throttle_reset()
    client.post(TWO_FACTOR, {"wish": "turn off", "code": codes[1]})
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_somebody_who_lost_the_phone_is_helped_by_an_administrator(ada, client, admin_client):
    sign_in(client)
    set_up(client, ada)
    press(admin_client, page_of(ada), "Turn off two-factor sign-in")
    again = Client()
    sign_in(again)
    assert is_in(again)


def test_the_page_of_two_factor_is_not_for_strangers(client):
    assert client.get(TWO_FACTOR).status_code == 302


def test_no_page_may_run_a_script_that_stands_in_it(admin_client):
    rows = make_rows()
    for url in ("/admin/", page_of(rows.link), page_of(rows.source), LOGIN, TWO_FACTOR):
        answer = admin_client.get(url)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["script-src"] == "'self' 'unsafe-eval'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        page = answer.content.decode()
        assert NASTY not in page
        inline = [tag for tag in re.findall(r"<script\b[^>]*>", page) if "src=" not in tag]
        assert all("application/json" in tag for tag in inline), f"{url}: {inline}"
        assert not re.search(r"\son(click|load|change|submit|error)=", page), url


def test_pages_of_the_console_are_kept_by_no_browser_and_no_proxy(admin_client):
    assert "no-store" in admin_client.get("/admin/").headers["Cache-Control"]


def test_no_form_is_taken_in_that_another_site_sent(ada):
    browser = Client(enforce_csrf_checks=True)
    assert sign_in(browser).status_code == 403
    browser.force_login(ada)
    rows = make_rows()
    for url in (
        f"{page_of(rows.connection)[:-7]}do/pause_now/",
        page_of(rows.connection),
        TWO_FACTOR,
        "/admin/logout/",
    ):
        assert browser.post(url, {"_save": "yes"}).status_code == 403, url
    rows.connection.refresh_from_db()
    assert not rows.connection.is_paused and is_in(browser)
