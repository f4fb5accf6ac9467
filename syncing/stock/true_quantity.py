"""What follows from the true quantity that an operator set in a source: where it arrived, and where it did not.

The quantity is written to the source by compare-and-set from what the operator saw there (syncing.stock.holds records
it, the connection's run sends it). From there it travels to the destination like any other change of the source.
"""

from collections.abc import Iterable

from django.db import connection as db
from django.db.models import F

from stores.models import Strategy
from syncing.models import StockAdjustment, StockHold, StockLink


def _decided_by(adjustments: Iterable[StockAdjustment]) -> list[StockHold]:
    """The holds whose true quantity these writes put into the source; a destination's write only follows."""
    pks = [row.pk for row in adjustments if row.hold_id]
    if not pks:
        return []
    is_source = {"writes__in": pks, "writes__level": F("link__source_level")}
    return list(StockHold.objects.filter(state=StockHold.State.SET_TRUE, **is_source).distinct().order_by("link"))


def start_from_seen(adjustments: Iterable[StockAdjustment]) -> None:
    """The source has its true quantity: its pair starts anew from the values that the operator saw."""
    for hold in _decided_by(adjustments):
        start_pair(hold)


def start_pair(hold: StockHold) -> None:
    """Two-way, both baselines become what the destination had: then the source's difference to that travels there like
    any other change, and what the destination sold since travels back. One-way, they are what both had: a source that
    was set differs from it, and the destination follows.
    """
    with db.cursor() as cursor:
        cursor.execute(_START, [Strategy.TWO_WAY, hold.pk])


_START = """
    UPDATE syncing_stocklink link
    SET source_baseline = CASE WHEN own.strategy = %s THEN hold.destination_seen_quantity
                               ELSE hold.source_seen_quantity END,
        destination_baseline = hold.destination_seen_quantity, keeps_destination = false
    FROM syncing_stockhold hold JOIN stores_connection own ON own.id = hold.connection_id
    WHERE hold.id = %s AND link.id = hold.link_id
"""


def ask_again(adjustments: Iterable[StockAdjustment], why: str) -> None:
    """The true quantity was not written: that decides nothing, so its hold is open again and says why."""
    for hold in _decided_by(adjustments):
        link = StockLink.objects.select_for_update(of=("self",)).filter(pk=hold.link_id).first()
        if link is None or link.holds.filter(state=StockHold.State.OPEN).exists():
            continue
        hold.reason = f"{hold.reason} The true quantity of {hold.true_quantity} was not set: {why}"
        hold.state, hold.resolved_at, hold.resolved_by = StockHold.State.OPEN, None, None
        hold.save(update_fields=["reason", "state", "resolved_at", "resolved_by"])
        link.state, link.reason = StockLink.State.HELD, "The true quantity was not set."
        link.save(update_fields=["state", "reason", "changed_at"])
