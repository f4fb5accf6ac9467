"""What one connection's catalogue has matched before its job is matched for the others, too: their stock goes on."""

import pytest
from django.db import DatabaseError

from stores.linking import linking
from stores.models import Connection, Variant, VariantLink
from stores.shopify import gids
from syncing.catalogue.runs import lifecycle
from syncing.connections import product_matching
from syncing.models import CatalogueRun, StockLink
from syncing.queue import enqueue
from tests.simulator.events import merchant
from tests.support.catalogue.showroom import PRODUCT_TOPICS, Showroom
from tests.support.places import Place

FIRST = ("matched", "run")


def rows(sku: str, units: int, place: Place) -> list[dict]:
    at = gids.gid("Location", place.location_ids[0])
    return [
        {
            "optionValues": [{"optionName": "Title", "name": "Default Title"}],
            "price": "10.00",
            "sku": sku,
            "inventoryItem": {"tracked": True},
            "inventoryQuantities": [{"locationId": at, "name": "available", "quantity": units}],
        }
    ]


def stock_only(room: Showroom, source: Place, destination: Place, strategy: str = "two_way") -> Connection:
    """Another connection, along which no catalogue travels; matched and started."""
    for place in {source.domain, destination.domain} - {room.source.domain, room.destination.domain}:
        for topic in PRODUCT_TOPICS:
            room.sim.subscribe(place, topic, room.world.address)
    made = room.world.connect(source, destination, strategy, identifier="sku")
    room.world.work()
    return made


def units(place: Place, gid: str) -> int:
    product = place.shop.products[gids.number(gid)]
    (variant,) = (row for row in place.shop.variants.values() if row.product_id == product.id)
    return place.sim.available(place.domain, variant.item_id, place.location_ids[0])


def sell(place: Place, gid: str, count: int) -> None:
    (variant,) = (row for row in place.shop.variants.values() if row.product_id == gids.number(gid))
    merchant.adjust_quantity(place.shop, place.sim.clock, variant.item_id, place.location_ids[0], -count)


def go_first(room: Showroom, first: str) -> None:
    """A run of the first connection comes before the job that a webhook asks for; then all that is left is done."""
    if first == "run":
        enqueue.run_catalogue(lifecycle.start(room.connection, "all"))
        room.world.work()
    room.world.follow()


def wired(connection: Connection) -> list[tuple[str, str]]:
    links = StockLink.objects.filter(connection=connection, ending="")
    return list(links.values_list("variant_link__source_variant__gid", "state"))


@pytest.mark.parametrize("first", FIRST)
def test_a_new_product_gets_its_stock_in_a_destination_that_had_it_already(showroom, first):
    room = showroom(identifier="sku", strategy="two_way")
    south = room.world.add_store("south", "destination", items=0)
    other = stock_only(room, room.source, south)
    own = room.add("Lamp", south, variants=rows("L-1", 3, south))
    room.world.follow()
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    go_first(room, first)
    assert VariantLink.objects.get(connection=other).state == "linked"
    assert [state for _, state in wired(other)] == ["in_step"]
    assert units(south, own) == 20
    sell(south, own, 3)
    room.world.follow()
    assert (units(room.source, gid), units(south, own), room.units("lamp")) == (17, 17, [17])


@pytest.mark.parametrize("first", FIRST)
def test_variants_replaced_in_one_request_keep_their_stock_in_every_destination(showroom, first):
    room = showroom(identifier="sku", strategy="two_way")
    south = room.world.add_store("south", "destination", items=0)
    other = stock_only(room, room.source, south)
    own = room.add("Lamp", south, variants=rows("L-1", 20, south))
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.world.follow()
    assert [state for _, state in wired(other)] == ["in_step"]
    replaced = rows("L-1", 15, room.source)
    replaced[0]["optionValues"] = [{"optionName": "Kind", "name": "One"}]
    room.change(gid, variants=replaced, productOptions=[{"name": "Kind", "values": [{"name": "One"}]}])
    go_first(room, first)
    assert units(south, own) == 15
    sell(south, own, 3)
    room.world.follow()
    assert (units(room.source, gid), units(south, own), room.units("lamp")) == (12, 12, [12])


@pytest.mark.parametrize("first", FIRST)
def test_a_partner_found_deleted_frees_the_identifier_for_another_source(showroom, first):
    room = showroom(identifier="sku")
    second = room.world.add_store("second", "source", items=0)
    other = stock_only(room, second, room.destination, "one_way")
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.world.follow()
    assert room.units("lamp") == [20]
    twin = room.add("Twin", room.destination, variants=rows("L-2", 1, room.destination))
    copy = room.add("Copy", room.destination, variants=rows("L-2", 1, room.destination))
    room.add("Stool", second, variants=rows("L-2", 9, second))
    room.world.follow()
    assert VariantLink.objects.get(connection=other).state == "ambiguous"
    link = VariantLink.objects.get(connection=room.connection, source_variant__product_gid=gid)
    linking.set_partner(link, Variant.objects.get(product_gid=copy))
    room.world.work()
    room.delete(copy, room.destination)
    room.change(gid, title="Lamp two")
    go_first(room, first)
    assert VariantLink.objects.get(connection=other).state == "linked"
    assert [state for _, state in wired(other)] == ["in_step"]
    assert units(room.destination, twin) == 9


@pytest.mark.parametrize("first", FIRST)
def test_a_partner_that_is_deleted_for_one_source_frees_its_identifier_for_another(showroom, first):
    room = showroom(identifier="sku", unlink="delete")
    second = room.world.add_store("second", "source", items=0)
    other = stock_only(room, second, room.destination, "one_way")
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.world.follow()
    twin = room.add("Twin", room.destination, variants=rows("L-1", 1, room.destination))
    room.add("Stool", second, variants=rows("L-1", 9, second))
    room.world.follow()
    assert VariantLink.objects.get(connection=other).state == "ambiguous"
    room.delete(gid)
    go_first(room, first)
    assert room.handles() == ["twin"]
    assert VariantLink.objects.get(connection=other).state == "linked"
    assert [state for _, state in wired(other)] == ["in_step"]
    assert units(room.destination, twin) == 9


@pytest.mark.parametrize("reads", ["run", "match_connection"])
def test_what_is_found_where_a_whole_source_is_read_is_wired_for_every_destination(showroom, reads):
    room = showroom(identifier="sku", strategy="two_way")
    south = room.world.add_store("south", "destination", items=0)
    other = stock_only(room, room.source, south)
    own = room.add("Lamp", south, variants=rows("L-1", 3, south))
    old = room.add("Bowl", variants=rows("B-1", 5, room.source))
    room.world.follow()
    gid = room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.delete(old)
    if reads == "match_connection":
        enqueue.match_connection(room.connection)
        room.world.work()
    go_first(room, reads)
    assert [state for _, state in wired(other)] == ["in_step"]
    sell(south, own, 3)
    room.world.follow()
    assert (units(room.source, gid), units(south, own), room.units("lamp")) == (17, 17, [17])


def test_a_run_that_was_cut_short_before_the_others_were_matched_has_them_matched_when_it_is_repeated(
    showroom, monkeypatch
):
    room = showroom(identifier="sku", strategy="two_way")
    south = room.world.add_store("south", "destination", items=0)
    other = stock_only(room, room.source, south)
    room.add("Lamp", south, variants=rows("L-1", 3, south))
    old = room.add("Bowl", variants=rows("B-1", 5, room.source))
    room.world.follow()
    room.add("Lamp", variants=rows("L-1", 20, room.source))
    room.delete(old)
    room.source.lose_webhooks()
    real, tries = product_matching.match_others, []

    def match(*given: object, **named: object) -> None:
        tries.append(CatalogueRun.objects.get().state)
        if len(tries) == 1:
            raise DatabaseError("server closed the connection unexpectedly")
        real(*given, **named)

    monkeypatch.setattr(product_matching, "match_others", match)
    matched_at = room.connection.linked_at
    enqueue.run_catalogue(lifecycle.start(room.connection, "all"))
    room.world.work()
    assert tries == ["finished", "finished"]
    assert room.connection.linked_at == matched_at, "only the source was read: the daily matching is due as before"
    assert [state for _, state in wired(other)] == ["in_step"]
