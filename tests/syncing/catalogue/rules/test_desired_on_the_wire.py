"""The rules against a store that is as strict as Shopify: what they ask for is taken, and then nothing differs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from stores.shopify.auth import StaticToken
from stores.shopify.client import Client
from stores.shopify.products import product_records, product_writes, publications
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.throttle import LocalBucket
from syncing.catalogue.rules.desired import Desired, build
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.stores.shopify.wire import VERSION
from tests.support.catalogue.goods import goods, policy, variant

SOURCE, DESTINATION = "source-store.myshopify.com", "north-store.myshopify.com"


class Stage:
    """Two simulated stores, and what the engine does with `Desired`, in short."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator, self.files = simulator, {}
        self.source, self.destination = (self._open(domain, url) for domain in (SOURCE, DESTINATION))
        self.shop = simulator.shop(DESTINATION)

    def _open(self, domain: str, url: str) -> Client:
        shop = self.simulator.add_shop(domain, name=domain)
        shop.add_location("Here", at=self.simulator.clock.whole_seconds())
        tokens = StaticToken(self.simulator.static_token(domain))
        bucket = LocalBucket(clock=self.simulator.clock.seconds)
        return Client(f"{url}/{domain}", VERSION, tokens, bucket, sleep=self.simulator.clock.advance)

    def picture(self, name: str) -> str:
        shop = self.simulator.shop(SOURCE)
        return url_of(shop, drawn_file(shop, name, self.simulator.clock.whole_seconds()))

    def write(self, client: Client, desired: Desired, gid: str = "") -> ProductRecord:
        """Send everything, remember the files, and read what became of it."""
        if desired.product:
            made = product_writes.set_product(client, {"id": gid} if gid else None, desired.product)
            gid = made.gid
            if desired.file_urls:
                assert len(made.media) == len(desired.file_urls)
                pairs = zip(desired.file_urls, made.media, strict=True)
                self.files |= {url: media.gid for url, media in pairs if url}
        product_writes.update_variants(client, gid, desired.variants)
        product_writes.set_metafields(client, [{"ownerId": gid} | row for row in desired.metafields])
        product_writes.delete_metafields(client, [{"ownerId": gid} | row for row in desired.metafields_gone])
        publications.publish(client, gid, desired.publish)
        self.simulator.clock.advance(5)
        return product_records.read_whole_product(client, gid)

    def put_in_source(self, product: ProductRecord, *urls: str) -> ProductRecord:
        """A product of the source as described; images from these addresses."""
        desired = build(product, None, policy(namespaces=frozenset({"custom"})))
        desired.product["files"] = [{"originalSource": url, "alt": f"alt {n}"} for n, url in enumerate(urls)]
        return self.write(self.source, replace(desired, file_urls=()))

    def follow(self, source: ProductRecord, present: ProductRecord | None, how: Policy, written: dict | None = None):
        desired = build(source, present, how, files=self.files, written=written)
        return self.write(self.destination, desired, present.gid if present else ""), desired


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        yield Stage(simulator, simulator.serve())


def everything(stage: Stage, **more) -> Policy:
    channels = tuple(channel.gid for channel in publications.list_publications(stage.destination))
    return policy(namespaces=frozenset({"custom"}), publication_gids=channels, **more)


def shirts(*rows: tuple[str, str], **more) -> ProductRecord:
    listed = (variant(100 + n, *row, barcode=f"40{n}", tracked=True) for n, row in enumerate(rows))
    return goods(*listed, **{"tags": ("b", "A"), "category_gid": "gid://shopify/TaxonomyCategory/aa-1"} | more)


def test_a_product_arrives_and_a_second_look_finds_nothing(stage):
    source = stage.put_in_source(
        shirts(("S", "Red"), ("M", "Red"), ("M", "Blue")), stage.picture("front.png"), stage.picture("back.png")
    )
    how = everything(stage)
    made, first = stage.follow(source, None, how)
    assert (made.handle, made.title, made.tags, made.category_gid) == (
        source.handle,
        "Shirt",
        ("A", "b"),
        "gid://shopify/TaxonomyCategory/aa-1",
    )
    assert [media.alt for media in made.media] == ["alt 0", "alt 1"]
    assert set(made.publication_gids) == set(how.publication_gids)
    again = build(source, made, how, files=stage.files, written=first.written)
    assert (again.is_empty, again.differences, again.conflicts) == (True, [], [])


def test_what_changes_in_the_source_arrives_and_variants_keep_their_ids(stage):
    source = stage.put_in_source(shirts(("S", "Red"), ("M", "Red")), stage.picture("front.png"))
    how = everything(stage)
    made, first = stage.follow(source, None, how)
    desired = build(
        shirts(("M", "Red"), ("S", "Red"), ("L", "Green"), title="Better shirt", tags=("new",)), source, policy()
    )
    desired.product.pop("files", None)
    changed = stage.write(stage.source, desired, source.gid)
    after, second = stage.follow(changed, made, how, first.written)
    assert (after.title, after.tags, after.gid) == ("Better shirt", ("new",), made.gid)
    before = {each.options: each.gid for each in made.variants}
    assert {each.options: each.gid for each in after.variants if each.options in before} == before
    assert len(after.variants) == 3
    assert build(changed, after, how, files=stage.files, written=second.written).is_empty


def test_options_get_another_name_and_variants_keep_their_ids(stage):
    source = stage.put_in_source(
        goods(*(variant(100 + n, size, names=("Größe",)) for n, size in enumerate("SM")), handle="hemd")
    )
    theirs = build(
        goods(*(variant(200 + n, size, names=("Size",)) for n, size in enumerate("SM")), number=2), None, policy()
    )
    present = stage.write(stage.destination, theirs)
    after, first = stage.follow(source, present, everything(stage))
    assert [option.name for option in after.options] == ["Größe"]
    assert [each.gid for each in after.variants] == [each.gid for each in present.variants]
    assert build(source, after, everything(stage), files=stage.files, written=first.written).is_empty


def test_images_are_sent_once_and_then_only_moved(stage):
    one, two = stage.picture("one.png"), stage.picture("two.png")
    source = stage.put_in_source(shirts(("S", "Red")), one, two)
    how = everything(stage)
    made, first = stage.follow(source, None, how)
    files = [{"id": source.media[1].gid}, {"id": source.media[0].gid}]
    product_writes.set_product(stage.source, {"id": source.gid}, {"files": files})
    moved = product_records.read_whole_product(stage.source, source.gid)
    after, second = stage.follow(moved, made, how, first.written)
    assert [media.gid for media in after.media] == [made.media[1].gid, made.media[0].gid]
    assert [media.alt for media in after.media] == ["alt 1", "alt 0"]
    assert all("originalSource" not in row for row in second.product["files"])
    assert build(moved, after, how, files=stage.files, written=second.written).is_empty


def test_a_variant_gets_the_image_that_it_has_in_the_source(stage):
    source = stage.put_in_source(shirts(("S", "Red"), ("M", "Red")), stage.picture("red.png"))
    row = {"id": source.variants[1].gid, "mediaId": source.media[0].gid}
    product_writes.update_variants(stage.source, source.gid, [row])
    source = product_records.read_whole_product(stage.source, source.gid)
    how = everything(stage)
    made, first = stage.follow(source, None, how)
    assert [each.media_gid for each in made.variants] == ["", made.media[0].gid]
    assert build(source, made, how, files=stage.files, written=first.written).is_empty
    bare = stage.write(stage.destination, build(replace(goods(number=7), handle="x"), None, policy()))
    assert bare.media == ()


def test_a_product_of_hundreds_of_variants_arrives_whole_and_a_new_price_is_all_that_is_written(stage):
    sizes = [(f"Size {n}", "Red") for n in range(300)]
    source = stage.put_in_source(shirts(*sizes))
    how = everything(stage)
    made, first = stage.follow(source, None, how)
    assert len(made.variants) == 300
    product_writes.update_variants(stage.source, source.gid, [{"id": source.variants[299].gid, "price": "99.00"}])
    dearer = product_records.read_whole_product(stage.source, source.gid)
    desired = build(dearer, made, how, files=stage.files, written=first.written)
    assert desired.product == {}
    assert desired.variants == [{"id": made.variants[299].gid, "price": "99.00"}]


def test_what_is_ignored_stays_as_the_destination_has_it(stage):
    source = stage.put_in_source(shirts(("S", "Red"), description_html="theirs"))
    how = everything(stage, fields={Field.DESCRIPTION: IGNORE, Field.PRICE: IGNORE, Field.OPTIONS: IGNORE})
    present = stage.write(
        stage.destination,
        build(goods(variant(1, "S", "Red"), variant(2, "XL", "Red"), description_html="ours"), None, policy()),
    )
    after, first = stage.follow(source, present, how)
    assert (after.description_html, len(after.variants), after.tags) == ("ours", 2, ("A", "b"))
    assert [each.price for each in after.variants] == [each.price for each in present.variants]
    assert build(source, after, how, files=stage.files, written=first.written).is_empty
