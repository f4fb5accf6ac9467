"""That lists of millions of rows, and the badges on every page, read their rows by the indexes made for them."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from stores.models import ProductLink, Store, Variant
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.upkeep import texts
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_rows
from tiposync.console.home import attention

pytestmark = pytest.mark.django_db(transaction=True)

# A seq scan of one of these is a page that takes seconds.
LARGE = ("syncing_stocklink", "syncing_stocklevel", "stores_variantlink", "stores_productlink", "syncing_syncjob")


def plans_of(statements: list[str]) -> str:
    """
    How PostgreSQL reads the rows where an index of their order or condition is always its best way.

    Of the few rows of a test all ways cost nearly the same, and statistics, which autovacuum refreshes when it likes,
    would choose among them. Of millions they do not: what sorts or reads them all is never chosen here, but where no
    index serves.
    """
    lines, never = [], ("enable_seqscan", "enable_bitmapscan", "enable_sort")
    with connection.cursor() as cursor:
        for way in never:
            cursor.execute(f"SET {way} = off")
        for statement in statements:
            cursor.execute("EXPLAIN " + statement.replace("%", "%%"), [])
            lines += [line for (line,) in cursor.fetchall()]
        for way in never:
            cursor.execute(f"RESET {way}")
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


@pytest.fixture
def many_rows(admin_client):
    """Enough, and counted, that of two indexes of the same order the one of fewer rows is the best way."""
    count, lists = 3000, [CatalogueRunItem, ProductLink]
    rows = make_rows()
    runs = [CatalogueRun.objects.create(connection=rows.connection, state="finished") for _ in range(5)]
    CatalogueRunItem.objects.bulk_create(
        CatalogueRunItem(
            run=runs[number % len(runs)],
            source_gid=f"gid://shopify/Product/{number}",
            action="update",
            failure="" if number % 50 else "rejected",
        )
        for number in range(count)
    )
    ProductLink.objects.bulk_create(
        ProductLink(
            connection=rows.connection,
            destination=rows.destination,
            source_gid=f"gid://shopify/Product/{number}",
            title=f"Lamp {number:05}",
            departure="" if number % 50 else "deleted",
        )
        for number in range(count)
    )
    with connection.cursor() as cursor:
        for table in lists:
            cursor.execute(f"ANALYZE {table._meta.db_table}")


@pytest.mark.usefixtures("many_rows")
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


@pytest.fixture
def many_searched(many_rows):
    """Their texts in blocks, and so many variants that reading them one by one is never the best way."""
    store = Store.objects.get(role="source")
    Variant.objects.bulk_create(
        Variant(
            store=store,
            gid=f"gid://v/{n}",
            item_gid=f"gid://i/{n}",
            product_title=f"Lamp {n:05}",
            seen_at=store.checked_at,
        )
        for n in range(2000)
    )
    texts.renew()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stores_variant")


@pytest.mark.usefixtures("many_searched")
@pytest.mark.parametrize(
    ("address", "table"),
    [
        ("syncing_stocklink", "stores_variant"),
        ("syncing_stockadjustment", "stores_variant"),
        ("stores_variantlink", "stores_variant"),
        ("stores_productlink", "stores_productlink"),
        ("syncing_cataloguerunitem", "syncing_cataloguerunitem"),
    ],
)
@pytest.mark.parametrize("words", ["01234", "nowhere"])
def test_a_search_for_what_few_have_reads_the_rows_of_few_blocks(admin_client, address, table, words):
    with CaptureQueriesContext(connection) as captured:
        look_at(admin_client, f"{list_of(address)}?q={words}")
    searches = [
        q["sql"] for q in captured.captured_queries if f"%{words}%" in q["sql"] and f'FROM "{table}"' in q["sql"]
    ]
    plan = plans_of(searches)
    assert searches and f"{table}_pkey" in plan, plan
    assert f"Seq Scan on {table}" not in plan, plan
