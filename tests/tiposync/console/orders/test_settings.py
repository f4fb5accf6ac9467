"""How a connection carries orders, on its page: only its strategy's choices, checked, and what waited goes on."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from orders.models import OrderImport, OrderSettings
from stores.models import Connection
from syncing.models import SyncJob
from tests.support.console.orders import ORDER_GID, make_failed, make_import, make_order_rows
from tests.support.console.press import look_at, page_of
from tests.support.console.rows import make_rows
from tests.tiposync.console.stores.test_connections import form_of

pytestmark = pytest.mark.django_db(transaction=True)

PREFIX = "order_settings-0-"
CHOICES = {
    "when": "created",
    "review_hours": "",
    "payment_status": "same",
    "inventory_behaviour": "decrement_ignoring",
    "name_pattern": "",
    "sends_invoice": "",
    "reserve_days": "7",
    "unlinked": "leave_out",
    "currency_rate": "",
    "is_main": "",
    "shows_unlinked": "on",
    "follows_place": "on",
    "shares_charges": "value",
    "contact": "customer",
    "contact_email": "",
    "carries_tags": "",
    "carries_company": "",
    "carries_fulfilments": "on",
    "notifies_customers": "",
    "carries_cancellations": "on",
    "restocks": "on",
    "carries_refunds": "on",
    "copy_changes": "report",
    "notice_addresses": "anna@example.com",
    "notifies_new": "on",
    "notifies_partial": "on",
    "notifies_failed": "on",
    "notifies_needs_shop": "on",
}


@pytest.fixture
def rows():
    return make_order_rows()


def inputs_of(page):
    return {name for name in CHOICES if f'name="{PREFIX}{name}"' in page}


def save(client, connection, **choices):
    """Save the page of a connection with these choices of its orders, and what it shows then."""
    stored = OrderSettings.objects.filter(connection=connection).first()
    form = form_of(connection) | {
        "order_settings-TOTAL_FORMS": 1,
        "order_settings-INITIAL_FORMS": 1 if stored else 0,
        f"{PREFIX}id": stored.pk if stored else "",
        f"{PREFIX}connection": connection.pk,
    }
    form |= {f"{PREFIX}{name}": value for name, value in (CHOICES | choices).items() if value != ""}
    response = client.post(page_of(connection), form, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_a_connection_that_carries_no_orders_shows_no_choices_for_them(admin_client, strategy):
    assert inputs_of(look_at(admin_client, page_of(make_rows(strategy).connection))) == set()


def test_a_real_order_shows_its_own_choices_and_a_draft_its_own(admin_client, rows):
    shown = inputs_of(look_at(admin_client, page_of(rows.connection)))
    assert shown == set(CHOICES) - {"sends_invoice", "reserve_days"}
    Connection.objects.update(strategy="draft_order")
    shown = inputs_of(look_at(admin_client, page_of(rows.connection)))
    assert shown == set(CHOICES) - {"payment_status", "inventory_behaviour", "name_pattern", "follows_place"}


def test_every_choice_has_a_help_text_or_choices_that_say_it(admin_client, rows):
    page = look_at(admin_client, page_of(rows.connection))
    assert "already lowers what the source offers" in page
    assert "Leave the source&#x27;s stock alone (staff lower it)" in page
    assert "Who gets these mails" in page


def test_the_settings_of_a_connection_that_has_none_yet_are_the_defaults_and_are_saved(admin_client):
    rows = make_rows("order")
    page = look_at(admin_client, page_of(rows.connection))
    assert re.search(r'<option value="decrement_ignoring" selected', page)
    assert not OrderSettings.objects.exists()  # looking at a page changes nothing
    save(admin_client, rows.connection, payment_status="paid")
    assert OrderSettings.objects.get().payment_status == "paid"
    assert OrderSettings.objects.get().addresses() == ["anna@example.com"]


def test_a_changed_choice_is_saved_and_stands_in_the_history(admin_client, rows):
    save(admin_client, rows.connection, unlinked="hold", carries_refunds="", notifies_customers="on")
    choices = OrderSettings.objects.get()
    assert (choices.unlinked, choices.carries_refunds, choices.notifies_customers) == ("hold", False, True)
    assert "order settings" in look_at(admin_client, page_of(rows.connection, "history"))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"notice_addresses": "anna@example.com, ben"}, "“ben” is not an e-mail address."),
        ({"name_pattern": "{store}"}, "It needs {name} or {number}"),
        ({"name_pattern": "{name}-{year}"}, "can stand in braces"),
        ({"currency_rate": "0"}, "greater than or equal to"),
        ({"currency_rate": "much"}, "Enter a number."),
        ({"unlinked": "guess"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said_where_it_was_entered(admin_client, rows, choices, words):
    before = OrderSettings.objects.values().get()
    assert words in save(admin_client, rows.connection, **choices)
    assert OrderSettings.objects.values().get() == before


@pytest.mark.parametrize("days", ["61", "-1"])
def test_a_reservation_has_a_longest_time(admin_client, days):
    rows = make_order_rows("draft_order")
    save(admin_client, rows.connection, reserve_days=days)
    assert OrderSettings.objects.get().reserve_days == 7


def test_what_waited_or_lacked_a_setting_is_taken_up_again_when_they_change(admin_client, rows):
    make_failed(rows.connection, 1, failure="misconfigured", reason="No currency rate.")
    make_import(rows.connection, 2, state="waiting", waits_for="payment")
    make_failed(rows.connection, 3, failure="rejected")
    make_import(rows.connection, 4)
    save(admin_client, rows.connection, currency_rate="1.1")
    jobs = SyncJob.objects.filter(kind="import_order").values_list("arguments__order_gid", flat=True)
    assert sorted(jobs) == [ORDER_GID(1), ORDER_GID(2)]
    assert OrderImport.objects.get(order_gid=ORDER_GID(3)).state == "failed"


def test_saving_without_a_change_takes_nothing_up(admin_client, rows):
    make_failed(rows.connection, 1, failure="misconfigured")
    OrderSettings.objects.update(notice_addresses="anna@example.com")
    save(admin_client, rows.connection)
    assert not SyncJob.objects.filter(kind="import_order").exists()


def test_a_strategy_that_begins_to_carry_orders_leads_to_its_choices(admin_client):
    connection = make_rows().connection
    response = admin_client.post(page_of(connection), form_of(connection, strategy="order"), follow=True)
    assert "Choose at the bottom of this page how its orders" in response.content.decode()
    assert f'name="{PREFIX}when"' in response.content.decode()


def test_the_stock_rules_are_offered_to_connections_that_carry_orders_too(admin_client, rows):
    page = look_at(admin_client, page_of(rows.connection))
    assert "strategy != &#x27;two_way&#x27;" in page


def test_somebody_who_may_only_look_sees_the_choices_and_cannot_change_them(rows, django_user_model):
    viewer = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_connection"))
    client = Client()
    client.force_login(viewer)
    page = look_at(client, page_of(rows.connection))
    assert "payment status of the copy" in page.lower()
    assert inputs_of(page) == set()


def test_deleting_a_connection_forgets_no_order_and_says_so(admin_client, rows):
    made = make_import(rows.connection)
    Connection.objects.update(state="ended")
    assert "Which copies belong to which orders stays known" in look_at(
        admin_client, page_of(rows.connection, "delete")
    )
    admin_client.post(page_of(rows.connection, "delete"), {"post": "yes"})
    assert type(made).objects.filter(pk=made.pk, connection__state="removed").exists()


def test_the_choices_of_people_are_saved_and_hours_are_at_least_one(admin_client, rows):
    save(admin_client, rows.connection, when="review", review_hours="6", copy_changes="carry", notifies_needs_shop="")
    choices = OrderSettings.objects.get()
    assert not choices.refunds_customer
    chosen = (choices.when, choices.review_hours, choices.copy_changes, choices.notifies_needs_shop)
    assert chosen == ("review", 6, "carry", False)
    assert "greater than or equal to 1" in save(admin_client, rows.connection, when="review", review_hours="0")
