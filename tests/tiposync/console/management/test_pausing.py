"""`pause` and `resume` on the command line: the same as at the console, by whom and until when included."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from stores.models import Connection, Store, SyncSwitch
from syncing.models import SyncJob
from tests.support.console.rows import make_rows
from tests.tiposync.console.management.test_commands import refusal, run

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)
PAIR, MAIN = "main.myshopify.com:north.myshopify.com", "main.myshopify.com"


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setenv("USER", "ada")
    return make_rows()


@pytest.mark.parametrize(
    ("options", "until"),
    [
        ((), None),
        (("--until", "90m"), NOW + timedelta(minutes=90)),
        (("--until", "3d"), NOW + timedelta(days=3)),
        (("--until", "tomorrow"), datetime(2026, 12, 1, 9, tzinfo=UTC)),
        (("--until", "tomorrow", "--time-zone", "Europe/Berlin"), datetime(2026, 12, 1, 8, tzinfo=UTC)),
        (("--until", "2026-12-05 18:15", "--time-zone", "Europe/Berlin"), datetime(2026, 12, 5, 17, 15, tzinfo=UTC)),
        (("--until", "2026-12-05T18:15-05:00"), datetime(2026, 12, 5, 23, 15, tzinfo=UTC)),
    ],
)
def test_a_connection_is_paused_until_then(options, until):
    said = run("pause", PAIR, "--reason", "Prices are being changed", *options)
    assert said.startswith("The connection Main → North is paused. It ")
    found = Connection.objects.get()
    assert (found.is_paused, found.paused_until, found.paused_by) == (True, until, "ada")
    assert found.pause_reason == "Prices are being changed"
    assert (f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if until else "until somebody resumes it") in said


def test_stores_and_all_syncing_are_paused_prolonged_and_resumed():
    run("pause", MAIN, str(Connection.objects.get().pk), "--until", "1h")
    run("pause", MAIN, "--until", "2h", "--reason", "longer")
    main = Store.objects.get(domain=MAIN)
    assert (main.paused_until, main.pause_reason) == (NOW + timedelta(hours=2), "longer")
    assert "All syncing is paused. It stays paused" in run("pause", "--all", "--reason", "Fire")
    assert SyncSwitch.load().reason == "Fire"
    assert "Fire" in run("sync_status")
    assert run("resume", "--all") == "All syncing is resumed. Connections being compared first: 1.\n"
    run("resume", MAIN, PAIR)
    assert not SyncSwitch.load().is_stopped and Connection.objects.get().why_inert() == ""
    assert SyncJob.objects.filter(kind=SyncJob.Kind.RECONCILE, arguments__trigger="resume").count() == 1
    assert run("resume", MAIN) == "The store Main was not paused.\n"


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ((), "or give --all", 2),
        ((PAIR, "--all"), "or give --all", 2),
        ((PAIR, "--until", "soon"), "write 90m, 2h", 2),
        ((PAIR, "--until", "2026-11-30 14:00"), "has passed", 2),
        ((PAIR, "--until", "99999d"), "92 days at most", 2),
        ((PAIR, "--until", "0001-01-01", "--time-zone", "Europe/Berlin"), "has passed", 2),
        *(((PAIR, "--time-zone", name), "there is no time zone", 2) for name in ("", "Nowhere", "Europe", "../etc")),
        (("nowhere.myshopify.com",), "There is no store", 1),
        ((PAIR, "nowhere.myshopify.com"), "There is no store", 1),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_paused(arguments, words, code):
    error = refusal("pause", *arguments)
    assert words in str(error) and error.returncode == code
    assert not Connection.objects.filter(is_paused=True).exists() and not SyncSwitch.load().is_stopped


def test_what_is_not_started_is_not_paused():
    Connection.objects.update(state="ready")
    assert "The connection is not started" in str(refusal("pause", PAIR))
