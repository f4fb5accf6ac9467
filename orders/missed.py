"""Changes of copied orders that no webhook told of: found in the lists of orders that a reconciliation reads anyway."""

from collections.abc import Iterable
from datetime import datetime

from orders import intake
from orders.models import OrderImport, OrderUpdate
from stores.models import Connection
from stores.shopify import orders
from stores.shopify.client import Client
from stores.shopify.order_records import OrderSummary

Kind = OrderUpdate.Kind


def note_changes(known: OrderImport, original: OrderSummary) -> bool:
    """Have a row for the cancellation and each refund of a copied order; whether there is a new one.

    What was refunded before the copy was made turns out to be nothing to do.
    """
    found = [intake.note_update(known, Kind.REFUND, gid, made_at) for gid, made_at in original.refunds]
    if original.cancelled_at:
        found.append(intake.note_update(known, Kind.CANCELLATION, original.gid, original.cancelled_at))
    return any(found)


def note_shipments(connection: Connection, client: Client, since: datetime) -> list[OrderImport]:
    """Have a row for each shipment of copies that changed in the source since then; the imports with new ones.

    Raises what the client raises.
    """
    changed = {summary.gid: summary for summary in orders.iter_orders_updated(client, since) if summary.shipments}
    copies = OrderImport.objects.filter(connection=connection, copy_order_gid__in=changed)
    return [row for row in copies if _note_shipments(row, changed[row.copy_order_gid].shipments)]


def _note_shipments(row: OrderImport, shipments: Iterable[tuple[str, datetime | None]]) -> bool:
    known = dict(row.updates.filter(kind=Kind.FULFILMENT).values_list("origin_gid", "origin_at"))
    news = [(gid, changed_at) for gid, changed_at in shipments if known.get(gid, "") != changed_at]
    for gid, changed_at in news:
        intake.note_update(row, Kind.FULFILMENT, gid, changed_at, may_change=True)
    return bool(news)
