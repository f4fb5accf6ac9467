"""Django's name for this app."""

from django.apps import AppConfig


class StoresConfig(AppConfig):
    name = "stores"
