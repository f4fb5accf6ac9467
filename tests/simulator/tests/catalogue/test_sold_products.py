"""Row 36 of tests/simulator/README.md for orders: they move their products' updatedAt, and outlive deleted products."""

from __future__ import annotations

import pytest

from tests.simulator.events import merchant
from tests.simulator.events.catalogue import metafields
from tests.simulator.payloads.payloads import order_body
from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Small

DELETE = """mutation D($id: ID!, $now: Boolean!) { productDelete(input: {id: $id}, synchronous: $now) {
    deletedProductId userErrors { field message } } }"""
DELETE_VARIANT = """mutation D($product: ID!, $ids: [ID!]!) {
  productVariantsBulkDelete(productId: $product, variantsIds: $ids) { userErrors { code } } }"""
LINES = """query L($id: ID!) { order(id: $id) { lineItems(first: 5) { nodes {
  title sku quantity product { id } variant { id } originalUnitPriceSet { shopMoney { amount } } } }
  fulfillmentOrders(first: 5) { nodes { id lineItems(first: 5) { nodes { id remainingQuantity } } } } } }"""
UPDATED = "query P($id: ID!) { product(id: $id) { updatedAt } }"
TAGS = "mutation T($id: ID!, $tags: [String!]!) { %s(id: $id, tags: $tags) { node { id } userErrors { message } } }"
SET = """mutation M($rows: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $rows) {
    metafields { ownerType owner { __typename } } userErrors { code } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    """Two shirts and a mug."""
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 2), (small.mug.id, 1)], email="a@example.com")


def lines(api: Api, order: Order) -> list[dict]:
    return api.data(LINES, {"id": gid("Order", order.id)})["order"]["lineItems"]["nodes"]


def delete_shirt(api: Api, small: Small) -> None:
    found = api.data(DELETE, {"id": gid("Product", small.shirt.product_id), "now": True})["productDelete"]
    assert found["userErrors"] == []


def heard(small: Small) -> list[tuple[str, tuple]]:
    told: list[tuple[str, tuple]] = []
    small.shop.publish = told.extend
    return told


# Orders move products


def test_an_order_moves_the_updated_at_of_what_it_sold_and_of_nothing_else(api: Api, small: Small):
    small.sim.clock.advance(7)
    told = heard(small)
    small.sim.buy(DOMAIN, small.shirt.id, 1)
    sold, other = (
        api.data(UPDATED, {"id": gid("Product", one.product_id)})["product"]["updatedAt"]
        for one in (small.shirt, small.mug)
    )
    assert sold > other
    assert told.count(("PRODUCTS_UPDATE", (small.shirt.product_id,))) == 1
    assert ("PRODUCTS_UPDATE", (small.mug.product_id,)) not in told


def test_it_moves_also_where_no_stock_is_kept_and_where_an_app_made_the_order(api: Api, small: Small):
    small.sim.clock.advance(7)
    told = heard(small)
    small.sim.buy(DOMAIN, small.gift.id, 1)
    assert ("PRODUCTS_UPDATE", (small.gift.product_id,)) in told
    told.clear()
    create = "mutation C($order: OrderCreateOrderInput!) { orderCreate(order: $order) { userErrors { message } } }"
    row = {"variantId": gid("ProductVariant", small.mug.id), "quantity": 1}
    assert api.data(create, {"order": {"lineItems": [row]}})["orderCreate"]["userErrors"] == []
    assert told.count(("PRODUCTS_UPDATE", (small.mug.product_id,))) == 1


# Products that are gone


def test_an_order_keeps_its_lines_and_points_at_nothing_when_the_product_is_gone(api: Api, small: Small, order: Order):
    before = lines(api, order)
    delete_shirt(api, small)
    shirt, mug = lines(api, order)
    assert shirt == {**before[0], "product": None, "variant": None}
    assert mug == before[1]
    body = order_body(small.shop, order.id)
    assert [line["product_exists"] for line in body["line_items"]] == [False, True]
    assert body["line_items"][0]["variant_id"] is None


def test_a_deleted_variant_leaves_its_product_on_the_line(api: Api, small: Small, order: Order):
    product = small.shop.products[small.shirt.product_id]
    merchant.add_variant(small.shop, small.sim.clock, product.id, option_values=["Other"])
    given = {"product": gid("Product", product.id), "ids": [gid("ProductVariant", small.shirt.id)]}
    assert api.data(DELETE_VARIANT, given)["productVariantsBulkDelete"]["userErrors"] == []
    shirt = lines(api, order)[0]
    assert (shirt["variant"], shirt["product"]) == (None, {"id": gid("Product", product.id)})


@pytest.mark.parametrize("action", ["cancel", "refund", "fulfil"])
def test_what_is_left_of_the_order_can_still_be_done(api: Api, small: Small, order: Order, action: str):
    """Units of what is gone go nowhere; those of the rest go where they belong."""
    delete_shirt(api, small)
    if action == "cancel":
        small.sim.cancel(DOMAIN, order)
    elif action == "refund":
        rows = [{"line_item_id": line.id, "quantity": 1, "restock_type": "CANCEL"} for line in order.lines]
        small.sim.refund(DOMAIN, order, rows)
    else:
        small.sim.fulfil(DOMAIN, order)
    assert small.available(small.mug) == (4 if action == "fulfil" else 5)
    assert small.shirt.item_id not in small.shop.items
    assert len(lines(api, order)) == 2


def test_a_draft_of_a_deleted_product_is_completed_without_it(api: Api, small: Small):
    create = """mutation C($input: DraftOrderInput!) { draftOrderCreate(input: $input) {
      draftOrder { id } userErrors { message } } }"""
    rows = [{"variantId": gid("ProductVariant", one.id), "quantity": 1} for one in (small.shirt, small.mug)]
    made = api.data(create, {"input": {"lineItems": rows}})["draftOrderCreate"]["draftOrder"]
    delete_shirt(api, small)
    read = "query D($id: ID!) { draftOrder(id: $id) { lineItems(first: 5) { nodes { product { id } } } } }"
    found = api.data(read, {"id": made["id"]})["draftOrder"]["lineItems"]["nodes"]
    assert found == [{"product": None}, {"product": {"id": gid("Product", small.mug.product_id)}}]
    [draft] = small.shop.drafts.values()
    order = small.sim.complete_draft(DOMAIN, draft)
    assert [line["product"] is None for line in lines(api, order)] == [True, False]
    assert small.available(small.mug) == 4


def test_deleting_what_was_sold_tells_of_the_product_and_not_of_its_orders(api: Api, small: Small, order: Order):
    told = heard(small)
    delete_shirt(api, small)
    assert [topic for topic, _ in told] == ["INVENTORY_ITEMS_DELETE", "PRODUCTS_DELETE"]


# What both have


@pytest.mark.parametrize("kind", ["Product", "Order"])
def test_tags_are_of_products_and_orders_alike(api: Api, small: Small, order: Order, kind: str):
    thing = order if kind == "Order" else small.shop.products[small.shirt.product_id]
    thing.tags = []
    small.sim.clock.advance(5)
    told = heard(small)
    given = {"id": gid(kind, thing.id), "tags": ["b, a", "A"]}
    assert api.data(TAGS % "tagsAdd", given)["tagsAdd"]["userErrors"] == []
    assert thing.tags == ["a", "b"]
    assert thing.updated_at == small.sim.clock.whole_seconds()
    assert [topic for topic, _ in told] == ["ORDERS_UPDATED" if kind == "Order" else "PRODUCTS_UPDATE"]
    api.data(TAGS % "tagsAdd", given)
    assert len(told) == 1
    api.data(TAGS % "tagsRemove", {**given, "tags": ["B"]})
    assert thing.tags == ["a"]


def test_metafields_are_set_on_orders_as_on_products(api: Api, small: Small, order: Order):
    row = {"namespace": "care", "key": "wash", "type": "boolean", "value": "true"}
    told = heard(small)
    owners = [gid("Order", order.id), gid("Product", small.mug.product_id)]
    found = api.data(SET, {"rows": [{**row, "ownerId": owner} for owner in owners]})["metafieldsSet"]
    assert found["userErrors"] == []
    assert [one["ownerType"] for one in found["metafields"]] == ["ORDER", "PRODUCT"]
    assert [one["owner"]["__typename"] for one in found["metafields"]] == ["Order", "Product"]
    assert told == [("ORDERS_UPDATED", (order.id,)), ("PRODUCTS_UPDATE", (small.mug.product_id,))]
    assert api.data(SET, {"rows": [{**row, "ownerId": owners[0], "value": "yes"}]})["metafieldsSet"]["userErrors"] == [
        {"code": "INVALID_VALUE"}
    ]


def test_a_custom_id_belongs_to_one_owner_of_a_kind_unless_the_store_does_not_mind(api: Api, small: Small):
    row = {"namespace": "sync", "key": "origin", "type": "id", "value": "7"}
    shirt, mug = (gid("Product", one.product_id) for one in (small.shirt, small.mug))
    refused = [{"code": "INVALID_TYPE"}]
    assert api.data(SET, {"rows": [{**row, "ownerId": shirt}]})["metafieldsSet"]["userErrors"] == refused
    metafields.define(small.shop, 0, "Product", "sync", "origin", "id")
    for _ in range(2):  # its own value is not in its way
        assert api.data(SET, {"rows": [{**row, "ownerId": shirt}]})["metafieldsSet"]["userErrors"] == []
    assert api.data(SET, {"rows": [{**row, "ownerId": mug}]})["metafieldsSet"]["userErrors"] == [{"code": "TAKEN"}]
    small.shop.knobs.unique_custom_ids = False
    assert api.data(SET, {"rows": [{**row, "ownerId": mug}]})["metafieldsSet"]["userErrors"] == []
    find = "query F($id: ProductIdentifierInput!) { productByIdentifier(identifier: $id) { id } }"
    custom = {name: row[name] for name in ("namespace", "key", "value")}
    assert api.data(find, {"id": {"customId": custom}})["productByIdentifier"] == {"id": shirt}
    delete_shirt(api, small)
    assert api.data(find, {"id": {"customId": custom}})["productByIdentifier"] == {"id": mug}
