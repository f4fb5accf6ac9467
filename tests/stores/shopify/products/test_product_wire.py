"""Whole products, read and written, against the simulator over real HTTP."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from stores.shopify import gids
from stores.shopify.auth import StaticToken
from stores.shopify.client import Client
from stores.shopify.errors import ServerError, UserErrors
from stores.shopify.gids import GidError
from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.products import deletion, product_heads, product_records, product_writes, publications
from stores.shopify.products.media import read_media
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from stores.shopify.throttle import LocalBucket
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.stores.shopify.wire import VERSION

DOMAIN = "north-store.myshopify.com"


class Store:
    """A simulated store without products, and a client of it; sleeping moves its clock."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator, self.shop = simulator, simulator.add_shop(DOMAIN, name="North")
        self.shop.add_location("Here", at=simulator.clock.whole_seconds())
        tokens = StaticToken(simulator.static_token(DOMAIN))
        bucket = LocalBucket(clock=simulator.clock.seconds)
        self.client = Client(f"{url}/{DOMAIN}", VERSION, tokens, bucket, sleep=simulator.clock.advance)
        self.read = partial(product_records.read_whole_product, self.client)

    def create(self, title: str = "Shirt", sizes: int = 2, **more) -> ProductRecord:
        names = [f"Size {number}" for number in range(sizes)]
        made = product_writes.set_product(
            self.client,
            None,
            {
                "title": title,
                "productOptions": [{"name": "Size", "values": [{"name": name} for name in names]}],
                "variants": [
                    {"optionValues": [{"optionName": "Size", "name": name}], "sku": f"{title}-{name}", "price": "10"}
                    for name in names
                ],
            }
            | more,
        )
        return self.read(made.gid)

    def calls(self, name: str) -> int:
        return self.shop.counters.operations[name]


@pytest.fixture
def store() -> Iterator[Store]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        yield Store(simulator, simulator.serve())


def picture(store: Store, name: str = "front.png") -> str:
    return url_of(store.shop, drawn_file(store.shop, name, store.simulator.clock.whole_seconds()))


def test_what_was_written_is_what_is_read(store):
    item = {
        "cost": "4.5",
        "tracked": True,
        "requiresShipping": True,
        "countryCodeOfOrigin": "DE",
        "harmonizedSystemCode": "610910",
        "measurement": {"weight": {"value": 0.25, "unit": "KILOGRAMS"}},
    }
    made = product_writes.set_product(
        store.client,
        None,
        {
            "title": "Shirt",
            "handle": "my-shirt",
            "descriptionHtml": "<script>1</script>",
            "vendor": "Acme",
            "productType": "Shirts",
            "tags": ["b", "A"],
            "status": "DRAFT",
            "seo": {"title": "T", "description": "D"},
            "productOptions": [{"name": "Title", "values": [{"name": "Default Title"}]}],
            "variants": [
                {
                    "optionValues": [{"optionName": "Title", "name": "Default Title"}],
                    "sku": "S",
                    "barcode": "400",
                    "price": "12.5",
                    "compareAtPrice": "20",
                    "taxable": False,
                    "inventoryPolicy": "CONTINUE",
                    "inventoryItem": item,
                }
            ],
            "metafields": [{"namespace": "custom", "key": "care", "type": "single_line_text_field", "value": "wash"}],
        },
    )
    read = store.read(made.gid)
    assert made.handle == read.handle == "my-shirt"
    assert (read.title, read.description_html, read.vendor, read.product_type) == (
        "Shirt",
        "<script>1</script>",
        "Acme",
        "Shirts",
    )
    assert (read.tags, read.status, read.seo_title, read.seo_description) == (("A", "b"), "DRAFT", "T", "D")
    assert read.metafields == (MetafieldRecord("custom", "care", "single_line_text_field", "wash"),)
    assert read.has_only_default_variant
    (variant,) = read.variants
    assert (variant.sku, variant.barcode, variant.taxable, variant.tracked) == ("S", "400", False, True)
    assert (variant.price, variant.compare_at_price, variant.cost) == (Decimal("12.5"), Decimal(20), Decimal("4.5"))
    assert (variant.weight, variant.weight_unit, variant.country_of_origin) == (Decimal("0.25"), "KILOGRAMS", "DE")
    assert (variant.inventory_policy, variant.harmonized_system_code) == ("CONTINUE", "610910")


def test_products_come_in_the_order_asked_and_those_that_are_gone_are_left_out(store):
    one, two = store.create("One"), store.create("Two")
    asked = [two.gid, gids.gid("Product", 404), one.gid]
    assert [record.title for record in product_records.read_products(store.client, asked)] == ["Two", "One"]
    assert product_records.read_whole_product(store.client, asked[1]) is None


def test_many_products_are_read_25_at_a_time(store):
    made = [store.create(f"P{number}", sizes=1).gid for number in range(30)]
    store.simulator.reset_counters()
    assert [record.gid for record in product_records.read_products(store.client, made)] == made
    assert store.calls("nodes") == 2
    assert [record.gid for record in product_records.iter_products(store.client)] == made
    assert [head.gid for head in product_heads.iter_product_heads(store.client)] == made


def test_a_product_of_many_variants_is_written_and_read_whole(store):
    record = store.create(sizes=620)
    assert len(record.variants) == 620
    assert record.variants[-1].sku == "Shirt-Size 619"
    assert [variant.position for variant in record.variants] == list(range(1, 621))
    assert store.calls("productOperation") >= 1


def test_an_operation_that_takes_its_time_is_waited_for(store):
    store.shop.knobs.job_seconds = 20
    assert len(store.create(sizes=150).variants) == 150
    assert store.calls("productOperation") > 1


def test_an_operation_that_does_not_end_leaves_its_outcome_unknown(store):
    store.shop.knobs.job_seconds = 10_000
    with pytest.raises(ServerError, match="busy with the product") as raised:
        store.create(sizes=150)
    assert raised.value.outcome_unknown


def test_a_list_that_is_sent_replaces_and_one_that_is_not_stays(store):
    record = store.create(sizes=3)
    product_writes.set_product(store.client, {"id": record.gid}, {"title": "Other"})
    assert len(store.read(record.gid).variants) == 3
    kept = record.variants[0]
    row = {"id": kept.gid, "optionValues": [{"optionName": "Size", "name": "Size 0"}]}
    options = [{"id": record.options[0].gid, "name": "Size", "values": [{"name": "Size 0"}]}]
    product_writes.set_product(store.client, {"id": record.gid}, {"productOptions": options, "variants": [row]})
    (only,) = store.read(record.gid).variants
    assert (only.gid, only.sku, only.price) == (kept.gid, kept.sku, kept.price)


def test_a_handle_that_is_taken_is_told_by_its_code(store):
    store.create(handle="mine")
    with pytest.raises(UserErrors) as raised:
        store.create("Other", handle="mine")
    assert product_writes.has_code(raised.value, product_writes.HANDLE_NOT_UNIQUE)
    assert product_heads.find_by_handle(store.client, "mine")
    assert product_heads.find_by_handle(store.client, "yours") is None


def test_refused_operations_say_why(store):
    with pytest.raises(UserErrors, match="cannot be written"):
        store.create(sizes=150, handle="x" * 3, metafields=[{"namespace": "custom", "key": "k", "value": "no type"}])


def test_images_are_fetched_and_their_fate_is_told(store):
    store.shop.knobs.media_seconds = 10
    record = store.create(files=[{"originalSource": picture(store), "alt": "front", "contentType": "IMAGE"}])
    (media,) = record.media
    assert media == MediaRecord(media.gid, "IMAGE", "front", media.status, "") and media.status != "READY"
    store.simulator.clock.advance(20)
    (ready,) = store.read(record.gid).media
    assert ready.status == "READY" and ready.url
    (state, gone) = read_media(store.client, [media.gid, gids.gid("MediaImage", 404)])
    assert (state.status, state.url, state.error) == ("READY", ready.url, "")
    assert not gone.exists
    product_writes.update_files(store.client, [{"id": media.gid, "alt": "back"}])
    assert store.read(record.gid).media[0].alt == "back"


def test_an_image_that_cannot_be_fetched_says_why(store):
    store.shop.knobs.media_fails = True
    record = store.create(files=[{"originalSource": picture(store), "contentType": "IMAGE"}])
    (state,) = read_media(store.client, [record.media[0].gid])
    assert state.status == "FAILED" and state.error


def test_a_variant_has_the_image_it_was_given(store):
    url = picture(store)
    record = store.create(files=[{"originalSource": url, "contentType": "IMAGE"}])
    store.simulator.clock.advance(20)
    media = store.read(record.gid).media[0]
    product_writes.update_variants(store.client, record.gid, [{"id": record.variants[1].gid, "mediaId": media.gid}])
    assert [variant.media_gid for variant in store.read(record.gid).variants] == ["", media.gid]


def test_variants_are_changed_250_at_a_time_and_the_others_stay(store):
    record = store.create(sizes=300)
    store.simulator.reset_counters()
    rows = [{"id": variant.gid, "price": "7.00"} for variant in record.variants[:260]]
    product_writes.update_variants(store.client, record.gid, rows)
    assert store.calls("productVariantsBulkUpdate") == 2
    prices = [variant.price for variant in store.read(record.gid).variants]
    assert prices == [Decimal(7)] * 260 + [Decimal(10)] * 40
    product_writes.update_variants(store.client, record.gid, [])
    assert store.calls("productVariantsBulkUpdate") == 2


def test_a_variant_that_is_gone_refuses_the_call(store):
    record = store.create()
    with pytest.raises(UserErrors, match="cannot be written"):
        product_writes.update_variants(store.client, record.gid, [{"id": gids.gid("ProductVariant", 404)}])


def test_metafields_are_set_25_at_a_time_and_deleted(store):
    record = store.create()
    rows = [
        {"ownerId": record.gid, "namespace": "custom", "key": f"k{n}", "type": "number_integer", "value": str(n)}
        for n in range(60)
    ]
    store.simulator.reset_counters()
    product_writes.set_metafields(store.client, rows)
    assert store.calls("metafieldsSet") == 3
    assert len(store.read(record.gid).metafields) == 60
    gone = [{"ownerId": record.gid, "namespace": "custom", "key": f"k{n}"} for n in range(59)]
    product_writes.delete_metafields(store.client, gone)
    product_writes.delete_metafields(store.client, gone)
    assert [row.key for row in store.read(record.gid).metafields] == ["k59"]


def test_a_product_goes_on_and_off_its_channels(store):
    record = store.create()
    channels = publications.list_publications(store.client)
    assert channels and all(channel.name for channel in channels)
    every = [channel.gid for channel in channels]
    for _ in range(2):
        publications.publish(store.client, record.gid, every)
    assert set(store.read(record.gid).publication_gids) == set(every)
    for _ in range(2):
        publications.unpublish(store.client, record.gid, every[:1])
    assert set(store.read(record.gid).publication_gids) == set(every[1:])
    publications.publish(store.client, record.gid, [])


def test_a_product_is_deleted_once_and_then_it_is_gone(store):
    record = store.create()
    assert deletion.delete(store.client, record.gid)
    assert not deletion.delete(store.client, record.gid)
    assert store.read(record.gid) is None


def test_a_malformed_id_never_reaches_the_store(store):
    with pytest.raises(GidError):
        store.read("gid://shopify/ProductVariant/1")
    with pytest.raises(GidError):
        product_writes.update_variants(store.client, gids.gid("Product", 1), [{"id": "1"}])
    with pytest.raises(GidError):
        publications.publish(store.client, gids.gid("Product", 1), ["Online Store"])
    assert sum(store.shop.counters.operations.values()) == 0


def test_all_metafields_of_variants_are_read_with_them(store):
    made = store.create(sizes=3)
    few, many = made.variants[1].gid, made.variants[2].gid
    rows = [{"ownerId": few, "key": "care"}, *({"ownerId": many, "key": f"key{number}"} for number in range(23))]
    values = {"namespace": "custom", "type": "single_line_text_field", "value": "wash"}
    product_writes.set_metafields(store.client, [values | row for row in rows])
    before = store.shop.counters.requests
    none, one, all_of_them = store.read(made.gid).variants
    assert (none.metafields, [row.key for row in one.metafields]) == ((), ["care"])
    assert {row.key for row in all_of_them.metafields} == {f"key{number}" for number in range(23)}
    assert store.shop.counters.requests - before == 2  # one for the product, one for what a page of them does not hold


def test_a_whole_batch_costs_what_is_set_aside_for_it_and_less_than_a_document_may(store):
    made = [store.create(f"Shirt {number}").gid for number in range(product_records.PRODUCTS_PER_READ)]
    product_records.read_products(store.client, made)
    assert 800 < store.client._learned_costs[product_records.READ_PRODUCTS] <= product_records.READ_COST < 1000
