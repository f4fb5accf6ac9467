"""The four roles, page by page and action by action: who sees, who presses, who is refused."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from stores import roles
from stores.models import (
    CatalogueSettings,
    Connection,
    CurrencyRate,
    MatchDecision,
    ProductLink,
    ResourceLink,
    StoreLimit,
    SyncSwitch,
)
from syncing.models import AlertChannel, CatalogueRun, CatalogueRunItem, PrivacyRequest, SyncJob
from tests.support.console.orders import make_failed, make_update
from tests.support.console.people import member_of
from tests.support.console.press import forms_with, list_of, look_at, page_of
from tests.support.console.rows import make_event, make_hold, make_job, make_reconciliation, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

RANKS = {roles.VIEWER: 0, roles.SUPPORT: 1, roles.MANAGER: 2, roles.ADMINISTRATOR: 3}
# The least role that sees a model's pages, where it is not the viewer.
PAGES = {"auth.user": 3, "auth.group": 3, "stores.configurationchange": 2}
# The least role that adds a row.
ADDS = {"auth.user": 3, "syncing.alertchannel": 2, "stores.store": 3, "stores.connection": 2, "stores.currencyrate": 2}
# The least role that uses a button, by model; 0 for those that only show something.
BUTTONS = {
    "auth.user": {"unlock": 3, "turn_off_two_factor": 3, "end_sessions": 3},
    "orders.orderimport": dict.fromkeys(
        (
            *("import_again", "send_again", "look_at_draft", "done_by_hand", "not_ours", "give_up"),
            *("carry_back", "entered_by_hand", "preview", "copy_reviewed", "never_copy"),
        ),
        1,
    ),
    "orders.orderupdate": {"try_again": 1, "done_by_hand": 1, "carry_back": 1},
    "stores.cataloguesettings": dict.fromkeys(
        (
            *("start", "preview", "sync_all", "preview_prices", "sync_content", "preview_content"),
            *("end", "end_now", "channels", "collections"),
        ),
        2,
    )
    | {"example": 0, "prices": 0},
    "stores.connection": dict.fromkeys(
        (
            *("approve", "reject", "propose", "start", "resume"),
            *("preview_undo", "take_back", "add_catalogue", "ask_to_apply", "apply_selection", "collections"),
            *("disconnect", "disconnect_now", "connect_again"),
        ),
        2,
    )
    | dict.fromkeys(("match", "preview", "reconcile", "pause", "pause_now"), 1)
    | {"open_catalogue": 0},
    "stores.productlink": {"sync_now": 1, "compare": 0, "variant_links": 0, "keep": 2}
    | {"leave_out": 2, "take_back": 2},
    "stores.resourcelink": {"sync_now": 1},
    "syncing.reconciliation": {"preview_undo": 2, "take_back": 2},
    "stores.store": {"check_store": 1, "pause": 1, "pause_now": 1}
    | dict.fromkeys(("connect", "resume", "shared_collections", "share_collections"), 2)
    | {"forget_previous_secret": 3},
    "stores.syncswitch": {"stop": 1, "resume": 2},
    "stores.matchdecision": {"undo": 2},
    "stores.variantlink": {"pick": 1, "ignore": 1, "same_elsewhere": 1, "clear": 1},
    "syncing.alertchannel": {"send_test": 2},
    "syncing.cataloguerun": dict.fromkeys(("release", "discard", "pause", "resume", "cancel", "retry"), 1)
    | {"run_for_real": 2, "lines": 0},
    "syncing.privacyrequest": {"export": 2, "finish": 2},
    "syncing.holdcause": {"release_all": 1, "discard_all": 1},
    "syncing.stockhold": dict.fromkeys(
        ("release", "discard", "confirm_applied", "confirm_not_applied", "set_true", "read_live"), 1
    ),
    "syncing.syncjob": {"run_again": 1},
    "syncing.webhookevent": {"replay": 1},
}
# The least role that uses an action of a list.
ACTIONS = {
    "orders.orderimport": {"import_selected_again": 1, "copy_selected": 1},
    "orders.orderupdate": {"try_selected_again": 1},
    "stores.productlink": {"sync_selected": 1},
    "stores.resourcelink": {"sync_selected": 1},
    "stores.variantlink": {"accept_best": 1, "accept_any": 1, "ignore_selected": 1},
    "syncing.stockhold": {"release_selected": 1, "discard_selected": 1},
    "syncing.stocklink": {"correct_now": 1, "set_to_zero": 1, "give_up": 1, "try_sale_again": 1, "leave_sale": 1},
    "syncing.syncjob": {"run_selected_again": 1},
    "syncing.webhookevent": {"replay_selected": 1},
}


def label_of(model) -> str:
    return f"{model._meta.app_label}.{model._meta.model_name}"


def make_catalogue(connection: Connection) -> list:
    gids = {"source_gid": "gid://shopify/Product/1", "state": "failed"}
    run = CatalogueRun.objects.create(connection=connection, kind="all", state="held", hold_reason="Too many.")
    return [
        CatalogueSettings.objects.create(connection=connection),
        ProductLink.objects.create(connection=connection, **gids),
        ResourceLink.objects.create(connection=connection, kind="page", **gids),
        run,
        CatalogueRunItem.objects.create(run=run, source_gid=gids["source_gid"], action="delete"),
        CurrencyRate.objects.create(base="EUR", quote="USD", rate="1.1", valid_from="2026-01-01"),
    ]


def make_decision(link) -> MatchDecision:
    """A decision that can be taken back, of nobody."""
    decision = MatchDecision.objects.create(kind="ignore")
    decision.rows.create(link=link, before_state="unmatched", after_state="ignored")
    return decision


def make_all() -> dict:
    """A row of each kind, by label."""
    rows = make_rows()
    rows.source.previous_client_secret = "the old one"
    rows.source.save()
    made = [rows.source, rows.connection, rows.link, rows.stock_link, SyncSwitch.load()]
    made += [make_decision(rows.link)]
    made += [hold := make_hold(rows.stock_link), hold.cause]
    made += [make_event(rows.source), make_job(rows.connection), make_reconciliation(rows.connection)]
    made += [order := make_failed(rows.connection), make_update(order)]
    made += make_catalogue(rows.connection)
    made += [PrivacyRequest.objects.create(store=rows.source, kind="data", customer_id=7, due_at=timezone.now())]
    made += [
        User.objects.create_user("colleague"),
        AlertChannel.objects.create(name="Desk", addresses="desk@example.com"),
    ]
    return {label_of(type(row)): row for row in made}


@pytest.mark.parametrize("role", RANKS)
def test_each_role_sees_its_lists_and_no_others(role):
    client = member_of(role)
    make_all()
    for model in admin.site._registry:
        label = label_of(model)
        expected = 200 if RANKS[role] >= PAGES.get(label, 0) else 403
        answer = client.get(list_of(label.replace(".", "_")), follow=True)
        assert answer.status_code == expected, f"{role} on the list of {label}: {answer.status_code}"


@pytest.mark.parametrize("role", RANKS)
def test_each_role_adds_what_it_may_and_nothing_else(role):
    client = member_of(role)
    for model in admin.site._registry:
        label = label_of(model)
        expected = 200 if label in ADDS and RANKS[role] >= ADDS[label] else 403
        answer = client.get(reverse(f"admin:{label.replace('.', '_')}_add"))
        assert answer.status_code == expected, f"{role} adding {label}: {answer.status_code}"


def test_every_button_and_every_action_has_its_place_in_the_table():
    buttons = {label_of(model): set(page.operations) for model, page in admin.site._registry.items() if page.operations}
    assert {label: set(names) for label, names in BUTTONS.items()} == buttons
    actions = {label_of(model): set(page.actions or ()) for model, page in admin.site._registry.items()}
    assert {label: set(names) for label, names in ACTIONS.items()} == {k: v for k, v in actions.items() if v}


@pytest.mark.parametrize("role", RANKS)
def test_each_role_presses_what_it_may_and_is_refused_the_rest(role):
    client, rows = member_of(role), make_all()
    for label, names in BUTTONS.items():
        for name, least in names.items():
            url = reverse(f"admin:{label.replace('.', '_')}_do", args=[rows[label].pk, name])
            answer = client.post(url, {"next": "/admin/"})
            is_refused = answer.status_code == 403
            assert is_refused == (RANKS[role] < least), f"{role}, {label} {name}: {answer.status_code}"


@pytest.mark.parametrize("role", RANKS)
def test_each_role_is_offered_the_actions_it_may_use_and_others_do_nothing(role):
    client, rows = member_of(role), make_all()
    for label, names in ACTIONS.items():
        url = list_of(label.replace(".", "_"))
        page = look_at(client, url)
        for name, least in names.items():
            assert (f'value="{name}"' in page) == (RANKS[role] >= least), f"{role}, {label} {name}"
            if RANKS[role] < least:
                before = type(rows[label]).objects.values().get(pk=rows[label].pk)
                client.post(url, {"action": name, "_selected_action": [rows[label].pk]})
                assert type(rows[label]).objects.values().get(pk=rows[label].pk) == before


@pytest.mark.parametrize("role", RANKS)
def test_only_managers_and_administrators_change_a_connection(role):
    client, connection = member_of(role), make_all()["stores.connection"]
    form = {"strategy": "two_way", "mappings-TOTAL_FORMS": 0, "mappings-INITIAL_FORMS": 0}
    client.post(page_of(connection), form)
    Connection.objects.update(state="ended")
    answer = client.post(page_of(connection, "delete"), {"post": "yes"})
    is_allowed = RANKS[role] >= 2
    assert (answer.status_code != 403) == is_allowed
    assert Connection.objects.exclude(state="removed").exists() != is_allowed  # it has a copy: its row is kept


@pytest.mark.parametrize("role", RANKS)
def test_only_managers_and_administrators_change_a_catalogue_and_import_rates(role):
    client, row = member_of(role), make_all()["stores.cataloguesettings"]
    client.post(page_of(row), {"product_mode": "create_update"})
    assert ('name="product_mode"' in look_at(client, page_of(row))) == (RANKS[role] >= 2)
    file = {"text": "date,from,to,rate\n2026-02-01,EUR,SEK,11.5\n", "_save": "1"}
    answer = client.post("/admin/stores/currencyrate/import/", file)
    assert (answer.status_code == 403) == (RANKS[role] < 2), f"{role}: {answer.status_code}"
    assert CurrencyRate.objects.filter(quote="SEK").exists() == (RANKS[role] >= 2)


def test_a_manager_changes_a_store_but_neither_sees_nor_enters_its_credentials():
    client, store = member_of(roles.MANAGER), make_all()["stores.store"]
    page = look_at(client, page_of(store))
    assert 'name="name"' in page
    assert all(f'name="{name}"' not in page for name in ("client_secret", "access_token", "client_id", "domain"))
    form = {
        "domain": "stolen.myshopify.com",
        "name": "Renamed",
        "role": "source",
        "auth": "static_token",
        "client_id": "theirs",
        "client_secret": "theirs",
        "acceptance": "auto",
        "default_strategy": "one_way",
        "shares_products": "on",
        "shares_collections": "all",
        "locations-TOTAL_FORMS": 0,
        "locations-INITIAL_FORMS": 0,
    }
    secret = store.client_secret
    client.post(page_of(store), form)
    store.refresh_from_db()
    assert store.name == "Renamed"
    assert (store.domain, store.auth, store.client_id, store.client_secret) == (
        "main.myshopify.com",
        "client_credentials",
        "app",
        secret,
    )


def test_an_administrator_neither_becomes_nor_touches_a_superuser():
    client = member_of(roles.ADMINISTRATOR)
    me = User.objects.get(username="administrator")
    boss = User.objects.create_superuser("boss", password="a-long-one-indeed")
    form = {"username": me.username, "is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": []}
    answer = client.post(page_of(me), form | {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"})
    assert answer.status_code == 302
    me.refresh_from_db()
    assert not me.is_superuser
    assert client.post(page_of(boss), form).status_code == 403
    assert client.post(f"/admin/auth/user/{boss.pk}/password/", {"password1": "x", "password2": "x"}).status_code == 403
    assert client.post(page_of(boss, "delete"), {"post": "yes"}).status_code == 403


def test_a_viewer_is_offered_no_button_but_those_that_only_show_something():
    client, rows = member_of(roles.VIEWER), make_all()
    for label, names in BUTTONS.items():
        if label != "auth.user":
            page = look_at(client, page_of(rows[label]))
            assert [name for name, least in names.items() if least and f"/do/{name}/" in page] == [], label
            assert ('aria-label="Actions"' in page) == (label in ("stores.connection", "stores.productlink")), label
    assert not forms_with(look_at(client, page_of(rows["syncing.syncjob"])), "Run again")
    assert SyncJob.objects.get().state == "failed"


def test_an_agent_stops_everything_and_a_manager_resumes_but_nobody_who_sees_some_stores_only():
    agent, switch = member_of(roles.SUPPORT), SyncSwitch.load()
    limit = StoreLimit.objects.create(user=User.objects.get(username="support-agent"))
    stop, resume = (reverse("admin:stores_syncswitch_do", args=[switch.pk, name]) for name in ("stop", "resume"))
    assert agent.post(stop).status_code == 403
    limit.delete()
    assert forms_with(look_at(agent, page_of(switch)), "Pause all syncing")
    agent.post(stop)
    assert SyncSwitch.load().is_stopped
    assert "Resume all syncing" not in look_at(agent, page_of(switch))
    assert agent.post(resume).status_code == 403
    member_of(roles.MANAGER).post(resume)
    assert not SyncSwitch.load().is_stopped


def test_a_new_user_can_sign_in(admin_client):
    password = "correct-horse-battery"
    form = {"username": "new", "password1": password, "password2": password, "usable_password": "true"}
    admin_client.post(reverse("admin:auth_user_add"), form)
    assert User.objects.get(username="new").is_staff


def test_the_migration_makes_the_roles_and_repeating_a_release_repairs_them():
    Group.objects.all().delete()
    own = Group.objects.create(name="Warehouse")
    roles.upsert()
    Group.objects.get(name=roles.SUPPORT).permissions.clear()
    roles.upsert()
    assert set(Group.objects.values_list("name", flat=True)) == {*RANKS, own.name}
    counts = [Group.objects.get(name=name).permissions.count() for name in RANKS]
    assert counts == sorted(counts) and len(set(counts)) == 4
    codenames = set(Group.objects.get(name=roles.SUPPORT).permissions.values_list("codename", flat=True))
    assert {
        "operate_connection",
        "stop_everything",
        "change_syncjob",
        "resolve_hold",
        "release_catalogue_run",
        "view_connection",
    } <= codenames
    assert not {"undo_run", "change_cataloguesettings", "change_currencyrate"} & codenames
    assert not {"change_connection", "change_store", "enter_credentials", "view_user"} & codenames
