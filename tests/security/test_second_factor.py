"""Two-factor sign-in: who must set it up, what is closed until then, and which sessions end."""

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.security import site
from tests.support.console.press import look_at, page_of, press
from tests.tiposync.console.access.test_sign_in import (
    PASSWORD,
    TWO_FACTOR,
    ada,
    code_for,
    code_of,
    is_in,
    key_shown,
    quick_hashes,
    set_up,
    sign_in,
)
from tiposync.console.access import two_factor

__all__ = ["ada", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def required(settings):
    settings.TWO_FACTOR = "required"


def test_left_to_choice_the_password_alone_opens_the_console(ada, client):
    sign_in(client)
    assert is_in(client)


def test_where_it_is_required_every_page_leads_to_setting_it_up(ada, client, required):
    rows = site.make_site()
    sign_in(client)
    before = site.state_of_database()
    for method in (client.get, client.post):
        for address in site.addresses(rows):
            if address.url in (*site.PUBLIC, TWO_FACTOR):
                continue
            answer = method(address.url)
            assert (answer.status_code, answer.headers.get("Location")) == (302, TWO_FACTOR), address
    assert not site.changed_since(before)
    assert "Everybody here signs in with a second factor" in look_at(client, TWO_FACTOR)


def test_once_it_is_set_up_the_console_opens_and_stays_open(ada, client, required):
    sign_in(client)
    set_up(client, ada)
    assert is_in(client)
    again = Client()
    assert sign_in(again).status_code == 200  # asks for the code
    assert not is_in(again)
    sign_in(again, code=code_of(ada, steps=1))
    assert is_in(again)


def test_where_it_is_required_nobody_is_offered_to_turn_it_off(ada, client, required):
    sign_in(client)
    set_up(client, ada)
    assert "Turn off" not in look_at(client, TWO_FACTOR)


def test_who_signs_in_while_it_must_be_set_up_can_sign_out(ada, client, required):
    sign_in(client)
    client.post("/admin/logout/")
    assert site.is_sign_in(client.get("/admin/"))


def test_setting_it_up_ends_the_sessions_that_the_password_alone_opened(ada, client):
    thief = Client()
    sign_in(thief)
    sign_in(client)
    assert is_in(thief)
    set_up(client, ada)
    assert is_in(client)
    assert site.is_sign_in(thief.get("/admin/stores/store/"))
    assert thief.post("/admin/stores/store/add/").status_code == 302
    assert "_auth_user_id" not in thief.session


def test_setting_it_up_begins_a_new_session(ada, client):
    sign_in(client)
    before = client.session.session_key
    set_up(client, ada)
    assert client.session.session_key != before


def test_who_turns_it_off_and_on_again_must_prove_it_again(ada, client):
    sign_in(client)
    codes = set_up(client, ada)
    client.post(TWO_FACTOR, {"wish": "turn off", "code": codes[0]})
    assert is_in(client) and not two_factor.is_set_up(ada)
    TOTPDevice.objects.create(user=ada, confirmed=True)
    assert site.is_sign_in(client.get("/admin/"))


def test_a_deployment_is_told_that_a_password_alone_opens_the_console(settings):
    for choice, expected in (("optional", 1), ("required", 0)):
        settings.TWO_FACTOR = choice
        found = [each for each in run_checks(include_deployment_checks=True) if each.id == "tiposync.I034"]
        assert len(found) == expected
        assert all("TWO_FACTOR=required" in each.hint and not each.is_serious() for each in found)


def test_the_public_pages_ask_nobody_for_a_second_factor(ada, client, required):
    User.objects.update(is_superuser=True)
    assert client.get("/healthz").status_code == 200
    assert sign_in(client, PASSWORD).status_code == 302


def test_a_console_below_a_path_of_its_servers_asks_for_the_second_factor_as_well(ada, client, required):
    sign_in(client)
    answer = client.get("/admin/stores/store/", SCRIPT_NAME="/sync")
    assert (answer.status_code, answer.headers.get("Location")) == (302, TWO_FACTOR)  # Django's client adds no path
    assert "no-store" in answer.headers["Cache-Control"]


def test_two_sign_ins_are_shown_two_keys_and_the_one_that_binds_first_ends_the_other(ada, client):
    """An intruder who knows the password reads no key that its owner binds."""
    thief = Client()
    sign_in(thief)
    sign_in(client)
    keys = {key_shown(client), key_shown(client), key_shown(thief)}
    assert len(keys) == 3 and "" not in keys  # each asking has a new one
    assert not TOTPDevice.objects.exists()
    mine, theirs = key_shown(client), key_shown(thief)
    assert "does not fit" in client.post(TWO_FACTOR, confirm(theirs), follow=True).content.decode()
    client.post(TWO_FACTOR, confirm(mine))
    assert TOTPDevice.objects.get().key == mine
    assert thief.post(TWO_FACTOR, confirm(theirs)).status_code == 302 and TOTPDevice.objects.get().key == mine
    assert is_in(client) and site.is_sign_in(thief.get("/admin/"))


def confirm(key: str) -> dict[str, str]:
    return {"wish": "set up", "code": code_for(key)}


def test_a_browser_that_was_left_open_sets_up_nothing_without_the_password(ada, client):
    sign_in(client)
    assert key_shown(client, "wrong") == ""
    for _ in range(4):
        answer = client.post(TWO_FACTOR, {"wish": "begin", "password": "wrong"})
    assert answer.status_code == 429
    assert key_shown(client) == ""  # locked out: not even with the right one


def test_a_key_that_waited_too_long_binds_nothing(ada, client):
    sign_in(client)
    key, session = key_shown(client), client.session
    session[two_factor.PENDING] = session[two_factor.PENDING] | {"until": 0}
    session.save()
    client.post(TWO_FACTOR, confirm(key))
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("how", ["turned off", "reset", "replaced", "deleted", "of somebody else", "unconfirmed"])
def test_a_session_that_was_proved_ends_with_the_device_that_proved_it(ada, client, admin_client, how):
    sign_in(client)
    codes, other = set_up(client, ada), Client()
    sign_in(other, code=code_of(ada, steps=1))
    assert is_in(other)
    device = TOTPDevice.objects.filter(user=ada)
    if how in ("turned off", "replaced"):
        client.post(TWO_FACTOR, {"wish": "turn off", "code": codes[0]})
        assert is_in(client)  # one's own goes on
    if how == "replaced":
        set_up(client, ada)
    if how == "reset":
        press(admin_client, page_of(ada), "Turn off two-factor sign-in")
        assert is_in(admin_client)
    if how == "deleted":
        device.delete()
    if how == "of somebody else":
        device.update(user=User.objects.create_user("eve"))
    if how == "unconfirmed":
        device.update(confirmed=False)
    assert site.is_sign_in(other.get("/admin/stores/store/")) and "_auth_user_id" not in other.session
    assert is_in(client) == (how in ("turned off", "replaced"))


def test_a_session_that_a_recovery_code_opened_ends_when_the_codes_are_replaced(ada, client):
    sign_in(client)
    codes, by_code = set_up(client, ada), Client()
    sign_in(by_code, code=codes[0])
    client.post(TWO_FACTOR, {"wish": "new codes", "code": codes[1]})
    assert is_in(client) and not is_in(by_code)


def test_a_page_that_the_middleware_let_pass_is_refused_by_the_site_itself(ada, client, required, settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "second_factor" not in each]
    sign_in(client)
    assert site.is_sign_in(client.get("/admin/stores/store/"))
    set_up(client, ada)
    assert is_in(client)
    TOTPDevice.objects.update(confirmed=False)
    assert site.is_sign_in(client.get("/admin/stores/store/"))
