"""What commands are told by text (a store, a connection, an order, a variant …) as rows; or what is known instead."""

from collections.abc import Iterable

from django.core.management.base import CommandError
from django.db.models import Q

from orders.models import OrderImport
from stores.models import Connection, Location, Store, SyncSwitch, Variant
from stores.shopify import gids
from stores.shopify.admin_pages import domain_in
from stores.variants import key_of
from syncing.connections.pausing import Pausable
from tiposync.console.kit.numbers import row_number
from tiposync.console.orders.summary import orders_with_number

MOST_NAMED_ORDERS = 20


def find_store(text: str) -> Store:
    """Raises CommandError that lists the known stores."""
    store = Store.objects.filter(domain=domain_in(text)).first()
    if store is None:
        raise CommandError(f"There is no store {domain_in(text)}. {_known(Store.objects.all(), 'domain', 'add_store')}")
    return store


def find_connection(text: str) -> Connection:
    """By `source:destination` or by number. Raises CommandError that lists the known connections."""
    connections = Connection.objects.select_related("source", "destination")
    source, colon, destination = text.partition(":")
    if colon:
        found = connections.filter(source__domain=domain_in(source), destination__domain=domain_in(destination))
    else:
        found = connections.filter(pk__in=[row_number(text)])
    if connection := found.first():
        return connection
    names = [name_of(connection) for connection in connections]
    known = f"Known: {', '.join(names)}." if names else "None is known: make one with connect_stores."
    raise CommandError(f"There is no connection {text}; name it source:destination. {known}")


def find_pausable(text: str) -> Pausable:
    """A connection by `source:destination` or number, a store by its domain, all syncing by "". Raises CommandError."""
    if not text:
        return SyncSwitch.load()
    return find_connection(text) if ":" in text or row_number(text) is not None else find_store(text)


def name_of(connection: Connection) -> str:
    """`source:destination`, as commands take it."""
    return f"{connection.source.domain}:{connection.destination.domain}"


def find_location(store: Store, text: str) -> Location:
    """By name (blanks around and case do not matter) or by gid. Raises CommandError that lists the known ones."""
    wanted = text.strip().casefold()
    locations = list(store.locations.all())
    found = [place for place in locations if wanted in (place.name.strip().casefold(), place.gid.casefold())]
    if len(found) == 1:
        if not found[0].is_active:
            raise CommandError(f"{store}: the location {found[0].name} is not active.")
        return found[0]
    if found:
        known = ", ".join(place.gid for place in found)
        raise CommandError(f"{store} has {len(found)} locations named {text.strip()}: give one's id instead ({known}).")
    names = ", ".join(f"“{place.name}”" for place in locations if place.is_active) or "none; check the store first"
    raise CommandError(f"{store} has no location “{text.strip()}”. Its locations: {names}.")


def find_variant(store: Store, text: str) -> Variant:
    """A living variant by SKU, gid or number. Raises CommandError when there is none, or more than one."""
    text = text.strip()
    variants = store.variants.filter(gone_at=None)
    if text.startswith("gid://"):
        found = list(variants.filter(gid=text))
    else:
        found = list(variants.filter(sku_key=key_of(text))[:5]) if key_of(text) else []
        if not found and row_number(text) is not None:
            found = list(variants.filter(gid=gids.gid("ProductVariant", text)))
    if len(found) == 1:
        return found[0]
    if found:
        known = ", ".join(f"{variant.gid} ({variant})" for variant in found)
        raise CommandError(f"{store} has several variants with the SKU {text}: give one's id instead, such as {known}.")
    raise CommandError(
        f"{store} has no variant with the SKU or id “{text}” (as last read; link_products --match reads)."
    )


def find_order(text: str, connection: Connection | None = None) -> OrderImport:
    """By name (#1001), number or gid, of the original or of its copy. Raises CommandError for none, or for several."""
    text = text.strip()
    orders = OrderImport.objects.select_related("connection__source", "connection__destination").order_by("pk")
    orders = orders.filter(connection=connection) if connection else orders
    if text.startswith("gid://"):
        ways = [Q(order_gid=text), Q(copy_gid=text) | Q(copy_order_gid=text)]
    else:
        names = [text, f"#{text}"]
        ways = [Q(order_name__in=names), Q(copy_name__in=names)]
        ways += [orders_with_number(number)] if (number := row_number(text)) is not None else []
    # A name of an original counts before that of a copy, which another order may have in its own store.
    found = next((rows for way in ways if (rows := list(orders.filter(way)[:MOST_NAMED_ORDERS]))), [])
    if len(found) == 1:
        return found[0]
    place = f" of {name_of(connection)}" if connection else ""
    if not found:
        raise CommandError(
            f"There is no order “{text}”{place}. Give its name, its number or its gid, or that of its copy; "
            "“orders list” shows those that are known."
        )
    known = ", ".join(f"{row.order_gid} of {name_of(row.connection)}" for row in found)
    raise CommandError(f"There are several orders “{text}”: {known}. Give one's gid, or --connection.")


def _known(rows: Iterable[object], field: str, command: str) -> str:
    names = [getattr(row, field) for row in rows]
    return f"Known: {', '.join(names)}." if names else f"None is known: add one with {command}."
