"""Whatever is done to an order, in any order: every unit is somewhere, and committed stock is what has yet to ship."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from tests.simulator import Clock, Simulator
from tests.simulator.state.money import NOTHING
from tests.simulator.state.order_money import current_grand_total, outstanding, received, refunded
from tests.simulator.state.orders import Order
from tests.simulator.state.shop import Shop
from tests.simulator.tests.conftest import DOMAIN, NOON

OPENING = 50


class Story:
    """One order of a store with two locations, and what people do to it; what cannot be changes nothing."""

    def __init__(self, bypass: bool, splits: bool):
        self.sim = Simulator(Clock(frozen_at=NOON))
        shop = self.shop = self.sim.add_shop(DOMAIN)
        self.places = [shop.add_location(name, at=1, is_primary=name == "A").id for name in "AB"]
        shop.knobs.edits_split_lines = splits
        self.variants = [
            shop.add_variant(shop.add_product(name, at=1), at=1, stock=dict.fromkeys(self.places, OPENING)).id
            for name in ("Cap", "Mug")
        ]
        self.order = self.sim.place_order(DOMAIN, [(self.variants[0], 4), (self.variants[1], 2)], bypass=bypass)

    def act(self, name: str, which: int, units: int, flag: bool) -> None:
        line = self.order.lines[which % len(self.order.lines)]
        try:
            getattr(self, name)(line, units, flag)
        except ValueError:
            return

    def raise_line(self, line, units: int, flag: bool) -> None:
        self.sim.edit_order(DOMAIN, self.order, quantities={line.id: line.current_quantity + units})

    def lower_line(self, line, units: int, flag: bool) -> None:
        wanted = {line.id: line.current_quantity - units}
        self.sim.edit_order(DOMAIN, self.order, quantities=wanted, back_to_stock=flag)

    def add_line(self, line, units: int, flag: bool) -> None:
        row = {"variant_id": self.variants[flag], "quantity": units, "location_id": self.places[units % 2]}
        self.sim.edit_order(DOMAIN, self.order, add=[row])

    def ship(self, line, units: int, flag: bool) -> None:
        self.sim.fulfil(DOMAIN, self.order, None if flag else {line.id: units})

    def take_shipment_back(self, line, units: int, flag: bool) -> None:
        if self.order.fulfillments:
            self.sim.cancel_fulfilment(DOMAIN, self.order.fulfillments[units % len(self.order.fulfillments)])

    def refund(self, line, units: int, flag: bool) -> None:
        kind = "RETURN" if flag else "CANCEL"
        self.sim.refund(DOMAIN, self.order, [{"line_item_id": line.id, "quantity": units, "restock_type": kind}])

    def exchange(self, line, units: int, flag: bool) -> None:
        out = [(self.variants[not flag], units)]
        self.sim.return_goods(DOMAIN, self.order, {line.id: units}, exchange=out, restock=flag)

    def move(self, line, units: int, flag: bool) -> None:
        self.sim.move_order(DOMAIN, self.order, self.places[flag], {line.id: units})

    def pay(self, line, units: int, flag: bool) -> None:
        self.sim.pay_order(DOMAIN, self.order, amount=None if flag else units)

    def cancel(self, line, units: int, flag: bool) -> None:
        if units == 4:
            self.sim.cancel(DOMAIN, self.order, restock=flag)


ACTS = [name for name in vars(Story) if not name.startswith("_") and name != "act"]


def committed_by_lines(shop: Shop, order: Order) -> Counter:
    """{(item, location): units that have yet to ship from there}."""
    found: Counter = Counter()
    for row in order.fulfillment_orders:
        for entry in row.lines:
            if entry.claimed and not row.is_closed:
                found[order.line(entry.line_id).item_id, row.location_id] += entry.remaining
    return found


def check(story: Story) -> None:
    shop, order = story.shop, story.order
    wanted = committed_by_lines(shop, order)
    assert {key: level.committed for key, level in shop.levels.items() if level.committed} == {
        key: units for key, units in wanted.items() if units
    }
    for line in order.lines:
        rows = [entry for row in order.fulfillment_orders if not row.is_closed for entry in row.lines]
        assert sum(entry.remaining for entry in rows if entry.line_id == line.id) == line.unfulfilled
        assert 0 <= line.fulfilled <= line.current_quantity <= line.quantity
    assert outstanding(order) == current_grand_total(order) - received(order) + refunded(order)
    if order.cancelled_at is not None:
        assert not any(wanted.values())
    if not any(line.current_quantity for line in order.lines):
        assert current_grand_total(order) == NOTHING


@example(True, False, [("raise_line", 0, 1, False), ("ship", 0, 1, True), ("take_shipment_back", 0, 1, False)])
@given(
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3), st.integers(1, 4), st.booleans()), max_size=14),
)
def test_units_are_somewhere_after_anything(bypass: bool, splits: bool, acts: list[tuple[str, int, int, bool]]):
    story = Story(bypass, splits)
    check(story)
    for act in acts:
        story.act(*act)
        check(story)
