"""All of it at once, from onboarding on: stock both ways, orders, drafts and a catalogue, while workers are killed.

`TIPOSYNC_LONG=1` trades for three minutes.
"""

import contextlib
import os
import random
import time
from collections import Counter

import pytest
from django.core.management import call_command

from orders.copies.rules.copy_input import ORIGINAL_ID
from orders.models import OrderImport
from stores.models import Connection, ProductLink, Store, VariantLink
from syncing.models import StockHold, SyncJob
from syncing.queue import enqueue
from tests.e2e.killing import Hunt, Processes, behave, misbehave, wait_until
from tests.simulator import Simulator
from tests.simulator.events import merchant
from tests.simulator.state.orders import Order
from tests.simulator.state.shop import CLIENT_SECRET, Product, Variant
from tests.support.places import Place, is_our_write
from tests.support.thoroughness import IS_LONG, PATIENCE_SECONDS
from tests.support.world import World

pytestmark = pytest.mark.process

TRADE_SECONDS, KILLS = (180, 40) if IS_LONG else (20, 6)
ITEMS = 8
STOCK = 500
STRATEGIES = {"north": "two_way", "east": "order", "south": "draft_order"}
CATALOGUE = ("--products=create_update", "--channels=all", "--unlink=unpublish")


class Market:
    """A source and three destinations that sell, and what people do there."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.source, *self.others = world.places
        self.orders: list[tuple[Place, Order]] = []
        self.numbers = iter(range(10**6))

    def act(self) -> None:
        """One thing that somebody does somewhere."""
        deeds = [self.order] * 8 + [self.restock] * 4 + [self.count] * 2 + [self.edit] * 2 + [self.take_back, self.add]
        self.dice.choice([*deeds, self.ship, self.complete])()

    def order(self) -> None:
        place = self.dice.choice(self.world.places)
        chosen = self.dice.sample(range(ITEMS), self.dice.randint(1, 3))
        order = place.order(*((number, self.dice.randint(1, 3)) for number in chosen), shipping="4.90")
        self.orders.append((place, order))

    def restock(self) -> None:
        place = self.dice.choice(self.world.places)
        place.restock(self.dice.randrange(ITEMS), self.dice.randint(1, 9))

    def count(self) -> None:
        """Somebody types what is on the shelf, in a store whose changes count."""
        place = self.dice.choice([self.source, self.others[0]])
        number = self.dice.randrange(ITEMS)
        place.set(number, max(0, place.available(number) + self.dice.randint(-9, 9)))

    def edit(self) -> None:
        product = self.dice.choice(list(self.source.shop.products.values()))
        changes = {"title": f"{product.title.split(',')[0]}, edition {next(self.numbers)}"}
        merchant.change_product(self.source.shop, self.world.sim.clock, product.id, **changes)

    def add(self) -> None:
        number = next(self.numbers)
        row = {"sku": f"NEW-{number}", "price": "12.00", "stock": {self.source.location_ids[0]: 30}}
        merchant.add_product(self.source.shop, self.world.sim.clock, f"New {number}", [row])

    def take_back(self) -> None:
        """An order is cancelled, or a unit of it comes back."""
        if not self.orders:
            return
        place, order = self.orders.pop(self.dice.randrange(len(self.orders)))
        with contextlib.suppress(ValueError):  # it was shipped in the meantime
            if self.dice.random() < 0.5:
                self.world.sim.cancel(place.domain, order)
            else:
                place.refund(order)

    def ship(self) -> None:
        copies = [order for order in list(self.source.shop.orders.values()) if not order.cancelled_at]
        if copies:
            self.world.sim.fulfil(self.source.domain, self.dice.choice(copies), number="1Z")

    def complete(self) -> None:
        drafts = [draft for draft in list(self.source.shop.drafts.values()) if draft.status != "COMPLETED"]
        if drafts:
            self.world.sim.complete_draft(self.source.domain, self.dice.choice(drafts))


@pytest.fixture
def market(simulator: Simulator, processes: Processes, port: int, settings) -> Market:
    """Stores that were added and connected by the commands of the guide, in step, with web and workers."""
    settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
    world = World(simulator, f"{settings.PUBLIC_URL}/webhooks/shopify/", is_manual=False)
    for name in ("source", *STRATEGIES):
        world.add_store(name, "source" if name == "source" else "destination", ITEMS, STOCK)
    Store.objects.all().delete()  # Shopify's side stays
    call_command("upsert_schedules", verbosity=0)
    processes.start_web(port)
    processes.start("manage.py", "work")
    onboard(world)
    return Market(world, random.Random(int(os.environ.get("TIPOSYNC_SEED", "1"))))


def onboard(world: World) -> None:
    """As docs/guide/connecting.md says."""
    for place in world.places:
        role = "source" if place is world.places[0] else "destination"
        keys = {"client_id": "tiposync", "client_secret": CLIENT_SECRET}
        call_command("add_store", place.domain, role=role, verbosity=0, **keys)
        place.store = Store.objects.get(domain=place.domain)
    source = world.places[0].domain
    for place, strategy in zip(world.places[1:], STRATEGIES.values(), strict=True):
        call_command("connect_stores", source, place.domain, strategy=strategy, map_by_name=True, start=True)
    world.connections = list(Connection.objects.order_by("pk"))
    assert wait_until(is_started), list(SyncJob.objects.values_list("kind", "state", "message"))
    for place in world.places[1:]:
        call_command("set_catalogue", f"{source}:{place.domain}", *CATALOGUE)
        call_command("sync_catalogue", f"{source}:{place.domain}", wait=True)
    world.sim.courier.wait_idle()
    assert wait_until(lambda: not world.unsettled()), world.unsettled()
    world.sim.courier.wait_idle()
    world.mark()


def is_started() -> bool:
    done = {"running"} == set(Connection.objects.values_list("state", flat=True))
    return done and not SyncJob.objects.filter(state__in=("queued", "running"), kind__startswith="start").exists()


def trade_and_kill(market: Market, processes: Processes) -> None:
    hunt = Hunt(processes, market.dice, KILLS)
    began = time.monotonic()
    while hunt.left or time.monotonic() < began + TRADE_SECONDS:
        assert time.monotonic() < began + TRADE_SECONDS + PATIENCE_SECONDS, f"{hunt.left} left; {report(market)}"
        market.act()
        time.sleep(market.dice.uniform(0.05, 0.3))
        hunt.go_on()
    hunt.restart()  # from here on nobody is killed any more


def test_stock_orders_and_catalogue_come_out_right_whatever_is_killed(market, processes):
    misbehave(market.world)
    trade_and_kill(market, processes)
    behave(market.world)
    market.world.sim.courier.wait_idle(30)
    for connection in Connection.objects.all():  # some webhooks were lost: what the schedules would find
        enqueue.reconcile(connection)
        call_command("sync_catalogue", str(connection.pk), wait=True)
    assert wait_until(lambda: not faults(market)), report(market)
    market.world.sim.courier.wait_idle(30)
    assert not faults(market), report(market)
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists(), report(market)
    source = market.source.shop
    assert source.drafts and any(order.source_identifier for order in source.orders.values())  # it was about something


def faults(market: Market) -> list[str]:
    """Everything that is not as it should be, in words."""
    found = market.world.unsettled() + wrong_stock(market) + wrong_orders(market) + wrong_catalogue(market)
    found += [f"hold: {hold.reason}" for hold in StockHold.objects.filter(state="open")]
    return found


def wrong_stock(market: Market) -> list[str]:
    """The source has what all that happened makes of it, and every destination has what the source has."""
    source, found = market.source, []
    for number in range(ITEMS):
        wanted = market.world.expected(number)
        if source.available(number) != wanted:
            found.append(f"{number}: the source has {source.available(number)}, not {wanted}")
        for place in market.others:
            if place.available(number) != source.available(number):
                found.append(f"{number}: {place.store} {place.available(number)}, source {source.available(number)}")
    for variant in source.shop.variants.values():
        found += wrong_new_stock(market, variant)
    return found


def wrong_new_stock(market: Market, variant: Variant) -> list[str]:
    """A product that was added on the way came with its stock."""
    sku = market.source.shop.items[variant.item_id].sku or ""
    units = [units_of(place, sku) for place in market.world.places] if sku.startswith("NEW-") else []
    return [f"{sku}: {units}"] if len(set(units)) > 1 else []


def units_of(place: Place, sku: str) -> int | None:
    ids = [item.id for item in place.shop.items.values() if item.sku == sku]
    return place.sim.available(place.domain, ids[0], place.location_ids[0]) if len(ids) == 1 else None


def wrong_orders(market: Market) -> list[str]:
    """Each order of east and south is in the source exactly once."""
    copies = Counter()
    shop = market.source.shop
    for copy in [order for order in shop.orders.values() if order.source_identifier] + list(shop.drafts.values()):
        copies[dict(copy.note_attributes)[ORIGINAL_ID]] += 1
    found = []
    for place in market.others[1:]:
        for order in place.shop.orders.values():
            count = copies.pop(f"{place.domain}/{order.id}", 0)
            if count > 1 or (not count and not order.cancelled_at and not order.refunds):
                row = OrderImport.objects.filter(order_gid__endswith=f"/{order.id}").first()
                found.append(f"{order.name} of {place.store}: {count} copies; {row and (row.state, row.reason)}")
    return found + [f"copies of nothing: {copies}"] * bool(copies)


def wrong_catalogue(market: Market) -> list[str]:
    """Each product of the source is in each destination exactly once, under its present title."""
    found = []
    for product in market.source.shop.products.values():
        for place in market.others:
            titles = [other.title for other in partners(place, product)]
            if titles != [product.title]:
                row = ProductLink.objects.filter(source_gid__endswith=f"/{product.id}", destination=place.store).first()
                found.append(f"{product.title} in {place.store}: {titles}; {row and (row.state, row.reason)}")
    return found


def partners(place: Place, product: Product) -> list[Product]:
    return [other for other in place.shop.products.values() if other.handle == product.handle]


def report(market: Market) -> str:
    waiting = list(SyncJob.objects.exclude(state="succeeded").values_list("kind", "subject", "state", "message"))[:30]
    links = Counter(VariantLink.objects.values_list("state", flat=True))
    foreign = {
        str(place.store): [change for change in place.shop.changes if not is_our_write(change)][-5:]
        for place in market.world.places
    }
    return f"{faults(market)}; jobs {waiting}; links {links}; {foreign}"
