"""Create a copy in the source, or find the one that is there: an order or a draft, by what the row says."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders import copy_input, mapping, sums
from orders.mapping import MappedOrder
from orders.models import OrderImport, OrderSettings
from stores.models import Connection
from stores.shopify import draft_orders, orders
from stores.shopify.client import Client
from stores.shopify.draft_orders import DraftRecord
from stores.shopify.errors import ObjectNotFound, UserErrors


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that exists. `order_gid` is empty for a draft that is not completed; `draft` is None for a real order."""

    gid: str
    name: str
    total: Decimal
    currency: str
    created_at: datetime
    order_gid: str
    draft: DraftRecord | None = None


def create(client: Client, mapped: MappedOrder) -> Copy:
    """Send the creation: once where Shopify takes it; without phone or customer where it refuses only those.

    Raises as orders.create_order and draft_orders.create_draft do; look at `outcome_unknown`.
    """
    made = mapped.draft_input if mapped.is_draft else mapped.input
    for weaken in (copy_input.without_phone, copy_input.without_customer):
        try:
            return _create(client, made, mapped)
        except UserErrors as error:
            if not _person_was_refused(error):
                raise
            made = weaken(made)  # nothing was created, so this is no second order
    return _create(client, made, mapped)


def _create(client: Client, made: dict[str, Any], mapped: MappedOrder) -> Copy:
    if mapped.is_draft:
        return _of_draft(draft_orders.create_draft(client, made))
    return _of_order(orders.create_order(client, made, mapped.options))


def _person_was_refused(error: UserErrors) -> bool:
    """Whether it is about who ordered: a phone that another customer has, an e-mail that Shopify does not take."""
    words = ("customer", "email")
    fields = [str(part).lower() for found in error.errors for part in found.field]
    return orders.phone_was_refused(error) or any(word in field for word in words for field in fields)


def find(client: Client, row: OrderImport, store_domain: str) -> Copy | None:
    """The copy of this row's order, or None: for a draft that proves nothing before the search index had time.

    Raises what the client raises.
    """
    custom_id = copy_input.custom_id(row.order_gid, store_domain)
    if row.is_draft:
        attribute = (copy_input.ORIGINAL_ID, custom_id)
        draft = draft_orders.find_draft_by_tag(client, copy_input.draft_tag(row.order_gid), attribute)
        return _of_draft(draft) if draft else None
    try:
        found = orders.find_by_custom_id(client, custom_id)
    except ObjectNotFound:  # the definition of the metafield is gone: somebody removed it in the store's admin
        orders.ensure_definition(client)
        found = None
    found = found or orders.find_by_source_identifier(client, custom_id)
    return _of_order(found) if found else None


def why_wrong(row: OrderImport, copy: Copy) -> str:
    """Words if a copy costs something else than was asked for (the row's copy total), as far as Shopify knows yet."""
    asked, is_settled = row.copy_total, copy.draft is None or copy.draft.is_ready
    if asked is None or not is_settled or (asked, row.copy_currency) == (copy.total, copy.currency):
        return ""
    return (
        f"It costs {sums.text(copy.total, copy.currency)} in the source instead of "
        f"{sums.text(asked, row.copy_currency)}: correct its prices and taxes by hand before it is paid or completed."
    )


def _of_order(order: orders.CreatedOrder) -> Copy:
    return Copy(order.gid, order.name, order.total.amount, order.total.currency, order.created_at, order.gid)


def _of_draft(draft: DraftRecord) -> Copy:
    total = draft.total
    return Copy(draft.gid, draft.name, total.amount, total.currency, draft.created_at, draft.order_gid or "", draft)


def choices_of(connection: Connection, chosen: OrderSettings) -> mapping.Choices:
    """A connection's order settings as the mapping takes them."""
    return mapping.Choices(
        strategy=connection.strategy,
        payment_status=chosen.payment_status,
        inventory_behaviour=chosen.inventory_behaviour,
        name_pattern=chosen.name_pattern,
        unlinked=chosen.unlinked,
        currency_rate=chosen.currency_rate,
        reserve_days=chosen.reserve_days,
    )
