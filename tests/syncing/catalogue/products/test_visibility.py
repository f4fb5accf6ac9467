"""Issue 14, case 12: on sale only while, and not before, the source is, by webhook, by the sweep, by the comparison."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import CatalogueSettings, ProductLink, Store
from stores.shopify import gids
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun
from tests.simulator.events import merchant
from tests.support.catalogue.showroom import Showroom

WEEK_SECONDS = 7 * 86400


@pytest.fixture
def room(showroom) -> Showroom:
    """What is chosen for both of the destination's channels, of which one takes instants."""
    room = showroom()
    room.online, room.till = room.channels()
    room.set(publication_gids=[room.online, room.till])
    return room


def on_sale(room: Showroom, handle: str = "lamp") -> list[str]:
    """The channels that a product of the destination is on now."""
    return sorted(room.there(handle).publication_gids)


def test_new_catalogues_keep_sales_channels_in_step_and_older_ones_do_as_before(room):
    settings = CatalogueSettings.objects.get()
    assert (settings.policy_of("publishing"), settings.visibility) == ("sync", "source")
    assert CatalogueSettings._meta.get_field("visibility").db_default.value == "always"
    room.set(visibility="always", field_policies=settings.field_policies | {"publishing": "create_only"})
    gid = room.add("Lamp", is_on_sale=False)
    room.carry(gid)
    assert on_sale(room) == [room.online, room.till]
    room.take_off_sale(gid)
    room.run()
    assert on_sale(room) == [room.online, room.till]


@pytest.mark.parametrize("tells", [True, False], ids=["webhooks", "comparison"])
@pytest.mark.parametrize("channel", ["Online Store", "Point of Sale"])
@pytest.mark.parametrize("staged", [True, False])
def test_it_comes_and_goes_with_any_channel_of_the_source(room, tells, channel, staged):
    for place in room.world.places:
        place.shop.knobs.publishing_tells, place.shop.knobs.drafts_are_staged = tells, staged
    gid = room.add("Lamp", is_on_sale=False, stock=3)

    def look() -> None:
        room.world.tick(2)  # webhooks of one second that tell of no channel are taken for one
        room.world.follow() if tells else room.run()

    room.world.follow()
    assert (room.link(gid).state, on_sale(room)) == ("linked", [])
    room.put_on_sale(gid, channel)
    look()
    assert on_sale(room) == [room.online, room.till]
    room.take_off_sale(gid, channel)
    look()
    assert on_sale(room) == []
    assert "on sale on no channel" in room.link(gid).reason
    room.put_on_sale(gid, channel)
    look()
    assert on_sale(room) == [room.online, room.till]
    merchant.change_product(room.source.shop, room.sim.clock, gids.number(gid), status="ARCHIVED")
    look()
    assert on_sale(room) == []


@pytest.mark.parametrize("policy", ["sync", "create_only"])
def test_an_instant_to_come_is_carried_and_the_sweep_does_what_shopify_cannot(room, policy):
    policies = CatalogueSettings.objects.get().field_policies
    room.set(field_policies=policies | {"publishing": policy})
    gid = room.add("Lamp", is_on_sale=False)
    at = room.sim.clock.whole_seconds() + WEEK_SECONDS
    room.put_on_sale(gid, at=at)
    room.world.follow()
    assert (on_sale(room), [channel for channel, _ in room.there("lamp").scheduled]) == ([], [room.online])
    assert round(room.link(gid).publish_at.timestamp()) == at
    for place in room.world.places:
        place.lose_webhooks()
    room.world.let_pass(6 * 24)
    room.sweep()
    assert on_sale(room) == []
    room.world.let_pass(1.1 * 24)
    assert on_sale(room) == [room.online]
    room.sweep()
    assert on_sale(room) == [room.online, room.till]
    assert (room.link(gid).publish_at, ProductLink.objects.exclude(publish_at=None).count()) == (None, 0)


def test_a_preview_says_what_would_be_taken_off_sale_and_the_run_does_just_that(room):
    gid = room.add("Lamp")
    room.carry(gid)
    for place in room.world.places:
        place.lose_webhooks()
    room.take_off_sale(gid)
    preview = room.run(is_preview=True)
    item = preview.items.get()
    assert (item.action, "Taken off sale" in item.reason) == ("update", True)
    assert [(row["field"], row["wanted"], row["current"]) for row in item.differences] == [
        ("publishing", "on 0 now", "on 2 now")
    ]
    assert len(on_sale(room)) == 2
    run = room.run()
    assert (run.state, run.items.get().differences, on_sale(room)) == ("finished", item.differences, [])


@pytest.fixture
def dark(room) -> Showroom:
    """Six lamps follow; all of them are on no channel of the source any more: or its app cannot see that they are."""
    room.gids = [room.add(f"Lamp {number}") for number in range(6)]
    room.run("first")
    for place in room.world.places:
        place.lose_webhooks()
    for gid in room.gids:
        room.take_off_sale(gid)
        room.change(gid, vendor="New")
    return room


def shown(room: Showroom) -> int:
    return sum(bool(on_sale(room, f"lamp-{number}")) for number in range(6))


def test_a_whole_shop_that_would_go_dark_waits_for_an_operator(dark):
    assert "take off sale 6 of 6" in dark.run(is_preview=True).hold_reason
    held = dark.run()
    assert (held.state, shown(dark), held.items.filter(outcome="held").count()) == ("held", 6, 6)
    assert {dark.there(f"lamp-{number}").vendor for number in range(6)} == {"New"}
    lifecycle.release(held)
    assert (dark.go_on(held).state, shown(dark)) == ("finished", 0)


def test_what_an_operator_keeps_on_sale_stays_until_its_source_is_back(dark):
    lifecycle.discard(dark.run())
    assert (dark.run().state, shown(dark)) == ("finished", 6)
    assert dark.link(dark.gids[0]).state == "linked"
    dark.put_on_sale(dark.gids[0])
    dark.carry(dark.gids[0])
    dark.take_off_sale(dark.gids[0])
    dark.carry(dark.gids[0])
    assert shown(dark) == 5


def test_one_by_one_it_waits_as_well(dark):
    for gid in dark.gids:
        dark.carry(gid)
    run = CatalogueRun.objects.get(state="held")
    assert (shown(dark), run.items.count()) == (2, 2)
    assert "take off sale" in run.hold_reason
    lifecycle.release(run)
    dark.go_on(run)
    assert shown(dark) == 0


def test_what_follows_again_is_shown_again_once_its_source_is(room):
    Store.objects.filter(pk=room.source.store.pk).update(share_tags=["keep"])
    gid = room.add("Lamp", tags=["keep"])
    room.carry(gid)
    room.change(gid, tags=[])
    room.carry(gid)
    room.take_off_sale(gid)
    room.change(gid, tags=["keep"])
    room.carry(gid)
    assert (room.link(gid).state, on_sale(room)) == ("linked", [])
    room.put_on_sale(gid)
    room.carry(gid)
    assert on_sale(room) == [room.online, room.till]


def test_what_is_planned_goes_with_a_product_that_is_let_go(room):
    gid = room.add("Lamp", is_on_sale=False)
    room.put_on_sale(gid, at=room.sim.clock.whole_seconds() + WEEK_SECONDS)
    room.carry(gid)
    room.delete(gid)
    room.carry(gid)
    link = room.link(gid)
    assert (room.there("lamp").scheduled, link.unpublished_from, link.publish_at) == ((), [], None)
    assert link.unlinked_at > timezone.now() - timedelta(hours=1)


@pytest.mark.parametrize("when", ["creation", "update", "return"])
def test_a_channel_that_is_gone_from_the_destination_costs_only_itself(room, when):
    if when != "creation":
        gid = room.add("Lamp")
        room.world.follow()
    if when == "return":
        ProductLink.objects.update(excluded_by="Ann")
        room.carry(gid)
        ProductLink.objects.update(excluded_by="")
    channels = room.destination.shop.catalog.publications
    del channels[gids.number(room.till)]
    if when == "creation":
        gid = room.add("Lamp")
    room.reprice(gid, "12.00")
    room.world.follow()
    assert (room.link(gid).state, on_sale(room)) == ("linked", [room.online])
    assert str(room.there("lamp").variants[0].price) == "12.00"
    assert "1 of the sales channels" in room.link(gid).reason
