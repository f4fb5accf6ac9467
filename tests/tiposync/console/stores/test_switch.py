"""The global switch, its banner on every page, and who may see and press what."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from stores.models import Store, SyncSwitch
from syncing.models import Cluster, SyncJob
from tests.support.console.press import forms_with, list_of, look_at, page_of, pause, press
from tests.support.console.rows import make_rows
from tests.tiposync.console.access.test_roles import make_all

pytestmark = pytest.mark.django_db(transaction=True)

BANNER = "nothing is read or written. It"
SWITCH = "/admin/stores/syncswitch/"


@pytest.fixture
def rows():
    return make_rows()


def switch_page(client):
    return client.get(SWITCH, follow=True).redirect_chain[-1][0]


def worker_of(*permissions: str) -> Client:
    """Somebody who may sign in and has these permissions, "app.codename" each."""
    user = User.objects.create_user("staff", is_staff=True)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def test_stopping_everything_shows_on_every_page_and_resuming_compares_first(admin_client, rows):
    assert BANNER not in look_at(admin_client, "/admin/")
    press(admin_client, switch_page(admin_client), "Pause all syncing")
    assert SyncSwitch.load().is_stopped
    for url in ("/admin/", list_of("stores_store"), page_of(rows.link), page_of(rows.source, "history")):
        assert BANNER in look_at(admin_client, url), url
    press(admin_client, switch_page(admin_client), "Resume all syncing")
    assert not SyncSwitch.load().is_stopped
    assert BANNER not in look_at(admin_client, "/admin/")
    assert SyncJob.objects.get(kind=SyncJob.Kind.RECONCILE).connection == rows.connection


def pages_of(row) -> list[str]:
    """The addresses of every page of a row's model, its own pages that only show something among them."""
    model = type(row)
    label, page = f"{model._meta.app_label}_{model._meta.model_name}", admin.site._registry[model]
    shown = [name for name in getattr(page, "operations", ()) if getattr(page, name).operation.is_page]
    return [
        list_of(label),
        reverse(f"admin:{label}_add"),
        *(page_of(row, name) for name in ("change", "history", "delete")),
        *(page.do_url(row, name) for name in shown),
    ]


def test_the_banner_is_on_every_kind_of_page(admin_client, admin_user):
    SyncSwitch.objects.create(pk=1, is_stopped=True, reason="inventory")
    made = make_all()
    made["syncing.cluster"] = Cluster.objects.create(host="a", process=1, worker_count=1, beat_at=timezone.now())
    link = made["stores.variantlink"]
    urls = ["/admin/", "/admin/two-factor/", "/admin/password_change/", "/admin/stores/currencyrate/import/"]
    urls += [f"/admin/syncing/stocklink/timeline/{link.pk}/", f"/admin/auth/user/{admin_user.pk}/password/"]
    for row in made.values():
        urls += pages_of(row)
    kinds = set()
    for url in urls:
        answer = admin_client.get(url, follow=True)
        if answer.status_code != 403:  # adding and deleting what nobody may
            assert answer.status_code == 200, url
            if answer.streaming:  # a file of a preview
                continue
            page = answer.content.decode()
            assert BANNER in page or "<html" not in page, url  # a fragment of a page has none of its own
            kinds |= {name for name in ("/add/", "/change/", "/history/", "/delete/", "/do/") if name in url}
    assert kinds == {"/add/", "/change/", "/history/", "/delete/", "/do/"}
    chosen = {"action": "delete_selected", "_selected_action": [made["stores.currencyrate"].pk]}
    confirmation = admin_client.post(list_of("stores_currencyrate"), chosen, follow=True)
    assert BANNER in confirmation.content.decode()


def test_the_banner_is_not_shown_to_strangers(client):
    SyncSwitch.objects.create(pk=1, is_stopped=True, reason="inventory")
    assert BANNER not in client.get("/admin/login/").content.decode()


def test_a_message_is_shown_beside_the_banner_and_only_once(admin_client, rows):
    SyncSwitch.objects.create(pk=1, is_stopped=True)
    page = pause(admin_client, rows.source)
    assert BANNER in page
    assert "The store Main is paused. It stays" in page
    assert "The store Main is paused. It stays" not in look_at(admin_client, page_of(rows.source))


def test_a_viewer_sees_pages_and_no_buttons(rows):
    viewer = worker_of("stores.view_store", "stores.view_connection", "stores.view_variantlink")
    for row in (rows.source, rows.connection, rows.link):
        page = look_at(viewer, page_of(row))
        assert 'aria-label="Actions"' not in page
    assert viewer.post(f"/admin/stores/store/{rows.source.pk}/do/pause_now/").status_code == 403
    assert not Store.objects.filter(is_paused=True).exists()


def test_a_secret_is_not_shown_to_a_viewer(rows):
    Store.objects.filter(pk=rows.source.pk).update(access_token="shpat_never")
    page = look_at(worker_of("stores.view_store"), page_of(rows.source))
    assert "shpss_never" not in page
    assert "shpat_never" not in page


def test_without_permission_pages_are_refused_and_left_out_of_the_sidebar(rows):
    nobody = worker_of()
    assert nobody.get(list_of("stores_store")).status_code == 403
    assert nobody.get(f"/admin/syncing/stocklink/timeline/{rows.link.pk}/").status_code == 403
    page = look_at(nobody, "/admin/")
    assert list_of("stores_store") not in page
    assert "Main → North" not in page


def test_approving_needs_its_own_permission(rows):
    rows.connection.state = "pending"
    rows.connection.save()
    manager = worker_of("stores.view_connection", "stores.change_connection")
    assert not forms_with(look_at(manager, page_of(rows.connection)), "Approve")
    assert manager.post(f"/admin/stores/connection/{rows.connection.pk}/do/approve/").status_code == 403


def test_the_queues_own_tables_are_hidden(admin_client):
    assert not OrmQ.objects.exists()
    assert admin_client.get("/admin/django_q/ormq/").status_code == 404


def test_users_and_groups_have_pages(admin_client, admin_user):
    for url in (list_of("auth_user"), list_of("auth_group"), page_of(admin_user), "/admin/auth/user/add/"):
        look_at(admin_client, url)
