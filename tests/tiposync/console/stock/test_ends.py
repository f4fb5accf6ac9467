"""What has ended, in the console and on the command line: the choice, what is on sale, and its two actions."""

import pytest
from django.core.management import call_command
from django.utils import timezone

from stores.models import Connection, Variant, VariantLink
from syncing.models import StockHold, StockLink, SyncJob
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import make_link, make_rows, make_stock_link
from tests.tiposync.console.stores.test_connections import ADD, save
from tiposync.console.management.lookup import name_of

pytestmark = pytest.mark.django_db(transaction=True)

STOCK = "syncing_stocklink"
ON_SALE = "?stock=unvouched"
REFUSED = "?stock=sale_refused"


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def ended(rows):
    """One that has ended with 5 on sale, one with nothing on sale, and one in step."""
    for title, units in (("Kettle", 5), ("Lamp", 0)):
        link = make_link(rows.connection, title, title.upper())
        make_stock_link(link, rows.mapping, 3, units, state="skipped", ending="leave")
    return StockLink.objects.get(ending="leave", destination_level__available=5)


def test_the_list_shows_what_is_on_sale_and_nobody_vouches_for(admin_client, ended):
    page = look_at(admin_client, list_of(STOCK) + ON_SALE)
    assert "KETTLE" in page
    assert "LAMP" not in page


def test_it_is_set_to_0_at_a_press(admin_client, ended):
    page = act(admin_client, STOCK, "set_to_zero", list(StockLink.objects.all()), ON_SALE)
    assert "Being set to 0: 1." in page
    ended.refresh_from_db()
    assert (ended.ending, ended.is_sure) == ("zero", True)
    assert SyncJob.objects.filter(kind="carry_stock", connection=ended.connection_id).exists()


def test_it_is_left_to_the_store_at_a_press(admin_client, ended):
    assert "Left to the store: 1." in act(admin_client, STOCK, "give_up", [ended], ON_SALE)
    assert not StockLink.objects.filter(pk=ended.pk).exists()
    assert VariantLink.objects.filter(pk=ended.variant_link_id).exists()


@pytest.fixture
def refusing(ended):
    """Its store refuses to stop selling it when it is out of stock."""
    StockLink.objects.filter(pk=ended.pk).update(ending="deny", is_sure=True)
    variant = ended.variant_link.destination_variant
    note = {"sale": "refused", "sale_reason": "It cannot be changed.", "sale_tried_at": timezone.now()}
    Variant.objects.filter(pk=variant.pk).update(**note)
    return variant


def test_the_list_shows_whose_store_refuses_to_stop_its_sale(admin_client, refusing):
    page = look_at(admin_client, list_of(STOCK) + REFUSED)
    assert "KETTLE" in page and "It cannot be changed." in page
    assert "LAMP" not in page


def test_a_refused_stop_is_tried_again_at_a_press(admin_client, refusing, ended):
    assert "Being tried again." in act(admin_client, STOCK, "try_sale_again", [ended], REFUSED)
    refusing.refresh_from_db()
    assert (refusing.sale, refusing.sale_tried_at) == ("refused", None)
    assert SyncJob.objects.filter(kind="carry_stock", connection=ended.connection_id).exists()


def test_a_refused_stop_is_left_to_the_store_at_a_press(admin_client, refusing, ended):
    assert "Left to the store: 1." in act(admin_client, STOCK, "leave_sale", [ended], REFUSED)
    refusing.refresh_from_db()
    assert (refusing.sale, refusing.sale_reason) == ("denied", "")
    assert "KETTLE" not in look_at(admin_client, list_of(STOCK) + REFUSED)
    assert "Nothing to try again" in act(admin_client, STOCK, "try_sale_again", [ended])


def test_two_way_it_is_refused_in_words(admin_client, ended):
    Connection.objects.update(strategy="two_way", aligned_strategy="two_way")
    assert "is two-way: set the quantity in the store." in act(admin_client, STOCK, "set_to_zero", [ended], ON_SALE)
    ended.refresh_from_db()
    assert ended.ending == "leave"


def test_pages_about_what_has_ended_say_so(admin_client, ended):
    page = look_at(admin_client, f"/admin/syncing/stocklink/timeline/{ended.variant_link_id}/")
    assert "It is not synced: the link has ended." in page
    hold = StockHold.objects.create(
        link=ended, connection=ended.connection, kind="guard", reason="falls", destination_from=5, destination_to=0
    )
    assert "falls" in look_at(admin_client, page_of(hold))


def test_the_choice_is_made_on_the_page_and_stays_where_it_is_not_sent(admin_client, rows):
    assert "When a link ends" in look_at(admin_client, ADD)
    assert rows.connection.ending == "zero"
    save(admin_client, rows.connection, ending="leave")
    assert rows.connection.ending == "leave"
    save(admin_client, rows.connection)
    assert rows.connection.ending == "leave"


def test_the_choice_is_made_on_the_command_line(rows):
    source, destination = name_of(rows.connection).split(":")
    call_command("connect_stores", source, destination, "--ending", "leave")
    rows.connection.refresh_from_db()
    assert rows.connection.ending == "leave"


@pytest.mark.parametrize("label", ["Ignore", "Clear"])
@pytest.mark.parametrize("choice", ["leave", "zero", "deny"])
def test_who_ends_a_link_is_asked_what_becomes_of_what_is_on_sale(admin_client, rows, label, choice):
    rows.connection.links.update(is_manual=True)
    Variant.objects.filter(pk=rows.link.destination_variant_id).update(sku_key="another")  # nothing to match it with
    page = press(admin_client, page_of(rows.link), label)
    assert "1 items are on sale in the destination with 7 units" in page
    assert 'value="leave" checked' in page
    rows.link.refresh_from_db()
    assert rows.link.state == "linked"  # nothing was done yet
    [form] = [form for form in forms_with(page, label) if "do/" in form.action]
    admin_client.post(form.action, form.inputs | {"_choice": choice}, follow=True)
    rows.link.refresh_from_db()
    assert rows.link.state != "linked"
    assert StockLink.objects.get().ending == choice


def test_two_way_it_can_only_be_left(admin_client):
    rows = make_rows("two_way")
    page = press(admin_client, page_of(rows.link), "Ignore")
    assert 'value="leave" checked' in page and 'value="zero"' not in page


def test_many_are_asked_about_once_also_of_a_filtered_list(admin_client, rows):
    page = act(admin_client, "stores_variantlink", "ignore_selected", [rows.link], "?state__exact=linked")
    [form] = forms_with(page, "Ignore the ticked ones")
    page = admin_client.post(form.action, form.inputs).content.decode()
    assert "1 items are on sale" in page
    [form] = forms_with(page, "Ignore")
    answer = admin_client.post(form.action, form.inputs | {"_choice": "zero"})
    assert answer.url.endswith("?state__exact=linked")
    assert StockLink.objects.get().ending == "zero"


@pytest.mark.parametrize("quantities", ["leave", "zero", "deny"])
def test_the_command_line_ends_links_and_mappings_by_choice(rows, quantities, capsys):
    stores = (rows.connection.source.domain, rows.connection.destination.domain)
    call_command("connect_stores", *stores, "--unmap", "Berlin=Berlin", "--quantities", quantities)
    assert "on sale: 1 items" in capsys.readouterr().out
    assert StockLink.objects.get().ending == quantities
    call_command("connect_stores", *stores, "--map-by-name")
    assert (StockLink.objects.get().ending, StockLink.objects.get().mapping is None) == ("", False)
    StockLink.objects.update(source_baseline=7, destination_baseline=7)
    call_command("link_products", ":".join(stores), "--ignore", "SOCK-1", "--quantities", quantities)
    assert StockLink.objects.get().ending == quantities
