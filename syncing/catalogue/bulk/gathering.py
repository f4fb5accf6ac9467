"""A run's writes become lines of bulk operations, recorded before anything is sent; few of them are written singly."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from stores.ages import over
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.bulk.lines import Line, line_of
from syncing.catalogue.products.cases import Written
from syncing.catalogue.products.finishing import ending_of
from syncing.catalogue.rules.parts.made import Desired
from syncing.models import BulkLine, BulkOperation, CatalogueRun

State = BulkOperation.State
MOST_LINES = 1000  # of one operation: what was compared should be written soon after
LONGEST = timedelta(minutes=5)  # and what is gathered for so long is started, once it is enough
MOST_BYTES = 20_000_000  # Shopify takes 100 MB (shopify.md 5)
MOST_AT_SHOPIFY_COUNT = 5  # of one store, since 2026-01 (shopify.md 5)
OFF = "bulk_off"  # in CatalogueRun.begun_with: why this run writes singly, in words
TOO_FEW = "They are too few for a bulk operation: they are written one by one."


class Gathering:
    """What one run gathers. `has_gathered`: an operation waits to be started."""

    def __init__(self, run: CatalogueRun) -> None:
        self.run, self.has_gathered = run, False
        least = settings.BULK_WRITES_FROM
        is_large = least > 0 and run.items.filter(outcome="planned").count() >= least
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
        """Record what is to be written to a product as a line; False where it is to be written singly.

        `define` makes what must be there before. Raises as Client.execute does.
        """
        line = line_of(partner.gid, row.verdict.desired) if self._is_on else None
        if line is None or row.verdict.reason or row.retry_at or row.case.link.destination_gid != partner.gid:
            return False
        if self.run.bulk_lines.filter(source_gid=row.case.record.gid, kind=line.kind).exists():
            return False  # it was refused, or its result was lost
        define(row.verdict.desired)
        return self._record(row, partner, line)

    def _record(self, row: Written, partner: ProductRecord, line: Line) -> bool:
        ending = ending_of(row) | {"is_hidden": row.verdict.desired.is_hidden} if line.is_whole else {}
        size = len(json.dumps(line.variables)) + 1
        with transaction.atomic():
            operation, _ = BulkOperation.objects.get_or_create(
                run=self.run,
                kind=line.kind,
                state=State.GATHERING,
                defaults={"store_id": self.run.connection.destination_id, "identifier": uuid.uuid4().hex},
            )
            mine = BulkOperation.objects.filter(pk=operation.pk, state=State.GATHERING)
            if not mine.update(total=F("total") + 1, size=F("size") + size):
                return False  # dropped at this very moment: its run was paused or cancelled
            BulkLine.objects.create(
                operation=operation,
                run=self.run,
                connection=self.run.connection,
                kind=line.kind,
                source_gid=row.case.record.gid,
                destination_gid=partner.gid,
                compared_at=partner.updated_at,
                variables=line.variables,
                ending=ending,
            )
            is_full = Q(total__gte=MOST_LINES) | Q(size__gte=MOST_BYTES)
            is_full |= over("created_at", LONGEST, timezone.now()) & Q(total__gte=settings.BULK_WRITES_FROM)
            self.has_gathered |= bool(mine.filter(is_full).update(state=State.GATHERED))
        return True

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
