"""What readings contradict is matched again: variants made anew, moved, renamed, shared again, taken for gone."""

from datetime import timedelta

import pytest

from stores.clients import open_client
from stores.linking import linking, rows, suggestions
from stores.models import Connection, ProductLink, Store, VariantLink
from stores.shopify import gids
from stores.shopify.products import products
from syncing import handlers, sweep
from syncing.models import SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock import wiring
from syncing.stock.mirror import levels
from tests.simulator.events import merchant as people
from tests.syncing.test_skips import (
    BOTH_WAYS_OF_READING,
    a_day_later,
    compare,
    levels_of,
    link_of,
    lose_everything,
    make_anew,
    match_again,
    track,
)


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize("in_the_same_product", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_a_variant_deleted_and_made_anew_is_linked_again(pair, settings, bulk_from, in_the_same_product, side):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair("one_way")
    source, place = world.places[0], world.places[side]
    old = place.variants[0]
    if in_the_same_product:
        make_anew(world, place, old.product_id, stock=3 if side else 16)
        people.delete_variant(place.shop, world.sim.clock, old.id)
    else:
        people.delete_product(place.shop, world.sim.clock, old.product_id)
        product = people.add_product(place.shop, world.sim.clock, "Product 0", [])
        make_anew(world, place, product.id, stock=3 if side else 16)
    if side:
        source.buy(0, 4)
    compare(world)
    compare(world)
    assert levels_of(world) == [16, 16]
    assert link_of(world).state == "in_step"


def test_a_variant_that_moved_to_another_inventory_item_is_followed(pair):
    world = pair("one_way")
    source, north = world.places
    old, other = north.variants[0], north.variants[1]
    north.shop.items[old.item_id].variant_id = other.id  # the old item lives on
    fields = {"sku": "elsewhere", "stock": dict.fromkeys(north.location_ids, 3)}
    given = people.add_variant(north.shop, world.sim.clock, other.product_id, **fields)
    north.shop.variants[old.id].item_id = given.item_id
    north.shop.items[given.item_id].sku = "SKU-0"
    del north.shop.variants[given.id]
    north.shop.products[other.product_id].variant_ids.remove(given.id)
    north.shop.items[given.item_id].variant_id = old.id
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_variants_with_one_sku_are_linked_once_it_is_unambiguous(pair):
    world = pair("one_way")
    source, north = world.places
    people.change_variant(north.shop, world.sim.clock, north.variants[1].id, sku="SKU-0")
    for place, number in ((source, 0), (north, 0), (north, 1)):
        match_again(world, place, number)
    link = VariantLink.objects.get(source_variant__gid=gids.gid("ProductVariant", source.variants[0].id))
    linking.clear(link)
    wiring.wire_connection(world.connections[0])
    link.refresh_from_db()
    assert link.state == "ambiguous"
    people.change_variant(north.shop, world.sim.clock, north.variants[1].id, sku="SKU-1")
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_a_variant_that_gets_its_sku_later_is_linked_then(pair):
    world = pair("one_way")
    source, north = world.places
    product = people.add_product(source.shop, world.sim.clock, "New", [{"stock": {source.location_ids[0]: 16}}])
    partner = people.add_product(north.shop, world.sim.clock, "New", [{"stock": {north.location_ids[0]: 3}}])
    for place, made in ((source, product), (north, partner)):
        place.variants.append(place.shop.variants[made.variant_ids[0]])
    a_day_later(world)
    assert levels_of(world, 3) == [16, 3]
    for place in world.places:
        people.change_variant(place.shop, world.sim.clock, place.variants[3].id, sku="late")
    a_day_later(world)
    assert levels_of(world, 3) == [16, 16]


def test_a_product_that_was_left_out_and_is_shared_again_is_carried(pair):
    world = pair("one_way", ending="leave")
    source, north = world.places
    (connection,) = world.connections
    names = [gids.gid("Product", place.variants[0].product_id) for place in world.places]
    left_out = ProductLink.objects.create(
        connection=connection, source_gid=names[0], destination_gid=names[1], state=ProductLink.State.UNLINKED
    )
    source.buy(0, 4)
    compare(world)
    assert levels_of(world) == [16, 20]
    left_out.delete()
    compare(world)
    assert levels_of(world) == [16, 16]


def test_a_store_that_shares_its_products_again_is_carried(pair):
    world = pair("one_way", ending="leave")
    source, north = world.places
    Store.objects.filter(pk=source.store.pk).update(shares_products=False)
    source.buy(0, 4)
    compare(world)
    assert levels_of(world) == [16, 20]
    Store.objects.filter(pk=source.store.pk).update(shares_products=True)
    compare(world)
    assert levels_of(world) == [16, 16]


def test_a_variant_that_was_taken_for_gone_is_back_after_a_day(pair):
    world = pair("one_way")
    source, north = world.places
    gone = north.store.variants.filter(sku="SKU-0")
    gone.update(gone_at=world.sim.clock.now())
    rows.mark_gone(world.connections[0])
    wiring.wire_connection(world.connections[0])
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_a_run_has_matched_again_what_its_own_live_look_contradicts(pair):
    world = pair()
    source, north = world.places
    track(world, north, False)
    lose_everything(world)
    link = link_of(world)
    levels.doubt([link.destination_level_id])
    levels.mark_dirty([link.destination_level_id])
    world.carry()
    assert link_of(world).reason == "inventory is not tracked in the destination"
    assert not source.count("productVariants")  # one product, not the catalogues


def test_likely_partners_are_looked_for_when_all_else_is_done(pair, monkeypatch):
    world = pair("one_way")
    source, north = world.places
    connection = world.connections[0]
    for place, sku in ((source, "LAMP/1"), (north, "lamp-1"), (source, "LATE"), (north, "LATE")):
        fields = {"sku": sku, "stock": dict.fromkeys(place.location_ids, 5)}
        people.add_product(place.shop, world.sim.clock, sku[:4], [fields])
    lose_everything(world)
    stood = []
    refresh = suggestions.refresh_portions

    def note(asked, **named):
        late = connection.links.get(source_variant__sku="LATE")
        stood.append((late.state, late.stock_links.count(), SyncJob.objects.filter(kind="match_connection").values()))
        return refresh(asked, **named)

    monkeypatch.setattr(suggestions, "refresh_portions", note)
    enqueue.match_connection(connection)
    world.work()
    ((state, wired, matching),) = stood
    assert (state, wired, [job["state"] for job in matching]) == ("linked", 1, ["succeeded"])
    lamp = connection.links.get(source_variant__sku="LAMP/1")
    assert (lamp.state, lamp.suggested_variant.sku) == ("unmatched", "lamp-1")


def test_suggestions_go_on_where_they_were_and_begin_anew_after_a_matching(pair, monkeypatch):
    world = pair("one_way")
    connection = world.connections[0]
    VariantLink.objects.update(state="unmatched", destination_variant=None)
    monkeypatch.setattr(suggestions, "PORTION_ROWS", 1)
    monkeypatch.setattr(handlers, "SUGGEST_SECONDS", 0)
    enqueue.suggest_partners(connection)
    own = SyncJob.objects.filter(kind=SyncJob.Kind.SUGGEST_PARTNERS)
    with pytest.raises(jobs.Later):
        handlers.suggest_partners(own.get())
    first, *others = connection.links.order_by("pk")
    assert own.get().arguments["after"] == first.pk
    assert first.suggested_variant and not any(link.suggested_variant for link in others)
    enqueue.suggest_partners(connection)  # something was matched again
    assert own.get().arguments == {}
    VariantLink.objects.update(suggested_variant=None, suggested_score=None)
    world.work()
    assert not own.exists() and not connection.links.filter(suggested_variant=None).exists()


# --- What it costs ------------------------------------------------------------------------------------------------


@BOTH_WAYS_OF_READING
def test_a_comparison_that_nothing_contradicts_has_nothing_matched(pair, settings, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair(destinations=2)
    world.places[0].buy(0, 4)
    compare(world)
    assert not SyncJob.objects.filter(kind__in=("match_product", "match_connection")).exists()


def test_each_started_connection_is_matched_once_a_day_and_one_at_a_time(pair):
    world = pair(destinations=3)
    first, second, paused = world.connections
    Connection.objects.filter(pk=paused.pk).update(is_paused=True)

    def matched():
        sweep.sweep()
        return [job.connection_id for job in SyncJob.objects.filter(kind="match_connection").order_by("pk")]

    assert matched() == []
    world.let_pass(25)
    assert matched() == matched() == [first.pk]
    world.work()
    assert matched() == [first.pk, second.pk]
    world.work()
    assert matched() == [first.pk, second.pk]
    Connection.objects.filter(pk=first.pk).update(linked_at=world.sim.clock.now() + timedelta(hours=10))
    assert matched() == [first.pk, second.pk, first.pk]  # the clock was ahead then


def test_a_catalogue_that_lags_behind_its_stock_is_not_asked_without_end(pair, monkeypatch):
    world = pair("one_way")
    north = world.places[1]
    known = {place.domain: list(products.iter_variants(open_client(place.store))) for place in world.places}
    monkeypatch.setattr(products, "iter_variants", lambda client: iter(known[client.domain]))
    monkeypatch.setattr(
        products, "read_product", lambda client, gid: [row for row in known[client.domain] if row.product_gid == gid]
    )
    people.delete_product(north.shop, world.sim.clock, north.variants[0].product_id)
    compare(world)
    assert link_of(world).state == "skipped"
    assert SyncJob.objects.filter(kind__in=("match_product", "match_connection")).count() <= 3
