"""Connect a source store to a destination store: strategy, identifier, location mapping, preview, start."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models import BooleanField, Q

from orders import due
from orders.models import OrderSettings
from stores import onboarding, selecting, selection
from stores.clients import open_for_check
from stores.linking import linking
from stores.models import Connection, Location, LocationMapping, Store
from stores.models.connection import refuse_shared_locations
from stores.shopify.errors import ShopifyError
from syncing.connections import disconnecting
from syncing.queue import enqueue
from syncing.stock import preview, wiring
from tiposync.console.management import choosing
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.ending import add_disconnecting, add_quantities, disconnect, end
from tiposync.console.management.lookup import find_location, find_store, name_of
from tiposync.console.management.preview import preview_line

PREVIEW_ROWS = 50
ORDER_SETTINGS = {field.name: field for field in OrderSettings._meta.fields if field.name not in ("id", "connection")}
YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}

EXPLANATION = """\
Connects a source store (it controls) to a destination store (it follows), or changes their connection: what is not
given stays as it is. Nothing travels before --start. Stores are named by their myshopify.com domain; add them with
add_store first.

Locations must be mapped: stock of a source location shows at the destination location. One-way, several source
locations may be summed into one destination location, and one source location may feed several. Two-way, each location
is mapped once.

Examples:
  manage.py connect_stores main.myshopify.com eu.myshopify.com --strategy two_way --map-by-name --preview
  manage.py connect_stores main.myshopify.com eu.myshopify.com --map "Main warehouse=Shop Berlin" --start
  manage.py connect_stores main.myshopify.com eu.myshopify.com --strategy order --orders currency_rate=1.09 --start

Exit codes: 0 done; 1 refused, nothing was changed; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="domain of the store that controls")
        parser.add_argument("destination", help="domain of the store that follows")
        parser.add_argument(
            "--strategy", choices=Connection.Strategy.values, help="default for a new one: that of the source store"
        )
        parser.add_argument(
            "--identifier", choices=Connection.Identifier.values, help="what variants are matched by (default: sku)"
        )
        parser.add_argument(
            "--alignment",
            choices=Connection.Alignment.values,
            help="quantities that differ at the start: source_wins (default: use source quantities) or "
            "keep_both (keep current quantities)",
        )
        _add_choices(parser)
        add_quantities(parser)
        add_disconnecting(parser)
        parser.add_argument("--map-by-name", action="store_true", help="map all unmapped locations with equal names")
        parser.add_argument("--approve", action="store_true", help="approve a connection that waits for moderation")
        parser.add_argument(
            "--preview", action="store_true", help="read both stores and show every quantity that a start would change"
        )
        parser.add_argument("--start", action="store_true", help="match, do the initial sync, and sync from now on")

    def handle(self, *args: Any, **options: Any) -> None:
        source, destination = find_store(options["source"]), find_store(options["destination"])
        if options["disconnect"]:
            disconnect(self.stdout, source, destination, options)
            return
        if options["dry_run"]:
            self._count(source, destination, options)
            return
        for store in (source, destination):
            _ensure_locations(store)
        with transaction.atomic():
            connection, has_new_identifier, has_new_mappings = self._save(source, destination, options)
            _choose_orders(connection, options["orders"])
        if options["select"] or options["share"] or options["apply_selection"]:
            self._follow_selection(connection, options)
        self._print_connection(connection)
        if words := due.report_left_over(connection):
            self.stdout.write(f"  {words}")
        if options["unmap"]:
            self._unmap(connection, options)
        if connection.state == Connection.State.RUNNING:
            self._follow_up(connection, has_new_identifier, has_new_mappings)
        if options["preview"]:
            self._preview(connection)
        if options["start"]:
            self._start(connection)

    def _save(self, source: Store, destination: Store, options: dict[str, Any]) -> tuple[Connection, bool, bool]:
        connection = Connection.objects.filter(source=source, destination=destination).first()
        if connection is None:
            connection = Connection(source=source, destination=destination, strategy=source.default_strategy)
            connection.state = connection.first_state()
        if connection.state in (Connection.State.ENDED, Connection.State.REMOVED):
            disconnecting.connect_again(connection)
            connection.refresh_from_db()
        before = connection.identifier
        shared = choosing.share(source, options["share"])
        selected = choosing.select(connection, options["select"])
        for name in ("strategy", "identifier", "alignment", "ending"):
            setattr(connection, name, options[name] or getattr(connection, name))
        if options["approve"] and connection.state in (Connection.State.PENDING, Connection.State.REJECTED):
            connection.state = Connection.State.READY
        _refuse_in_words(connection.full_clean)
        if shared:
            _refuse_in_words(source.full_clean)
            source.save(update_fields=shared)
        is_new = connection.pk is None
        # Workers write the same row: only what is set here.
        own = ["strategy", "identifier", "alignment", "ending", "state", *selected]
        connection.save(update_fields=None if is_new else own)
        has_new_mappings = self._map(connection, options)
        return connection, before != connection.identifier and not is_new, has_new_mappings

    def _count(self, source: Store, destination: Store, options: dict[str, Any]) -> None:
        connection = Connection.objects.filter(source=source, destination=destination).first()
        if connection is None:
            raise CommandError("--dry-run: these stores are not connected yet, so nothing would begin or end.")
        choosing.share(source, options["share"])
        choosing.select(connection, options["select"])
        for effect in choosing.effects(connection, source):
            self.stdout.write(f"{name_of(effect.connection)}:")
            for line in effect.lines():
                self.stdout.write(f"  {line}")

    def _follow_selection(self, connection: Connection, options: dict[str, Any]) -> None:
        if options["apply_selection"]:
            Connection.objects.filter(pk=connection.pk).update(ignores_selection=False)
            connection.ignores_selection = False
        concerned = connection.source.as_source.all() if options["share"] else [connection]
        for each in concerned:
            if each.state == Connection.State.RUNNING:
                enqueue.carry_stock(each)  # which reads what the settings ask for, decides, and has all follow

    def _map(self, connection: Connection, options: dict[str, Any]) -> bool:
        wanted = [_named_pair(connection, text) for text in options["map"]]
        known = {(mapping.source_location_id, mapping.destination_location_id) for mapping in connection.mappings.all()}
        new = [pair for pair in dict.fromkeys(wanted) if (pair[0].pk, pair[1].pk) not in known]
        self._add(connection, new)
        proposed = linking.propose_mappings(connection) if options["map_by_name"] else []
        self._add(connection, proposed)
        if options["map_by_name"] and not proposed and not connection.mappings.exists():
            names = [", ".join(place.name for place in _active(store)) for store in _stores(connection)]
            raise CommandError(f"No locations have equal names: {names[0]} — {names[1]}. Map them with --map.")
        if connection.is_two_way:
            _refuse_in_words(lambda: refuse_shared_locations(list(connection.mappings.all())))
        return bool(new or proposed)

    def _unmap(self, connection: Connection, options: dict[str, Any]) -> None:
        asked_at = wiring.ask_clock()
        for source, destination in [_named_pair(connection, text) for text in options["unmap"]]:
            connection.mappings.filter(source_location=source, destination_location=destination).delete()
        wiring.wire_connection(connection)
        which = Q(connection=connection, mapping__isnull=True, ended_at__gte=asked_at)
        end(self.stdout, which, options["quantities"])

    def _add(self, connection: Connection, found: list[tuple[Location, Location]]) -> None:
        LocationMapping.objects.bulk_create(
            [
                LocationMapping(connection=connection, source_location=source, destination_location=destination)
                for source, destination in found
            ],
            ignore_conflicts=True,
        )

    def _print_connection(self, connection: Connection) -> None:
        self.stdout.write(f"{name_of(connection)} (number {connection.pk}): {connection.get_state_display().lower()}")
        self.stdout.write(f"  {connection.get_strategy_display()}; matched by {connection.identifier}")
        self.stdout.write(f"  which: {selection.describe(selecting.selection_of(connection))}")
        if connection.ignores_selection:
            self.stdout.write("  stock and orders ignore this until it is confirmed with --apply-selection")
        for mapping in connection.mappings.select_related("source_location", "destination_location"):
            self.stdout.write(f"  {mapping}")
        for number, store in enumerate(_stores(connection)):
            used = {
                (mapping.source_location_id, mapping.destination_location_id)[number]
                for mapping in connection.mappings.all()
            }
            if left := [place.name for place in _active(store) if place.pk not in used]:
                self.stdout.write(f"  not mapped, so not synced, in {store}: {', '.join(left)}")
        scopes = connection.source.scopes
        if connection.is_two_way and scopes and "write_inventory" not in scopes:
            self.stderr.write(f"Two-way needs the scope write_inventory in {connection.source}: it is not granted.")

    def _follow_up(self, connection: Connection, has_new_identifier: bool, has_new_mappings: bool) -> None:
        if has_new_identifier:
            enqueue.match_connection(connection)
        elif has_new_mappings:
            wiring.wire_connection(connection)
            enqueue.carry_stock(connection)

    def _preview(self, connection: Connection) -> None:
        _refuse_unmapped(connection, "preview")
        self.stdout.write("Reading the products of both stores and matching …")
        try:
            for store in _stores(connection):
                linking.refresh_catalogue(store, open_for_check)
            self.stdout.write(f"  {linking.match_connection(connection)}")
            rows = list(islice(preview.preview(connection, open_for_check), PREVIEW_ROWS + 1))
        except ShopifyError as error:
            raise CommandError(str(error)) from None
        for row in rows[:PREVIEW_ROWS]:
            self.stdout.write(f"  {preview_line(row)}")
        if len(rows) > PREVIEW_ROWS:
            self.stdout.write("  … and more; the connection's page in the console shows them.")
        if not rows:
            self.stdout.write("  Nothing would change.")

    def _start(self, connection: Connection) -> None:
        if connection.state in (Connection.State.PENDING, Connection.State.REJECTED):
            raise CommandError(
                f"Not started: {connection.get_state_display().lower()}. Approve it with --approve or in the console."
            )
        _refuse_unmapped(connection, "start")
        if connection.state == Connection.State.RUNNING:
            self.stdout.write("It was started before.")
            return
        enqueue.start_connection(connection)
        self.stdout.write("Starting is queued; sync_status shows the status.")


def _choose_orders(connection: Connection, texts: list[str]) -> None:
    """Write down the order settings that are given as NAME=VALUE."""
    if not texts:
        return
    if not connection.carries_orders:
        raise CommandError(f"--orders: the strategy {connection.strategy} imports no orders.")
    chosen = OrderSettings.of(connection)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in ORDER_SETTINGS:
            raise CommandError(f'--orders "{text}": write it as NAME=VALUE; names are {", ".join(ORDER_SETTINGS)}.')
        is_switch = isinstance(ORDER_SETTINGS[name], BooleanField)
        setattr(chosen, name, YES_OR_NO.get(value.lower(), value) if is_switch else value)
    _refuse_in_words(chosen.full_clean)
    chosen.save()


def _stores(connection: Connection) -> tuple[Store, Store]:
    return connection.source, connection.destination


def _active(store: Store) -> list[Location]:
    return list(store.locations.filter(is_active=True))


def _ensure_locations(store: Store) -> None:
    """Read the locations of a store that was never checked."""
    if store.locations.exists():
        return
    try:
        onboarding.refresh_locations(store, open_for_check(store))
    except ShopifyError as error:
        raise CommandError(f"The locations of {store} could not be read. {error}") from None


def _named_pair(connection: Connection, text: str) -> tuple[Location, Location]:
    source, equals, destination = text.partition("=")
    if not equals:
        raise CommandError(f'--map "{text}": write it as "Source location=Destination location".')
    return find_location(connection.source, source), find_location(connection.destination, destination)


def _refuse_unmapped(connection: Connection, what: str) -> None:
    if not connection.mappings.exists():
        raise CommandError(f"Nothing to {what}: no locations are mapped. Use --map-by-name or --map.")


def _refuse_in_words(check: Callable[[], Any]) -> None:
    try:
        check()
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None


def _add_choices(parser: CommandParser) -> None:
    parser.add_argument(
        "--ending",
        choices=Connection.Ending.values,
        help="one-way, what becomes of the quantity when a variant was deleted in the source, or is not shared or "
        "selected any more: zero (default for a new one), deny (0, not sold when out of stock) or leave, and tell",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar='"SOURCE LOCATION=DESTINATION LOCATION"',
        help="map two locations, by name or id; may be given several times",
    )
    parser.add_argument(
        "--unmap",
        action="append",
        default=[],
        metavar='"SOURCE LOCATION=DESTINATION LOCATION"',
        help="map two locations to each other no longer; several times; see --quantities",
    )
    parser.add_argument(
        "--orders",
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        help=f"how orders are synced, where the strategy does: {', '.join(ORDER_SETTINGS)}; several times",
    )
    _add_selection(parser)


def _add_selection(parser: CommandParser) -> None:
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="NAME=VALUE,VALUE",
        help=f"which products take part: {', '.join(choosing.SELECT_NAMES)}; no value: whatever; several times",
    )
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="NAME=VALUE,VALUE",
        help=f"what the source shares with all its destinations: {', '.join(choosing.SHARE_NAMES)}; products is on "
        "or off",
    )
    parser.add_argument(
        "--apply-selection", action="store_true", help="confirm that the selection decides about stock, too"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --select or --share: count what begins and ends, save nothing"
    )
