"""“Not ours” on the page of an order, and the lists of those that wait for links or were linked since."""

import pytest

from orders.models import OrderImport, OrderImportLine
from tests.support.console.orders import make_import, make_line, make_order_rows
from tests.support.console.press import forms_with, list_of, look_at, page_of, press

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = "orders_orderimport"
WAITS = {"state": "waiting", "waits_for": "links"}


@pytest.fixture
def rows():
    return make_order_rows()


def listed(client, query):
    page = look_at(client, list_of(ORDERS) + query)
    return {row.order_name for row in OrderImport.objects.all() if f"/admin/orders/orderimport/{row.pk}/" in page}


@pytest.mark.parametrize(
    ("fields", "is_offered"),
    [
        (WAITS, True),
        ({"state": "skipped", "late_links": "wanted"}, True),
        ({"state": "skipped", "late_links": "linked"}, True),
        ({"is_partial": True, "late_links": "linked"}, True),
        ({"is_partial": True, "late_links": "wanted"}, True),
        ({"state": "skipped", "late_links": "ended"}, False),
        ({"state": "waiting", "waits_for": "payment"}, False),
        ({"state": "skipped"}, False),
        ({"is_partial": True}, False),
        ({}, False),
    ],
)
def test_not_ours_is_offered_where_links_are_wanted_and_ends_it(admin_client, rows, fields, is_offered):
    row = make_import(rows.connection, **fields)
    line = make_line(row, state=OrderImportLine.State.LEFT_OUT, is_pending=is_offered)
    assert bool(forms_with(look_at(admin_client, page_of(row)), "Not ours")) == is_offered
    if not is_offered:
        return
    press(admin_client, page_of(row), "Not ours")
    row.refresh_from_db()
    line.refresh_from_db()
    assert (row.late_links, line.is_pending) == ("ended", False)
    assert row.state in ("skipped", "confirmed")
    page = look_at(admin_client, page_of(row))
    assert "Not ours" in page and not forms_with(page, "Not ours")


def test_the_lists_hold_what_waits_and_what_was_linked_since(admin_client, rows):
    make_import(rows.connection, 1, **WAITS)
    make_import(rows.connection, 2, state="skipped", late_links="wanted")
    make_import(rows.connection, 3, state="skipped", late_links="linked")
    make_import(rows.connection, 4, is_partial=True, late_links="linked")
    make_import(rows.connection, 5, state="skipped", late_links="ended")
    make_import(rows.connection, 6)
    assert listed(admin_client, "?standing=links") == {"#1", "#2"}
    assert listed(admin_client, "?standing=linked") == {"#3", "#4"}
    assert listed(admin_client, "?standing=attention") == {"#1", "#3", "#4"}


def test_import_again_of_what_lacks_a_line_has_it_added_and_is_offered_no_more(admin_client, rows):
    row = make_import(rows.connection, late_links="linked", is_partial=True)
    line = make_line(row, state="left_out", source_variant=rows.link.source_variant, is_pending=True)
    press(admin_client, page_of(row), "Import again")
    row.refresh_from_db()
    line.refresh_from_db()
    assert (row.late_links, row.is_partial, row.original_signs) == ("", False, 1)
    assert (line.state, line.is_pending, line.quantity) == (OrderImportLine.State.PLANNED, False, 0)
    assert line.owed_quantity == line.original_quantity > 0
    assert not forms_with(look_at(admin_client, page_of(row)), "Import again")
