"""People who are limited to some stores: no address tells them of another one, and none acts on it."""

import json

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.urls import reverse

from orders.models import OrderImport
from stores.models import Connection, LocationMapping, Store, StoreLimit, VariantLink
from stores.roles import ADMINISTRATOR, OURS, SUPPORT, VIEWER
from syncing.models import SyncJob
from tests.security import site
from tests.support.console.orders import make_failed
from tests.support.console.people import member_of
from tests.support.console.press import list_of, look_at, page_of
from tests.support.console.rows import (
    make_adjustment,
    make_hold,
    make_job,
    make_level,
    make_link,
    make_location,
    make_store,
    make_variant,
)
from tests.tiposync.console.access.test_roles import ACTIONS, label_of
from tiposync.console.kit import reach
from tiposync.console.kit.reach import RULES

pytestmark = pytest.mark.django_db

# On every text of a store that is not seen.
MARK = "hush"
TEXTS = ("name", "product_title", "title", "sku", "handle", "message", "order_name", "copy_name", "reason", "traceback")
TEXTS += ("status_reason", "notes", "hold_reason", "webhook_id", "host_name", "row_name", "search_text", "source_title")
KEPT = {"auth.user", "auth.group", "syncing.cluster", "stores.syncswitch"}


@pytest.fixture
def hidden():
    """Everything that there is, of two stores that nobody of these tests may see; before the others are made."""
    rows = site.make_site()
    names = {"main.myshopify.com": "hush-one.myshopify.com", "north.myshopify.com": "hush-two.myshopify.com"}
    for domain, name in names.items():
        Store.objects.filter(domain=domain).update(domain=name)
    for label in RULES:
        model = apps.get_model(label)
        for field in model._meta.concrete_fields:
            if field.name in TEXTS and label not in KEPT and not field.choices:
                model._default_manager.update(**{field.name: Concat(Value(MARK), F(field.name))})
    apps.get_model("syncing.alert").objects.update(subject="hush 1", path="/admin/")
    User.objects.all().delete()
    for label in ("stores.currencyrate", "syncing.cluster"):
        apps.get_model(label).objects.all().delete()
    return rows


@pytest.fixture
def seen(hidden):
    """The same of two others; the source of these is connected with a hidden destination, too."""
    rows = site.make_site()
    _share(
        rows,
        Store.objects.get(domain="hush-two.myshopify.com"),
        Connection.objects.get(source__domain="hush-one.myshopify.com"),
    )
    return rows


def _share(rows, stranger: Store, theirs: Connection) -> None:
    """What hangs on a store that is seen, and belongs to a connection with one that is not."""
    mine, link = rows["stores.store"], rows["stores.variantlink"]
    other = Connection.objects.create(source=mine, destination=stranger, strategy="one_way", state="running")
    partner = make_variant(stranger, "hush title", "hush-sku")
    twin = VariantLink.objects.create(
        connection=other, source_variant=link.source_variant, destination_variant=partner, state="linked"
    )
    mapping = LocationMapping.objects.create(
        connection=other,
        source_location=rows["syncing.stocklink"].mapping.source_location,
        destination_location=make_location(stranger, "hush place"),
    )
    level = rows["syncing.stocklink"].source_level
    pair = type(rows["syncing.stocklink"]).objects.create(
        connection=other,
        variant_link=twin,
        mapping=mapping,
        source_level=level,
        destination_level=make_level(partner, mapping.destination_location, 4),
        source_baseline=1,
        destination_baseline=1,
        settled_sequence=1,
        state="in_step",
    )
    make_hold(pair, reason="hush hold")
    make_adjustment(pair, 3, 4)
    make_job(other, message="hush job", store=mine)
    make_job(None, message="hush job of nobody")
    order = make_failed(other)
    OrderImport.objects.filter(pk=order.pk).update(order_name="#hush", order_gid=rows["orders.orderimport"].order_gid)
    # An unlinked product of ours whose candidate another, hidden source holds.
    claimed = make_variant(rows["stores.connection"].destination, "Sock two", "SOCK-2")
    VariantLink.objects.create(
        connection=Connection.objects.create(
            source=theirs.source, destination=claimed.store, strategy="one_way", state="running"
        ),
        source_variant=make_variant(theirs.source, "hush sock", "SOCK-2"),
        destination_variant=claimed,
        state="linked",
    )
    make_link(rows["stores.connection"], "Sock two", "SOCK-2", is_linked=False)


def limited(role: str, rows):
    client = member_of(role)
    limit = StoreLimit.objects.create(user=User.objects.get(username=role.lower().replace(" ", "-")))
    limit.stores.set([rows["stores.connection"].source, rows["stores.connection"].destination])
    return client


def test_every_model_says_how_it_hangs_on_stores():
    ours = {label_of(model) for model in apps.get_models() if model._meta.app_label in OURS}
    pages = {label_of(model) for model in admin.site._registry}
    assert set(RULES) == ours | pages
    for label, rule in RULES.items():
        rows = apps.get_model(label)._default_manager.filter(
            rule.condition(reach.Reach(1, frozenset([1]), frozenset()))
        )
        assert rows.count() >= 0  # every path exists


@pytest.mark.usefixtures("without_sidebar")
@pytest.mark.parametrize("role", (SUPPORT, ADMINISTRATOR))
def test_nothing_of_another_store_is_in_any_answer(role, hidden, seen):
    client, told = limited(role, seen), []
    client.raise_request_exception = False
    for address in site.addresses(seen):
        found = [client.get(address.url)]
        if address.label and address.url == list_of(address.label.replace(".", "_")):
            questions = ({"q": MARK}, {"q": "SOCK"}, {"all": ""}, {"e": "1"})
            # Rows are limited by one rule for all roles: who sees the most asks the most.
            found += [client.get(address.url, query) for query in questions if role == ADMINISTRATOR]
        for answer in found:
            body = _body(answer)
            if answer.status_code >= 500 and address.url != "/readyz":
                told.append(f"{address.url}: {answer.status_code}")
            elif MARK in body:
                at = body.index(MARK)
                told.append(f"{address.url}: …{' '.join(body[max(0, at - 150) : at + 60].split())}…")
    for query in ("?span=30d", f"?connection={hidden['stores.connection'].pk}", "?span=24h"):
        if MARK in _body(client.get(f"/admin/{query}")):
            told.append(f"/admin/{query}")
    assert not told, "\n".join(told)
    assert "SOCK-1" in look_at(client, list_of("stores_variantlink"))  # what is theirs is there


def test_no_search_finds_or_completes_what_is_of_another_store(hidden, seen):
    client = limited(ADMINISTRATOR, seen)
    answers = [client.get("/admin/search/", {"s": MARK, "extended": how}) for how in ("", "1")]
    asked = 0
    for model in admin.site._registry:
        app, name = label_of(model).split(".")
        for field in model._meta.fields:
            if field.is_relation:
                fields = {"app_label": app, "model_name": name, "field_name": field.name}
                answers += [client.get("/admin/autocomplete/", fields | {"term": term}) for term in ("", MARK)]
                asked += answers[-1].status_code == 200
    assert asked
    for answer in answers:
        said = _body(answer).replace(f"s={MARK}", "")
        assert answer.status_code in (200, 403, 404) and MARK not in said, answer.request["QUERY_STRING"]


@pytest.mark.usefixtures("without_sidebar")
def test_a_row_of_another_store_answers_like_one_that_is_not_there(hidden, seen):
    client, wrong, before = limited(ADMINISTRATOR, seen), [], site.state_of_database()
    for address in site.addresses(hidden):
        row = hidden.get(address.label)
        if row is None or f"/{row.pk}/" not in address.url or isinstance(RULES[address.label], reach.Service):
            continue
        absent = address.url.replace(f"/{row.pk}/", "/987654321/")
        for method in (client.get, client.post):
            here, there = _words(method(address.url), row.pk), _words(method(absent), 987654321)
            if here != there:
                wrong.append(f"{address.url}: {here}, {there}")
    assert not wrong, "\n".join(wrong)
    assert not site.changed_since(before)


def _words(answer, pk: int) -> tuple:
    """What an answer tells of a row, but for its number."""
    return answer.status_code, answer.headers.get("Location", "").replace(str(pk), "…"), MARK in _body(answer)


def test_actions_on_all_rows_at_once_leave_those_of_other_stores_alone(hidden, seen):
    client = limited(ADMINISTRATOR, seen)
    for label, names in ACTIONS.items():
        for name in names:
            model = apps.get_model(label)
            before = model._default_manager.values().get(pk=hidden[label].pk)
            form = {"action": name, "select_across": "1", "index": "0", "_selected_action": [hidden[label].pk]}
            client.post(list_of(label.replace(".", "_")), form)
            assert model._default_manager.values().get(pk=hidden[label].pk) == before, f"{label} {name}"


def test_what_failed_is_run_again_of_their_own_stores_alone(hidden, seen, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        limited(SUPPORT, seen).post(reverse("admin:syncing_syncjob_run_class"), {"failure": "rejected"})
    queued = SyncJob.objects.filter(state="queued", kind="reconcile").values_list("connection", flat=True)
    assert list(queued) == [seen["stores.connection"].pk]


def test_whoever_is_limited_adds_no_store_and_chooses_among_theirs(hidden, seen):
    client = limited(ADMINISTRATOR, seen)
    for url in (
        "/admin/stores/store/add/",
        "/admin/auth/user/",
        "/admin/syncing/alertchannel/add/",
        "/admin/auth/group/",
    ):
        assert client.get(url).status_code == 403, url
    for url in (
        "/admin/stores/currencyrate/add/",
        "/admin/stores/currencyrate/import/",
        "/admin/stores/variantlink/import/",
    ):
        assert client.get(url).status_code == 403, url
    theirs = hidden["stores.connection"]
    form = {"source": theirs.source_id, "destination": seen["stores.connection"].destination_id, "strategy": "one_way"}
    before = Connection.objects.count()
    client.post(reverse("admin:stores_connection_add"), form)
    assert Connection.objects.count() == before
    fields = {"app_label": "stores", "model_name": "connection", "field_name": "source", "term": ""}
    assert MARK not in client.get("/admin/autocomplete/", fields).content.decode()


def test_a_store_is_acted_on_only_by_who_sees_all_that_is_connected_with_it(hidden, seen):
    client, store = limited(ADMINISTRATOR, seen), seen["stores.store"]
    page = look_at(client, page_of(store))
    assert "/do/pause/" not in page and 'name="name"' not in page
    assert client.post(reverse("admin:stores_store_do", args=[store.pk, "pause_now"])).status_code == 403
    Connection.objects.filter(source=store).exclude(pk=seen["stores.connection"].pk).update(state="removed")
    assert "/do/pause/" in look_at(client, page_of(store))


def test_charts_and_counts_are_of_their_own(hidden, seen):
    for who in (limited(VIEWER, seen), site.superuser()):
        page = look_at(who, "/admin/")
        numbers = who.get("/admin/").context["counts"]
        failed = next(one["count"] for one in numbers if one["label"] == "failed jobs")
        assert failed == (1 if "hush" not in page.lower() else 4)
    navigation = limited(SUPPORT, seen).get("/admin/").context["sidebar_navigation"]
    badges = {item["title"]: item.get("badge") for group in navigation for item in group["items"]}
    assert badges["Jobs"] == "1" and badges["Orders"] == "1"


def test_an_administrator_limits_somebody_on_their_page_and_lifts_it_again():
    client, colleague = member_of(ADMINISTRATOR), User.objects.create_user("colleague", is_staff=True)
    store = make_store("North", "destination")
    form = {"username": "colleague", "is_active": "on", "is_staff": "on", "date_joined_0": "2026-01-01"}
    form |= {"date_joined_1": "00:00:00"}
    assert 'name="is_limited"' in look_at(client, page_of(colleague))
    answer = client.post(page_of(colleague), form | {"limited_to": [store.pk]})
    assert "turn this on" in answer.content.decode() and not StoreLimit.objects.exists()
    client.post(page_of(colleague), form | {"is_limited": "on", "limited_to": [store.pk]})
    assert [*colleague.store_limit.stores.all()] == [store]
    assert "North" in look_at(client, list_of("auth_user"))
    store.delete()
    assert StoreLimit.objects.get().stores.count() == 0  # and still limited
    assert "none" in look_at(client, list_of("auth_user"))
    client.post(page_of(colleague), form)
    assert not StoreLimit.objects.exists()


def test_a_superuser_is_not_limited_and_says_so():
    client = site.superuser()
    boss = User.objects.get(username="boss")
    form = {"username": "boss", "is_active": "on", "is_superuser": "on", "is_staff": "on", "is_limited": "on"}
    answer = client.post(page_of(boss), form | {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"})
    assert "A superuser sees all stores" in answer.content.decode()
    StoreLimit.objects.create(user=boss)
    make_store("North", "destination")
    assert "North" in look_at(client, list_of("stores_store"))


def _body(answer) -> str:
    """What an answer says, in small letters, without the question that it repeats."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    words = (content.decode() + json.dumps(dict(answer.headers))).lower()
    for question in (f'value="{MARK}"', f"q={MARK}", f"q%3d{MARK}"):
        words = words.replace(question, "")
    return words
