"""Bulk operations of a store from their start to their end: started, followed, read, cancelled.

One worker at a time for each store. The start is recorded before it is asked for, so that one whose answer was lost is
looked for before anything else is done about its lines. What Shopify says of a line is remembered as of a single write;
a line without a result is looked at by its run, which reads what the store holds and writes singly what is not there.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from stores.ages import is_over
from stores.models import ProductLink, Store
from stores.shared.many import update_rows
from stores.shopify import bulk
from stores.shopify.client import Client
from stores.shopify.errors import (
    TRANSIENT,
    ObjectNotFound,
    ShopifyError,
    TooManyBulkOperations,
    UserErrors,
)
from stores.shopify.products import bulk_heads, bulk_writes, product_heads
from stores.shopify.products.staged_uploads import TransferFailed
from syncing.catalogue.bulk import creating, results
from syncing.catalogue.bulk.gathering import MOST_AT_SHOPIFY_COUNT, drop, write_singly
from syncing.catalogue.bulk.reading_ahead import REFUSALS
from syncing.catalogue.portions import portions
from syncing.models import BulkLine, BulkOperation, CatalogueRun

logger = logging.getLogger(__name__)

State, LineState = BulkOperation.State, BulkLine.State
WORKING = (CatalogueRun.State.PLANNING, CatalogueRun.State.RUNNING)
MUTATIONS = {
    BulkOperation.Kind.CREATE: bulk_writes.CREATE,
    BulkOperation.Kind.VARIANTS: bulk_writes.VARIANTS,
    BulkOperation.Kind.METAFIELDS: bulk_writes.METAFIELDS,
    BulkOperation.Kind.PUBLISH: bulk_writes.PUBLISH,
    BulkOperation.Kind.UNPUBLISH: bulk_writes.UNPUBLISH,
}
LOOKED_FOR = timedelta(seconds=90)  # a start may arrive that long after its answer was lost
OLD = timedelta(hours=1)  # what was compared before that is compared again
MANY_COUNT = 501  # instants that are read by a bulk query: two pages of fewer are there sooner
MOST_ATTEMPTS = 5  # to fetch a result whose address dies, or that breaks off
MOST_STARTS_COUNT = 3  # of one run that never began: then it writes singly
FIRST_SECONDS, MOST_SECONDS = 2.0, 30.0  # between two looks

CHANGED_THERE = "It changed in the destination after it was compared."
TOO_OLD = "It was compared too long ago."
NEVER_BEGAN = "Shopify never began it."
GONE = "Shopify does not know it any more."
RUN_STOPPED = "Its run was paused or ended before."


@dataclass
class Followed:
    """What came of a look. `runs` may go on; `edited` are products that somebody changed in the destination meanwhile.

    `is_open`: look again in `seconds`.
    """

    runs: set[int] = field(default_factory=set)
    edited: list[ProductLink] = field(default_factory=list)
    is_open: bool = False
    seconds: float = FIRST_SECONDS


def find_open() -> QuerySet[Store]:
    """Stores with operations that somebody has to follow."""
    return Store.objects.filter(bulk_operations__state__in=BulkOperation.OPEN).distinct()


def follow(store: Store, client: Client) -> Followed:
    """Look after all operations of a store once. Raises ShopifyError. Safe to repeat, and after an end at any point."""
    followed = Followed()
    for operation in _of(store, BulkOperation.AT_SHOPIFY):
        _Follower(client, operation, followed).follow()
    for operation in _of(store, (State.GATHERING, State.GATHERED)):
        if operation.run.state not in WORKING:
            _Follower(client, operation, followed).drop(RUN_STOPPED)
        elif operation.state == State.GATHERING:
            continue
        elif _of(store, BulkOperation.AT_SHOPIFY).count() >= MOST_AT_SHOPIFY_COUNT:
            followed.is_open = True
        else:
            _Follower(client, operation, followed).start()
    return followed


def _of(store: Store, states: Iterable[str]) -> QuerySet[BulkOperation]:
    rows = BulkOperation.objects.filter(store=store, state__in=list(states)).order_by("pk")
    return rows.select_related("run__connection__source", "run__connection__destination", "run__connection__catalogue")


class _Follower:
    """One operation on its way."""

    def __init__(self, client: Client, operation: BulkOperation, followed: Followed) -> None:
        self.client, self.operation, self.followed = client, operation, followed
        self.run: CatalogueRun = operation.run
        self.mutation = MUTATIONS[BulkOperation.Kind(operation.kind)]
        self.mine = BulkOperation.objects.filter(pk=operation.pk)
        self._creates = operation.kind == BulkOperation.Kind.CREATE

    # The start

    def start(self) -> None:
        """Have Shopify begin it, if its run still wants that."""
        if is_over(self.operation.created_at, OLD, timezone.now()):
            self.drop(TOO_OLD)  # also of a connection that rests: others may wait for what it was to make
            return
        if self.run.connection.why_inert():
            return  # the sweep comes back to it
        self._leave_out_changed()
        lines = self._number_lines()
        if lines:
            self._send(lines)
        self.followed.is_open = True

    def _leave_out_changed(self) -> None:
        """Who edited a product meanwhile is not overwritten: such a product is compared again, and written singly."""
        of_present = self._open_lines().exclude(compared_at=None)
        compared = dict(of_present.values_list("destination_gid", "compared_at"))
        now = self._instants(list(compared))
        changed = [gid for gid, at in compared.items() if now.get(gid) != at]
        results.give_up(self.operation, self._open_lines().filter(destination_gid__in=changed), CHANGED_THERE)

    def _instants(self, gids: list[str]) -> dict[str, datetime]:
        if len(gids) >= MANY_COUNT:
            try:
                return bulk_heads.read_instants(self.client, gids)
            except REFUSALS as error:
                logger.warning("%s: instants are read by pages, not in bulk: %s", self.client.domain, error)
        return product_heads.read_instants(self.client, gids)

    def _number_lines(self) -> list[BulkLine]:
        """The lines with their numbers, and the intent to start with them, in one transaction."""
        with transaction.atomic():
            self.mine.select_for_update().get()  # nobody withdraws a line from now on
            if self._creates:
                self._leave_out_decided()
            lines = list(self._open_lines().order_by("pk"))
            for number, line in enumerate(lines):
                line.number = number
            if self._creates:
                creating.note_sent(self.run, lines)
            update_rows(lines, ["number"])
            values = {"state": State.STARTING, "started_at": timezone.now()} if lines else self._end(State.DONE)
            self.mine.filter(state=State.GATHERED).update(**values)
        self.operation.refresh_from_db()
        return lines

    def _leave_out_decided(self) -> None:
        why = creating.leave_out(self.run, list(self._open_lines()))
        for reason in set(why.values()):
            gids = [gid for gid, own in why.items() if own == reason]
            results.give_up(self.operation, self._open_lines().filter(source_gid__in=gids), reason)

    def _send(self, lines: list[BulkLine]) -> None:
        variables = (line.variables for line in lines)
        try:
            gid = bulk_writes.start(self.client, self.mutation, self.operation.identifier, variables)
        except TooManyBulkOperations:
            self._put_off(lines)
            return
        except (TransferFailed, UserErrors) as error:
            self._refuse(lines, str(error))
            return
        except ShopifyError as error:
            if error.outcome_unknown:
                return  # it is looked for
            if error.failure == TRANSIENT:
                self._put_off(lines)
                raise
            self._refuse(lines, str(error))
            return
        self.mine.update(state=State.RUNNING, gid=gid)

    def _put_off(self, lines: list[BulkLine]) -> None:
        with transaction.atomic():
            creating.restore_links(self.run, lines)
            self.mine.update(state=State.GATHERED, started_at=None)

    def _refuse(self, lines: list[BulkLine], why: str) -> None:
        """Shopify does not do this in bulk: the run writes singly from now on."""
        with transaction.atomic():
            creating.restore_links(self.run, lines)
            write_singly(self.run, why)
            drop(self.run, self.mine, why)
            self.mine.update(state=State.REFUSED, finished_at=timezone.now())
        self.followed.runs.add(self.run.pk)

    def drop(self, why: str) -> None:
        """Have nothing of it written: its products are compared anew."""
        drop(self.run, self.mine, why)
        self.followed.runs.add(self.run.pk)

    # On its way

    def follow(self) -> None:
        """See what became of it."""
        if self.operation.state == State.STARTING and not self._find():
            return
        try:
            state = bulk.poll(self.client, self.operation.gid)
        except ObjectNotFound:
            self._conclude(State.FAILED, GONE)
            return
        if state.is_under_way:
            self._wait(state)
            return
        url = state.url or state.partial_url
        if url and not self._read(url):
            return
        ended = {"COMPLETED": State.DONE, "CANCELED": State.CANCELLED}.get(state.status, State.FAILED)
        self._conclude(ended, state.error_code or "")

    def _find(self) -> bool:
        """Whether its lost start is found; where it never began, its products are compared anew."""
        found = bulk_writes.find_started(self.client, self.operation.identifier)
        if found is not None:
            self.operation.gid, self.operation.state = found.gid, State.RUNNING
            self.mine.update(state=State.RUNNING, gid=found.gid)
            return True
        started_at = self.operation.started_at
        if started_at is not None and not is_over(started_at, LOOKED_FOR, timezone.now()):
            self._wait(None)
        else:
            self.drop(NEVER_BEGAN)
            if self.run.bulk_operations.filter(message=NEVER_BEGAN).count() >= MOST_STARTS_COUNT:
                with transaction.atomic():
                    write_singly(self.run, NEVER_BEGAN)
        return False

    def _wait(self, state: bulk.BulkState | None) -> None:
        if state is not None:
            self.mine.update(progress=min(state.root_object_count, self.operation.total))
            if not self.run.is_under_way and self.operation.cancel_asked_at is None:
                bulk.cancel(self.client, self.operation.gid)
                self.mine.update(cancel_asked_at=timezone.now())
        since = (timezone.now() - (self.operation.started_at or timezone.now())).total_seconds()
        self.followed.is_open = True
        self.followed.seconds = max(self.followed.seconds, min(since / 10, MOST_SECONDS))

    def _read(self, url: str) -> bool:
        """Whether the result was read to its end, or as far as it can be."""
        attempts = self.operation.attempts + 1
        self.mine.update(attempts=attempts)
        try:
            for portion in portions(bulk_writes.read_results(self.mutation, url)):
                self.followed.edited += results.remember(self.operation, portion)
        except ShopifyError:
            if attempts < MOST_ATTEMPTS:
                self.followed.is_open = True
                return False
        return True

    def _conclude(self, state: str, why: str) -> None:
        with transaction.atomic():
            results.give_up(self.operation, self._open_lines(), "It has no result.")
            self.mine.update(**self._end(state), message=why)
        results.count(self.run)
        self.followed.runs.add(self.run.pk)

    @staticmethod
    def _end(state: str) -> dict[str, object]:
        return {"state": state, "finished_at": timezone.now()}

    def _open_lines(self) -> QuerySet[BulkLine]:
        return self.operation.lines.filter(state=LineState.OPEN)
