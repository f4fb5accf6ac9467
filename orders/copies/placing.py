"""Have a copy's units taken from the location that stands for the one that sold.

Shopify decides from where an order ships, by rules of its own; what it put elsewhere is moved. What was handed over at
the counter is then fulfilled there: not by orderCreate, of which nobody says from where it takes the units of an order
that it creates fulfilled. What is to be done follows from both orders as they are, so what was done, by us or by
somebody, is not done again. What was sent without an answer may still be carried out: nothing is sent before that time
is over, by Shopify's clock.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orders import reserved_units
from orders.changes import line_values
from orders.changes.rules import places, units_left
from orders.copies import shopify_copy
from orders.copies.search import RetryLater
from orders.models import OrderImport, OrderSettings, OrderUpdate
from orders.reserved_units import MoveUnits
from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import order_changes, order_moves, order_progress
from stores.shopify.orders.order_progress import OrderProgress, Tracking

Place = OrderImport.Place
MOST_TRIES = 20
TO_PLACE = "to_place"  # in an edit's body: lines of the copy that it added
NOT_MOVED = "Its units are not taken from the location that sold them: {}"
NOT_SHIPPED = "It was handed over at the counter, and is not fulfilled here: do not ship it again. {}"


def is_wanted(row: OrderImport, choices: OrderSettings) -> bool:
    """Whether something is to be done once its copy is there: moved to the place that sold, or fulfilled there."""
    return row.is_handed_over or _follows(row.connection, choices)


def _follows(connection: Connection, choices: OrderSettings) -> bool:
    """Whether copies of this connection are to take their units from the place that sold: there are two or more."""
    return choices.follows_place and connection.mappings.all()[:2].count() > 1


def want_added(row: OrderImport, update: OrderUpdate, line_gids: list[str]) -> None:
    """Have lines that an edit has added to a copy taken from the place that sold them, too; the caller saves both rows.

    Where the copy itself is still to be placed, they are placed with it.
    """
    is_new = row.place in (Place.WANTED, Place.SENT)
    if line_gids and not is_new and _follows(row.connection, OrderSettings.of(row.connection)):
        update.body, row.place = update.body | {TO_PLACE: line_gids}, Place.WANTED


def place_units(row: OrderImport, clients: OpenClient, move_units: MoveUnits) -> None:
    """Move what Shopify put at another location, and fulfil there what was handed over at the counter.

    Safe to repeat. Raises RetryLater, and what the client raises.
    """
    source, destination = clients(row.connection.source), clients(row.connection.destination)
    for _ in range(MOST_TRIES):
        try:
            original = order_progress.read_progress(destination, row.order_gid)
            copy = order_progress.read_progress(source, row.copy_order_gid)
        except errors.ObjectNotFound:
            break  # deleted, or too old: nothing is shipped of it
        step, why_not = _next_step(row, original, copy)
        if step is None:
            break
        _wait_for_late(row, source.answered_at)
        OrderImport.objects.filter(pk=row.pk).update(place=Place.SENT, place_sent_as_of=source.answered_at)
        try:
            step(source)
        except (errors.UserErrors, errors.AccessDenied) as error:
            shopify_copy.add_note(row, why_not.format(error))
            break
        OrderImport.objects.filter(pk=row.pk).update(place=Place.WANTED)
    with transaction.atomic():
        OrderImport.objects.filter(pk=row.pk).update(place=Place.DONE, changed_at=timezone.now())
        for update in row.updates.filter(body__has_key=TO_PLACE):
            kept = {name: value for name, value in update.body.items() if name != TO_PLACE}
            OrderUpdate.objects.filter(pk=update.pk).update(body=kept)
        move_units(reserved_units.carried(row), source.answered_at or row.connection.source.now())


def _next_step(
    row: OrderImport, original: OrderProgress, copy: OrderProgress
) -> tuple[Callable[[Client], object] | None, str]:
    """What is to be sent next, as both orders are, and what is said where Shopify refuses it; None: nothing.

    Moved first: what is fulfilled cannot be moved any more.
    """
    if copy.cancelled_at:
        return None, ""
    if moves := _moves(row, original, copy):
        one = moves[0]
        move = order_moves.move_fulfilment_order
        return partial(move, order_gid=one.order_gid, location_gid=one.location_gid, units=one.units), NOT_MOVED
    parts = units_left.plan_shipment(copy.fulfilment_orders, places.handed_over(original, copy))
    if not row.is_handed_over or not parts:
        return None, ""
    units = parts[0].units
    ship = partial(order_changes.create_fulfilment, units=units, tracking=Tracking(), notify_customer=False)
    return ship, NOT_SHIPPED


def _moves(row: OrderImport, original: OrderProgress, copy: OrderProgress) -> list[places.Move]:
    """What is to be moved: of a new copy whatever lies elsewhere, later what edits have added."""
    if not _follows(row.connection, OrderSettings.of(row.connection)):
        return []
    names = units_left.name_lines(copy, line_values.known_lines(row))
    added = row.updates.filter(body__has_key=TO_PLACE).values_list("body", flat=True)
    only = {gid for body in added for gid in body[TO_PLACE]}
    return places.plan_moves(original, copy, _mapped(row.connection), names, only)


def _wait_for_late(row: OrderImport, now: datetime | None) -> None:
    """Raises RetryLater while a move whose answer we do not know may still be carried out."""
    row.refresh_from_db(fields=["place", "place_sent_as_of", "notes"])
    if row.place != Place.SENT:
        return
    late = timedelta(seconds=settings.ORDER_LOOK_SECONDS)
    if now is None or row.place_sent_as_of is None or now < row.place_sent_as_of + late:
        raise RetryLater(
            "Shopify's answer was lost: looking again before anything is moved or fulfilled.", late.seconds
        )


def _mapped(connection: Connection) -> dict[str, list[str]]:
    """Location of the destination -> the source's that stand for it."""
    found: dict[str, list[str]] = {}
    rows = connection.mappings.order_by("pk").values_list("destination_location__gid", "source_location__gid")
    for there, here in rows:
        found.setdefault(there, []).append(here)
    return found
