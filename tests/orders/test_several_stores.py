"""Orders of several destinations that live on in several sources: units, stock and money fit, and all else is told.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer.
"""

import contextlib

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from stores.models import Connection
from syncing.queue import enqueue
from tests.support import emptying
from tests.support.orders.market import CARRYING, ITEMS, Market
from tests.support.thoroughness import EXAMPLES, IS_LONG
from tests.support.world import World
from tests.syncing.test_state_machine import FAULTS

pytestmark = [pytest.mark.state_machine, *([pytest.mark.timeout(0)] if IS_LONG else [])]

MUTATIONS = (
    "orderCreate",
    "draftOrderCreate",
    "orderEditBegin",
    "orderEditCommit",
    "draftOrderUpdate",
    "refundCreate",
    "orderCancel",
    "orderMarkAsPaid",
    "fulfillmentCreate",
)
ORDER, DRAFT, ONE_WAY, TWO_WAY = (Connection.Strategy[name] for name in ("ORDER", "DRAFT_ORDER", "ONE_WAY", "TWO_WAY"))
picks, units = st.integers(0, 11), st.integers(1, 4)
some_strategies = st.lists(
    st.sampled_from([ORDER, ORDER, ORDER, DRAFT, DRAFT, ONE_WAY, TWO_WAY]), min_size=9, max_size=9
)


class Merchants(RuleBasedStateMachine):
    """From in step to in step."""

    stage: World

    @initialize(
        sources=st.integers(1, 3),
        destinations=st.integers(1, 3),
        strategies=some_strategies,
        unlinked=st.sampled_from(["leave_out", "custom"]),
        reserve_days=st.sampled_from([0, 7]),
        exchanges_are_edits=st.booleans(),
        early=st.booleans(),
    )
    def open(self, sources, destinations, strategies, unlinked, reserve_days, exchanges_are_edits, early):
        emptying.empty_the_filled_tables()
        self.world = World(self.stage.sim)
        choices = {"unlinked": unlinked, "reserve_days": reserve_days}
        self.market = Market.open(self.world, sources, destinations, strategies, **choices)
        for place in self.world.places:
            place.shop.knobs.exchanges_are_edits = exchanges_are_edits
            place.shop.knobs.serialise_delay_seconds = None if early else 0.0
            place.shop.knobs.plan = "PLUS"
        self.delivered, self.rests = [], 1  # how often all may be calm in the middle: that takes longest

    def pick(self, number, some):
        """One of them, if there is any; a second goes by."""
        self.world.tick()
        return some[number % len(some)] if some else (None, None)

    # Buyers and the staff of the destinations

    @rule(
        number=picks,
        lines=st.lists(st.tuples(picks, units), min_size=1, max_size=4),
        paid=st.booleans(),
        shipping=st.sampled_from([None, "4.90", "0.01"]),
        extra=st.sampled_from([{}, {}, {"tax_rate": "0.19"}, {"discount": {"code": "ODD", "amount": "3.33"}}]),
    )
    def somebody_orders(self, number, lines, paid, shipping, extra):
        self.world.tick()
        place = self.market.destinations[number % len(self.market.destinations)]
        rows = [(item % len(place.variants), quantity) for item, quantity in lines]
        place.order(*rows, paid=paid, **extra, **({"shipping": shipping} if shipping else {}))

    @rule(number=picks, item=picks, quantity=units, off=st.sampled_from([None, "1.50"]))
    def an_original_gains_units(self, number, item, quantity, off):
        place, order = self.pick(number, self.market.originals())
        if order:
            row = {"variant_id": place.variants[item % len(place.variants)].id, "quantity": quantity}
            self.market.sim.edit_order(place.domain, order, add=[row | ({"discount": off} if off else {})])

    @rule(number=picks, line=picks, left=st.integers(0, 3), back=st.booleans())
    def an_original_loses_units(self, number, line, left, back):
        place, order = self.pick(number, self.market.originals())
        if order:
            chosen = order.lines[line % len(order.lines)]
            wanted = {chosen.id: max(min(left, chosen.current_quantity), chosen.fulfilled)}
            with contextlib.suppress(ValueError):
                self.market.sim.edit_order(place.domain, order, quantities=wanted, back_to_stock=back)

    @rule(number=picks, line=picks, kind=st.sampled_from(["CANCEL", "NO_RESTOCK", "RETURN"]))
    def an_original_is_refunded(self, number, line, kind):
        place, order = self.pick(number, self.market.originals())
        if order:
            row = {"line_item_id": order.lines[line % len(order.lines)].id, "quantity": 1, "restock_type": kind}
            with contextlib.suppress(ValueError):
                self.market.sim.refund(place.domain, order, [row])

    @rule(number=picks, line=picks, item=picks)
    def a_shipped_unit_is_exchanged(self, number, line, item):
        place, order = self.pick(number, self.market.originals())
        if order:
            add = (place.variants[item % len(place.variants)].id, 1)
            with contextlib.suppress(ValueError):
                self.market.sim.exchange(place.domain, order, {order.lines[line % len(order.lines)].id: 1}, add)

    @rule(number=picks, restock=st.booleans())
    def an_original_is_cancelled(self, number, restock):
        place, order = self.pick(number, self.market.originals())
        if order:
            with contextlib.suppress(ValueError):  # it was shipped in the meantime
                self.market.sim.cancel(place.domain, order, restock=restock)

    @rule(number=picks, amount=st.sampled_from([None, None, "1.00"]))
    def an_original_is_paid(self, number, amount):
        place, order = self.pick(number, self.market.originals())
        if order:
            with contextlib.suppress(ValueError):
                self.market.sim.pay_order(place.domain, order, **({"amount": amount} if amount else {}))

    # The staff of the sources

    @rule(number=picks, line=picks, quantity=st.integers(1, 3))
    def a_part_of_a_copy_is_shipped(self, number, line, quantity):
        source, copy = self.pick(number, self.market.copies())
        if copy:
            chosen = copy.lines[line % len(copy.lines)]
            with contextlib.suppress(ValueError):
                self.market.sim.fulfil(source.domain, copy, {chosen.id: min(quantity, chosen.unfulfilled)}, number="1Z")

    @rule(number=picks, how=st.sampled_from(["cancel", "refund", "edit", "add"]), item=st.integers(0, ITEMS - 1))
    def staff_change_a_copy(self, number, how, item):
        source, copy = self.pick(number, self.market.copies())
        if not copy:
            return
        sim, domain = self.market.sim, source.domain
        self.market.by_hand.add(copy.id)
        line = next((each for each in copy.lines if each.unfulfilled > 0), None)
        with contextlib.suppress(ValueError):
            if how == "cancel":
                sim.cancel(domain, copy)
            elif how == "add":
                sim.edit_order(domain, copy, add=[(source.variants[item].id, 1)])
            elif line is not None and how == "refund":
                sim.refund(domain, copy, [{"line_item_id": line.id, "quantity": 1, "restock_type": "CANCEL"}])
            elif line is not None:
                sim.edit_order(domain, copy, quantities={line.id: line.current_quantity - 1})

    @rule(number=picks, how=st.sampled_from(["complete", "complete", "unpaid", "touch", "delete"]))
    def staff_work_on_a_draft(self, number, how):
        source, draft = self.pick(number, self.market.drafts())
        if not draft:
            return
        sim, domain = self.market.sim, source.domain
        if how in ("touch", "delete"):
            self.market.by_hand.add(draft.id)
        if how == "touch":
            sim.change_draft(domain, draft, quantities={draft.lines[0].id: draft.lines[0].quantity + 1})
        elif how == "delete":
            self.market.deleted.append((source, draft))
            sim.delete_draft(domain, draft)
        else:
            sim.complete_draft(domain, draft, paid=how == "complete")

    @rule(number=picks, item=st.integers(0, ITEMS - 1), quantity=st.integers(-3, 6))
    def a_source_s_stock_moves(self, number, item, quantity):
        self.world.tick()
        self.market.sources[number % len(self.market.sources)].restock(item, quantity or 1)

    @rule(number=picks, strategy=st.sampled_from([ORDER, DRAFT, ONE_WAY]))
    def an_operator_changes_a_strategy(self, number, strategy):
        """Of a connection that does not carry stock both ways: that has tests of its own (test_lasting_trouble)."""
        connection = self.world.connections[number % len(self.world.connections)]
        connection.refresh_from_db()
        if connection.strategy in (strategy, TWO_WAY) or not self.rests:
            return
        self.all_is_calm_for_a_while()
        self.world.tick(2)
        if (connection.strategy in CARRYING) != (strategy in CARRYING):
            # Who carried them then is who carries them on, and nothing that is asked here.
            self.market.unwatched |= {
                (place.domain, order.id) for place, order in self.market.originals(open_only=False)
            }
        self.world.choose_strategy(connection, strategy)
        self.world.work(tries=1)
        self.world.settle()

    # What goes wrong

    @rule(number=picks, numbers=st.lists(picks, min_size=1, max_size=6))
    def some_webhooks_arrive_in_any_order_perhaps_twice(self, number, numbers):
        place = self.world.places[number % len(self.world.places)]
        waiting = self.market.sim.deliveries(place.domain)
        chosen = [waiting[each % len(waiting)] for each in numbers if waiting]
        self.delivered += chosen
        self.market.sim.pump(place.domain, chosen)

    @rule(number=picks, numbers=st.lists(picks, min_size=1, max_size=6))
    def some_webhooks_are_lost(self, number, numbers):
        place = self.world.places[number % len(self.world.places)]
        waiting = self.market.sim.deliveries(place.domain)
        self.market.sim.drop(place.domain, {waiting[each % len(waiting)] for each in numbers if waiting})

    @rule(number=picks)
    def an_old_webhook_comes_again(self, number):
        if self.delivered:
            again = self.market.sim.webhooks.duplicate_of(self.delivered[number % len(self.delivered)])
            again.webhook_id += f"-{again.number}"
            self.market.sim.courier.attempt(again)

    @rule(number=picks, fault=st.sampled_from(FAULTS), skip=st.integers(0, 2))
    def the_next_requests_will_fail(self, number, fault, skip):
        kind, fields = fault
        self.world.places[number % len(self.world.places)].fault(kind, **fields, skip=skip)

    @rule(number=picks, event=st.sampled_from(MUTATIONS), how=st.sampled_from(["close", "html", "internal_error"]))
    def an_answer_will_be_lost(self, number, event, how):
        self.world.places[number % len(self.world.places)].fault("lost_answer", match=event, how=how)

    @rule(effect=st.integers(1, 50))
    def a_worker_dies(self, effect):
        self.world.deliver()
        with self.world.worker_that_dies(effect):
            self.world.work(tries=1)

    # What the product does

    @rule()
    def all_webhooks_arrive_and_a_worker_works(self):
        self.world.deliver()
        self.world.work(tries=2)

    @rule(number=picks)
    def a_connection_is_reconciled(self, number):
        enqueue.reconcile(self.world.connections[number % len(self.world.connections)], trigger="schedule")
        self.world.work(tries=1)

    @precondition(lambda self: self.rests > 0)
    @rule()
    def all_is_calm_for_a_while(self):
        self.rests -= 1
        self.world.calm()
        self.world.deliver()
        self.world.settle()
        self.market.check()

    def teardown(self):
        if not hasattr(self, "delivered"):
            return  # it never began
        self.all_is_calm_for_a_while()
        self.world.deliver()  # the last echoes
        self.world.work()
        self.market.check()


def test_whatever_happens_between_several_stores_units_stock_and_money_fit(world):
    class Example(Merchants):
        pass

    Example.stage = world
    settings = hypothesis_settings(
        max_examples=200 if IS_LONG else 6 * EXAMPLES,
        stateful_step_count=50 if IS_LONG else 20,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Example, settings=settings)
