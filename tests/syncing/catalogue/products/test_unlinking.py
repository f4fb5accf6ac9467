"""What no longer follows: the four choices, the guard over single webhooks, and what comes back."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from stores.linking import linking
from stores.models import Connection, ProductLink, Store, VariantLink
from stores.shopify import gids
from stores.shopify.errors import AnswerLost
from syncing.catalogue.products import unlinking
from syncing.catalogue.runs import lifecycle
from syncing.connections import disconnecting
from syncing.models import CatalogueRun, StockLink
from tests.support.catalogue.showroom import Showroom
from tests.support.places import put_ahead

AT = datetime(2026, 1, 1, tzinfo=UTC)


def follow_one(room: Showroom, **fields) -> str:
    room.set(publication_gids=room.channels())
    gid = room.add("Lamp", stock=4, **fields)
    room.world.follow()
    return gid


@pytest.mark.parametrize(
    ("choice", "status", "is_there", "channels", "done"),
    [
        ("unpublish", "ACTIVE", True, 0, "unpublished"),
        ("delete", "ACTIVE", False, 0, "deleted"),
        ("nothing", "ACTIVE", True, 2, "left"),
        ("if_ordered", "ACTIVE", True, 0, "undecided"),
    ],
)
def test_a_deleted_product_is_treated_as_chosen(showroom, choice, status, is_there, channels, done):
    room = showroom(unlink=choice)
    gid = follow_one(room, status=status)
    assert len(room.there("lamp").publication_gids) == len(room.channels())
    room.delete(gid)
    room.world.follow()
    there = room.there("lamp")
    assert bool(there) is is_there
    if there:
        assert len(there.publication_gids) == (len(room.channels()) if channels else 0)
    link = room.link(gid)
    assert (link.state, link.departure, link.unlink_done) == ("unlinked", "deleted", done)


def test_what_was_there_before_us_is_never_removed_where_nothing_may_be_touched(showroom):
    room = showroom(identifier="handle", product_mode="create_only", unlink="delete")
    room.add("Own", room.destination, handle="lamp")
    gid = room.add("Lamp", handle="lamp")
    room.world.follow()
    room.delete(gid)
    room.world.follow()
    assert room.handles() == ["lamp"]
    assert room.link(gid).unlink_done == "left"


def test_a_product_that_comes_back_is_the_same_again_where_it_was(showroom):
    room = showroom(selected_tags=["keep"])
    gid = follow_one(room, tags=["Keep"])
    own, channels = room.link(gid).destination_gid, sorted(room.there("lamp").publication_gids)
    room.set(publication_gids=[])
    room.change(gid, tags=["other"])
    room.world.follow()
    assert (room.link(gid).departure, room.there("lamp").publication_gids) == ("not_selected", ())
    room.change(gid, tags=["keep"], title="Better lamp")
    room.world.follow()
    there = room.there("lamp")
    assert (there.gid, there.title, sorted(there.publication_gids)) == (own, "Better lamp", channels)
    assert room.link(gid).state == "linked"
    assert room.handles() == ["lamp"]


def test_what_is_not_shared_is_not_kept_in_stock_either(showroom):
    room = showroom(selected_tags=["keep"])
    gid = follow_one(room, tags=["keep"])
    assert StockLink.objects.count() == 1
    room.change(gid, tags=[])
    room.world.follow()
    assert [link.ending for link in StockLink.objects.all()] == ["zero"]
    room.change(gid, tags=["keep"])
    room.world.follow()
    assert StockLink.objects.get().state == "in_step"


def test_a_source_that_shares_nothing_ends_all_of_it(showroom):
    room = showroom(guard_minimum=5)
    gid = follow_one(room)
    Store.objects.filter(pk=room.source.store.pk).update(shares_products=False)
    room.run()
    assert (room.link(gid).departure, StockLink.objects.filter(ending="").count()) == ("not_shared", 0)


def test_an_unpublishing_whose_answer_was_lost_still_knows_where_it_was(showroom):
    room = showroom()
    gid = follow_one(room)
    channels = sorted(room.there("lamp").publication_gids)
    room.delete(gid)
    room.destination.fault("lost_answer", match="publishableUnpublish")
    with pytest.raises(AnswerLost):
        room.carry(gid)
    room.carry(gid)
    link = room.link(gid)
    assert (link.state, sorted(link.unpublished_from)) == ("unlinked", channels)


def test_a_mass_deletion_that_comes_one_by_one_is_held_as_one(showroom):
    room = showroom(unlink="delete", guard_minimum=3, guard_share=20)
    gids = [room.add(f"Lamp {number}") for number in range(6)]
    room.world.follow()
    for gid in gids[:5]:
        room.delete(gid)
    room.world.follow()
    run = CatalogueRun.objects.get(state="held")
    assert (len(room.handles()), run.items.count()) == (4, 3)
    lifecycle.release(run)
    room.go_on(run)
    assert room.handles() == ["lamp-5"]
    assert ProductLink.objects.filter(state="unlinked").count() == 5


def test_a_worker_that_dies_after_it_deleted_a_product_says_that_it_was_us(showroom):
    room = showroom(unlink="delete")
    gid = follow_one(room)
    room.delete(gid)
    with room.world.worker_that_dies() as countdown:
        room.world.meanwhile("productDelete", countdown.now, after=True)
        room.world.follow()
    room.world.work()
    room.world.follow()
    link = room.link(gid)
    assert (link.unlink_done, room.handles()) == ("deleted", [])
    assert "It was deleted." in link.reason and "gone already" not in link.reason


def test_a_product_that_somebody_else_deleted_was_gone_already(showroom):
    room = showroom(unlink="delete")
    gid = follow_one(room)
    room.delete(room.link(gid).destination_gid, room.destination)
    room.delete(gid)
    for place in room.world.places:
        place.lose_webhooks()
    room.run()
    assert "gone already" in room.link(gid).reason


@pytest.mark.parametrize("hours", [-3, 3, 720])
def test_single_departures_are_guarded_whatever_our_clock_says(showroom, hours):
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    lamps = [room.add(f"Lamp {number}") for number in range(8)]
    room.world.follow()
    put_ahead(room.sim, hours=hours)
    for gid in lamps[:7]:
        room.delete(gid)
        room.world.follow()
    shown = [handle for handle in room.handles() if room.there(handle).publication_gids]
    assert len(shown) == 4
    assert CatalogueRun.objects.get(state="held").items.filter(outcome="held").count() == 3


@pytest.mark.parametrize("first", ["refused", "killed"])
def test_what_cannot_be_taken_up_again_at_once_still_gets_its_channels_back(showroom, first):
    room = showroom(identifier="sku")
    gid = room.add("Lamp")
    room.world.follow()
    room.publish("lamp")
    ProductLink.objects.update(excluded_by="Ann")
    room.carry(gid)
    assert room.there("lamp").publication_gids == ()
    ProductLink.objects.update(excluded_by="")
    room.change(gid, title="Newer lamp", handle="lamp")
    if first == "refused":
        product = room.source.shop.products[gids.number(gid)]
        product.title = "x" * 300
        assert room.carry(gid).outcome == "failed"
        product.title = "Newer lamp"
    else:
        room.destination.fault("lost_answer", match="productSet")
        with pytest.raises(AnswerLost):
            room.carry(gid)
    assert room.carry(gid).action == "relink"
    assert len(room.there("lamp").publication_gids) == len(room.channels())


def test_a_connection_that_begins_again_puts_its_products_back_where_they_were(showroom):
    room = showroom(identifier="sku")
    gid = room.add("Lamp")
    room.world.follow()
    room.publish("lamp")
    own = room.link(gid).destination_gid
    room.set(rate_kind="table")  # without a rate; and none is needed to let go
    Store.objects.filter(pk=room.destination.store.pk).update(currency="JPY")
    room.go_on(lifecycle.disconnect(room.connection, "unpublish"))
    assert (room.link(gid).departure, room.there("lamp").publication_gids) == ("disconnected", ())
    disconnecting.end(room.connection)
    disconnecting.connect_again(room.connection)
    room.set(rate_kind="fixed", started_at=timezone.now())
    assert room.carry(gid).action == "relink"
    assert room.link(gid).destination_gid == own
    assert len(room.there("lamp").publication_gids) == len(room.channels())


# --- Two sources -----------------------------------------------------------------------------------------------------


def sized(name: str, size: str, place=None) -> dict:
    """A product of one size, for Showroom.add; with `place`, of a store where it has 5 units."""
    values = [{"optionName": "Size", "name": size}]
    row = {"optionValues": values, "price": "10.00", "sku": f"{name}-{size}", "inventoryItem": {"tracked": True}}
    if place:
        location = gids.gid("Location", place.location_ids[0])
        row["inventoryQuantities"] = [{"locationId": location, "name": "available", "quantity": 5}]
    return {"productOptions": [{"name": "Size", "values": [{"name": size}]}], "variants": [row]}


@pytest.mark.parametrize("telling", ["webhook", "comparison"])
@pytest.mark.parametrize("choice", ["unpublish", "delete", "if_ordered"])
def test_what_follows_another_source_by_now_is_not_removed_for_its_former_one(showroom, choice, telling):
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    gid = room.add("Lamp", **sized("A", "S"), stock=5)
    room.world.follow()
    own = room.link(gid).destination_gid
    ProductLink.objects.update(excluded_by="Ann")
    room.carry(gid)
    linking.ignore(VariantLink.objects.get())
    other = room.second_source()
    new = other.add("Second lamp", other.source, **sized("A", "S"), stock=5, is_on_sale=True)
    room.world.follow()
    assert other.link(new).destination_gid == own
    ProductLink.objects.filter(source_gid=gid).update(excluded_by="")
    room.carry(gid)
    assert "follows “Second lamp”" in room.link(gid).reason
    room.set(unlink=choice)
    room.delete(gid)
    if telling == "webhook":
        room.world.follow()
    else:
        room.source.lose_webhooks()
        room.run()
    assert (room.link(gid).state, room.link(gid).unlink_done) == ("unlinked", "spared")
    assert "there for “Second lamp” of Second, too" in room.link(gid).reason
    [handle] = room.handles()
    assert (room.there(handle).gid, len(room.there(handle).publication_gids)) == (own, len(room.channels()))


@pytest.mark.parametrize("choice", ["unpublish", "delete", "if_ordered"])
def test_a_product_with_a_variant_that_is_another_sources_is_left_and_follows_that_from_then_on(showroom, choice):
    room = showroom(identifier="sku", unlink=choice)
    room.set(publication_gids=room.channels())
    gid = room.add("Shirt", **sized("A", "S"), stock=5)
    room.world.follow()
    own = room.there("shirt")
    small, large = {"id": own.variants[0].gid}, sized("B", "L", room.destination)["variants"][0]
    sizes = [{"name": "Size", "values": [{"name": "S"}, {"name": "L"}]}]
    small["optionValues"] = [{"optionName": "Size", "name": "S"}]
    room.change(own.gid, room.destination, productOptions=sizes, variants=[small, large])
    room.world.follow()
    other = room.second_source()
    new = other.add("Large shirt", other.source, **sized("B", "L"), stock=5, is_on_sale=True)
    room.world.follow()
    assert other.link(new).state == "conflict"
    room.delete(gid)
    room.world.follow()
    assert "is there for “Large shirt” of Second" in room.link(gid).reason
    assert len(room.there("shirt").publication_gids) == len(room.channels())
    other.run()
    assert (other.link(new).state, other.link(new).destination_gid) == ("linked", own.gid)
    room.sim.clock.advance(90_000)
    room.sweep()
    there = room.there("shirt")
    assert ([variant.sku for variant in there.variants], len(there.publication_gids)) == (["A-S", "B-L"], 2)


RUNS_LATER = [{"is_paused": True}]
RUNS_NOT = [{"state": state} for state in ("ready", "rejected", "removed", "ended")] + [{"disconnecting_at": AT}]


@pytest.mark.parametrize("fields", RUNS_LATER + RUNS_NOT, ids=str)
def test_a_connection_that_does_not_run_keeps_no_product_of_its_former_one(showroom, fields):
    """Shirt has one variant that is the other source's; then its connection is not started, or has ended."""
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    gid = room.add("Shirt", **sized("A", "S"), stock=5)
    room.world.follow()
    own = room.there("shirt")
    small, large = {"id": own.variants[0].gid}, sized("B", "L", room.destination)["variants"][0]
    sizes = [{"name": "Size", "values": [{"name": "S"}, {"name": "L"}]}]
    small["optionValues"] = [{"optionName": "Size", "name": "S"}]
    room.change(own.gid, room.destination, productOptions=sizes, variants=[small, large])
    room.world.follow()
    other = room.second_source()
    other.add("Large shirt", other.source, **sized("B", "L"), stock=5, is_on_sale=True)
    room.world.follow()
    Connection.objects.filter(pk=other.connection.pk).update(**fields)
    room.delete(gid)
    room.world.follow()
    is_left = fields in RUNS_LATER
    assert room.link(gid).unlink_done == ("spared" if is_left else "unpublished")
    assert len(room.there("shirt").publication_gids) == (len(room.channels()) if is_left else 0)


@pytest.mark.parametrize("fields", RUNS_LATER + RUNS_NOT, ids=str)
def test_what_followed_a_connection_that_does_not_run_is_removed_for_its_former_one(showroom, fields):
    room = showroom(identifier="sku")
    gid = follow_one(room, **sized("A", "S"))
    link = room.link(gid)
    other = room.second_source()
    VariantLink.objects.all().delete()
    ProductLink.objects.filter(pk=link.pk).update(state="failed")
    of_other = {"source_gid": "gid://shopify/Product/1", "title": "Second lamp", "state": "linked"}
    ProductLink.objects.create(connection=other.connection, destination_gid=link.destination_gid, **of_other)
    Connection.objects.filter(pk=other.connection.pk).update(**fields)
    link.refresh_from_db()
    assert bool(unlinking.why_spared(link)) == (fields in RUNS_LATER)
    Connection.objects.filter(pk=other.connection.pk).update(state="running", disconnecting_at=None)
    assert unlinking.why_spared(link)
    other.set(product_mode="off")
    assert not unlinking.why_spared(link)
    other.set(product_mode="update_only", started_at=None)
    assert not unlinking.why_spared(link)


@pytest.mark.parametrize("choice", ["unpublish", "if_ordered"])
@pytest.mark.parametrize("count", [0, 1])
def test_what_was_taken_off_sale_comes_back_with_the_source_that_follows_next(showroom, choice, count):
    room = showroom(identifier="sku", unlink=choice)
    gid = follow_one(room, **sized("A", "S"))
    own, channels = room.link(gid).destination_gid, sorted(room.there("lamp").publication_gids)
    room.delete(gid)
    room.world.follow()
    assert room.there("lamp").publication_gids == ()
    chosen = channels[:count]  # none: where it was
    other = room.second_source(publication_gids=chosen, visibility="source")
    new = other.add("Second lamp", other.source, **sized("A", "S"), stock=5, is_on_sale=False)
    room.world.follow()
    [handle] = room.handles()
    link = other.link(new)
    assert (link.state, link.destination_gid, room.there(handle).publication_gids) == ("linked", own, ())
    other.put_on_sale(new)
    room.world.follow()
    assert sorted(room.there(handle).publication_gids) == (chosen or channels)
    room.sim.clock.advance(90_000)
    room.sweep()
    assert sorted(room.there(handle).publication_gids) == (chosen or channels)
    assert list(ProductLink.objects.values_list("unpublished_from", flat=True)) == [[], []]


def test_what_was_taken_off_sale_stays_where_the_next_source_leaves_channels_alone(showroom):
    room = showroom(identifier="sku")
    gid = follow_one(room, **sized("A", "S"))
    room.delete(gid)
    room.world.follow()
    other = room.second_source(publication_gids=[], field_policies={"publishing": "ignore"})
    new = other.add("Second lamp", other.source, **sized("A", "S"), stock=5, is_on_sale=True)
    room.world.follow()
    [handle] = room.handles()
    assert (other.link(new).state, room.there(handle).publication_gids) == ("linked", ())
    assert len(room.link(gid).unpublished_from) == len(room.channels())


def test_where_it_was_before_its_source_took_it_off_sale_is_known_to_the_source_that_follows_next(showroom):
    room = showroom(identifier="sku", visibility="source")
    gid = follow_one(room, **sized("A", "S"))
    channels = sorted(room.there("lamp").publication_gids)
    room.set(publication_gids=[])
    room.take_off_sale(gid)
    room.world.follow()
    assert room.there("lamp").publication_gids == ()
    room.delete(gid)
    room.world.follow()
    other = room.second_source(publication_gids=[], visibility="source")
    new = other.add("Second lamp", other.source, **sized("A", "S"), stock=5)
    room.world.follow()
    [handle] = room.handles()
    assert other.link(new).state == "linked"
    assert sorted(room.there(handle).publication_gids) == channels
