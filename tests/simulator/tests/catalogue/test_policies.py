"""Row 76 of tests/simulator/README.md: a variant whose inventory policy cannot be changed."""

from __future__ import annotations

from tests.simulator.state.gids import gid
from tests.simulator.tests.catalogue.test_products import BULK
from tests.simulator.tests.conftest import Api, Small


def test_a_policy_that_cannot_be_changed_refuses_the_whole_batch_and_nothing_else(api: Api, small: Small):
    small.shirt.refuses_policy = True
    product, row = gid("Product", small.shirt.product_id), {"id": gid("ProductVariant", small.shirt.id)}
    rows = [row | {"inventoryPolicy": "CONTINUE", "price": "3"}]
    answer = api.data(BULK, {"id": product, "rows": rows, "partly": False})["productVariantsBulkUpdate"]
    assert answer["userErrors"] == [{"code": "INVALID_INPUT", "field": ["variants", "0", "inventoryPolicy"]}]
    assert (small.shirt.inventory_policy, small.shirt.price) == ("DENY", "10.00")
    rows = [row | {"inventoryPolicy": "DENY", "price": "3"}]
    answer = api.data(BULK, {"id": product, "rows": rows, "partly": False})["productVariantsBulkUpdate"]
    assert (answer["userErrors"], small.shirt.price) == ([], "3.00")
