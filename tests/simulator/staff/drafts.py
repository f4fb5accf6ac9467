"""Staff change an open draft: other quantities, further lines, other words. Its reservation follows."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulator.events import drafts
from tests.simulator.events.later import Later
from tests.simulator.events.order_build import variant_line
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Exchange
from tests.simulator.state.order_money import exchange_of
from tests.simulator.state.orders import Allocation, Draft, LineItem
from tests.simulator.state.shop import Shop

WORDS = ("note", "tags", "po_number", "email", "phone")


def change_draft(
    shop: Shop,
    clock: Clock,
    later: Later,
    draft: Draft,
    *,
    quantities: dict[int, int] | None = None,
    add: Iterable[tuple[int, int]] = (),
    **words,
) -> None:
    """{line id: units; 0 takes the line away}, new [(variant id, units)], and words.

    Raises ValueError for a completed draft, KeyError for an unknown line, variant or word.
    """
    with shop.lock:
        if draft.status == "COMPLETED":
            raise ValueError("This order has been paid")
        known = {line.id: line for line in draft.lines}
        wanted = {known[line_id].id: units for line_id, units in (quantities or {}).items()}
        exchange = Exchange(draft.currency, draft.presentment_currency)
        made = [variant_line(shop, variant_id, units, exchange) for variant_id, units in add]
        if unknown := set(words) - set(WORDS):
            raise KeyError(f"staff change {', '.join(WORDS)}; not {', '.join(sorted(unknown))}")
        action = drafts.begin(shop, clock, draft, "draft")
        drafts.unreserve(action, draft)
        for line_id, units in wanted.items():
            _resize(draft, known[line_id], units)
        draft.lines = [line for line in draft.lines if wanted.get(line.id) != 0] + made
        for name, value in words.items():
            setattr(draft, name, value)
        drafts.name_lines(draft)
        draft.updated_at = int(action.at)
        drafts.reserve(shop, action, draft, later, clock)
        action.tell("DRAFT_ORDERS_UPDATE", (draft.id,))
        action.close()


def _resize(draft: Draft, line: LineItem, units: int) -> None:
    if units < 0:
        raise ValueError("a line has no fewer than no units")
    share, before = exchange_of(draft).share, line.quantity
    line.discounts = [Allocation(one.application, share(one.amount, units, before)) for one in line.discounts]
    for tax in line.tax_lines:
        tax.price = share(tax.price, units, before)
    line.quantity = units
