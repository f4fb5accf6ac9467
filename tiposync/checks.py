"""Combinations of settings that parsing cannot see to be wrong: `manage.py check` names each with an id and a hint."""

import re
from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

LEAST_WATCHDOG_SECONDS = 5  # a cluster needs some seconds to start and to execute its first pulse
LEAST_KEY_CHARACTERS = 32
ENCRYPTED = ("require", "verify-ca", "verify-full")
BROKER = "syncing.queue.broker.NotifiedBroker"


@register("queue")
def check_queue(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """The queue is an alarm clock of ours, and a wake-up is not delivered twice while it runs."""
    return [*_check_queue(settings.Q_CLUSTER), *_check_retired()]


def _check_queue(queue: dict) -> Iterator[CheckMessage]:
    if queue["retry"] <= queue["timeout"]:
        yield Error(
            f"QUEUE_RETRY ({queue['retry']}) must be more than QUEUE_TIMEOUT ({queue['timeout']}): a wake-up that "
            "still runs would be delivered again.",
            hint="Set QUEUE_RETRY to QUEUE_TIMEOUT + 60.",
            id="tiposync.E001",
        )
    if queue.get("orm") != "default" or queue.get("broker_class") != BROKER:
        yield Error(
            "The queue's broker is none of ours: wake-ups could be seen before the rows they are about, and nothing "
            "would watch the workers.",
            hint='Leave Q_CLUSTER["orm"] and Q_CLUSTER["broker_class"] as they are.',
            id="tiposync.E002",
        )
    if queue["workers"] < 1:
        yield Error("QUEUE_WORKERS must be at least 1.", hint="4 is the default.", id="tiposync.E003")
    if queue["timeout"] < 1 or queue["poll"] <= 0:
        yield Error(
            "QUEUE_TIMEOUT and QUEUE_POLL must be more than 0.",
            hint="Leave them out for 600 and 0.2 seconds.",
            id="tiposync.E004",
        )
    if settings.WATCHDOG_SECONDS < LEAST_WATCHDOG_SECONDS:
        yield Error(
            f"WATCHDOG_SECONDS ({settings.WATCHDOG_SECONDS}) is too small: a healthy cluster would be restarted again "
            "and again.",
            hint=f"Use at least {LEAST_WATCHDOG_SECONDS}; 90 is the default.",
            id="tiposync.E005",
        )
    if queue.get("queue_limit") not in (1, 2) or queue.get("bulk") != 1:
        yield Error(
            "The queue prefetches: a wake-up that waits behind a long one would be delivered again.",
            hint='Leave Q_CLUSTER["queue_limit"] and Q_CLUSTER["bulk"] at 1.',
            id="tiposync.E006",
        )


def _check_retired() -> Iterator[CheckMessage]:
    if "BROKER_URL" in settings.RETIRED_SETTINGS:
        yield Warning(
            "BROKER_URL is set, but no longer used: wake-ups stand in the database, where they commit with their rows.",
            hint="Remove BROKER_URL, and the Redis that was there for it.",
            id="tiposync.W007",
        )


@register("database")
def check_database(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """PostgreSQL only: the product relies on SKIP LOCKED, advisory locks and partial unique constraints."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        return []
    return [
        Error(
            "The database is not PostgreSQL.",
            hint="Set DATABASE_URL=postgres://user:password@host:5432/tiposync (PostgreSQL 15 or newer).",
            id="tiposync.E010",
        )
    ]


@register("database", deploy=True)
def check_encryption(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """The way to a database elsewhere is encrypted; libpq would do without where the server does."""
    database = settings.DATABASES["default"]
    options = database.get("OPTIONS", {})
    host = str(database.get("HOST") or options.get("host") or "")
    is_near = "." not in host or host.startswith(("/", "127.")) or options.get("hostaddr") == "127.0.0.1"
    if is_near or options.get("sslmode") in ENCRYPTED:
        return []
    return [
        Warning(
            f"The connection to the database at {host} may be unencrypted: DATABASE_URL names no sslmode.",
            hint="Add ?sslmode=verify-full to DATABASE_URL, or at least ?sslmode=require.",
            id="tiposync.W011",
        )
    ]


@register("shopify")
def check_shopify(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """How Shopify is reached, and how Shopify reaches us."""
    return [*_check_addresses(), *_check_public_url()]


def _check_addresses() -> Iterator[CheckMessage]:
    url = settings.SHOPIFY_BASE_URL
    if "{domain}" not in url or re.search(r"\{(?!domain\})|(?<!\{domain)\}", url) or not urlsplit(url).scheme:
        yield Error(
            "SHOPIFY_BASE_URL must be an address with {domain} where a store's domain belongs.",
            hint="Leave it out: https://{domain} is right for Shopify itself.",
            id="tiposync.E020",
        )
    elif not settings.DEBUG and not url.startswith("https://"):
        yield Error(
            "SHOPIFY_BASE_URL is not https: credentials would travel in the clear.",
            hint="Leave it out: https://{domain} is right for Shopify itself.",
            id="tiposync.E021",
        )
    if not re.fullmatch(r"20\d\d-(01|04|07|10)|unstable", settings.SHOPIFY_API_VERSION):
        yield Error(
            f"SHOPIFY_API_VERSION is {settings.SHOPIFY_API_VERSION!r}, which no version of Shopify's is called.",
            hint="A year and the first month of a quarter, such as 2026-10. Left out, the tested one is used.",
            id="tiposync.E022",
        )


def _check_public_url() -> Iterator[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    if not url.netloc:
        yield Error(
            "PUBLIC_URL is missing: Shopify cannot be told where to send webhooks.",
            hint="Set it to the address of this service as Shopify reaches it, such as https://sync.example.com.",
            id="tiposync.E023",
        )
    elif url.scheme != "https" and not settings.DEBUG:
        yield Error(
            "PUBLIC_URL is not https: Shopify delivers webhooks to https addresses only.",
            hint="Set it to an address such as https://sync.example.com.",
            id="tiposync.E024",
        )
    elif not settings.DEBUG and url.hostname not in settings.ALLOWED_HOSTS and not _is_host_covered(url.hostname):
        yield Error(
            f"ALLOWED_HOSTS does not contain {url.hostname}, the host of PUBLIC_URL: webhooks would be refused.",
            hint=f"Set ALLOWED_HOSTS={url.hostname}",
            id="tiposync.E025",
        )


def _is_host_covered(host: str | None) -> bool:
    patterns = settings.ALLOWED_HOSTS
    return "*" in patterns or any(pattern.startswith(".") and f".{host}".endswith(pattern) for pattern in patterns)


@register("keys")
def check_keys(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Secrets of production are there, long enough, and not the ones that everybody can read in the source."""
    return [] if settings.DEBUG else list(_check_keys())


def _check_keys() -> Iterator[CheckMessage]:
    new_key = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
    if not settings.CREDENTIAL_KEYS:
        yield Error(
            "CREDENTIAL_KEYS is missing: the stores' credentials cannot be encrypted.",
            hint=f"Set it to the output of: {new_key}. Keep it: without it they cannot be read again.",
            id="tiposync.E030",
        )
    if settings.DEVELOPMENT_CREDENTIAL_KEY in settings.CREDENTIAL_KEYS:
        yield Error(
            "CREDENTIAL_KEYS contains the development key, which everybody can read in the source.",
            hint=f"Replace it with the output of: {new_key}",
            id="tiposync.E031",
        )
    if any(len(key) < LEAST_KEY_CHARACTERS for key in settings.CREDENTIAL_KEYS):
        yield Warning(
            f"A key in CREDENTIAL_KEYS is shorter than {LEAST_KEY_CHARACTERS} characters and may be guessed.",
            hint=f"Put the output of this in front, and keep the old one behind it: {new_key}",
            id="tiposync.W032",
        )
    if settings.SECRET_KEY == settings.DEVELOPMENT_KEY:
        yield Error(
            "SECRET_KEY is the development key, which everybody can read in the source.",
            hint=f"Replace it with the output of: {new_key}",
            id="tiposync.E033",
        )


def refuse_known_keys() -> None:
    """Raise ImproperlyConfigured where a key is one that everybody can read in the source.

    Commands are refused by the check above; a server of the web runs none by itself.
    """
    known = [found for found in check_keys(None) if found.id in ("tiposync.E031", "tiposync.E033")]
    if known:
        raise ImproperlyConfigured(" ".join(f"{found.msg} {found.hint}" for found in known))


@register("people", deploy=True)
def check_two_factor(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Whether a stolen password alone opens the console."""
    if settings.TWO_FACTOR == "required":
        return []
    return [
        Info(
            "TWO_FACTOR is optional: of those who do not set it up, the password alone opens the console.",
            hint="Set TWO_FACTOR=required to have everybody set it up at the next sign-in.",
            id="tiposync.I034",
        )
    ]


@register("mail")
def check_mail(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Mails about orders can be sent, and come from somebody."""
    return list(_check_mail())


def _check_mail() -> Iterator[CheckMessage]:
    if not settings.EMAIL_URL:
        yield Warning(
            "EMAIL_URL is missing: mails about orders cannot be sent.",
            hint="Set EMAIL_URL=smtp+tls://user:password@smtp.example.com:587 and MAIL_FROM=tiposync@example.com. "
            "Connections that send no mails do not need it.",
            id="tiposync.W050",
        )
        return
    if not _is_address(settings.DEFAULT_FROM_EMAIL):
        yield Error(
            f"MAIL_FROM is {settings.DEFAULT_FROM_EMAIL!r}, which is no e-mail address: mails would be refused.",
            hint="Set MAIL_FROM=tiposync@example.com, or MAIL_FROM=Stores <tiposync@example.com>.",
            id="tiposync.E051",
        )
    is_smtp = settings.EMAIL_URL.startswith("smtp")
    if is_smtp and not settings.EMAIL_HOST:
        yield Error(
            "EMAIL_URL names no host.",
            hint="Set EMAIL_URL=smtp+tls://user:password@smtp.example.com:587",
            id="tiposync.E052",
        )
    if not is_smtp and not settings.DEBUG:
        yield Warning(
            "EMAIL_URL is not a mail server: mails about orders reach nobody.",
            hint="Set EMAIL_URL=smtp+tls://user:password@smtp.example.com:587",
            id="tiposync.W053",
        )


def _is_address(text: str) -> bool:
    try:
        validate_email(parseaddr(text)[1])
    except ValidationError:
        return False
    return True


@register("limits")
def check_limits(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Numbers that make no sense."""
    least = {
        "BULK_FROM_LEVELS": 1,
        "STOCK_LINGER_SECONDS": 0,
        "BURST_READ_SECONDS": 0,
        "WEBHOOK_PATIENCE_SECONDS": 0,
        "RECONCILE_MINUTES": 1,
        "RECENT_CHANGES_MINUTES": 0,
        "RETENTION_DAYS": 1,
        "STOP_SECONDS": 1,
        "WEBHOOK_MAX_BYTES": 100_000,
        "EMAIL_TIMEOUT": 1,
    }
    most = {"BURST_READ_SECONDS": 5}  # webhooks wait for so long, too; and longer than that is no burst
    wrong = [(name, f"less than {number}") for name, number in least.items() if getattr(settings, name) < number]
    wrong += [(name, f"more than {number}") for name, number in most.items() if getattr(settings, name) > number]
    return [
        Error(
            f"{name} is {getattr(settings, name)}, {words}.",
            hint="Leave it out for the default; .env.example explains it.",
            id="tiposync.E040",
        )
        for name, words in wrong
    ]
