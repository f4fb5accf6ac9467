"""Real web, real workers, real HTTP, killed at random moments of a first sync: nothing is made twice, nothing is half.

`TIPOSYNC_LONG=1` syncs 120 products under 20 kills.
"""

import os
import random
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from stores.models import CatalogueFile, CatalogueSettings, ProductLink, ResourceLink
from stores.shopify import gids
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun, CatalogueRunItem, StockHold, SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, behave, misbehave, wait_until
from tests.simulator.events import merchant
from tests.simulator.events.catalogue import collection_members
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.simulator.events.catalogue.files import drawn_file
from tests.simulator.mutations import publications
from tests.simulator.state.shop import Product, Shop
from tests.support.catalogue.scene import COLLECTION_WRITES
from tests.support.catalogue.showroom import PRODUCT_TOPICS, PRODUCT_WRITES
from tests.support.places import Place
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS
from tests.support.world import World

PRODUCTS, KILLS = (120, 20) if IS_LONG else (16, 4)
THERE_ALREADY = 4  # every fourth product is in the destination from the start, under another name

pytestmark = [pytest.mark.process, pytest.mark.timeout(2 * PATIENCE_SECONDS)]


@pytest.fixture
def world(serve: Callable[..., World]) -> World:
    """A source full of products and collections, and a destination that has some of the products."""
    world = serve(0, 0, north="one_way")
    source, north = world.places
    for place in world.places:
        for topic in PRODUCT_TOPICS:
            world.sim.subscribe(place.domain, topic, world.address)
    for number in range(PRODUCTS):
        fill(source, number)
        if number % THERE_ALREADY == 0:
            add_old(north, number)
    source.variants = list(source.shop.variants.values())
    products = list(source.shop.products)
    catalogue_hands.add_collection(source.shop, world.sim.clock, "Favourites", products=products[::5])
    catalogue_hands.add_collection(source.shop, world.sim.clock, "All of them", products=products, sort_order="MANUAL")
    tagged = {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["odd"]}}
    catalogue_hands.add_collection(source.shop, world.sim.clock, "Odd ones", conditions=[tagged])
    enqueue.match_connection(world.connections[0])
    world.work()
    return world


def fill(place: Place, number: int) -> None:
    """One of the source's products: some have options, some have images."""
    shop, at = place.shop, place.sim.clock.whole_seconds() - 3600
    tags = ["odd" if number % 2 else "even"]
    fields = {"tags": tags, "vendor": "Acme", "description_html": f"<p>It is number {number}.</p>"}
    sizes = ["S", "M"] if number % 3 == 0 else []
    product = shop.add_product(f"Thing {number}", at=at, option_names=["Size" if sizes else "Title"], **fields)
    for size in sizes or ["Default Title"]:
        add_variant(shop, product, f"T-{number}-{size}", size, f"{number + 1}.50", {place.location_ids[0]: 5 + number})
    product.file_ids = [drawn_file(shop, f"{number}-{n}.png", at, f"Picture {n}").id for n in range(number % 3)]


def add_old(place: Place, number: int) -> None:
    """What the destination has of it: the same SKUs, and nothing else."""
    at, sizes = place.sim.clock.whole_seconds() - 3600, ["S", "M"] if number % 3 == 0 else []
    product = place.shop.add_product(f"Old {number}", at=at, option_names=["Size" if sizes else "Title"])
    for size in sizes or ["Default Title"]:
        add_variant(place.shop, product, f"T-{number}-{size}", size, "1.00", {place.location_ids[0]: 0})


def add_variant(shop: Shop, product: Product, sku: str, size: str, price: str, stock: dict[int, int]) -> None:
    shop.add_variant(product, at=product.created_at, sku=sku, option_values=[size], price=price, stock=stock)


def begin(world: World) -> CatalogueRun:
    """The first sync, under Shopify's limit of a small store."""
    connection, north = world.connections[0], world.places[1]
    channels = [gids.gid("Publication", pk) for pk in north.shop.catalog.publications]
    chosen = {"product_mode": "create_update", "collection_mode": "create_update", "publication_gids": channels}
    CatalogueSettings.objects.create(connection=connection, price_percent=10, **chosen)
    for place in world.places:
        place.shop.knobs.bucket_size, place.shop.knobs.restore_rate = 1000, 200
        place.shop.knobs.media_seconds = 1.0
    run = lifecycle.start(connection, CatalogueRun.Kind.FIRST)
    enqueue.run_catalogue(run)
    return run


def sell_and_kill(world: World, hunt: Hunt, run: CatalogueRun) -> None:
    """Sell and edit in the source until the workers were killed often enough and the first sync is through."""
    source, end = world.places[0], time.monotonic() + PATIENCE_SECONDS
    numbers = list(source.shop.products)
    while hunt.left or is_open(run):
        assert time.monotonic() < end, f"{hunt.left} left; {report(world)}"
        if hunt.dice.random() < 0.2:
            source.buy(hunt.dice.randrange(len(source.variants)))
        if hunt.dice.random() < 0.05:
            number = hunt.dice.choice(numbers)
            title = f"{source.shop.products[number].title} (new)"[:80]
            merchant.change_product(source.shop, world.sim.clock, number, title=title)
        if hunt.dice.random() < 0.1:
            enqueue.sync_content(world.connections[0], compares=True)
        time.sleep(hunt.dice.uniform(0.05, 0.3))
        hunt.go_on()
    hunt.restart()


def is_open(run: CatalogueRun) -> bool:
    run.refresh_from_db(fields=["state"])
    return run.is_under_way


def compare_again(world: World) -> CatalogueRun:
    """What every day does, and every hour: some webhooks were lost."""
    connection = world.connections[0]
    run = lifecycle.start(connection)
    enqueue.run_catalogue(run)
    assert wait_until(lambda: not is_open(run)), report(world)
    enqueue.sync_content(connection, compares=True)
    enqueue.reconcile(connection)
    assert wait_until(lambda: not waiting_jobs().exists()), report(world)
    world.sim.courier.wait_idle(20)
    return run


def waiting_jobs():
    """Other than those that Shopify's own slowness makes wait."""
    return SyncJob.objects.filter(state__in=("queued", "running")).exclude(kind=SyncJob.Kind.FOLLOW_FILES)


@pytest.mark.parametrize("seed", [int(os.environ.get("TIPOSYNC_SEED", "1"))])
def test_workers_killed_at_any_moment_of_a_first_sync_make_each_thing_once(world, processes, seed):
    misbehave(world)
    for place in world.places:
        place.fault("throttled", match="any", count=None, probability=0.03)
    run = begin(world)
    sell_and_kill(world, Hunt(processes, random.Random(seed), KILLS), run)
    behave(world)
    world.sim.courier.wait_idle(20)
    compare_again(world)
    assert wait_until(lambda: is_whole(world)), report(world)
    check_links(world)
    check_collections(world)
    assert not StockHold.objects.filter(state="open").exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()
    world.sim.reset_counters()
    again = compare_again(world)
    assert world.places[1].operations().keys() & {*PRODUCT_WRITES, *COLLECTION_WRITES} == set()
    assert not CatalogueRunItem.objects.filter(run=again).exclude(action="equal").exists()


def is_whole(world: World) -> bool:
    return not differences(world)


def differences(world: World) -> list[str]:
    """What of the destination is not as it should be, product by product."""
    source, north = (place.shop for place in world.places)
    partners = dict(ProductLink.objects.filter(state="linked").values_list("source_gid", "destination_gid"))
    found = [f"{len(north.products)} products in the destination"] if len(north.products) != PRODUCTS else []
    for number, ours in source.products.items():
        partner = partners.get(gids.gid("Product", number))
        theirs = north.products.get(gids.number(partner)) if partner else None
        if theirs is None:
            found.append(f"{ours.title} has no partner")
        elif described(source, ours, Decimal("1.1")) != described(north, theirs):
            found.append(f"{described(source, ours, Decimal('1.1'))} became {described(north, theirs)}")
    return found


def described(shop: Shop, product: Product, factor: Decimal = Decimal(1)) -> tuple:
    variants = [shop.variants[pk] for pk in product.variant_ids]
    place = next(iter(shop.locations))
    rows = [
        (
            shop.items[variant.item_id].sku,
            (Decimal(variant.price) * factor).quantize(Decimal("0.01")),
            shop.levels[variant.item_id, place].available,
        )
        for variant in variants
    ]
    images = [shop.catalog.files[pk].alt for pk in product.file_ids]
    return product.title, product.description_html, product.tags, product.vendor, images, sorted(rows)


def check_links(world: World) -> None:
    """Each product follows once, on every channel, and no picture was fetched more often than it is shown."""
    north = world.places[1].shop
    links = ProductLink.objects.filter(state="linked")
    assert links.count() == PRODUCTS
    old = [gids.gid("Product", pk) for pk, row in north.products.items() if row.handle.startswith("old-")]
    assert set(links.filter(is_created=False).values_list("destination_gid", flat=True)) == set(old)
    for publication in north.catalog.publications.values():
        for link in links.filter(is_created=True):
            made = north.products[gids.number(link.destination_gid)]
            assert publications.listed_at(north, publication, made) is not None, made.title
    shown = [pk for product in north.products.values() for pk in product.file_ids]
    assert len(shown) == len(set(shown))
    assert CatalogueFile.objects.values("file_gid").distinct().count() == CatalogueFile.objects.count() == len(shown)


def check_collections(world: World) -> None:
    """Each collection once, with the partners of the source's members."""
    source, north = (place.shop for place in world.places)
    partners = dict(ProductLink.objects.values_list("source_gid", "destination_gid"))
    followers = dict(ResourceLink.objects.filter(state="linked").values_list("source_gid", "destination_gid"))
    assert len(followers) == len(north.catalog.collections) == len(source.catalog.collections)
    for number, ours in source.catalog.collections.items():
        theirs = north.catalog.collections[gids.number(followers[gids.gid("Collection", number)])]
        wanted = {gids.number(partners[gids.gid("Product", pk)]) for pk in collection_members.member_ids(source, ours)}
        assert (theirs.title, set(collection_members.member_ids(north, theirs))) == (ours.title, wanted)


def report(world: World) -> str:
    links = ProductLink.objects.exclude(state="linked").values_list("title", "state", "reason")
    waiting = list(waiting_jobs().values_list("kind", "subject", "state", "attempts", "message"))[:50]
    failed = list(SyncJob.objects.filter(state="failed").values_list("kind", "failure", "message"))[:20]
    states = list(CatalogueRun.objects.values_list("kind", "state", "done", "total", "failed"))
    found = differences(world)[:10]
    return f"{found}; links {list(links)}; runs {states}; jobs {waiting}; failed {failed}; {world.unsettled()}"
