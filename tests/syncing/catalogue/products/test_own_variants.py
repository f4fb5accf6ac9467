"""Issue 14, case 11: variants of the destination's own stay; where they may go, that is named, counted, asked."""

from datetime import UTC, datetime
from itertools import count

import pytest

from stores.linking import linking
from stores.models import Connection, Variant, VariantLink
from stores.shopify import gids
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun
from tests.simulator.events import merchant
from tests.support.catalogue.showroom import Showroom


def offer(room: Showroom, handle: str, size: str, units: int = 9) -> str:
    """Somebody adds a size to a product of the destination."""
    place, product = room.destination, room.there(handle)
    stock = {place.location_ids[0]: units}
    fields = {"option_values": (size,), "sku": f"OWN-{size}", "tracked": True, "stock": stock}
    made = merchant.add_variant(place.shop, room.sim.clock, gids.number(product.gid), **fields)
    return gids.gid("ProductVariant", made.id)


def titles(room: Showroom, handle: str = "shirt") -> list[str]:
    return [variant.title for variant in room.there(handle).variants]


def rows_of(run: CatalogueRun) -> list[str]:
    """What the items of a run name as removed."""
    found = [row for item in run.items.all() for row in item.differences]
    return [row["subject"] for row in found if row["action"] == "remove"]


@pytest.mark.parametrize("mode", ["create_update", "update_only"])
@pytest.mark.parametrize("edited", ["overwrite", "keep"])
@pytest.mark.parametrize("own", ["keep", "remove"])
def test_at_first_contact_and_later_nothing_goes_unasked(showroom, mode, edited, own):
    room = showroom(product_mode=mode, edited=edited, own_variants=own)
    room.sizes("Shirt", "S", "M", place=room.destination)
    offer(room, "shirt", "XL")
    gid = room.sizes("Shirt", "S", "M", "L")
    room.world.follow()
    assert room.link(gid).state == "linked"
    assert titles(room) == ["S", "M", "L", "XL"]
    assert room.units("shirt")[3] == 9
    assert "XL" in room.link(gid).reason
    if own == "keep":
        offer(room, "shirt", "XXL")
        room.change(gid, title="Better shirt")
        room.world.follow()
        assert (room.there("shirt").title, titles(room)) == ("Better shirt", ["S", "M", "L", "XL", "XXL"])


def test_a_variant_that_the_source_deletes_stays_too_by_default(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M")
    room.carry(gid)
    variant = room.source.shop.products[gids.number(gid)].variant_ids[1]
    merchant.delete_variant(room.source.shop, room.sim.clock, variant)
    room.change(gid, title="New")
    room.carry(gid)
    assert (room.there("shirt").title, titles(room)) == ("New", ["S", "M"])


@pytest.fixture
def room(showroom) -> Showroom:
    """A shirt follows, and the destination has added two sizes; such may go."""
    room = showroom(own_variants="remove", guard_minimum=2)
    for place in room.world.places:
        place.lose_webhooks()
    room.gid = room.sizes("Shirt", "S", "M", stock=5)
    room.carry(room.gid)
    room.xl, room.xxl = offer(room, "shirt", "XL"), offer(room, "shirt", "XXL", 1)
    room.change(room.gid, title="New")
    return room


NAMES = ["XL (OWN-XL, 9 units)", "XXL (OWN-XXL, 1 unit)"]


def test_a_preview_names_what_would_go_and_the_run_removes_just_that(room):
    room.set(guard_minimum=5)
    preview = room.run(is_preview=True)
    assert rows_of(preview) == NAMES
    assert NAMES[0] in preview.items.get().reason
    assert len(titles(room)) == 4
    run = room.run()
    assert (run.state, rows_of(run), titles(room)) == ("finished", NAMES, ["S", "M"])
    assert f"Removes {', '.join(NAMES)}." in run.items.get().reason


def test_more_than_the_guard_lets_through_waits_and_everything_else_goes_on(room):
    preview = room.run(is_preview=True)
    assert "2 of 2 variants" in preview.hold_reason
    held = room.run()
    assert (held.state, rows_of(held), room.there("shirt").title) == ("held", NAMES, "New")
    assert (held.items.get().outcome, len(titles(room))) == ("held", 4)
    assert "2 of 2 variants" in held.hold_reason
    assert room.carry(room.gid).outcome == "held"  # another webhook changes nothing of it
    assert CatalogueRun.objects.filter(state="held", is_preview=False).count() == 1
    again = room.run()
    held.refresh_from_db()
    assert (held.state, again.state, rows_of(again)) == ("cancelled", "held", NAMES)
    lifecycle.release(again)
    assert (room.go_on(again).state, titles(room)) == ("finished", ["S", "M"])


def test_what_an_operator_keeps_is_kept_for_good_and_its_product_follows(room):
    lifecycle.discard(room.run())
    room.change(room.gid, title="Newer")
    assert room.carry(room.gid).outcome == "done"
    assert (room.there("shirt").title, len(titles(room)), room.link(room.gid).state) == ("Newer", 4, "linked")
    assert room.run().state == "finished"
    offer(room, "shirt", "XS")
    room.change(room.gid, title="Newest")
    assert "XS" in room.carry(room.gid).reason
    assert titles(room) == ["S", "M", "XL", "XXL"]


def test_one_by_one_they_are_held_as_one_run(room):
    outcome = room.carry(room.gid)
    assert (outcome.outcome, len(titles(room)), room.there("shirt").title) == ("held", 4, "New")
    run = CatalogueRun.objects.get(state="held")
    assert rows_of(run) == NAMES
    lifecycle.release(run)
    room.go_on(run)
    assert titles(room) == ["S", "M"]
    offer(room, "shirt", "L")
    room.change(room.gid, title="Newer")
    assert room.carry(room.gid).outcome == "held"  # the third within the hour


@pytest.mark.parametrize("state", ["linked", "ambiguous"])
def test_what_another_source_vouches_for_stays(room, state):
    room.set(guard_minimum=5)
    other = room.sizes("Other shirt", "XL")
    room.carry(other)
    row = VariantLink.objects.get(source_variant__product_gid=other)
    linking.match_product(room.destination.store, room.there("shirt").gid)
    there = Variant.objects.get(gid=room.xl)
    VariantLink.objects.filter(destination_variant=there).exclude(pk=row.pk).update(
        destination_variant=None, state="gone"
    )
    linked = there if state == "linked" else None
    VariantLink.objects.filter(pk=row.pk).update(state=state, destination_variant=linked)
    if state == "ambiguous":
        row.candidates.set([there])
    room.run()
    assert titles(room) == ["S", "M", "XL"]


@pytest.mark.parametrize(
    ("of_connection", "left_out", "stays"),
    [
        ({}, "", True),
        ({"is_paused": True}, "", True),
        ({}, "It is not selected.", False),
        ({"state": "ready"}, "", False),
        ({"state": "removed"}, "", False),
        ({"disconnecting_at": datetime(2026, 1, 1, tzinfo=UTC)}, "", False),
    ],
)
@pytest.mark.parametrize("state", ["linked", "ambiguous"])
def test_what_no_other_source_keeps_in_step_may_go(room, state, of_connection, left_out, stays):
    room.set(guard_minimum=5)
    other = room.second_source()
    other.add("Other shirt", other.source)
    linking.refresh_catalogue(other.source.store)
    own = VariantLink.objects.create(
        connection=other.connection, source_variant=Variant.objects.get(store=other.source.store), state="unmatched"
    )
    linking.match_product(room.destination.store, room.there("shirt").gid)
    there = Variant.objects.get(gid=room.xl)
    linked = there if state == "linked" else None
    VariantLink.objects.filter(pk=own.pk).update(state=state, destination_variant=linked, left_out=left_out)
    if state == "ambiguous":
        own.candidates.set([there])
    Connection.objects.filter(pk=other.connection.pk).update(**of_connection)
    room.run()
    assert titles(room) == (["S", "M", "XL"] if stays else ["S", "M"])


def test_one_that_somebody_adds_at_the_last_moment_is_in_the_list(room):
    room.set(own_variants="keep")
    room.change(room.gid, title="Newer")
    variants = [{"optionValues": [{"optionName": "Size", "name": size}]} for size in "SML"]
    sizes = [{"name": "Size", "values": [{"name": size} for size in "SML"]}]
    room.change(room.gid, productOptions=sizes, variants=variants)
    number = count(1)

    def act() -> None:
        if next(number) == 3:  # the source, the destination, and what is there now
            offer(room, "shirt", "XS")

    room.world.meanwhile("nodes", act, times=9)
    room.carry(room.gid)
    assert titles(room) == ["S", "M", "L", "XL", "XXL", "XS"]
