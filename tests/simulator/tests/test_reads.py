"""Rows 12 to 14, 24, 35, 36 and 46 of tests/simulator/README.md: paging, search, ids, totals, hidden locations."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small

PRODUCTS = """query P($first: Int, $last: Int, $after: String, $before: String, $reverse: Boolean, $query: String,
  $sort: ProductSortKeys = ID) { products(first: $first, last: $last, after: $after, before: $before, reverse: $reverse,
  query: $query, sortKey: $sort) { nodes { title } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor
  startCursor } } }"""


def titles(connection: dict) -> list[str]:
    return [node["title"] for node in connection["nodes"]]


@pytest.fixture
def many(small: Small) -> Small:
    at = small.sim.clock.whole_seconds() - 1000
    for number in range(20):
        product = small.shop.add_product(f"P{number:02}", at=at + number)
        small.shop.add_variant(product, at=at + number, sku=f"P-{number}", stock={small.here: number})
    return small


# Row 12


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({}, "one of first or last"),
        ({"first": 251}, "cannot exceed 250"),
        ({"first": 1, "last": 1}, "both first and last"),
    ],
)
def test_a_page_needs_a_size_of_at_most_250(api: Api, size, words):
    answer = api(PRODUCTS, size)
    assert words in answer["errors"][0]["message"]
    assert answer["data"] is None


def test_every_product_appears_once_whatever_the_page_size(api: Api, many: Small):
    everything = titles(api.data(PRODUCTS, {"first": 250})["products"])
    assert len(everything) == 23
    for size in (1, 7, 23):
        found, after = [], None
        while True:
            page = api.data(PRODUCTS, {"first": size, "after": after})["products"]
            found += titles(page)
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert found == everything


def test_pages_run_backwards_and_in_reverse(api: Api, many: Small):
    everything = titles(api.data(PRODUCTS, {"first": 250})["products"])
    last = api.data(PRODUCTS, {"last": 5})["products"]
    assert titles(last) == everything[-5:]
    assert last["pageInfo"]["hasPreviousPage"] is True
    assert last["pageInfo"]["hasNextPage"] is False
    earlier = api.data(PRODUCTS, {"last": 5, "before": last["pageInfo"]["startCursor"]})["products"]
    assert titles(earlier) == everything[-10:-5]
    first = api.data(PRODUCTS, {"first": 5, "reverse": True})["products"]
    assert titles(first) == everything[::-1][:5]
    second = api.data(PRODUCTS, {"first": 5, "reverse": True, "after": first["pageInfo"]["endCursor"]})["products"]
    assert titles(second) == everything[::-1][5:10]


def test_a_product_updated_while_somebody_pages_moves_under_updated_at(api: Api, many: Small):
    page = api.data(PRODUCTS, {"first": 10, "sort": "UPDATED_AT"})["products"]
    moved = page["nodes"][0]["title"]
    product = next(row for row in many.shop.products.values() if row.title == moved)
    variant = many.shop.variants[product.variant_ids[0]]
    many.sim.adjust(DOMAIN, variant.item_id, many.here, 1)
    after = page["pageInfo"]["endCursor"]
    rest = api.data(PRODUCTS, {"first": 250, "sort": "UPDATED_AT", "after": after})["products"]
    assert titles(rest)[-1] == moved


def test_a_cursor_is_opaque_and_nonsense_is_refused(api: Api):
    assert api.codes(PRODUCTS, {"first": 1, "after": "nonsense"}) == ["INVALID_FIELD_ARGUMENTS"]


# Row 13


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("title:Shirt", {"Shirt"}),
        ("sku:MUG", {"Mug"}),
        ("sku:mug OR barcode:4001", {"Mug", "Shirt"}),
        ("tag:summer tag:cotton", {"Shirt"}),
        ("tag:summer AND tag:kitchen", set()),
        ("-tag:summer", {"Mug", "Gift wrap"}),
        ("NOT tag:summer status:active", {"Mug", "Gift wrap"}),
        ("(tag:summer OR tag:kitchen) -sku:MUG", {"Shirt"}),
        ('title:"Gift wrap"', {"Gift wrap"}),
        ("title:gif*", {"Gift wrap"}),
        ("handle:gift-wrap", {"Gift wrap"}),
        ("shirt", {"Shirt"}),
        ("created_at:>2000-01-01", {"Shirt", "Mug", "Gift wrap"}),
        ("updated_at:<'2000-01-01T00:00:00Z'", set()),
    ],
)
def test_search_understands_shopifys_language(api: Api, query, found):
    assert set(titles(api.data(PRODUCTS, {"first": 50, "query": query})["products"])) == found


def test_an_unknown_search_key_is_ignored_with_a_warning_and_everything_comes_back(api: Api):
    answer = api(PRODUCTS, {"first": 50, "query": "colour:red"})
    assert len(answer["data"]["products"]["nodes"]) == 3
    [search] = answer["extensions"]["search"]
    assert search["warnings"][0]["field"] == "colour"
    assert search["path"] == ["products"]


def test_a_metafield_filter_that_is_not_set_up_is_an_error_since_2026_10(api: Api):
    assert api.codes(PRODUCTS, {"first": 50, "query": "metafields.my.key:1"}) == ["INVALID_FIELD_ARGUMENTS"]


def test_a_range_over_ids_windows_the_items(api: Api, small: Small):
    ids = sorted(small.shop.items)
    query = f"id:>{ids[0]} id:<={ids[1]}"
    answer = api.data("query Q($q: String) { inventoryItems(first: 10, query: $q) { nodes { id } } }", {"q": query})
    assert answer["inventoryItems"]["nodes"] == [{"id": gid("InventoryItem", ids[1])}]


def test_an_instant_stands_in_quotes_and_has_whole_seconds(api: Api, small: Small):
    small.sim.clock.advance(0.5)
    small.sim.adjust(DOMAIN, small.mug.item_id, small.here, 1)
    updated = api.data('{ products(first: 1, query: "sku:MUG") { nodes { updatedAt } } }')["products"]["nodes"][0]
    assert updated["updatedAt"].endswith("Z") and "." not in updated["updatedAt"]
    newer = api.data(PRODUCTS, {"first": 9, "query": f"updated_at:>'{updated['updatedAt']}'"})["products"]
    assert titles(newer) == []  # row 36: of the same second, so `>` misses it
    same = api.data(PRODUCTS, {"first": 9, "query": f"updated_at:>='{updated['updatedAt']}'"})["products"]
    assert titles(same) == ["Mug"]


# Row 14


def test_search_misses_what_is_new_and_ids_do_not(api: Api, small: Small):
    small.shop.knobs.search_lag_seconds = 30
    product = small.shop.add_product("Fresh", at=small.sim.clock.whole_seconds())
    assert titles(api.data(PRODUCTS, {"first": 9, "query": "title:Fresh"})["products"]) == []
    by_id = api.data("query Q($id: ID!) { product(id: $id) { title } }", {"id": gid("Product", product.id)})
    assert by_id["product"] == {"title": "Fresh"}
    small.sim.clock.advance(30)
    assert titles(api.data(PRODUCTS, {"first": 9, "query": "title:Fresh"})["products"]) == ["Fresh"]


# Row 24


def test_ids_are_gids_some_beyond_what_a_float_can_hold(api: Api, small: Small):
    numbers = [*small.shop.items, *small.shop.variants, *small.shop.products, *small.shop.locations]
    assert any(number > 2**53 and int(float(number)) != number for number in numbers)
    answer = api.data("{ productVariants(first: 9) { nodes { id legacyResourceId } } }")
    node = answer["productVariants"]["nodes"][-1]
    assert node["id"] == f"gid://shopify/ProductVariant/{node['legacyResourceId']}"


def test_a_level_gid_names_its_location_by_another_number_and_its_item_in_the_query_string(api: Api, small: Small):
    item = gid("InventoryItem", small.mug.item_id)
    document = (
        f'{{ inventoryItem(id: "{item}") {{ inventoryLevels(first: 9) {{ nodes {{ id location {{ id }} }} }} }} }}'
    )
    nodes = api.data(document)["inventoryItem"]["inventoryLevels"]["nodes"]
    assert all(node["id"].endswith(f"?inventory_item_id={small.mug.item_id}") for node in nodes)
    assert str(small.here) not in nodes[0]["id"]
    found = api.data(f'{{ node(id: "{nodes[0]["id"]}") {{ id ... on InventoryLevel {{ isActive }} }} }}')
    assert found["node"] == {"id": nodes[0]["id"], "isActive": True}


def test_an_unknown_id_is_null_and_one_of_another_kind_is_an_error(api: Api, small: Small):
    assert api.data('{ product(id: "gid://shopify/Product/1") { id } }') == {"product": None}
    assert api.data('{ node(id: "gid://shopify/Order/1") { id } }') == {"node": None}
    assert api.codes(f'{{ product(id: "{gid("Location", small.here)}") {{ id }} }}') == ["RESOURCE_NOT_FOUND"]
    assert api.codes('{ node(id: "gid://shopify/Nonsense/1") { id } }') == ["RESOURCE_NOT_FOUND"]
    assert "data" not in api('{ product(id: "123") { id } }')


def test_nodes_come_in_the_order_asked_with_nulls_for_what_is_gone(api: Api, small: Small):
    ids = [gid("Product", 1), gid("InventoryItem", small.mug.item_id), gid("Product", small.shirt.product_id)]
    document = """query N($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on InventoryItem { sku tracked }
      ... on Product { title } } }"""
    assert api.data(document, {"ids": ids})["nodes"] == [
        None,
        {"__typename": "InventoryItem", "id": ids[1], "sku": "MUG", "tracked": True},
        {"__typename": "Product", "id": ids[2], "title": "Shirt"},
    ]


# Rows 35 and 36


def test_total_inventory_lags_and_the_variant_does_not(api: Api, small: Small):
    small.shop.knobs.totals_lag_seconds = 20
    small.sim.adjust(DOMAIN, small.mug.item_id, small.here, 7)
    document = '{ products(first: 1, query: "sku:MUG") { nodes { totalInventory variants(first: 1) {'
    document += " nodes { inventoryQuantity } } } } }"
    node = api.data(document)["products"]["nodes"][0]
    assert (node["totalInventory"], node["variants"]["nodes"][0]["inventoryQuantity"]) == (5, 12)
    small.sim.clock.advance(20)
    assert api.data(document)["products"]["nodes"][0]["totalInventory"] == 12


def test_a_sale_moves_the_products_updated_at(api: Api, small: Small):
    before = small.shop.products[small.mug.product_id].updated_at
    small.sim.clock.advance(10)
    small.sim.buy(DOMAIN, small.mug.id, 1)
    assert small.shop.products[small.mug.product_id].updated_at == before + 3610


# Row 46


def test_inactive_and_legacy_locations_are_hidden_by_default(api: Api, small: Small):
    at = small.sim.clock.whole_seconds()
    small.shop.add_location("Closed", at=at, is_active=False)
    small.shop.add_location("Old service", at=at, is_legacy=True)
    document = """query L($a: Boolean, $b: Boolean) { locations(first: 9, includeInactive: $a, includeLegacy: $b) {
      nodes { name } } }"""

    def names(**flags) -> list[str]:
        return [node["name"] for node in api.data(document, flags)["locations"]["nodes"]]

    assert names() == ["Here", "There"]
    assert names(a=True) == ["Closed", "Here", "There"]
    assert names(a=True, b=True) == ["Closed", "Here", "Old service", "There"]


# Language


def test_aliases_fragments_and_conditions_work(api: Api, small: Small):
    document = """query Q($id: ID!, $more: Boolean!) {
      a: product(id: $id) { ...Names other: title @include(if: $more) }
      b: product(id: $id) { title @skip(if: $more) handle }
    }
    fragment Names on Product { title ... on Node { id } }"""
    product_id = gid("Product", small.mug.product_id)
    assert api.data(document, {"id": product_id, "more": True}) == {
        "a": {"title": "Mug", "id": product_id, "other": "Mug"},
        "b": {"handle": "mug"},
    }
    assert api.data(document, {"id": product_id, "more": False}) == {
        "a": {"title": "Mug", "id": product_id},
        "b": {"title": "Mug", "handle": "mug"},
    }


def test_what_a_connector_asks_at_connect_time_is_answered(api: Api):
    answer = api.data("""{ currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported }
      shop { id name myshopifyDomain currencyCode ianaTimezone plan { publicDisplayName } }
      inventoryProperties { quantityNames { name comprises } } }""")
    assert answer["shop"]["myshopifyDomain"] == DOMAIN
    assert {"handle": "2026-10", "supported": True} in answer["publicApiVersions"]
    assert {"handle": "write_inventory"} in answer["currentAppInstallation"]["accessScopes"]


def test_the_schema_can_be_introspected_alone(api: Api):
    assert api.data("{ __schema { queryType { name } } }") == {"__schema": {"queryType": {"name": "QueryRoot"}}}
    assert api.send("{ __schema { queryType { name } } shop { name } }").status_code == 501
