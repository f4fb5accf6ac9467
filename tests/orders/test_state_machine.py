"""The traffic's state machine with orders in it: one copy each, stock conserved and followed, whatever happens.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from orders.copies.rules.copy_input import ORIGINAL_ID
from orders.models import OrderImport, OrderSettings
from stores.shopify import gids
from tests.support.places import WRITES
from tests.syncing import test_state_machine as stock
from tests.syncing.test_state_machine import ITEMS, STOCK, items, picks, units

pytestmark = stock.pytestmark
EVENTS = ("order", "orderCreate", "draftOrderCreate", "orderByIdentifier", *WRITES)
CREATIONS = ("orderCreate", "draftOrderCreate")
LOST = [(kind, fields | {"match": name}) for kind, fields in stock.FAULTS for name in CREATIONS]
RULE = {"percentage": 70, "safety_buffer": 2, "cap_quantity": 25}


class OrderTrade(stock.Trade):
    """North's orders become orders in the source, south's become drafts; both show the source's stock."""

    # The copy and its confirmation may be seen one after the other, and each is a reason to write.
    WRITES_PER_CHANGE = 3

    deleted: list  # drafts that staff deleted

    def open_drafts(self):
        return [draft for draft in self.source.shop.drafts.values() if draft.status != "COMPLETED"]

    @property
    def source(self):
        return self.world.places[0]

    @rule(lines=st.lists(st.tuples(items, units), min_size=1, max_size=3), place=st.integers(1, 2))
    def somebody_orders_several_things(self, lines, place):
        self.place_order(lines, place)

    def place_order(self, lines, place):
        self.time_goes_by()
        self.orders.append((place, self.world.places[place].order(*lines)))

    @rule(number=picks, is_deleted=st.booleans())
    def staff_complete_or_delete_a_draft(self, number, is_deleted):
        drafts = self.open_drafts()
        if not drafts:
            return
        self.time_goes_by()
        draft = drafts[number % len(drafts)]
        if is_deleted:
            self.delete_draft(draft)
        else:
            self.world.sim.complete_draft(self.source.domain, draft)

    def delete_draft(self, draft):
        self.deleted.append(draft)
        self.world.sim.delete_draft(self.source.domain, draft)

    @rule(number=picks)
    def a_copy_is_shipped(self, number):
        copies = [order for order in self.source.shop.orders.values() if not order.cancelled_at]
        if copies:
            self.time_goes_by()
            self.world.sim.fulfil(self.source.domain, copies[number % len(copies)])

    @rule(place=st.integers(0, 2), item=items, quantity=units, event=st.sampled_from(EVENTS), after=st.booleans())
    def somebody_will_buy_in_the_middle_of_a_copy(self, place, item, quantity, event, after):
        self.world.meanwhile(event, lambda: self.world.places[place].buy(item, quantity), after=after)

    @rule(event=st.sampled_from(EVENTS), after=st.booleans())
    def another_worker_will_work_in_the_middle_of_a_copy(self, event, after):
        def work():
            self.world.deliver()
            self.world.work(tries=1)

        self.world.meanwhile(event, work, after=after)

    @initialize(is_unique=st.booleans())
    def shopify_may_itself_refuse_a_second_copy(self, is_unique):
        self.source.shop.knobs.unique_custom_ids = is_unique

    @rule(fault=st.sampled_from(LOST), place=st.integers(1, 2), lines=st.lists(st.tuples(items, units), min_size=1))
    def the_copy_of_an_order_will_fail(self, fault, place, lines):
        kind, fields = fault
        self.source.fault(kind, **fields)
        self.place_order(lines[:3], place)
        self.world.deliver()
        self.world.work(tries=1)

    @rule()
    def the_search_for_a_copy_goes_on(self):
        self.world.carry_orders()

    def held_back(self, item):
        return self.loose_units(item) + self.owed_for_deleted(item)

    def loose_units(self, item):
        """Units of drafts that do not reserve them."""
        variant = self.source.variants[item].id
        loose = [draft for draft in self.open_drafts() if not draft.reserved]
        return sum(line.quantity for draft in loose for line in draft.lines if line.variant_id == variant)

    def owed_for_deleted(self, item, place=None):
        """Units that originals still hold whose drafts staff deleted, and nobody has decided: of one store, or all."""
        units = 0
        for row in OrderImport.objects.filter(
            copy_gid__in=[gids.gid("DraftOrder", draft.id) for draft in self.deleted], state="confirmed"
        ).select_related("connection"):
            where = next(each for each in self.world.places if each.store.pk == row.connection.destination_id)
            original = where.shop.orders[gids.number(row.order_gid)]
            if place in (None, where) and not original.cancelled_at:
                wanted = where.variants[item].id
                units += sum(line.current_quantity for line in original.lines if line.variant_id == wanted)
        return units

    def check_levels(self):
        self.check_copies()
        super().check_levels()

    def check_copies(self):
        """Each order of a destination is in the source once, in the right way, with its lines."""
        orders = [copy for copy in self.source.shop.orders.values() if copy.source_identifier]
        drafts = [*self.source.shop.drafts.values(), *self.deleted]
        for place, copies in ((self.world.places[1], orders), (self.world.places[2], drafts)):
            by_original = {}
            for copy in copies:
                by_original.setdefault(dict(copy.note_attributes)[ORIGINAL_ID], []).append(copy)
            for original in place.shop.orders.values():
                found = by_original.pop(f"{place.domain}/{original.id}", [])
                assert len(found) <= 1, f"{original.name} of {place.store}: {len(found)} copies"
                if not original.cancelled_at and not original.refunds:
                    assert found, f"{original.name} of {place.store} was never imported: {self.row_of(original)}"
                    # After deleting a draft staff own what is in it; until then it is what was ordered.
                    assert self.units_of(found[0], self.source) == self.units_of(original, place)
            assert not by_original, "copies of orders that nobody placed"

    @staticmethod
    def units_of(order, place):
        numbers = {variant.id: number for number, variant in enumerate(place.variants)}
        bought = {}
        for line in order.lines:
            bought[numbers[line.variant_id]] = bought.get(numbers[line.variant_id], 0) + line.quantity
        return bought

    @staticmethod
    def row_of(order):
        row = OrderImport.objects.filter(order_gid__endswith=f"/{order.id}").first()
        return f"{row.state} {row.reason}" if row else "no row"


@pytest.mark.parametrize("reserve_days", [7, 0])
def test_whatever_happens_each_order_is_copied_once_and_stock_follows(world, reserve_days):
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name, strategy in (("north", "order"), ("south", "draft_order")):
        made = world.connect(source, world.add_store(name, "destination", ITEMS, STOCK), strategy, **RULE)
        OrderSettings.objects.create(connection=made, reserve_days=reserve_days)
    world.work()
    world.mark()

    class Example(OrderTrade):
        pass

    Example.world = world
    run_state_machine_as_test(Example, settings=stock.profile(3))
