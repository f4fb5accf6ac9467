"""The loop that keeps a connection's stock in step: settle, take, read, plan, guard, record, send, apply.

One runner per connection, many connections in parallel. Besides it only undo sends stock writes
(syncing.stock.undo); the true quantity of an operator goes out with its next run. It may die between any two
statements: whatever it did not finish is found again as a dirty link or a pending row.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from stores.clients import OpenClient
from stores.models import ENDING_TWO_WAY, Connection
from stores.shared.buckets import share_left
from stores.shared.statements import prepared_cursor
from stores.shopify import inventory, shops
from stores.shopify.errors import ShopifyError, UserErrors
from syncing.models import StockAdjustment, StockHold
from syncing.stock import guard, pairs, planning, realigning, wiring
from syncing.stock.mirror import levels
from syncing.stock.mirror.contradictions import Contradictions
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.pairs import Pair, Side
from syncing.stock.writes.delivery import deliver
from syncing.stock.writes.ledger import BATCH_ROWS, Write
from syncing.stock.writes.linger import linger_seconds
from syncing.stock.writes.settle import settle_left_behind, settle_pending

logger = logging.getLogger(__name__)

LOT_ROWS = 4 * BATCH_ROWS
LINGER_STEP_SECONDS = 0.25  # a full batch need not wait
LONG_AGO = float("-inf")  # on the monotonic clock
LEAST_SLEEP_SECONDS = 0.01  # what is less than a clock's step would never be over
# So many batches within so long, with the next one, are a burst: looks would seldom find what comes more slowly.
BURST_BATCHES_COUNT, BURST_SECONDS = 3, 2.0
BURST_ROWS = 100  # of a batch of a burst, at most: what fills batches by itself, webhooks tell soon enough
ACTIVATIONS = 50  # a call each: between two lots somebody may pause the connection


class Run:
    """One run over one connection. `dirtied` collects the connections that must run next.

    An error of one store keeps nothing waiting that does not need it: it is noted in `troubles`, all the rest is
    carried, and the worst is raised at the end. `contradictions` collects the products that must be matched again.
    """

    def __init__(self, connection: Connection, clients: OpenClient) -> None:
        self.connection = connection
        self.clients = clients
        self.dirtied: set[int] = set()
        self.troubles = Troubles()
        self.contradictions = Contradictions()
        self.guard = guard.Guard(connection)
        self.last_sent = time.monotonic()
        self.sent: list[float] = []  # when the last batches of a burst were sent, the oldest first
        self.sequences: dict[int, int] = {}  # of the links in hand: what a mark that comes meanwhile moves on
        self.blocked: dict[int, StockAdjustment] = {}  # levels of the lot in hand with a pending write -> that write
        self.after: tuple[datetime, int] | None = None  # where the lot in hand ends in the order of waiting
        self.moves = False  # whether anything was done since the oldest of all was looked at
        self.waits_for = ""  # why the connection's new strategy does not begin, in words
        self.has_finished = False  # whether pairs have ended for good: what they kept from beginning can begin
        self.is_cut_short = False  # whether time ran out, or a stop was asked for, before nothing was left to do
        self.in_burst: set[int] = set()  # the stores whose changes come one after the other, by their ids
        self.is_fresh = True  # nothing was waited for, asked or done since whoever runs this looked whether it may

    def carry(self, budget_seconds: float, is_stopping: Callable[[], bool] = lambda: False) -> bool:
        """Carry what waits until nothing does; False when time ran out or a stop was asked for first.

        Raises the worst of what stores said, after all that can be done without them: what was sent and not answered
        stays pending and is settled by a later run, what was not sent is withdrawn.
        """
        deadline = time.monotonic() + budget_seconds
        self.sent, has_pending = _find_batches(self.connection)
        self.last_sent = self.sent[-1] if self.sent else LONG_AGO
        if has_pending:
            self.is_fresh = False
            self.dirtied |= settle_pending(self.connection, self.clients, self.troubles)
        if self.connection.is_two_way and self.connection.aligned_strategy == ENDING_TWO_WAY:
            realigning.stay_two_way(self.connection)
        chosen, in_force = self.connection.strategy, self._in_force(deadline, is_stopping)
        self.connection.strategy = in_force  # of this object: what was chosen stands in the row
        try:
            is_done = self._carry_all(deadline, is_stopping)
            if self.has_finished and wiring.wire_connection(self.connection):  # what waited for their end begins
                self.after, self.moves = None, False
                is_done = self._carry_all(deadline, is_stopping)
        finally:
            self.connection.strategy = chosen
        self.troubles.raise_worst()
        return is_done

    def _in_force(self, deadline: float, is_stopping: Callable[[], bool]) -> str:
        """The strategy to go on with: the chosen one, which begins now if it can, else the one before.

        A store that must be asked first and does not answer keeps the new one from beginning, and nothing else waiting.
        """
        chosen, old = self.connection.strategy, self.connection.aligned_strategy
        if old == chosen:
            return chosen
        self.is_fresh = False
        try:
            if self.connection.is_leaving_two_way:
                for store in (self.connection.source, self.connection.destination):
                    shops.ask_time(self.clients(store))
                if not self._end_two_way(deadline, is_stopping):
                    return Connection.Strategy.TWO_WAY
            realigning.realign(self.connection, self._ask_orders_from())
        except ShopifyError as error:
            self.troubles.errors.append(error)
            return Connection.Strategy.TWO_WAY if self.connection.is_leaving_two_way else old
        return chosen

    def _ask_orders_from(self) -> datetime | None:
        """The destination's clock as another strategy begins that carries orders; None where none does."""
        if not (self.connection.aligned_strategy and self.connection.carries_orders):
            return None
        return shops.ask_time(self.clients(self.connection.destination))

    def _carry_all(self, deadline: float, is_stopping: Callable[[], bool]) -> bool:
        while time.monotonic() < deadline:
            if not (limit := self._wait_for_company()):
                return True
            # After the waiting, so that whoever pauses meanwhile finds nothing written any more.
            if not self.is_fresh and is_stopping():
                break
            self.is_fresh = False
            if not self._go_on(limit):
                return True
        self.is_cut_short = True
        return False

    def _end_two_way(self, deadline: float, is_stopping: Callable[[], bool]) -> bool:
        """Carry what changed on either side while the connection was two-way; False while that is not done."""
        is_resumed = self.connection.aligned_strategy == ENDING_TWO_WAY
        if not is_resumed:
            realigning.end_two_way(self.connection)
        if not self._has_ended(deadline, is_stopping):
            return False
        if is_resumed:  # it has waited, for days perhaps: what changed meanwhile unseen is read now
            realigning.end_two_way(self.connection)
        return not is_resumed or self._has_ended(deadline, is_stopping)

    def _has_ended(self, deadline: float, is_stopping: Callable[[], bool]) -> bool:
        """Carry what waits under two-way; whether that is all of it."""
        chosen, self.connection.strategy = self.connection.strategy, Connection.Strategy.TWO_WAY
        try:
            is_done = self._carry_all(deadline, is_stopping)
        finally:
            self.connection.strategy = chosen
        self.after, self.moves = None, False
        # A change that is held was made, perhaps sold, under two-way: aligned anew, it would be undone unseen.
        if held := StockHold.objects.filter(connection=self.connection, state=StockHold.State.OPEN).count():
            self.waits_for = f"Reviews to be decided before the new strategy begins: {held}."
        return is_done and not self.troubles.errors and not held

    def _go_on(self, limit: int) -> bool:
        """Look at the next `limit` that wait, from the oldest to the youngest; False if nothing can be done about any.

        No link is looked at twice on the way, and after the youngest it begins anew only if something was done: those
        that cannot be carried just now, however many, keep none behind them from its turn.
        """
        lot = pairs.load_waiting(self.connection, limit, self.after)
        if not lot.pairs and self.after and self.moves:
            self.after, self.moves = None, False
            lot = pairs.load_waiting(self.connection, limit)
        if not lot.pairs:
            return False
        self.after = lot.last
        self.moves |= self._round(lot)
        return True

    def _wait_for_company(self) -> int:
        """How many links to take now. The first change of a quiet time goes at once; in a burst batches fill up.

        A mutation costs the same for 1 row and for 250: while one was sent a moment ago, a partial batch waits until
        its oldest link has waited as long as the stores' budgets say (syncing.stock.writes.linger), or for the longest
        where so many wait that it fills anyway.
        """
        longest, linger = settings.STOCK_LINGER_SECONDS, None
        began = time.monotonic()
        while True:
            waiting = pairs.count_waiting(self.connection, LOT_ROWS)
            if waiting.count >= BATCH_ROWS:
                full = waiting.count // BATCH_ROWS * BATCH_ROWS
                return waiting.count if waiting.oldest_seconds > 10 * longest else full
            if not waiting.count or time.monotonic() - self.last_sent > longest:
                return waiting.count
            if waiting.count > BURST_ROWS:
                linger = longest
            elif linger is None:
                linger = linger_seconds(longest, share_left(self._written_store_ids()))
            # The age of a link is the database's word: where its clock was set back, only ours ends the waiting.
            waited = max(waiting.oldest_seconds, time.monotonic() - began)
            left = min(linger - waited, self.last_sent + linger - time.monotonic())
            if left <= 0:
                return waiting.count
            self.is_fresh = False
            time.sleep(min(max(left, LEAST_SLEEP_SECONDS), LINGER_STEP_SECONDS))

    def _written_store_ids(self) -> list[int]:
        """The stores that this connection's stock is written to."""
        source_ids = [self.connection.source_id] if self.connection.is_two_way else []
        return [*source_ids, self.connection.destination_id]

    def _round(self, lot: pairs.Lot) -> bool:
        """Plan and carry one lot of links; False if nothing could be done about any of them."""
        taken = lot.pairs
        self.sequences = {pair.link_id: pair.sequence for pair in taken}
        self.blocked = _levels_with_pending(taken)
        if self.blocked:
            self.dirtied |= settle_left_behind(self.blocked, self.clients, self.troubles)
            self.blocked = _levels_with_pending(taken)
        taken = pairs.leave_out(taken, self._must_wait)
        taken = self._read_doubtful(taken)
        plan = planning.plan(self.connection, taken)
        planning.save(plan)
        plan.writes = self._sendable(plan.writes)
        writes = self._sendable(self.guard.check(plan, taken, self._verify))
        is_sent = self._write(writes)
        self.has_finished |= any(row.pair.is_finishing for row in plan.settled)
        is_settled = any(row.pair.link_id in lot.link_ids for row in plan.settled)
        return bool(is_sent or is_settled or self.guard.held_now)

    def _must_wait(self, pair: Pair) -> bool:
        """Whether nothing is planned for a pair because of a pending write.

        Two-way, one that another pair left on a level of this one is no hindrance: what this pair carries to its other
        side is what the level changed by, whoever changed it. One-way, a sum waits whole for what was sent.
        """
        source, destination = (self.blocked.get(side.level_id) for side in pair.sides())
        if self.connection.is_two_way:
            return any(row and row.link_id == pair.link_id for row in (source, destination))
        return bool(destination or (source and source.batch.attempts))

    def _sendable(self, writes: Sequence[Write]) -> list[Write]:
        """Those of these writes that can be sent now; their pairs stay dirty for the others."""
        return [
            write
            for write in writes
            if write.side.level_id not in self.blocked and self.troubles.can_write(write.store_id)
        ]

    def _read_doubtful(self, taken: list[Pair]) -> list[Pair]:
        """Read what is doubtful, stock what is not stocked, and load the pairs again with what was read."""
        # A first alignment starts from live values: what changed unseen before it must not be carried afterwards. What
        # has ended two-way ends with them: what changed unseen until then would not be carried at all.
        doubtful = [
            side
            for pair in taken
            if pair.is_linked or pair.is_finishing
            for side in pair.sides()
            if side.must_be_read or not ((pair.is_aligned and not pair.is_finishing) or side.skip_reason)
        ]
        doubtful += [pair.destination for pair in taken if pair.ending and pair.destination.must_be_read]
        if doubtful:
            self._read(doubtful, taken)
            taken = self._reload(taken)
        if self.connection.activates_items:
            taken = self._stock_absent(taken)
        return self._leave_out_unread(taken)

    def _leave_out_unread(self, taken: Sequence[Pair]) -> list[Pair]:
        """What could not be read waits; what was overtaken while it was read is still doubtful, and waits, too."""
        unread = self.troubles.unread_level_ids
        taken = pairs.leave_out(taken, pairs.must_be_read)
        return pairs.leave_out(taken, lambda pair: any(side.level_id in unread for side in pair.sides()))

    def _stock_absent(self, taken: list[Pair]) -> list[Pair]:
        """Stock the first of the items that are not stocked at their destination; the others wait for a round."""
        absent = {
            pair.destination.level_id: pair.destination
            for pair in taken
            if pair.is_linked and not pair.is_ambiguous and not any(side.skip_reason for side in pair.sides())
            if pair.source.is_active and pair.source.available is not None and not pair.destination.is_active
        }
        now = list(absent.values())[:ACTIVATIONS] if self.troubles.can_write(self.connection.destination_id) else []
        asked = self._activate(now)
        later = absent.keys() - asked
        taken = pairs.leave_out(taken, lambda pair: pair.destination.level_id in later)
        if asked:
            taken = self._reload(taken)
            self._read([pair.destination for pair in taken if pair.destination.level_id in asked], taken)
            taken = self._reload(taken)
        return taken

    def _reload(self, some: Sequence[Pair]) -> list[Pair]:
        """These pairs, and what is summed with them, as they are now, under the sequence they were taken with."""
        ids = {pair.destination.level_id for pair in some}
        fresh = pairs.load_into(self.connection, ids)
        for pair in fresh:
            pair.sequence = self.sequences.get(pair.link_id, 0)
        return fresh

    def _read(self, sides: Iterable[Side], taken: Sequence[Pair]) -> None:
        once, noted = {side.level_id: side for side in sides}, self.contradictions
        asked, links = pairs.levels_of(list(once.values())), [pair.link_id for pair in taken]
        self.dirtied |= read_levels(asked, self.clients, self.troubles, except_links=links, contradictions=noted)

    def _verify(self, suspicious: Sequence[Pair]) -> list[Pair]:
        """The pairs of a suspicious plan, with all that is summed into their destinations, read live on both sides."""
        suspicious = self._reload(suspicious)
        self._read([side for pair in suspicious for side in pair.sides()], suspicious)
        return self._leave_out_unread(self._reload(suspicious))

    def _activate(self, sides: Sequence[Side]) -> set[int]:
        """Stock items at destination locations; the levels that Shopify has answered for.

        A refusal is left for the plan to show.
        """
        client, answered = self.clients(self.connection.destination), set()
        for side in sides:
            try:
                inventory.activate(client, side.item_gid, side.location_gid, str(uuid.uuid4()))
            except UserErrors as error:
                logger.warning("%s", error)
            except ShopifyError as error:
                if error.is_of_request:  # this item's own: the others are stocked, and what is due is written
                    self.troubles.errors.append(error)
                    continue
                self.troubles.note_write(self.connection.destination_id, error)
                if not self.troubles.can_write(self.connection.destination_id):
                    break
                continue
            self.troubles.note_written(self.connection.destination_id)
            answered.add(side.level_id)
        levels.doubt(list(answered), client.answered_at)
        return answered

    def _write(self, writes: Sequence[Write]) -> bool:
        """Deliver these writes; whether Shopify answered any of them."""
        if not writes:
            return False
        self._note_burst(writes)
        self.last_sent = time.monotonic()
        batches, dirtied = deliver(self.connection, writes, self.clients, self.troubles)
        self.dirtied |= dirtied
        return any(batch.attempts and batch.answered_at for batch in batches)

    def _note_burst(self, writes: Sequence[Write]) -> None:
        """A few changes soon after others: their store can be asked for the next ones. Of many, webhooks tell."""
        now, few = time.monotonic(), self.sent[-BURST_BATCHES_COUNT:]
        self.sent = [*few, now]
        if len(writes) > BURST_ROWS or len(few) < BURST_BATCHES_COUNT or now - few[0] > BURST_SECONDS:
            return
        ends = {self.connection.source_id, self.connection.destination_id}
        self.in_burst |= {store_id for write in writes for store_id in ends - {write.store_id}}


def _levels_with_pending(taken: Sequence[Pair]) -> dict[int, StockAdjustment]:
    """Levels among these whose last write has not been settled, each with that write."""
    ids = {side.level_id for pair in taken if pair.has_pending for side in pair.sides()}
    if not ids:
        return {}
    pending = StockAdjustment.objects.filter(state=StockAdjustment.State.PENDING, level_id__in=ids)
    return {row.level_id: row for row in pending.select_related("batch").defer("batch__body")}


def _find_batches(connection: Connection) -> tuple[list[float], bool]:
    """When a connection sent its last batches, on this process's monotonic clock; and whether any of its is pending."""
    with prepared_cursor() as cursor:
        cursor.execute(_BATCHES, {"connection": connection.pk, "count": BURST_BATCHES_COUNT})
        last, has_pending = cursor.fetchone()
    now, here = timezone.now(), time.monotonic()
    return [here - max(0.0, (now - at).total_seconds()) for at in reversed(last)], has_pending


_BATCHES = """
    SELECT ARRAY(SELECT created_at FROM syncing_stockbatch WHERE connection_id = %(connection)s
                 ORDER BY id DESC LIMIT %(count)s),
           EXISTS (SELECT FROM syncing_stockbatch WHERE connection_id = %(connection)s AND state = 'pending')
"""
