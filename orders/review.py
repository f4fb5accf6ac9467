"""What an order that waits for its review would become: read and mapped now. Nothing is sent, and nothing is kept.

Who ordered is shown as Shopify tells it at that moment; our rows hold no personal data.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from orders.copies import shopify_copy, splits
from orders.copies.rules import mapping, sums
from orders.models import OrderImport, OrderSettings
from stores.clients import OpenClient
from stores.shopify.orders import orders
from stores.shopify.orders.order_records import Address, OrderLine, OrderRecord


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line of the original: its price as sold for all its units, and what becomes of it."""

    title: str
    quantity: int
    price: str
    words: str
    is_missing: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """An order as its copy would be. `problem`: why none can be made as things stand; empty where one can."""

    lines: tuple[PreviewLine, ...]
    shipping: tuple[tuple[str, str], ...]
    original_total: str
    copy_total: str
    kind: str
    customer: tuple[str, ...]
    notes: tuple[str, ...]
    problem: str


def preview(row: OrderImport, clients: OpenClient) -> Preview:
    """Raises what the client raises."""
    order = orders.read_order(clients(row.connection.destination), row.order_gid)
    mapped, problem = _map(row, order)
    carried = {line.line_gid for line in mapped.carried} if mapped else set()
    left_out = {line.line_gid: line for line in mapped.left_out} if mapped else {}
    lines = []
    for line in order.lines:
        if line.current_quantity > 0:
            left = left_out.get(line.gid)
            words = left.reason if left else "In the copy" if line.gid in carried else ""
            is_missing = left is not None and left.is_missing
            lines.append(PreviewLine(line.title, line.current_quantity, _price(line), words, is_missing))
    return Preview(
        lines=tuple(lines),
        shipping=tuple(
            (each.title, _text(each.price.shop.amount, each.price.shop.currency)) for each in order.shipping
        ),
        original_total=_text(order.total.shop.amount, order.total.shop.currency),
        copy_total=_text(mapped.total.amount, mapped.total.currency) if mapped else "",
        kind="draft order" if row.is_draft else "order",
        customer=_customer(order),
        notes=mapped.notes if mapped else (),
        problem=problem,
    )


def _map(row: OrderImport, order: OrderRecord) -> tuple[mapping.MappedOrder | None, str]:
    """What would be sent, or why nothing would."""
    connection = row.connection
    with transaction.atomic():
        split = splits.divide(row, order)
        transaction.set_rollback(True)  # it is divided when it is copied
    try:
        made = shopify_copy.map_now(
            connection,
            order,
            shopify_copy.linked(connection, order),
            shopify_copy.choices_of(row, OrderSettings.of(connection)),
            store_currency=connection.destination.currency,
            split=split.split if split else None,
        )
    except (mapping.WaitsForLinks, mapping.CannotMap) as error:
        return None, str(error)
    return made, ""


def _price(line: OrderLine) -> str:
    price = line.unit_price.shop
    taken = sum((each.amount.shop.amount for each in line.discounts), Decimal(0))
    whole = price.amount * line.quantity - taken
    return _text(whole * line.current_quantity / max(line.quantity, 1), price.currency)


def _text(amount: Decimal, currency: str) -> str:
    return sums.text(amount, currency)


def _customer(order: OrderRecord) -> tuple[str, ...]:
    """Who ordered, and whereto it goes, a line each."""
    person = order.customer
    name = f"{person.first_name} {person.last_name}".strip() if person else ""
    email = order.email or (person.email if person else "")
    address = order.shipping_address or order.billing_address
    found = [name, email, *(_address(address) if address else ())]
    return tuple(dict.fromkeys(each for each in found if each))


def _address(address: Address) -> tuple[str, ...]:
    return (
        f"{address.first_name} {address.last_name}".strip(),
        address.company,
        address.address1,
        address.address2,
        f"{address.zip} {address.city}".strip(),
        " ".join(filter(None, [address.province_code, address.country_code])),
    )
