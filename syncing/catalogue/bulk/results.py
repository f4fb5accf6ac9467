"""What Shopify says of lines, remembered as if each had been a call by itself."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from stores.models import ProductLink
from stores.shared.many import update_rows
from stores.shopify.products.bulk_writes import LineResult
from syncing.catalogue.bulk import creating, gathering
from syncing.catalogue.products.finishing import Ended, end_each, verdict_of
from syncing.catalogue.runs.progress import numbers_of, save_outcomes
from syncing.models import BulkLine, BulkOperation, CatalogueRun

State = BulkLine.State
ECHO_SECONDS = timedelta(seconds=5)  # between the instant of a write and the one that its webhook tells


def remember(operation: BulkOperation, listed: Sequence[LineResult]) -> list[ProductLink]:
    """Take these results down. Returns links of products that somebody changed after they were written.

    Each line is taken down once, whatever is repeated; lines that the operation does not have are ignored.
    """
    edited: list[ProductLink] = []
    with transaction.atomic():
        creates = operation.kind == BulkOperation.Kind.CREATE
        found = creating.pairs(operation, listed) if creates else _pairs(operation, listed)
        links = _links_of(operation.run, [line for line, _ in found])
        if creates:
            each = (creating.remember(line, result, links, operation.run) for line, result in found)
            edited = [link for link in each if link]
        else:
            edited = _note_each(operation.run, found, links)
        lines = [line for line, _ in found]
        update_rows(lines, ["state", "reason", "destination_gid"])
        done = sum(line.state == State.DONE for line in lines)
        BulkOperation.objects.filter(pk=operation.pk).update(
            done=F("done") + done, failed=F("failed") + len(lines) - done
        )
        if creates:
            creating.note_made(operation.run, lines, links)
            _gather_publications(operation.run, lines)
    count(operation.run)
    return edited


def _gather_publications(run: CatalogueRun, made: Sequence[BulkLine]) -> None:
    """Have what was made put on its channels in bulk, too, if its run still works so."""
    now = CatalogueRun.objects.get(pk=run.pk)
    lines = creating.publication_lines(made)
    if lines and gathering.OFF not in now.begun_with and now.state == CatalogueRun.State.RUNNING:
        gathering.add(run, BulkOperation.Kind.PUBLISH, lines)


def _pairs(operation: BulkOperation, listed: Sequence[LineResult]) -> list[tuple[BulkLine, LineResult]]:
    """Each line with its result: by its number, and by the product that the result shows, if it shows one.

    Whether Shopify counts from 0 or from 1 is open (shopify.md 5); an operation has one line for each product. Locks
    the lines.
    """
    numbers, gids = [row.number for row in listed], [row.product_gid for row in listed if row.product_gid]
    rows = operation.lines.filter(Q(number__in=numbers) | Q(destination_gid__in=gids), state=State.OPEN)
    lines = list(rows.select_related("operation").select_for_update(of=("self",)).order_by("pk"))
    by_number = {line.number: line for line in lines}
    by_gid = {line.destination_gid: line for line in lines}
    pairs: dict[int, tuple[BulkLine, LineResult]] = {}
    for result in listed:
        line = by_gid.get(result.product_gid) if result.product_gid else by_number.get(result.number)
        if line is not None and abs((line.number or 0) - result.number) <= 1:
            pairs.setdefault(line.pk, (line, result))
    return list(pairs.values())


def _links_of(run: CatalogueRun, lines: Sequence[BulkLine]) -> dict[str, ProductLink]:
    gids = [line.source_gid for line in lines]
    rows = ProductLink.objects.filter(connection=run.connection_id, source_gid__in=gids)
    return {link.source_gid: link for link in rows.select_related("connection__catalogue", "destination")}


def _note_each(
    run: CatalogueRun, found: Sequence[tuple[BulkLine, LineResult]], links: dict[str, ProductLink]
) -> list[ProductLink]:
    """What became of these lines; the links of those whose products somebody changed since."""
    ended: dict[int, Ended] = {}
    for line, result in found:
        line.state, line.reason = (State.REFUSED, result.refusal) if result.refusal else (State.DONE, "")
        link = links.get(line.source_gid)
        if result.refusal or not line.ending or link is None or not _is_as_it_was(link, line):
            continue  # its run goes on with it
        at = result.at or line.operation.started_at  # too early costs a look at our own write, too late hides an edit
        ended[line.pk] = Ended(link, line.ending, verdict_of(line.ending["is_hidden"]), at)
    outcomes, blocked = end_each(run.connection, list(ended.values()))
    save_outcomes(run, outcomes)
    noted = [(line, ended[line.pk].link) for line, _ in found if line.pk in ended]
    edited = [link for line, link in noted if link.pk not in blocked and _is_edited(link, line)]
    ProductLink.objects.filter(pk__in=[link.pk for link in edited]).update(fingerprint="")
    return edited


def _is_edited(link: ProductLink, line: BulkLine) -> bool:
    """Whether a webhook told of an instant after the one of our own write."""
    if not (link.synced_at and line.changed_there_at):
        return False
    return line.changed_there_at > link.synced_at + ECHO_SECONDS


def _is_as_it_was(link: ProductLink, line: BulkLine) -> bool:
    """Whether nothing was decided about the product since its line was recorded."""
    return link.state == ProductLink.State.LINKED and link.destination_gid == line.destination_gid


def give_up(operation: BulkOperation, lines: QuerySet[BulkLine], why: str) -> None:
    """Leave lines to their run, which looks at each product by itself."""
    with transaction.atomic():
        number = lines.update(state=State.UNKNOWN, reason=why)
        BulkOperation.objects.filter(pk=operation.pk).update(failed=F("failed") + number)


def count(run: CatalogueRun) -> None:
    """Bring a run's numbers up to date."""
    CatalogueRun.objects.filter(pk=run.pk).update(**numbers_of(run), progressed_at=timezone.now())
