"""Which changes look destructive."""

import pytest

from syncing.stock.guard_limits import Limits, drops_to_zero, suspect_change, suspect_run

LIMITS = Limits()


@pytest.mark.parametrize(("change_from", "change_to"), [(50, 0), (51, -3), (990, 2050), (2050, 991), (0, 1001)])
def test_a_destructive_change_is_suspected_and_says_why(change_from, change_to):
    assert suspect_change(change_from, change_to, LIMITS)


@pytest.mark.parametrize(("change_from", "change_to"), [(49, 0), (50, 1), (0, 1000), (-300, 500), (0, 0), (1000, 900)])
def test_an_ordinary_change_is_not_suspected(change_from, change_to):
    assert suspect_change(change_from, change_to, LIMITS) == ""


def test_an_alignment_may_move_many_units_but_not_empty_a_full_level_unseen():
    assert suspect_change(0, 5000, LIMITS, is_alignment=True) == ""
    assert suspect_change(5000, 0, LIMITS, is_alignment=True)


def test_a_fifth_of_the_items_may_drop_to_zero_and_not_one_more():
    assert suspect_run([(5, 0)] * 20, 100, LIMITS) == ""
    assert "21 of 100" in suspect_run([(5, 0)] * 21, 100, LIMITS)


def test_drops_of_the_same_run_add_up():
    assert suspect_run([(5, 0)] * 10, 100, LIMITS, dropped_before=11)


def test_a_small_connection_does_not_trip_over_a_few_sold_out_items():
    assert suspect_run([(1, 0)] * 9, 12, LIMITS) == ""


def test_only_a_fall_from_above_zero_is_a_drop():
    assert drops_to_zero(1, 0) and drops_to_zero(3, -2)
    assert not drops_to_zero(0, -1) and not drops_to_zero(5, 1)
