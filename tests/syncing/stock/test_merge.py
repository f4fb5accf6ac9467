"""What to believe and what to write: the pure rules of the stock engine."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncing.stock.merge import (
    Mirror,
    OneWayStep,
    Rule,
    Verdict,
    first_baselines,
    judge_hint,
    judge_live,
    judge_own_write,
    offer,
    plan_one_way,
    plan_two_way,
)

T0 = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
quantities = st.integers(-50, 50)


def at(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


class TestHints:
    def test_a_newer_value_is_taken(self):
        assert judge_hint(Mirror(10, at(5)), 9, at(6)) is Verdict.ACCEPT

    def test_a_first_value_is_taken(self):
        assert judge_hint(Mirror(None, None), 9, at(6)) is Verdict.ACCEPT

    @pytest.mark.parametrize("seconds", [4, 5])
    def test_the_same_value_again_changes_nothing(self, seconds):
        assert judge_hint(Mirror(10, at(5)), 10, at(seconds)) is Verdict.NOTHING

    @pytest.mark.parametrize("seconds", [4, 5])
    def test_another_value_that_is_not_newer_proves_nothing(self, seconds):
        assert judge_hint(Mirror(10, at(5)), 9, at(seconds)) is Verdict.DOUBT


class TestLiveReadings:
    def test_a_live_value_is_taken_even_if_its_stamp_is_older(self):
        assert judge_live(Mirror(10, at(9), version=3), 8, at(5), asked_version=3) is Verdict.ACCEPT

    def test_a_live_value_that_was_overtaken_by_a_newer_one_is_doubted(self):
        assert judge_live(Mirror(10, at(9), version=4), 8, at(9), asked_version=3) is Verdict.DOUBT

    def test_a_live_value_newer_than_what_overtook_it_is_taken(self):
        assert judge_live(Mirror(10, at(9), version=4), 8, at(10), asked_version=3) is Verdict.ACCEPT


class TestOwnWrites:
    def test_an_undisturbed_write_becomes_the_mirror(self):
        assert judge_own_write(Mirror(10, at(1)), 10, at(1), at(5)) is Verdict.ACCEPT

    def test_the_written_value_of_the_same_second_may_be_our_echo_or_a_sale_before_us(self):
        assert judge_own_write(Mirror(7, at(5)), 10, at(1), at(5)) is Verdict.DOUBT

    def test_a_later_value_already_contains_the_write(self):
        assert judge_own_write(Mirror(6, at(6)), 10, at(1), at(5)) is Verdict.NOTHING

    @pytest.mark.parametrize("seconds", [3, 5])
    def test_a_change_that_may_be_before_or_after_ours_is_doubted(self, seconds):
        assert judge_own_write(Mirror(9, at(seconds)), 10, at(1), at(5)) is Verdict.DOUBT


class TestTwoWay:
    def test_each_side_gets_the_other_sides_change(self):
        plan = plan_two_way(50, 50, 45, 60)
        assert (plan.source_delta, plan.destination_delta) == (10, -5)

    def test_equal_to_the_baselines_plans_nothing(self):
        plan = plan_two_way(50, 70, 50, 70)
        assert (plan.source_delta, plan.destination_delta) == (0, 0)

    def test_source_wins_makes_the_destination_equal_to_the_source(self):
        plan = plan_two_way(*first_baselines(12, 40, source_wins=True), 12, 40)
        assert (plan.source_delta, plan.destination_delta) == (0, -28)

    def test_keep_both_carries_nothing_at_first(self):
        plan = plan_two_way(*first_baselines(12, 40, source_wins=False), 12, 40)
        assert (plan.source_delta, plan.destination_delta) == (0, 0)

    @given(
        quantities,
        st.lists(st.tuples(st.sampled_from("sd"), quantities), max_size=12),
        st.lists(st.tuples(st.sampled_from("sd"), quantities), max_size=6),
    )
    def test_wrong_readings_in_between_cancel_out(self, start, changes, lies):
        """Whatever was misread on the way: once both sides are read truly, every unit has travelled exactly once."""
        true = {"s": start, "d": start}
        base = {"s": start, "d": start}
        lie_at = dict(enumerate(lies))

        def carry(seen):
            plan = plan_two_way(base["s"], base["d"], seen["s"], seen["d"])
            for side, delta in (("s", plan.source_delta), ("d", plan.destination_delta)):
                true[side] += delta
                base["s"] += delta
                base["d"] += delta

        for index, (side, delta) in enumerate(changes):
            true[side] += delta
            if index in lie_at:
                liar, error = lie_at[index]
                carry({**true, liar: true[liar] + error})
        for _ in range(3):
            carry(dict(true))
        expected = start + sum(delta for _, delta in changes)
        assert true == {"s": expected, "d": expected}


class TestOneWay:
    def step(self, total, destination, target=None, **kwargs):
        baselines = {"source_baseline": 20, "destination_baseline": 20} | kwargs
        return plan_one_way(total, total if target is None else target, destination, **baselines)

    def test_a_source_change_is_written(self):
        assert self.step(15, 20) is OneWayStep.WRITE

    def test_equal_is_in_step(self):
        assert self.step(20, 20) is OneWayStep.IN_STEP

    def test_a_destination_change_is_drift_and_is_not_written_at_once(self):
        assert self.step(20, 18) is OneWayStep.DRIFTED

    def test_drift_is_corrected_by_a_reconciliation(self):
        assert self.step(20, 18, corrects_drift=True) is OneWayStep.WRITE

    def test_drift_is_corrected_by_the_next_source_change(self):
        assert self.step(19, 18) is OneWayStep.WRITE

    def test_a_changed_rule_is_written(self):
        assert self.step(20, 20, target=17) is OneWayStep.WRITE

    def test_a_kept_value_stands_until_the_source_changes(self):
        assert self.step(20, 7, keeps_destination=True, corrects_drift=True) is OneWayStep.KEEP
        assert self.step(21, 7, keeps_destination=True) is OneWayStep.WRITE

    def test_the_first_alignment_is_written(self):
        assert self.step(20, 7, source_baseline=None, destination_baseline=None) is OneWayStep.WRITE


@pytest.mark.parametrize(
    ("total", "rule", "offered"),
    [
        (20, Rule(), 20),
        (20, Rule(safety_buffer=3), 17),
        (2, Rule(safety_buffer=3), 0),
        (20, Rule(cap_quantity=5), 5),
        (20, Rule(percentage=50), 10),
        (7, Rule(percentage=50), 3),
        (21, Rule(safety_buffer=2, cap_quantity=7, percentage=50), 7),
        (0, Rule(safety_buffer=3), 0),
        (-4, Rule(), -4),
        (-4, Rule(safety_buffer=3, cap_quantity=9, percentage=10), -4),
    ],
)
def test_a_rule_offers_what_it_says_and_never_hides_an_oversell(total, rule, offered):
    assert offer(total, rule) == offered
