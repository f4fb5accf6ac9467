"""Guessing: passwords, codes of the second factor, recovery codes, the token of the metrics, and who has an account."""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from syncing.upkeep import retention
from tests.tiposync.console.access.test_sign_in import (
    PASSWORD,
    TWO_FACTOR,
    ada,
    code_of,
    is_in,
    quick_hashes,
    set_up,
    sign_in,
)
from tiposync.middleware import client_address

__all__ = ["ada", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed: what takes the time of a sign-in."""

    algorithm = "counting"
    count = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.count += 1
        return super().encode(password, salt)


def words_of(answer) -> str:
    """What a page says, without its token."""
    return re.sub(r'value="[^"]*"|nonce="[^"]*"', "", answer.content.decode())


@pytest.fixture
def device(ada, client):
    """Ada's authenticator, set up."""
    sign_in(client)
    set_up(client, ada)
    return TOTPDevice.objects.get(user=ada)


def test_a_wrong_code_makes_even_the_right_one_wait(ada, device):
    sign_in(Client(), code="000000")
    device.refresh_from_db()
    assert device.throttling_failure_count == 1
    wait_for(TOTPDevice, failures=10, seconds=500)  # of 2 ** 9
    browser, code = Client(), code_of_now(device, 1)
    sign_in(browser, code=code)
    assert not is_in(browser)
    wait_for(TOTPDevice, failures=10, seconds=520)
    sign_in(browser, code=code)
    assert is_in(browser)


def wait_for(kind: type, failures: int, seconds: float) -> None:
    """As if so many wrong codes had been tried, the last one so long ago."""
    then = timezone.now() - timedelta(seconds=seconds)
    kind.objects.update(throttling_failure_count=failures, throttling_failure_timestamp=then)


def code_of_now(device: TOTPDevice, steps: int) -> str:
    """The code without touching the device's row, which counts failures."""
    counted = TOTPDevice.objects.filter(pk=device.pk).values().get()
    code = code_of(device.user, steps)
    TOTPDevice.objects.filter(pk=device.pk).update(**counted)
    return code


def test_each_further_wrong_code_doubles_the_wait(ada, device):
    waits = []
    for count in (1, 2, 10, 20):
        device.throttling_failure_count, device.throttling_failure_timestamp = count, timezone.now()
        is_allowed, told = device.verify_is_allowed()
        assert not is_allowed
        waits.append(round((told["locked_until"] - timezone.now()).total_seconds()))
    assert waits == [1, 2, 512, 2**19]


def test_recovery_codes_are_guessed_no_faster(ada, device):
    sign_in(Client(), code="abcd2345")
    row = StaticDevice.objects.get(user=ada)
    assert row.throttling_failure_count == 1
    wait_for(StaticDevice, failures=10, seconds=500)
    browser = Client()
    sign_in(browser, code=row.token_set.first().token)
    assert not is_in(browser)


@pytest.mark.parametrize("code", ["\x00", "1" * 5000, "１２３４５６", "' OR 1=1 --", "\ud800", "-12345", "1e5"])
def test_a_code_that_is_none_is_refused_and_breaks_nothing(ada, client, device, code):
    browser = Client()
    text = code.encode("utf-8", "replace").decode()
    told = (400, 400) if "\0" in text else (200, 302)
    turned_off = client.post(TWO_FACTOR, {"wish": "turn off", "code": text})
    assert (sign_in(browser, code=text).status_code, turned_off.status_code) == told
    assert not is_in(browser) and TOTPDevice.objects.filter(confirmed=True).exists()


def test_the_same_words_whether_an_account_exists_or_not(ada, settings):
    User.objects.create_user("customer", password=PASSWORD)
    User.objects.create_superuser("left", password=PASSWORD, is_active=False)
    tries = {"unknown": ("nobody", PASSWORD), "wrong": ("ada", "wrong"), "no staff": ("customer", PASSWORD)}
    tries |= {"left": ("left", PASSWORD), "too long": ("x" * 500, PASSWORD), "NUL-free": ("ada ", "wrong")}
    pages = {why: words_of(sign_in(Client(), password, name=name)) for why, (name, password) in tries.items()}
    assert len(set(pages.values())) == 1, {why: len(page) for why, page in pages.items()}
    assert "Please enter the correct username and password" in pages["unknown"]


def test_a_password_is_hashed_once_whether_an_account_exists_or_not(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    User.objects.create_superuser("ada", password=PASSWORD)
    User.objects.create_superuser("left", password=PASSWORD, is_active=False)
    counts = {}
    for name in ("ada", "nobody", "left"):
        CountingHasher.count = 0
        sign_in(Client(), "wrong", name=name)
        counts[name] = CountingHasher.count
    assert counts == {"ada": 1, "nobody": 1, "left": 1}


def test_one_address_cannot_try_a_password_with_ever_more_names(ada, settings):
    for number in range(settings.SIGN_IN_TRIES_PER_ADDRESS):
        sign_in(Client(), "winter2026", name=f"name-{number}")
    browser = Client()
    assert "came from your address" in sign_in(browser).content.decode()
    assert not is_in(browser)
    rows = AccessAttempt.objects.count()
    for number in range(20):
        sign_in(Client(), "winter2026", name=f"another-{number}")
    assert AccessAttempt.objects.count() == rows
    sign_in(browser, address="192.0.2.99")
    assert is_in(browser)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    again = Client()
    sign_in(again)
    assert is_in(again)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::"),
        ("unknown", "198.51.100.1"),
        ("'; DROP TABLE x; --", "198.51.100.1"),
    ],
)
def test_a_household_counts_as_one_address(settings, given, expected):
    settings.BEHIND_PROXY = True
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=f"203.0.113.5, {given}", REMOTE_ADDR="198.51.100.1")
    assert client_address(request) == expected


def test_what_was_tried_and_ended_sessions_are_forgotten_by_age(ada, client, settings):
    sign_in(client, "wrong")
    sign_in(client)
    old = timezone.now() - timedelta(days=settings.RETENTION_DAYS, minutes=1)
    AccessAttempt.objects.create(username="x", ip_address="192.0.2.1", user_agent="y", failures_since_start=1)
    AccessAttempt.objects.update(attempt_time=old)
    client.session.model.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    retention.prune()
    assert not AccessAttempt.objects.exists() and not client.session.model.objects.exists()


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer the-toke", "Bearer the-token2", "the-token", "ü"])
def test_the_metrics_open_to_the_whole_token_only(client, settings, given):
    settings.METRICS_TOKEN = "the-token"
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer the-token"}).status_code == 200
