"""Django's name for the console, and what is done when the service has started."""

from django.apps import AppConfig
from django.conf import settings

from tiposync import checks  # noqa: F401  importing them registers them
from tiposync.logs import start_sentry


class ConsoleConfig(AppConfig):
    name = "tiposync.console"
    verbose_name = "Console"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            start_sentry(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)
