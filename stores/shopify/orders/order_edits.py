"""Edits of an order: begun, staged, priced and committed as a whole, however much they change: four calls at most, and
two where units are only taken off.

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
from stores.shopify.orders.order_progress import (
    LINE_FIELDS,
    PAYMENT_FIELDS,
    Payments,
    ProgressLine,
    payments_of,
    progress_line,
)
from stores.shopify.orders.order_records import Money, money

STAGE_COST = 10.0  # of each mutation


@dataclass(frozen=True, slots=True)
class AddedUnits:
    """Units to be added as a line of their own: of a variant, or, where it is empty, of a custom item of this title.

    `price` is what one of them is to cost, `tax` what all of them are taxed with besides.
    """

    variant_gid: str
    title: str
    quantity: int
    price: Money
    requires_shipping: bool = True
    is_taxable: bool = True
    tax: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class StagedLine:
    """A line that is staged: its gid in the edit, and what one unit of it costs without and with its discounts.

    `total` is what the whole order costs with all that is staged so far.
    """

    gid: str
    own_price: Money
    price: Money
    total: Money


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditBegin
BEGIN_EDIT = """
mutation BeginOrderEdit($id: ID!) {
  orderEditBegin(id: $id) {
    calculatedOrder { id totalPriceSet { presentmentMoney { amount currencyCode } } }
    userErrors { field message }
  }
}
"""


def begin_edit(client: Client, order_gid: str) -> tuple[str, Money]:
    """Begin to edit an order; the gid of the edit, and what the order costs. Changes nothing.

    Raises UserErrors where it cannot be edited, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    payload = client.execute(BEGIN_EDIT, {"id": order_gid}, cost=STAGE_COST)["orderEditBegin"]
    _require_no_errors(client, payload, f"{order_gid} cannot be edited")
    begun = payload["calculatedOrder"]
    return begun["id"], money(begun["totalPriceSet"]["presentmentMoney"])


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/CalculatedLineItem
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/CalculatedOrder
_STAGED = """
    calculatedLineItem {
      id
      originalUnitPriceSet { presentmentMoney { amount currencyCode } }
      discountedUnitPriceSet { presentmentMoney { amount currencyCode } }
    }
    calculatedOrder { totalPriceSet { presentmentMoney { amount currencyCode } } }
    userErrors { field message }
"""


def stage_lines(
    client: Client, edit_gid: str, quantities: Mapping[str, int], added: Sequence[AddedUnits], *, restock: bool
) -> tuple[list[StagedLine], Money | None]:
    """Stage {line gid: units that it is to have, shipped ones among them} and further lines, in one call.

    The latter, and what the order costs without them (None: as before).

    Changes nothing yet. Raises UserErrors where Shopify takes one of them not, GidError, and as Client.execute does.
    """
    parts, declared, variables = _quantities(quantities, restock=restock)
    variables["id"] = edit_gid
    for index, row in enumerate(added):
        names, values = _added(index, row)
        declared += [f"${name}: {kind}" for name, kind in names]
        variables |= values
        call = (_ADD_VARIANT if row.variant_gid else _ADD_CUSTOM).replace("#", str(index))
        parts.append(f"  add{index}: {call} {{{_STAGED}  }}")
    document = f"mutation StageOrderEdit({', '.join(['$id: ID!', *declared])}) {{\n" + "\n".join(parts) + "\n}\n"
    data = client.execute(document, variables, cost=STAGE_COST * len(parts))
    for payload in data.values():
        _require_no_errors(client, payload, "the edit was not taken")
    before = _staged(data[f"set{len(quantities) - 1}"]).total if quantities else None
    return [_staged(data[f"add{index}"]) for index in range(len(added))], before


def _quantities(quantities: Mapping[str, int], *, restock: bool) -> tuple[list[str], list[str], dict[str, Any]]:
    """Mutations that stage {line gid: units that it is to have}: themselves, their variables, and these values."""
    gids.require(list(quantities), "LineItem")
    parts, declared = list[str](), list[str]()
    variables: dict[str, Any] = {}
    for index, (line_gid, units) in enumerate(quantities.items()):
        # https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditSetQuantity
        declared += [f"$line{index}: ID!", f"$units{index}: Int!"]
        variables |= {f"line{index}": _calculated(line_gid), f"units{index}": units}
        word = "true" if restock else "false"
        parts.append(
            f"  set{index}: orderEditSetQuantity("
            f"id: $id, lineItemId: $line{index}, quantity: $units{index}, restock: {word}) {{{_STAGED}  }}"
        )
    return parts, declared, variables


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
    own_price, price = (money(node[f"{name}UnitPriceSet"]["presentmentMoney"]) for name in ("original", "discounted"))
    return StagedLine(
        node["id"], own_price, price, money(payload["calculatedOrder"]["totalPriceSet"]["presentmentMoney"])
    )


@dataclass(frozen=True, slots=True)
class Committed:
    """An order as an edit has left it: its first 250 lines, and how it is paid."""

    lines: tuple[ProgressLine, ...]
    payments: Payments


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderEditCommit
_COMMIT = """  orderEditCommit(id: $id, notifyCustomer: false, staffNote: $note) {
    order {
      id
      ...Payments
      lineItems(first: 250) { nodes { ...ProgressLine } }
    }
    userErrors { field message }
  }
"""
MOST_COMMIT_LINES = 50  # lines whose new quantity goes with the commit: each costs a mutation


def commit_edit(
    client: Client, edit_gid: str, note: str, quantities: Mapping[str, int] | None = None, *, restock: bool = False
) -> Committed:
    """Make an edit take effect, with {line gid: units that it is to have} besides what is staged, in the same call.

    Not idempotent: with `outcome_unknown` True look at the order before anything is sent again; so it is where it took
    effect without one of these quantities. Raises UserErrors when Shopify says no (nothing was changed), and as
    Client.execute does.
    """
    parts, declared, variables = _quantities(quantities or {}, restock=restock)
    declared = ["$id: ID!", "$note: String", *declared]
    document = f"mutation CommitOrderEdit({', '.join(declared)}) {{\n" + "\n".join([*parts, _COMMIT]) + "}\n"
    variables |= {"id": edit_gid, "note": note[:255]}
    cost = 20 + STAGE_COST * len(parts)
    data = client.execute(document + LINE_FIELDS + PAYMENT_FIELDS, variables, cost=cost)
    payload = data.get("orderEditCommit")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: the answer to an edit says nothing of it.", outcome_unknown=True)
    refused = [each for name, each in data.items() if name != "orderEditCommit" and each["userErrors"]]
    if not payload["userErrors"] and refused:
        raise UnexpectedAnswer(f"{client.domain}: an edit took effect without a part of it.", outcome_unknown=True)
    for each in (*refused, payload):
        _require_no_errors(client, each, "the edit was not saved")
    node = payload["order"]
    if node is None:
        raise UnexpectedAnswer(f"{client.domain}: the answer to an edit says nothing of it.", outcome_unknown=True)
    return Committed(tuple(progress_line(each) for each in node["lineItems"]["nodes"]), payments_of(node))


def _require_no_errors(client: Client, payload: Mapping[str, Any], words: str) -> None:
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: {words}.", errors=listed)
