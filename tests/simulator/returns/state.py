"""What a return consists of: shipped units that come back, and units that go out for them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ReturnLine:
    id: int
    fulfillment_id: int
    line_id: int
    quantity: int
    processed: int = 0
    refunded: int = 0
    reason: str = "UNKNOWN"
    note: str = ""


@dataclass(slots=True)
class ExchangeLine:
    id: int
    variant_id: int
    quantity: int
    processed: int = 0
    line_ids: list[int] = field(default_factory=list)  # of the order, one for each time it was processed


@dataclass(slots=True)
class Return:
    id: int
    order_id: int
    number: int
    created_at: int
    lines: list[ReturnLine] = field(default_factory=list)
    exchange_lines: list[ExchangeLine] = field(default_factory=list)
    status: str = "OPEN"  # OPEN | CLOSED | CANCELED
    closed_at: int | None = None
    refund_ids: list[int] = field(default_factory=list)
