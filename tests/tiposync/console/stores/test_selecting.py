"""Which products take part, in the console and on the command line: what is asked first, and what follows."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from stores.models import Connection, Product, Store, VariantLink
from syncing.models import StockLink, SyncJob
from tests.support.console.press import forms_with, list_of, look_at, page_of
from tests.support.console.rows import make_link, make_rows, make_stock_link
from tests.tiposync.console.stores.test_connections import save
from tests.tiposync.console.stores.test_stores import change

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    """The connection's first item, and Kettle and Lamp with 3 and 5 on sale."""
    made = make_rows()
    for title, units in (("Kettle", 3), ("Lamp", 5)):
        make_stock_link(make_link(made.connection, title, title.upper()), made.mapping, units, units, state="in_step")
    for link in VariantLink.objects.filter(connection=made.connection):
        vendor = "Acme" if link.source_variant.sku == "KETTLE" else "Other"
        Product.objects.get_or_create(
            store=made.connection.source, gid=link.source_variant.product_gid, defaults={"vendor": vendor}
        )
    return made


def left_out(connection):
    rows = connection.links.exclude(left_out="").order_by("source_variant__sku")
    return list(rows.values_list("source_variant__sku", flat=True))


def confirm(client, page):
    [form] = [form for form in forms_with(page, "Save") if ("_selection_seen", "1") in form.inputs.items()]
    return client.post(form.action, form.inputs, follow=True).content.decode()


def test_saving_another_selection_shows_first_what_ends_then_ends_it(admin_client, rows):
    connection = rows.connection
    mappings = [(row.source_location, row.destination_location) for row in connection.mappings.all()]
    fields = {"selected_vendors": "acme", "ending": "zero"}
    page = save(admin_client, connection, mappings, **fields)
    assert "Products that no longer do: 2." in page
    assert "12 units" in page and "set its quantity to 0" in page
    assert (connection.selected_vendors, left_out(connection)) == ([], [])
    page = confirm(admin_client, page)
    connection.refresh_from_db()
    assert connection.selected_vendors == ["acme"]
    assert "LAMP" in left_out(connection) and "KETTLE" not in left_out(connection)
    lamp = StockLink.objects.get(variant_link__source_variant__sku="LAMP")
    assert lamp.ending == "zero"
    page = look_at(admin_client, page_of(lamp.variant_link))
    assert "takes only products with the vendor “acme”" in page
    assert "LAMP" in look_at(admin_client, list_of("stores_variantlink") + "?doubt=left_out")
    assert "takes only products" in look_at(
        admin_client, reverse("admin:syncing_timeline", args=[lamp.variant_link_id])
    )


def test_what_a_source_shares_asks_for_all_its_connections(admin_client, rows):
    store = rows.connection.source
    page = change(admin_client, store, share_tags="b2b", client_secret="typed-beside-it")
    assert "typed-beside-it" not in page and "entered credentials, too" in page
    assert str(rows.connection) in page and "Products that no longer do: 3." in page
    confirm(admin_client, page)
    store.refresh_from_db()
    assert store.share_tags == ["b2b"]
    assert len(left_out(rows.connection)) == 3


def test_a_listed_product_goes_by_its_handle_and_an_unknown_one_is_refused(admin_client, rows):
    kettle = rows.connection.links.get(source_variant__sku="KETTLE").source_variant
    kettle.handle = "kettle"
    kettle.save()
    assert "no product with the handle “toaster”" in save(
        admin_client, rows.connection, selected_product_gids="toaster"
    )
    page = save(admin_client, rows.connection, selected_product_gids="Kettle")
    confirm(admin_client, page)
    rows.connection.refresh_from_db()
    assert rows.connection.selected_product_gids == [kettle.product_gid]


def test_an_older_connection_says_how_many_would_end_until_it_is_confirmed(admin_client, rows):
    connection = rows.connection
    Connection.objects.filter(pk=connection.pk).update(ignores_selection=True, selected_vendors=["Acme"])
    page = look_at(admin_client, page_of(connection))
    assert "leaves out: 2" in page
    page = look_at(admin_client, f"{page_of(connection).replace('change', 'do')}ask_to_apply/")
    [form] = forms_with(page, "Apply it now")
    admin_client.post(form.action, form.inputs, follow=True)
    connection.refresh_from_db()
    assert not connection.ignores_selection and len(left_out(connection)) == 2
    assert "Apply the selection" not in look_at(admin_client, page_of(connection))


def test_a_mapping_that_is_removed_asks_what_becomes_of_what_is_on_sale(admin_client, rows):
    connection = rows.connection
    [mapping] = connection.mappings.all()
    kept = [(mapping.source_location, mapping.destination_location)]
    page = save(admin_client, connection, kept, **{"mappings-0-DELETE": "on"})
    assert "no longer synced" in page and 'value="leave" checked' in page
    [form] = [form for form in forms_with(page, "Save") if "_selection_seen" in form.inputs]
    admin_client.post(form.action, form.inputs | {"_choice": "zero"}, follow=True)
    assert not connection.mappings.exists()
    ended = StockLink.objects.filter(connection=connection, variant_link__source_variant__sku__in=("KETTLE", "LAMP"))
    assert set(ended.values_list("ending", "mapping", "is_sure")) == {("zero", None, True)}
    assert "no longer mapped" in look_at(admin_client, list_of("syncing_stocklink"))
    look_at(admin_client, reverse("admin:syncing_timeline", args=[ended[0].variant_link_id]))


def command(*options):
    connection = Connection.objects.get()
    call_command("connect_stores", connection.source.domain, connection.destination.domain, *options)


def test_the_command_line_counts_first_and_then_selects(rows, capsys):
    command("--select", "vendors=Acme", "--dry-run")
    assert "Products that no longer do: 2." in capsys.readouterr().out
    connection = Connection.objects.get()
    assert connection.selected_vendors == []
    command("--share", "tags=b2b", "--dry-run")
    assert "Products that no longer do: 3." in capsys.readouterr().out
    assert Store.objects.get(pk=connection.source_id).share_tags == []
    command("--select", "vendors=Acme", "--select", "tags=")
    connection.refresh_from_db()
    assert connection.selected_vendors == ["Acme"]
    assert SyncJob.objects.filter(kind="carry_stock").exists()
    assert "which: of the vendor Acme" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--select=colour=red", "--select=tags", "--share=products=maybe"])
def test_the_command_line_says_how_it_is_written(rows, option):
    with pytest.raises(CommandError, match="write"):
        command(option)
