"""Django's name for this app."""

from django.apps import AppConfig

from stores import checks  # noqa: F401  importing them registers them


class StoresConfig(AppConfig):
    name = "stores"
