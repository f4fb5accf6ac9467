"""A page of the console asks the database the same few questions, however many rows there are."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, islice
from typing import Any
from unittest.mock import patch

import pytest
import responses
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import F, Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stores.models import Connection, Store, Variant
from stores.shared import statements
from tests.support.console.many import Crowd
from tests.support.console.pages import list_cases, list_url, registered, row_url
from tests.support.console.press import answer_levels, page_of

FEW, MANY = 3, 9
ROW = "its page"
MOST_TRIED = 3
BUCKET = "SET bucket_available"
TERMS = ("sock", "nowhere")
# The most queries that a list, filtered, searched and sorted in any way, and a row's page may ask. The menu's badges,
# the tabs, the session and the user are 5 of them.
MOST = {
    "auth.group": (20, 20),
    "auth.user": (20, 25),
    "orders.orderimport": (20, 21),
    "orders.orderupdate": (20, 20),
    "stores.cataloguesettings": (20, 30),
    "stores.configurationchange": (20, 20),
    "stores.connection": (20, 60),
    "stores.currencyrate": (20, 20),
    "stores.productlink": (20, 25),
    "stores.resourcelink": (20, 25),
    "stores.store": (20, 25),
    "stores.syncswitch": (20, 20),
    "stores.matchdecision": (20, 20),
    "stores.variantlink": (20, 25),
    "syncing.alert": (20, 20),
    "syncing.alertchannel": (20, 25),
    "syncing.cataloguerun": (20, 20),
    "syncing.cataloguerunitem": (20, 20),
    "syncing.cluster": (20, 20),
    "syncing.holdcause": (20, 30),
    "syncing.privacyrequest": (20, 20),
    "syncing.reconciliation": (20, 20),
    "syncing.stockadjustment": (20, 25),
    "syncing.stockbatch": (20, 20),
    "syncing.stockhold": (20, 25),
    "syncing.stocklink": (20, 35),
    "syncing.syncjob": (20, 20),
    "syncing.webhookevent": (20, 20),
}


# The same for pages that belong to no model, or to a row besides its own page.
MOST_ELSEWHERE = {
    "dashboard": 45,
    "timeline": 30,
    "preview of a connection": 50,
    "undo of a reconciliation": 30,
    "undo of an alignment": 30,
    "end of a product sync": 30,
    "import of rates": 20,
    "two-factor sign-in": 20,
    "password": 20,
    "deletion of a store": 30,
    "deletion of a connection": 30,
    "history of a connection": 20,
    "history of a link": 20,
}
pytestmark = pytest.mark.django_db

# Reads pairs a chunk of some hundred at a time, and no more than it shows: bounded, but not the same for all.
IN_CHUNKS = {"preview of a connection"}

Counts = dict[str, dict[str, list[int]]]


def ask(client: Client, url: str) -> tuple[int, Any]:
    """How many queries a page takes, and what its template was given."""
    # Prepared, a statement would be captured without its text.
    with CaptureQueriesContext(connection) as captured, patch.object(statements, "UNPREPARED_RUNS", None):
        answer = client.get(url, follow=True)
    assert answer.status_code == 200, f"{url} answered {answer.status_code}"
    # A read of Shopify books its cost in its store's bucket: such reads are counted per location, not per row.
    queries = sum(BUCKET not in query["sql"] for query in captured.captured_queries)
    return queries, getattr(answer, "context_data", None)


def ask_again(client: Client, url: str) -> int:
    """The queries of a page that makes what it needs when first opened: pairs to preview, a two-factor device."""
    ask(client, url)
    return ask(client, url)[0]


@pytest.fixture(scope="module")
def counted(django_db_setup, django_db_blocker) -> Counts:
    """Label -> what was asked -> the queries with few rows, and with many. Counted once, and leaves nothing behind."""
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        responses.RequestsMock(assert_all_requests_are_fired=False) as shopify,
    ):
        counts = _count(shopify)
        transaction.set_rollback(True)
    return counts


def _count(shopify: responses.RequestsMock) -> Counts:
    client, crowd, counts = Client(), Crowd(), defaultdict(lambda: defaultdict(list))
    client.force_login(User.objects.create_superuser("boss"))
    ContentType.objects.get_for_models(*apps.get_models())  # are asked for once in a process, by whoever comes first
    crowd.grow(FEW)
    _answer_everything(shopify)
    urls = {}
    for label, words, url, queries in ask_all(client, crowd):
        urls[label, words] = url
        counts[label][words].append(queries)
    crowd.grow(MANY)
    _answer_everything(shopify)
    Connection.objects.update(started_at=F("started_at") - timedelta(hours=1))  # what was new is new no more
    for (label, words), url in urls.items():
        counts[label][words].append(ask(client, url)[0] if label else ask_again(client, url))
    return counts


def _answer_everything(shopify: responses.RequestsMock) -> None:
    Store.objects.update(auth="static_token", access_token="shpat_x")
    answer_levels(dict.fromkeys(Variant.objects.values_list("item_gid", flat=True), 7), shopify)


def ask_all(client: Client, crowd: Crowd) -> Iterator[tuple[str, str, str, int]]:
    """Label, what is asked, address and queries, of every page; of each filter one choice that shows rows."""
    for label in registered():
        for _, cases in groupby(list_cases(client, label, TERMS), key=lambda case: case.means):
            for case in islice(cases, MOST_TRIED):
                queries, context = ask(client, list_url(label) + case.query)
                if context["cl"].result_list:
                    break
            yield label, case.words, list_url(label) + case.query, queries
        if label in crowd.rows:
            url = row_url(crowd.rows[label])
            yield label, ROW, url, ask(client, url)[0]
    for name, url in elsewhere(crowd).items():
        yield "", name, url, ask_again(client, url)


def operation_url(row: Model, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_do", args=[row.pk, name])


def elsewhere(crowd: Crowd) -> dict[str, str]:
    """The pages that belong to no model, or to a row besides its own page."""
    rows = crowd.rows
    link, connected = rows["stores.variantlink"], rows["stores.connection"]
    return {
        "dashboard": reverse("admin:index"),
        "timeline": reverse("admin:syncing_timeline", args=[link.pk]),
        "preview of a connection": operation_url(connected, "preview"),
        "undo of an alignment": operation_url(connected, "preview_undo"),
        "undo of a reconciliation": operation_url(rows["syncing.reconciliation"], "preview_undo"),
        "end of a product sync": operation_url(rows["stores.cataloguesettings"], "end"),
        "deletion of a store": page_of(rows["stores.store"], "delete"),
        "deletion of a connection": page_of(connected, "delete"),
        "history of a connection": page_of(connected, "history"),
        "history of a link": page_of(link, "history"),
        "import of rates": "/admin/stores/currencyrate/import/",
        "two-factor sign-in": "/admin/two-factor/",
        "password": reverse("admin:password_change"),
    }


@pytest.mark.parametrize("label", registered())
def test_a_list_asks_the_same_however_many_rows_it_has(counted, label):
    most = MOST[label][0]
    for words, (few, many) in counted[label].items():
        if words != ROW:
            assert few == many, f"{words}: {few} queries with {FEW} rows of each kind, {many} with {MANY}"
            assert many <= most, f"{words}: {many} queries"


@pytest.mark.parametrize("label", registered())
def test_the_page_of_a_row_asks_the_same_however_much_belongs_to_it(counted, label):
    few, many = counted[label][ROW]
    assert few == many, f"{few} queries with {FEW} rows of each kind, {many} with {MANY}"
    assert many <= MOST[label][1]


@pytest.mark.parametrize("name", MOST_ELSEWHERE)
def test_a_page_beside_the_lists_asks_the_same_however_many_rows_there_are(counted, name):
    few, many = counted[""][name]
    assert few == many or name in IN_CHUNKS, f"{few} queries with {FEW} rows of each kind, {many} with {MANY}"
    assert many <= MOST_ELSEWHERE[name]


def test_every_page_of_the_console_has_its_bound():
    assert set(MOST) == set(registered())
