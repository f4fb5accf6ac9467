"""The page of a catalogue: its form, its live lists, its price rule with old and new prices, and its buttons."""

import re
from html import unescape
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from stores.models import CatalogueField, CatalogueSettings, Connection, Store
from stores.models.catalogue_field import default_policies
from syncing.catalogue.content import comparison
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun, SyncJob
from tests.support.console.press import forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import make_rows
from tiposync.console.catalogue import prices

CATALOGUES = "stores_cataloguesettings"
NASTY = "<script>alert('x')</script> & lamp"
DECIMALS = ("price_percent", "price_amount", "fixed_rate", "rounding_step", "rounding_ending")
CHOICES = ("product_mode", "tags_merging", "images_merging", "edited", "rate_kind", "rounding", "unlink")
NUMBERS = ("guard_share", "guard_products", "guard_minimum", "poll_minutes", "collection_mode", "collection_selection")


def form_of(row: CatalogueSettings, **fields) -> dict:
    """The form of a catalogue's page as a browser sends it."""
    form = {name: getattr(row, name) for name in (*DECIMALS, *CHOICES, *NUMBERS)}
    form |= {f"field_policies-{field}": row.policy_of(field) for field in CatalogueField.values}
    form |= {"metafield_namespaces": ""}
    form |= {"publication_gids": row.publication_gids, "collection_gids": row.collection_gids}
    return form | fields


def save(client, row: CatalogueSettings, **fields) -> str:
    response = client.post(page_of(row), form_of(row, **fields), follow=True)
    assert response.status_code == 200
    row.refresh_from_db()
    return response.content.decode()


@pytest.fixture
def room(showroom):
    """A started catalogue and two products of the source, one of them with nasty texts."""
    room = showroom(publication_gids=[])
    room.add(NASTY, descriptionHtml=NASTY, tags=["<script>tag</script>"], handle="nasty", vendor=NASTY)
    room.add("Chair", handle="chair")
    return room


@pytest.fixture
def row(room) -> CatalogueSettings:
    return CatalogueSettings.objects.get()


@pytest.mark.django_db(transaction=True)
def test_a_connection_leads_to_its_catalogue_which_is_made_once(admin_client):
    rows = make_rows()
    assert "Set up product sync" in look_at(admin_client, list_of(CATALOGUES))
    page = press(admin_client, page_of(rows.connection), "Set up product sync")
    assert "No product is synced before you start product sync" in page
    row = CatalogueSettings.objects.get()
    assert (row.connection, row.started_at) == (rows.connection, None)
    page = look_at(admin_client, page_of(rows.connection))
    assert not forms_with(page, "Set up product sync")
    assert f"/admin/stores/connection/{rows.connection.pk}/do/open_catalogue/" in page
    response = admin_client.get(f"/admin/stores/connection/{rows.connection.pk}/do/open_catalogue/")
    assert response.url == page_of(row)


@pytest.mark.django_db(transaction=True)
def test_the_table_has_a_row_for_each_field_and_no_ignore_for_the_title(admin_client):
    row = CatalogueSettings.objects.create(connection=make_rows().connection)
    page = look_at(admin_client, page_of(row))
    for field in CatalogueField:
        count = 2 if field == CatalogueField.TITLE else 3
        assert page.count(f'name="field_policies-{field.value}"') == count, field
        assert f'name="field_policies-{field.value}" value="{row.policy_of(field)}" checked' in page
    save(admin_client, row, **{"field_policies-vendor": "ignore", "metafield_namespaces": "a, B\nb"})
    assert row.field_policies == default_policies() | {"vendor": "ignore"}
    assert row.metafield_namespaces == ["a", "B"]
    for field, policy in (("title", "ignore"), ("vendor", "often"), ("vendor", "")):
        page = save(admin_client, row, **{f"field_policies-{field}": policy})
        assert "Please correct the error" in page, (field, policy)
    assert row.policy_of("vendor") == "ignore"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"collection_selection": "chosen", "collection_gids": []}, "Choose at least one collection"),
        ({"fixed_rate": "0"}, "greater than or equal to 1E-8"),
        ({"price_percent": "-100"}, "greater than or equal to -99.999"),
        ({"rounding": "up", "rounding_step": "1", "rounding_ending": "1"}, "The ending must be smaller than the step"),
        ({"publication_gids": ["gid://shopify/Product/1"]}, "Expected the id of a Publication"),
    ],
)
def test_what_cannot_be_is_said_where_it_was_entered(admin_client, fields, words):
    row = CatalogueSettings.objects.create(connection=make_rows().connection)
    assert words in save(admin_client, row, **fields)
    assert CatalogueSettings.objects.get().product_mode == "update_only"


def test_channels_are_chosen_from_what_the_destination_has_now(admin_client, room, row):
    url = f"/admin/stores/cataloguesettings/{row.pk}/do/channels/"
    assert f'hx-get="{url}?asked=1"' in look_at(admin_client, page_of(row))
    first, *others = room.channels()
    page = look_at(admin_client, f"{url}?asked=1&publication_gids={first}&publication_gids=gid://shopify/Publication/9")
    assert f'value="{first}" checked' in page
    assert all(f'value="{gid}">' in page for gid in others)
    assert "not there any more" in page
    save(admin_client, row, publication_gids=[first])
    assert row.publication_gids == [first]
    room.destination.fault("http", match="any", status=403, count=None)
    page = look_at(admin_client, url)
    assert "The list cannot be read now" in page
    assert f'<input type="hidden" name="publication_gids" value="{first}">' in page


def test_the_example_shows_what_a_rule_makes_of_real_products(admin_client, room, row):
    url = f"/admin/stores/cataloguesettings/{row.pk}/do/example/"
    assert f'hx-get="{url}"' in look_at(admin_client, page_of(row))
    page = look_at(admin_client, f"{url}?price_percent=10&rounding=up&rounding_step=1&rounding_ending=0.99")
    assert "11.99" in page
    assert "10.00" in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    assert "must be smaller" in look_at(admin_client, f"{url}?rounding_step=1&rounding_ending=5")
    assert "Enter a number" in look_at(admin_client, f"{url}?price_percent=many")
    assert CatalogueSettings.objects.get().price_percent == 0


def test_another_price_rule_shows_old_and_new_prices_before_it_is_saved(admin_client, room, row):
    page = save(admin_client, row, price_percent="50", unlink="delete")
    assert "<strong>2</strong><span>prices would change" in page and "2 rows" in page
    assert "15.00" in page and "<script>alert" not in page
    assert (row.price_percent, row.unlink) == (0, "unpublish")
    form = forms_with(page, "Save and re-price")[0]
    assert form.action == page_of(row)
    page = admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert "was changed successfully" in page
    row.refresh_from_db()
    assert (row.price_percent, row.unlink) == (50, "delete")


def test_all_products_are_reached_page_by_page_and_what_does_not_follow_is_left_out(
    admin_client, room, row, monkeypatch
):
    monkeypatch.setattr(prices, "PREVIEW_ROWS", 1)
    room.set(unselected_tags=["<script>tag</script>"])
    url = f"/admin/stores/cataloguesettings/{row.pk}/do/prices/?price_percent=100"
    page = look_at(admin_client, url)
    assert "No product on this page follows" in page
    further = re.search(r'href="([^"]+)">There are more', page).group(1)
    page = look_at(admin_client, unescape(further))
    assert "Chair" in page and "20.00" in page and "There are more" not in page
    response = admin_client.get(url.replace("100", "-500"), follow=True)
    assert "greater than or equal to -99.999" in response.content.decode()


def test_a_rule_is_also_saved_when_the_source_does_not_answer(admin_client, room, row):
    room.source.fault("http", match="any", status=403, count=None)
    page = save(admin_client, row, price_percent="50")
    assert "The prices cannot be shown" in page
    form = forms_with(page, "Save and re-price")[0]
    admin_client.post(form.action, form.inputs, follow=True)
    row.refresh_from_db()
    assert row.price_percent == 50


def test_what_is_no_price_is_saved_at_once_and_leaves_the_rest_of_the_row_alone(admin_client, room, row):
    page = look_at(admin_client, page_of(row))
    CatalogueSettings.objects.update(priced_with="by a worker meanwhile")
    page = save(admin_client, row, unlink="delete")
    assert "was changed successfully" in page
    assert (row.unlink, row.priced_with) == ("delete", "by a worker meanwhile")


def test_starting_previewing_and_syncing_begin_runs_that_the_workers_carry_out(admin_client, room, row):
    CatalogueSettings.objects.update(started_at=None)
    page = press(admin_client, page_of(row), "Preview")
    assert "preview: nothing is written" in page
    room.world.work()
    assert room.handles() == []
    preview = CatalogueRun.objects.get()
    assert (preview.kind, preview.is_preview, preview.counts) == ("first", True, {"create": 2})
    assert not forms_with(look_at(admin_client, page_of(row)), "Sync all")
    press(admin_client, page_of(row), "Start product sync")
    assert "Another sync run of this connection is under way" in press(admin_client, page_of(row), "Sync all")
    room.world.work()
    assert room.handles() == ["chair", "nasty"]
    press(admin_client, page_of(row), "Sync all")
    room.world.work()
    press(admin_client, page_of(row), "Preview prices")
    room.world.work()
    assert list(CatalogueRun.objects.values_list("kind", "state", "is_preview")) == [
        ("prices", "finished", True),
        ("all", "finished", False),
        ("first", "finished", False),
        ("first", "finished", True),
    ]
    assert not forms_with(look_at(admin_client, page_of(row)), "Start product sync")


def test_content_is_looked_at_and_previewed_only_where_some_follows(admin_client, room, row):
    assert not forms_with(look_at(admin_client, page_of(row)), "Sync content now")
    room.set(syncs_pages=True)
    press(admin_client, page_of(row), "Sync content now")
    job = SyncJob.objects.get(kind=SyncJob.Kind.SYNC_CONTENT)
    assert job.arguments == {"compares": True}
    press(admin_client, page_of(row), "Preview content")
    assert CatalogueRun.objects.get().kind == "content"


def test_ending_a_catalogue_asks_what_becomes_of_the_products(admin_client, room, row):
    room.run("first")
    url = f"/admin/stores/cataloguesettings/{row.pk}/do/end/"
    assert url in look_at(admin_client, page_of(row))
    page = look_at(admin_client, url)
    assert "2 products follow the source." in page
    form = forms_with(page, "End it now")[0]
    admin_client.post(form.action, form.inputs | {"unlink": "whatever"}, follow=True)
    assert CatalogueRun.objects.count() == 1
    admin_client.post(form.action, form.inputs | {"unlink": "delete"}, follow=True)
    room.world.work()
    row.refresh_from_db()
    assert (room.handles(), row.started_at) == ([], None)


@pytest.mark.parametrize(
    ("products", "contents", "words"),
    [
        (0, 0, "0 products follow the source."),
        (1, 0, "1 product follows the source."),
        (1, 1, "1 product and 1 collection, page or other content follow the source."),
        (2, 3, "2 products and 3 collections, pages and other contents follow the source."),
    ],
)
def test_what_ends_with_a_catalogue_is_counted_in_proper_words(
    admin_client, room, row, monkeypatch, products, contents, words
):
    CatalogueSettings.objects.update(started_at=timezone.now())
    monkeypatch.setattr(lifecycle, "count_followers", lambda connection: products)
    monkeypatch.setattr(comparison, "followers", lambda connection: SimpleNamespace(count=lambda: contents))
    assert words in look_at(admin_client, f"/admin/stores/cataloguesettings/{row.pk}/do/end/")
    page = look_at(admin_client, f"/admin/stores/connection/{row.connection_id}/do/disconnect/")
    assert f"{words.split(' and ')[0].removesuffix('.').removesuffix(' the source')}" in page
    assert ("and 1 collection, page or other content</h2>" in page) == (contents == 1)


def test_the_page_says_why_nothing_travels(admin_client, room, row):
    Connection.objects.update(is_paused=True)
    assert "paused" in look_at(admin_client, page_of(row))
    assert "nothing travels now" not in look_at(admin_client, page_of(row))
    room.set(rate_kind="table")
    Store.objects.filter(role="source").update(currency="SEK")
    Store.objects.filter(role="destination").update(currency="EUR")
    assert "The rate table has no rate from SEK to EUR" in look_at(admin_client, page_of(row))
    assert "The rate table has no rate" in look_at(
        admin_client, f"/admin/stores/cataloguesettings/{row.pk}/do/example/"
    )


def test_a_viewer_sees_everything_and_can_press_nothing(client, room, row):
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    page = look_at(client, page_of(row))
    assert "Create only: Status" in page
    assert not forms_with(page, "Sync all")
    assert client.post(f"/admin/stores/cataloguesettings/{row.pk}/do/sync_all/").status_code == 403
    assert client.get(f"/admin/stores/cataloguesettings/{row.pk}/do/channels/").status_code == 403


def test_the_list_and_the_page_need_few_queries_however_many_there_are(
    admin_client, room, row, django_assert_max_num_queries
):
    room.run("first")
    with django_assert_max_num_queries(30):
        look_at(admin_client, page_of(row))
    with django_assert_max_num_queries(20):
        assert "as in the source" in look_at(admin_client, list_of(CATALOGUES))


@pytest.mark.django_db(transaction=True)
def test_metaobjects_are_switched_on_here_and_stay_as_they_are_for_a_page_that_knows_none(admin_client, row):
    save(admin_client, row, metaobject_mode="create_update", syncs_metaobject_types="on")
    assert (row.metaobject_mode, row.syncs_metaobject_types) == ("create_update", True)
    assert "metaobjects" in look_at(admin_client, list_of(CATALOGUES))
    save(admin_client, row, syncs_metaobject_types="on")
    assert row.metaobject_mode == "create_update"
