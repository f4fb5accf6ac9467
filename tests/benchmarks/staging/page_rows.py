"""Fill a scratch database with as many rows as a big installation has after years: `fill_all(Sizes(...))`.

Made by the database itself (tests.benchmarks.staging.filling).
"""

from django.db import connection

from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.models import (
    CatalogueSettings,
    ConfigurationChange,
    Connection,
    CurrencyRate,
    Location,
    LocationMapping,
    ProductLink,
    ResourceLink,
    Store,
    SyncSwitch,
    Variant,
    VariantLink,
)
from syncing.models import (
    Alert,
    AlertChannel,
    CatalogueRun,
    CatalogueRunItem,
    PrivacyRequest,
    Reconciliation,
    StockAdjustment,
    StockBatch,
    StockHold,
    StockLevel,
    StockLink,
    StockObservation,
    SyncJob,
    WebhookEvent,
)
from syncing.models.searched import BLOCK_ROWS
from syncing.upkeep import texts
from tests.benchmarks.staging.filling import (
    CONNECTIONS,
    Sizes,
    connection_of,
    days_ago,
    fill,
    gids_of,
    one_of,
    rarely,
    source_variant_of,
    title,
)


def fill_all(sizes: Sizes) -> None:
    """Fill every table of an empty, migrated database."""
    with connection.cursor() as cursor:
        # Rows that fit by construction need no triggers to check them; nobody else is here.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        for step in (_fill_map, _fill_stock, _fill_ledger, _fill_traffic, _fill_orders, _fill_catalogue, _fill_rest):
            step(sizes)
        cursor.execute("SET session_replication_role = origin")
        for table in texts.BY_TABLE:  # as the triggers would have noted them
            cursor.execute(
                f'INSERT INTO syncing_changedtexts ("table", block) SELECT DISTINCT %s, id / {BLOCK_ROWS} FROM {table}',
                [table],
            )
        texts.renew()
        cursor.execute("VACUUM ANALYZE")


def _fill_map(sizes: Sizes) -> None:
    name = "CASE WHEN n = 1 THEN 'Main' ELSE 'Destination ' || (n - 1) END"
    role = "CASE WHEN n = 1 THEN 'source' ELSE 'destination' END"
    fill(
        Store,
        CONNECTIONS + 1,
        domain="'store-' || n || '.myshopify.com'",
        name=name,
        role=role,
        client_id="'tiposync'",
        status="'ready'",
        currency="'EUR'",
    )
    fill(Location, CONNECTIONS + 1, store="n", gid="'gid://shopify/Location/' || n", name="'Warehouse ' || n")
    own = {"source": "1", "destination": "n + 1", "strategy": one_of("order", "one_way", "two_way")}
    fill(Connection, CONNECTIONS, **own, state="'running'", started_at="now()", reconciled_at="now()")
    fill(LocationMapping, CONNECTIONS, connection="n", source_location="1", destination_location="n + 1")
    fill(OrderSettings, CONNECTIONS, connection="n")
    fill(CatalogueSettings, CONNECTIONS, connection="n", started_at="now()")
    fill(SyncSwitch, 1)
    fill(CurrencyRate, 1000, base="'EUR'", quote="'SEK'", rate="11", valid_from="current_date - n::int")
    number = f"CASE WHEN n <= {sizes.big} THEN n ELSE {source_variant_of(sizes, f'(n - {sizes.big})')} END"
    fill(
        Variant,
        sizes.big + sizes.links,
        store=f"CASE WHEN n <= {sizes.big} THEN 1 ELSE 1 + {connection_of(sizes, f'(n - {sizes.big})')} END",
        gid="'gid://shopify/ProductVariant/' || n",
        product_gid="'gid://shopify/Product/' || n",
        item_gid="'gid://shopify/InventoryItem/' || n",
        product_title=title(number),
        title="'Default Title'",
        handle=f"'product-' || ({number})",
        sku=f"'SKU-' || lpad(({number})::text, 6, '0')",
        barcode=f"'40' || lpad(({number})::text, 11, '0')",
        handle_key=f"'product-' || ({number})",
        sku_key=f"'sku-' || lpad(({number})::text, 6, '0')",
        barcode_key=f"'40' || lpad(({number})::text, 11, '0')",
    )


def _fill_stock(sizes: Sizes) -> None:
    state = rarely("linked", unmatched=100, ambiguous=101, ignored=102, gone=103)
    fill(
        VariantLink,
        sizes.links,
        connection=connection_of(sizes),
        source_variant=source_variant_of(sizes),
        destination_variant=f"CASE WHEN {state} IN ('unmatched', 'ambiguous') THEN NULL ELSE n + {sizes.big} END",
        state=state,
        is_manual="mod(n, 500) = 0",
        reason=rarely("", **{"Two variants of the destination have this SKU.": 101}),
    )
    suggestions = VariantLink.candidates.through
    link = "(101 * n - 1)"  # an ambiguous one
    fill(suggestions, sizes.links // 101, variantlink=link, variant=f"{link} + {sizes.big}")
    store = f"CASE WHEN n <= {sizes.big} THEN 1 ELSE 1 + {connection_of(sizes, f'(n - {sizes.big})')} END"
    fill(
        StockLevel,
        sizes.big + sizes.links,
        store=store,
        location=store,
        item_gid="'gid://shopify/InventoryItem/' || n",
        available="CASE WHEN mod(n, 5000) = 0 THEN -2 ELSE mod(n, 50) END",
        as_of="now()",
        is_doubtful="mod(n, 2000) = 0",
        is_active="mod(n, 1000) <> 0",
    )
    fill(
        StockLink,
        sizes.links,
        connection=connection_of(sizes),
        variant_link="n",
        mapping=connection_of(sizes),
        source_level=source_variant_of(sizes),
        destination_level=f"n + {sizes.big}",
        dirty_sequence="2",
        settled_sequence="CASE WHEN mod(n, 400) = 0 THEN 1 ELSE 2 END",
        state=rarely("in_step", skipped=100, held=500, drifted=700, pending=900),
        changed_at=days_ago(30, sizes.links),
    )
    observations = sizes.ledger // 2
    fill(
        StockObservation,
        observations,
        level=f"1 + mod(n, {sizes.big + sizes.links})",
        previous="mod(n, 50)",
        available="mod(n + 1, 50)",
        origin="'webhook'",
        event="n",
        created_at=days_ago(30, observations),
    )


def _fill_ledger(sizes: Sizes) -> None:
    batches, holds = sizes.ledger // 10, sizes.links // 5
    reconciliations = sizes.ledger // 70
    fill(
        Reconciliation,
        reconciliations,
        connection=f"1 + mod(n, {CONNECTIONS})",
        state=rarely("done", failed=200),
        started_at=days_ago(30, reconciliations),
    )
    batch_connection = f"1 + mod(n, {CONNECTIONS})"
    fill(
        StockBatch,
        batches,
        key="gen_random_uuid()",
        store=f"1 + {batch_connection}",
        connection=batch_connection,
        kind="'adjust'",
        body="convert_to(repeat('x', 2000), 'utf8')",
        state=rarely("applied", refused=500, unknown=5000),
        created_at=days_ago(90, batches),
    )
    link = f"(1 + mod(n * 7919, {sizes.links}))"
    fill(
        StockAdjustment,
        sizes.ledger,
        batch="1 + (n - 1) / 10",
        connection=connection_of(sizes, link),
        link=link,
        level=f"{link} + {sizes.big}",
        change_from="mod(n, 50)",
        change_to="mod(n + 3, 50)",
        cause=f"CASE WHEN mod(n, 300) = 0 THEN 'released' ELSE {one_of('source_changed', 'reconciliation')} END",
        reconciliation=f"CASE WHEN mod(n, 2) = 1 THEN 1 + mod(n, {reconciliations}) END",
        state=rarely("applied", stale=200, failed=1000, unknown=20000),
        created_at=days_ago(90, sizes.ledger),
        settled_at="now()",
    )
    held = f"CASE WHEN n <= {sizes.links // 500} THEN 500 * n - 1 ELSE 1 + mod(n * 13, {sizes.links}) END"
    fill(
        StockHold,
        holds,
        link=held,
        connection=connection_of(sizes, f"({held})"),
        kind=rarely("guard", outcome=40),
        reason="'It would fall from 80 to 0.'",
        state=f"CASE WHEN n <= {sizes.links // 500} THEN 'open' ELSE {one_of('released', 'discarded')} END",
        destination_from="80",
        destination_to="0",
        created_at=days_ago(90, holds),
    )


def _fill_traffic(sizes: Sizes) -> None:
    topic = one_of("inventory_levels/update", "products/update", "inventory_levels/update", "orders/updated")
    fill(
        WebhookEvent,
        sizes.ledger,
        store=f"1 + mod(n, {CONNECTIONS + 1})",
        webhook_id="gen_random_uuid()::text",
        event_id="gen_random_uuid()::text",
        topic=topic,
        body="'{\"inventory_item_id\": ' || mod(n, 50000) || repeat(', \"field\": 1', 20) || '}'",
        state=f"CASE WHEN n > {sizes.ledger - 200} THEN 'new' ELSE {rarely('done', ignored=7, failed=2000)} END",
        triggered_at=days_ago(30, sizes.ledger),
        received_at=days_ago(30, sizes.ledger),
    )
    jobs = sizes.ledger // 5
    fill(
        SyncJob,
        jobs,
        kind=one_of("carry_stock", "process_events", "sync_product", "import_order", "reconcile"),
        subject="'subject ' || n",
        connection=f"CASE WHEN mod(n, 5) = 1 THEN NULL ELSE 1 + mod(n, {CONNECTIONS}) END",
        store=f"CASE WHEN mod(n, 50) = 1 THEN 1 + mod(n, {CONNECTIONS + 1}) END",
        state=f"CASE WHEN n > {jobs - 100} THEN 'queued' ELSE {rarely('succeeded', failed=80)} END",
        failure=rarely("", rejected=80),
        message=rarely("Carried 3 changes.", **{"Shopify said no.": 80}),
        finished_at=days_ago(30, jobs),
        due_at=days_ago(30, jobs),
    )
    alerts = sizes.ledger // 200
    fill(
        Alert,
        alerts,
        kind=one_of("held", "job_failed", "oversold"),
        subject="'subject ' || n",
        message="'Held for a decision: ' || n",
        resolved_at=f"CASE WHEN n < {alerts - 150} THEN now() END",
    )


def _fill_orders(sizes: Sizes) -> None:
    orders = sizes.ledger // 20
    fill(
        OrderImport,
        orders,
        connection=f"1 + mod(n, {CONNECTIONS})",
        order_gid="'gid://shopify/Order/' || n",
        order_name="'#' || n",
        copy_gid="'gid://shopify/Order/' || (n + 10000000)",
        copy_name="'#' || (n + 10000000)",
        placed_at=days_ago(90, orders),
        original_total="12.30",
        original_currency="'EUR'",
        state=rarely("confirmed", failed=100, waiting=101, skipped=50),
        waits_for=rarely("", links=101),
        is_partial="mod(n, 60) = 0",
        created_at=days_ago(90, orders),
    )
    fill(
        OrderImportLine,
        orders * 2,
        order_import="1 + (n - 1) / 2",
        line_gid="'gid://shopify/LineItem/' || n",
        variant_gid=f"'gid://shopify/ProductVariant/' || ({sizes.big} + 1 + mod(n, {sizes.links}))",
        source_variant=f"1 + mod(n, {sizes.big})",
        title=title("n"),
        quantity="2",
        state=rarely("carried", left_out=60),
    )
    fill(
        OrderUpdate,
        orders // 2,
        order_import="n * 2",
        kind=one_of("fulfilment", "refund", "cancellation"),
        origin_gid="'gid://shopify/Fulfillment/' || n",
        state=rarely("confirmed", failed=100),
        origin_at=days_ago(90, orders // 2),
    )


def _fill_catalogue(sizes: Sizes) -> None:
    state = rarely("linked", conflict=60, failed=250, unmatched=40, unlinked=45)
    own = {
        "connection": connection_of(sizes),
        "destination": f"1 + {connection_of(sizes)}",
        "title": title(source_variant_of(sizes)),
        "handle": f"'product-' || ({source_variant_of(sizes)})",
        "state": state,
        "synced_at": "now()",
    }
    gids = gids_of("Product")
    fill(ProductLink, sizes.links, **own, **gids, is_created="mod(n, 3) = 0")
    fill(ResourceLink, sizes.links // 50, **own, **gids_of("Collection"), kind=one_of("collection", "page", "article"))
    run_count = CONNECTIONS * 10
    fill(
        CatalogueRun,
        run_count,
        connection=f"1 + mod(n, {CONNECTIONS})",
        kind="'all'",
        state=f"CASE WHEN n > {run_count - 2} THEN 'held' ELSE 'finished' END",
        counts="'{\"equal\": 900}'",
        done="1000",
        total="1000",
    )
    fill(
        CatalogueRunItem,
        sizes.links * 2,
        run=f"1 + mod(n, {run_count})",
        source_gid="'gid://shopify/Product/' || n",
        title=title("n"),
        action=rarely("equal", update=10, create=50),
        outcome=rarely("done", failed=200),
    )


def _fill_rest(sizes: Sizes) -> None:
    changes = sizes.ledger // 20
    fill(
        ConfigurationChange,
        changes,
        at=days_ago(400, changes),
        author=one_of("anna", "ben", ""),
        kind="'update'",
        table="'stores_connection'",
        row_id=f"1 + mod(n, {CONNECTIONS})",
        row_name="'Main → Destination ' || n",
        fields="'{\"is_paused\": [false, true]}'",
    )
    fill(AlertChannel, 5, name="'Channel ' || n", addresses="'desk@example.com'")
    fill(PrivacyRequest, 200, store="1", kind="'customer'", state="'done'", due_at="now()")
