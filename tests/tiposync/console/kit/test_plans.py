"""That lists of millions of rows, and the badges on every page, read their rows by the indexes made for them."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from tests.support.console.press import list_of, look_at
from tiposync.console.home import attention

pytestmark = pytest.mark.django_db(transaction=True)

# A seq scan of one of these is a page that takes seconds.
LARGE = ("syncing_stocklink", "syncing_stocklevel", "stores_variantlink", "stores_productlink", "syncing_syncjob")


def plans_of(statements: list[str]) -> str:
    """How PostgreSQL reads the rows where it may choose any index there is, however few rows there are now."""
    lines = []
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for statement in statements:
            cursor.execute("EXPLAIN " + statement.replace("%", "%%"), [])
            lines += [line for (line,) in cursor.fetchall()]
        cursor.execute("RESET enable_seqscan")
    return "\n".join(lines)


def test_the_badges_of_every_page_are_counted_by_indexes(admin_client):
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(username="admin")
    with CaptureQueriesContext(connection) as captured:
        attention.of(request)
    plan = plans_of([query["sql"] for query in captured.captured_queries])
    assert not [table for table in LARGE if f"Seq Scan on {table}" in plan], plan
    for index in ("level_below_zero", "product_link_attention"):
        assert index in plan, plan


@pytest.mark.parametrize(
    ("address", "index"),
    [
        ("syncing_cataloguerunitem", "run_item_in_order"),
        ("syncing_cataloguerunitem?failure__exact=rejected", "run_item_failed"),
        ("stores_productlink?departure__exact=deleted", "product_link_departed"),
    ],
)
def test_a_page_of_a_list_of_millions_is_read_in_the_order_of_an_index(admin_client, address, index):
    name, _, query = address.partition("?")
    with CaptureQueriesContext(connection) as captured:
        look_at(admin_client, f"{list_of(name)}?{query}")
    pages = [query["sql"] for query in captured.captured_queries if f'FROM "{name}"' in query["sql"]]
    plan = plans_of([statement for statement in pages if "ORDER BY" in statement and "LIMIT" in statement])
    assert index in plan and plan.count("Sort  (") == plan.count("Incremental Sort  ("), plan
