"""The cast works together: real HTTP, the product's own client, the database of the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from stores import onboarding
from stores.models import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_the_product_reaches_each_store_of_the_cast(source, north, south):
    for store in (source, north, south):
        onboarding.check_store(store)
        store.refresh_from_db()
        assert store.currency
    assert Store.objects.count() == 3


def test_a_subprocess_sees_the_rows_of_the_test(source, product_env):
    code = "from stores.models import Store; print(list(Store.objects.values_list('domain', 'client_secret')))"
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    done = subprocess.run(command, env=product_env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([(source.domain, source.client_secret)])
