"""A run at work: item after item, until it is finished, held, paused, cancelled, or has to make room for others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from stores.clients import OpenClient
from stores.linking.linking import MatchProduct
from stores.models import CatalogueSettings, Connection
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.bulk.gathering import Gathering
from syncing.catalogue.content import comparison
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.outcome import Outcome, outcome_of
from syncing.catalogue.products import succession, unlinking
from syncing.catalogue.products.follower import BATCH, ProductFollower
from syncing.catalogue.products.single import choosing, unlinking_of
from syncing.catalogue.products.writes.own_variants import Removals
from syncing.catalogue.refusals import OneRefused, Tries, read_each
from syncing.catalogue.runs import plan, readings
from syncing.catalogue.runs.lists import NotYet
from syncing.catalogue.runs.progress import numbers_of, save_outcome
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.stock import wiring

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
Kind, State = CatalogueRun.Kind, CatalogueRun.State
REJECTED = CatalogueRunItem.Failure.REJECTED


@dataclass
class Work:
    """What came of a stretch of work. `is_over`: the run needs no worker now. `busy`: others have products in hand.

    `is_wired`: stock may have to be carried. `awaiting` are products whose images are not ready: look again soon.
    `has_gathered`: bulk operations wait to be started. `awaits_bulk`: nothing is left but what these bring.
    """

    is_over: bool = False
    is_wired: bool = False
    has_gathered: bool = False
    awaits_bulk: bool = False
    busy: set[str] = field(default_factory=set)
    awaiting: set[str] = field(default_factory=set)


def carry_out(
    run: CatalogueRun, open_client: OpenClient, match: MatchProduct, must_end: Callable[[], bool] = lambda: False
) -> Work:
    """Work at a run, or at a preview, until it is over or `must_end` asks for an end: then call again.

    Raises ShopifyError for what is not about a single thing. Safe to repeat, after an end at any point.
    """
    if run.kind == Kind.CONTENT:
        return Work(is_over=comparison.carry_out(run, open_client, must_end))
    work = Work()
    now = timezone.now()
    if not _mine(run).update(resumed_at=now, resumed_done=run.done, progressed_at=now):
        return Work(is_over=True)
    source, destination = open_client(run.connection.source), open_client(run.connection.destination)
    try:
        left_out = plan.plan(run, source, destination, must_end) if run.cursor != plan.PLANNED else set()
    except NotYet:
        return Work(is_over=not _mine(run).exists())
    if left_out:
        wiring.wire_connection(run.connection)
        work.is_wired = True
    _mine(run).update(state=State.RUNNING)
    if run.begun_with.get("ends") and not comparison.let_go_of_all(run, open_client, must_end):
        return work
    _Worker(run, open_client, match, work, must_end).work()
    return work


def _mine(run: CatalogueRun) -> QuerySet[CatalogueRun]:
    """The run, as long as nobody has paused or ended it."""
    return CatalogueRun.objects.filter(pk=run.pk, state__in=(State.PLANNING, State.RUNNING))


class _Worker:
    """One stretch of work at one run over products."""

    def __init__(
        self,
        run: CatalogueRun,
        open_client: OpenClient,
        match: MatchProduct,
        work: Work,
        must_end: Callable[[], bool],
    ) -> None:
        self.run, self.match, self.report, self.tries = run, match, work, Tries()
        self.connection: Connection = run.connection
        self.source, self.destination = (
            open_client(store) for store in (self.connection.source, self.connection.destination)
        )
        is_open = run.is_preview or run.is_released  # else they are counted before any goes
        self.removals = Removals(self.connection, is_open=is_open, is_counting=not is_open)
        self.bulk, self.must_end = Gathering(run), must_end
        self.readings = readings.readings_of(run, self.source, self.destination, self._upcoming, must_end)
        self.follower = ProductFollower(
            self.connection,
            open_client,
            is_preview=run.is_preview,
            skips_unchanged=run.kind != Kind.RETRY,
            removals=self.removals,
            in_bulk=self.bulk,
            readings=self.readings,
            match=match,
        )

    def work(self) -> None:
        try:
            self._work()
        finally:
            self.report.has_gathered = self.bulk.has_gathered

    def _work(self) -> None:
        # What is gathered waits for its turn at Shopify: until then nothing is decided about what is left, either.
        while self.bulk.may_gather() and (items := self._next() or self._decided() or self._closed()):
            equal = []
            for outcome in self._outcomes(items):
                if outcome.action == Action.EQUAL and not outcome.reason:
                    equal.append(outcome.source_gid)
                else:
                    save_outcome(self.run, outcome)
            self.run.items.filter(source_gid__in=equal).update(
                action=Action.EQUAL, outcome=Result.DONE, finished_at=timezone.now()
            )
            self.report.busy |= self.follower.busy
            self._wire()
            if not self._count():
                self.report.is_over = True  # paused or cancelled by an operator
                return
            if self.must_end():
                return
        if self.bulk.open_lines().exists() or not self.bulk.may_gather():
            self.report.awaits_bulk = not self.report.busy
        elif not self.report.busy:
            self._finish()
            self.report.is_over = True

    def _next(self) -> list[CatalogueRunItem]:
        return list(self._due()[:BATCH])

    def _upcoming(self, count: int) -> list[str]:
        """The products of the source that come next, in order; at most so many."""
        return list(self._due().values_list("source_gid", flat=True)[:count])

    def _due(self) -> QuerySet[CatalogueRunItem]:
        put_off = self.report.busy | self.removals.deferred.keys()
        waiting = self._waiting().exclude(source_gid__in=put_off)
        return waiting.exclude(source_gid__in=self.bulk.open_lines().values("source_gid"))

    def _closed(self) -> list[CatalogueRunItem]:
        """What was gathered, but is too little for a bulk operation."""
        return self._next() if self.bulk.close() else []

    def _decided(self) -> list[CatalogueRunItem]:
        """What waited until it was known how much the run would remove in all."""
        if not self.removals.deferred:
            return []
        if reason := self.removals.decide():
            self._note_hold(reason)
        return self._next()

    def _note_hold(self, reason: str) -> None:
        reasons = dict.fromkeys(filter(None, (self.run.hold_reason, reason)))
        self.run.hold_reason = " ".join(reasons)
        CatalogueRun.objects.filter(pk=self.run.pk).update(hold_reason=self.run.hold_reason)

    def _waiting(self) -> QuerySet[CatalogueRunItem]:
        return self.run.items.filter(outcome=Result.PLANNED, finished_at=None).order_by("pk")

    def _outcomes(self, items: Sequence[CatalogueRunItem]) -> Iterator[Outcome]:
        gids = [item.source_gid for item in items]
        titles = {item.source_gid: item.title for item in items}
        departing: dict[str, tuple[str, str]]
        if self.run.begun_with.get("ends"):
            departing = dict.fromkeys(gids, (unlinking.UnlinkReason.DISCONNECTED, "The connection was ended."))
            records: list[ProductRecord] = []
        else:
            listed, unread = read_each(self.readings[0].products, gids)
            for gid, refused in unread.items():
                yield Outcome(
                    gid, titles[gid], Action.SKIP, Result.FAILED, str(refused), CatalogueRunItem.Failure.REJECTED
                )
            found, gids = {record.gid: record for record in listed}, [gid for gid in gids if gid not in unread]
            self._meet(listed)
            by = choosing(self.connection, self.source)
            departing = {gid: unlinking_of(by, found.get(gid)) for gid in gids}
            departing = {gid: why for gid, why in departing.items() if why[0]}
            records = [record for gid, record in found.items() if gid not in departing]
        yield from self.follower.follow(records)
        for gid, (departure, why) in departing.items():
            if outcome := self._let_go(gid, departure, why, titles[gid]):
                yield outcome
            self.tries.check_store()

    def _meet(self, records: Sequence[ProductRecord]) -> None:
        """What was let go of as deleted may be among these, under another id; and what was changed since matched."""
        if self.run.is_preview:
            return
        must_match = succession.lets_go(self.connection) or succession.has_others(self.connection)
        for gid, was_matched in succession.find_behind(self.connection.source, records).items():
            if was_matched or must_match:
                self.match(self.connection.source, gid)
        self.follower.to_wire |= succession.hand_over(self.connection, self.source, records)

    def _let_go(self, gid: str, departure: str, why: str, title: str) -> Outcome | None:
        link = self.connection.product_links.filter(source_gid=gid).first()
        if link is None or not (link.state in unlinking.FOLLOWING or unlinking.has_to_go(link)):
            if not self.run.is_preview:
                self.follower.to_wire |= unlinking.leave_out(self.connection, {gid: (departure, why, title)})
            return Outcome(gid, title, Action.SKIP, Result.SKIPPED, why)
        if self.run.is_preview:
            action, why = unlinking.planned_action(self.connection.catalogue, link, why)
            return outcome_of(link, action, Result.PLANNED, why)
        try:
            outcome = self.tries.make(
                lambda: unlinking.let_go(self.connection, self.destination, link, self.match, departure, why)
            )
        except Busy:
            self.report.busy.add(gid)
            return None
        except OneRefused as refused:
            action = unlinking.unlinking_action(self.connection.catalogue, link)
            return outcome_of(link, action, Result.FAILED, str(refused), REJECTED)
        self.follower.to_wire.add(gid)
        return outcome

    def _wire(self) -> None:
        self.report.awaiting |= self.follower.awaiting
        if self.follower.to_wire and not self.run.is_preview:
            wiring.wire_connection(self.connection, *self.follower.to_wire)
            self.report.is_wired = True
        self.follower.to_wire, self.follower.awaiting, self.follower.busy = set(), set(), set()

    def _count(self) -> bool:
        """Bring the run's numbers up to date; False if it is no longer ours to work at."""
        return bool(_mine(self.run).update(**numbers_of(self.run), progressed_at=timezone.now()))

    def _finish(self) -> None:
        """Held while something waits for an operator, else finished: under a lock, for webhooks may add to it."""
        if self.run.is_preview and (reason := self.removals.why_counted_held()):
            self._note_hold(reason)
        with transaction.atomic():
            Connection.objects.select_for_update(of=("self",)).get(pk=self.connection.pk)
            is_held = self.run.items.filter(outcome=Result.HELD).exists()
            values = {"state": State.HELD} if is_held else {"state": State.FINISHED, "finished_at": timezone.now()}
            if not _mine(self.run).update(**values, **numbers_of(self.run)):
                return
            if not self.run.is_preview:
                self._note_settings()
            if self.run.requested_by_id is None and not self.run.is_preview:  # nobody reads those of every day
                self.run.items.filter(action=Action.EQUAL, outcome=Result.DONE).delete()

    def _note_settings(self) -> None:
        settings = CatalogueSettings.objects.filter(connection=self.connection)
        begun, now = self.run.begun_with, timezone.now()
        if begun.get("ends"):
            settings.update(started_at=None)
        elif self.run.kind in (Kind.FIRST, Kind.ALL):
            settings.update(priced_with=begun["prices"], synced_with=begun["settings"], products_compared_at=now)
        elif self.run.kind == Kind.PRICES:
            settings.update(priced_with=begun["prices"])
