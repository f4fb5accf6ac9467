"""Every change of the configuration is in the history with its author, whoever made it and however."""

import json

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection as db

from orders.models import OrderSettings
from stores import history
from stores.models import CatalogueSettings, ConfigurationChange, Connection, CurrencyRate, Store
from tests.support.console.press import list_of, look_at, page_of, pause
from tests.support.console.rows import SECRET, make_rows
from tiposync.console.kit.pages import ReadOnlyPage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    rows = make_rows()
    ConfigurationChange.objects.all().delete()
    return rows


def last() -> ConfigurationChange:
    return ConfigurationChange.objects.latest("pk")


def test_a_button_at_the_console_is_its_users_change(admin_client, rows):
    pause(admin_client, rows.connection)
    change = ConfigurationChange.objects.get()
    assert (change.author, change.kind, change.table) == ("admin", "update", "stores_connection")
    assert change.fields == {"is_paused": [False, True]}  # and nothing of when and by whom: that stands beside it


def test_what_follows_on_the_same_database_connection_is_not_that_users(admin_client, rows):
    pause(admin_client, rows.connection)
    Connection.objects.update(cap_quantity=5)
    assert (last().author, last().fields) == ("", {"cap_quantity": [None, 5]})


def test_an_update_that_passes_by_the_orm_is_recorded_with_the_program(rows):
    with db.cursor() as cursor:
        cursor.execute("SET application_name = 'tiposync connect_stores by ada'")
        cursor.execute("UPDATE stores_connection SET strategy = 'two_way'")
        cursor.execute("RESET application_name")
    assert (last().program, last().fields) == (
        "tiposync connect_stores by ada",
        {"strategy": ["one_way", "two_way"]},
    )


def test_of_a_secret_it_only_says_that_it_changed(rows):
    for secret in ("shpss_the_next", ""):
        rows.source.client_secret = secret
        rows.source.save()
    first, second = ConfigurationChange.objects.order_by("pk").values_list("fields", flat=True)
    assert first == {"client_secret": ["(secret)", "(another secret)"]}
    assert second == {"client_secret": ["(secret)", ""]}


def test_what_workers_write_is_no_change_of_configuration(rows):
    store = Store.objects.filter(pk=rows.source.pk)
    store.update(bucket_available=3, status="disconnected", check_report={"a": 1}, access_token="renewed by itself")
    Connection.objects.update(reconciled_at="2026-10-01T00:00:00Z")
    assert not ConfigurationChange.objects.exists()


def test_a_fixed_token_that_is_replaced_is_recorded(rows):
    Store.objects.filter(pk=rows.source.pk).update(auth="static_token", access_token="shpat_one")
    Store.objects.filter(pk=rows.source.pk).update(access_token="shpat_two")
    assert last().fields == {"access_token": ["(secret)", "(another secret)"]}
    assert "shpat" not in json.dumps(list(ConfigurationChange.objects.values_list("fields", flat=True)))


def test_a_changed_catalogue_is_recorded_and_what_workers_write_to_it_is_not(admin_client, rows):
    row = CatalogueSettings.objects.create(connection=rows.connection)
    ConfigurationChange.objects.all().delete()
    CatalogueSettings.objects.update(polled_at="2026-10-01T00:00:00Z", content_cursors={"page": "x"}, synced_with="d")
    assert not ConfigurationChange.objects.exists()
    row.field_policies["price"] = "ignore"
    row.save(update_fields=["field_policies", "changed_at"])
    assert list(last().fields) == ["field_policies"]
    page = look_at(admin_client, list_of("stores_configurationchange"))
    assert "fields: price sync → ignore" in page


def test_rates_and_choices_about_orders_are_recorded(rows):
    CurrencyRate.objects.create(base="EUR", quote="USD", rate="1.1", valid_from="2026-01-01")
    assert (last().table, last().fields["quote"]) == ("stores_currencyrate", [None, "USD"])
    settings = OrderSettings.objects.create(connection=rows.connection)
    OrderSettings.objects.filter(pk=settings.pk).update(unlinked="hold")
    assert (last().table, last().fields) == ("orders_ordersettings", {"unlinked": ["leave_out", "hold"]})


def test_adding_and_removing_are_recorded(rows):
    Connection.objects.all().delete()
    kinds = set(ConfigurationChange.objects.values_list("kind", "table"))
    assert {("delete", "stores_connection"), ("delete", "stores_locationmapping")} <= kinds
    User.objects.create_user("new", password="correct-horse")
    assert (last().kind, last().row_name, last().fields["password"]) == ("insert", "new", ["", "(secret)"])


def test_the_page_shows_who_changed_what_and_no_secret(admin_client, rows):
    pause(admin_client, rows.source)
    rows.source.client_secret = "shpss_the_next"
    rows.source.save(update_fields=["client_secret"])
    page = look_at(admin_client, list_of("stores_configurationchange"))
    assert "paused: no → yes" in page
    assert "client secret: (secret) → (another secret)" in page
    assert "Background worker" in page
    page += look_at(admin_client, page_of(last()))
    assert SECRET not in page and "shpss_the_next" not in page


def test_every_table_that_is_edited_at_the_console_is_watched():
    edited = {
        model._meta.db_table for model, page in admin.site._registry.items() if not isinstance(page, ReadOnlyPage)
    }
    inlines = {inline.model._meta.db_table for page in admin.site._registry.values() for inline in page.inlines or ()}
    watched = {one.table for one in history.WATCHED}
    assert edited | inlines - {"stores_location"} <= watched  # locations are read from Shopify
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE tgname = 'record_change'"
        )
        assert {name for (name,) in cursor.fetchall()} == watched


def test_every_column_that_is_named_exists():
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    for one in history.WATCHED:
        columns = {field.column for field in models[one.table]._meta.concrete_fields}
        assert {*one.ignored, *one.secret, *filter(None, [one.name])} <= columns, one.table


def test_every_encrypted_column_is_a_secret():
    for model in apps.get_models():
        encrypted = {f.column for f in model._meta.concrete_fields if type(f).__name__ == "EncryptedTextField"}
        secret = {name for one in history.WATCHED if one.table == model._meta.db_table for name in one.secret}
        assert encrypted <= secret, model
