"""The page of reviews of one cause: one row, one decision, in each state of the row and with the list filtered."""

import csv
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from stores.models import Connection, Store, StoreLimit, VariantLink
from syncing.models import Alert, HoldCause, StockAdjustment, StockHold, StockLink, SyncJob
from syncing.monitoring import alerts
from tests.support.console.people import member_of
from tests.support.console.press import forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import (
    make_adjustment,
    make_hold,
    make_link,
    make_location,
    make_rows,
    make_stock_link,
    make_store,
    make_variant,
)

pytestmark = pytest.mark.django_db

CAUSES, HOLDS = "syncing_holdcause", "syncing_stockhold"
ITEMS = 3


@pytest.fixture
def cause():
    """Three items of Main fell to 0, in two connections."""
    rows = make_rows()
    west = make_store("West", Store.Role.DESTINATION)
    other = Connection.objects.create(source=rows.source, destination=west, state="running")
    places = other.mappings.create(
        source_location=rows.mapping.source_location, destination_location=make_location(west, "West")
    )
    for number in range(ITEMS):
        link = make_link(rows.connection, f"Lamp {number}", f"LAMP-{number}")
        pair = make_stock_link(link, rows.mapping, 0, 80, source_baseline=80, state="held")
        make_hold(pair)
        twin = VariantLink.objects.create(
            connection=other,
            source_variant=link.source_variant,
            destination_variant=make_variant(west, f"Lamp {number}"),
            state="linked",
        )
        level = make_stock_link(make_link(other, "x", "x"), places, 0, 80).destination_level
        second = StockLink.objects.create(
            connection=other,
            variant_link=twin,
            mapping=places,
            source_level=pair.source_level,
            destination_level=level,
            source_baseline=80,
            destination_baseline=80,
            state="held",
        )
        make_hold(second)
    (made,) = HoldCause.objects.all()
    return made


def test_six_reviews_are_one_row_of_the_inbox_the_list_and_the_alerts(admin_client, cause):
    inbox = look_at(admin_client, "/admin/attention/")
    assert "<b>1</b> <span>Changes that need review</span>" in inbox
    assert "Main: 3 items fell to 0</a> <small>2 connections" in inbox
    assert f'href="{page_of(cause)}"' in inbox
    assert 'aria-label="Needs attention: 1"' in inbox
    assert look_at(admin_client, list_of(CAUSES) + "?open=yes").count("Main: 3 items fell to 0</span>") == 1
    alerts.watch()
    (alert,) = Alert.objects.filter(kind="held", resolved_at=None)
    assert alert.message == "Main: 3 items fell to 0 in 2 connections."
    assert alert.path == page_of(cause)


def test_the_page_shows_the_items_with_their_values_and_where_to_look_at_each(admin_client, cause):
    page = look_at(admin_client, page_of(cause))
    assert page.count("80 → 0<small> (-80)</small>") == ITEMS
    assert page.count(">80 → 0</td>") == ITEMS
    assert "6 need review, 0 decided" in page
    assert "Shopify tells apps when a quantity changed, not who changed it." in page
    each = re.search(r'href="([^"]+)">Look at each', page)[1].replace("&amp;", "&")
    assert len(admin_client.get(each).context_data["cl"].queryset) == 6
    item = re.search(r'<a class="console-link" href="([^"]+)">Lamp 1', page)[1].replace("&amp;", "&")
    assert len(admin_client.get(item).context_data["cl"].queryset) == 2


def test_what_we_wrote_ourselves_is_said(admin_client, cause):
    for hold in cause.holds.filter(connection__destination__name="North"):
        row = make_adjustment(hold.link, 80, 0, cause="destination_changed")
        StockAdjustment.objects.filter(pk=row.pk).update(level=hold.link.source_level)
    HoldCause.objects.update(newest_at="2099-01-01T00:00Z")
    page = look_at(admin_client, page_of(cause))
    assert "tiposync itself wrote 3 of these quantities: Main → North, the destination changed." in page
    assert "Shopify tells apps" not in page


def test_the_export_has_a_line_for_each_review(admin_client, cause):
    page = look_at(admin_client, page_of(cause))
    url = re.search(r'href="([^"]+)">Export to CSV', page)[1].replace("&amp;", "&")
    text = b"".join(admin_client.get(url)).decode("utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == 6
    asked = ("sku", "source_last_synced", "source_now", "destination_now", "destination_becomes", "state")
    assert [lines[0][name] for name in asked] == ["LAMP-0", "80", "0", "80", "0", "open"]


def test_many_items_are_paged(admin_client, cause, monkeypatch):
    monkeypatch.setattr("tiposync.console.stock.hold_cause.ITEMS_A_PAGE", 2)
    page = look_at(admin_client, page_of(cause))
    assert "Page 1 of 2, 3 items" in page and page.count('data-label="Item"') == 2
    assert look_at(admin_client, page_of(cause) + "?p=2").count('data-label="Item"') == 1
    assert look_at(admin_client, page_of(cause) + "?p=x").count('data-label="Item"') == 2


@pytest.mark.django_db(transaction=True)  # jobs wait for the commit
@pytest.mark.parametrize(("label", "state"), [("Release all", "released"), ("Discard all", "discarded")])
def test_one_decision_decides_all_and_says_by_whom(admin_client, admin_user, cause, label, state):
    # From the list, filtered: the way back leads to those rows.
    filtered = f"{page_of(cause)}?_changelist_filters=open%3Dyes"
    page = press(admin_client, filtered, label)
    assert f"{state.capitalize()}: 6 of 6 reviews." in page
    assert set(StockHold.objects.values_list("state", "resolved_by")) == {(state, admin_user.pk)}
    assert SyncJob.objects.filter(kind="carry_stock").count() == 2
    assert set(StockLink.objects.filter(holds__isnull=False).values_list("state", flat=True)) == {"pending"}
    told = LogEntry.objects.filter(user=admin_user)
    assert told.filter(content_type__model="stockhold").count() == 6
    assert f"{label}: {state.capitalize()}: 6 of 6 reviews." in told.get(content_type__model="holdcause").change_message
    assert not forms_with(look_at(admin_client, page_of(cause)), label)
    assert "0 need review, 6 decided" in look_at(admin_client, page_of(cause))
    assert "Nothing needs attention" in look_at(admin_client, "/admin/attention/")
    assert "Main: 3 items fell to 0" in look_at(admin_client, list_of(CAUSES) + "?open=no")


def test_what_was_decided_meanwhile_and_what_joined_is_left_alone_and_said(admin_client, cause):
    (form,) = forms_with(look_at(admin_client, page_of(cause)), "Release all")
    press(admin_client, page_of(cause.holds.earliest("pk")), "Discard")
    late = cause.holds.latest("pk")
    late.state = "superseded"
    late.save()
    joined = make_hold(late.link, destination_from=70)
    page = admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert "Released: 4 of 6 reviews. Left alone: 2." in page
    assert "1 more began since then: they still need review." in page
    joined.refresh_from_db()
    assert (joined.state, joined.cause) == ("open", cause)
    states = sorted(StockHold.objects.values_list("state", flat=True))
    assert states == ["discarded", "open", "released", "released", "released", "released", "superseded"]
    again = admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert "Released: 0 of 6 reviews." in again


def test_a_form_that_does_not_say_what_was_shown_decides_nothing(admin_client, cause):
    page = admin_client.post(f"/admin/syncing/holdcause/{cause.pk}/do/release_all/", {}, follow=True)
    assert "did not say what it showed" in page.content.decode()
    assert not StockHold.objects.exclude(state="open").exists()


def test_of_writes_of_unknown_outcome_each_is_looked_at(admin_client, cause):
    StockHold.objects.all().delete()
    rows = StockLink.objects.filter(state="held")
    for pair in rows[:2]:
        adjustment = make_adjustment(pair, 9, 7, state=StockAdjustment.State.UNKNOWN, settled_at=None)
        make_hold(pair, kind="outcome", adjustment=adjustment, reason="The answer was lost.")
    unknown = HoldCause.objects.latest("pk")
    page = look_at(admin_client, page_of(unknown))
    assert "with a write of unknown outcome" in page and "Look at each" in page
    assert not forms_with(page, "Release all")
    url = f"/admin/syncing/holdcause/{unknown.pk}/do/release_all/"
    assert (
        "does not apply any more" in admin_client.post(url, {"newest": 9**9, "shown": 2}, follow=True).content.decode()
    )
    assert not StockHold.objects.exclude(state="open").exists()


def test_who_is_limited_to_some_stores_sees_and_decides_theirs_alone(cause):
    client, user = member_of("Support agent"), User.objects.get()
    limit = StoreLimit.objects.create(user=user)
    limit.stores.set(Store.objects.filter(name__in=["Main", "West"]))
    assert "3 need review" in look_at(client, page_of(cause))
    assert "Released: 3 of 3 reviews." in press(client, page_of(cause), "Release all")
    left = StockHold.objects.filter(state="open")
    assert {hold.connection.destination.name for hold in left} == {"North"}
    limit.stores.set(Store.objects.filter(name="Main"))
    assert "Main: " not in look_at(client, list_of(CAUSES))
    assert "Nothing needs attention" in look_at(client, "/admin/attention/")


def test_a_viewer_sees_and_decides_nothing(cause):
    client = member_of("Viewer")
    page = look_at(client, page_of(cause))
    assert "Main: 3 items fell to 0" in page and not forms_with(page, "Release all")
    url = f"/admin/syncing/holdcause/{cause.pk}/do/release_all/"
    assert client.post(url, {"newest": 9**9, "shown": 6}).status_code == 403
    assert not StockHold.objects.exclude(state="open").exists()
