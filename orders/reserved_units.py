"""The lines of an order that is being copied, and which of their units are held back.

Held back means: sold in a destination and not yet taken from the source, so no destination is offered them
(syncing.stock.pairs subtracts them). Each function returns the source variants of which that changed; the caller tells
`MoveUnits` of them in the same transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from orders.carriers import find_carriers
from orders.copies.rules.lines import GIFT_CARD
from orders.models import OrderImport, OrderImportLine, OrderSplit
from stores.models import Connection, VariantLink


@dataclass(frozen=True, slots=True)
class Returned:
    """Units that an original does not hold any more: source variant -> units. The destination may have them back.

    Below 0: what it holds besides, and the destination has sold.
    """

    connection_id: int
    units: dict[int, int]


class MoveUnits(Protocol):
    """Told which source variants' held back units changed, inside the transaction that changed them.

    The instant is Shopify's, given where the source's own stock gave the units (syncing.stock.reserved_units).
    """

    def __call__(
        self, source_variant_ids: Collection[int], moved_at: datetime | None, returned: Returned | None = None
    ) -> None: ...


Line = OrderImportLine
NOTED = (
    *("variant_gid", "title", "quantity", "source_variant", "state", "reason", "is_pending", "is_doubtful"),
    "owed_quantity",
)


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of an order: `quantity` is what is left of it, `variant_gid` is empty for a custom line."""

    gid: str
    variant_gid: str
    title: str
    quantity: int
    is_gift_card: bool = False


def note_lines(order_import: OrderImport, lines: Sequence[SeenLine]) -> set[int]:
    """Have the rows be these lines, by today's links, with the units of the linked ones held back."""
    variant_gids = [line.variant_gid for line in lines]
    partners = source_variants(order_import.connection_id, variant_gids)
    doubts = variants_in_doubt(order_import.connection_id, set(variant_gids) - set(partners))
    known = {line.line_gid: line for line in order_import.lines.all()}
    before, as_they_were = count_reserved(known.values()), {line.pk: _values(line) for line in known.values()}
    rows = [_noted(known.pop(line.gid, None), order_import, line, partners, doubts) for line in lines]
    # Mostly nothing has changed since the webhook.
    changed = [row for row in rows if row.pk is not None and as_they_were[row.pk] != _values(row)]
    Line.objects.bulk_update(changed, NOTED)
    Line.objects.bulk_create([row for row in rows if row.pk is None])
    if known:
        Line.objects.filter(pk__in=[line.pk for line in known.values()]).delete()
    return find_changed(before, count_reserved(rows))


def _values(line: Line) -> tuple:
    return tuple(getattr(line, field.attname) for field in Line._meta.concrete_fields if field.name in NOTED)


def _noted(
    row: Line | None,
    order_import: OrderImport,
    line: SeenLine,
    partners: dict[str, tuple[int, str]],
    doubts: dict[str, int],
) -> OrderImportLine:
    row = row or Line(order_import=order_import, line_gid=line.gid, ordered_quantity=line.quantity)
    row.variant_gid, row.title, row.quantity = line.variant_gid, line.title[:255], line.quantity
    row.is_doubtful = line.variant_gid in doubts
    row.source_variant_id = doubts.get(line.variant_gid) or partners.get(line.variant_gid, (None, ""))[0]
    row.state, row.reason = Line.State.PLANNED, ""
    row.is_pending = row.source_variant_id is not None and row.quantity > 0
    row.owed_quantity = 0  # all that it holds is to be in the copy, and is held back until then
    return row


def keep_found(order_import: OrderImport, *, has_custom: bool) -> None:
    """Write down what is in a copy that an older database does not know of: what is linked now, as far as we know."""
    planned = order_import.lines.filter(state=Line.State.PLANNED)
    variants = list(order_import.lines.values_list("variant_gid", flat=True))
    elsewhere = carried_by_others(order_import, variants, with_ended=True)
    planned.filter(source_variant=None, variant_gid__in=elsewhere).update(state=Line.State.ELSEWHERE)
    planned.filter(source_variant__isnull=False).update(state=Line.State.CARRIED)
    planned.filter(source_variant=None).update(state=Line.State.CUSTOM if has_custom else Line.State.LEFT_OUT)


def add_lines(
    order_import: OrderImport, lines: Sequence[SeenLine], *, has_custom: bool, left_out: str
) -> list[OrderImportLine]:
    """Rows for lines that a copied order has gained since, with all their units owed; call it with the order locked.

    What is not linked becomes a custom line of the copy, or is left out for the reason given, unless another source's
    copy has it. A gift card is never in a copy, or there would be two. An order whose baselines nobody knows gets none
    for these either: somebody may have added them to the copy by hand long ago.
    """
    partners = source_variants(order_import.connection_id, [line.variant_gid for line in lines])
    elsewhere = carried_by_others(order_import, [line.variant_gid for line in lines])
    is_main = _is_main(order_import)
    unknown = order_import.lines.filter(state__in=(Line.State.CARRIED, Line.State.CUSTOM), original_baseline=None)
    baseline = None if unknown.exists() else 0
    rows = []
    for line in lines:
        partner = partners.get(line.variant_gid, (None, ""))[0]
        state = Line.State.PLANNED
        if partner is None and (line.variant_gid in elsewhere or not is_main):
            state = Line.State.ELSEWHERE
        elif line.is_gift_card or partner is None and not has_custom:
            state = Line.State.LEFT_OUT
        why = GIFT_CARD if line.is_gift_card else left_out
        rows.append(_added(order_import, line, partner, state, why, baseline))
    Line.objects.bulk_create(rows)
    if any(row.state == Line.State.LEFT_OUT for row in rows):
        OrderImport.objects.filter(pk=order_import.pk).update(is_partial=True)
    if any(row.state == Line.State.LEFT_OUT and row.variant_gid and row.reason != GIFT_CARD for row in rows):
        unnoted = OrderImport.objects.filter(pk=order_import.pk, late_links="")
        unnoted.update(late_links=OrderImport.LateLinks.WANTED)
    return list(order_import.lines.select_related("source_variant").filter(line_gid__in=[line.gid for line in lines]))


def _added(
    order_import: OrderImport, line: SeenLine, partner: int | None, state: str, left_out: str, baseline: int | None
) -> OrderImportLine:
    """A row in this state for a line that an order has gained; `partner` is the source variant that it is linked to."""
    is_left_out = state == Line.State.LEFT_OUT
    return Line(
        order_import=order_import,
        line_gid=line.gid,
        variant_gid=line.variant_gid,
        title=line.title[:255],
        source_variant_id=partner,
        ordered_quantity=line.quantity,
        quantity=line.quantity if is_left_out else 0,
        state=state,
        reason=left_out[:255] if is_left_out else "",
        original_baseline=baseline if state == Line.State.PLANNED else None,
        copy_baseline=baseline if state == Line.State.PLANNED else None,
        original_quantity=line.quantity,
        copy_quantity=0,
        owed_quantity=0 if partner is None or is_left_out else line.quantity,
    )


def carried_by_others(row: OrderImport, variant_gids: Collection[str], *, with_ended: bool = False) -> set[str]:
    """Those of these variants of the destination that other connections carry, whether or not those know of the order
    yet; `with_ended`: or carried once."""
    place = row.connection.destination_id
    others = {each.pk for each in find_carriers(place, row.order_gid, row.placed_at)}
    if with_ended:
        noted = OrderImport.objects.filter(order_gid=row.order_gid, connection__destination=place)
        others |= set(noted.values_list("connection", flat=True))
    wanted = [gid for gid in variant_gids if gid]
    found = [source_variants(pk, wanted) for pk in sorted(others - {row.connection_id}) if wanted]
    return {gid for each in found for gid in each}


def _is_main(row: OrderImport) -> bool:
    """Whether what no source carries goes to this copy: its main source's, or, when that has ended, the first other."""
    place = row.connection.destination_id
    main_id = OrderSplit.objects.filter(destination=place, order_gid=row.order_gid).values_list("main_id", flat=True)
    if (main := main_id.first()) in (None, row.connection_id):
        return True
    running = [each.pk for each in find_carriers(place, row.order_gid, row.placed_at)]
    copies = OrderImport.objects.filter(order_gid=row.order_gid, connection__in=running, state=row.state)
    return main not in running and copies.order_by("connection").first() == row


def owe_more(order_import: OrderImport, lines: Sequence[SeenLine], left_out: str, *, has_custom: bool) -> set[int]:
    """Hold back what a copied order holds more than when it was compared, as a webhook tells; nothing is freed.

    A comparison decides what is owed in the end: a webhook may be old. Call it with the order locked.
    """
    known = {line.line_gid: line for line in order_import.lines.all()}
    before, owed = count_reserved(known.values()), {line.pk: line.owed_quantity for line in known.values()}
    follow_quantities([line for line in known.values() if line.state == Line.State.LEFT_OUT], lines, only_more=True)
    for line in lines:
        row = known.get(line.gid)
        if row is None or not row.is_carried or row.original_baseline is None or row.source_variant_id is None:
            continue
        own = (row.copy_quantity or 0) - (row.copy_baseline or 0)
        row.owed_quantity = max(row.owed_quantity, line.quantity - row.original_baseline - own)
    save_owed(known.values(), owed)
    new = [line for line in lines if line.gid not in known and line.quantity > 0]
    if new:
        add_lines(order_import, new, has_custom=has_custom, left_out=left_out)
    return find_changed(before, held_back(order_import))


def owe_what_copy_lost(order_import: OrderImport, held: Mapping[str, int]) -> set[int]:
    """Hold back what a copy holds less than when it was compared, as a webhook tells (original's line gid -> units).

    Nothing is freed, as in `owe_more`.
    """
    known = [row for row in order_import.lines.exclude(original_baseline=None) if row.source_variant_id is not None]
    before, owed_before = held_back(order_import), {row.pk: row.owed_quantity for row in known}
    for row in known:
        theirs = (row.original_quantity or 0) - (row.original_baseline or 0)
        own = held.get(row.line_gid, 0) - (row.copy_baseline or 0)
        # Nothing is owed by an original that holds nothing, as when it was cancelled and we cancelled its copy.
        owed = theirs - own if row.original_quantity is None else min(theirs - own, row.original_quantity)
        row.owed_quantity = max(row.owed_quantity, owed)
    save_owed(known, owed_before)
    return find_changed(before, held_back(order_import))


def follow_quantities(rows: Collection[Line], lines: Sequence[SeenLine], *, only_more: bool = False) -> None:
    """Have lines that are in no copy be as many as the original holds by now; call it with the order locked."""
    units = {line.gid: line.quantity for line in lines}
    changed = []
    for row in rows:
        now = units.get(row.line_gid, 0)
        if now > row.quantity or now < row.quantity and not only_more:
            row.quantity = now
            changed.append(row)
    Line.objects.bulk_update(changed, ["quantity"])


def save_owed(lines: Collection[Line], before: Mapping[int, int]) -> None:
    """Write what is owed where it is not what it was (row -> units before)."""
    Line.objects.bulk_update([line for line in lines if line.owed_quantity != before[line.pk]], ["owed_quantity"])


def unreserve(order_import: OrderImport) -> set[int]:
    """Its units are no longer held back: the source took them, or nobody will."""
    pending = order_import.lines.filter(is_pending=True)
    variants = set(pending.values_list("source_variant_id", flat=True))
    pending.update(is_pending=False)
    return variants - {None}


def release(order_import: OrderImport) -> set[int]:
    """None of its units are held back any longer, whatever for: no copy of it is made."""
    before = held_back(order_import)
    order_import.lines.update(is_pending=False, owed_quantity=0)
    return set(before)


def reserve(order_import: OrderImport) -> set[int]:
    """Its units are held back again: the copy does not reserve them (any more)."""
    loose = order_import.lines.filter(is_pending=False, state=Line.State.CARRIED, source_variant__isnull=False)
    variants = set(loose.values_list("source_variant_id", flat=True))
    loose.update(is_pending=True)
    return variants


def keep_quantities(order_import: OrderImport, quantities: Mapping[str, int]) -> set[int]:
    """The copy now holds these units: original line gid -> units; other lines stay as they are."""
    rows = [row for row in order_import.lines.all() if quantities.get(row.line_gid, row.quantity) != row.quantity]
    for row in rows:
        row.quantity = quantities[row.line_gid]
        row.original_baseline = row.copy_baseline = row.original_quantity = row.copy_quantity = row.quantity
    held = ["original_baseline", "copy_baseline", "original_quantity", "copy_quantity"]
    Line.objects.bulk_update(rows, ["quantity", *held])
    return {row.source_variant_id for row in rows if row.source_variant_id is not None}


def returned(order_import: OrderImport, before: Mapping[int, int]) -> Returned:
    """What is held back less than before, because the original holds less."""
    after = held_back(order_import)
    less = {variant: units - after.get(variant, 0) for variant, units in before.items()}
    return Returned(order_import.connection_id, {variant: units for variant, units in less.items() if units > 0})


def held_by_line(order_import: OrderImport) -> dict[str, tuple[int | None, int]]:
    """Line -> (source variant, units that are held back)."""
    return {line.line_gid: (line.source_variant_id, count_held(line)) for line in order_import.lines.all()}


def changed_by_original(order_import: OrderImport, before: Mapping[str, tuple[int | None, int]]) -> Returned:
    """What is held back less than before, or more, because the original holds so: not for a link that came or went.

    `before` is `held_by_line` then; what was held back for the first time since is no change.
    """
    after, found = held_by_line(order_import), dict[int, int]()
    for gid in {*before, *after} if before else ():
        (variant, units), (now, left) = (
            side.get(gid, (other[gid][0] if gid in other else None, 0))
            for side, other in ((before, after), (after, before))
        )
        if variant is not None and variant == now:
            found[variant] = found.get(variant, 0) + units - left
    return Returned(order_import.connection_id, {variant: units for variant, units in found.items() if units})


def held_back(order_import: OrderImport) -> dict[int, int]:
    """Source variant -> units of this order that are held back now."""
    return count_reserved(order_import.lines.all())


def in_copy(order_import: OrderImport) -> dict[int, int]:
    """Source variant -> units in its copy."""
    found: dict[int, int] = {}
    lines = order_import.lines.filter(state=Line.State.CARRIED, source_variant__isnull=False)
    for variant, units in lines.values_list("source_variant_id", "quantity"):
        found[variant] = found.get(variant, 0) + units
    return found


def carried(order_import: OrderImport) -> set[int]:
    """The source variants that its copy took, or reserves."""
    lines = order_import.lines.filter(state=Line.State.CARRIED, source_variant__isnull=False)
    return set(lines.values_list("source_variant_id", flat=True))


def source_variants(connection_id: int, variant_gids: Collection[str]) -> dict[str, tuple[int, str]]:
    """Destination variant gid -> (our id, gid) of the source variant that it is linked to."""
    links = VariantLink.objects.filter(
        connection=connection_id,
        state=VariantLink.State.LINKED,
        left_out="",
        destination_variant__gid__in=set(variant_gids) - {""},
    )
    rows = links.values_list("destination_variant__gid", "source_variant_id", "source_variant__gid")
    return {gid: (pk, source_gid) for gid, pk, source_gid in rows}


def variants_in_doubt(connection_id: int, variant_gids: Collection[str]) -> dict[str, int]:
    """Destination variant gid -> our id of the source variant that it may belong to: a candidate, or suggested.

    Only of those that are linked nowhere. Of several, the one that is known longest.
    """
    wanted = set(variant_gids) - {""}
    if not wanted:
        return {}
    links = VariantLink.objects.filter(
        connection=connection_id, state__in=(VariantLink.State.UNMATCHED, VariantLink.State.AMBIGUOUS)
    ).order_by("-pk")
    found = dict(
        links.filter(suggested_variant__gid__in=wanted).values_list("suggested_variant__gid", "source_variant_id")
    )
    found |= dict(links.filter(candidates__gid__in=wanted).values_list("candidates__gid", "source_variant_id"))
    linked = VariantLink.objects.filter(state=VariantLink.State.LINKED, destination_variant__gid__in=found)
    store = Connection.objects.filter(pk=connection_id).values("destination")
    for gid in linked.filter(destination_variant__store__in=store).values_list("destination_variant__gid", flat=True):
        found.pop(gid, None)
    return found


def hold_linked(order_import: OrderImport) -> set[int]:
    """Hold back the units of lines that are in no copy and have been linked since the order was mapped."""
    lines = order_import.lines.filter(state__in=(Line.State.PLANNED, Line.State.LEFT_OUT), quantity__gt=0)
    rows = list(lines.filter(Q(source_variant=None) | Q(is_doubtful=True)).exclude(variant_gid=""))
    partners = source_variants(order_import.connection_id, [row.variant_gid for row in rows])
    changed: set[int] = set()
    for row in rows:
        if row.variant_gid in partners:
            changed |= {row.source_variant_id or 0, partners[row.variant_gid][0]}
            row.source_variant_id, row.is_pending, row.is_doubtful = partners[row.variant_gid][0], True, True
    Line.objects.bulk_update(rows, ["source_variant", "is_pending", "is_doubtful"])
    return changed - {0}


def have_gone(order_import: OrderImport) -> bool:
    """Whether a line's product was linked until it was deleted in one of the stores."""
    gone = VariantLink.objects.filter(
        connection=order_import.connection_id,
        state=VariantLink.State.GONE,
        destination_variant__gid__in=order_import.lines.exclude(variant_gid="").values("variant_gid"),
    )
    return gone.exists()


def count_reserved(rows: Collection[Line]) -> dict[int, int]:
    units: dict[int, int] = {}
    for row in rows:
        if row.source_variant_id is not None and (held := count_held(row)):
            units[row.source_variant_id] = units.get(row.source_variant_id, 0) + held
    return units


def count_held(line: Line) -> int:
    """How many units of a line are held back: of one that is linked to nothing none are."""
    if line.source_variant_id is None:
        return 0
    return line.owed_quantity + (line.quantity if line.is_pending else 0)


def find_changed(before: dict[int, int], after: dict[int, int]) -> set[int]:
    return {variant for variant in {*before, *after} if before.get(variant) != after.get(variant)}
