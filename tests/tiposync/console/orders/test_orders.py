"""The pages of orders and of what happened to them later: what they tell, and their buttons."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate
from stores.shopify.admin_pages import AT_SHOPIFY
from syncing.models import SyncJob
from tests.support.console.orders import ORDER_GID, make_failed, make_import, make_line, make_order_rows, make_update
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import NASTY, SECRET

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS, CHANGES = "orders_orderimport", "orders_orderupdate"
TIMELINE = "/admin/syncing/stocklink/timeline/{}/".format


@pytest.fixture
def rows(settings):
    settings.SHOPIFY_BASE_URL = AT_SHOPIFY
    return make_order_rows()


def queued(kind):
    return list(SyncJob.objects.filter(kind=kind, state="queued").values_list("arguments__order_gid", flat=True))


def buttons(client, row):
    names = ("Import again", "Send again", "Look at the draft", "Give up")
    page = look_at(client, page_of(row))
    return [name for name in names if forms_with(page, name)]


def listed(client, query):
    page = look_at(client, list_of(ORDERS) + query)
    return {row.order_name for row in OrderImport.objects.all() if f"/admin/orders/orderimport/{row.pk}/" in page}


def test_without_orders_the_list_says_when_there_will_be_some(admin_client):
    assert "Orders appear when a destination sells something" in look_at(admin_client, list_of(ORDERS))


def test_the_list_shows_both_orders_their_totals_and_links_to_both_stores(admin_client, rows):
    make_import(rows.connection)
    page = look_at(admin_client, list_of(ORDERS))
    assert 'href="https://admin.shopify.com/store/north/orders/1001"' in page
    assert 'href="https://admin.shopify.com/store/main/orders/2001"' in page
    assert page.count(">12.30 EUR") == 2
    assert "Main → North" in page
    assert 'rel="noopener noreferrer"' in page


def test_a_completed_draft_leads_to_the_draft_and_to_the_order_it_became(admin_client, rows):
    row = make_import(rows.connection, is_draft=True, draft_status="completed", copy_order_gid=ORDER_GID(77))
    page = look_at(admin_client, page_of(row))
    assert "store/main/draft_orders/2001" in page
    assert "store/main/orders/77" in page
    assert "Draft: completed" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "planned"}, "Planned"),
        ({"state": "waiting", "waits_for": "payment"}, "Waits for payment"),
        ({"state": "waiting", "waits_for": "links"}, "Waits for links"),
        ({"state": "sent"}, "Sent, answer unknown"),
        ({"state": "skipped", "reason": "It is a test order."}, "It is a test order."),
        ({"state": "failed", "failure": "rejected", "reason": "Shopify said no."}, "Shopify said no."),
        ({"is_partial": True}, "Partial"),
        ({"is_draft": True}, "Draft: open"),
    ],
)
def test_each_state_is_told_in_words_on_the_list_and_on_the_page(admin_client, rows, fields, words):
    row = make_import(rows.connection, **fields)
    assert words in look_at(admin_client, list_of(ORDERS))
    page = look_at(admin_client, page_of(row))
    assert words in page
    assert "What to do:" in page


def test_an_order_without_a_total_or_a_name_is_still_shown(admin_client, rows):
    empty = {"order_name": "", "original_total": None, "original_currency": "", "placed_at": None}
    row = make_import(rows.connection, 5005, state="planned", **empty)
    assert "5005" in look_at(admin_client, list_of(ORDERS))
    assert "store/north/orders/5005" in look_at(admin_client, page_of(row))


def test_the_page_tells_each_line_with_its_state_reason_and_partner(admin_client, rows):
    row = make_import(rows.connection, state="failed")
    make_line(row, "Linked sock", source_variant=rows.link.source_variant, is_pending=True, state="planned")
    make_line(row, "Lonely scarf", state="left_out", reason="It is not linked.")
    page = look_at(admin_client, page_of(row))
    assert "reserved units" in page
    assert TIMELINE(rows.link.pk) in page
    assert "Left out" in page
    assert "It is not linked." in page
    assert f"/admin/stores/variantlink/?connection={rows.connection.pk}&amp;doubt=open" in page


def test_a_partial_copy_says_how_much_is_missing(admin_client, rows):
    row = make_import(rows.connection, is_partial=True)
    for state in ("carried", "carried", "left_out"):
        make_line(row, state=state)
    for url in (list_of(ORDERS), page_of(row)):
        assert "Lines that are not in the copy: 1 of 3." in look_at(admin_client, url)


def test_the_page_tells_what_happened_later(admin_client, rows):
    row = make_import(rows.connection)
    make_update(row, reason="The copy is fulfilled already.")
    page = look_at(admin_client, page_of(row))
    assert "Refund, to the copy" in page
    assert "The copy is fulfilled already." in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?standing=unfinished", {"#1", "#2", "#3", "#8"}),
        ("?standing=attention", {"#1", "#3", "#6", "#8", "#9"}),
        ("?standing=review", {"#8"}),
        ("?standing=shop", {"#9"}),
        ("?standing=payment", {"#2"}),
        ("?standing=links", {"#3"}),
        ("?standing=partial", {"#4"}),
        ("?standing=drafts", {"#5"}),
        ("?standing=changes", {"#6"}),
        ("?state__exact=failed", {"#1"}),
        ("?q=%236", {"#6"}),
        ("?q=%231004", {"#4"}),
        ("?q=1005", {"#5"}),
        ("?q=gid://shopify/Order/2", {"#2"}),
    ],
)
def test_the_filters_and_the_search_find_what_they_say(admin_client, rows, query, names):
    make_failed(rows.connection, 1)
    make_import(rows.connection, 2, state="waiting", waits_for="payment")
    make_import(rows.connection, 3, state="waiting", waits_for="links")
    make_import(rows.connection, 4, is_partial=True)
    make_import(rows.connection, 5, is_draft=True)
    make_update(make_import(rows.connection, 6))
    make_import(rows.connection, 7, is_draft=True, draft_status="completed")
    make_import(rows.connection, 8, state="waiting", waits_for="review")
    make_update(make_import(rows.connection, 9), state="needs_shop", kind="copy_changed")
    assert listed(admin_client, query) == names


def test_unfinished_orders_sort_by_their_age(admin_client, rows):
    for number, days in ((1, 1), (2, 9), (3, 4)):
        row = make_failed(rows.connection, number)
        OrderImport.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=days))
    page = look_at(admin_client, list_of(ORDERS) + "?standing=unfinished&o=7")
    ages = [page.index(f">{words} ago<") for words in ("1\xa0week", "4\xa0days", "1\xa0day")]
    assert ages == sorted(ages)


def test_a_list_of_many_orders_asks_no_more_than_one_of_few(admin_client, rows, django_assert_max_num_queries):
    for number in range(40):
        make_line(make_failed(rows.connection, number + 1))
    with django_assert_max_num_queries(20):
        look_at(admin_client, list_of(ORDERS))


def test_the_page_of_a_long_order_asks_no_more_than_one_of_a_short(admin_client, rows, django_assert_max_num_queries):
    row = make_import(rows.connection)
    for _ in range(40):
        make_line(row, source_variant=rows.link.source_variant)
        make_update(row)
    with django_assert_max_num_queries(24):
        look_at(admin_client, page_of(row))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "planned"}, ["Give up"]),
        ({"state": "waiting", "waits_for": "links"}, ["Import again", "Give up"]),
        ({"state": "failed"}, ["Import again", "Give up"]),
        ({"state": "failed", "attempts": 1}, ["Import again", "Give up"]),
        ({"state": "skipped"}, ["Import again"]),
        ({"state": "sent", "attempts": 1}, ["Send again"]),
        ({}, []),
        ({"is_draft": True}, ["Look at the draft"]),
        ({"is_draft": True, "draft_status": "completed"}, []),
    ],
)
def test_only_the_buttons_that_apply_are_on_the_page(admin_client, rows, fields, expected):
    assert buttons(admin_client, make_import(rows.connection, **fields)) == expected


def test_a_failed_order_is_imported_again_and_the_history_says_by_whom(admin_client, rows, admin_user):
    row = make_failed(rows.connection)
    press(admin_client, page_of(row), "Import again")
    row.refresh_from_db()
    assert (row.state, row.reason, row.failure) == ("planned", "", "")
    assert queued("import_order") == [row.order_gid]
    entry = LogEntry.objects.get()
    assert (entry.user, "Import again" in entry.get_change_message()) == (admin_user, True)


def test_an_order_of_unknown_outcome_is_looked_for_and_then_sent_without_waiting(admin_client, rows):
    later = timezone.now() + timedelta(hours=1)
    row = make_import(rows.connection, state="sent", attempts=1, looks=1, look_up_until=later)
    press(admin_client, page_of(row), "Send again")
    row.refresh_from_db()
    assert (row.state, row.attempts, row.may_send_again) == ("sent", 1, True)  # the import looks before it sends
    assert queued("import_order") == [row.order_gid]


def test_what_was_taken_up_meanwhile_is_not_pressed_twice(admin_client, rows):
    row = make_failed(rows.connection)
    form = forms_with(look_at(admin_client, page_of(row)), "Import again")[0]
    make = {"state": "confirmed", "copy_gid": ORDER_GID(9), "copy_name": "#9"}
    OrderImport.objects.filter(pk=row.pk).update(**make)
    page = admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert "does not apply any more" in page
    assert queued("import_order") == []


def test_a_draft_is_looked_at(admin_client, rows):
    row = make_import(rows.connection, is_draft=True)
    press(admin_client, page_of(row), "Look at the draft")
    assert queued("import_order") == [row.order_gid]


def test_giving_up_lets_the_units_go_and_the_stock_is_planned_again(admin_client, rows):
    row = make_failed(rows.connection)
    line = make_line(row, source_variant=rows.link.source_variant, is_pending=True)
    press(admin_client, page_of(row), "Give up")
    for each in (row, line, rows.stock_link):
        each.refresh_from_db()
    assert (row.state, row.reason) == ("skipped", "Given up by admin.")
    assert not line.is_pending
    assert rows.stock_link.dirty_sequence > rows.stock_link.settled_sequence
    assert SyncJob.objects.filter(kind="carry_stock").exists()


def test_many_are_imported_again_at_once_and_copied_ones_are_left_alone(admin_client, rows):
    failed = [make_failed(rows.connection, number) for number in (1, 2)]
    copied, sent = make_import(rows.connection, 3), make_import(rows.connection, 4, state="sent", attempts=1)
    page = act(admin_client, ORDERS, "import_selected_again", [*failed, copied, sent])
    assert "Being imported again: 2." in page
    assert sorted(queued("import_order")) == [ORDER_GID(1), ORDER_GID(2)]
    assert LogEntry.objects.count() == 2


def test_a_failed_change_is_tried_again(admin_client, rows):
    update = make_update(make_import(rows.connection))
    press(admin_client, page_of(update), "Try again")
    update.refresh_from_db()
    assert (update.state, update.reason) == ("planned", "")
    assert queued("update_order") == [ORDER_GID(1001)]


def test_many_failed_changes_are_tried_again_and_done_ones_are_left_alone(admin_client, rows):
    row = make_import(rows.connection)
    updates = [make_update(row), make_update(row), make_update(row, state="confirmed")]
    assert "Being synced again: 2." in act(admin_client, CHANGES, "try_selected_again", updates)
    assert OrderUpdate.objects.filter(state="planned").count() == 2
    assert not forms_with(look_at(admin_client, page_of(updates[2])), "Try again")


def test_later_changes_are_found_by_the_order_and_by_the_connection(admin_client, rows):
    make_update(make_import(rows.connection), reason="Shopify said no.")
    for query in ("?q=%231001", f"?connection={rows.connection.pk}", "?state__exact=failed"):
        assert "Shopify said no." in look_at(admin_client, list_of(CHANGES) + query)
    assert "Shopify said no." not in look_at(admin_client, list_of(CHANGES) + "?q=%239999")


def test_the_sidebar_counts_what_wants_attention(admin_client, rows):
    make_failed(rows.connection, 1)
    make_import(rows.connection, 2, state="waiting", waits_for="links")
    make_import(rows.connection, 3, state="waiting", waits_for="payment")
    for number, state in ((4, "needs_shop"), (5, "failed"), (6, "confirmed")):
        make_update(make_import(rows.connection, number), state=state)
    items = admin_client.get(list_of(ORDERS)).context["sidebar_navigation"]
    badges = {item["title"]: item.get("badge") for group in items for item in group["items"]}
    assert badges["Orders"] == "4"


def test_the_dashboard_and_the_connection_tell_of_orders_without_a_copy(admin_client, rows):
    make_failed(rows.connection, 1)
    make_import(rows.connection, 2, state="waiting", waits_for="links")
    own = f"connection={rows.connection.pk}"
    for url in ("/admin/", page_of(rows.connection)):
        page = look_at(admin_client, url)
        assert f"/admin/orders/orderimport/?standing=unfinished&amp;{own}" in page
        assert f"/admin/orders/orderimport/?standing=links&amp;{own}" in page
        assert f"/admin/orders/orderimport/?state__exact=failed&amp;{own}" in page
    assert "Oldest order" in look_at(admin_client, "/admin/")
    assert f"?standing=unfinished&amp;{own}" in look_at(admin_client, list_of("stores_connection"))


def test_the_timeline_of_an_item_tells_when_it_was_ordered_and_copied(admin_client, rows):
    row = make_import(rows.connection)
    make_line(row, source_variant=rows.link.source_variant)
    waiting = make_failed(rows.connection, 1002)
    make_line(waiting, source_variant=rows.link.source_variant, is_pending=True, quantity=5)
    page = look_at(admin_client, TIMELINE(rows.link.pk))
    assert "#2001, the copy of #1001" in page
    assert "5 sold" in page
    assert "units reserved: their order is not imported yet" in page
    assert f"/admin/orders/orderimport/{waiting.pk}/change/" in page


def test_nothing_that_strangers_wrote_reaches_a_page_as_html_and_no_secret_does(admin_client, rows):
    row = make_failed(rows.connection, order_name=NASTY, reason=NASTY, copy_name=NASTY, copy_gid=ORDER_GID(3))
    make_line(row, NASTY, state="left_out", reason=NASTY)
    update = make_update(row, reason=NASTY)
    for url in (list_of(ORDERS), list_of(CHANGES), page_of(row), page_of(update)):
        page = look_at(admin_client, url)
        assert NASTY not in page
        assert "&lt;script&gt;" in page
        assert SECRET not in page


def test_somebody_who_may_only_look_has_no_buttons_and_cannot_press_them(rows, django_user_model):
    viewer = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=["view_orderimport", "view_orderupdate"]))
    client = Client()
    client.force_login(viewer)
    row = make_failed(rows.connection)
    update = make_update(row)
    assert buttons(client, row) == []
    assert 'value="import_selected_again"' not in look_at(client, list_of(ORDERS))
    assert client.post(f"/admin/orders/orderimport/{row.pk}/do/import_again/").status_code == 403
    assert client.post(f"/admin/orders/orderupdate/{update.pk}/do/try_again/").status_code == 403
    assert queued("import_order") == queued("update_order") == []


def test_nobody_adds_changes_or_deletes_an_order_by_hand(admin_client, rows):
    row = make_failed(rows.connection)
    assert 'name="_save"' not in look_at(admin_client, page_of(row))
    assert admin_client.post(page_of(row), {"state": "confirmed"}).status_code == 403
    assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/orders/orderimport/add/").status_code == 403
