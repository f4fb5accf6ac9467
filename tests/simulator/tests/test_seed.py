"""The demo stores hold the mess that the product must cope with, and hold it the same way each time."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from tests.simulator.demo.seed import seed_demo
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Shop


def stores(**arguments) -> list[Shop]:
    return seed_demo(SimpleNamespace(shops={}, clock=Clock(frozen_at=1_795_000_000)), **arguments)


@pytest.fixture(scope="module")
def demo() -> list[Shop]:
    return stores()


def skus(shop: Shop) -> list[str | None]:
    return [item.sku for item in shop.items.values()]


def picture(shop: Shop) -> list[tuple]:
    """Everything that could differ between two runs."""
    variants = [(v.id, v.item_id, v.barcode, v.price, shop.items[v.item_id].sku) for v in shop.variants.values()]
    levels = [(key, level.available, level.is_active) for key, level in shop.levels.items()]
    return [[(p.id, p.handle, p.title) for p in shop.products.values()], variants, levels, list(shop.locations)]


def test_there_is_one_source_with_two_destinations_in_three_currencies(demo):
    assert [shop.domain.split(".")[0] for shop in demo] == ["source-store", "north-store", "south-store"]
    assert [shop.currency for shop in demo] == ["USD", "EUR", "GBP"]
    assert [len(shop.locations) for shop in demo] == [3, 3, 3]
    assert all(len(shop.variants) >= 300 for shop in demo)


def test_the_same_seed_gives_the_same_stores_and_another_one_does_not(demo):
    assert [picture(shop) for shop in stores()] == [picture(shop) for shop in demo]
    assert [picture(shop) for shop in stores(seed=2)] != [picture(shop) for shop in demo]


def test_some_skus_are_missing_blank_doubled_and_spelled_differently(demo):
    source, north, south = (skus(shop) for shop in demo)
    assert None in source
    assert any(sku is not None and not sku.strip() for sku in source)
    assert [sku for sku, times in Counter(source).items() if sku and sku.strip() and times > 1]
    assert [sku for sku in north if sku and sku not in source and sku.upper() in source]
    assert [sku for sku in south if sku and sku not in source and sku.strip() in source]


def test_some_barcodes_are_shared_within_a_store(demo):
    for shop in demo:
        times = Counter(variant.barcode for variant in shop.variants.values() if variant.barcode)
        assert max(times.values()) > 1


def test_some_handles_and_variant_sets_differ_between_the_stores(demo):
    source, north, south = demo
    by_title = [{p.title: (p.handle, len(p.variant_ids)) for p in shop.products.values()} for shop in demo]
    shared = by_title[0].keys() & by_title[1].keys() & by_title[2].keys()
    assert [t for t in shared if by_title[0][t][0] != by_title[1][t][0]]
    assert [t for t in shared if by_title[0][t][1] > by_title[1][t][1]]
    assert [t for t in shared if by_title[0][t][1] < by_title[2][t][1]]
    assert len(south.products) < len(source.products) == len(north.products)


def test_there_are_untracked_items_a_bundle_a_gift_card_and_products_that_are_not_active(demo):
    for shop in demo:
        assert [item for item in shop.items.values() if not item.tracked]
        assert [variant for variant in shop.variants.values() if variant.requires_components]
        assert [product for product in shop.products.values() if product.product_type == "Gift Cards"]
        assert {"ACTIVE", "ARCHIVED", "DRAFT"} <= {product.status for product in shop.products.values()}


def test_some_stock_is_negative_and_some_items_are_not_stocked_everywhere(demo):
    for shop in demo:
        assert min(level.available for level in shop.levels.values()) < 0
        places = Counter(len(item.level_locations) for item in shop.items.values())
        assert places[1] and places[2] and places[3]
        assert not places[0]


def test_some_ids_are_too_large_for_a_float(demo):
    for shop in demo:
        assert max(shop.items) > 2**53 > min(shop.items)
        assert max(shop.locations) > 2**53 or max(shop.variants) > 2**53


@pytest.mark.parametrize(("sku", "units"), [("DEMO-ONE-WAY", 20), ("DEMO-TWO-WAY", 50)])
def test_the_products_of_the_guides_scenarios_start_with_the_figures_of_the_guides(demo, sku, units):
    for shop in demo:
        item = next(item for item in shop.items.values() if item.sku == sku)
        first, *others = shop.locations
        assert shop.levels[item.id, first].available == units
        assert sum(level.available for level in shop.levels_of(item.id)) == units
        assert item.tracked


def test_a_big_source_has_exactly_the_variants_asked_for_and_equal_stock_beyond_the_mess():
    source, north, south = stores(variants=2_000)
    assert len(source.variants) == 2_000
    assert abs(len(north.variants) - 2_000) < 50
    assert abs(len(south.variants) - 2_000) < 50
    last = list(source.items.values())[-1]
    for shop in (north, south):
        other = next(item for item in reversed(shop.items.values()) if item.sku == last.sku)
        assert [level.available for level in shop.levels_of(other.id)] == [
            level.available for level in source.levels_of(last.id)
        ]


def test_a_small_number_of_variants_is_kept_too():
    assert len(stores(variants=40)[0].variants) == 40
