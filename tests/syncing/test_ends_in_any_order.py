"""Products that go, return, split, merge and change sides, locations that close, connections that end: in any order.

Whatever webhooks come, or none, nothing is offered that no source has, unless it was to be left, which one alert
counts. `TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer. A failure prints the steps that led to it.
"""

import re

import pytest
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from orders import reserved_units
from stores.models import CatalogueSettings, Connection, ProductLink, VariantLink
from stores.shopify import gids
from stores.shopify.products import product_records
from syncing.catalogue.runs import lifecycle
from syncing.connections import disconnecting
from syncing.models import CatalogueRun, StockLink
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from tests.simulator.events import merchant as people
from tests.support import emptying
from tests.support.catalogue.assortment import Assortment
from tests.support.catalogue.showroom import Showroom
from tests.support.thoroughness import EXAMPLES, IS_LONG
from tests.support.world import World

pytestmark = [pytest.mark.state_machine, *([pytest.mark.timeout(0)] if IS_LONG else [])]

NAMES = ("Lamp", "Bowl", "Mug")
SIZES = ("S", "M")
OWN_UNITS = 9
LOCATION_TOPICS = ("LOCATIONS_UPDATE", "LOCATIONS_ACTIVATE", "LOCATIONS_DEACTIVATE")
WRITE = re.compile(r"(Set\w*|Update|Create|Delete|Adjust\w*|Activate|Publish|Unpublish)$")
ROUNDS = 6

picks = st.integers(0, 5)
rooms = st.integers(0, 1)
choices = st.sampled_from(["leave", "zero", "deny"])


class Turnover(RuleBasedStateMachine):
    """A source, a destination that follows it one-way with stock and catalogue, and goods of the destination's own."""

    stage: World

    @initialize(
        ending=choices,
        selects=st.booleans(),
        identifier=st.sampled_from(["sku", "handle"]),
        levels=st.sampled_from(["gone", "inactive", "kept"]),
        all_is_lost=st.booleans(),
    )
    def open(self, ending, selects, identifier, levels, all_is_lost):
        emptying.empty_the_filled_tables()
        self.world = World(self.stage.sim)
        self.selects, self.all_is_lost, self.number = selects, all_is_lost, 0
        self.left = ending == "leave"  # whether anything was ever to be left on sale
        self.source = self.world.add_store("source", "source", 0, locations=2)
        self.north = self.world.add_store("north", "destination", 0, locations=2)
        self.source.shop.knobs.closed_levels = levels
        tags = {"selected_tags": ["keep"]} if selects else {}
        self.world.connect(self.source, self.north, "one_way", ending=ending, identifier=identifier, **tags)
        fields = {"product_mode": "create_update", "unlink": "unpublish"}
        CatalogueSettings.objects.create(connection=self.world.connections[0], **fields).start()
        self.room = Showroom(self.world)
        for topic in LOCATION_TOPICS:
            self.world.sim.subscribe(self.source.domain, topic, self.world.address)
        self.room.add("Vase", self.north, stock=OWN_UNITS)
        self.room.set(publication_gids=self.room.channels())
        self.shelf = Assortment(self.room)
        for name in NAMES:
            self.shelf.add(name, [f"{name}-{size}" for size in SIZES])
        self.world.follow()
        self.settle()
        assert len(self.linked()) == len(NAMES) * len(SIZES), "the beginning"
        self.existing = set(self.north.shop.products)

    # What there is

    @property
    def connection(self):
        return self.room.connection

    def is_running(self):
        return self.connection.state == Connection.State.RUNNING and not self.connection.disconnecting_at

    def linked(self):
        return list(VariantLink.objects.filter(state="linked").select_related("source_variant", "destination_variant"))

    def pick(self, number):
        """One of the goods, if any is left; a second goes by."""
        self.world.tick()
        return self.shelf.goods[number % len(self.shelf.goods)] if self.shelf.goods else None

    def variant(self, number):
        good = self.pick(number)
        return good and self.shelf.variant(good, number)

    # What the source's people do

    @rule(number=picks)
    def a_product_is_deleted(self, number):
        if good := self.pick(number):
            self.shelf.delete(good)

    @rule(number=picks, is_first=st.booleans(), hears=st.booleans())
    def a_product_is_imported_again(self, number, is_first, hears):
        if not (good := self.pick(number)):
            return
        was = self.shelf.product(good)
        if is_first:
            new = self.shelf.add(was.title, good.skus, 15)
            self.hear(hears)
        self.shelf.delete(good)
        if is_first:  # Shopify gave it a suffix while the old one lived
            people.change_product(self.source.shop, self.world.sim.clock, gids.number(new.gid), handle=was.handle)
        else:
            self.hear(hears)
            self.shelf.add(was.title, good.skus, 15)

    @rule(number=picks)
    def a_product_is_split(self, number):
        good = self.pick(number)
        if good and len(good.skus) > 1:
            self.number += 1
            self.shelf.split(good, f"Part {self.number}")

    @rule(number=picks, other=picks)
    def two_products_are_merged(self, number, other):
        good, old = self.pick(number), self.pick(other)
        if good and old is not good:
            self.shelf.merge(good, old)

    @rule(number=picks, other=picks)
    def two_skus_are_swapped(self, number, other):
        mine, theirs = self.variant(number), self.variant(other)
        if mine and mine is not theirs:
            self.shelf.swap_skus(mine, theirs)

    @rule(number=picks, is_on=st.booleans())
    def a_product_is_tagged_or_untagged(self, number, is_on):
        if good := self.pick(number):
            tags = ["keep"] if is_on else ["other"]
            people.change_product(self.source.shop, self.world.sim.clock, gids.number(good.gid), tags=tags)

    @rule(number=picks, is_on=st.booleans())
    def a_product_goes_on_or_off_sale(self, number, is_on):
        if good := self.pick(number):
            self.room.put_on_sale(good.gid) if is_on else self.room.take_off_sale(good.gid)

    @rule(at=rooms)
    def a_location_closes_or_opens(self, at):
        self.world.tick()
        shop, ids = self.source.shop, self.source.location_ids
        if not shop.locations[ids[at]].is_active:
            people.change_location(shop, self.world.sim.clock, ids[at], is_active=True)
        elif shop.locations[ids[1 - at]].is_active:
            people.close_location(shop, self.world.sim.clock, ids[at], ids[1 - at])

    @rule(number=picks, at=rooms, is_on=st.booleans())
    def an_item_is_ticked_or_unticked_at_a_location(self, number, at, is_on):
        if one := self.variant(number):
            place = self.source.location_ids[at]
            if self.source.shop.locations[place].is_active:
                act = people.activate if is_on else people.deactivate
                act(self.source.shop, self.world.sim.clock, one.item_id, place)

    @rule(number=picks, at=rooms)
    def somebody_buys_in_the_source(self, number, at):
        if (one := self.variant(number)) and self.units(self.source, one.item_id, at) > 0:
            place = self.source.location_ids[at]
            self.world.sim.buy(self.source.domain, one.id, 1, location_id=place, force=True)

    # What the destination's people, and operators, do

    @rule(number=picks, at=rooms)
    def somebody_buys_in_the_destination(self, number, at):
        self.world.tick()
        offered = [link.destination_variant for link in self.linked()]
        if offered:
            pk = gids.number(offered[number % len(offered)].gid)
            one = self.north.shop.variants.get(pk)
            if one and self.units(self.north, one.item_id, at) > 0:
                place = self.north.location_ids[at]
                self.world.sim.buy(self.north.domain, pk, 1, location_id=place, force=True)

    @rule(choice=choices)
    def an_operator_chooses_what_becomes_of_ends(self, choice):
        Connection.objects.update(ending=choice)
        self.left = self.left or choice == "leave"

    @rule(choice=choices)
    def an_operator_disconnects(self, choice):
        if self.is_running():
            self.left = self.left or choice == "leave"
            disconnecting.begin(self.connection, "nothing", choice, waits_for_orders=False)

    @rule()
    def an_operator_connects_again(self):
        if self.connection.state == Connection.State.ENDED:
            disconnecting.connect_again(self.connection)
            self.connection.catalogue.start()
            enqueue.start_connection(self.connection)

    # What becomes of webhooks, and what the product does

    def hear(self, is_delivered):
        if is_delivered:
            self.world.deliver()
            self.world.work(tries=1)

    @rule(numbers=st.lists(st.integers(0, 11), min_size=1, max_size=6), is_lost=st.booleans())
    def some_webhooks_arrive_in_any_order_or_are_lost(self, numbers, is_lost):
        waiting = self.world.sim.deliveries(self.source.domain)
        chosen = [waiting[number % len(waiting)] for number in numbers if waiting]
        if is_lost:
            self.world.sim.drop(self.source.domain, set(chosen))
        else:
            self.world.sim.pump(self.source.domain, chosen)

    @rule()
    def all_webhooks_arrive(self):
        if not self.all_is_lost:
            self.hear(is_delivered=True)

    @rule()
    def a_worker_works(self):
        self.world.work(tries=2)

    @rule()
    def a_connection_is_reconciled(self):
        self.world.reconcile(tries=2)

    # The end

    def settle(self):
        """What days do by themselves, and an operator who lets everything through that is held."""
        for _ in range(ROUNDS):
            before = self.written()
            self.world.reconcile()
            self.world.let_pass(25)
            self.room.sweep()
            held = list(CatalogueRun.objects.filter(state="held"))
            for run in held:
                lifecycle.release(run)
            if self.connection.catalogue.started_at and self.is_running():
                self.room.go_on(self.room.run()) if not held else None
            self.world.work()
            if self.all_is_lost:
                for place in self.world.places:
                    place.lose_webhooks()
            else:
                self.world.follow()
            if not self.world.resolve_holds() and not held and self.written() == before:
                return
            self.world.carry()
        raise AssertionError("it never settles")

    def written(self):
        operations = [(place.domain, name, n) for place in self.world.places for name, n in place.operations().items()]
        return {(domain, name): n for domain, name, n in operations if WRITE.search(name)}

    def teardown(self):
        if not hasattr(self, "existing"):
            return  # it never began
        self.settle()
        self.check_offers()
        self.check_sides()
        self.check_channels()
        self.check_deletions()
        written = self.written()
        self.world.reconcile()
        self.world.work()
        assert self.written() == written, "a second reconciliation writes nothing"

    def units(self, place, item, at):
        """What can be sold there: nothing at a closed location, or where it is not stocked."""
        location = place.location_ids[at]
        level = place.shop.levels.get((item, location))
        is_open = place.shop.locations[location].is_active
        return level.available if level and level.is_active and is_open else 0

    def check_offers(self):
        """No unit is offered that no source has, but what was to be left: one alert names how many items these are."""
        partners = {}
        for link in self.linked() if self.is_running() else []:
            one = self.source.shop.variants.get(gids.number(link.source_variant.gid))
            if one and self.takes_part(one.product_id):
                partners[gids.number(link.destination_variant.gid)] = one
        unvouched = 0
        for pk, there in self.north.shop.variants.items():
            here = partners.get(pk)
            for at in range(2):
                offered = self.units(self.north, there.item_id, at)
                if self.north.shop.products[there.product_id].title == "Vase":
                    assert offered == (0 if at else OWN_UNITS), "the destination's own"
                elif here is not None:
                    had = self.units(self.source, here.item_id, at)
                    assert offered == had, f"{there} in room {at}: {offered}, the source has {had}"
                else:
                    unvouched += offered > 0
        assert self.left or not unvouched, f"{unvouched} items are offered and no source has them"
        words = [problem.message for problem in data_problems.unvouched_stock(timezone.now())]
        assert [int(text.split()[0]) for text in words] == ([unvouched] if unvouched else [])

    def takes_part(self, product_id):
        return not self.selects or "keep" in self.source.shop.products[product_id].tags

    def check_sides(self):
        """Stock, orders and catalogue agree on who takes part; what does is linked."""
        if not self.is_running():
            return
        gone = set(ProductLink.objects.filter(state="unlinked").values_list("source_gid", flat=True))
        for good in self.shelf.goods:
            is_in = self.takes_part(gids.number(good.gid))
            links = VariantLink.objects.filter(source_variant__product_gid=good.gid, source_variant__gone_at=None)
            links = list(links.filter(state="linked").select_related("destination_variant"))
            assert not is_in or len(links) == len(good.skus), f"{good}: {links}"
            theirs = [link.destination_variant.gid for link in links]
            copied = reserved_units.source_variants(self.connection.pk, theirs)
            for link in links:
                kept = StockLink.objects.filter(variant_link=link, ending="").exists()
                sides = (not link.left_out, kept, link.destination_variant.gid in copied, good.gid not in gone)
                assert set(sides) == {is_in}, f"{link}: {sides}"

    def check_channels(self):
        """What follows and is on sale in the source is on sale, also what was made again there."""
        if not self.is_running():
            return
        client, other = self.room.client(self.source), self.room.client(self.north)
        for link in ProductLink.objects.filter(state="linked").exclude(destination_gid=""):
            if gids.number(link.source_gid) in self.source.shop.products:
                here = product_records.read_whole_product(client, link.source_gid)
                there = product_records.read_whole_product(other, link.destination_gid)
                assert there.publication_gids or not here.publication_gids, here.title

    def check_deletions(self):
        """Nothing of the destination was deleted: nobody asked for it."""
        assert self.existing <= set(self.north.shop.products)


def profile(examples: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=examples * (40 if IS_LONG else EXAMPLES),
        stateful_step_count=25 if IS_LONG else 10,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_ends_or_returns_nothing_is_offered_that_no_source_has(world):
    class Example(Turnover):
        pass

    Example.stage = world
    run_state_machine_as_test(Example, settings=profile(6))
