"""A product whose partner becomes known only after it was looked at: it is taken up then, without an operator."""

import pytest

from stores.linking import linking
from stores.models import Variant, VariantLink
from stores.shopify import gids
from stores.shopify.products import product_records
from syncing.connections import resuming
from syncing.models import StockLink
from syncing.queue import enqueue
from tests.simulator.events import merchant
from tests.support.catalogue.showroom import Showroom
from tiposync.console.stores.connection_summary import follow_up


def variant(sku: str = "", barcode: str = "") -> list[dict]:
    return [
        {
            "optionValues": [{"optionName": "Title", "name": "Default Title"}],
            "price": "10.00",
            "inventoryItem": {"sku": sku, "tracked": True},
            "barcode": barcode,
        }
    ]


def hear(room: Showroom, *places) -> None:
    """Deliver what these stores have to tell, and do what it leads to: whatever the others say comes later."""
    for place in places:
        room.world.deliver(place)
        room.world.work()


def state_of(room: Showroom, gid: str) -> tuple[str, str]:
    link = room.link(gid)
    return link.state, link.destination_gid


@pytest.mark.parametrize("mode", ["create_update", "update_only"])
def test_by_handle_it_is_linked_whichever_store_tells_first(showroom, mode):
    room = showroom(identifier="handle", product_mode=mode)
    own = room.add("Own", room.destination, handle="lamp")
    gid = room.add("Lamp", handle="lamp")
    hear(room, room.source, room.destination)
    assert state_of(room, gid) == ("linked", own)
    assert (room.handles(), room.there("lamp").title) == (["lamp"], "Lamp")
    assert VariantLink.objects.filter(state="linked").count() == 1


def test_by_handle_also_where_its_variants_must_be_linked_by_an_operator_first(showroom):
    room = showroom(identifier="handle", product_mode="update_only")
    own = room.sizes("Own", "S", "M", place=room.destination, handle="lamp")
    gid = room.sizes("Lamp", "36", "38", handle="lamp")
    hear(room, room.source)
    assert state_of(room, gid) == ("unmatched", "")
    hear(room, room.destination)
    assert "Link variants" in room.link(gid).reason
    ours, theirs = (Variant.objects.filter(product_gid=product).order_by("pk") for product in (gid, own))
    for link, partner in zip(VariantLink.objects.filter(source_variant__in=ours), theirs, strict=True):
        linking.set_partner(link, partner)
    follow_up(room.connection, gid)
    room.world.work()
    assert state_of(room, gid) == ("linked", own)
    assert room.there("lamp").title == "Lamp"


@pytest.mark.parametrize("identifier", ["sku", "barcode"])
def test_by_sku_or_barcode_it_is_linked_when_the_destination_tells_of_its_partner(showroom, identifier):
    room = showroom(identifier=identifier, product_mode="update_only")
    own = room.add("Own", room.destination, variants=variant("L-1", "400001"))
    gid = room.add("Lamp", variants=variant("L-1", "400001"))
    hear(room, room.source)
    assert state_of(room, gid) == ("unmatched", "")
    hear(room, room.destination)
    assert state_of(room, gid) == ("linked", own)
    assert room.there("own").title == "Lamp"
    assert StockLink.objects.get().state == "in_step"


def test_a_handle_that_was_taken_is_no_conflict_once_the_variants_are_known_to_match(showroom):
    room = showroom(identifier="sku")
    own = room.add("Own", room.destination, handle="lamp", variants=variant("L-1"))
    gid = room.add("Lamp", handle="lamp", variants=variant("L-1"))
    hear(room, room.source)
    assert state_of(room, gid) == ("conflict", "")
    hear(room, room.destination)
    assert state_of(room, gid) == ("linked", own)


def test_a_handle_that_was_taken_is_used_once_it_is_free(showroom):
    room = showroom(identifier="sku")
    own = room.add("Own", room.destination, handle="lamp")
    hear(room, room.destination)
    gid = room.add("Lamp", handle="lamp")
    hear(room, room.source)
    assert state_of(room, gid) == ("conflict", "")
    room.delete(own, room.destination)
    hear(room, room.destination)
    assert room.link(gid).state == "linked"
    assert room.there("lamp").title == "Lamp"


def test_a_source_whose_product_is_matched_after_it_was_looked_at_has_it_linked(showroom):
    room = showroom(identifier="sku", product_mode="update_only")
    own = room.add("Own", room.destination, variants=variant("L-1"))
    hear(room, room.destination)
    gid = room.add("Lamp", variants=variant("L-1"))
    room.carry(gid)
    assert state_of(room, gid) == ("unmatched", "")
    enqueue.match_product(room.source.store, gid)
    room.world.work()
    assert state_of(room, gid) == ("linked", own)


@pytest.mark.parametrize("first", ["matched", "carried", "run"])
@pytest.mark.parametrize(("identifier", "sku"), [("sku", "L-1"), ("sku", ""), ("handle", "")])
def test_what_is_made_anew_has_its_stock_though_its_partner_was_matched_as_deleted_later(
    showroom, identifier, sku, first
):
    room = showroom(identifier=identifier, strategy="two_way")
    gid = room.add("Lamp", handle="lamp", stock=20, variants=variant(sku))
    room.world.follow()
    old = room.there("lamp").gid
    room.delete(old, room.destination)
    room.change(gid, title="Lamp two")
    if first == "run":
        room.run()
        room.world.work()
    hear(room, *((room.source, room.destination) if first == "carried" else (room.destination, room.source)))
    room.world.follow()
    new = room.there("lamp")
    assert (new.gid != old, state_of(room, gid)) == (True, ("linked", new.gid))
    assert VariantLink.objects.filter(state="linked", destination_variant__product_gid=new.gid).count() == 1
    assert room.units("lamp") == [20]
    item, place = gids.number(new.variants[0].item_gid), room.destination
    merchant.adjust_quantity(place.shop, room.sim.clock, item, place.location_ids[0], -3)
    room.world.follow()
    ours = product_records.read_whole_product(room.client(room.source), gid).variants[0]
    in_source = room.sim.available(room.source.domain, gids.number(ours.item_gid), room.source.location_ids[0])
    assert (room.units("lamp"), in_source) == ([17], 17)


@pytest.mark.parametrize("most_singly", [100, 0])
def test_matching_whole_catalogues_again_takes_up_what_waited(showroom, monkeypatch, most_singly):
    monkeypatch.setattr(resuming, "MOST_PRODUCTS", most_singly)
    room = showroom(identifier="sku", product_mode="update_only")
    gid = room.add("Lamp", variants=variant("L-1"))
    hear(room, room.source)
    room.run()
    own = room.add("Own", room.destination, variants=variant("L-1"))
    room.destination.lose_webhooks()
    room.sweep()
    assert state_of(room, gid) == ("unmatched", "")
    enqueue.match_connection(room.connection)
    room.world.work()
    room.world.tick(120)
    room.sweep()
    assert state_of(room, gid) == ("linked", own)


def test_what_still_has_no_partner_is_not_read_again_for_the_webhook_of_another_product(showroom):
    room = showroom(identifier="sku", product_mode="update_only")
    room.add("Lamp", variants=variant("L-1"))
    hear(room, room.source)
    room.add("Chair", room.destination, variants=variant("C-1"))
    room.sim.reset_counters()
    hear(room, room.destination)
    assert room.source.shop.counters.requests == 0
    assert room.handles() == ["chair"]
