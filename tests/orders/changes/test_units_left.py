"""What a copy still holds, and what is to be shipped or taken off because of it."""

from hypothesis import given
from hypothesis import strategies as st

from orders.changes.rules import units_left
from stores.shopify.orders.order_changes import RefundRow
from stores.shopify.orders.order_progress import (
    FulfilmentOrder,
    OpenLine,
    OrderProgress,
    ProgressLine,
    RefundedLine,
    Shipment,
    Tracking,
)
from tests.support.orders.originals import NOW


def gid(number):
    return f"gid://shopify/LineItem/{number}"


def place(number):
    return f"gid://shopify/Location/{number}"


def progress(*lines, shipments=(), orders=()):
    return OrderProgress("gid://shopify/Order/1", "#1", None, "", tuple(lines), tuple(shipments), tuple(orders), ())


def original(number, current):
    return ProgressLine(gid(number), "Thing", current, current, ())


def copy_line(number, stands_for, current, open_quantity=None):
    properties = (("_original_line", str(stands_for)),) if stands_for else ()
    return ProgressLine(gid(number), "Thing", current, current if open_quantity is None else open_quantity, properties)


def to_ship(number, at, *rows, status="OPEN"):
    lines = tuple(OpenLine(f"gid://shopify/FulfillmentOrderLineItem/{line}", gid(line), left) for line, left in rows)
    return FulfilmentOrder(f"gid://shopify/FulfillmentOrder/{number}", status, place(at), lines)


def shipped(number, at, units):
    return Shipment(f"gid://shopify/Fulfillment/{number}", "SUCCESS", NOW, place(at), Tracking(), units)


def test_lines_that_were_split_come_together_again():
    copy = progress(copy_line(11, 1, 2), copy_line(12, 1, 1), copy_line(13, None, 5))
    assert units_left.current_units(copy) == {gid(1): 3}
    assert units_left.original_units(copy, {gid(11): 2, gid(12): 1, gid(13): 1, gid(99): 1}) == {gid(1): 3}


def test_a_line_whose_number_was_edited_stands_for_none():
    odd = ProgressLine(gid(11), "Thing", 1, 1, (("_original_line", "1; drop"),))
    assert units_left.original_line(odd) is None


def test_units_are_shipped_by_location():
    orders = [to_ship(5, 1, (1, 2), (2, 1)), to_ship(6, 2, (1, 3)), to_ship(7, 1, (3, 1))]
    first, second = units_left.plan_shipment(orders, {gid(1): 4, gid(3): 1})
    assert first.units == {
        "gid://shopify/FulfillmentOrder/5": {"gid://shopify/FulfillmentOrderLineItem/1": 2},
        "gid://shopify/FulfillmentOrder/7": {"gid://shopify/FulfillmentOrderLineItem/3": 1},
    }
    assert first.lines == {gid(1): 2, gid(3): 1}
    assert second.lines == {gid(1): 2}


def test_nothing_is_shipped_twice_or_from_a_closed_or_held_order():
    orders = [to_ship(5, 1, (1, 0)), to_ship(6, 1, (1, 4), status="CLOSED"), to_ship(7, 1, (1, 4), status="ON_HOLD")]
    assert units_left.plan_shipment(orders, {gid(1): 4}) == []
    assert units_left.is_held(orders, {gid(1): 4})
    assert not units_left.is_held(orders[:2], {gid(1): 4})
    assert not units_left.is_held(orders, {gid(2): 4})


def test_a_copy_loses_what_its_original_lost():
    copy = progress(copy_line(11, 1, 3), orders=[to_ship(5, 2, (11, 3))])
    rows = units_left.plan_refund(progress(original(1, 1)), copy, [RefundedLine(gid(1), 2, "CANCEL")], restocks=True)
    assert rows == [RefundRow(gid(11), 2, "CANCEL", place(2))]


def test_units_that_the_copy_never_had_or_has_lost_already_are_not_taken_again():
    copy = progress(copy_line(11, 1, 1))
    asked = [RefundedLine(gid(1), 2, "CANCEL"), RefundedLine(gid(2), 1, "CANCEL")]
    assert units_left.plan_refund(progress(original(1, 1), original(2, 0)), copy, asked, restocks=True) == []


def test_a_refund_of_split_lines_takes_from_both():
    copy = progress(copy_line(11, 1, 2), copy_line(12, 1, 1))
    rows = units_left.plan_refund(progress(original(1, 0)), copy, [RefundedLine(gid(1), 3, "CANCEL")], restocks=True)
    assert [(row.line_gid, row.quantity) for row in rows] == [(gid(11), 2), (gid(12), 1)]


def test_shipped_units_go_back_to_stock_only_when_they_came_back():
    copy = progress(copy_line(11, 1, 3, open_quantity=1), shipments=[shipped(9, 4, {gid(11): 2})])
    gone = units_left.plan_refund(progress(original(1, 0)), copy, [RefundedLine(gid(1), 3, "CANCEL")], restocks=True)
    assert gone == [RefundRow(gid(11), 1, "CANCEL"), RefundRow(gid(11), 2, "NO_RESTOCK")]
    back = units_left.plan_refund(progress(original(1, 0)), copy, [RefundedLine(gid(1), 3, "RETURN")], restocks=True)
    assert back == [RefundRow(gid(11), 1, "CANCEL"), RefundRow(gid(11), 2, "RETURN", place(4))]


def test_without_restocking_nothing_goes_back_to_stock():
    copy = progress(copy_line(11, 1, 3, open_quantity=1))
    for kind, restocks in (("RETURN", False), ("NO_RESTOCK", True)):
        rows = units_left.plan_refund(
            progress(original(1, 0)), copy, [RefundedLine(gid(1), 3, kind)], restocks=restocks
        )
        assert {row.restock_type for row in rows} == {"NO_RESTOCK"}
        assert sum(row.quantity for row in rows) == 3


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(0, 9)), max_size=6),
    st.dictionaries(st.integers(1, 3), st.integers(0, 20)),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.sampled_from(["CANCEL", "RETURN", "NO_RESTOCK"]))),
    st.booleans(),
)
def test_a_copy_never_loses_more_than_it_holds_beyond_its_original(held, kept, refunded, restocks):
    copy = progress(
        *(copy_line(10 + at, name, units, min(units, still)) for at, (name, units, still) in enumerate(held))
    )
    source = progress(*(original(name, units) for name, units in kept.items()))
    asked = [RefundedLine(gid(name), units, kind) for name, units, kind in refunded]
    rows = units_left.plan_refund(source, copy, asked, restocks=restocks)
    lost: dict[str, int] = {}
    for row in rows:
        line = next(each for each in copy.lines if each.gid == row.line_gid)
        assert row.quantity > 0
        lost[units_left.original_line(line)] = lost.get(units_left.original_line(line), 0) + row.quantity
    for line in copy.lines:
        open_units = sum(row.quantity for row in rows if row.line_gid == line.gid and row.restock_type == "CANCEL")
        assert open_units <= line.open_quantity
        assert sum(row.quantity for row in rows if row.line_gid == line.gid) <= line.current_quantity
    for name, units in units_left.current_units(copy).items():
        wanted = sum(units for number, units, _ in refunded if gid(number) == name)
        excess = max(0, units - kept.get(int(name.rpartition("/")[2]), 0))
        assert lost.get(name, 0) == min(wanted, excess)
