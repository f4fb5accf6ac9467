"""Another strategy for a connection: what its old one began ends first, then both sides are aligned anew."""

from datetime import datetime

from django.db import connection as db
from django.db import transaction
from django.db.models import F, Q

from stores.models import ENDING_TWO_WAY, Connection, Strategy
from syncing.models import StockHold, StockLink


def describe_waiting(connection: Connection) -> str:
    """Why the strategy that was chosen for a connection has not begun, in words; '' where it has."""
    old = Strategy.TWO_WAY if connection.is_leaving_two_way else connection.aligned_strategy
    if connection.state != Connection.State.RUNNING or old in ("", ENDING_TWO_WAY, connection.strategy):
        return ""
    reasons = []
    if connection.is_leaving_two_way:
        links = StockLink.objects.filter(connection=connection, dirty_sequence__gt=F("settled_sequence"))
        held = StockHold.objects.filter(connection=connection, state=StockHold.State.OPEN)
        others = links.exclude(pk__in=held.values("link"))
        unread = others.filter(Q(source_level__is_doubtful=True) | Q(destination_level__is_doubtful=True))
        for words, count in (
            ("Quantities that need review, to be decided first, under “Needs review”", held.count()),
            ("Quantities to be read first", unread.count()),
            ("Changes to be synced first", others.count() - unread.count()),
        ):
            reasons += [f"{words}: {count}."] if count > 0 else []
    new_name, old_name = (_name_of(each) for each in (connection.strategy, old))
    first = f"“{new_name}” has not begun: “{old_name}” is brought to its end, and goes on until then."
    return " ".join([first, *reasons])


def _name_of(strategy: str) -> str:
    return str(dict(Strategy.choices).get(strategy, strategy)).partition(":")[0]


def end_two_way(connection: Connection) -> None:
    """Have every link looked at once more, by live values, before its baselines are forgotten.

    What changed on either side until then travels as a change, though no webhook told of it.
    """
    connection.aligned_strategy = ENDING_TWO_WAY
    with transaction.atomic(), db.cursor() as cursor:
        connection.save(update_fields=["aligned_strategy"])
        cursor.execute(
            """
            UPDATE syncing_stocklevel level SET is_doubtful = true, version = version + 1,
                   doubt_as_of = NULL, doubt_version = version + 1, overtaken_as_of = NULL
            FROM (SELECT id FROM syncing_stocklevel WHERE id IN (
                      SELECT unnest(ARRAY[source_level_id, destination_level_id]) FROM syncing_stocklink
                      WHERE connection_id = %s) ORDER BY id FOR UPDATE) own
            WHERE level.id = own.id
            """,
            [connection.pk],
        )
        cursor.execute(
            """
            UPDATE syncing_stocklink link
            SET dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
            FROM (SELECT id FROM syncing_stocklink WHERE connection_id = %s ORDER BY id FOR UPDATE) own
            WHERE link.id = own.id
            """,
            [connection.pk],
        )


def stay_two_way(connection: Connection) -> None:
    """The other strategy was taken back before it began: the baselines go on, and with them what still waits."""
    connection.aligned_strategy = connection.strategy
    connection.save(update_fields=["aligned_strategy"])


def realign(connection: Connection, orders_from: datetime | None = None) -> None:
    """Forget the baselines: after a change of strategy both sides are aligned anew, by the connection's choice.

    All or nothing: with the old strategy's baselines the new one would carry what it must not. What is still to be
    copied of orders is counted as taken from the source already (`Pair.pending_quantity`).

    `orders_from`: the destination's clock now. Whatever ours said when the strategy was chosen, perhaps after a leap,
    orders that are placed from now on belong to it.
    """
    connection.aligned_strategy, names = connection.strategy, ["aligned_strategy"]
    with transaction.atomic(), db.cursor() as cursor:
        if orders_from is not None:
            row = Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
            since = row.carries_orders_since  # somebody may have chosen it anew since this run began
            connection.carries_orders_since = min(since, orders_from) if since else orders_from
            names.append("carries_orders_since")
        connection.save(update_fields=names)
        cursor.execute(
            """
            UPDATE syncing_stocklink link
            SET source_baseline = NULL, destination_baseline = NULL, keeps_destination = false, state = 'new',
                dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
            FROM (SELECT id FROM syncing_stocklink WHERE connection_id = %s ORDER BY id FOR UPDATE) own
            WHERE link.id = own.id
            """,
            [connection.pk],
        )
