"""A run's writes become lines of bulk operations, recorded before anything is sent; few of them are written singly."""

import math
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from stores.ages import over
from stores.shopify.products.bulk_writes import encode_line
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.products.product_writes import SYNCHRONOUS_VARIANTS
from syncing.catalogue import twins
from syncing.catalogue.bulk import creating
from syncing.catalogue.bulk.lines import CREATE, creation_of, line_of
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.products.cases import Case, Written
from syncing.catalogue.products.finishing import ending_of
from syncing.catalogue.products.writes.in_bulk import InBulk
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.parts.made import Desired
from syncing.catalogue.runs.progress import save_outcomes
from syncing.models import BulkLine, BulkOperation, CatalogueRun

State = BulkOperation.State
# Lines of one operation: what was compared should be written soon after, and Shopify is at five operations at a time;
# so a large run is shared among as many.
SOME_LINES, MOST_LINES = 1000, 10_000
LONGEST = timedelta(minutes=5)  # and what is gathered for so long is started, once it is enough
MOST_BYTES = 20_000_000  # Shopify takes 100 MB (shopify.md 5)
MOST_AT_SHOPIFY_COUNT = 5  # of one store, since 2026-01 (shopify.md 5)
OFF = "bulk_off"  # in CatalogueRun.begun_with: why this run writes singly, in words
TOO_FEW = "They are too few for a bulk operation: they are written one by one."


class Gathering(InBulk):
    """What one run gathers. `has_gathered`: an operation waits to be started."""

    def __init__(self, run: CatalogueRun) -> None:
        self.run, self.has_gathered = run, False
        least = settings.BULK_WRITES_FROM
        is_large = least > 0 and run.items.filter(outcome="planned").count() >= least
        self._creatable, self._taken = set[str](), list[tuple[Case, BulkLine]]()
        self._is_on = not run.is_preview and OFF not in run.begun_with and (is_large or self._has_lines())

    def _has_lines(self) -> bool:
        return self.run.bulk_lines.exists()

    def open_lines(self) -> QuerySet[BulkLine]:
        """What is about to be written, or may have been."""
        return self.run.bulk_lines.filter(state=BulkLine.State.OPEN)

    def may_gather(self) -> bool:
        """Whether the store can start more soon: what is gathered long before grows old. True where nothing is."""
        if not self._is_on:
            return True
        busy = BulkOperation.objects.filter(store=self.run.connection.destination_id)
        return busy.filter(state__in=(State.GATHERED, *BulkOperation.AT_SHOPIFY)).count() < MOST_AT_SHOPIFY_COUNT

    def gather(self, row: Written, partner: ProductRecord, define: Callable[[Desired], None]) -> bool:
        """As InBulk.gather. Raises as Client.execute does."""
        line = line_of(partner.gid, row.verdict.desired) if self._is_on else None
        if line is None or row.verdict.reason or row.retry_at or row.case.link.destination_gid != partner.gid:
            return False
        if self._was_a_line(row.case, line.kind):
            return False
        define(row.verdict.desired)
        ending = ending_of(row) | {"is_hidden": row.verdict.desired.is_hidden} if line.is_whole else {}
        gids = {"source_gid": row.case.record.gid, "destination_gid": partner.gid}
        compared = {"compared_at": partner.updated_at, "variables": line.variables, "ending": ending}
        return self._add([BulkLine(kind=line.kind, **gids, **compared)])

    def creatable(self, cases: Sequence[Case]) -> set[str]:
        """As InBulk.creatable: not what was refused as a line, whose result was lost, or that was looked at again."""
        self._taken = []
        rest = [] if not self._is_on else [case for case in cases if not (case.partners or case.link.destination_gid)]
        new = {case.record.gid for case in rest if len(case.record.variants) <= SYNCHRONOUS_VARIANTS}
        before = self.run.bulk_lines.filter(source_gid__in=new, kind=CREATE) if new else self.run.bulk_lines.none()
        self._creatable = new - set(before.values_list("source_gid", flat=True))
        return self._creatable

    def create(self, case: Case, desired: Desired, define: Callable[[Desired], None]) -> bool:
        """As InBulk.create. Raises as Client.execute does."""
        sent = creation_of(desired) if case.record.gid in self._creatable else None
        if sent is None or case.linked or case.link.destination_gid:
            return False
        define(desired)
        ending = creating.ending_of(case, desired)
        line = BulkLine(kind=CREATE, source_gid=case.record.gid, variables=sent, ending=ending)
        self._taken.append((case, line))
        return True

    def record(self) -> set[str]:
        """As InBulk.record: none that would be another's twin, and none where the run was paused or cancelled."""
        taken, self._taken = self._taken, []
        if not taken:
            return set()
        with transaction.atomic():
            wanted = [(case, creating.handle_of(line)) for case, line in taken]
            free = twins.all_met(self.run.connection, wanted)
            lines = [line for case, line in taken if case in free]
            is_added = bool(lines) and self._add(lines)
        added = {line.source_gid for line in lines} if is_added else set()
        return {case.record.gid for case, _ in taken} - added

    def note(self, outcomes: Sequence[Outcome]) -> bool:
        """As InBulk.note."""
        save_outcomes(self.run, outcomes)
        return True

    def made(self, cases: Sequence[Case], policy: Policy) -> dict[str, tuple[str, Desired]]:
        """As InBulk.made."""
        return creating.made(self.run.connection, cases, policy) if self._has_lines() else {}

    def _was_a_line(self, case: Case, kind: str) -> bool:
        """Whether it was refused, its result was lost, or it was looked at again."""
        return self.run.bulk_lines.filter(source_gid=case.record.gid, kind=kind).exists()

    def _add(self, lines: Sequence[BulkLine]) -> bool:
        is_added, is_full = add(self.run, lines[0].kind, lines)
        self.has_gathered |= is_full
        return is_added

    def close(self) -> bool:
        """Nothing more comes for now: have what was gathered started, or, if it is too little, written singly.

        Whether there is something to be written singly.
        """
        gathering = self.run.bulk_operations.filter(state=State.GATHERING)
        if self.run.bulk_lines.count() >= settings.BULK_WRITES_FROM > 0:
            self.has_gathered |= bool(gathering.update(state=State.GATHERED))
            return False
        self._is_on = False
        return bool(drop(self.run, gathering, TOO_FEW, for_good=True))


def add(run: CatalogueRun, kind: str, lines: Sequence[BulkLine]) -> tuple[bool, bool]:
    """Record lines of one kind in what a run gathers: whether they are, and whether it is enough to be started.

    They are not where it was dropped at this very moment: its run was paused or cancelled.
    """
    size = sum(len(encode_line(line.variables)) for line in lines)
    with transaction.atomic():
        operation, _ = BulkOperation.objects.get_or_create(
            run=run,
            kind=kind,
            state=State.GATHERING,
            defaults={"store_id": run.connection.destination_id, "identifier": uuid.uuid4().hex},
        )
        mine = BulkOperation.objects.filter(pk=operation.pk, state=State.GATHERING)
        if not mine.update(total=F("total") + len(lines), size=F("size") + size):
            return False, False
        for line in lines:
            line.operation, line.run, line.connection = operation, run, run.connection
        BulkLine.objects.bulk_create(lines)
        is_full = Q(total__gte=_enough_lines(run)) | Q(size__gte=MOST_BYTES)
        is_full |= over("created_at", LONGEST, timezone.now()) & Q(total__gte=settings.BULK_WRITES_FROM)
        return True, bool(mine.filter(is_full).update(state=State.GATHERED))


def _enough_lines(run: CatalogueRun) -> int:
    return min(MOST_LINES, max(SOME_LINES, math.ceil(run.total / MOST_AT_SHOPIFY_COUNT)))


def drop(run: CatalogueRun, operations: QuerySet[BulkOperation], why: str, *, for_good: bool = False) -> int:
    """Forget lines of which Shopify knows nothing: their products are compared anew. Returns how many they were.

    `for_good`: this run gathers no more.
    """
    with transaction.atomic():
        lines = BulkLine.objects.filter(operation__in=list(operations.select_for_update()), state=BulkLine.State.OPEN)
        count: int = lines.delete()[0]
        operations.update(state=State.DROPPED, total=F("done") + F("failed"), message=why)
        if for_good and count:
            write_singly(run, why)
    return count


def write_singly(run: CatalogueRun, why: str) -> None:
    """Have a run write the rest singly."""
    row = CatalogueRun.objects.select_for_update().get(pk=run.pk)
    run.begun_with = row.begun_with | {OFF: why}
    CatalogueRun.objects.filter(pk=run.pk).update(begun_with=run.begun_with)
