"""Orders live on, on both sides and in any order: what originals hold is in their copies or held back, and told.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer.
"""

import contextlib

import pytest
from django.db.models import Sum
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.shopify import gids
from tests.orders.test_state_machine import OrderTrade
from tests.syncing import test_state_machine as stock
from tests.syncing.test_state_machine import ITEMS, STOCK, items, picks, units

pytestmark = stock.pytestmark
MUTATIONS = ("orderEditBegin", "orderEditCommit", "draftOrderUpdate", "refundCreate", "orderCancel", "orderMarkAsPaid")
State = OrderUpdate.State


class LivingTrade(OrderTrade):
    """North's copies are orders, south's are drafts; originals and copies change after they were copied."""

    # An edit, its copy, and what is held back between the two may each be seen by themselves.
    WRITES_PER_CHANGE = 4

    def originals(self):
        return [
            (place, order)
            for place in self.world.places[1:]
            for order in place.shop.orders.values()
            if not order.cancelled_at
        ]

    def copies(self):
        return [order for order in self.source.shop.orders.values() if not order.cancelled_at]

    @rule(number=picks, item=items, quantity=units)
    def an_original_gains_units(self, number, item, quantity):
        if some := self.originals():
            self.time_goes_by()
            place, order = some[number % len(some)]
            self.world.sim.edit_order(place.domain, order, add=[(place.variants[item].id, quantity)])

    @rule(number=picks, line=picks, left=st.integers(0, 3))
    def an_original_loses_units(self, number, line, left):
        if some := self.originals():
            self.time_goes_by()
            place, order = some[number % len(some)]
            chosen = order.lines[line % len(order.lines)]
            with contextlib.suppress(ValueError):
                wanted = {chosen.id: min(left, chosen.current_quantity)}
                self.world.sim.edit_order(place.domain, order, quantities=wanted)

    @rule(number=picks, how=st.sampled_from(["cancel", "refund", "edit", "add"]), item=items)
    def staff_change_a_copy(self, number, how, item):
        if not (some := self.copies()):
            return
        self.time_goes_by()
        copy, sim, domain = some[number % len(some)], self.world.sim, self.source.domain
        line = next((each for each in copy.lines if each.unfulfilled > 0), None)
        with contextlib.suppress(ValueError):
            if how == "cancel":
                sim.cancel(domain, copy)
            elif how == "add":
                sim.edit_order(domain, copy, add=[(self.source.variants[item].id, 1)])
            elif line is not None and how == "refund":
                sim.refund(domain, copy, [{"line_item_id": line.id, "quantity": 1, "restock_type": "CANCEL"}])
            elif line is not None:
                sim.edit_order(domain, copy, quantities={line.id: line.current_quantity - 1})

    @rule(
        where=st.sampled_from([0, 0, 1, 2]),
        event=st.sampled_from(MUTATIONS),
        how=st.sampled_from(["close", "html", "internal_error"]),
    )
    def an_answer_will_be_lost(self, where, event, how):
        self.world.places[where].fault("lost_answer", match=event, how=how)

    def held_back(self, item):
        variant = self.source.variants[item].id
        rows = OrderImportLine.objects.filter(source_variant__gid=gids.gid("ProductVariant", variant))
        return self.loose_units(item) + (rows.aggregate(n=Sum("owed_quantity"))["n"] or 0)

    def check_copies(self):
        for place in self.world.places[1:]:
            for original in place.shop.orders.values():
                self.check_copy(place, original)

    def check_copy(self, place, original):
        row = OrderImport.objects.filter(order_gid=gids.gid("Order", original.id)).first()
        if row is None or row.state != OrderImport.State.CONFIRMED or original.cancelled_at:
            return
        wanted, held = self.now_in(original, place), self.now_in(self.copy_of(row), self.source)
        owed = {
            number: row.lines.filter(source_variant__gid=gids.gid("ProductVariant", variant.id)).aggregate(
                n=Sum("owed_quantity")
            )["n"]
            or 0
            for number, variant in enumerate(self.source.variants)
        }
        needs_shop = row.updates.filter(state__in=(State.NEEDS_SHOP, State.FAILED)).exists()
        for item in range(ITEMS):
            missing = wanted.get(item, 0) - held.get(item, 0)
            words = f"item {item} of {original.name}: {wanted} {held} {owed} {list(row.updates.values())}"
            assert owed[item] >= missing, words
            assert needs_shop or missing <= 0 and not owed[item], words

    def copy_of(self, row):
        if row.copy_order_gid:
            return self.source.shop.orders[gids.number(row.copy_order_gid)]
        return self.source.shop.drafts.get(gids.number(row.copy_gid))

    @staticmethod
    def now_in(order, place):
        numbers, found = {variant.id: number for number, variant in enumerate(place.variants)}, {}
        for line in order.lines if order else ():
            found[numbers[line.variant_id]] = found.get(numbers[line.variant_id], 0) + line.current_quantity
        return found


@pytest.mark.parametrize("copy_changes", ["report", "carry"])
def test_whatever_happens_to_orders_units_are_in_the_copy_or_held_back(world, copy_changes):
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name, strategy in (("north", "order"), ("south", "draft_order")):
        made = world.connect(source, world.add_store(name, "destination", ITEMS, STOCK), strategy)
        OrderSettings.objects.create(connection=made, reserve_days=7, copy_changes=copy_changes)
    world.work()
    world.mark()

    class Example(LivingTrade):
        pass

    Example.world = world
    run_state_machine_as_test(Example, settings=stock.profile(3))
