"""The pages of holds: the evidence, and every decision as a button."""

import re

import pytest
import responses
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from stores.models import Store
from syncing.models import StockAdjustment, StockHold, StockLevel, StockLink, SyncJob
from tests.support.console.press import act, answer_levels, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import NASTY, make_adjustment, make_hold, make_link, make_rows, make_stock_link

pytestmark = pytest.mark.django_db(transaction=True)

HOLDS = "syncing_stockhold"
State = StockHold.State


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def hold(rows):
    StockLink.objects.update(state=StockLink.State.HELD)
    return make_hold(rows.stock_link, source_from=0, source_to=0, destination_from=7, destination_to=0)


@pytest.fixture
def unknown(rows):
    row = make_adjustment(rows.stock_link, 9, 7, state=StockAdjustment.State.UNKNOWN, settled_at=None)
    return make_hold(rows.stock_link, kind=StockHold.Kind.OUTCOME, adjustment=row, reason="The answer was lost.")


def state_of(row):
    row.refresh_from_db()
    return row.state


def test_without_holds_the_list_says_where_the_limits_are(admin_client):
    page = look_at(admin_client, list_of(HOLDS))
    assert "Nothing needs review" in page
    assert "under “Guards”" in page


def test_the_evidence_shows_the_plan_beside_what_stands_there_now(admin_client, rows, hold):
    StockLevel.objects.filter(pk=rows.stock_link.source_level_id).update(available=5)
    page = look_at(admin_client, page_of(hold))
    assert "It would fall from 80 to 0." in page
    assert "7 → 0" in page
    assert "changed since" in page
    assert NASTY not in page
    for place in map(str, (rows.source, rows.destination)):  # beside the name of the store that it leads to
        cell = next(each for each in re.findall(r'<td data-label="Where">(.*?)</td>', page) if place in each)
        assert f"in Shopify: {place}" in cell
    assert f"/admin/syncing/stocklink/timeline/{rows.link.pk}/" in page


def test_releasing_lets_the_plan_through_at_once(admin_client, admin_user, hold):
    press(admin_client, page_of(hold), "Release")
    assert (state_of(hold), hold.resolved_by) == (State.RELEASED, admin_user)
    assert SyncJob.objects.get().kind == SyncJob.Kind.CARRY_STOCK


def test_discarding_leaves_both_stores_as_they_are(admin_client, rows, hold):
    press(admin_client, page_of(hold), "Discard")
    assert state_of(hold) == State.DISCARDED
    rows.stock_link.refresh_from_db()
    assert (rows.stock_link.source_baseline, rows.stock_link.destination_baseline) == (0, 7)


@pytest.mark.parametrize(
    ("label", "outcome"),
    [
        ("It took effect", StockAdjustment.State.APPLIED),
        ("It did not take effect", StockAdjustment.State.STALE),
    ],
)
def test_an_operator_says_what_became_of_a_write(admin_client, unknown, label, outcome):
    page = look_at(admin_client, page_of(unknown))
    assert not forms_with(page, "Release")
    assert "The answer was lost." in page
    press(admin_client, page_of(unknown), label)
    assert state_of(unknown) != State.OPEN
    assert state_of(unknown.adjustment) == outcome


def test_a_hold_that_was_resolved_meanwhile_is_left_alone(admin_client, hold):
    forms = forms_with(look_at(admin_client, page_of(hold)), "Discard")
    press(admin_client, page_of(hold), "Release")
    page = admin_client.post(forms[0].action, forms[0].inputs, follow=True).content.decode()
    assert "does not apply any more" in page
    assert state_of(hold) == State.RELEASED


def test_many_holds_are_released_and_the_others_are_left_alone(admin_client, rows, hold):
    link = make_link(rows.connection, "Mug", "MUG")
    other = make_hold(make_stock_link(link, rows.mapping, 0, 60), kind=StockHold.Kind.OUTCOME)
    page = act(admin_client, HOLDS, "release_selected", [hold, other], "?state__exact=open")
    assert "1 review in 1 connection. Nothing is decided yet." in page and "1 of the chosen ones is not shown" in page
    assert state_of(hold) == State.OPEN
    (form,) = forms_with(page, "Release the ticked ones")
    answer = admin_client.post(form.action, form.inputs | {f"review-{other.pk}": "1"})
    assert answer.url == list_of(HOLDS) + "?state__exact=open"
    page = look_at(admin_client, answer.url)
    assert "Released: 1." in page and "Left alone: 1." in page
    assert (state_of(hold), state_of(other)) == (State.RELEASED, State.OPEN)
    assert SyncJob.objects.filter(kind=SyncJob.Kind.CARRY_STOCK).count() == 1


def test_many_holds_are_discarded(admin_client, admin_user, hold):
    (form,) = forms_with(act(admin_client, HOLDS, "discard_selected", [hold]), "Discard the ticked ones")
    nothing = {name: value for name, value in form.inputs.items() if not name.startswith("review-")}
    assert "Nothing was ticked" in admin_client.post(form.action, nothing, follow=True).content.decode()
    assert state_of(hold) == State.OPEN
    assert "Discarded: 1." in admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert (state_of(hold), hold.resolved_by) == (State.DISCARDED, admin_user)
    assert LogEntry.objects.get(content_type__model="stockhold").change_message == "Discarded."


def set_true(client, hold, quantity):
    """Type a quantity on the hold's page and press; the page that follows."""
    (form,) = forms_with(look_at(client, page_of(hold)), "Set true quantity")
    return client.post(form.action, form.inputs | {"quantity": quantity}, follow=True).content.decode()


def levels_at_shopify(rows, source, destination):
    Store.objects.update(auth="static_token", access_token="shpat_x")
    link = rows.link
    answer_levels({link.source_variant.item_gid: source, link.destination_variant.item_gid: destination})


@responses.activate
def test_what_an_operator_counted_is_recorded_for_the_source_and_carried(admin_client, admin_user, rows, hold):
    levels_at_shopify(rows, 7, 7)
    assert "Set to 5" in set_true(admin_client, hold, "5")
    assert (state_of(hold), hold.true_quantity, hold.resolved_by) == (State.SET_TRUE, 5, admin_user)
    row = StockAdjustment.objects.get()
    assert (row.level, row.change_from, row.change_to, row.state) == (rows.stock_link.source_level, 7, 5, "pending")
    assert (row.cause, row.hold) == ("set_true", hold)
    assert SyncJob.objects.get().kind == SyncJob.Kind.CARRY_STOCK
    assert "when the source had 7, the destination 7" in look_at(admin_client, page_of(hold))


@responses.activate
def test_what_changed_between_the_look_and_the_press_refuses_it_in_words(admin_client, rows, hold):
    levels_at_shopify(rows, 7, 6)
    assert "The destination has 6 now, not 7 any more." in set_true(admin_client, hold, "5")
    assert state_of(hold) == State.OPEN
    assert not StockAdjustment.objects.exists()


@pytest.mark.parametrize("typed", ["", "many", "1.5"])
def test_a_true_quantity_is_a_whole_number(admin_client, hold, typed):
    assert "Enter the quantity as a whole number." in set_true(admin_client, hold, typed)
    assert state_of(hold) == State.OPEN


def test_no_true_quantity_is_asked_for_while_a_side_is_unknown(admin_client, hold):
    StockLevel.objects.update(available=None)
    assert not forms_with(look_at(admin_client, page_of(hold)), "Set true quantity")


@responses.activate
def test_both_levels_are_read_live(admin_client, rows, hold):
    Store.objects.update(auth="static_token", access_token="shpat_x")
    link = rows.link
    answer_levels({link.source_variant.item_gid: 3, link.destination_variant.item_gid: 61})
    page = press(admin_client, page_of(hold), "Read live")
    assert "Both levels are as Shopify has them now." in page
    assert set(StockLevel.objects.values_list("available", flat=True)) == {3, 61}
    assert state_of(hold) == State.OPEN


def test_nothing_is_read_while_a_store_is_paused(admin_client, rows, hold):
    Store.objects.filter(pk=rows.source.pk).update(is_paused=True)
    page = press(admin_client, page_of(hold), "Read live")
    assert "The store Main is paused" in page


def test_deciding_needs_the_permission_to_resolve_holds(rows, hold):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_stockhold"))
    viewer = Client()
    viewer.force_login(user)
    assert not forms_with(look_at(viewer, page_of(hold)), "Release")
    assert 'value="release_selected"' not in look_at(viewer, list_of(HOLDS))
    assert viewer.post(f"/admin/syncing/stockhold/{hold.pk}/do/release/").status_code == 403
    forged = {"decision": "release", f"review-{hold.pk}": "1"}
    assert viewer.post("/admin/syncing/stockhold/decide/", forged).status_code == 403
    assert state_of(hold) == State.OPEN


def test_open_holds_come_first_and_are_counted_in_the_sidebar(admin_client, rows, hold):
    make_hold(rows.stock_link, state=State.DISCARDED, reason="An older one.")
    page = look_at(admin_client, list_of(HOLDS))
    assert page.index("It would fall") < page.index("An older one.")
