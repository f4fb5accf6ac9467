"""Which orders have work to do now: found in the rows, so that a lost webhook or a dead worker is made up for."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from orders import intake
from orders.changes import signs
from orders.copies.draft_copy import RESERVATION_MARGIN
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.models import Connection, CurrencyRate, Strategy, VariantLink
from stores.shopify import errors

State = OrderImport.State
SOON = timedelta(minutes=90)  # our clock may be set back by an hour between two answers of a store


def unfinished(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    """Imports of these connections that can go on now, without an operator and without the original's payment."""
    due = Q(state__in=(State.PLANNED, State.SENT)) | _linked_since() | _payable() | _rate_entered()
    due |= _review_over()
    due |= Q(state=State.CONFIRMED, place__in=(OrderImport.Place.WANTED, OrderImport.Place.SENT))
    return _of(connection_ids).filter(due | _doubt_ended() | _well_again() | _reservation_ends())


def under_way(connection_id: int) -> list[OrderImport]:
    """Imports that are being made, or looked for after a lost answer, with nothing known to stand in their way."""
    rows = _of([connection_id]).filter(state__in=(State.PLANNED, State.SENT), failure="")
    return list(rows.select_related("connection"))


def linked_since(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    """Imports that waited for a link which is there now."""
    return _of(connection_ids).filter(_linked_since())


def linked_late(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    """Orders of the last 60 days that were skipped or copied in part for want of a link which is there now.

    Where several sources carry a destination, the link may be to another one than that which missed it.
    """
    lately = OrderImport.objects.filter(
        late_links=OrderImport.LateLinks.WANTED, placed_at__gt=timezone.now() - intake.OLDEST
    )
    same = lately.filter(order_gid=OuterRef("order_gid"), connection__destination=OuterRef("connection__destination"))
    wanted = _of(connection_ids).filter(
        Exists(same),
        order_gid__in=lately.values("order_gid"),  # few of many
        state__in=(State.SKIPPED, State.CONFIRMED),
        late_links__in=(OrderImport.LateLinks.WANTED, ""),
    )
    return wanted.filter(Exists(_unlinked_lines().filter(Exists(_link_of_line()))))


def open_drafts(connection_id: int) -> QuerySet[OrderImport]:
    """Drafts whose fate in the source is open: nobody has completed or deleted them as far as we know."""
    ended = (OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED)
    return _of([connection_id]).filter(state=State.CONFIRMED, is_draft=True).exclude(draft_status__in=ended)


def unfinished_updates(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    """Copies with a later change that was not carried yet, or a sign of life that nobody has looked at."""
    waiting = OrderUpdate.objects.filter(
        order_import=OuterRef("pk"), state__in=(OrderUpdate.State.PLANNED, OrderUpdate.State.SENT)
    )
    rows = _of(connection_ids).exclude(state__in=OrderImport.UNFINISHED)
    return rows.filter(Exists(waiting) | Q(state=State.CONFIRMED) & signs.UNSEEN)


def left_over(connection: Connection) -> int:
    """How many orders are under way that were noted under another strategy than the connection's."""
    rows = _of([connection.pk])
    if connection.carries_orders:
        rows = rows.exclude(is_draft=connection.strategy == Strategy.DRAFT_ORDER)
    waiting = OrderUpdate.objects.filter(
        order_import=OuterRef("pk"), state__in=(OrderUpdate.State.PLANNED, OrderUpdate.State.SENT)
    )
    ended = (OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED)
    is_open_draft = Q(state=State.CONFIRMED, is_draft=True) & ~Q(draft_status__in=ended)
    return rows.filter(Q(state__in=OrderImport.UNFINISHED) | is_open_draft | Exists(waiting)).count()


def report_left_over(connection: Connection) -> str:
    """How many orders end under the strategy that they were noted under, in words; '' if none."""
    if not (count := left_over(connection)):
        return ""
    orders = "1 order is" if count == 1 else f"{count} orders are"
    return (
        f"{orders} still under way from before the change of strategy: each is imported, followed and ended as it was "
        "begun, and its units are counted once. Orders placed from now on follow the new strategy."
    )


def untold(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    """Imports of which nobody has decided yet whether a mail tells of them (orders.notices.decide)."""
    failed = Q(state=State.FAILED) | Q(state__in=(State.SENT, State.SKIPPED)) & ~Q(failure="")
    failed |= Q(state=State.SKIPPED, late_links=OrderImport.LateLinks.LINKED)
    needs_shop = OrderUpdate.objects.filter(
        order_import=OuterRef("pk"), state=OrderUpdate.State.NEEDS_SHOP, is_noticed=False
    )
    return _of(connection_ids).filter(
        Q(state=State.CONFIRMED, noticed_as__in=("", "failed"))
        | failed & ~Q(noticed_as="failed")
        | Q(state=State.CONFIRMED) & Q(Exists(needs_shop))
    )


def _of(connection_ids: Collection[int]) -> QuerySet[OrderImport]:
    return OrderImport.objects.filter(connection__in=connection_ids).order_by("pk")


def _linked_since() -> Q:
    linked = _unlinked_lines().filter(Exists(_link_of_line()))
    return Q(state=State.WAITING, waits_for=OrderImport.WaitsFor.LINKS) & Q(Exists(linked))


def _link_of_line() -> QuerySet[VariantLink]:
    return VariantLink.objects.filter(
        connection=OuterRef("order_import__connection"),
        state=VariantLink.State.LINKED,
        left_out="",
        destination_variant__gid=OuterRef("variant_gid"),
    )


def _unlinked_lines() -> QuerySet[OrderImportLine]:
    """Lines that were not linked when their order was last mapped."""
    lines = OrderImportLine.objects.filter(
        Q(source_variant=None) | Q(is_doubtful=True),
        order_import=OuterRef("pk"),
        state__in=(OrderImportLine.State.PLANNED, OrderImportLine.State.LEFT_OUT),
        quantity__gt=0,
    )
    return lines.exclude(variant_gid="")


def _doubt_ended() -> Q:
    """What waited because a link was in doubt that is in doubt no longer: it goes on without it."""
    links = VariantLink.objects.filter(
        Q(suggested_variant__gid=OuterRef("variant_gid")) | Q(candidates__gid=OuterRef("variant_gid")),
        connection=OuterRef("order_import__connection"),
        state__in=(VariantLink.State.UNMATCHED, VariantLink.State.AMBIGUOUS),
    )
    lines = OrderImportLine.objects.filter(order_import=OuterRef("pk"), is_doubtful=True).filter(~Exists(links))
    return Q(state=State.WAITING, waits_for=OrderImport.WaitsFor.LINKS) & Q(Exists(lines))


def _payable() -> Q:
    """The operator decided meanwhile that orders need not be paid."""
    return Q(
        state=State.WAITING,
        waits_for=OrderImport.WaitsFor.PAYMENT,
        connection__order_settings__when=OrderSettings.When.CREATED,
    )


def _review_over() -> Q:
    """Somebody said that it is to be copied, orders are not reviewed any longer, or the hours are over."""
    hours = F("connection__order_settings__review_hours") * Value(timedelta(hours=1), DurationField())
    ends_at = ExpressionWrapper(F("placed_at") + hours, output_field=DateTimeField())
    is_over = Q(is_reviewed=True) | ~Q(connection__order_settings__when=OrderSettings.When.REVIEW)
    is_over |= Q(placed_at__isnull=False, connection__order_settings__review_hours__isnull=False) & Q(
        LessThanOrEqual(ends_at, _time_of("destination", timedelta(0)))
    )
    return Q(state=State.WAITING, waits_for=OrderImport.WaitsFor.REVIEW) & is_over


def _rate_entered() -> Q:
    """What failed for want of a currency rate that stands in the rate table by now."""
    source, original = OuterRef("connection__source__currency"), OuterRef("original_currency")
    either = Q(base=source, quote=original) | Q(base=original, quote=source)
    entered = CurrencyRate.objects.filter(either, created_at__gt=OuterRef("changed_at"))
    return Q(state=State.FAILED, failure=errors.MISCONFIGURED) & Q(Exists(entered))


def _well_again() -> Q:
    """What failed because a store was frozen or locked, a scope or a setting was missing: it may be well by now.

    The oldest of a connection is tried again and again, with the sweep's pause between; all, once a copy was made.
    """
    failed = Q(state=State.FAILED, failure=errors.MISCONFIGURED)
    oldest = OrderImport.objects.filter(failed).order_by("connection_id", "pk").distinct("connection_id").values("pk")
    copied = OrderImport.objects.filter(connection=OuterRef("connection"), confirmed_at__gt=OuterRef("changed_at"))
    return failed & (Q(pk__in=oldest) | Q(Exists(copied)))


def _reservation_ends() -> Q:
    """Drafts whose reservation ends within its margin, by the source's clock as far as it is known; and its next one.

    That next one is read every minute from SOON on, whatever our clock says: the answer tells what time it is there.
    """
    open_ones = OrderImport.objects.filter(_reserves())
    soonest = open_ones.filter(reserved_until__lte=_source_time(SOON)).order_by(
        "connection__source_id", "reserved_until", "pk"
    )
    next_ones = soonest.distinct("connection__source_id").values("pk")
    return _reserves() & (Q(reserved_until__lte=_source_time(RESERVATION_MARGIN)) | Q(pk__in=next_ones))


def _reserves() -> Q:
    """Drafts in which Shopify reserves units that we do not hold back."""
    loose = OrderImportLine.objects.filter(
        order_import=OuterRef("pk"), is_pending=False, state=OrderImportLine.State.CARRIED
    ).exclude(source_variant=None)
    is_open = ~Q(draft_status__in=(OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED))
    is_reserved = Q(state=State.CONFIRMED, is_draft=True, reserved_until__isnull=False)
    return is_reserved & is_open & Q(Exists(loose))


def _source_time(ahead: timedelta) -> Greatest:
    return _time_of("source", ahead)


def _time_of(side: str, ahead: timedelta) -> Greatest:
    """A store's clock `ahead` from now: ours, corrected by their difference, but not before its last answer."""
    ours = Value(timezone.now() + ahead, DateTimeField()) - F(f"connection__{side}__clock_difference")
    theirs = F(f"connection__{side}__answered_at") + Value(ahead, DurationField())
    return Greatest(*(ExpressionWrapper(each, output_field=DateTimeField()) for each in (ours, theirs)))
