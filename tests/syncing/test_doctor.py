"""`manage.py doctor` finds what is not right and says what to do; `rotate_keys` changes the key and nothing else."""

import io

import pytest
import responses
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection as db

from stores import history, roles
from stores.models import Store
from syncing import doctor, pulse
from syncing.models import AlertChannel
from tests.console_rows import SECRET, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def healthy(settings):
    """Everything as it should be."""
    settings.PUBLIC_URL = "https://sync.example.com"
    settings.DEBUG = True  # the settings of production are test_checks' business
    call_command("upsert_schedules", stdout=io.StringIO())
    roles.upsert()
    User.objects.create_superuser("ada")
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    for name in pulse.scheduled():
        pulse.beat(name)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as shelf:
        shelf.add(responses.GET, "https://sync.example.com/healthz", body="OK")
        yield shelf


def found() -> dict[str, doctor.Finding]:
    """What is not good, by subject; the warning of DEBUG left out."""
    return {one.subject: one for one in doctor.examine() if one.standing != doctor.GOOD and "DEBUG" not in one.words}


def test_when_all_is_well_it_says_so(healthy):
    make_rows()
    printed = io.StringIO()
    call_command("doctor", stdout=printed)
    assert found() == {}
    assert "Nothing is wrong." in printed.getvalue()
    assert SECRET not in printed.getvalue()


def test_each_thing_that_is_wrong_comes_with_advice(healthy):
    rows = make_rows()
    Store.objects.filter(pk=rows.source.pk).update(status="disconnected", status_reason="The token was revoked.")
    make_job(rows.connection)
    Group.objects.get(name=roles.VIEWER).permissions.clear()
    User.objects.all().delete()
    healthy.replace(responses.GET, "https://sync.example.com/healthz", status=502)
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM syncing_heartbeat; DELETE FROM django_q_schedule; DELETE FROM syncing_alertchannel")
    wrong = found()
    assert set(wrong) == {
        *("schedules", "roles and history", "people", "workers", "address", "alerts", "job failed"),
        f"store {rows.source.domain}",
    }
    assert all(finding.advice for finding in wrong.values())
    assert wrong["address"].words == "https://sync.example.com/healthz answered 502"
    with pytest.raises(CommandError) as refused:
        call_command("doctor", stdout=io.StringIO())
    assert refused.value.returncode == 1


def test_a_missing_trigger_is_found(healthy):
    with db.cursor() as cursor:
        cursor.execute("DROP TRIGGER record_change ON stores_store")
    assert set(found()) == {"roles and history"}
    assert history.upsert_triggers() == len(history.WATCHED)
    assert found() == {}


def test_an_old_key_is_found_and_rotated_away(healthy, settings):
    rows = make_rows()
    AlertChannel.objects.create(name="Chat", kind="webhook", url="https://hooks.example.com/x")
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = ["a-new-key-for-tests-0123456789", *old]
    assert found()["credentials"].advice == "python manage.py rotate_keys"
    printed = io.StringIO()
    call_command("rotate_keys", stdout=printed)
    assert "3 credentials" in printed.getvalue()  # of two stores and a channel
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    assert found() == {}
    assert Store.objects.get(pk=rows.source.pk).client_secret == SECRET
    settings.CREDENTIAL_KEYS = old
    with pytest.raises(ImproperlyConfigured, match="its key is missing"):
        Store.objects.get(pk=rows.source.pk)
    assert found()["credentials"].standing == doctor.WRONG


def test_migrations_that_are_missing_end_the_examination(healthy):
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'syncing' AND name LIKE '0002%'")
        try:
            assert found()["migrations"].advice == "python manage.py migrate"
            assert "workers" not in {one.subject for one in doctor.examine()}
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('syncing', '0002_roles_and_history', now())"
            )
