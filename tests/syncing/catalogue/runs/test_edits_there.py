"""What the destination did to its products is found by the daily run alone, whatever no webhook told of."""

from datetime import timedelta

import pytest

from stores.models import ProductLink
from stores.shopify import gids
from syncing.catalogue.runs import edits_there
from tests.support.catalogue.showroom import Showroom, items_of


@pytest.fixture
def room(showroom) -> Showroom:
    """Three products that follow; no store tells anybody of anything."""
    room = showroom()
    room.set(publication_gids=room.channels())
    for number in range(3):
        room.add(f"Lamp {number}", stock=number, vendor="Acme")
    for place in room.world.places:
        place.lose_webhooks()
    room.run("first")
    room.run()
    return room


def partner(room: Showroom, handle: str = "lamp-1") -> str:
    return room.there(handle).gid


def change(room: Showroom, **fields) -> None:
    room.world.tick(60)
    room.change(partner(room), room.destination, **fields)


def test_what_was_edited_there_is_overwritten(room):
    change(room, title="Own words")
    assert items_of(room.run())["Lamp 1"] == ("update", "done")
    assert room.there("lamp-1").title == "Lamp 1"
    assert room.run().counts == {"equal": 3}


def test_what_was_edited_there_is_kept_and_said_where_that_was_chosen(room):
    room.set(edited="keep")
    room.run()
    change(room, title="Own words")
    room.run()
    assert room.there("lamp-1").title == "Own words"
    assert "kept: title" in ProductLink.objects.get(destination_gid=partner(room)).reason


def test_what_was_deleted_there_is_made_again(room):
    gone = partner(room)
    room.delete(gone, room.destination)
    room.run()
    assert room.there("lamp-1").gid != gone
    assert room.run().counts == {"equal": 3}


def test_an_edit_within_seconds_of_a_write_of_ours_is_found_though_it_looks_like_an_echo(showroom):
    room = showroom()
    gid = room.add("Lamp 1")
    room.world.follow()
    room.world.tick(2)
    room.change(partner(room), room.destination, title="Own words")
    room.world.follow()
    assert room.there("lamp-1").title == "Own words"
    room.run()
    assert room.there("lamp-1").title == "Lamp 1"
    assert room.link(gid).state == "linked"


def test_a_preview_names_what_was_edited_there(room):
    change(room, title="Own words")
    run = room.run(is_preview=True)
    [row] = run.items.get(title="Lamp 1").differences
    assert (row["field"], row["current"], row["wanted"]) == ("title", "Own words", "Lamp 1")
    assert room.there("lamp-1").title == "Own words"


def test_what_no_instant_tells_of_is_found_within_a_week(room):
    product = room.destination.shop.products[gids.number(partner(room))]
    before = product.updated_at
    room.take_off_sale_there(partner(room))
    assert product.updated_at == before
    room.run()
    assert len(room.there("lamp-1").publication_gids) < len(room.channels())
    ProductLink.objects.update(compared_there_at=room.sim.clock.now() - edits_there.READ_ANEW - timedelta(hours=1))
    room.run()
    assert sorted(room.there("lamp-1").publication_gids) == sorted(room.channels())


def test_a_second_run_lists_the_destination_and_reads_what_was_sold_once(room):
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 3}
    assert (room.destination.shop.counters.requests, room.writes) == (1, 0)
    room.world.tick(60)
    room.destination.shop.products[gids.number(partner(room))].updated_at += 60  # as a sale does
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 3}
    assert (room.destination.shop.counters.requests, room.writes) == (2, 0)
    room.sim.reset_counters()
    room.run()
    assert room.destination.shop.counters.requests == 1


def test_where_products_do_not_follow_nothing_is_listed(room):
    room.set(product_mode="off")
    room.sim.reset_counters()
    room.run()
    assert room.destination.count("ListProductIds") == 0
