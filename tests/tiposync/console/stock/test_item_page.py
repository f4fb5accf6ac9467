"""The page of an item, "why is this number 7?": its rule, the reckoning, both stores asked live, what hinders it."""

import re
from html import unescape

import pytest

from stores.models import Connection, Store, SyncSwitch, VariantLink
from syncing.models import StockLevel, StockLink, SyncJob
from tests.simulator.wire.auth import revoke_tokens
from tests.support.console.press import forms_with, look_at, press
from tests.support.places import Place
from tests.support.world import World
from tests.syncing.stock.pairs.test_shared_items import share
from tests.tiposync.console.stores.test_switch import worker_of

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(world: World, connection: int = 0) -> str:
    """The address of item 0's page."""
    link = VariantLink.objects.filter(connection=world.connections[connection]).earliest("pk")
    return f"/admin/syncing/stocklink/timeline/{link.pk}/"


def words_of(page: str) -> str:
    """The text of a page, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def summed(world: World, **rule) -> tuple[Place, Place]:
    """Two rooms of a source with 20 of each item, summed into one of a destination by a rule; all in step."""
    source = world.add_store("source", "source", locations=2)
    north = world.add_store("north", "destination")
    mapped = [(room, north.location_ids[0]) for room in source.location_ids]
    world.connect(source, north, "one_way", mapped=mapped, **rule)
    world.work()
    world.mark()
    return source, north


def test_several_summed_locations_and_their_rule_are_reckoned_step_by_step(world, admin_client):
    _, north = summed(world, percentage=50, safety_buffer=3, cap_quantity=15)
    assert north.available() == 15
    said = words_of(look_at(admin_client, page_of(world)))
    for step in (
        "Source, Room 0 has 20",
        "Source, Room 1 has 20",
        "Together 40",
        "50 % of it, rounded down 20",
        "Less the safety buffer of 3 17",
        "At most 15 15",
        "So North, Room 0 should show 15",
        "Both stores are as they should be.",
        "50 % of the source's quantity, 3 kept back as a safety buffer, never more than 15.",
        "Room 0 + Room 1 → Room 0",
        "the sources had 40 together",
    ):
        assert step in said, step


def test_what_is_sold_elsewhere_and_not_in_the_source_yet_is_told(world, admin_client):
    summed(world)
    link = VariantLink.objects.earliest("pk")
    order = link.connection.order_imports.create(order_gid="gid://shopify/Order/1", state="planned")
    order.lines.create(line_gid="1", source_variant=link.source_variant, quantity=4, is_pending=True)
    said = words_of(look_at(admin_client, page_of(world)))
    assert "Less 4 reserved for orders that are not imported yet 36" in said
    assert "The next run takes North, Room 0 from 40 to 36" in said


def test_an_oversold_source_is_shown_as_it_is(world, admin_client):
    source, _ = summed(world, safety_buffer=3)
    source.set(0, -25)
    world.follow()
    said = words_of(look_at(admin_client, page_of(world)))
    assert "Nothing is left to keep back: shown as it is -5" in said
    assert "should show -5" in said


def test_two_way_tells_what_changed_on_each_side_since_they_were_in_step(pair, admin_client):
    world = pair("two_way")
    source, north = world.places
    assert "Both stores are as they should be." in words_of(look_at(admin_client, page_of(world)))
    StockLevel.objects.filter(store=source.store).update(available=26)
    said = words_of(look_at(admin_client, page_of(world)))
    assert "Source, Room 0 has (+6 since they were last synced at 20) 26" in said
    assert "North, Room 0 has (as when last synced) 20" in said
    assert "The next run takes North, Room 0 from 20 to 26" in said
    assert "A change on either side is synced to the other one, once." in said


def test_drift_a_doubt_and_what_is_skipped_are_said_in_words(pair, admin_client):
    world = pair("one_way", drift="report")
    source, north = world.places
    north.set(0, 12)
    world.follow()
    assert "Was changed in the destination: shows 12, should be 20" in words_of(look_at(admin_client, page_of(world)))
    StockLevel.objects.filter(store=north.store).update(is_doubtful=True)
    assert "it is read live before anything is written" in words_of(look_at(admin_client, page_of(world)))
    StockLevel.objects.filter(store=source.store).update(available=None)
    said = words_of(look_at(admin_client, page_of(world)))
    assert "It is not synced: the source gives no quantity for it" in said


def test_a_paused_connection_says_so_and_other_destinations_are_a_click_away(pair, admin_client):
    world = pair("one_way", destinations=2)
    Connection.objects.filter(pk=world.connections[0].pk).update(is_paused=True)
    page = look_at(admin_client, page_of(world))
    assert "Not syncing The connection is paused." in words_of(page)
    assert f'href="{page_of(world, 1)}">South</a>' in page


# --- Asking both stores now ---------------------------------------------------------------------------------------


def test_asking_live_tells_what_both_stores_say_and_carries_what_differs(pair, admin_client):
    world = pair("two_way")
    source, north = world.places
    assert "Source, Room 0: 20; North, Room 0: 20. All as known here." in words_of(
        press(admin_client, page_of(world), "Read live")
    )
    assert not SyncJob.objects.filter(state="queued").exists()
    source.set(0, 27)
    said = words_of(press(admin_client, page_of(world), "Read live"))
    assert "Source, Room 0: 27, here 20 until now; North, Room 0: 20. What differs is being synced." in said
    world.work()
    assert north.available() == 27


def test_both_rooms_of_a_sum_are_asked(world, admin_client):
    source, _ = summed(world)
    source.set(0, 1, at=1)
    said = words_of(press(admin_client, page_of(world), "Read live"))
    assert "Source, Room 0: 20; Source, Room 1: 1, here 20 until now; North, Room 0: 40." in said


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda place: Store.objects.filter(pk=place.store.pk).update(is_paused=True), "The store Source is paused"),
        (lambda place: revoke_tokens(place.shop), "Source: "),
        (lambda place: place.fault("throttled", count=None), "Source: "),
        (lambda place: place.fault("http", status=502, count=None), "Source: "),
    ],
    ids=["paused", "revoked", "throttled", "down"],
)
def test_a_store_that_cannot_be_asked_says_why_and_the_other_is_read(pair, admin_client, spoil, words):
    world = pair("two_way")
    spoil(world.places[0])
    page = press(admin_client, page_of(world), "Read live")
    said = words_of(page)
    assert "North, Room 0: 20" in said
    failure = said.partition("Could not be read. ")[2]
    assert failure.startswith(words) and len(failure) > len(words)
    assert "Source, Room 0: 20" not in said
    assert not StockLink.objects.filter(source_level__available=None).exists()


def test_a_store_without_points_left_is_not_waited_for(pair, admin_client):
    world = pair("two_way")
    shop = world.places[0]
    Store.objects.filter(pk=shop.store.pk).update(bucket_maximum=1000, bucket_available=-900, bucket_restore_rate=50)
    said = words_of(press(admin_client, page_of(world), "Read live"))
    assert re.search(r"its API budget is used up by other work. Try again in \d+ seconds", said)


def test_while_everything_is_stopped_nobody_is_asked(pair, admin_client):
    world = pair("two_way")
    SyncSwitch.objects.update_or_create(pk=1, defaults={"is_stopped": True})
    before = world.places[0].reads
    assert "nothing is read until it is resumed" in words_of(press(admin_client, page_of(world), "Read live"))
    assert world.places[0].reads == before


def test_a_viewer_sees_the_page_without_the_button(pair):
    world = pair("two_way")
    viewer = worker_of("stores.view_variantlink", "syncing.view_stocklink")
    assert not forms_with(look_at(viewer, page_of(world)), "Read live")
    assert viewer.post(f"{page_of(world)}read/").status_code == 403


def test_the_page_of_every_variant_of_one_inventory_item_shows_the_same_stock(world, admin_client):
    for name, role in (("source", "source"), ("north", "destination")):
        share(world.add_store(name, role), 1, 0)
    world.connect(*world.places, "two_way")
    world.work()
    for link in VariantLink.objects.order_by("pk")[:2]:
        said = words_of(look_at(admin_client, f"/admin/syncing/stocklink/timeline/{link.pk}/"))
        assert "Source, Room 0 has (as when last synced) 20" in said
