"""An order that staff entered in the source by hand becomes the copy of an original, and is followed as any copy is."""

import pytest
from django.db import transaction

from orders import entered_by_hand
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores import clients
from stores.models import VariantLink
from stores.shopify import gids
from stores.shopify.errors import ObjectNotFound
from syncing.connections import resuming
from syncing.queue import enqueue
from tests.support.orders.changes import LOST, Kind, State, copied, settle


def enter(shop, *lines, **details):
    """Staff enter an order in the source: (item, units) lines."""
    return shop.source.order(*lines, **details)


def link(shop, order, named):
    """What the button does."""
    row = shop.row(order)
    words = entered_by_hand.link(row, named, clients.open_client, resuming.move_units, "Ada")
    enqueue.update_order(row.connection, row.order_gid)
    shop.run()
    return words


def refused(shop, order, named):
    with pytest.raises(ValueError) as caught:
        link(shop, order, named)
    return str(caught.value)


def failed(trade, *lines):
    """An order of north that could not be copied, and its trade."""
    shop = trade()
    shop.source.fault("refuse_before", match="orderCreate", count=None)
    order = shop.north.order(*lines)
    shop.run()
    OrderImport.objects.update(state="failed", failure="rejected", attempts=0)
    shop.sim.faults(shop.source.shop).clear()
    return shop, order


def owed():
    return sum(line.owed_quantity + line.quantity * line.is_pending for line in OrderImportLine.objects.all())


@pytest.mark.parametrize("how", ["name", "bare", "gid", "number", "address"])
def test_a_failed_order_that_was_entered_by_hand_is_linked_and_its_units_are_counted_once(trade, how):
    shop, order = failed(trade, (0, 3))
    by_hand = enter(shop, (0, 3))
    shop.run()
    assert shop.stock() == (17, 14, 14)  # held back, and sold once more
    number = by_hand.id
    texts = {
        "name": by_hand.name,
        "bare": by_hand.name.lstrip("#"),
        "gid": gids.gid("Order", number),
        "number": str(number),
        "address": f"https://admin.shopify.com/store/source-store/orders/{number}?x=1",
    }
    asked = shop.source.writes
    words = link(shop, order, texts[how])
    assert f"{by_hand.name} is its copy now." in words
    row = shop.row(order)
    assert (row.state, row.copy_order_gid, row.copy_name) == ("confirmed", gids.gid("Order", number), by_hand.name)
    assert row.copy_total == row.original_total and "says Ada" in row.reason
    assert shop.stock() == (17, 17, 17) and owed() == 0
    assert shop.source.writes == asked and len(shop.copies) == 1
    shop.world.reconcile()
    shop.run()
    assert shop.stock() == (17, 17, 17) and len(shop.copies) == 1


@pytest.mark.parametrize("how", ["", *LOST])
def test_it_is_marked_as_a_copy_is_once_and_what_staff_wrote_stays(trade, how):
    shop, order = failed(trade, (0, 3))
    by_hand = enter(shop, (0, 3), tags=["phone"], attributes={"Original order": "said Bob", "Gift": "yes"})
    if how:
        shop.source.fault("lost_answer", match="orderUpdate", how=how)
    link(shop, order, by_hand.name)
    settle(shop)
    mark = OrderUpdate.objects.get(kind=Kind.MARK)
    assert (mark.state, shop.source.count("orderUpdate")) == (State.CONFIRMED, 1)
    assert set(by_hand.tags) == {"phone", "From: North", "multi_store_sync"}
    assert by_hand.note_attributes == [
        ("Original order (original)", "said Bob"),
        ("Gift", "yes"),
        ("Original store", shop.north.domain),
        ("Original order", order.name),
        ("Original order id", f"{shop.north.domain}/{order.id}"),
    ]
    shop.run()
    assert shop.source.count("orderUpdate") == 1 and len(shop.copies) == 1


def test_a_restored_database_finds_it_before_another_copy_is_made(trade):
    shop, order = failed(trade, (0, 3))
    by_hand = enter(shop, (0, 3))
    link(shop, order, by_hand.name)
    settle(shop)
    OrderImport.objects.all().delete()
    type(shop.connection).objects.update(restored_at=shop.sim.clock.now())
    shop.world.reconcile()
    shop.run()
    assert shop.row(order).copy_name == by_hand.name
    assert len(shop.copies) == 1 and shop.stock() == (17, 17, 17)


def test_it_is_followed_as_any_copy_is(trade):
    shop, order = failed(trade, (0, 3), (1, 1))
    by_hand = enter(shop, (1, 1), (0, 3))
    link(shop, order, by_hand.name)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 2})
    shop.run()
    settle(shop)
    assert [(line.title, line.current_quantity) for line in by_hand.lines] == [("Product 1", 1), ("Product 0", 2)]
    shop.sim.fulfil(shop.source.domain, by_hand)
    shop.run()
    settle(shop)
    assert [line.fulfilled for line in order.lines] == [2, 1]


def test_what_was_shipped_before_it_was_linked_ships_the_original(trade):
    shop, order = failed(trade, (0, 3))
    by_hand = enter(shop, (0, 3))
    shop.sim.fulfil(shop.source.domain, by_hand, number="T1")
    link(shop, order, by_hand.name)
    settle(shop)
    assert [(line.fulfilled, order.fulfillments[0].numbers) for line in order.lines] == [(3, ["T1"])]


def test_a_difference_is_said_and_stays_until_one_side_changes(trade):
    shop, order = failed(trade, (0, 3), (1, 1))
    by_hand = enter(shop, (0, 2))
    words = link(shop, order, by_hand.name)
    assert "2 instead of 3 × “Product 0”" in words and "0 instead of 1 × “Product 1”" in words
    shop.world.reconcile()
    shop.run()
    assert not OrderUpdate.objects.exclude(kind=Kind.MARK).exists() and owed() == 0
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 4})
    shop.run()
    settle(shop)
    assert sum(line.current_quantity for line in by_hand.lines) == 3


def test_a_copy_that_staff_cancelled_gives_its_place_to_the_order_that_they_entered(trade):
    shop, order, copy = copied(trade, (0, 3))
    by_hand = enter(shop, (0, 3))
    shop.run()
    assert "nothing of it needs the shop" in refused(shop, order, by_hand.name)
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    assert "contains 2 units still" in refused(shop, order, by_hand.name)
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    assert shop.row(order).updates.get().state == State.NEEDS_SHOP
    link(shop, order, by_hand.name)
    settle(shop)
    assert shop.stock() == (17, 17, 17) and owed() == 0
    assert ("Original order", order.name) in by_hand.note_attributes, "though the cancelled copy has its custom id"
    told = OrderUpdate.objects.get(kind=Kind.COPY_CHANGED)
    assert told.state == State.CONFIRMED and by_hand.name in told.reason
    shop.source.refund(by_hand, "CANCEL", 1)
    shop.run()
    assert shop.row(order).updates.filter(kind=Kind.COPY_CHANGED, state=State.NEEDS_SHOP).count() == 1
    assert shop.stock() == (18, 17, 17)


def test_a_skipped_order_is_linked_once_its_products_are(trade):
    shop = trade()
    VariantLink.objects.update(state="unmatched", destination_variant=None)
    order = shop.north.order((0, 2))
    shop.run()
    assert shop.row(order).state == "skipped"
    by_hand = enter(shop, (0, 2))
    shop.run()
    assert "none of its products" in refused(shop, order, by_hand.name)
    assert shop.row(order).state == "skipped"
    for mine, theirs in zip(
        shop.source.store.variants.order_by("pk"), shop.north.store.variants.order_by("pk"), strict=True
    ):
        links = VariantLink.objects.filter(connection=shop.connection, source_variant=mine)
        links.update(state="linked", destination_variant=theirs)
    link(shop, order, by_hand.name)
    assert (shop.row(order).state, owed()) == ("confirmed", 0)


def test_what_cannot_be_its_copy_is_refused_and_changes_nothing(trade):
    shop, order = failed(trade, (0, 3))
    other = shop.north.order((1, 1))
    shop.run()
    before = OrderImport.objects.filter(order_gid=gids.gid("Order", order.id)).values().get()
    (copy,) = shop.copies
    assert "is the copy of" in refused(shop, order, copy.name)
    OrderImport.objects.filter(order_gid=gids.gid("Order", other.id)).delete()
    assert "a copy that we made" in refused(shop, order, copy.name)
    assert "has no order “#9999”" in refused(shop, order, "#9999")
    assert "enter the name" in refused(shop, order, "  ")
    foreign = enter(shop, (2, 1))
    assert "none of its products" in refused(shop, order, foreign.name)
    ended = enter(shop, (0, 3))
    shop.sim.cancel(shop.source.domain, ended)
    assert "is cancelled" in refused(shop, order, ended.name)
    with pytest.raises(ObjectNotFound):
        link(shop, order, "99999999999")
    assert OrderImport.objects.filter(pk=before["id"]).values().get() == before
    shop.sim.cancel(shop.north.domain, order)
    by_hand = enter(shop, (0, 3))
    assert "original is cancelled" in refused(shop, order, by_hand.name)


def test_an_import_that_runs_meanwhile_makes_no_second_one(trade):
    shop, order = failed(trade, (0, 3))
    by_hand = enter(shop, (0, 3))
    OrderImport.objects.update(state="planned", failure="")
    link(shop, order, by_hand.name)
    enqueue.import_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    assert len(shop.copies) == 1
    with transaction.atomic():
        assert "nothing of it needs the shop" in refused(shop, order, by_hand.name)


def test_two_originals_that_name_the_same_order_at_once_get_it_once(trade, monkeypatch):
    shop, order = failed(trade, (0, 3))
    shop.source.fault("refuse_before", match="orderCreate", count=None)
    other = shop.north.order((0, 3))
    shop.run()
    OrderImport.objects.exclude(state="failed").update(state="failed", failure="rejected", attempts=0)
    by_hand = enter(shop, (0, 3))
    read = entered_by_hand._read

    def read_late(source, gid, own_id):
        monkeypatch.setattr(entered_by_hand, "_read", read)
        found = read(source, gid, own_id)
        link(shop, other, by_hand.name)  # somebody else is faster
        return found

    monkeypatch.setattr(entered_by_hand, "_read", read_late)
    assert "is the copy of" in refused(shop, order, by_hand.name)
    assert OrderImport.objects.filter(copy_order_gid=gids.gid("Order", by_hand.id)).count() == 1
