"""Have a copy's units taken from the location that stands for the one that sold.

Shopify decides from where an order ships, by rules of its own; what it put elsewhere is moved. What is to be moved
follows from both orders as they are, so a move that was made, by us or by somebody, is not made again. A move whose
answer was lost may still be carried out: nothing is moved before that time is over, by Shopify's clock.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orders import reserved_units
from orders.changes.rules import places
from orders.copies import shopify_copy
from orders.copies.search import RetryLater
from orders.models import OrderImport, OrderSettings
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import errors
from stores.shopify.orders import order_moves, order_progress

Place = OrderImport.Place
MOST_TRIES = 20


def is_wanted(connection: Connection, choices: OrderSettings) -> bool:
    """Whether copies of this connection are to take their units from the place that sold: there are two or more."""
    return choices.follows_place and connection.mappings.all()[:2].count() > 1


def place_units(row: OrderImport, clients: OpenClient, move_units: MoveUnits) -> None:
    """Move what Shopify put at another location. Safe to repeat. Raises RetryLater, and what the client raises."""
    source, destination = clients(row.connection.source), clients(row.connection.destination)
    for _ in range(MOST_TRIES):
        try:
            original = order_progress.read_progress(destination, row.order_gid)
            copy = order_progress.read_progress(source, row.copy_order_gid)
        except errors.ObjectNotFound:
            break  # deleted, or too old: nothing is shipped of it
        moves = [] if copy.cancelled_at else places.plan_moves(original, copy, _mapped(row.connection))
        if not moves:
            break
        _wait_for_late(row, source.answered_at)
        OrderImport.objects.filter(pk=row.pk).update(place=Place.SENT, place_sent_as_of=source.answered_at)
        try:
            order_moves.move_fulfilment_order(source, moves[0].order_gid, moves[0].location_gid, moves[0].units)
        except (errors.UserErrors, errors.AccessDenied) as error:
            shopify_copy.add_note(row, f"Its units are not taken from the location that sold them: {error}")
            break
        OrderImport.objects.filter(pk=row.pk).update(place=Place.WANTED)
    with transaction.atomic():
        OrderImport.objects.filter(pk=row.pk).update(place=Place.DONE, changed_at=timezone.now())
        move_units(reserved_units.carried(row), source.answered_at or row.connection.source.now())


def _wait_for_late(row: OrderImport, now: datetime | None) -> None:
    """Raises RetryLater while a move whose answer we do not know may still be carried out."""
    row.refresh_from_db(fields=["place", "place_sent_as_of", "notes"])
    if row.place != Place.SENT:
        return
    late = timedelta(seconds=settings.ORDER_LOOK_SECONDS)
    if now is None or row.place_sent_as_of is None or now < row.place_sent_as_of + late:
        raise RetryLater("Shopify's answer was lost: looking again where the units are taken from.", late.seconds)


def _mapped(connection: Connection) -> dict[str, list[str]]:
    """Location of the destination -> the source's that stand for it."""
    found: dict[str, list[str]] = {}
    rows = connection.mappings.order_by("pk").values_list("destination_location__gid", "source_location__gid")
    for there, here in rows:
        found.setdefault(there, []).append(here)
    return found
