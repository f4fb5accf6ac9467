"""How an order looks on the console's pages: its states, both stores' orders, its lines, and what happened later."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from orders import side_by_side
from orders.advice import IDLE, waits_for_carrying, what_to_do
from orders.copies.rules import sums
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from orders.side_by_side import LineBeside, Step
from stores.linking import suggestions
from stores.models import VariantLink
from stores.shopify import gids
from syncing.models import SyncJob
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.reach import within

State, DraftStatus = OrderImport.State, OrderImport.DraftStatus
MOST_LINES, UPDATE_ROWS = 500, 100
TONES: dict[str, str] = {
    State.PLANNED: markup.BUSY,
    State.WAITING: markup.WARN,
    State.SENT: markup.WARN,
    State.CONFIRMED: markup.GOOD,
    State.FAILED: markup.BAD,
}
# Shorter than the states' own names: they stand in a narrow column.
WORDS: dict[str, str] = {
    OrderImport.WaitsFor.PAYMENT: "Waits for payment",
    OrderImport.WaitsFor.LINKS: "Waits for links",
    OrderImport.WaitsFor.REVIEW: "Waits for review",
    State.SENT: "Sent, answer unknown",
}
LATE_WORDS: dict[str, str] = {
    OrderImport.LateLinks.WANTED: "Not linked",
    OrderImport.LateLinks.LINKED: "Linked since",
    OrderImport.LateLinks.ENDED: "Not ours",
}
LATE_TONES: dict[str, str] = {
    OrderImport.LateLinks.WANTED: markup.WARN,
    OrderImport.LateLinks.LINKED: markup.WARN,
}
LINE_TONES: dict[str, str] = {
    OrderImportLine.State.PLANNED: markup.BUSY,
    OrderImportLine.State.CARRIED: markup.GOOD,
    OrderImportLine.State.LEFT_OUT: markup.WARN,
}
UPDATE_TONES: dict[str, str] = {
    OrderUpdate.State.PLANNED: markup.BUSY,
    OrderUpdate.State.SENT: markup.WARN,
    OrderUpdate.State.CONFIRMED: markup.GOOD,
    OrderUpdate.State.FAILED: markup.BAD,
    OrderUpdate.State.NEEDS_SHOP: markup.BAD,
}
ALERTS: dict[str, str] = {
    State.FAILED: markup.BAD,
    State.WAITING: markup.WARN,
    State.SENT: markup.WARN,
    State.SKIPPED: markup.BUSY,
}


def state_pills(row: OrderImport) -> str:
    """The state of an order, and what else is worth a label: partial, and how its draft stands."""
    words = WORDS.get(row.waits_for if row.state == State.WAITING else row.state) or row.get_state_display()
    pills = [
        markup.pill(TONES.get(row.state, markup.QUIET), words, row.get_state_display()),
        markup.pill(markup.WARN, "Partial", "Some lines were left out") if row.is_partial else "",
        markup.pill(LATE_TONES.get(row.late_links, markup.QUIET), LATE_WORDS[row.late_links]) if row.late_links else "",
    ]
    if asked := what_is_asked(row):
        pills.append(markup.pill(markup.BAD, "Needs the shop", asked))
    if row.is_draft and row.state == State.CONFIRMED:
        tone = markup.GOOD if row.draft_status == DraftStatus.COMPLETED else markup.QUIET
        pills.append(markup.pill(tone, f"Draft: {row.get_draft_status_display().lower() or 'open'}"))
    return markup.joined(pills)


def what_is_asked(row: OrderImport) -> str:
    """What of an imported order needs the shop; '' for nothing, and where `with_left_out` did not ask."""
    return getattr(row, "asked", "")


def update_pill(update: OrderUpdate) -> str:
    """The state of a later change."""
    return markup.pill(UPDATE_TONES.get(update.state, markup.QUIET), update.get_state_display())


def original_of(row: OrderImport) -> str:
    """The destination's order: its total, leading to it in Shopify's admin."""
    return _original_link(row, _total(row.original_total, row.original_currency))


def _original_link(row: OrderImport, text: str) -> str:
    return markup.outside(row.connection.destination.page_in_shopify(row.order_gid), text or "Open")


def copy_of(row: OrderImport) -> str:
    """The copy: its name and total, leading to it in Shopify's admin; the order that a completed draft became."""
    if not row.copy_gid:
        return markup.NOTHING
    store = row.connection.source
    shown = markup.outside(store.page_in_shopify(row.copy_gid), row.copy_name or "Open")
    if row.is_draft and row.copy_order_gid:
        shown = markup.joined([shown, markup.outside(store.page_in_shopify(row.copy_order_gid), "its order")], " · ")
    return markup.two_lines(shown, markup.unbroken(_total(row.copy_total, row.copy_currency)))


def order_arrows(row: OrderImport) -> str:
    """Links to the original and to its copy in Shopify's admin, where there is little room."""
    copy_gid = row.copy_order_gid or row.copy_gid
    parts = [in_shopify.arrow(row.connection.destination, row.order_gid, what=row.order_name or "the original")]
    parts += [in_shopify.arrow(row.connection.source, copy_gid, what=row.copy_name or "the copy")] if copy_gid else []
    return markup.joined(parts)


def _total(amount: Any, currency: str) -> str:
    return sums.text(amount, currency) if amount is not None and currency else ""


def orders_with_number(number: int) -> Q:
    """Orders and drafts, originals and copies, that have this number at Shopify."""
    order_gid, draft_gid = gids.gid("Order", number), gids.gid("DraftOrder", number)
    return Q(order_gid=order_gid) | Q(copy_gid__in=[order_gid, draft_gid]) | Q(copy_order_gid=order_gid)


def order_panel(row: OrderImport) -> dict[str, Any]:
    """What stands above an order's page: how it stands, what to do, the original beside its copy, and the steps."""
    lines = list(row.lines.select_related("source_variant__store")[: MOST_LINES + 1])
    beside = side_by_side.compare_rows(row, lines[:MOST_LINES])
    updates = waiting_first(row.updates.all())[: UPDATE_ROWS + 1]
    steps = side_by_side.find_steps(row, updates[:UPDATE_ROWS])
    pages = _pages_of_items(row, lines)
    return {
        "alerts": _alerts(row),
        "reason": row.reason if row.state not in ALERTS else "",
        "state": state_pills(row),
        "advice": advise(row),
        "original": markup.two_lines(
            _original_link(row, row.order_name), _total(row.original_total, row.original_currency)
        ),
        "copy": copy_of(row),
        "exchange": row.exchange_words,
        "source": row.connection.source,
        "destination": row.connection.destination,
        "links_url": markup.list_url(VariantLink, connection=row.connection_id, doubt="open"),
        "others": [_other_copy(other) for other in others_of(row)],
        "has_unlinked": any(
            line.is_doubtful
            or (line.variant_gid and line.source_variant_id is None and line.state != OrderImportLine.State.ELSEWHERE)
            for line in lines
        ),
        "sum": side_by_side.sum_up(row, beside),
        "lines": [_line(each, pages) for each in beside],
        "more_lines": len(lines) > MOST_LINES,
        "waiting": [_step(step) for step in steps if step.waits],
        "done": [_step(step) for step in steps if not step.waits],
        "more_updates": len(updates) > UPDATE_ROWS,
    }


def advise(row: OrderImport) -> str:
    """What somebody should do about an order, its jobs included: what waits for one that failed does not go on."""
    words = what_to_do(row)
    job = _failed_job(row)
    if job is None:
        return words
    failed = f"Its job failed ({job.get_kind_display().lower()}): {job.message} Put that right, then press “Run again” "
    return f"{failed}on that job.{'' if words.startswith(IDLE) else f' {words}'}"


def _failed_job(row: OrderImport) -> SyncJob | None:
    """The last job of those that an order waits for, if it failed."""
    is_to_be_copied = row.state in (State.PLANNED, State.SENT)
    if not is_to_be_copied and not waits_for_carrying(row):
        return None
    kind = SyncJob.Kind.IMPORT_ORDER if is_to_be_copied else SyncJob.Kind.UPDATE_ORDER
    jobs = SyncJob.objects.filter(kind=kind, subject=f"connection {row.connection_id} {row.order_gid}")
    failed = jobs.filter(state=SyncJob.State.FAILED).order_by("-finished_at").first()
    if failed is None or failed.finished_at is None:
        return failed
    later = jobs.filter(state=SyncJob.State.SUCCEEDED, finished_at__gt=failed.finished_at)
    return None if later.exists() else failed


def waiting_first(updates: Iterable[OrderUpdate]) -> list[OrderUpdate]:
    """Later changes with those first that wait for something; the newest of each first."""
    return sorted(updates, key=lambda update: (update.state not in side_by_side.WAITING, -update.pk))


def others_of(row: OrderImport) -> QuerySet[OrderImport]:
    """The same order as other connections of its destination carry it."""
    same = OrderImport.objects.filter(order_gid=row.order_gid, connection__destination=row.connection.destination_id)
    same = within(same)
    return same.exclude(pk=row.pk).select_related("connection__source", "connection__destination").order_by("pk")


def _other_copy(row: OrderImport) -> dict[str, Any]:
    return {
        "source": row.connection.source,
        "page": markup.page_of(row, row.copy_name or row.get_state_display()),
        "copy": copy_of(row),
        "state": state_pills(row),
    }


def _alerts(row: OrderImport) -> list[dict[str, str]]:
    alerts = []
    if row.reason and row.state in ALERTS:
        alerts.append({"tone": ALERTS[row.state], "text": row.reason})
    alerts += [{"tone": markup.WARN, "text": words} for words in row.notes.splitlines()]
    if words := what_is_missing(row):
        alerts.append({"tone": markup.WARN, "text": words})
    return alerts


def what_is_missing(row: OrderImport) -> str:
    """How much of a partial order is not in its copy; '' if all is. Needs `with_left_out`."""
    if not row.is_partial or row.state != State.CONFIRMED:
        return ""
    counted: Any = row
    return f"Lines that are not in the copy: {counted.left_out_count} of {counted.line_count}."


def with_left_out(rows: QuerySet[OrderImport]) -> QuerySet[OrderImport]:
    """Orders with `line_count` and `left_out_count`, counted in the same query; `asked`: what needs the shop, or ''."""
    lines = OrderImportLine.objects.filter(order_import=OuterRef("pk")).order_by().values("order_import")
    left_out = lines.filter(state=OrderImportLine.State.LEFT_OUT)
    asked = OrderUpdate.objects.filter(order_import=OuterRef("pk"), state=OrderUpdate.State.NEEDS_SHOP).order_by("-pk")
    return rows.annotate(
        line_count=Coalesce(Subquery(lines.annotate(n=Count("pk")).values("n")), 0),
        left_out_count=Coalesce(Subquery(left_out.annotate(n=Count("pk")).values("n")), 0),
        asked=Coalesce(Subquery(asked.values("reason")[:1]), Value(""), output_field=TextField()),
    )


def _pages_of_items(row: OrderImport, lines: list[OrderImportLine]) -> dict[int, str]:
    """Source variant -> the page that explains its stock in this connection; of one in doubt, that of its match."""
    wanted = {line.source_variant_id for line in lines} - {None}
    links = VariantLink.objects.filter(connection=row.connection_id, source_variant__in=wanted)
    return {
        variant_id: reverse(
            "admin:stores_variantlink_change" if state in suggestions.OPEN else "admin:syncing_timeline", args=[pk]
        )
        for pk, variant_id, state in links.values_list("pk", "source_variant_id", "state")
    }


def _line(beside: LineBeside, pages: dict[int, str]) -> dict[str, Any]:
    line = beside.line
    partner = line.source_variant and f"{'in doubt: ' if line.is_doubtful else ''}{line.source_variant}"
    url = pages.get(line.source_variant_id) if line.source_variant_id is not None else None
    tone = markup.WARN if beside.differs else LINE_TONES.get(line.state, markup.QUIET)
    return {
        "title": beside.title,
        "partner": markup.anchor(url, partner) if url else partner or "linked to nothing",
        "ordered": _units(beside.ordered),
        "in_original": _units(beside.in_original),
        "in_copy": _units(beside.in_copy),
        "held_back": beside.held_back,
        "state": markup.pill(tone, line.get_state_display()),
        "words": beside.words,
    }


def _units(count: int | None) -> int | str:
    return markup.NOTHING if count is None else count


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": markup.page_of(step.update, step.name) if step.update else step.name,
        "state": markup.pill(UPDATE_TONES.get(step.state, markup.QUIET), step.state_words),
        "words": step.words,
        "at": markup.ago(step.at, markup.NOTHING),
    }
