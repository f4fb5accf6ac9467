"""What becomes of quantities on sale whose links an operator ends on the command line: `--quantities`."""

from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db.models import Q

from stores.models import CatalogueSettings, Connection, Store
from syncing.catalogue.runs.lifecycle import RunRefused
from syncing.connections import disconnecting
from syncing.models import StockLink
from syncing.queue import enqueue
from syncing.stock import ends


def add_quantities(parser: CommandParser) -> None:
    """The option of commands that end links."""
    parser.add_argument(
        "--quantities",
        choices=Connection.Ending.values,
        default=Connection.Ending.LEAVE,
        help="what becomes of quantities on sale that nobody vouches for then (one-way): leave (default), zero, or "
        "deny (0, and not sold when out of stock)",
    )


def end(stdout: OutputWrapper, which: Q, choice: str) -> None:
    """Have what just ended of these pairs be what was chosen, and say how many items that concerns."""
    ended = StockLink.objects.filter(which, destination_level__available__gt=0).exclude(ending="")
    if count := ended.count():
        stdout.write(f"No longer synced, and on sale: {count} items; their quantities: {choice}.")
        enqueue.carry_stock_of(ends.choose(which, choice))


def add_disconnecting(parser: CommandParser) -> None:
    """The options that end a connection."""
    parser.add_argument(
        "--disconnect",
        action="store_true",
        help="end this connection: see --products, --quantities, --stop-orders; with --dry-run it is only counted. "
        "Connecting the two stores again takes up what is known of their orders",
    )
    parser.add_argument(
        "--products",
        choices=CatalogueSettings.Unlink.values,
        default=CatalogueSettings.Unlink.NOTHING,
        help="with --disconnect: what becomes of products that follow (default: nothing)",
    )
    parser.add_argument(
        "--stop-orders", action="store_true", help="with --disconnect: open orders do not go on until they are done"
    )


def disconnect(stdout: OutputWrapper, source: Store, destination: Store, options: dict[str, Any]) -> None:
    """End the connection of two stores, or count what that concerns. Raises CommandError."""
    connection = Connection.objects.filter(source=source, destination=destination).first()
    if connection is None:
        raise CommandError("These stores are not connected.")
    counts = disconnecting.count(connection)
    stdout.write(
        f"Products that follow: {counts.products}. Collections and content: {counts.contents}."
        f" On sale: {counts.on_sale.items} items, {counts.on_sale.units} units."
        f" Open orders: {counts.orders}."
    )
    if options["dry_run"]:
        return
    goes_on = not options["stop_orders"]
    try:
        words = disconnecting.begin(connection, options["products"], options["quantities"], waits_for_orders=goes_on)
    except (ValueError, RunRefused) as refusal:
        raise CommandError(str(refusal)) from None
    stdout.write(words)
