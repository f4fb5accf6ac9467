"""Create a copy in the source, an order or a draft, and see what was made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders.copies.rates import find_rate
from orders.copies.rules import mapping, sums
from orders.copies.rules.contact import WEAKENINGS
from orders.copies.rules.mapping import MappedOrder
from orders.copies.rules.shares import Split
from orders.models import OrderImport, OrderSettings
from orders.reserved_units import Line, count_reserved, find_changed, source_variants
from stores.models import Connection
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.orders import draft_orders, orders
from stores.shopify.orders.draft_orders import DraftRecord
from stores.shopify.orders.order_records import OrderRecord


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that exists. `order_gid` is empty for a draft that is not completed; `draft` is None for a real order."""

    gid: str
    name: str
    total: Decimal
    currency: str
    created_at: datetime
    order_gid: str
    draft: DraftRecord | None = None


def create(client: Client, mapped: MappedOrder, note: Callable[[str], None]) -> Copy:
    """Send the creation: once where Shopify takes it; with less about who ordered where it refuses only that.

    `note` is told, before another try, what that try leaves out. Raises as orders.create_order and
    draft_orders.create_draft do; look at `outcome_unknown`.
    """
    made = mapped.draft_input if mapped.is_draft else mapped.input
    assert made is not None  # exactly one of the two is there
    left = list(WEAKENINGS)
    while True:
        try:
            return _create(client, made, mapped)
        except UserErrors as error:
            weaker = next((each for each in left if each.fits(error) and each.leave_out(made) != made), None)
            if weaker is None:
                raise
            left.remove(weaker)
            made = weaker.leave_out(made)  # nothing was created, so this is no second order
            note(f"The source refused {weaker.words} of this order: the copy has it among its attributes only.")


def add_note(row: OrderImport, words: str) -> None:
    """Write down what somebody should know of a copy that is about to be sent."""
    row.notes = "\n".join([*row.notes.splitlines(), words])
    OrderImport.objects.filter(pk=row.pk).update(notes=row.notes)


def _create(client: Client, made: dict[str, Any], mapped: MappedOrder) -> Copy:
    if mapped.is_draft:
        return of_draft(draft_orders.create_draft(client, made))
    return of_order(orders.create_order(client, made, mapped.options))


def why_wrong(row: OrderImport, copy: Copy) -> str:
    """Words if a copy costs something else than was asked for (the row's copy total), as far as Shopify knows yet."""
    asked, is_settled = row.copy_total, copy.draft is None or copy.draft.is_ready
    if asked is None or not is_settled or (asked, row.copy_currency) == (copy.total, copy.currency):
        return ""
    return (
        f"It costs {sums.text(copy.total, copy.currency)} in the source instead of "
        f"{sums.text(asked, row.copy_currency)}: correct its prices and taxes by hand before it is paid or completed."
    )


def of_order(order: orders.CreatedOrder) -> Copy:
    """A real order as a copy."""
    return Copy(order.gid, order.name, order.total.amount, order.total.currency, order.created_at, order.gid)


def of_draft(draft: DraftRecord) -> Copy:
    """A draft as a copy."""
    total = draft.total
    return Copy(draft.gid, draft.name, total.amount, total.currency, draft.created_at, draft.order_gid or "", draft)


def choices_of(row: OrderImport, chosen: OrderSettings) -> mapping.Choices:
    """A connection's order settings as the mapping takes them, with the strategy that the order was noted under."""
    found = find_rate(row, chosen)
    return mapping.Choices(
        strategy=mapping.DRAFT_ORDER if row.is_draft else mapping.ORDER,
        payment_status=chosen.payment_status,
        inventory_behaviour=chosen.inventory_behaviour,
        name_pattern=chosen.name_pattern,
        unlinked=chosen.unlinked,
        currency_rate=found.rate if found else None,
        reserve_days=chosen.reserve_days,
        contact=chosen.contact,
        contact_email=chosen.contact_email,
        carries_tags=chosen.carries_tags,
        carries_company=chosen.carries_company,
    )


def map_now(
    connection: Connection,
    order: OrderRecord,
    links: Mapping[str, str],
    choices: mapping.Choices,
    *,
    store_currency: str = "",
    split: Split | None = None,
) -> MappedOrder:
    """The copy of an order between these two stores, now. Raises as mapping.map_order does."""
    destination, source = connection.destination, connection.source
    way = mapping.Way(
        str(destination), destination.domain, source.currency or order.currency, store_currency, connection.pk
    )
    return mapping.map_order(order, links, choices, way, source.now(), split)


def linked(connection: Connection, order: OrderRecord) -> dict[str, str]:
    """Which of its variants are linked now: destination variant gid -> source variant gid."""
    partners = source_variants(connection.pk, [line.variant_gid or "" for line in order.lines])
    return {gid: source_gid for gid, (_, source_gid) in partners.items()}


def keep_mapped(order_import: OrderImport, mapped: MappedOrder) -> set[int]:
    """Write down which lines are in the copy that is about to be sent, and why the others are not."""
    rows = list(order_import.lines.all())
    before = count_reserved(rows)
    carried = {line.line_gid: line for line in mapped.carried}
    reasons = {left.line_gid: left.reason for left in mapped.left_out}
    elsewhere = {left.line_gid for left in mapped.left_out if left.is_elsewhere}
    for row in rows:
        line = carried.get(row.line_gid)
        row.reason = reasons.get(row.line_gid, "")[:255]
        row.original_baseline = row.copy_baseline = None if line is None else line.quantity
        row.original_quantity = row.copy_quantity = row.original_baseline
        if line is None:
            row.state = Line.State.ELSEWHERE if row.line_gid in elsewhere else Line.State.LEFT_OUT
            row.is_pending = False
            continue
        row.state = Line.State.CARRIED if line.variant_gid else Line.State.CUSTOM
        row.quantity = line.quantity
        row.is_pending = line.variant_gid is not None
    held = ["original_baseline", "copy_baseline", "original_quantity", "copy_quantity"]
    Line.objects.bulk_update(rows, ["state", "reason", "quantity", "is_pending", *held])
    return find_changed(before, count_reserved(rows))
