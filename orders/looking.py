"""Look for orders whose webhooks were lost: everything that changed in a destination since the last look."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from orders import intake, missed
from orders.models import OrderImport
from orders.units import Units
from stores.models import Connection, Store
from stores.shopify import errors, orders
from stores.shopify.client import Client
from stores.shopify.order_records import OrderSummary

Clients = Callable[[Store], Client]

# What is looked at twice: Shopify's list is a search whose index lags (facts 7.3).
OVERLAP = timedelta(minutes=10)


@dataclass(slots=True)
class Look:
    """What a look found: new rows, and the imports and the copies' changes that now have work to do."""

    found: int = 0
    due: list[OrderImport] = field(default_factory=list)
    changed: list[OrderImport] = field(default_factory=list)


def look_for_orders(connection: Connection, clients: Clients, tell: Units) -> Look:
    """Take note of every order that no webhook told of, and of what else is due. Raises what the client raises.

    The next look begins where this one ended, and a little before. A look that breaks off is made again as a whole.
    """
    look = Look()
    begins_at = connection.orders_from_at
    if begins_at is None:
        return look
    since = max(begins_at.replace(microsecond=0), (connection.orders_looked_at or begins_at) - OVERLAP)
    client, latest = clients(connection.destination), connection.orders_looked_at
    for summary in orders.iter_orders_updated(client, since):
        _look_at(connection, summary, client, tell, look)
        latest = max(latest or summary.updated_at, summary.updated_at)
    look.changed += missed.note_shipments(connection, clients(connection.source), since)
    Connection.objects.filter(pk=connection.pk).update(orders_looked_at=latest)
    return look


def _look_at(connection: Connection, summary: OrderSummary, client: Client, tell: Units, look: Look) -> None:
    known = OrderImport.objects.filter(connection=connection, order_gid=summary.gid).first()
    if known is None:
        _note_missed(connection, summary, client, tell, look)
        return
    is_paid = summary.financial_status in intake.PAID
    if known.state in OrderImport.UNFINISHED:
        if intake.is_due_again(known, is_paid=is_paid, is_cancelled=summary.cancelled_at is not None):
            look.due.append(known)
    elif known.state == OrderImport.State.CONFIRMED and missed.note_changes(known, summary):
        look.changed.append(known)


def _note_missed(connection: Connection, summary: OrderSummary, client: Client, tell: Units, look: Look) -> None:
    is_ours = bool(summary.custom_id) or intake.MARK_TAG in summary.tags
    if is_ours or intake.is_too_early(connection, summary.created_at):
        return
    try:
        order = orders.read_order(client, summary.gid)
    except errors.ObjectNotFound:
        return  # deleted a moment ago
    noted = intake.note(connection, intake.seen_in_record(order), tell)
    if noted.order_import is not None:
        look.found += 1
        look.due += [noted.order_import] if noted.has_work else []
