"""The whole site as an intruder walks it: a row of every kind, and every address that the URL configuration has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection as db
from django.db.models import Model
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from stores import roles
from stores.models import ConfigurationChange, VariantLink
from syncing.models import Alert, Cluster
from tests.support.console.rows import make_adjustment, make_observation
from tests.tiposync.console.access.test_roles import label_of, make_all

# What needs no sign-in, and why.
PUBLIC = {
    "/healthz": "a supervisor's probe: says OK",
    "/readyz": "a supervisor's probe: says what does not work, without a name of anything",
    "/metrics": "Prometheus shows METRICS_TOKEN (test_brute_force.py)",
    "/webhooks/shopify/": "signed by Shopify (test_webhooks.py)",
    "/shopify/connected/": "signed by Shopify; leads to the console, which asks (test_connecting.py)",
    "/admin/login/": "where everybody signs in",
    "/admin/logout/": "the way out; leads to the console, which asks",
    "/": "leads to the console, which asks",
}
# What a GET may write nevertheless, by the end of its address, and why that is harmless.
ALARM = {"syncing_alert", "syncing_alertmessage", "syncing_alertmessage_alerts", "syncing_heartbeat"}
ALARM |= {"syncing_syncjob", "django_q_ormq"}
WRITTEN_BY_GET = {
    "/readyz": (ALARM, "sounds the alarm when no worker is alive"),
    "/do/export/": ({"django_admin_log"}, "who took personal data away is in the history"),
}
# Shopify's bucket and what a worker counts moves with every read of a store.
MOVING = ("bucket_available", "bucket_at", "bucket_maximum", "bucket_restore_rate", "last_login")


@dataclass(frozen=True)
class Address:
    """A URL, the route it came from, and the model it belongs to, if to one."""

    url: str
    route: str
    label: str = ""


def make_site() -> dict[str, Model]:
    """A row of each model that has pages, by label; the roles are there, too."""
    roles.upsert()
    rows = make_all()
    pair = rows["syncing.stocklink"]
    adjustment = make_adjustment(pair, 7, 5)
    make_observation(pair.destination_level, 7, 5)
    alert = Alert.objects.create(
        kind="held",
        subject="held 1",
        message="Needs review.",
        path="/admin/",
        opened_at=timezone.now(),
        seen_at=timezone.now(),
    )
    workers = Cluster.objects.create(host="sync-1", process=1, worker_count=2, beat_at=timezone.now())
    more = [adjustment, adjustment.batch, alert, workers, Group.objects.first(), ConfigurationChange.objects.first()]
    rows |= {label_of(type(row)): row for row in more}
    missing = {label_of(model) for model in admin.site._registry} - set(rows)
    assert not missing, f"make a row of each of these: {missing}"
    return rows


def addresses(rows: dict[str, Model]) -> list[Address]:
    """Every address of the URL configuration, with the rows' ids and the names of all operations filled in."""
    found = [each for route in _routes(get_resolver()) for each in _filled(route, rows)]
    assert len(found) > 200
    return found


def _routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, route)
        else:
            yield "/" + route


def _filled(route: str, rows: dict[str, Model]) -> Iterator[Address]:
    if route == "/admin/(?P<url>.*)$":
        yield Address("/admin/nowhere/", route)
        return
    if "(?P<app_label>" in route:
        for app in re.search(r"app_label>([\w|]+)", route)[1].split("|"):
            yield Address(f"/admin/{app}/", route)
        return
    if route.startswith("/admin/r/"):
        kind = ContentType.objects.get_for_model(VariantLink)
        yield Address(f"/admin/r/{kind.pk}/{rows['stores.variantlink'].pk}/", route, "stores.variantlink")
        return
    label = ".".join(route.split("/")[2:4])
    row = rows.get(label)
    if row is None:
        assert "<" not in route, f"no test knows how to fill in {route}"
        yield Address(route, route)
        return
    pk = rows["stores.variantlink"].pk if "/timeline/" in route else row.pk
    url = re.sub(r"<(path:object_id|id|int:link_id)>", str(pk), route)
    names = admin.site._registry[type(row)].operations if "<slug:name>" in url else ("",)
    for name in names:
        filled = url.replace("<slug:name>", name)
        assert "<" not in filled, f"no test knows how to fill in {route}"
        yield Address(filled, route, label)


def state_of_database() -> dict[str, str]:
    """A digest of each table, without what moves by itself and without sessions."""
    with db.cursor() as cursor:
        tables = [name for name in db.introspection.table_names(cursor) if name != "django_session"]
        moving = ", ".join(f"'{name}'" for name in MOVING)
        parts = [
            f"SELECT '{table}', md5(coalesce(string_agg(row, '' ORDER BY row), '')) "
            f"FROM (SELECT (to_jsonb(t) - ARRAY[{moving}])::text AS row FROM {db.ops.quote_name(table)} t) AS {table}_"
            for table in tables
        ]
        cursor.execute(" UNION ALL ".join(parts))
        return dict(cursor.fetchall())


def changed_since(before: dict[str, str]) -> set[str]:
    """The tables that hold something else than they did then."""
    return {name for name, digest in state_of_database().items() if digest != before[name]}


def staff_without_permissions() -> Client:
    """Somebody who may sign in to the console, and no more."""
    client = Client()
    client.force_login(User.objects.create_user("newcomer", is_staff=True))
    return client


def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def is_sign_in(answer) -> bool:
    """Whether an answer sends to the sign-in."""
    return answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login/?next=/")
