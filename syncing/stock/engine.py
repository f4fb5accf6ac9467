"""The loop that keeps a connection's stock in step: settle, take, read, plan, guard, record, send, apply.

One runner per connection, many connections in parallel. It is the only caller that sends stock mutations. It may die
between any two statements: whatever it did not finish is found again as a dirty link or a pending row.
"""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from stores.models import Connection, Location, Store
from stores.shopify import inventory
from stores.shopify.client import Client
from syncing.models import StockAdjustment, StockBatch
from syncing.stock import guarding, ledger, levels, pairs, planning
from syncing.stock.ledger import BATCH_ROWS, Write
from syncing.stock.pairs import Pair, Side
from syncing.stock.settle import settle, settle_left_behind, settle_pending

logger = logging.getLogger(__name__)

TAKE = 4 * BATCH_ROWS
LINGER_STEP = 0.05
ACTIVATIONS = 50  # a call each: between two lots somebody may pause the connection

Clients = Callable[[Store], Client]


class Run:
    """One run over one connection. `dirtied` collects the connections that must run next."""

    def __init__(self, connection: Connection, clients: Clients) -> None:
        self.connection = connection
        self.clients = clients
        self.dirtied: set[int] = set()
        self.guard = guarding.Guard(connection)
        self.last_sent = _last_sent(connection)
        self.sequences: dict[int, int] = {}  # of the links in hand: what a mark that comes meanwhile moves on

    def carry(self, budget_seconds: float, is_stopping: Callable[[], bool] = lambda: False) -> bool:
        """Carry what waits until nothing does; False when time ran out or a stop was asked for first.

        Raises what the client raises; what was recorded stays pending and is settled by the next run.
        """
        deadline = time.monotonic() + budget_seconds
        for dirtied in settle_pending(self.connection, self.clients):
            self.dirtied |= dirtied
        if self.connection.aligned_strategy != self.connection.strategy:
            pairs.realign(self.connection)
        while time.monotonic() < deadline and not is_stopping():
            limit = self._wait_for_company()
            if not limit or not self._round(limit):
                return True
        return False

    def _wait_for_company(self) -> int:
        """How many links to take now. The first change of a quiet time goes at once; in a burst batches fill up.

        A mutation costs the same for 1 row and for 250: while one was sent a moment ago, a partial batch waits until
        its oldest link has waited STOCK_LINGER_SECONDS.
        """
        linger = settings.STOCK_LINGER_SECONDS
        while True:
            waiting = pairs.count_waiting(self.connection, TAKE)
            is_quiet = time.monotonic() - self.last_sent > linger
            if waiting.count >= BATCH_ROWS:
                full = waiting.count // BATCH_ROWS * BATCH_ROWS
                return waiting.count if waiting.oldest_seconds > 10 * linger else full
            if not waiting.count or is_quiet or waiting.oldest_seconds >= linger:
                return waiting.count
            time.sleep(LINGER_STEP)

    def _round(self, limit: int) -> bool:
        """Take, plan and carry one lot of links; False if nothing could be done about any of them."""
        taken = pairs.take(self.connection, limit)
        if not taken:
            return False
        self.sequences = {pair.link_id: pair.sequence for pair in taken}
        blocked = _levels_with_pending(taken)
        if blocked:
            self.dirtied |= settle_left_behind(blocked, self.clients)
            blocked = _levels_with_pending(taken)
        taken = pairs.leave_out(taken, lambda pair: bool(blocked & {pair.source.level_id, pair.destination.level_id}))
        taken = self._read_doubtful(taken)
        plan = planning.plan(self.connection, taken)
        planning.save(plan)
        writes = self.guard.check(plan, taken, self._verify)
        if writes:
            self._write(writes)
        return bool(writes or plan.settled or self.guard.held_now)

    def _read_doubtful(self, taken: list[Pair]) -> list[Pair]:
        """Read what is doubtful, stock what is not stocked, and load the pairs again with what was read."""
        # A first alignment starts from live values: what changed unseen before it must not be carried afterwards.
        doubtful = [
            side
            for pair in taken
            if pair.is_linked
            for side in pair.sides()
            if side.must_be_read or not (pair.is_aligned or side.skip_reason)
        ]
        if doubtful:
            self._read(doubtful, taken)
            taken = self._reload(taken)
        if self.connection.activates_items:
            taken = self._stock_absent(taken)
        # What was overtaken while it was read is still doubtful: it waits for the next round.
        return pairs.leave_out(taken, pairs.must_be_read)

    def _stock_absent(self, taken: list[Pair]) -> list[Pair]:
        """Stock the first of the items that are not stocked at their destination; the others wait for a round."""
        absent = {
            pair.destination.level_id: pair.destination
            for pair in taken
            if pair.is_linked and not any(side.skip_reason for side in pair.sides())
            if pair.source.available is not None and not pair.destination.is_active
        }
        now = list(absent.values())[:ACTIVATIONS]
        later = set(list(absent)[ACTIVATIONS:])
        taken = pairs.leave_out(taken, lambda pair: pair.destination.level_id in later)
        if now and self._activate(now):
            taken, stocked = self._reload(taken), {side.level_id for side in now}
            self._read([pair.destination for pair in taken if pair.destination.level_id in stocked], taken)
            taken = self._reload(taken)
        return taken

    def _reload(self, some: Sequence[Pair]) -> list[Pair]:
        """These pairs, and what is summed with them, as they are now, under the sequence they were taken with."""
        ids = {pair.destination.level_id for pair in some}
        fresh = pairs.load(Q(connection=self.connection, destination_level_id__in=ids))
        for pair in fresh:
            pair.sequence = self.sequences.get(pair.link_id, 0)
        return fresh

    def _read(self, sides: Iterable[Side], taken: Sequence[Pair]) -> None:
        by_location: dict[int, dict[int, Side]] = defaultdict(dict)
        for side in sides:
            by_location[side.location_id][side.level_id] = side
        links = [pair.link_id for pair in taken]
        for location in Location.objects.filter(pk__in=by_location).select_related("store").order_by("pk"):
            asked = pairs.levels_of(list(by_location[location.pk].values()))
            self.dirtied |= levels.observe_live(asked, self.clients(location.store), location, except_links=links)

    def _verify(self, suspicious: Sequence[Pair]) -> list[Pair]:
        """The pairs of a suspicious plan, with all that is summed into their destinations, read live on both sides."""
        suspicious = self._reload(suspicious)
        self._read([side for pair in suspicious for side in pair.sides()], suspicious)
        return pairs.leave_out(self._reload(suspicious), pairs.must_be_read)

    def _activate(self, sides: Sequence[Side]) -> bool:
        """Stock items at destination locations; True if any was. A refusal is left for the plan to show."""
        client, done = self.clients(self.connection.destination), False
        for side in sides:
            try:
                inventory.activate(client, side.item_gid, side.location_gid, str(uuid.uuid4()))
                done = True
            except inventory.UserErrors as error:
                logger.warning("%s", error)
        levels.doubt([side.level_id for side in sides] if done else [], client.answered_at)
        return done

    def _write(self, writes: Sequence[Write]) -> None:
        try:
            batches = ledger.record(self.connection, writes)
        except IntegrityError:
            # Another connection of the same store got a pending write on one of these levels a moment ago. Nothing
            # was recorded; its apply marks our links, and the next round leaves that level out.
            logger.info("%s: a level is being written by another connection; planned again", self.connection)
            return
        for batch in batches:
            self.last_sent = time.monotonic()
            self.dirtied |= settle(batch, self.clients(batch.store))


def _levels_with_pending(taken: Sequence[Pair]) -> set[int]:
    """Levels among these whose last write has not been settled: nothing is planned for them."""
    ids = {level_id for pair in taken for level_id in (pair.source.level_id, pair.destination.level_id)}
    pending = StockAdjustment.objects.filter(state=StockAdjustment.State.PENDING, level_id__in=ids)
    return set(pending.values_list("level_id", flat=True))


def _last_sent(connection: Connection) -> float:
    """When this connection last sent a batch, on this process's monotonic clock."""
    last = StockBatch.objects.filter(connection=connection).order_by("-pk").values_list("first_sent_at", flat=True)[:1]
    ago = (timezone.now() - last[0]).total_seconds() if last and last[0] else 1e9
    return time.monotonic() - ago
