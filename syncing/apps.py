"""Django's name for this app."""

from django.apps import AppConfig
from django.conf import settings

from tiposync.logs import start_sentry


class SyncingConfig(AppConfig):
    name = "syncing"
    verbose_name = "Operation"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            start_sentry(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)
