"""What Shopify refuses about one thing is counted against it, and everything else goes on."""

import contextlib
from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import ProductLink
from stores.shopify.errors import ShopifyError
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun, SyncJob
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from tests.support.catalogue.showroom import Showroom, items_of

UNKNOWN_CATEGORY = "gid://shopify/TaxonomyCategory/zz-9"
ODD_ANSWERS = [
    ("refused_field", {"code": "BAD_REQUEST"}),
    ("refused_field", {"code": "INVALID_PRODUCT_TAXONOMY_NODE_ID"}),
    ("refused_field", {"code": "RESOURCE_LOCKED"}),
    ("internal_error_before", {}),
    ("rejected_document", {"code": "INVALID_VARIABLE"}),
    ("rejected_document", {"code": "MAX_INPUT_SIZE_EXCEEDED"}),
    ("rejected_document", {"code": "SOMETHING_NEW"}),
]


def work_at(room: Showroom, kind: str = "all", rounds: int = 4) -> CatalogueRun:
    """A run by its jobs, as often as they are tried."""
    run = lifecycle.start(room.connection, kind)
    enqueue.run_catalogue(run)
    for _ in range(rounds):
        room.world.work()
    return CatalogueRun.objects.get(pk=run.pk)


def spoil(room: Showroom, title: str, kind: str, **fields) -> None:
    """Whatever of the destination's calls names this product is answered so, for ever."""
    room.destination.fault(kind, match="any_mutation", naming=title, count=None, **fields)


@pytest.mark.parametrize(("kind", "fields"), ODD_ANSWERS)
def test_a_run_goes_on_without_the_product_that_shopify_refuses_in_any_way(showroom, kind, fields):
    room = showroom()
    for number in range(4):
        room.add(f"Lamp {number}", stock=number)
    spoil(room, "Lamp 1", kind, **fields)
    run = work_at(room, "first")
    assert (run.state, run.failed, run.done) == ("finished", 1, 4)
    assert items_of(run)["Lamp 1"] == ("skip", "failed")
    assert room.handles() == ["lamp-0", "lamp-2", "lamp-3"]
    link = ProductLink.objects.get(title="Lamp 1")
    assert (link.state, bool(link.reason)) == ("failed", True)
    assert not SyncJob.objects.filter(state=SyncJob.State.FAILED).exists()
    room.sim.faults(room.destination.shop).clear()
    assert work_at(room).failed == 0
    assert len(room.handles()) == 4


@pytest.mark.parametrize(("kind", "fields"), ODD_ANSWERS[2:5])
def test_the_job_of_one_product_ends_and_tells_what_shopify_said(showroom, kind, fields):
    room = showroom()
    gid = room.add("Lamp")
    room.carry(gid)
    there = room.link(gid).destination_gid
    room.destination.fault(kind, match="any_mutation", naming=there, count=None, **fields)
    room.change(gid, title="Lamp 2024")
    enqueue.sync_product(room.connection, gid, due_in=0)
    room.world.work(tries=6)
    assert (room.link(gid).state, room.link(gid).destination_gid) == ("failed", there)
    assert not SyncJob.objects.filter(kind="sync_product").exclude(state="succeeded").exists()


def test_a_thing_that_cannot_be_read_keeps_no_other_from_being_carried(showroom):
    room = showroom()
    gids = [room.add(f"Lamp {number}") for number in range(3)]
    room.source.fault("internal_error_before", match="nodes", naming=gids[1], count=None)
    run = work_at(room, "first")
    assert (run.state, run.failed, room.handles()) == ("finished", 1, ["lamp-0", "lamp-2"])


def test_an_error_that_passes_is_nobodys_failure(showroom):
    room = showroom()
    for number in range(3):
        room.add(f"Lamp {number}")
    room.destination.fault("internal_error_before", match="productSet", skip=1)
    assert work_at(room, "first").failed == 0
    assert len(room.handles()) == 3


def test_a_store_that_refuses_everything_is_waited_for_and_healed_by_itself(showroom):
    room = showroom()
    for number in range(12):
        room.add(f"Lamp {number}")
    room.destination.fault("internal_error_before", match="productSet", count=None)
    run = lifecycle.start(room.connection, "first")
    with contextlib.suppress(ShopifyError):
        room.go_on(run)
    assert run.items.filter(outcome="failed").count() < 12
    room.sim.faults(room.destination.shop).clear()
    room.go_on(run)
    room.sim.clock.advance(3700)
    room.sweep()
    assert len(room.handles()) == 12
    assert set(ProductLink.objects.values_list("state", flat=True)) == {"linked"}


def cap(room: Showroom, left: int = 0) -> None:
    made = sum(count for _, count in room.destination.shop.variants_made)
    room.destination.shop.knobs.new_variants_per_day = made + left


def test_under_the_daily_cap_creations_wait_in_words_while_prices_are_written(showroom):
    room = showroom()
    old = room.add("Old", stock=1)
    room.run("first")
    cap(room)
    for number in range(3):
        room.add(f"Lamp {number}", stock=5)
    room.reprice(old, "12.00")
    room.sim.reset_counters()
    run = work_at(room)
    assert (run.state, run.failed) == ("finished", 0)
    assert str(room.there("old").variants[0].price) == "12.00"
    assert {title: outcome for title, (_, outcome) in items_of(run).items()} == {
        "Old": "done", **{f"Lamp {number}": "waiting" for number in range(3)}
    }  # fmt: skip
    assert room.destination.count("productSet") == 1  # one creation tells of all
    waiting = list(ProductLink.objects.filter(state="waiting"))
    assert len(waiting) == 3
    for link in waiting:
        assert link.retry_at > timezone.now()
        assert f"{link.retry_at:%Y-%m-%d %H:%M} UTC" in link.reason
    assert not SyncJob.objects.filter(state="failed").exists()
    assert [*data_problems.catalogue(timezone.now()), *data_problems.failed_jobs(timezone.now())] == []
    room.sim.reset_counters()
    room.sweep()
    assert room.destination.count("productSet") == 0
    room.destination.shop.knobs.new_variants_per_day = None
    room.sim.clock.advance(2 * 86_400)
    room.sweep()
    assert room.handles() == ["lamp-0", "lamp-1", "lamp-2", "old"]
    assert room.units("lamp-1") == [5]
    assert not ProductLink.objects.exclude(state="linked").exists()


def test_a_new_variant_waits_under_the_cap_while_all_else_of_its_product_is_written(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S")
    room.carry(gid)
    cap(room)
    sizes = [{"name": "Size", "values": [{"name": "S"}, {"name": "L"}]}]
    rows = [{"optionValues": [{"optionName": "Size", "name": name}], "price": "12.00"} for name in "SL"]
    room.change(gid, title="Shirt 2024", productOptions=sizes, variants=rows)
    enqueue.sync_product(room.connection, gid, due_in=0)
    room.world.work()
    made = room.there("shirt")
    assert (made.title, [str(variant.price) for variant in made.variants]) == ("Shirt 2024", ["12.00"])
    assert (room.link(gid).state, "wait" in room.link(gid).reason) == ("linked", True)
    room.destination.shop.knobs.new_variants_per_day = None
    room.sim.clock.advance(2 * 86_400)
    room.sweep()
    assert [variant.title for variant in room.there("shirt").variants] == ["S", "L"]
    assert (room.link(gid).reason, room.link(gid).retry_at) == ("", None)


def test_the_cap_of_a_store_holds_for_all_its_connections_and_for_no_other_store(showroom):
    room = showroom(destinations=2)
    other = Showroom(room.world, 1)
    cap(room)
    room.add("Lamp")
    assert (work_at(room, "first").counts, work_at(other, "first").counts) == ({"skip": 1}, {"create": 1})
    assert (room.handles(), other.handles()) == ([], ["lamp"])


def test_a_cap_that_lasts_is_tried_again_with_one_call_in_an_hour(showroom):
    room = showroom()
    for number in range(5):
        room.add(f"Lamp {number}")
    cap(room)
    room.run("first")
    room.sim.clock.advance(86_400)
    room.destination.shop.knobs.new_variants_per_day = 0
    for _ in range(3):
        room.sim.reset_counters()
        room.sweep()
        room.sweep()
        assert room.destination.count("productSet") == 1
        room.sim.clock.advance(timedelta(hours=1).total_seconds() + 5)
