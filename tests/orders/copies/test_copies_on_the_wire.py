"""An order that was placed, read, mapped and created over real HTTP: the copy costs what the original costs."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from orders.copies.rules import contact, copy_input
from orders.copies.rules.mapping import Choices, MappedOrder, Way, map_order
from stores.shopify import gids
from stores.shopify.auth import StaticToken
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.orders import draft_orders, order_lists, orders
from stores.shopify.orders.order_records import Money
from stores.shopify.throttle import LocalBucket
from tests.simulator import Simulator
from tests.simulator.state.shop import Shop

SOURCE, NORTH = "source-store.myshopify.com", "north-store.myshopify.com"
ADDRESS = {"first_name": "Ada", "last_name": "Lovelace", "address1": "1 Main St", "city": "London", "zip": "N1"}
ADDRESS |= {"country_code": "GB"}


@dataclass
class Wire:
    """Two simulated stores with the same three products, and clients of both."""

    sim: Simulator
    source: Shop
    north: Shop
    ours: Client
    theirs: Client
    variants: list[tuple[int, int]]

    @property
    def links(self) -> dict[str, str]:
        return {gids.gid("ProductVariant", there): gids.gid("ProductVariant", here) for here, there in self.variants}

    def lines(self, *rows: dict) -> list[dict]:
        """Lines by item number: `{"item": 0, "quantity": 2, …}`; without an item a custom line."""
        return [
            {"variant_id": self.variants[row["item"]][1]} | {key: value for key, value in row.items() if key != "item"}
            if "item" in row
            else row
            for row in rows
        ]

    def place(self, *rows: dict, **details) -> orders.OrderRecord:
        order = self.sim.place_order(NORTH, self.lines(*rows), force=True, **details)
        return orders.read_order(self.theirs, gids.gid("Order", order.id))

    def map(self, order: orders.OrderRecord, **choices) -> MappedOrder:
        return map_order(
            order,
            self.links,
            Choices(**choices),
            Way("North", NORTH, self.source.currency),
            self.sim.clock.now(),
        )

    def copy(self, mapped: MappedOrder) -> Money:
        """What the copy costs, as Shopify tells."""
        if mapped.is_draft:
            return draft_orders.create_draft(self.ours, mapped.draft_input).total
        return orders.create_order(self.ours, mapped.input, mapped.options).total


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    with Simulator() as sim:
        base_url = sim.serve()

        def build(source_currency: str = "EUR", north_currency: str = "EUR") -> Wire:
            shops, clients, numbers = [], [], []
            for domain, currency in ((SOURCE, source_currency), (NORTH, north_currency)):
                shop = sim.add_shop(domain, currency=currency)
                shop.knobs.bucket_size = 1e9
                place = shop.add_location("Room", at=sim.clock.whole_seconds())
                made = []
                for number, price in enumerate(["19.99", "7.03", "100.00"]):
                    product = shop.add_product(f"Thing {number}", at=sim.clock.whole_seconds())
                    variant = shop.add_variant(
                        product, at=sim.clock.whole_seconds(), sku=f"SKU-{number}", price=price, stock={place.id: 500}
                    )
                    made.append(variant.id)
                shops.append(shop)
                numbers.append(made)
                token = StaticToken(sim.static_token(domain))
                clients.append(Client(f"{base_url}/{domain}", "2026-10", token, LocalBucket(), sleep=sim.clock.advance))
            orders.ensure_definition(clients[0])
            return Wire(sim, *shops, *clients, list(zip(*numbers, strict=True)))

        yield build


ORDERS = {
    "plain": ([{"item": 0, "quantity": 3}], {}),
    "a percentage that does not divide": (
        [{"item": 0, "quantity": 3}, {"item": 1, "quantity": 7}],
        {"discount": {"code": "THIRD", "percentage": "33.3"}},
    ),
    "an amount off the whole": (
        [{"item": 0, "quantity": 3}, {"item": 1, "quantity": 7}, {"item": 2}],
        {"discount": {"title": "Ten off", "amount": "10.01"}},
    ),
    "a discount of a line": ([{"item": 0, "quantity": 3, "discount": "5.00"}], {"shipping": "4.90"}),
    "free shipping": (
        [{"item": 0}],
        {"shipping": "4.90", "discount": {"code": "FREE", "free_shipping": True}},
    ),
    "discounted shipping": ([{"item": 0}], {"shipping": {"price": "4.90", "discount": "1.95"}}),
    "two shipping lines": ([{"item": 0}], {"shipping": [{"price": "4.90"}, {"price": "2", "title": "Island"}]}),
    "taxes on top": (
        [{"item": 0, "quantity": 3}, {"item": 1, "quantity": 7, "taxable": False}],
        {"shipping": "4.90", "tax_rate": "0.0825", "discount": {"code": "A", "percentage": 10}},
    ),
    "taxes included": (
        [{"item": 0, "quantity": 3}, {"item": 1, "quantity": 7}],
        {"shipping": "4.90", "tax_rate": "0.19", "taxes_included": True, "discount": {"code": "A", "percentage": 10}},
    ),
    "duties": ([{"item": 0, "quantity": 2, "duty": "3.17"}], {"shipping": "4.90"}),
    "given away": ([{"item": 0, "quantity": 2}], {"discount": {"code": "ALL", "percentage": 100}}),
    "a bundle": ([{"item": 0, "bundle": "Set"}, {"item": 1, "quantity": 2, "bundle": "Set", "price": "5.55"}], {}),
    "with everybody named": (
        [{"item": 0, "properties": {"Engraving": "A"}}],
        {
            "customer": {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"},
            "shipping_address": ADDRESS,
            "billing_address": ADDRESS,
            "note": "Ring",
            "attributes": {"Gift": "yes"},
        },
    ),
}


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
@pytest.mark.parametrize("name", ORDERS)
def test_the_copy_costs_what_the_original_costs(wire, name, strategy):
    stage = wire()
    rows, details = ORDERS[name]
    order = stage.place(*rows, **details)
    mapped = stage.map(order, strategy=strategy)
    assert mapped.total == order.total.shop
    assert stage.copy(mapped) == mapped.total


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
@pytest.mark.parametrize(("currency", "rate"), [("USD", "1.0873"), ("JPY", "163.37")])
def test_a_converted_copy_costs_the_converted_whole(wire, currency, rate, strategy):
    stage = wire(source_currency=currency)
    rows, details = ORDERS["taxes on top"]
    order = stage.place(*rows, **details)
    mapped = stage.map(order, strategy=strategy, currency_rate=Decimal(rate))
    exact = order.total.shop.amount * Decimal(rate)
    assert abs(mapped.total.amount - exact) <= Decimal("0.5" if currency == "JPY" else "0.005")
    assert stage.copy(mapped) == mapped.total


def test_what_the_customer_paid_in_the_sources_currency_is_the_copys_price(wire):
    stage = wire(source_currency="USD")
    order = stage.place({"item": 0, "quantity": 3}, presentment_currency="USD", presentment_rate="1.1", tax_rate="0.1")
    mapped = stage.map(order)
    assert mapped.total == order.total.presentment
    assert stage.copy(mapped) == mapped.total


def test_what_is_left_out_is_left_out_of_the_price(wire):
    stage = wire()
    order = stage.place(
        {"item": 0, "quantity": 2},
        {"title": "Engraving", "price": "4.00"},
        {"title": "Tip", "price": "2.00", "tip": True},
        {"item": 1, "gift_card": True, "requires_shipping": False},
        shipping="4.90",
    )
    mapped = stage.map(order)
    assert mapped.total.amount == Decimal("39.98") + Decimal("4.90")
    assert stage.copy(mapped) == mapped.total
    assert [left.is_missing for left in mapped.left_out] == [True, False, False]
    with_custom = stage.map(order, unlinked="custom")
    assert with_custom.total.amount == mapped.total.amount + 4


def test_random_orders_cost_the_same_here_and_there(wire):
    stage = wire()
    dice = random.Random(7)
    for _ in range(40):
        rows = [
            {"item": dice.randrange(3), "quantity": dice.randint(1, 9), "discount": f"0.{dice.randint(1, 99):02d}"}
            for _ in range(dice.randint(1, 5))
        ]
        details = {"discount": {"code": "X", "percentage": dice.randint(1, 60)}} if dice.random() < 0.7 else {}
        details |= {
            "shipping": f"{dice.randint(0, 9)}.{dice.randint(0, 99):02d}",
            "tax_rate": dice.choice(["0.07", "0.19"]),
        }
        details["taxes_included"] = dice.random() < 0.5
        order = stage.place(*rows, **details)
        for strategy in ("order", "draft_order"):
            mapped = stage.map(order, strategy=strategy)
            assert mapped.total == order.total.shop
            assert stage.copy(mapped) == mapped.total


def test_a_copy_is_found_by_its_custom_id_and_a_second_one_is_refused(wire):
    stage = wire()
    mapped = stage.map(stage.place({"item": 0}))
    assert orders.find_by_custom_id(stage.ours, mapped.custom_id) is None
    made = orders.create_order(stage.ours, mapped.input, mapped.options)
    assert orders.find_by_custom_id(stage.ours, mapped.custom_id) == made
    assert orders.read_order(stage.ours, made.gid).custom_id == mapped.custom_id
    with pytest.raises(UserErrors) as caught:
        orders.create_order(stage.ours, mapped.input, mapped.options)
    assert orders.custom_id_was_taken(caught.value)


def test_a_copy_is_found_among_the_newest_although_the_search_lags(wire):
    stage = wire()
    stage.source.knobs.search_lag_seconds = 30
    mapped = stage.map(stage.place({"item": 0}))
    made = orders.create_order(stage.ours, mapped.input, mapped.options)
    drafted = stage.map(stage.place({"item": 0}), strategy="draft_order")
    draft = draft_orders.create_draft(stage.ours, drafted.draft_input)
    attribute = (copy_input.ORIGINAL_ID, drafted.custom_id)
    assert draft_orders.find_draft_by_tag(stage.ours, drafted.draft_tag, attribute) is None
    assert orders.find_among_newest(stage.ours, mapped.custom_id, made.created_at) == made
    assert draft_orders.find_draft_among_newest(stage.ours, attribute, draft.created_at) == draft
    stage.sim.clock.advance(31)
    assert draft_orders.find_draft_by_tag(stage.ours, drafted.draft_tag, attribute) == draft


def test_without_the_definition_a_look_by_custom_id_says_so(wire):
    stage = wire()
    with pytest.raises(ObjectNotFound, match="definition"):
        orders.find_by_custom_id(stage.theirs, "x/1")
    assert orders.ensure_definition(stage.theirs) is True
    assert orders.ensure_definition(stage.theirs) is False
    assert orders.find_by_custom_id(stage.theirs, "x/1") is None


def test_a_phone_of_another_customer_is_refused_and_the_copy_goes_without_it(wire):
    stage = wire()
    first = stage.map(stage.place({"item": 0}, customer={"email": "eve@example.com", "phone": "+442079460018"}))
    stage.copy(first)
    order = stage.place({"item": 0}, customer={"email": "ada@example.com"}, phone="+442079460018")
    mapped = stage.map(order)
    with pytest.raises(UserErrors) as caught:
        stage.copy(mapped)
    assert orders.phone_was_refused(caught.value)
    made = orders.create_order(stage.ours, contact.without_phone(mapped.input), mapped.options)
    assert ("Phone", "+442079460018") in orders.read_order(stage.ours, made.gid).attributes


def test_stock_that_is_missing_refuses_the_copy_that_obeys(wire):
    stage = wire()
    mapped = stage.map(stage.place({"item": 0, "quantity": 501}), inventory_behaviour="decrement_obeying")
    with pytest.raises(UserErrors) as caught:
        stage.copy(mapped)
    assert orders.stock_was_missing(caught.value)


def test_an_order_is_read_beyond_250_lines(wire):
    stage = wire()
    order = stage.place(*({"item": number % 3} for number in range(260)))
    assert len(order.lines) == 260
    copy = stage.map(order, strategy="draft_order", unlinked="leave_out")
    assert stage.copy(copy) == copy.total == order.total.shop


def test_a_draft_tells_its_order_when_it_is_completed_and_is_gone_when_deleted(wire):
    stage = wire()
    first, second = (
        draft_orders.create_draft(stage.ours, stage.map(stage.place({"item": 0}), strategy="draft_order").draft_input)
        for _ in range(2)
    )
    made = stage.sim.complete_draft(SOURCE, stage.source.drafts[gids.number(first.gid)])
    assert draft_orders.read_draft(stage.ours, first.gid).order_gid == gids.gid("Order", made.id)
    with pytest.raises(UserErrors):
        draft_orders.delete_draft(stage.ours, first.gid)
    assert draft_orders.delete_draft(stage.ours, second.gid) is True
    assert draft_orders.read_draft(stage.ours, second.gid) is None
    assert draft_orders.delete_draft(stage.ours, second.gid) is False


def test_changed_orders_are_listed_with_what_tells_our_copies(wire):
    stage = wire()
    order = stage.place({"item": 0})
    mapped = stage.map(order)
    made = orders.create_order(stage.ours, mapped.input, mapped.options)
    (listed,) = order_lists.iter_orders_updated(stage.theirs, order.created_at)
    assert (listed.gid, listed.custom_id, listed.financial_status) == (order.gid, "", "PAID")
    (copied,) = order_lists.iter_orders_updated(stage.ours, order.created_at)
    assert (copied.gid, copied.custom_id, copied.source_identifier) == (made.gid, mapped.custom_id, mapped.custom_id)
    assert {"From: North", "multi_store_sync"} <= set(copied.tags)
