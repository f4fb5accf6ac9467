"""Each system check finds the wrong combination it is for, and says what to do."""

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from tiposync import checks

KEY = "k" * 48
PRODUCTION = {
    "DEBUG": False,
    "SECRET_KEY": KEY,
    "CREDENTIAL_KEYS": [KEY],
    "PUBLIC_URL": "https://sync.example.com",
    "ALLOWED_HOSTS": ["sync.example.com"],
    "SHOPIFY_BASE_URL": "https://{domain}",
    "EMAIL_URL": "smtp+tls://mail.example.com:587",
    "EMAIL_HOST": "mail.example.com",
    "DEFAULT_FROM_EMAIL": "Stores <tiposync@example.com>",
}


def found(settings, **values):
    """The ids of our messages, with these settings in production."""
    for name, value in (PRODUCTION | values).items():
        setattr(settings, name, value)
    messages = [message for message in run_checks() if str(message.id).startswith("tiposync.")]
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def queue(settings, **values):
    return found(settings, Q_CLUSTER=settings.Q_CLUSTER | values)


def test_sound_settings_for_production_pass(settings):
    assert found(settings) == []


def test_development_passes_with_nothing_set(settings):
    assert found(settings, DEBUG=True, CREDENTIAL_KEYS=[settings.DEVELOPMENT_CREDENTIAL_KEY]) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"retry": 600, "timeout": 600}, "tiposync.E001"),
        ({"retry": 599, "timeout": 600}, "tiposync.E001"),
        ({"orm": "other"}, "tiposync.E002"),
        ({"orm": None, "redis": {"host": "127.0.0.1"}}, "tiposync.E002"),
        ({"broker_class": "django_q.brokers.redis_broker.Redis"}, "tiposync.E002"),
        ({"workers": 0}, "tiposync.E003"),
        ({"timeout": 0}, "tiposync.E004"),
        ({"poll": 0.0}, "tiposync.E004"),
        ({"queue_limit": 20}, "tiposync.E006"),
        ({"bulk": 20}, "tiposync.E006"),
    ],
)
def test_a_queue_that_would_repeat_or_lose_wake_ups_is_refused(settings, values, expected):
    assert queue(settings, **values) == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"RETIRED_SETTINGS": ["BROKER_URL"]}, "tiposync.W007"),
        ({"WATCHDOG_SECONDS": 4}, "tiposync.E005"),
        ({"SHOPIFY_BASE_URL": "https://shopify.example.com"}, "tiposync.E020"),
        ({"SHOPIFY_BASE_URL": "https://{domain}/{version}"}, "tiposync.E020"),
        ({"SHOPIFY_BASE_URL": "{domain}"}, "tiposync.E020"),
        ({"SHOPIFY_BASE_URL": "http://{domain}"}, "tiposync.E021"),
        ({"SHOPIFY_API_VERSION": "2026-11"}, "tiposync.E022"),
        ({"SHOPIFY_API_VERSION": "26-10"}, "tiposync.E022"),
        ({"SHOPIFY_API_VERSION": "2026-10\n"}, "tiposync.E022"),
        ({"PUBLIC_URL": ""}, "tiposync.E023"),
        ({"PUBLIC_URL": "sync.example.com"}, "tiposync.E023"),
        ({"PUBLIC_URL": "http://sync.example.com"}, "tiposync.E024"),
        ({"ALLOWED_HOSTS": ["example.org"]}, "tiposync.E025"),
        ({"CREDENTIAL_KEYS": []}, "tiposync.E030"),
        ({"CREDENTIAL_KEYS": ["development-only-credential-key"]}, "tiposync.E031"),
        ({"CREDENTIAL_KEYS": [KEY, "short"]}, "tiposync.W032"),
        ({"SECRET_KEY": "development-only-secret-key-never-used-with-debug-off"}, "tiposync.E033"),
        ({"RETENTION_DAYS": 0}, "tiposync.E040"),
        ({"RECONCILE_MINUTES": 0}, "tiposync.E040"),
        ({"STOCK_LINGER_SECONDS": -1}, "tiposync.E040"),
        ({"WEBHOOK_PATIENCE_SECONDS": -1}, "tiposync.E040"),
        ({"BURST_READ_SECONDS": -1}, "tiposync.E040"),
        ({"BURST_READ_SECONDS": 6}, "tiposync.E040"),
        ({"EMAIL_TIMEOUT": 0}, "tiposync.E040"),
        ({"EMAIL_URL": ""}, "tiposync.W050"),
        ({"DEFAULT_FROM_EMAIL": ""}, "tiposync.E051"),
        ({"DEFAULT_FROM_EMAIL": "Stores"}, "tiposync.E051"),
        ({"EMAIL_HOST": ""}, "tiposync.E052"),
        ({"EMAIL_URL": "consolemail://"}, "tiposync.W053"),
    ],
)
def test_a_wrong_setting_is_found(settings, values, expected):
    assert expected in found(settings, **values)


@pytest.mark.parametrize("hosts", [["*"], [".example.com"]])
def test_a_pattern_of_allowed_hosts_covers_the_public_one(settings, hosts):
    assert found(settings, ALLOWED_HOSTS=hosts) == []


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_another_database_than_postgresql_is_refused(settings):
    databases = {"default": settings.DATABASES["default"] | {"ENGINE": "django.db.backends.sqlite3"}}
    assert found(settings, DATABASES=databases) == ["tiposync.E010"]


@pytest.mark.parametrize(
    ("database", "is_told"),
    [
        ({"HOST": "db.example.com"}, True),
        ({"HOST": "db.example.com", "OPTIONS": {"sslmode": "prefer"}}, True),
        ({"HOST": "10.0.0.7", "OPTIONS": {}}, True),
        ({"HOST": "db.example.com", "OPTIONS": {"sslmode": "verify-full"}}, False),
        ({"HOST": "database"}, False),  # of compose.yaml: a network of its own
        ({"HOST": "127.0.0.1"}, False),
        ({"HOST": "", "OPTIONS": {"host": "/run/postgresql"}}, False),
    ],
)
def test_a_way_to_the_database_that_may_be_unencrypted_is_told(settings, monkeypatch, database, is_told):
    monkeypatch.setitem(settings.DATABASES, "default", {"ENGINE": "django.db.backends.postgresql", **database})
    assert [each.id for each in checks.check_encryption(None)] == ["tiposync.W011"] * is_told


@pytest.mark.parametrize("values", [{"SECRET_KEY": "development"}, {"CREDENTIAL_KEYS": "development"}, {}])
def test_the_web_does_not_begin_with_a_key_that_everybody_can_read(settings, values):
    keys = {"SECRET_KEY": settings.DEVELOPMENT_KEY, "CREDENTIAL_KEYS": [KEY, settings.DEVELOPMENT_CREDENTIAL_KEY]}
    for name, value in (PRODUCTION | {name: keys[name] for name in values}).items():
        setattr(settings, name, value)
    if not values:
        checks.refuse_known_keys()
        return
    with pytest.raises(ImproperlyConfigured, match="everybody can read in the source"):
        checks.refuse_known_keys()


def test_mails_as_files_are_read_by_nobody_else(settings, tmp_path):
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "tiposync.private_files.EmailBackend", str(tmp_path)
    EmailMessage("Order #1001", "Anna", "a@example.com", ["b@example.com"]).send()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600 and "Anna" in file.read_text()
