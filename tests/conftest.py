"""The cast: a simulator, its stores, and what real workers need."""

import os

import tests.environment  # noqa: F401  first: Django must not read its settings before

# isort: split
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection


@pytest.fixture
def product_env(transactional_db) -> dict[str, str]:
    """The environment of a subprocess that works on the database of the tests (rows must be committed)."""
    url = urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return os.environ | {"DATABASE_URL": url}
