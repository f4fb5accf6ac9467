"""Open sign-ins: listed, ended by their owner or an administrator; and a line in the log for whatever opens one."""

import json
import logging
import re

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client

from stores.roles import ADMINISTRATOR
from tests.security import site
from tests.support.console.people import member_of
from tests.support.console.press import look_at, page_of, press
from tests.tiposync.console.access.test_sign_in import (
    PASSWORD,
    TWO_FACTOR,
    ada,
    is_in,
    quick_hashes,
    set_up,
    sign_in,
)
from tiposync import logs

__all__ = ["ada", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = "/admin/sessions/"


def open_one(address: str, name: str = "ada") -> Client:
    browser = Client(headers={"User-Agent": f"Firefox at <b>{address}</b>"})
    sign_in(browser, name=name, address=address)
    return browser


def test_ones_own_sign_ins_are_listed_and_ended_and_nobody_elses(ada):
    User.objects.create_superuser("bob", password=PASSWORD)
    mine, second, third = (open_one(f"192.0.2.{number}") for number in (1, 2, 3))
    bob = open_one("192.0.2.9", "bob")
    page = look_at(mine, SESSIONS)
    assert all(f"192.0.2.{number}" in page for number in (1, 2, 3)) and "192.0.2.9" not in page
    assert "<b>192" not in page and page.count("This one") == 1
    assert not any(each.session.session_key in page for each in (mine, second, third, bob))
    assert "Signed out elsewhere: 1" in press(mine, SESSIONS, "Sign out")
    assert [is_in(each) for each in (mine, second, third)].count(True) == 2 and is_in(mine)
    assert "Signed out elsewhere: 1" in press(mine, SESSIONS, "Sign out everywhere else")
    assert not is_in(second) and not is_in(third) and is_in(mine) and is_in(bob)
    assert "Sign out everywhere else" not in look_at(mine, SESSIONS)
    handle = re.search(r'name="handle" value="(\w+)"', look_at(open_one("192.0.2.8", "bob"), SESSIONS))[1]
    for form in ({"handle": handle}, {"handle": "é"}, {"handle": ""}, {}):
        mine.post(SESSIONS, form)
    assert is_in(bob) and is_in(mine)


def test_an_administrator_ends_the_sign_ins_of_others_but_not_those_of_superusers(ada):
    colleague = User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    boss, bob, administrator = open_one("192.0.2.1"), open_one("192.0.2.2", "bob"), member_of(ADMINISTRATOR)
    assert "192.0.2.2" in look_at(administrator, page_of(colleague))
    assert "were ended: 1" in press(administrator, page_of(colleague), "Sign out everywhere")
    assert site.is_sign_in(bob.get("/admin/"))
    assert "Sign out everywhere" not in look_at(administrator, page_of(colleague))
    administrator.post(f"/admin/auth/user/{ada.pk}/do/end_sessions/")
    assert is_in(boss) and is_in(administrator)


def test_a_session_that_was_ended_is_not_written_back_by_a_request_under_way(ada):
    mine, other = open_one("192.0.2.1"), open_one("192.0.2.2")
    under_way = other.session
    under_way["kept"] = 1
    mine.post(SESSIONS, {"wish": "end others"})
    with pytest.raises(UpdateError):
        under_way.save()
    assert not is_in(other)


def test_the_old_password_is_tried_no_more_often_than_at_the_sign_in(ada):
    mine = open_one("192.0.2.1")
    form = {"new_password1": "another-horse-battery", "new_password2": "another-horse-battery"}
    answers = [mine.post("/admin/password_change/", form | {"old_password": f"no-{n}"}).status_code for n in range(6)]
    assert answers == [200] * 4 + [429] * 2
    assert mine.post("/admin/password_change/", form | {"old_password": PASSWORD}).status_code == 429
    elsewhere = open_one("127.0.0.2")
    elsewhere.defaults["REMOTE_ADDR"] = "127.0.0.2"
    assert elsewhere.post("/admin/password_change/", form | {"old_password": PASSWORD}).status_code == 302
    assert is_in(elsewhere) and not is_in(mine)  # other sessions end with the password


@pytest.fixture
def lines(caplog, monkeypatch):
    """What the log says of sign-ins, each line as it is written, whatever other tests of this process had it write."""
    monkeypatch.setattr(logs.Sparing, "filter", lambda *_: True)
    caplog.set_level(logging.INFO, logs.SIGN_INS)

    def read() -> list[str]:
        written = [logs.JsonFormatter().format(each) for each in caplog.records if each.name == logs.SIGN_INS]
        caplog.clear()
        found = [json.loads(line) for line in written]
        assert all(each["user"] and each["address"] and each["address"] in each["message"] for each in found)
        return [each["message"] for each in found]

    return read


def test_the_log_has_a_line_for_each_sign_in_failure_lock_out_and_change_of_a_second_factor(ada, lines, admin_client):
    lines()
    browser = open_one("192.0.2.1")
    assert lines() == ["ada signed in by password, from 192.0.2.1"]
    browser.post("/admin/logout/", REMOTE_ADDR="192.0.2.1")
    assert lines() == ["ada signed out, from 192.0.2.1"]
    for _ in range(5):
        sign_in(browser, "wrong", name="ada\nforged", address="192.0.2.7")
    found = lines()
    assert found.count("ada forged gave a wrong name or password, from 192.0.2.7") == 5
    assert found[-1] == "ada forged is locked out after too many failures, from 192.0.2.7" or "locked out" in found[-2]
    sign_in(browser)
    codes = set_up(browser, ada)
    assert "ada turned two-factor sign-in on with an authenticator, from 127.0.0.1" in lines()
    sign_in(Client(), code="000000")
    sign_in(Client())
    sign_in(Client(), code=codes[0])
    assert lines() == [
        "ada gave the password and a wrong code, from 192.0.2.1",
        "ada gave the password and no code, from 192.0.2.1",
        "ada signed in by password and second factor, from 192.0.2.1",
    ]
    browser.post(TWO_FACTOR, {"wish": "new codes", "code": codes[1]})
    browser.post(TWO_FACTOR, {"wish": "turn off", "code": "wrong-one"})
    assert [each.partition(",")[0] for each in lines()] == ["ada made new recovery codes", "ada gave a wrong code"]
    press(admin_client, page_of(ada), "Turn off two-factor sign-in")
    assert lines() == ["ada has two-factor sign-in turned off by admin, from 127.0.0.1"]


def test_a_flood_of_failures_hides_no_lock_out():
    sparing = logs.Sparing()

    def passes(message: str) -> bool:
        return sparing.filter(logging.LogRecord(logs.SIGN_INS, logging.WARNING, "", 1, message, ("x", "y"), None))

    assert [passes("%s gave a wrong name or password, from %s") for _ in range(50)].count(True) == 20
    assert passes("%s is locked out after too many failures, from %s")
