"""What an operator reads about an order: “Nothing to do” stands only where nothing is to be done."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.advice import IDLE, what_to_do
from stores.models import Connection, Store, SyncSwitch
from tests.support.console.orders import make_failed, make_import, make_order_rows, make_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    return make_order_rows()


def stop_all(rows):
    switch = SyncSwitch.load()
    switch.is_stopped = True
    switch.save()


def uninstall(rows):
    reason = "The app was uninstalled."
    Store.objects.filter(pk=rows.source.pk).update(status=Store.Status.DISCONNECTED, status_reason=reason)


def pause(rows):
    Connection.objects.filter(pk=rows.connection.pk).update(is_paused=True)


WAYS = [(stop_all, "All syncing is paused."), (uninstall, "The app was uninstalled."), (pause, "paused")]


def advice(row):
    return what_to_do(type(row).objects.get(pk=row.pk))


@pytest.mark.parametrize(("make_inert", "words"), WAYS)
@pytest.mark.parametrize("fields", [{}, {"original_signs": 1}, {"place": "wanted"}, {"state": "planned"}])
def test_nothing_is_said_to_be_well_while_nothing_travels(rows, make_inert, words, fields):
    row = make_import(rows.connection, **fields)
    assert advice(row).startswith(IDLE)
    make_inert(rows)
    assert IDLE not in advice(row) and words in advice(row)


@pytest.mark.parametrize("state", ["failed", "needs_shop"])
@pytest.mark.parametrize("kind", ["cancellation", "refund", "edit", "payment", "copy_changed"])
def test_a_later_change_that_needs_somebody_is_what_is_to_be_done(rows, kind, state):
    row = make_import(rows.connection)
    make_update(row, kind=kind, state=state, reason="Change the copy by hand.")
    assert IDLE not in advice(row) and "Change the copy by hand." in advice(row)


@pytest.mark.parametrize("status", ["completed", "deleted", "open"])
def test_a_draft_whose_products_were_linked_late_is_not_well_whatever_became_of_it(rows, status):
    row = make_import(rows.connection, is_draft=True, draft_status=status, is_partial=True, late_links="linked")
    assert IDLE not in advice(row) and "Not ours" in advice(row)


def test_a_completed_draft_says_what_stands_in_its_notes(rows):
    row = make_import(rows.connection, is_draft=True, draft_status="completed", notes="The e-mail was refused.")
    assert IDLE not in advice(row) and "see the notes" in advice(row)


def test_an_answer_that_stays_lost_is_for_somebody_to_decide(rows):
    row = make_import(rows.connection, state="sent", attempts=1)
    assert advice(row).startswith(IDLE)
    row.failure = "rejected"
    row.save()
    assert IDLE not in advice(row) and "Send again" in advice(row)


def test_what_goes_on_by_itself_says_that_it_does(rows):
    row = make_import(rows.connection, 1, original_signs=1)
    planned = make_import(rows.connection, 2)
    make_update(planned, state="planned")
    for each in (row, planned):
        assert "synced within seconds" in advice(each)
    assert advice(make_import(rows.connection, 3)) == f"{IDLE}."


def test_an_order_that_shopify_soon_shows_no_more_is_not_left_to_itself(rows):
    waiting = {"state": "waiting", "waits_for": "payment"}
    young, old = (
        make_import(rows.connection, days, placed_at=timezone.now() - timedelta(days=days), **waiting)
        for days in (54, 56)
    )
    assert advice(young).startswith(IDLE)
    assert IDLE not in advice(old) and "60 days" in advice(old)


def test_what_should_have_gone_on_by_now_is_somebodys_affair(rows):
    planned, copied = make_import(rows.connection, 1, state="planned"), make_import(rows.connection, 2)
    update = make_update(copied, state="sent")
    assert advice(planned).startswith(IDLE) and advice(copied).startswith(IDLE)
    for each in (planned, update):
        type(each).objects.filter(pk=each.pk).update(changed_at=timezone.now() - timedelta(minutes=20))
    for row in (planned, copied):
        assert IDLE not in advice(row) and "whether a worker is up" in advice(row)


def test_a_failed_order_beside_an_app_that_is_gone_says_both(rows):
    row = make_failed(rows.connection)
    uninstall(rows)
    assert "Import again" in advice(row) and "uninstalled" in advice(row)
