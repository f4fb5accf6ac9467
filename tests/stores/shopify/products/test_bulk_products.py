"""Whole products read by bulk queries are what pages of them say, or are not among them at all."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from stores.shopify import bulk, errors, gids
from stores.shopify.gids import GidError
from stores.shopify.inventory import read_levels
from stores.shopify.products import bulk_products, product_records, product_writes, publications
from stores.shopify.products.bulk_products import BulkReading
from stores.shopify.products.product_records import ProductRecord
from tests.simulator.events.catalogue import hands
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.stores.shopify.products.test_product_wire import Store, picture

HOUR_SECONDS = 3600


@pytest.fixture
def store() -> Iterator[Store]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        yield Store(simulator, simulator.serve())


def read(store: Store, *product_gids: str, **more) -> BulkReading:
    return bulk_products.read_products_in_bulk(store.client, product_gids, poll_seconds=0.01, **more)


def all_gids(store: Store) -> list[str]:
    return [gids.gid("Product", number) for number in sorted(store.shop.products)]


def with_images(store: Store, title: str, count: int) -> ProductRecord:
    files = [{"originalSource": picture(store, f"{title}{n}.png"), "contentType": "IMAGE"} for n in range(count)]
    return store.create(title, files=files)


def metafields(owner_gid: str, count: int) -> list[dict]:
    row = {"ownerId": owner_gid, "namespace": "custom", "type": "single_line_text_field", "value": "wash"}
    return [row | {"key": f"key{number}"} for number in range(count)]


def in_no_order(record: ProductRecord) -> ProductRecord:
    """A record without the order of lists that has no meaning."""
    by_key = partial(sorted, key=lambda row: (row.namespace, row.key))
    return replace(
        record,
        metafields=tuple(by_key(record.metafields)),
        variants=tuple(replace(each, metafields=tuple(by_key(each.metafields))) for each in record.variants),
        publication_gids=tuple(sorted(record.publication_gids)),
        scheduled=tuple(sorted(record.scheduled)),
    )


def stock_with_odd_products(store: Store) -> None:
    plain = store.create("Plain", sizes=1)
    for count in (1, 2, 3, 5):
        made = with_images(store, f"Pictured {count}", count)
        store.shop.products[gids.number(made.gid)].file_ids.reverse()
    store.simulator.clock.advance(60)
    pictured = store.read(made.gid)
    rows = [{"id": pictured.variants[1].gid, "mediaId": pictured.media[3].gid}]
    product_writes.update_variants(store.client, pictured.gid, rows)
    many = store.create("Many", sizes=300)
    product_writes.set_metafields(store.client, metafields(plain.gid, 60))
    product_writes.set_metafields(store.client, metafields(many.variants[7].gid, 23) + metafields(many.gid, 2))
    channels = publications.list_publications(store.client)
    publications.publish(store.client, plain.gid, [channel.gid for channel in channels])
    later = store.simulator.clock.whole_seconds() + HOUR_SECONDS
    hands.publish(
        store.shop, store.simulator.clock, store.shop.products[gids.number(many.gid)], "Online Store", at=later
    )
    card = store.create("Card", sizes=1)
    store.shop.products[gids.number(card.gid)].is_gift_card = True
    store.create("Draft", status="DRAFT", vendor="Acme", tags=["b", "A"], descriptionHtml="<b>“ä”</b>\n")


def test_products_of_all_kinds_are_what_pages_say(store):
    stock_with_odd_products(store)
    asked = all_gids(store)
    paged = {record.gid: in_no_order(record) for record in product_records.read_products(store.client, asked)}
    store.simulator.reset_counters()
    found = read(store, *asked).records
    assert {gid: in_no_order(record) for gid, record in found.items()} == paged
    assert {len(record.media) for record in found.values()} == {0, 1, 2, 3, 5}
    assert any(record.scheduled for record in found.values())
    assert store.calls("bulkOperationRunQuery") == 2
    assert store.calls("nodes") == 1  # the order of three images and more


def test_only_what_is_asked_for_is_read_and_what_is_gone_is_not_among_it(store):
    made = [store.create(f"P{number}", sizes=1).gid for number in range(5)]
    assert set(read(store, made[3], gids.gid("Product", 404), made[1]).records) == {made[1], made[3]}
    assert read(store).records == {}
    with pytest.raises(GidError):
        read(store, gids.gid("ProductVariant", 1))


def test_it_costs_the_same_however_many_they_are(store):
    asked = [store.create(f"P{number}", sizes=1).gid for number in range(40)]
    store.simulator.reset_counters()
    assert len(read(store, *asked).records) == 40
    polls = store.calls("bulkOperation")
    assert store.shop.counters.points == 20 + polls


def test_levels_come_with_the_variants(store):
    place = gids.gid("Location", next(iter(store.shop.locations)))
    other = gids.gid("Location", store.shop.add_location("Else", at=store.simulator.clock.whole_seconds()).id)
    stocked = {"inventoryQuantities": [{"locationId": place, "name": "available", "quantity": 7}]}
    row = {"optionValues": [{"optionName": "Size", "name": "S"}], "inventoryItem": {"tracked": True}}
    options = [{"name": "Size", "values": [{"name": "S"}]}]
    made = store.create("Stocked", productOptions=options, variants=[row | stocked])
    bare = store.create("Bare", sizes=1)
    item = made.variants[0].item_gid
    found = read(store, made.gid, bare.gid, location_gids=[place, other])
    (level,) = read_levels(store.client, place, [item])
    assert found.levels == {(place, item): level.available} == {(place, item): 7}


@pytest.mark.parametrize("what", ["title", "variants", "price"])
def test_what_changes_between_the_files_is_left_to_be_read_by_itself(store, monkeypatch, what):
    kept, changed = store.create("Kept"), store.create("Changed", sizes=3)
    begin = bulk.start_or_find
    clock = store.simulator.clock

    def change_before_the_second(client, query):
        if "BulkProductVariants" in query:
            while any(one.status != "COMPLETED" for one in store.shop.bulk_operations.values()):
                pass
            clock.advance(5)
            if what == "title":
                product_writes.set_product(store.client, {"id": changed.gid}, {"title": "Else"})
            elif what == "price":
                rows = [{"id": changed.variants[0].gid, "price": "7"}]
                product_writes.update_variants(store.client, changed.gid, rows)
            else:  # and no instant tells
                product = store.shop.products[gids.number(changed.gid)]
                del store.shop.variants[product.variant_ids.pop()]
        return begin(client, query)

    monkeypatch.setattr(bulk, "start_or_find", change_before_the_second)
    assert list(read(store, kept.gid, changed.gid).records) == [kept.gid]


@pytest.mark.parametrize("text", ['"title":"Lacks"', '"sku":"Lacks-Size 1"', '"alt":"lacks"'])
def test_a_product_of_which_a_line_lacks_is_left_out(store, text):
    file = {"originalSource": picture(store), "contentType": "IMAGE", "alt": "lacks"}
    kept, lacking = store.create("Kept"), store.create("Lacks", files=[file])
    store.shop.knobs.bulk_leaves_out = text
    assert list(read(store, kept.gid, lacking.gid).records) == [kept.gid]


def test_a_file_that_holds_less_than_was_counted_is_not_used(store):
    made = store.create()
    store.shop.knobs.bulk_loses = '"sku":"Shirt-Size 1"'
    with pytest.raises(errors.BulkFailed) as raised:
        read(store, made.gid)
    assert raised.value.error_code == "INCOMPLETE"


def test_both_are_cancelled_when_they_take_too_long(store):
    made = store.create()
    store.shop.knobs.bulk_delay_seconds = 600.0
    with pytest.raises(errors.BulkFailed) as raised:
        read(store, made.gid, longest_wait=0.0)
    assert raised.value.error_code == "STILL_RUNNING"
    assert store.calls("bulkOperationCancel") == 2


@pytest.mark.parametrize("how", ["close", "internal_error"])
def test_a_start_whose_answer_is_lost_is_found_again(store, how):
    made = store.create()
    store.shop.knobs.bulk_delay_seconds = 5.0
    store.simulator.fault(store.shop.domain, "lost_answer", match="bulkOperationRunQuery", how=how)
    naps = store.simulator.clock.advance
    assert list(read(store, made.gid, sleep=lambda _: naps(1.0)).records) == [made.gid]
    assert store.calls("bulkOperationRunQuery") == 2


def test_one_place_that_is_free_is_given_back(store):
    made = store.create()
    store.shop.knobs.bulk_delay_seconds = 600.0
    for _ in range(4):
        bulk.start(store.client, bulk.BULK_VARIANTS)
    with pytest.raises(errors.TooManyBulkOperations):
        read(store, made.gid)
    assert store.calls("bulkOperationCancel") == 1
