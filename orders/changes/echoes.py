"""Our own doings that come back as webhooks about a copy: known by what they say, so that nothing is read for them.

A webhook may be old or come twice. What says nothing but what is known is no sign of life: whatever has changed besides
has a webhook of its own, and the reconciliation goes by the instant of an order's last change.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

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


def is_own_refund(row: OrderImport, payload: Mapping[str, Any]) -> bool:
    """Whether a refund of a copy was made by us, or by Shopify as we had it cancelled."""
    gid = gids.gid("Refund", payload["id"])
    return row.updates.filter(Q(result_gid=gid) | Q(body__refunds__contains=[gid]), state=State.CONFIRMED).exists()


def is_own_edit(row: OrderImport, payload: Mapping[str, Any]) -> bool:
    """Whether an edit of a copy is one of ours: it added the lines that ours did, and took off those that ours did."""
    changed = payload["order_edit"].get("line_items") or {}
    added, removed = (
        {gids.gid("LineItem", each["id"]) for each in changed.get(name) or ()} for name in ("additions", "removals")
    )
    ours = row.updates.filter(kind=Kind.EDIT, state=State.CONFIRMED).values_list("body", flat=True)
    return any(added == set(body.get("made", ())) and removed == set(body.get("quantities", ())) for body in ours)
