"""Edits of an order: begun, staged, and committed as a whole, in four calls at most however much they change.

Nothing of an edit takes effect before its commit, which has no idempotency: after a lost answer look for the lines that
it added. An edit that is begun and never committed is forgotten by Shopify. Nobody is mailed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import UnexpectedAnswer, UserErrors
from stores.shopify.orders.order_progress import LINE_FIELDS, ProgressLine, progress_line
from stores.shopify.orders.order_records import Money, money

STAGE_COST = 10.0  # of each mutation


@dataclass(frozen=True, slots=True)
class AddedUnits:
    """Units to be added as a line of their own: of a variant, or, where it is empty, of a custom item of this title.

    `price` is what one of them is to cost.
    """

    variant_gid: str
    title: str
    quantity: int
    price: Money
    requires_shipping: bool = True
    is_taxable: bool = True


@dataclass(frozen=True, slots=True)
class StagedLine:
    """A line that is staged: its gid in the edit, and what one unit of it costs without and with its discounts."""

    gid: str
    own_price: Money
    price: Money


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditBegin
BEGIN_EDIT = """
mutation BeginOrderEdit($id: ID!) {
  orderEditBegin(id: $id) {
    calculatedOrder { id }
    userErrors { field message }
  }
}
"""


def begin_edit(client: Client, order_gid: str) -> str:
    """Begin to edit an order; the gid of the edit. Changes nothing. Raises UserErrors where it cannot be edited,
    GidError, and as Client.execute does."""
    gids.require(order_gid, "Order")
    payload = client.execute(BEGIN_EDIT, {"id": order_gid}, cost=STAGE_COST)["orderEditBegin"]
    _require_no_errors(client, payload, f"{order_gid} cannot be edited")
    gid: str = payload["calculatedOrder"]["id"]
    return gid


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/CalculatedLineItem
_STAGED = """
    calculatedLineItem {
      id
      originalUnitPriceSet { presentmentMoney { amount currencyCode } }
      discountedUnitPriceSet { presentmentMoney { amount currencyCode } }
    }
    userErrors { field message }
"""


def stage_lines(
    client: Client, edit_gid: str, quantities: Mapping[str, int], added: Sequence[AddedUnits], *, restock: bool
) -> list[StagedLine]:
    """Stage {line gid: units that it is to have, shipped ones among them} and further lines, in one call; the latter.

    Changes nothing yet. Raises UserErrors where Shopify takes one of them not, GidError, and as Client.execute does.
    """
    gids.require(list(quantities), "LineItem")
    variables: dict[str, Any] = {"id": edit_gid}
    parts, declared = [], ["$id: ID!"]
    for index, (line_gid, units) in enumerate(quantities.items()):
        # https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditSetQuantity
        declared += [f"$line{index}: ID!", f"$units{index}: Int!"]
        variables |= {f"line{index}": _calculated(line_gid), f"units{index}": units}
        word = "true" if restock else "false"
        parts.append(
            f"  set{index}: orderEditSetQuantity("
            f"id: $id, lineItemId: $line{index}, quantity: $units{index}, restock: {word}) {{{_STAGED}  }}"
        )
    for index, row in enumerate(added):
        names, values = _added(index, row)
        declared += [f"${name}: {kind}" for name, kind in names]
        variables |= values
        call = (_ADD_VARIANT if row.variant_gid else _ADD_CUSTOM).replace("#", str(index))
        parts.append(f"  add{index}: {call} {{{_STAGED}  }}")
    document = f"mutation StageOrderEdit({', '.join(declared)}) {{\n" + "\n".join(parts) + "\n}\n"
    data = client.execute(document, variables, cost=STAGE_COST * len(parts))
    for payload in data.values():
        _require_no_errors(client, payload, "the edit was not taken")
    return [_staged(data[f"add{index}"]) for index in range(len(added))]


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditAddVariant
_ADD_VARIANT = "orderEditAddVariant(id: $id, variantId: $variant#, quantity: $count#, allowDuplicates: true)"
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditAddCustomItem
_ADD_CUSTOM = (
    "orderEditAddCustomItem(id: $id, title: $title#, quantity: $count#, price: $price#, "
    "requiresShipping: $ships#, taxable: $taxed#)"
)


def _added(index: int, row: AddedUnits) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """The variables of an added line: (name, type), and their values."""
    if row.variant_gid:
        gids.require(row.variant_gid, "ProductVariant")
        kinds = {"variant": ("ID!", row.variant_gid), "count": ("Int!", row.quantity)}
    else:
        kinds = {
            "title": ("String!", row.title[:255] or "Custom item"),
            "count": ("Int!", row.quantity),
            "price": ("MoneyInput!", _amount(row.price)),
            "ships": ("Boolean!", row.requires_shipping),
            "taxed": ("Boolean!", row.is_taxable),
        }
    names = [(f"{name}{index}", kind) for name, (kind, _) in kinds.items()]
    return names, {f"{name}{index}": value for name, (_, value) in kinds.items()}


def _calculated(line_gid: str) -> str:
    """An edit's gid of a line that the order has: the same number."""
    return gids.gid("CalculatedLineItem", gids.number(line_gid, "LineItem"))


def stage_discounts(client: Client, edit_gid: str, discounts: Mapping[str, Money], title: str) -> list[StagedLine]:
    """Take {staged line's gid: amount} off each unit of these lines, in one call; the lines, in this order.

    Raises UserErrors, and as Client.execute does.
    """
    variables: dict[str, Any] = {"id": edit_gid}
    parts, declared = [], ["$id: ID!"]
    for index, (gid, amount) in enumerate(discounts.items()):
        # https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditAddLineItemDiscount
        declared += [f"$line{index}: ID!", f"$off{index}: OrderEditAppliedDiscountInput!"]
        variables |= {
            f"line{index}": gid,
            f"off{index}": {"description": title[:255], "fixedValue": _amount(amount)},
        }
        call = f"orderEditAddLineItemDiscount(id: $id, lineItemId: $line{index}, discount: $off{index})"
        parts.append(f"  off{index}: {call} {{{_STAGED}  }}")
    document = f"mutation DiscountOrderEdit({', '.join(declared)}) {{\n" + "\n".join(parts) + "\n}\n"
    data = client.execute(document, variables, cost=STAGE_COST * len(parts))
    for payload in data.values():
        _require_no_errors(client, payload, "the discount was not taken")
    return [_staged(data[f"off{index}"]) for index in range(len(discounts))]


def _amount(value: Money) -> dict[str, str]:
    return {"amount": f"{Decimal(value.amount):f}", "currencyCode": value.currency}


def _staged(payload: dict[str, Any]) -> StagedLine:
    node = payload["calculatedLineItem"]
    prices = (money(node[f"{name}UnitPriceSet"]["presentmentMoney"]) for name in ("original", "discounted"))
    return StagedLine(node["id"], *prices)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditCommit
COMMIT_EDIT = (
    """
mutation CommitOrderEdit($id: ID!, $note: String) {
  orderEditCommit(id: $id, notifyCustomer: false, staffNote: $note) {
    order {
      id
      lineItems(first: 250) { nodes { ...ProgressLine } }
    }
    userErrors { field message }
  }
}
"""
    + LINE_FIELDS
)


def commit_edit(client: Client, edit_gid: str, note: str) -> tuple[ProgressLine, ...]:
    """Make an edit take effect; the first 250 lines of the order as it is then.

    Not idempotent: with `outcome_unknown` True look at the order before anything is sent again. Raises UserErrors when
    Shopify says no (nothing was changed), and as Client.execute does.
    """
    payload = client.execute(COMMIT_EDIT, {"id": edit_gid, "note": note[:255]}, cost=20).get("orderEditCommit")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: the answer to an edit says nothing of it.", outcome_unknown=True)
    _require_no_errors(client, payload, "the edit was not saved")
    nodes = (payload["order"] or {"lineItems": {"nodes": []}})["lineItems"]["nodes"]
    return tuple(progress_line(node) for node in nodes)


def _require_no_errors(client: Client, payload: Mapping[str, Any], words: str) -> None:
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: {words}.", errors=listed)
