"""What follows from what two orders hold now and held when they last agreed: the rule, whatever the numbers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.changes.rules.comparison import Baseline, LineNow, compare_line, compare_lines

GID = "gid://shopify/LineItem/1"
counts = st.integers(0, 12)


def line(original, copy, agreed=None, open_quantity=None, **more):
    """A line; `agreed` is what both held, or (original, copy)."""
    baseline = None if agreed is None else Baseline(*agreed) if isinstance(agreed, tuple) else Baseline(agreed, agreed)
    return LineNow(GID, original, copy, copy if open_quantity is None else open_quantity, baseline, **more)


@st.composite
def lines(draw):
    """Any line whose two sides once agreed on the same number."""
    copy = draw(counts)
    return line(draw(counts), copy, draw(counts), draw(st.integers(0, copy)))


def apply(now, steps):
    """The line once the steps are done."""
    return replace(
        now,
        original_quantity=now.original_quantity - steps.carry_back,
        copy_quantity=now.copy_quantity + steps.add - steps.remove,
        open_quantity=now.open_quantity + steps.add - steps.remove,
        baseline=steps.baseline,
    )


def steps_of(steps):
    return steps.add, steps.remove, steps.carry_back, steps.report, steps.reserved_quantity


@given(counts, st.none() | st.tuples(counts, counts), st.booleans())
def test_equal_is_nothing(units, agreed, carries_back):
    steps = compare_line(line(units, units, agreed), carries_back=carries_back)
    assert steps_of(steps) == (0, 0, 0, 0, 0)
    assert steps.baseline == Baseline(units, units)


@given(lines(), st.booleans())
def test_our_own_doings_coming_back_are_nothing(now, carries_back):
    after = apply(now, compare_line(now, carries_back=carries_back))
    assert not compare_line(after, carries_back=carries_back).has_work


@given(lines(), st.booleans())
def test_a_worker_that_died_before_it_wrote_down_what_it_did_never_adds_more_than_is_owed(now, carries_back):
    """The baselines are the old ones still, whatever staff did to the copy meanwhile."""
    steps = compare_line(now, carries_back=carries_back)
    after = replace(apply(now, steps), baseline=now.baseline)
    again = compare_line(after, carries_back=carries_back)
    if now.copy_quantity == now.baseline.copy and not steps.report:
        assert not again.has_work
    assert after.copy_quantity + again.add <= max(after.original_quantity, after.copy_quantity)


@given(lines())
def test_what_the_original_holds_is_in_the_copy_or_reserved(now):
    """Before the steps and after them; and what the copy holds besides is told."""
    steps = compare_line(now)
    if now.original_quantity >= now.copy_quantity:
        assert now.original_quantity == now.copy_quantity + steps.reserved_quantity
    after = apply(now, steps)
    again = compare_line(after)
    assert after.original_quantity == after.copy_quantity + again.reserved_quantity - max(again.report, 0)
    assert again.reserved_quantity == max(-steps.report, 0)


@given(lines())
def test_carried_back_both_hold_the_same_unless_a_shipped_or_an_added_unit_needs_shop(now):
    steps = compare_line(now, carries_back=True)
    after = apply(now, steps)
    assert steps.report >= 0
    assert after.copy_quantity - after.original_quantity == steps.report


@given(lines())
def test_nothing_shipped_is_ever_taken_off(now):
    assert compare_line(now).remove <= now.open_quantity


@given(counts, st.lists(counts, min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_it_does_not_matter_after_which_changes_anybody_compared(begun, changes, compares):
    """Late, repeated and lost webhooks: only some of the changes are seen by themselves, the last one always."""
    now = line(begun, begun, begun)
    for units, does in zip(changes, compares, strict=False):
        now = replace(now, original_quantity=units)
        if does:
            now = apply(now, compare_line(now))
    now = apply(now, compare_line(now))
    assert (now.copy_quantity, now.baseline) == (changes[-1], Baseline(changes[-1], changes[-1]))


@given(counts, counts, counts)
def test_each_own_change_is_carried_once(agreed, more, less):
    less = min(less, agreed)
    steps = compare_line(line(agreed + more, agreed - less, agreed))
    if more or less:
        assert (steps.add, steps.remove, steps.report) == (more, 0, -less)


@given(counts, counts)
def test_without_baselines_what_differs_needs_shop_and_nothing_is_sent(original, copy):
    for carries_back in (False, True):
        steps = compare_line(line(original, copy), carries_back=carries_back)
        assert not steps.has_work
        assert (steps.report, steps.reserved_quantity) == (copy - original, max(original - copy, 0))


@given(lines(), st.sampled_from([-3, -1, 1, 2]))
def test_while_an_answer_is_out_nothing_more_is_sent_and_the_units_stay_reserved(now, under_way):
    steps = compare_line(replace(now, under_way=under_way))
    assert not steps.has_work
    assert steps.reserved_quantity == max(now.original_quantity - now.copy_quantity, 0)


@given(counts, counts, counts, counts)
def test_what_a_person_decided_stays_decided_until_one_side_changes(original, copy, more, extra):
    assert steps_of(compare_line(line(original, copy, (original, copy)))) == (0, 0, 0, 0, 0)
    if original != copy and original + more != copy:
        assert compare_line(line(original + more, copy, (original, copy))).add == more


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (line(2, 0, 0), (2, 0, 0, 0, 2)),  # an edit or an exchange adds two
        (line(1, 3, 3), (0, 2, 0, 0, 0)),  # an edit takes two off
        (line(3, 0, 3), (0, 0, 0, -3, 3)),  # staff cancel the copy
        (line(3, 2, 3), (0, 0, 0, -1, 1)),  # staff refund one
        (line(3, 4, 3), (0, 0, 0, 1, 0)),  # staff add one to the copy
        (line(1, 3, 3, open_quantity=1), (0, 1, 0, 1, 0)),  # two of three are shipped
        (line(1, 2, 3), (0, 1, 0, 0, 0)),  # both take off, the copy less: only what it holds more than the original
        (line(4, 2, 3), (1, 0, 0, -1, 2)),  # the original gains one while staff take one off the copy
    ],
)
def test_the_cases(now, expected):
    assert steps_of(compare_line(now)) == expected


def test_of_a_cancelled_original_nothing_is_owed():
    steps = compare_lines([line(3, 0, 3), replace(line(2, 2, 2), gid="other")], is_cancelled=True)
    assert all(steps_of(each) == (0, 0, 0, 0, 0) for each in steps.values())
