"""Who gets in: every address of the site, asked by a stranger, by somebody without permissions, and by each role."""

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from stores.models import VariantLink
from stores.roles import ADMINISTRATOR
from tests.security import site
from tests.support.console.people import member_of
from tests.support.console.press import list_of
from tests.support.console.rows import make_store, make_variant
from tests.tiposync.console.access.test_roles import ACTIONS, BUTTONS, RANKS, label_of

pytestmark = pytest.mark.django_db(transaction=True)

# What everybody who is signed in may open: it shows nothing of any row.
FOR_EVERYBODY = {
    "/admin/": "the frame of the first page",
    "/admin/two-factor/": "one's own two-factor sign-in",
    "/admin/sessions/": "one's own sign-ins",
    "/admin/time-zone/": "one's own time zone",
    "/admin/password_change/": "one's own password",
    "/admin/password_change/done/": "one's own password",
    "/admin/logout/": "the way out",
    "/admin/search/": "finds the pages and rows that one may see",
    "/admin/find/": "the same as a page",
    "/admin/attention/": "what needs attention of what one may see",
    "/admin/jsi18n/": "words of Django's own scripts",
}
# What is in the rows and may be on no page of somebody who may not see them.
TELLTALE = ("SOCK-1", "Söckchen", "main.myshopify.com", "Shopify said no", "desk@example.com", "colleague")


@pytest.fixture
def rows():
    return site.make_site()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_sent_to_the_sign_in_from_every_address_but_the_public_ones(client, rows, method):
    before = site.state_of_database()
    for address in site.addresses(rows):
        answer = getattr(client, method)(address.url)
        if address.url in site.PUBLIC:
            assert not any(word in answer.content.decode() for word in TELLTALE), address
        else:
            assert site.is_sign_in(answer) or answer.status_code in (401, 403), f"{address}: {answer.status_code}"
    assert site.changed_since(before) <= site.ALARM  # of /readyz


@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_without_permissions_sees_and_does_nothing_at_any_address(rows, method):
    client, before = site.staff_without_permissions(), site.state_of_database()
    for address in site.addresses(rows):
        if address.url in (*site.PUBLIC, "/admin/logout/"):
            continue
        answer = getattr(client, method)(address.url, follow=address.url.endswith("/do/"))
        if answer.status_code == 302 and address.route.endswith("<path:object_id>/"):
            answer = client.get(answer.headers["Location"])  # Django's old address of a row's page
        assert answer.status_code in (403, 404, 405) or address.url in FOR_EVERYBODY, f"{address}: {answer.status_code}"
        assert not any(word in answer.content.decode() for word in TELLTALE), address
    assert not site.changed_since(before)


def test_a_row_that_exists_and_one_that_does_not_answer_alike_to_somebody_without_permissions(rows):
    client = site.staff_without_permissions()
    for label, names in BUTTONS.items():
        for pk in (rows[label].pk, 987654321):
            for name in names:
                url = reverse(f"admin:{label.replace('.', '_')}_do", args=[pk, name])
                assert client.post(url).status_code == 403, url


def test_no_get_changes_anything_but_what_is_listed_with_its_reason(rows):
    client = site.superuser()
    for address in site.addresses(rows):
        allowed = [tables for end, (tables, _) in site.WRITTEN_BY_GET.items() if address.url.endswith(end)]
        before = site.state_of_database()
        answer = client.get(address.url)
        changed = site.changed_since(before) - set().union(*allowed)
        assert not changed, f"GET {address.url} ({answer.status_code}) changed {changed}"


@pytest.mark.parametrize("role", RANKS)
def test_a_role_that_may_not_use_an_action_cannot_use_it_on_all_rows_at_once_either(role, rows):
    client = member_of(role)
    for label, names in ACTIONS.items():
        for name in [name for name, least in names.items() if RANKS[role] < least]:
            before = site.state_of_database()
            form = {"action": name, "select_across": "1", "index": "0", "_selected_action": [rows[label].pk]}
            client.post(list_of(label.replace(".", "_")), form)
            assert site.state_of_database() == before, f"{role}: {label} {name}"


@pytest.mark.parametrize("role", RANKS)
def test_many_rows_at_once_are_deleted_by_nobody_who_may_not_delete_one(role, rows):
    client = member_of(role)
    user = User.objects.get(username=role.lower().replace(" ", "-"))
    for model in admin.site._registry:
        label = label_of(model)
        if user.has_perm(label.replace(".", ".delete_")):
            continue
        before = model._default_manager.count()
        form = {"action": "delete_selected", "select_across": "1", "post": "yes", "_selected_action": [rows[label].pk]}
        client.post(list_of(label.replace(".", "_")), form)
        assert model._default_manager.count() == before, f"{role}: {label}"


def test_an_administrator_deletes_no_superuser_among_many_users_at_once(rows):
    boss = User.objects.create_superuser("boss")
    form = {"action": "delete_selected", "select_across": "1", "post": "yes", "_selected_action": [boss.pk]}
    member_of(ADMINISTRATOR).post(list_of("auth_user"), form)
    assert User.objects.filter(pk=boss.pk).exists()


def test_a_link_takes_no_variant_of_another_store_as_its_partner(rows):
    client, link = site.superuser(), rows["stores.variantlink"]
    stranger = make_variant(make_store("Stranger", "destination"), "Stranger's sock", "SOCK-1")
    before = VariantLink.objects.values().get(pk=link.pk)
    for partner in (stranger.pk, link.source_variant_id, "0", "-1", "1 OR 1=1", "9" * 40):
        client.post(reverse("admin:stores_variantlink_do", args=[link.pk, "pick"]), {"variant": partner})
        assert VariantLink.objects.values().get(pk=link.pk) == before, partner


def test_a_row_of_another_connection_cannot_be_smuggled_into_a_connections_form(rows):
    """The inline of location mappings: its hidden ids choose which rows are changed."""
    connection = rows["stores.connection"]
    source, destination = make_store("Other main", "source"), make_store("Other north", "destination")
    other = type(connection).objects.create(source=source, destination=destination, strategy="one_way")
    theirs = connection.mappings.get()
    form = {
        "strategy": "one_way",
        "mappings-TOTAL_FORMS": 1,
        "mappings-INITIAL_FORMS": 1,
        "mappings-0-id": theirs.pk,
        "mappings-0-connection": other.pk,
        "mappings-0-DELETE": "on",
    }
    site.superuser().post(reverse("admin:stores_connection_change", args=[other.pk]), form)
    theirs.refresh_from_db()
    assert theirs.connection_id == connection.pk


def test_the_autocompletion_tells_nothing_to_who_may_not_see_the_rows(rows):
    fields = {"app_label": "syncing", "model_name": "alertchannel", "field_name": "stores", "term": ""}
    for client in (Client(), site.staff_without_permissions()):
        answer = client.get("/admin/autocomplete/", fields)
        assert answer.status_code in (302, 403) and b"Main" not in answer.content


def test_the_probes_name_no_store_no_product_and_no_person(client, rows):
    for url in ("/healthz", "/readyz"):
        answer = client.get(url).content.decode()
        assert not any(word in answer for word in TELLTALE)
    assert set(json.loads(client.get("/readyz").content)) == {"ready", "problems", "warnings"}
