"""Pairs of levels: which are kept in step, which are dirty, and what a run needs to know of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection as db
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from orders.models import OrderImportLine
from stores.models import ENDING_TWO_WAY, Connection, Strategy, Variant, VariantLink
from stores.shared.statements import prepared_cursor
from syncing.models import Reconciliation, StockAdjustment, StockHold, StockLevel, StockLink


@dataclass(slots=True)
class Side:
    """One level of a pair, as the mirror has it, and why its item cannot be synced ('' if it can)."""

    level_id: int
    item_gid: str
    location_id: int
    location_gid: str
    available: int | None
    as_of: datetime | None
    is_active: bool
    is_doubtful: bool
    version: int
    skip_reason: str = ""

    @property
    def quantity(self) -> int:
        """What is available, of a side that may be planned with."""
        assert self.available is not None  # a pair with an unknown level is skipped, and says so
        return self.available

    @property
    def must_be_read(self) -> bool:
        """Nothing is planned with a level that is doubtful; a level that was never read is."""
        return not self.skip_reason and self.is_doubtful


@dataclass(slots=True)
class Pair:
    """A stock link with both levels, as taken by a run."""

    link_id: int
    sequence: int
    state: str
    reason: str
    source_baseline: int | None
    destination_baseline: int | None
    keeps_destination: bool
    reconciliation_id: int | None
    reconciliation_trigger: str | None
    ending: str  # what becomes of the destination's quantity, of a pair that is no longer kept in step
    is_sure: bool
    is_linked: bool
    # Another pair, of other items, wants to set one of its levels as well.
    is_ambiguous: bool
    source: Side
    destination: Side
    # Sold in any destination of this source, and not taken from the source yet: not offered to a one-way destination.
    # Two-way: only what this destination sold while its orders were copied.
    pending_quantity: int = 0
    # Whether a write of either level is pending, and whether anything of it was ever held: else nobody need look.
    has_pending: bool = True
    has_holds: bool = True

    @property
    def is_to_be_corrected(self) -> bool:
        """Whether somebody pressed “Correct now” for it."""
        return self.reconciliation_trigger == Reconciliation.CORRECTION

    @property
    def is_aligned(self) -> bool:
        return self.source_baseline is not None

    @property
    def is_finishing(self) -> bool:
        """Whether it has ended, and what either side changed by until then is still to be carried (two-way)."""
        is_open = self.state in (StockLink.State.PENDING, StockLink.State.HELD)
        return is_open and self.is_aligned and self.ending == Connection.Ending.LEAVE

    @property
    def baselines(self) -> tuple[int, int]:
        """What both sides had when they last agreed, of a pair that is aligned."""
        assert self.source_baseline is not None and self.destination_baseline is not None  # they are set together
        return self.source_baseline, self.destination_baseline

    def sides(self) -> tuple[Side, Side]:
        return self.source, self.destination


def links_of(link: VariantLink) -> QuerySet[StockLink]:
    """The pairs of a link, also where another link of the same two items has them: several variants of one item."""
    rows = StockLink.objects.filter(connection=link.connection_id)
    own = rows.filter(variant_link=link)
    if link.destination_variant is None:
        return own
    here, there = (
        StockLevel.objects.filter(store=variant.store_id, item_gid=variant.item_gid).order_by().values("pk")
        for variant in (link.source_variant, link.destination_variant)
    )
    alike = rows.filter(source_level__in=here, destination_level__in=there)
    # Each by its own index, and asked at once: together with what else is joined to them every pair would be looked at.
    found = own.order_by().values_list("pk").union(alike.order_by().values_list("pk"))
    return rows.filter(pk__in=[pk for (pk,) in found])


def mark_contradicted(connection: Connection) -> None:
    """Have planned again what is skipped and need not be, as far as the variants' rows tell, or the other way round."""
    with db.cursor() as cursor:
        cursor.execute(_MARK_CONTRADICTED, [connection.pk])


# As _side says it.
_MARK_CONTRADICTED = """
    UPDATE syncing_stocklink link SET dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM (SELECT target.id FROM syncing_stocklink target
          JOIN stores_variantlink pair ON pair.id = target.variant_link_id
          JOIN stores_variant source ON source.id = pair.source_variant_id
          JOIN stores_variant destination ON destination.id = pair.destination_variant_id
          WHERE target.connection_id = %s AND (target.state = 'skipped') = (
              pair.state = 'linked' AND source.gone_at IS NULL AND destination.gone_at IS NULL
              AND source.is_tracked AND destination.is_tracked AND NOT source.is_bundle AND NOT destination.is_bundle)
          ORDER BY target.id FOR UPDATE OF target) own
    WHERE link.id = own.id
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many links wait to be carried, and since when the oldest does (seconds)."""

    count: int
    oldest_seconds: float


def count_waiting(connection: Connection, up_to: int) -> Waiting:
    """What waits on a connection; counting stops at `up_to`."""
    with prepared_cursor() as cursor:
        cursor.execute(_COUNT, {"connection": connection.pk, "most": up_to})
        count, seconds = cursor.fetchone()
    return Waiting(count, float(seconds))


# Dirty links, without those that wait for an operator's word on a write of unknown outcome, or for its settling.
_CARRIABLE = """
    FROM syncing_stocklink link
    WHERE link.connection_id = %(connection)s AND link.dirty_sequence > link.settled_sequence
      AND link.id NOT IN (SELECT hold.link_id FROM syncing_stockhold hold
                          WHERE hold.connection_id = %(connection)s AND hold.kind = 'outcome' AND hold.state = 'open')
      AND link.id NOT IN (SELECT own.link_id FROM syncing_stockadjustment own
                          WHERE own.connection_id = %(connection)s AND own.state = 'pending'
                            AND own.link_id IS NOT NULL)
"""
_COUNT = f"""
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(dirty_at)), 0)
    FROM (SELECT link.dirty_at {_CARRIABLE} ORDER BY link.dirty_at, link.id LIMIT %(most)s) waiting
"""
_WAITING = f"""
    SELECT link.id, link.dirty_at, link.destination_level_id {_CARRIABLE}
      AND (%(after)s::timestamptz IS NULL OR (link.dirty_at, link.id) > (%(after)s::timestamptz, %(after_id)s))
    ORDER BY link.dirty_at, link.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Lot:
    """Pairs to look at together: those that waited, with all that feed the same destination levels.

    `link_ids` are those that waited; `last` is where they end in the order of waiting.
    """

    pairs: list[Pair]
    link_ids: frozenset[int]
    last: tuple[datetime, int] | None


def load_waiting(connection: Connection, limit: int, after: tuple[datetime, int] | None = None) -> Lot:
    """The `limit` longest waiting links, or those that come `after` one in the order of waiting."""
    at, pk = after or (None, 0)
    with prepared_cursor() as cursor:
        cursor.execute(_WAITING, {"connection": connection.pk, "after": at, "after_id": pk, "most": limit})
        rows = cursor.fetchall()
    if not rows:
        return Lot([], frozenset(), None)
    loaded = load_into(connection, {level_id for _, _, level_id in rows})
    return Lot(loaded, frozenset(pk for pk, _, _ in rows), (rows[-1][1], rows[-1][0]))


def load(condition: Q) -> list[Pair]:
    """Pairs with both levels and their pending units, ordered by id.

    All in one statement: when a copy of an order is confirmed, its units cease to be pending and the source's levels
    become doubtful in one transaction, of which this sees either nothing or all.
    """
    rows = StockLink.objects.filter(condition).order_by("pk").values_list(*_COLUMNS, *_COMPUTED)
    return [_pair(row) for row in rows.iterator(chunk_size=2000)]


def load_into(connection: Connection, level_ids: Iterable[int]) -> list[Pair]:
    """As `load`: the pairs of a connection that lead to these destination levels.

    Every run does this, and to put the statement together, and to plan it, takes longer than its execution.
    """
    sql, parameters = _load_into_statement()
    given = {_CONNECTION: connection.pk, _LEVELS: list(level_ids)}
    values: list[Any] = [given[one] if isinstance(one, _Given) else one for one in parameters]
    with prepared_cursor() as cursor:
        cursor.execute(sql, values)
        return [_pair(row) for row in cursor.fetchall()]


@cache
def _load_into_statement() -> tuple[str, Sequence[Any]]:
    where = "syncing_stocklink.connection_id = %s AND syncing_stocklink.destination_level_id = ANY(%s::bigint[])"
    links = StockLink.objects.extra(where=[where], params=[_CONNECTION, _LEVELS]).order_by("pk")
    sql, parameters = links.values_list(*_COLUMNS, *_COMPUTED).query.sql_with_params()
    return sql, parameters


class _Given:
    """What stands in the parameters of a statement for what is only known when it is executed."""


_CONNECTION, _LEVELS = _Given(), _Given()


def _side_columns(side: str) -> list[str]:
    level = [
        f"{side}_level__{name}"
        for name in (
            "pk",
            "item_gid",
            "location_id",
            "location__gid",
            "available",
            "as_of",
            "is_active",
            "is_doubtful",
            "version",
        )
    ]
    return level + [f"variant_link__{side}_variant__{name}" for name in ("gone_at", "is_bundle", "is_tracked")]


def _held_back(**conditions: Any) -> Coalesce:
    # Whichever of its variants was sold: several may stand for one item.
    variants = Variant.objects.filter(
        store=OuterRef(OuterRef("source_level__store")), item_gid=OuterRef(OuterRef("source_level__item_gid"))
    )
    lines = OrderImportLine.objects.filter(
        Q(is_pending=True) | Q(owed_quantity__gt=0), source_variant__in=variants.order_by().values("pk"), **conditions
    )
    whole = Case(When(is_pending=True, then=F("quantity")), default=Value(0))
    # All of them are of one item: whatever they are grouped by is the same.
    units = lines.order_by().values(of_item=Value(1)).annotate(units=Sum(whole + F("owed_quantity"))).values("units")
    return Coalesce(Subquery(units), 0)


_IS_TWO_WAY = Q(connection__aligned_strategy__in=(Strategy.TWO_WAY, ENDING_TWO_WAY)) | Q(
    connection__aligned_strategy="", connection__strategy=Strategy.TWO_WAY
)
_OF_CONNECTION = StockLink.objects.filter(connection=OuterRef("connection"))
_IS_SECOND = Exists(
    _OF_CONNECTION.filter(
        source_level__store=OuterRef("source_level__store"),
        source_level__item_gid=OuterRef("source_level__item_gid"),
        pk__lt=OuterRef("pk"),
    )
)
# Who else wants to write: a linked pair whose stock can be synced. Two sources may have items of one id.
_WRITING = Q(variant_link__state=VariantLink.State.LINKED, ending="") & ~Q(pk=OuterRef("pk"))
for _variant in ("source_variant", "destination_variant"):
    _WRITING &= Q(**{f"variant_link__{_variant}__is_tracked": True, f"variant_link__{_variant}__is_bundle": False})
_OTHER_ITEM = ~Q(
    source_level__item_gid=OuterRef("source_level__item_gid"), source_level__store=OuterRef("source_level__store")
)
_IS_AMBIGUOUS = Case(
    When(
        Exists(StockLink.objects.filter(_WRITING, _OTHER_ITEM, destination_level=OuterRef("destination_level"))),
        then=Value(True),
    ),
    # Only two-way writes to the source. What other connections carry to it are changes like these, and count, too.
    When(
        _IS_TWO_WAY
        & Exists(
            _OF_CONNECTION.filter(
                _WRITING,
                ~Q(destination_level__item_gid=OuterRef("destination_level__item_gid")),
                source_level=OuterRef("source_level"),
            )
        ),
        then=Value(True),
    ),
    default=Value(False),
)
# Two-way destinations carry changes and are offered nothing, so nothing is kept from them; only what they sold while
# the connection carried orders is no change of theirs any more: the copy takes it from the source. Units have no
# location before: the first of the pairs counts them all.
_PENDING = Case(
    When(_IS_TWO_WAY & _IS_SECOND, then=Value(0)),
    When(_IS_TWO_WAY, then=_held_back(order_import__connection=OuterRef("connection"))),
    default=_held_back(),
    output_field=IntegerField(),
)
_ON_EITHER = Q(level=OuterRef("source_level")) | Q(level=OuterRef("destination_level"))
_HAS_PENDING = Exists(StockAdjustment.objects.filter(_ON_EITHER, state="pending"))
_HAS_HOLDS = Exists(StockHold.objects.filter(link=OuterRef("pk")))
_COMPUTED: list[Any] = [_IS_AMBIGUOUS, _PENDING, _HAS_PENDING, _HAS_HOLDS]
_OWN = ["pk", "dirty_sequence", "state", "reason", "source_baseline", "destination_baseline", "keeps_destination"]
_OWN += ["reconciliation_id", "reconciliation__trigger", "ending", "is_sure", "variant_link__state"]
_COLUMNS = [*_OWN, *_side_columns("source"), *_side_columns("destination")]
_SIDE_WIDTH = len(_side_columns("source"))


def _pair(row: tuple) -> Pair:
    *own, link_state = row[: len(_OWN)]
    *rest, is_ambiguous, pending, has_pending, has_holds = row[len(_OWN) :]
    sides = _side(rest[:_SIDE_WIDTH], "source"), _side(rest[_SIDE_WIDTH:], "destination")
    ending = own[_OWN.index("ending")]
    if ending:  # what is known of its link's partner speaks of another one by now, or there is none
        sides[1].skip_reason = ""
    is_linked = link_state == VariantLink.State.LINKED and not ending
    values = [*own, is_linked, is_ambiguous, *sides, pending, has_pending, has_holds]
    return Pair(*values)


def source_total(group: Sequence[Pair]) -> int:
    """What the source has for the pairs that are summed into one destination level, less what is sold already.

    Pending units have no location before their order exists. So each destination level does without all of them:
    too little for a moment where a source has several locations, never too much.
    """
    return sum(pair.source.quantity for pair in group) - group[0].pending_quantity


def _side(cells: Sequence[Any], name: str) -> Side:
    *level, gone_at, is_bundle, is_tracked = cells
    reason = ""
    if gone_at:
        reason = f"deleted in the {name}"
    elif is_bundle:
        reason = f"bundle in the {name}: its stock is computed from its components"
    elif not is_tracked:
        reason = f"inventory is not tracked in the {name}"
    values = [*level, reason]
    return Side(*values)


def leave_out(taken: Sequence[Pair], is_bad: Callable[[Pair], bool]) -> list[Pair]:
    """The pairs without the bad ones, and without those summed into the same destination level: half a sum is wrong."""
    bad = {pair.destination.level_id for pair in taken if is_bad(pair)}
    return [pair for pair in taken if pair.destination.level_id not in bad]


def must_be_read(pair: Pair) -> bool:
    """Whether nothing may be planned for this pair before a live read."""
    if pair.ending and not pair.is_finishing:
        return pair.destination.must_be_read
    return (pair.is_linked or pair.is_finishing) and any(side.must_be_read for side in pair.sides())


def levels_of(sides: Sequence[Side]) -> list[StockLevel]:
    """Level rows as these sides know them (with the version they were loaded with), for a live read."""
    return [
        StockLevel(pk=side.level_id, item_gid=side.item_gid, location_id=side.location_id, version=side.version)
        for side in sides
    ]
