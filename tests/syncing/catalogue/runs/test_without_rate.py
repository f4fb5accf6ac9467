"""While no currency rate is known for a connection: prices and new things wait for one, and all else goes on."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from stores.models import CatalogueSettings, CurrencyRate, ProductLink, Store
from stores.shopify.products import product_records
from syncing.models import CatalogueRun, SyncJob
from tests.support.catalogue.scene import Scene
from tests.syncing.catalogue.runs.test_runs import begin, due_kinds

SIZES = [{"name": "Size", "values": [{"name": "S"}]}]
SMALL = [{"optionValues": [{"optionName": "Size", "name": "S"}], "price": "7.00"}]


def lose_rate(room):
    for store in (room.source, room.destination):
        Store.objects.filter(pk=store.store.pk).update(currency="EUR" if store is room.source else "CHF")
    room.set(rate_kind="table", changed_at=timezone.now() - timedelta(minutes=2))


@pytest.mark.parametrize("choice", ["unpublish", "delete"])
def test_without_a_rate_what_has_left_the_source_is_let_go_of_and_nothing_is_priced(showroom, choice):
    room = showroom(unlink=choice, guard_minimum=10)
    room.set(publication_gids=room.channels())
    gids = begin(room, 3)
    room.run("first")
    own = room.there("lamp-0")
    lose_rate(room)
    room.delete(gids[0])
    room.reprice(gids[1], "12.00")
    room.source.lose_webhooks()
    assert due_kinds() == ["all"]
    room.sweep()
    run = CatalogueRun.objects.first()
    assert (run.kind, run.state, run.counts) == ("all", "finished", {"equal": 2, choice: 1})
    assert "no currency rate" in run.message
    assert room.link(gids[0]).departure == "deleted"
    left = product_records.read_whole_product(room.client(room.destination), own.gid)
    assert (left is None) if choice == "delete" else (left.publication_gids == ())
    assert str(room.there("lamp-1").variants[0].price) == "10.00"
    assert (due_kinds(), due_kinds(timedelta(days=1, minutes=1))) == ([""], ["all"])
    CurrencyRate.objects.create(base="EUR", quote="CHF", rate="0.5", valid_from=date(2020, 1, 1))
    assert due_kinds() == ["all"]
    room.sweep()
    assert str(room.there("lamp-1").variants[0].price) == "6.00"
    assert due_kinds() == [""]


@pytest.mark.parametrize("is_lost", [False, True], ids=["webhook", "lost"])
def test_without_a_rate_all_goes_on_that_needs_none(showroom, is_lost):
    room = showroom(guard_minimum=10, collection_mode="create_update", syncs_pages=True)
    room.set(publication_gids=room.channels())
    gids = begin(room, 3)
    room.run("first")
    lose_rate(room)
    room.sweep()
    room.world.tick(5)
    scene = Scene(room.world)
    scene.add_collection("Favourites")
    scene.add("page", "About us")
    room.take_off_sale(gids[0])
    room.change(gids[1], title="Bulb", vendor="Ann")
    room.reprice(gids[1], "12.00")
    room.add("New lamp")
    if is_lost:
        room.source.lose_webhooks()
        CatalogueSettings.objects.update(products_compared_at=timezone.now() - timedelta(days=1, minutes=1))
    CatalogueSettings.objects.update(polled_at=None)
    room.world.follow()
    room.sweep()
    assert room.there("lamp-0").publication_gids == ()
    bulb = room.there("lamp-1")
    assert (bulb.title, bulb.vendor, str(bulb.variants[0].price)) == ("Bulb", "Ann", "10.00")
    assert room.handles() == ["lamp-0", "lamp-1", "lamp-2"]
    waiting = ProductLink.objects.get(title="New lamp")
    assert (waiting.state, "no currency rate" in waiting.reason) == ("waiting", True)
    assert scene.collection("favourites") and set(scene.there("page")) == {"about-us"}
    assert not SyncJob.objects.filter(state="failed").exists()
    CurrencyRate.objects.create(base="EUR", quote="CHF", rate="0.5", valid_from=date(2020, 1, 1))
    room.sweep()
    prices = {handle: str(room.there(handle).variants[0].price) for handle in room.handles()}
    assert prices == {"lamp-0": "5.00", "lamp-1": "6.00", "lamp-2": "5.00", "new-lamp": "5.00"}


def test_a_catalogue_that_begins_without_a_rate_leaves_prices_and_variants_until_there_is_one(showroom):
    room = showroom(identifier="handle")
    room.add("Own", room.destination, handle="shirt", variants=SMALL, productOptions=SIZES)
    gid = room.sizes("Shirt", "S", "M", handle="shirt")
    lose_rate(room)
    room.world.follow()
    room.sweep()
    there = room.there("shirt")
    assert (there.title, [str(variant.price) for variant in there.variants]) == ("Shirt", ["7.00"])
    assert (room.link(gid).state, CatalogueRun.objects.get().state) == ("linked", "finished")
    room.sweep()
    assert CatalogueRun.objects.count() == 1
    CurrencyRate.objects.create(base="EUR", quote="CHF", rate="0.5", valid_from=date(2020, 1, 1))
    room.sweep()
    assert [str(variant.price) for variant in room.there("shirt").variants] == ["5.00", "5.00"]
