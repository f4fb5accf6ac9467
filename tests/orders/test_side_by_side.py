"""An original beside its copy, from the rows: what each holds of a line, what differs in words, and the steps."""

import pytest

from orders import side_by_side
from orders.models import OrderUpdate
from tests.support.console.orders import make_import, make_line, make_order_rows, make_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    return make_order_rows()


def held(original, copy, *baselines, **more):
    """The columns of a line that was compared; without baselines nobody knows who changed what."""
    known = dict(zip(("original_baseline", "copy_baseline"), baselines, strict=False))
    return {"original_quantity": original, "copy_quantity": copy} | known | more


def compared(row):
    return side_by_side.compare_rows(row, row.lines.all())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (held(3, 3, 3, 3), ""),
        (held(None, None), "Not compared since it was imported."),
        (held(5, 3, 3, 3), "2 fewer in the copy: the original gained 2."),
        (held(1, 3, 3, 3), "2 more in the copy: the original lost 2."),
        (held(3, 2, 3, 3), "1 fewer in the copy: the copy lost 1."),
        (held(3, 4, 3, 3), "1 more in the copy: the copy gained 1."),
        (held(5, 2, 3, 3), "3 fewer in the copy: the original gained 2 and the copy lost 1."),
        (held(3, 2), "1 fewer in the copy: nobody knows which of them was changed."),
        (held(3, 0, 3, 0), "3 fewer in the copy: so it stays, by a decision or by the choices of the connection."),
        (held(4, 1, 3, 0), "3 fewer in the copy: so it stays, by a decision or by the choices of the connection."),
        (held(0, 0, 3, 3), ""),
    ],
)
def test_what_differs_is_told_with_whose_doing_it_is(rows, fields, words):
    make_line(row := make_import(rows.connection), **fields)
    assert [each.words for each in compared(row)] == [words]
    assert compared(row)[0].differs == bool(words and None not in fields.values())


@pytest.mark.parametrize(
    ("order", "line", "expected"),
    [
        ({}, held(5, 3, 3, 3, owed_quantity=2), (3, 5, 3, 2)),
        ({}, held(3, 3, 3, 3, is_pending=True, quantity=3), (3, 3, 3, 3)),  # a draft that reserves nothing
        ({}, {"state": "left_out", "quantity": 2}, (3, 2, 0, 0)),
        ({}, {"state": "elsewhere", "quantity": 2}, (3, 2, None, 0)),
        # What an edit added is in no copy yet, or never will be: its units are those that the edit told.
        ({}, {"state": "elsewhere", "quantity": 0, "original_quantity": 2, "copy_quantity": 0}, (3, 2, None, 0)),
        ({}, {"state": "left_out", "quantity": 0, "original_quantity": 2, "copy_quantity": 0}, (3, 2, 0, 0)),
        # An order that failed once it was mapped is noted anew, whatever its lines were mapped to.
        ({"state": "failed"}, held(3, 3, 3, 3, quantity=1), (3, 1, None, 0)),
        ({}, held(2, 0, 0, 0, state="planned", quantity=0, owed_quantity=2), (3, 2, 0, 2)),
        # What is to be in the copy is written down before it is sent: until it is found nobody knows that it is there.
        ({"state": "sent"}, held(3, 3, 3, 3, is_pending=True, quantity=3), (3, 3, None, 3)),
        ({"state": "failed"}, {"quantity": 3, "is_pending": True}, (3, 3, None, 3)),
        ({"state": "skipped"}, {"quantity": 3}, (3, 3, None, 0)),
    ],
)
def test_each_side_is_told_in_units_and_what_is_unknown_is_no_number(rows, order, line, expected):
    row = make_import(rows.connection, **order)
    make_line(row, source_variant=rows.link.source_variant, ordered_quantity=3, **line)
    (beside,) = compared(row)
    assert (beside.ordered, beside.in_original, beside.in_copy, beside.held_back) == expected


@pytest.mark.parametrize("state", OrderUpdate.State.values)
def test_units_of_a_cancelled_original_that_its_copy_holds_are_never_said_to_be_agreed(rows, state):
    row = make_import(rows.connection)
    make_line(row, **held(0, 3, 0, 3))  # of a cancelled original nothing is owed, whatever became of its copy
    make_update(row, kind="cancellation", state=state)
    assert [each.words for each in compared(row)] == ["3 more in the copy: the original was cancelled."]
    assert side_by_side.sum_up(row, compared(row)) == "The original was cancelled. They differ in 1 of 1 line."


def test_a_draft_that_was_deleted_holds_nothing_and_the_order_that_one_became_does(rows):
    deleted = make_import(rows.connection, 1, is_draft=True, draft_status="deleted")
    ordered = make_import(
        rows.connection, 2, is_draft=True, draft_status="deleted", copy_order_gid="gid://shopify/Order/9"
    )
    for row in (deleted, ordered):
        make_line(row, **held(3, 3, 3, 3))
    assert [(each.in_copy, each.words) for each in compared(deleted)] == [
        (0, "3 fewer in the copy: the draft was deleted.")
    ]
    assert [(each.in_copy, each.words) for each in compared(ordered)] == [(3, "")]


def test_what_is_linked_to_nothing_holds_nothing_back(rows):
    make_line(row := make_import(rows.connection), is_pending=True, owed_quantity=2)
    assert compared(row)[0].held_back == 0


@pytest.mark.parametrize(
    ("order", "lines", "words"),
    [
        ({"state": "sent"}, [held(3, 3, 3, 3)], "Whether there is a copy is not known yet."),
        ({"state": "waiting"}, [{}], "There is no copy."),
        ({}, [held(3, 3, 3, 3), {"state": "left_out"}], "Of what was imported, both contain the same."),
        ({}, [held(3, 3, 3, 3), held(5, 3, 3, 3)], "They differ in 1 of 2 lines."),
        ({}, [held(5, 3, 3, 3)], "They differ in 1 of 1 line."),
        ({}, [held(None, None)], "Original and copy have not been compared yet since the copy was made."),
    ],
)
def test_an_order_is_summed_up_in_a_sentence(rows, order, lines, words):
    row = make_import(rows.connection, **order)
    for fields in lines:
        make_line(row, **fields)
    assert side_by_side.sum_up(row, compared(row)) == words


@pytest.mark.parametrize("state", OrderUpdate.State.values)
def test_each_later_change_waits_or_is_done(rows, state):
    row = make_import(rows.connection)
    update = make_update(row, state=state)
    step, copied = sorted(side_by_side.find_steps(row, [update]), key=lambda each: each.update is None)
    assert (step.update, step.waits) == (update, state not in ("confirmed", "skipped"))
    assert (copied.name, copied.waits) == ("Imported to the source", False)


@pytest.mark.parametrize(
    ("fields", "waiting"),
    [
        ({}, []),
        ({"original_signs": 1}, ["Compare original and copy"]),
        ({"copy_signs": 2, "copy_signs_seen": 1}, ["Compare original and copy"]),
        ({"copy_signs": 2, "copy_signs_seen": 2}, []),
        ({"place": "wanted"}, ["Take its units from the location that sold"]),
        ({"place": "sent"}, ["Take its units from the location that sold"]),
        ({"place": "done"}, []),
        ({"state": "planned"}, ["Make the order in the source"]),
        ({"state": "failed", "is_draft": True}, ["Make the draft in the source"]),
        ({"state": "skipped", "original_signs": 1}, []),
    ],
)
def test_what_waits_without_being_a_later_change_is_a_step_too(rows, fields, waiting):
    steps = side_by_side.find_steps(make_import(rows.connection, **fields), [])
    assert [step.name for step in steps if step.waits] == waiting
