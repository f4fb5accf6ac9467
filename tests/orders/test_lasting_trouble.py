"""Orders under trouble that lasts, with all four strategies and changes of them while orders are under way.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer. A failure prints the steps that led to it.
"""

from collections import Counter

import pytest
from hypothesis.stateful import run_state_machine_as_test

from orders.copies.rules.copy_input import ORIGINAL_ID
from orders.models import OrderImport, OrderSettings
from stores.models import Connection
from stores.shopify import gids
from tests.orders.test_state_machine import RULE, OrderTrade
from tests.support.misfortune.trouble_rules import TroubleRules
from tests.syncing.test_state_machine import ITEMS, STOCK, profile, pytestmark  # noqa: F401

CARRYING = (Connection.Strategy.ORDER, Connection.Strategy.DRAFT_ORDER)


class TroubledOrders(TroubleRules, OrderTrade):
    """One source and destinations that sell, each with a strategy that may change."""

    can_change_strategies = True
    WRITES_PER_CHANGE = 6

    def begin_with_strategies(self):
        self.carried_under = {}  # (store, order) -> the strategy that it was placed under
        self.forgotten = set()  # originals whose draft staff deleted and of whose draft the product cannot know
        self.world.count_given_back = self.count_given_back
        super().begin_with_strategies()

    def count_given_back(self, place):
        """What orders gave back while their copy was to be made yet, or was a draft, which takes nothing for good."""
        copies = self.copies_by_original()
        (connection,) = (one for one in self.world.connections if one.destination_id == place.store.pk)
        given_back = Counter()
        for original in place.shop.orders.values():
            strategy = self.carried_under.get((place.store.pk, original.id), connection.strategy)
            if strategy in CARRYING:
                found = copies.get(f"{place.domain}/{original.id}", [])
                known = self.units_of(found[0], self.source) if found else {}
                placed, left = self.units_of(original, place), self.units_left(original, place)
                for item, units in placed.items():
                    given_back[item] += min(units - known.get(item, 0), units - left[item])
        return given_back

    @staticmethod
    def units_left(order, place):
        numbers = {variant.id: number for number, variant in enumerate(place.variants)}
        left = Counter()
        for line in order.lines:
            left[numbers[line.variant_id]] += 0 if order.cancelled_at else line.quantity - line.removed
        return left

    def copies_by_original(self):
        by_original = {}
        drafts = [*self.source.shop.drafts.values(), *self.deleted]
        orders = [copy for copy in self.source.shop.orders.values() if copy.source_identifier]
        for copy in (*orders, *drafts):
            by_original.setdefault(original_of(copy), []).append(copy)
        return by_original

    def before_a_change(self, connection):
        """The orders so far belong to the strategy so far."""
        for place in self.world.places[1:]:
            if place.store.pk == connection.destination_id:
                for order in place.shop.orders.values():
                    self.carried_under.setdefault((place.store.pk, order.id), connection.strategy)

    def after_a_change(self, connection, old):
        """Somebody who bought while one strategy gave way to another may have done so under either, but under one."""
        copies = self.copies_by_original()
        for place in self.world.places[1:]:
            if place.store.pk == connection.destination_id:
                for order in place.shop.orders.values():
                    is_copied = f"{place.domain}/{order.id}" in copies
                    under = next((one for one in (connection.strategy, old) if (one in CARRYING) == is_copied), old)
                    self.carried_under.setdefault((place.store.pk, order.id), under)

    def place_order(self, lines, place):
        """Some tell an e-mail address, which makes a customer of them."""
        self.time_goes_by()
        details = {"email": f"buyer{len(lines)}@example.com"} if len(lines) > 1 else {}
        self.orders.append((place, self.world.places[place].order(*lines, **details)))

    def delete_draft(self, draft):
        gid = gids.gid("DraftOrder", draft.id)
        if not OrderImport.objects.filter(copy_gid=gid).exists():  # the answer was lost, and now it is not there
            self.forgotten.add(original_of(draft))
        super().delete_draft(draft)

    def before_a_restore(self):
        self.forgotten |= {original_of(draft) for draft in self.deleted}

    def still_owed(self, place, item):
        """Units of its drafts from before it was two-way, where the source does not reserve them."""
        loose = [
            draft for draft in self.open_drafts() if not draft.reserved and original_of(draft).startswith(place.domain)
        ]
        variant_id = self.source.variants[item].id
        units = sum(line.quantity for draft in loose for line in draft.lines if line.variant_id == variant_id)
        return units + self.owed_for_deleted(item, place)

    def check_copies(self):
        """Each order that was placed while its connection carried orders is in the source once; no other is."""
        by_original = self.copies_by_original()
        for place, connection in zip(self.world.places[1:], self.world.connections, strict=True):
            for original in place.shop.orders.values():
                found = by_original.pop(f"{place.domain}/{original.id}", [])
                self.check_copy(place, original, found, connection)
        assert not by_original, "copies of orders that nobody placed"

    def check_copy(self, place, original, found, connection):
        strategy = self.carried_under.get((place.store.pk, original.id), connection.strategy)
        named = f"{original.name} of {place.store}, placed under {strategy}"
        if strategy not in CARRYING:
            assert not found, f"{named}: it was imported"
            return
        if f"{place.domain}/{original.id}" in self.forgotten:
            found = [copy for copy in found if copy not in self.deleted] or found[:1]
        assert len(found) <= 1, f"{named}: {len(found)} copies"
        if not original.cancelled_at and not original.refunds:
            assert found, f"{named}: it was never imported: {self.row_of(original)}"
            assert self.units_of(found[0], self.source) == self.units_of(original, place), named


def original_of(copy) -> str:
    return dict(copy.note_attributes)[ORIGINAL_ID]


@pytest.mark.parametrize("reserve_days", [7, 0])
def test_orders_are_copied_once_whatever_befalls_the_stores_and_the_strategies(world, reserve_days):
    source = world.add_store("source", "source", ITEMS, STOCK)
    strategies = ("order", "draft_order", "two_way")
    for name, strategy in zip(("north", "south", "west"), strategies, strict=True):
        destination = world.add_store(name, "destination", ITEMS, STOCK)
        made = world.connect(source, destination, strategy, **RULE)
        world.prepare_orders(source, destination)
        OrderSettings.objects.create(connection=made, reserve_days=reserve_days)
    world.work()
    world.mark()

    class Example(TroubledOrders):
        pass

    Example.world, Example.strategies = world, strategies
    run_state_machine_as_test(Example, settings=profile(2))
