"""Our own doings that come back as webhooks about a copy: known by what they say, so that nothing is read for them.

A webhook may be old or come twice. What says nothing but what is known is no sign of life: whatever has changed besides
has a webhook of its own, and the reconciliation goes by the instant of an order's last change.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from orders.changes.rules.units_left import named_line
from orders.copies.rules.copy_input import TAX_TITLE
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.shopify import gids
from stores.shopify.instants import instant_or_none

Kind, State = OrderUpdate.Kind, OrderUpdate.State


def is_known(
    row: OrderImport, lines: Iterable[OrderImportLine], held: Mapping[str, int], payload: Mapping[str, Any]
) -> bool:
    """Whether an orders/* webhook about a copy says what was written down when it was last compared, or changed by us.

    `held` is what it holds by it: original's line -> units; "" stands for lines that stand for none. Call it with the
    order locked.
    """
    is_unsettled = not row.payment_seen or row.copy_compared_as_of is None or row.copy_signs != row.copy_signs_seen
    carried = {line.line_gid: line.copy_quantity for line in lines if line.is_carried}
    if is_unsettled or any(units != carried.get(gid, 0) for gid, units in held.items()):
        return False
    if any(held.get(gid, 0) != units for gid, units in carried.items()):
        return False
    updates = list(row.updates.values_list("kind", "state", "origin_gid", "origin_at"))
    if any(state in (State.PLANNED, State.SENT) for _, state, *_ in updates):
        return False
    if payload.get("cancelled_at") and (Kind.CANCELLATION, State.CONFIRMED) not in {each[:2] for each in updates}:
        return False
    done = {gid: at for kind, _, gid, at in updates if kind == Kind.FULFILMENT}
    shipped = [
        (gids.gid("Fulfillment", each["id"]), each.get("updated_at")) for each in payload.get("fulfillments") or ()
    ]
    return all(gid in done and done[gid] == instant_or_none(at) for gid, at in shipped)


def units_of_draft(payload: Mapping[str, Any]) -> Mapping[str, int]:
    """What a draft holds by a draft_orders/update webhook: original's line -> units; "" stands for those of none.

    The lines of its taxes are left out.
    """
    held = Counter[str]()
    for line in payload.get("line_items") or ():
        properties = [(str(each.get("name")), str(each.get("value"))) for each in line.get("properties") or ()]
        name = named_line(properties)
        is_tax = not name and not line.get("variant_id") and str(line.get("title") or "").startswith(TAX_TITLE)
        held[name or ""] += 0 if is_tax else int(line["quantity"])
    return held


def is_other_draft(row: OrderImport, held: Mapping[str, int]) -> bool:
    """Whether an open draft holds other units, as a webhook tells, than are known to be in it."""
    if held.get("", 0) > 0:  # put into it by hand
        return True
    rows = row.updates.filter(kind=Kind.COPY_CHANGED, origin_gid=OrderUpdate.origin_of(row.copy_gid, OrderUpdate.ADDED))
    if rows.exclude(state=State.SKIPPED).exists():
        return True  # it was, and is no longer
    lines = [line for line in row.lines.all() if line.is_carried and line.quantity]
    return any(held.get(line.line_gid, 0) != line.quantity for line in lines)


def is_own_refund(row: OrderImport, payload: Mapping[str, Any]) -> bool:
    """Whether a refund of a copy was made by us, or by Shopify as we had it cancelled."""
    gid = gids.gid("Refund", payload["id"])
    return row.updates.filter(Q(result_gid=gid) | Q(body__refunds__contains=[gid]), state=State.CONFIRMED).exists()


def is_own_edit(row: OrderImport, payload: Mapping[str, Any]) -> bool:
    """Whether an edit of a copy is one of ours: it added and took off the units that ours did, and no other edit was
    taken for it. Call it with the order locked.
    """
    edit = payload["order_edit"]
    changed = edit.get("line_items") or {}
    added, removed = (_units(changed.get(name) or ()) for name in ("additions", "removals"))
    ours = list(row.updates.filter(kind=Kind.EDIT, state=State.CONFIRMED))
    if any(update.body.get("told_by") == edit["id"] for update in ours):
        return True  # once more
    for update in ours:
        did = update.body.get("added_units"), update.body.get("removed_units")
        if did == (added, removed) and "told_by" not in update.body:
            OrderUpdate.objects.filter(pk=update.pk).update(body=update.body | {"told_by": edit["id"]})
            return True
    return False


def _units(changes: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Line -> units. What was taken off is told without a sign; one is as good as none."""
    found = Counter[str]()
    for change in changes:
        found[gids.gid("LineItem", change["id"])] += abs(int(change.get("delta") or 0))
    return dict(found)
