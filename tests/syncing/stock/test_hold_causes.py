"""Reviews of one cause: which belong together, and one decision for all of them, exactly once."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from syncing.models import HoldCause, StockAdjustment, StockHold, StockLink
from syncing.monitoring import reviews
from syncing.stock import holds
from syncing.upkeep import retention

Change = HoldCause.Change


def causes():
    return [(cause.store.name.lower(), cause.change, cause.holds.count()) for cause in HoldCause.objects.order_by("pk")]


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def fall(world, *numbers, to=0):
    """These items of the source are set to this in Shopify."""
    for number in numbers:
        world.places[0].set(number, to)
    world.follow()


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_an_import_in_the_source_is_one_cause_in_all_connections(pair, strategy):
    world = pair(strategy, destinations=3, stock=60)
    fall(world, 0, 1, 2)
    assert causes() == [("source", Change.TO_ZERO, 9)]
    (cause,) = HoldCause.objects.all()
    summary = reviews.summarize([cause])[cause.pk]
    assert (summary.item_count, summary.connection_count, summary.open_count) == (3, 3, 9)
    assert reviews.words_of(cause, summary) == "Source: 3 items fell to 0"


def test_another_kind_of_change_another_store_and_another_hour_are_other_causes(pair):
    world = pair("two_way", destinations=2, stock=60)
    fall(world, 0)
    fall(world, 1, to=2000)
    world.places[1].set(2, 0)
    world.follow(world.places[1])
    assert causes() == [("source", "to_zero", 2), ("source", "rose", 2), ("north", "to_zero", 1)]
    HoldCause.objects.update(newest_at=timezone.now() - timedelta(minutes=16))
    fall(world, 2)
    assert causes()[-1] == ("source", "to_zero", 1)  # of the south; in the north both sides are at 0 now


def test_what_goes_on_for_hours_begins_anew(pair):
    world = pair("one_way", stock=60)
    fall(world, 0)
    HoldCause.objects.update(began_at=timezone.now() - timedelta(hours=3))
    fall(world, 1)
    assert causes() == [("source", "to_zero", 1), ("source", "to_zero", 1)]


def test_what_an_initial_sync_would_empty_is_no_change_of_the_source(world):
    source, north = (world.add_store(name, name, 2, stock) for name, stock in (("source", 0), ("destination", 60)))
    world.connect(source, north, "one_way")
    world.work()
    assert causes() == [("source", Change.STARTED, 2)]


def test_releasing_all_of_a_cause_lets_these_plans_through_and_no_other(pair):
    world = pair("one_way", destinations=2, stock=60)
    fall(world, 0, 1)
    operator = get_user_model().objects.create(username="ada")
    shown = StockHold.objects.filter(cause=HoldCause.objects.get())
    newest = shown.latest("pk").pk
    fall(world, 2)  # joins the same cause after the page was shown
    assert causes() == [("source", "to_zero", 6)]
    decided = holds.release_all(shown.filter(pk__lte=newest), operator)
    assert len(decided) == 4
    assert holds.release_all(shown.filter(pk__lte=newest), operator) == set()  # twice is once
    world.carry()
    assert [levels_of(world, number) for number in range(3)] == [[0, 0, 0], [0, 0, 0], [0, 60, 60]]
    assert set(StockHold.objects.filter(pk__in=decided).values_list("state", "resolved_by")) == {
        ("released", operator.pk)
    }
    assert set(StockAdjustment.objects.filter(state="applied").values_list("cause", flat=True)) == {"released"}


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_discarding_all_leaves_every_store_as_it_is_as_discarding_each_does(pair, strategy):
    world = pair(strategy, destinations=2, stock=60)
    fall(world, 0, 1)
    one, *others = StockHold.objects.order_by("pk")
    holds.discard(one)
    holds.discard_all(StockHold.objects.filter(pk__in=[hold.pk for hold in others]))
    world.carry()
    assert [levels_of(world, number) for number in (0, 1)] == [[0, 60, 60], [0, 60, 60]]
    fields = ("source_baseline", "destination_baseline", "keeps_destination", "state", "reason")
    kept = StockLink.objects.filter(holds__isnull=False).values_list(*fields)
    assert len(kept) == 4 and len(set(kept)) == 1
    fall(world, 0, to=10)
    assert levels_of(world, 0) == ([10, 70, 70] if strategy == "two_way" else [10, 10, 10])


def test_what_somebody_decided_meanwhile_or_whose_values_changed_is_left_alone(pair):
    world = pair("one_way", stock=60)
    fall(world, 0, 1, 2)
    first, second, third = shown = list(StockHold.objects.order_by("pk"))
    holds.discard(first)
    world.places[1].set(1, 55)  # another plan than the one that was shown
    world.follow(world.places[1])
    second.refresh_from_db()
    assert second.state == StockHold.State.SUPERSEDED
    assert holds.release_all(StockHold.objects.filter(pk__in=[hold.pk for hold in shown])) == {third.pk}
    world.carry()
    assert [levels_of(world, number)[1] for number in range(3)] == [60, 55, 0]


def test_what_an_earlier_release_held_is_grouped_by_the_sweep(pair):
    world = pair("one_way", destinations=2, stock=60)
    fall(world, 0)
    StockHold.objects.update(cause=None)
    HoldCause.objects.all().delete()
    retention.prune()
    assert causes() == [("source", "to_zero", 2)]
