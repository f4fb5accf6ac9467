"""Workers that die and answers that are lost while a run writes in bulk: nothing twice, nothing missing."""

import os
import random
from collections import Counter

import pytest

from syncing.catalogue.bulk import following
from syncing.models import BulkOperation
from tests.support.catalogue.bulk import FirstSync, Repricing, list_in_bulk, read_ahead

SEED_COUNT = int(os.environ.get("TIPOSYNC_BULK_SEEDS", "6"))
EFFECT_STEP = int(os.environ.get("TIPOSYNC_BULK_STEP", "12"))  # 1: each effect of a first sync is died before
FIRST_SYNC_EFFECTS = 195  # a few more than a sweep has that brings it from its first batch to its end
MOST_EFFECTS = 50  # of one worker before it dies
DEATHS_COUNT = 12
LINE_FAULTS = [("refuse_before", "close"), ("internal_error_before", "close"), ("lost_answer", "close")]
LINE_FAULTS += [("lost_answer", "internal_error")]


@pytest.fixture(autouse=True)
def reading(request, monkeypatch):
    """Every second run reads its products, and which there are, in bulk, too."""
    if sum(request.node.callspec.params.values()) % 2:
        read_ahead(monkeypatch)
        list_in_bulk(monkeypatch)


@pytest.fixture
def repricing(showroom, settings, monkeypatch):
    """A re-pricing of six products, which was not begun; nobody waits for a lost start to arrive late."""
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(following, "LOOKED_FOR", following.OLD * 0)
    return Repricing(showroom(), settings, 6)


def count_writes(prepared: Repricing) -> Counter:
    """How often the prices of each product of the destination are written from now on, in bulk or singly."""
    written: Counter = Counter()

    def note(shop, name, arguments) -> None:
        if name == "productVariantsBulkUpdate" and shop is prepared.room.destination.shop:
            written[arguments["productId"]] += 1

    prepared.room.sim.on_after_commit.append(note)
    return written


def plan_misfortune(prepared: Repricing, dice: random.Random) -> None:
    """Lines without results, or results that are wrong; lost starts; operations that fail; links that die."""
    place, knobs = prepared.room.destination, prepared.room.destination.shop.knobs
    for gid in prepared.gids:
        if dice.random() < 0.3:
            kind, how = dice.choice(LINE_FAULTS)
            place.fault(kind, match="bulk_line", how=how, naming=prepared.room.link(gid).destination_gid)
    if dice.random() < 0.4:
        place.fault(dice.choice(["lost_answer", "refuse_before"]), match="bulkOperationRunMutation")
    if dice.random() < 0.2:
        place.fault("lost_answer", match="productVariantsBulkUpdate")
    if dice.random() < 0.2:
        knobs.bulk_fails = f"INTERNAL_SERVER_ERROR:{dice.randrange(6)}"
    if dice.random() < 0.2:
        knobs.bulk_link_seconds = 0.0
    if dice.random() < 0.2:
        knobs.bulk_first_line = 1


@pytest.mark.parametrize("seed", range(SEED_COUNT))
def test_whatever_dies_and_is_lost_each_price_is_written_once(repricing, seed):
    dice = random.Random(seed)
    prepared, written = repricing, count_writes(repricing)
    plan_misfortune(prepared, dice)
    run = prepared.begin()
    for _ in range(DEATHS_COUNT):
        with prepared.room.world.worker_that_dies(dice.randrange(1, MOST_EFFECTS)):
            prepared.room.world.sweep(tries=20)
    run = prepared.end(run)
    assert (run.state, run.total, run.done, run.failed) == ("finished", 6, 6, 0)
    assert prepared.prices() == ["15.00"] * 6
    assert written == {prepared.room.link(gid).destination_gid: 1 for gid in prepared.gids}
    assert not BulkOperation.objects.filter(state__in=BulkOperation.OPEN).exists()
    assert prepared.run("all").counts == {"equal": 6}


@pytest.mark.parametrize("effect", range(1, 64, 5))
def test_a_worker_that_dies_before_any_effect_of_following_loses_nothing(repricing, effect):
    written = count_writes(repricing)
    run = repricing.begin()
    repricing.room.world.work(tries=20)  # gathered, started
    with repricing.room.world.worker_that_dies(effect):
        repricing.room.sweep()
    repricing.end(run)
    assert repricing.prices() == ["15.00"] * 6
    assert set(written.values()) == {1}


@pytest.fixture
def first(showroom, settings, monkeypatch):
    """A first sync of four products, which was not begun."""
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(following, "LOOKED_FOR", following.OLD * 0)
    return FirstSync(showroom(), settings, 4)


def count_creations(prepared: FirstSync) -> Counter:
    """How often each product of the destination is asked for from now on, in bulk or singly, by its handle."""
    asked: Counter = Counter()

    def note(shop, name, arguments) -> None:
        if name == "productSet" and shop is prepared.room.destination.shop and not arguments.get("identifier"):
            asked[arguments["input"]["handle"]] += 1

    prepared.room.sim.on_after_commit.append(note)
    return asked


def plan_lost_creations(prepared: FirstSync, dice: random.Random) -> None:
    """Lines without results, or results that are wrong; lost starts; operations that fail; links that die."""
    place, knobs = prepared.room.destination, prepared.room.destination.shop.knobs
    for handle in prepared.handles:
        if dice.random() < 0.4:
            kind, how = dice.choice(LINE_FAULTS)
            place.fault(kind, match="bulk_line", how=how, naming=handle)
    for chance, match in ((0.4, "bulkOperationRunMutation"), (0.3, "productSet"), (0.3, "publishablePublish")):
        if dice.random() < chance:
            place.fault(dice.choice(["lost_answer", "refuse_before"]), match=match)
    knobs.bulk_fails = f"INTERNAL_SERVER_ERROR:{dice.randrange(4)}" if dice.random() < 0.2 else None
    knobs.bulk_link_seconds = 0.0 if dice.random() < 0.2 else 1800.0
    knobs.bulk_first_line = dice.randrange(2)


@pytest.mark.parametrize("seed", range(SEED_COUNT))
def test_whatever_dies_and_is_lost_each_product_is_made_once_and_whole(first, seed):
    dice = random.Random(seed)
    asked = count_creations(first)
    plan_lost_creations(first, dice)
    run = first.begin()
    for _ in range(DEATHS_COUNT):
        with first.room.world.worker_that_dies(dice.randrange(1, 2 * MOST_EFFECTS)):
            first.room.world.sweep(tries=20)
    run = first.end(run)
    assert (run.state, run.total, run.done, run.failed) == ("finished", 4, 4, 0)
    assert first.is_whole()
    assert asked == dict.fromkeys(first.handles, 1)
    assert not BulkOperation.objects.filter(state__in=BulkOperation.OPEN).exists()
    assert first.run("all").counts == {"equal": 4}


@pytest.mark.parametrize("effect", range(1, 40, 5))
def test_a_worker_that_dies_before_any_effect_of_making_products_makes_none_twice(first, effect):
    asked = count_creations(first)
    run = first.begin()
    first.room.world.work(tries=20)  # gathered, started
    for _ in range(3):
        with first.room.world.worker_that_dies(effect):
            first.room.sweep()
    first.end(run)
    assert first.is_whole()
    assert asked == dict.fromkeys(first.handles, 1)


@pytest.mark.parametrize("effect", range(1, FIRST_SYNC_EFFECTS, EFFECT_STEP))
def test_a_worker_that_dies_before_any_effect_of_a_batch_leaves_no_trace_of_it(first, effect):
    asked = count_creations(first)
    run = first.begin()
    with first.room.world.worker_that_dies(effect) as countdown:
        first.room.world.sweep(tries=20)
    run = first.end(run)
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 4}, 0), countdown.seen
    assert first.is_whole()
    assert asked == dict.fromkeys(first.handles, 1)
