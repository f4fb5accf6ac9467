"""Divide an order between the sources of its destination, the same way for each of its copies.

Written down when the first of them maps it. While no copy of it was sent it follows the links; from then on it stays:
a line is in one copy only, whatever is linked later, and the shares of shipping do not move. A line that no copy took
may still go to another source, whose copy is not there yet.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Q

from orders import intake
from orders.carriers import find_carriers
from orders.changes import signs
from orders.copies.rates import find_rate
from orders.copies.rules.shares import Carrier, Share, Split, linked_to, split_order
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderSplit
from orders.reserved_units import source_variants, variants_in_doubt
from stores.models import Connection
from stores.shopify.orders.order_records import OrderRecord

Line = OrderImportLine
IN_A_COPY = (Line.State.CARRIED, Line.State.CUSTOM)


@dataclass(frozen=True, slots=True)
class KeptSplit:
    """A division as it is written down: it is the same still while the row has this revision."""

    split: Split
    row_id: int
    revision: int


def divide(row: OrderImport, order: OrderRecord) -> KeptSplit | None:
    """How this order is divided now; None where one connection alone carries it. Writes it down."""
    connections = carrying(row.connection.destination_id, order.gid, order)
    kept = OrderSplit.objects.filter(destination=row.connection.destination_id, order_gid=order.gid)
    if not connections or (len(connections) < 2 and not kept.exists()):
        return None
    gids = [line.variant_gid or "" for line in order.lines]
    carriers = [_carrier(each, gids, order) for each in connections]
    pays = OrderSettings.of(connections[0]).shares_charges == OrderSettings.SharesCharges.MAIN
    with transaction.atomic():
        OrderSplit.objects.get_or_create(
            destination=row.connection.destination, order_gid=order.gid, defaults={"main_id": connections[0].pk}
        )
        held = kept.select_for_update().get()
        made = split_order(order, carriers, main_pays_charges=pays)
        if copies := _copies(row, order.gid):
            now, then = made, _read(held, made) if held.shares else _unwritten(row, copies, made)
            if then.main_id not in {each.pk for each in connections}:  # it has ended since
                then = replace(then, main_id=now.main_id)
            unlinked = {line.gid for line in order.lines if linked_to(line, carriers) is None}
            made = _later(copies, order, now, then, unlinked)
            if row.connection_id == then.main_id != now.main_id:
                made = _pass_on(row, copies, made, now.main_id, unlinked)
        owners, shares = dict(made.owners), [_written(share) for share in made.shares]
        if (held.main_id, held.owners, held.shares) != (made.main_id, owners, shares):
            held.main_id, held.owners, held.shares = made.main_id, owners, shares
            held.revision += 1
            held.save()
    return KeptSplit(made, held.pk, held.revision)


def kept_split(row: OrderImport) -> Split | None:
    """How its order was divided when it was copied; None where it was not."""
    held = OrderSplit.objects.filter(destination=row.connection.destination_id, order_gid=row.order_gid).first()
    return _read(held, None) if held else None


def is_still_valid(kept: KeptSplit | None) -> bool:
    """Whether a division is still what is written down; keeps it so until the transaction is over."""
    if kept is None:
        return True
    return OrderSplit.objects.select_for_update().filter(pk=kept.row_id, revision=kept.revision).exists()


def carrying(destination_id: int, order_gid: str, order: OrderRecord) -> list[Connection]:
    """The connections that carry this order: the destination's main source first, then the oldest."""
    found = find_carriers(destination_id, order_gid, order.created_at)
    main = set(OrderSettings.objects.filter(connection__in=found, is_main=True).values_list("connection", flat=True))
    return sorted(found, key=lambda each: (each.pk not in main, each.started_at or each.created_at, each.pk))


def _carrier(connection: Connection, variant_gids: Collection[str], order: OrderRecord) -> Carrier:
    partners = source_variants(connection.pk, variant_gids)
    choices = OrderSettings.of(connection)
    row = OrderImport.objects.filter(connection=connection, order_gid=order.gid).first()
    row = row or OrderImport(connection=connection, order_gid=order.gid)
    row.original_currency, row.placed_at = order.currency, order.created_at
    found = find_rate(row, choices)
    exchange = f"{connection.source.currency} {found.rate if found else 1}"
    links = {gid: source_gid for gid, (_, source_gid) in partners.items()}
    doubts = frozenset(variants_in_doubt(connection.pk, set(variant_gids) - set(partners)))
    return Carrier(connection.pk, str(connection.source), links, choices.unlinked, exchange, doubts)


def _copies(row: OrderImport, order_gid: str) -> list[OrderImport]:
    """The imports of this order by the other connections whose copy was, or may have been, sent.

    This one's own copy is being mapped, so it is not there.
    """
    rows = OrderImport.objects.filter(order_gid=order_gid, connection__destination=row.connection.destination_id)
    rows = rows.exclude(pk=row.pk)
    return list(rows.filter(Q(attempts__gt=0) | Q(state=OrderImport.State.CONFIRMED)))


def _unwritten(row: OrderImport, copies: list[OrderImport], now: Split) -> Split:
    """What copies were made by of which no division is written down: the one alone that carried the order then.

    It has all that is shared. Only after a restored backup the division was lost, and is made again as it was.
    """
    if row.connection.restored_at:
        return now
    sent = {each.connection_id for each in copies}
    return replace(now, shares=tuple(share for share in now.shares if share.connection_id in sent))


def _later(copies: list[OrderImport], order: OrderRecord, now: Split, then: Split, unlinked: Collection[str]) -> Split:
    """A division of which copies were sent: what they hold, and hold not, stays; only other lines follow the links.

    New ones that are `unlinked` are those of its main source, as ever.
    """
    by_row = {each.pk: each.connection_id for each in copies}
    # What an edit of ours is about to add to a copy that is there counts as in it.
    is_added = Q(state=Line.State.PLANNED, order_import__state=OrderImport.State.CONFIRMED)
    lines = Line.objects.filter(Q(state__in=IN_A_COPY) | is_added, order_import__in=by_row)
    held = {gid: by_row[pk] for pk, gid in lines.values_list("order_import", "line_gid")}
    sent = set(by_row.values())
    owners = {}
    for line in order.lines:
        before = then.owners.get(line.gid)
        wanted = then.main_id if before is None and line.gid in unlinked else now.owners[line.gid]
        # A copy that is there takes nothing more: the line stays where it was, to be told there.
        owner = wanted if before is None or wanted not in sent else before
        owners[line.gid] = held.get(line.gid, owner)
    return Split(then.main_id, owners, then.shares, now.names)


def _pass_on(
    row: OrderImport, copies: list[OrderImport], split: Split, main_id: int, unlinked: Collection[str]
) -> Split:
    """Nothing of an order comes from its main source any more, before its copy was made: another one, whose copy is
    there, takes its place. What is linked nowhere is that copy's affair now, and added to it by an edit."""
    taker = next((each for each in copies if each.connection_id == main_id), copies[0])
    gids = {gid for gid, own in split.owners.items() if own == row.connection_id and gid in unlinked}
    lines = taker.lines.filter(state=Line.State.ELSEWHERE, line_gid__in=gids)
    if OrderSettings.of(taker.connection).unlinked == OrderSettings.Unlinked.CUSTOM:
        none = dict.fromkeys(("original_baseline", "copy_baseline", "copy_quantity", "quantity"), 0)
        lines.update(state=Line.State.PLANNED, reason="", **none)
    elif lines.update(state=Line.State.LEFT_OUT, reason=intake.ADDED_UNLINKED):
        OrderImport.objects.filter(pk=taker.pk).update(is_partial=True)
        if taker.lines.filter(line_gid__in=gids).exclude(variant_gid="").exists():
            unnoted = OrderImport.objects.filter(pk=taker.pk, late_links="")
            unnoted.update(late_links=OrderImport.LateLinks.WANTED)
    signs.note_original(OrderImport.objects.filter(pk=taker.pk))
    owners = {gid: taker.connection_id if gid in gids else own for gid, own in split.owners.items()}
    return replace(split, main_id=taker.connection_id, owners=owners)


def _written(share: Share) -> dict[str, object]:
    fields = {"connection": share.connection_id, "weight": share.weight, "exchange": share.exchange}
    return fields | {"lines": sorted(share.line_gids)}


def _read(held: OrderSplit, like: Split | None) -> Split:
    shares = tuple(
        Share(each["connection"], each["weight"], frozenset(each["lines"]), each["exchange"]) for each in held.shares
    )
    return Split(held.main_id, held.owners, shares, like.names if like else {})
