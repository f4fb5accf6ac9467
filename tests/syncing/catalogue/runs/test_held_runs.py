"""A run that waits for an operator keeps nothing else waiting, and what it asks about is not forgotten by the next."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import ProductLink
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun
from tests.support.catalogue.showroom import Showroom, items_of


@pytest.fixture
def room(showroom) -> Showroom:
    """Five lamps follow; three of them are deleted in the source, which is held."""
    room = showroom(unlink="delete", guard_minimum=2)
    room.gids = [room.add(f"Lamp {number}", stock=number) for number in range(5)]
    for place in room.world.places:
        place.lose_webhooks()
    room.run("first")
    for gid in room.gids[:3]:
        room.delete(gid)
    room.held = room.run()
    assert room.held.state == "held"
    return room


def test_new_prices_travel_while_a_run_is_held_and_it_asks_again(room):
    room.set(price_percent=10, changed_at=timezone.now() - timedelta(minutes=2))
    room.sweep()
    assert str(room.there("lamp-4").variants[0].price) == "11.00"
    assert len(room.handles()) == 5
    again = CatalogueRun.objects.exclude(pk=room.held.pk).get(state="held")
    assert (again.kind, again.items.filter(outcome="held").count()) == ("prices", 3)
    room.held.refresh_from_db()
    assert (room.held.state, "asks again" in room.held.message) == ("cancelled", True)
    lifecycle.release(again)
    room.go_on(again)
    assert room.handles() == ["lamp-3", "lamp-4"]


def test_what_was_held_is_held_again_even_where_the_rest_alone_would_pass_the_guard(room):
    room.set(guard_minimum=10, guard_products=10)
    run = room.run()
    assert (run.state, len(room.handles())) == ("held", 5)
    assert "3 of 5" in run.hold_reason


def test_a_run_that_finds_nothing_to_remove_any_more_is_not_held(room):
    ProductLink.objects.filter(source_gid__in=room.gids[:3]).update(state="unlinked")
    assert room.run().state == "finished"


def test_the_failed_ones_are_not_tried_again_in_place_of_a_decision(room):
    with pytest.raises(lifecycle.RunRefused, match="waits for a decision"):
        lifecycle.start(room.connection, "retry", retried=room.held)
    room.held.refresh_from_db()
    assert room.held.state == "held"


def test_a_preview_leaves_a_held_run_alone(room):
    assert room.run(is_preview=True).state == "finished"
    room.held.refresh_from_db()
    assert room.held.state == "held"


def test_ending_a_catalogue_does_not_wait_for_a_held_run(room):
    run = room.go_on(lifecycle.disconnect(room.connection, "delete"))
    assert (run.state, room.handles()) == ("finished", [])


def test_another_webhook_of_what_is_held_removes_nothing_however_late(room):
    room.world.let_pass(2)
    assert room.carry(room.gids[0]).outcome == "held"
    assert (len(room.handles()), items_of(room.held)["Lamp 0"]) == (5, ("delete", "held"))


def test_runs_over_products_and_runs_over_content_do_not_wait_for_each_other(room):
    lifecycle.start(room.connection, "content")
    assert room.run().state == "held"
    with pytest.raises(lifecycle.RunRefused, match="under way"):
        lifecycle.start(room.connection, "content")


@pytest.mark.parametrize("telling", ["webhooks", "none"])
def test_what_is_left_for_another_source_is_neither_held_nor_counted(showroom, telling):
    room = showroom(unlink="delete", guard_minimum=3)
    other = room.second_source()
    gids = [room.add(f"Lamp {number}") for number in range(6)]
    for place in room.world.places:
        place.lose_webhooks()
    room.run("first")
    room.run()  # which would count what was gone before
    followed = ProductLink.objects.filter(source_gid__in=gids[:4])
    followed.update(state="failed")  # Shopify refused their last changes
    for link in followed:
        names = {"destination_id": link.destination_id, "destination_gid": link.destination_gid, "title": "Theirs"}
        ProductLink.objects.create(connection=other.connection, source_gid=link.source_gid, state="linked", **names)
    for gid in gids[:5]:
        room.delete(gid)
        if telling == "webhooks":
            ProductLink.objects.filter(source_gid=gid).update(is_surely_missing=True, missing_at=timezone.now())
            room.carry(gid)
    if telling == "none":
        run = room.run()
        assert (run.state, run.hold_reason) == ("finished", "")
    assert not CatalogueRun.objects.filter(state="held").exists()
    assert [room.link(gid).unlink_done for gid in gids[:5]] == ["spared"] * 4 + ["deleted"]
