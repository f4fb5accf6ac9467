"""Rows for the tests of the console: two stores, a connection, links, pairs of levels, and what happened to them."""

import json
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.admin.models import CHANGE
from django.utils import timezone

from stores.models import Connection, Location, LocationMapping, Store, Variant, VariantLink
from stores.models.variant import normalize_identifier
from syncing.models import (
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
from syncing.stock.writes import hold_causes

SECRET = "shpss_never_on_a_page"
NASTY = "<script>alert('x')</script> & Söckchen"
LOGGED = CHANGE


@dataclass
class Rows:
    """Everything `make_rows` made, by name."""

    source: Store
    destination: Store
    connection: Connection
    mapping: LocationMapping
    link: VariantLink
    stock_link: StockLink


def make_store(name: str, role: str, **fields) -> Store:
    domain = f"{name.lower().replace(' ', '-')}.myshopify.com"
    defaults = {
        "client_id": "app",
        "client_secret": SECRET,
        "status": Store.Status.READY,
        "currency": "EUR",
        "checked_at": timezone.now(),
    }
    return Store.objects.create(domain=domain, name=name, role=role, **(defaults | fields))


def make_location(store: Store, name: str) -> Location:
    return Location.objects.create(store=store, name=name, gid=f"gid://shopify/Location/{Location.objects.count() + 1}")


def make_variant(store: Store, title: str, sku: str = "", **fields) -> Variant:
    number = Variant.objects.count() + 1
    handle = fields.pop("handle", f"product-{number}")
    barcode = fields.pop("barcode", "")
    return Variant.objects.create(
        store=store,
        gid=f"gid://shopify/ProductVariant/{number}",
        product_gid=f"gid://shopify/Product/{number}",
        item_gid=f"gid://shopify/InventoryItem/{number}",
        product_title=title,
        title=fields.pop("title", "Default Title"),
        handle=handle,
        sku=sku,
        barcode=barcode,
        handle_key=normalize_identifier(handle),
        sku_key=normalize_identifier(sku),
        barcode_key=normalize_identifier(barcode),
        seen_at=timezone.now(),
        **fields,
    )


def make_link(connection: Connection, title: str, sku: str, *, is_linked: bool = True, **fields) -> VariantLink:
    partner = make_variant(connection.destination, title, sku) if is_linked else None
    state = VariantLink.State.LINKED if is_linked else VariantLink.State.UNMATCHED
    return VariantLink.objects.create(
        connection=connection,
        source_variant=make_variant(connection.source, title, sku),
        destination_variant=partner,
        **({"state": state} | fields),
    )


def make_level(variant: Variant, location: Location, available: int | None) -> StockLevel:
    return StockLevel.objects.create(
        store=variant.store,
        location=location,
        item_gid=variant.item_gid,
        available=available,
        as_of=timezone.now() - timedelta(minutes=3),
        is_doubtful=False,
    )


def make_stock_link(link: VariantLink, mapping: LocationMapping, source: int, destination: int, **fields) -> StockLink:
    defaults = {
        "source_baseline": source,
        "destination_baseline": destination,
        "settled_sequence": 1,
        "state": StockLink.State.IN_STEP,
    }
    return StockLink.objects.create(
        connection=link.connection,
        variant_link=link,
        mapping=mapping,
        source_level=make_level(link.source_variant, mapping.source_location, source),
        destination_level=make_level(link.destination_variant, mapping.destination_location, destination),
        **(defaults | fields),
    )


def make_adjustment(pair: StockLink, before: int, after: int, **fields) -> StockAdjustment:
    connection = pair.connection
    batch = StockBatch.objects.create(
        store=connection.destination,
        connection=connection,
        kind=StockBatch.Kind.ADJUST,
        body=json.dumps({"variables": {"input": {"changes": [{"delta": after - before}]}}}).encode(),
        state=StockBatch.State.APPLIED,
        attempts=1,
    )
    defaults = {
        "cause": StockAdjustment.Cause.SOURCE_CHANGED,
        "state": StockAdjustment.State.APPLIED,
        "settled_at": timezone.now(),
    }
    return StockAdjustment.objects.create(
        batch=batch,
        connection=connection,
        link=pair,
        level=pair.destination_level,
        change_from=before,
        change_to=after,
        **(defaults | fields),
    )


def make_hold(pair: StockLink, **fields) -> StockHold:
    defaults = {
        "kind": StockHold.Kind.GUARD,
        "reason": "It would fall from 80 to 0.",
        "source_from": 0,
        "source_to": 0,
        "destination_from": 80,
        "destination_to": 0,
    }
    hold = StockHold(link=pair, connection=pair.connection, **(defaults | fields))
    hold_causes.save(hold)
    return hold


def make_event(store: Store, webhook_id: str = "delivery-1", **fields) -> WebhookEvent:
    body = {"inventory_item_id": 1, "location_id": 1, "available": 7, "updated_at": "2026-10-01T10:00:00-04:00"}
    defaults = {"topic": "inventory_levels/update", "state": WebhookEvent.State.DONE, "body": json.dumps(body)}
    return WebhookEvent.objects.create(
        store=store, webhook_id=webhook_id, triggered_at=timezone.now(), **(defaults | fields)
    )


def make_job(connection: Connection | None = None, **fields) -> SyncJob:
    defaults = {
        "kind": SyncJob.Kind.RECONCILE,
        "subject": f"connection {connection.pk}" if connection else "",
        "state": SyncJob.State.FAILED,
        "failure": SyncJob.Failure.REJECTED,
        "message": "Shopify said no.",
        "due_at": timezone.now(),
        "finished_at": timezone.now(),
        "attempts": 1,
    }
    return SyncJob.objects.create(connection=connection, **(defaults | fields))


def make_reconciliation(connection: Connection, **fields) -> Reconciliation:
    defaults = {
        "state": Reconciliation.State.DONE,
        "compared": 300,
        "equal": 297,
        "differing": 3,
        "skipped": {"inventory is not tracked": 4},
        "finished_at": timezone.now(),
    }
    return Reconciliation.objects.create(connection=connection, **(defaults | fields))


def make_observation(level: StockLevel, previous: int | None, available: int | None, **fields) -> StockObservation:
    defaults = {"origin": StockObservation.Origin.WEBHOOK, "as_of": timezone.now()}
    return StockObservation.objects.create(level=level, previous=previous, available=available, **(defaults | fields))


def make_rows(strategy: str = "one_way") -> Rows:
    """A started connection with one linked variant, whose title is nasty HTML, kept in step at one location."""
    source, destination = make_store("Main", Store.Role.SOURCE), make_store("North", Store.Role.DESTINATION)
    connection = Connection.objects.create(
        source=source, destination=destination, strategy=strategy, state=Connection.State.RUNNING
    )
    mapping = LocationMapping.objects.create(
        connection=connection,
        source_location=make_location(source, "Berlin"),
        destination_location=make_location(destination, "Berlin"),
    )
    link = make_link(connection, NASTY, "SOCK-1")
    return Rows(source, destination, connection, mapping, link, make_stock_link(link, mapping, 7, 7))
