"""Views of lists, what needs attention, and the menu: each number leads to exactly the rows that it counts."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from stores.models import Store
from syncing.models import Alert, StockHold, SyncJob
from tests.security import site
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_job, make_rows
from tiposync.console.home import attention, sidebar
from tiposync.console.kit import views
from tiposync.console.kit.list_views import VIEWS

pytestmark = pytest.mark.django_db(transaction=True)

INBOX = "/admin/attention/"


def rows_shown(client: Client, url: str) -> int:
    """How many rows a list has, by its page."""
    return len(client.get(url).context_data["cl"].queryset)


def test_every_view_shows_the_rows_that_it_counts(admin_client):
    make_troubles()
    counted = 0
    for label, own in VIEWS.items():
        url = list_of(label.replace(".", "_"))
        drawn = {tab["label"]: tab for tab in admin_client.get(url).context_data["views"]}
        assert [view.label for view in own] == list(drawn)
        for view in own:
            answer = admin_client.get(f"{url}?{view.query}")
            assert answer.status_code == 200, f"{label}: {view.label}"
            count = len(answer.context_data["cl"].queryset)
            badge = drawn[view.label]["badge"]
            assert int(badge or 0) == (count if view.rows else 0), f"{label}: {view.label}"
            active = [tab["label"] for tab in answer.context_data["views"] if tab["is_active"]]
            assert active == [view.label], f"{label}: {view.label}"
            counted += bool(badge)
    assert counted > 10


def make_troubles() -> None:
    """A row of each kind, and more that needs attention."""
    rows = site.make_site()
    Store.objects.filter(pk=rows["stores.store"].pk).update(status="attention")
    SyncJob.objects.update(state="failed")
    rows["stores.variantlink"].__class__.objects.update(state="unmatched", destination_variant=None)
    Alert.objects.create(
        kind="overdue",
        subject="connection 1",
        message="Late.",
        opened_at="2026-01-01T00:00Z",
        seen_at="2026-01-01T00:00Z",
    )


def test_each_number_of_the_inbox_leads_to_the_rows_it_counts_and_their_sum_is_on_every_page(admin_client):
    make_troubles()
    page = look_at(admin_client, INBOX)
    lines = re.findall(r'<li><a href="([^"]+)"><b>(\d+)</b> <span>([^<]+)</span></a>', page)
    assert len(lines) > 6
    for url, count, words in lines:
        assert rows_shown(admin_client, url.replace("&amp;", "&")) == int(count), words
    total = sum(int(count) for _, count, words in lines if words != "Variants without a partner")
    for url in (INBOX, "/admin/", list_of("stores_store"), reverse("admin:stores_store_add")):
        assert f'aria-label="Needs attention: {total}"' in look_at(admin_client, url), url

    groups = admin_client.get("/admin/").context_data["sidebar_navigation"]
    badges = [item for group in groups for item in group["items"] if item.get("badge_link")]
    assert len(badges) > 4
    for item in badges:  # of the menu
        assert rows_shown(admin_client, item["badge_link"]) == int(item["badge"]), item["title"]


def test_the_menu_has_eighteen_lines_and_folds_the_system(admin_client):
    page = look_at(admin_client, "/admin/")
    groups = admin_client.get("/admin/").context_data["sidebar_navigation"]
    open_lines = [item["title"] for group in groups if not group.get("is_folded") for item in group["items"]]
    folded = [group["title"] for group in groups if group.get("is_folded")]
    assert len(open_lines) + len(folded) <= 18
    assert folded == ["System"] and '<details class="console-menu">' in page
    assert '<details class="console-menu" open>' in look_at(admin_client, list_of("syncing_syncjob"))


def test_lists_without_a_line_of_their_own_are_tabs_of_one_that_has(admin_client):
    lines = {label for _, _, label in sidebar.LINES} | {row[2] for _, rows in sidebar.GROUPS for row in rows}
    beside = {label for lists in sidebar.RELATED for _, label in lists}
    models = {f"{m._meta.app_label}.{m._meta.model_name}" for m in attention.admin.site._registry}
    assert models - lines - beside == set()
    page = look_at(admin_client, list_of("syncing_stockhold"))
    assert f'href="{list_of("syncing_stocklink")}"' in page and "Needs review" in page


def test_nothing_needs_attention(admin_client):
    page = look_at(admin_client, INBOX)
    assert "Nothing needs attention" in page and 'aria-label="Needs attention: nothing"' in page


def test_the_filters_that_are_on_are_chips_that_take_themselves_off(admin_client):
    rows = make_rows()
    make_job(rows.connection, state="failed", failure="bug")
    url = list_of("syncing_syncjob")
    chips = admin_client.get(f"{url}?state__exact=failed&failure__exact=bug&q=x&o=1").context_data["chips"]
    assert [chip["words"].split(":")[0] for chip in chips] == ["State", "Failure"]
    assert chips[0] == {"words": "State: Failed", "url": "?failure__exact=bug&q=x&o=1"}
    assert not admin_client.get(f"{url}?q=x").context_data["chips"]


def test_no_more_is_counted_than_anybody_reads(monkeypatch):
    rows = make_rows()
    monkeypatch.setattr(views, "LARGEST_COUNT", 2)
    for number in range(4):
        make_job(rows.connection, subject=f"s{number}", state="failed")
    jobs = SyncJob.objects.filter(state="failed")
    assert views.count_each([jobs, jobs.none(), StockHold.objects.all()]) == [3, 0, 0]
    assert [views.count_words(count) for count in (0, 2, 3)] == ["0", "2", "2+"]
    assert views.count_each([]) == [] and views.count_each([jobs.none()]) == [0]
