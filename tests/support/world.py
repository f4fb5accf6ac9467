"""The cast on stage: simulated stores, the product's rows for them, and hands to move customers, webhooks and workers.

Everything happens in this process and in the order that a test says: the simulator answers over real HTTP, but its
clock stands still until a test advances it, its webhooks wait until a test delivers them (through Django's test
client), and jobs run only inside `work`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection as db
from django.db import connections
from django.db.models import F
from django.db.models.functions import Now

from orders.changes import signs
from orders.models import OrderImport, OrderUpdate
from stores import clients
from stores.models import Connection, Location, LocationMapping, Store, StoreTrouble, Variant, VariantLink
from stores.shopify import gids
from stores.shopify.orders import orders
from stores.shopify.webhooks import COPY_TOPICS, ORDER_TOPICS
from syncing import handlers, sweep, views
from syncing.models import StockBatch, StockHold, StockLink, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock import holds, wiring
from tests.simulator import Simulator
from tests.simulator.state.shop import CLIENT_SECRET, Shop
from tests.support.accounts import Accounts
from tests.support.minutes import sweep_minute
from tests.support.misfortune.death import Countdown, Killed
from tests.support.places import TOPICS, Place, StillClock, is_our_write

PATIENCE = 25  # how often one call of `work` runs a job at once that asked to be run later
ADDRESS = "http://tiposync.test/webhooks/shopify/"
FORGET = """
    DELETE FROM orders_orderupdate; DELETE FROM orders_orderimportline; DELETE FROM orders_orderimport;
    DELETE FROM orders_ordersplit;
    UPDATE stores_connection SET orders_looked_at = NULL, copies_looked_at = NULL, restored_at = NULL,
        aligned_strategy = strategy;
    UPDATE stores_store SET clock_difference = interval '0';
    DELETE FROM syncing_stockhold; DELETE FROM syncing_stockadjustment; DELETE FROM syncing_stockbatch;
    DELETE FROM syncing_stockobservation; DELETE FROM syncing_webhookevent; DELETE FROM syncing_syncjob;
    UPDATE syncing_stocklink SET reconciliation_id = NULL; DELETE FROM syncing_reconciliation;
    DELETE FROM django_q_ormq
"""


BEGIN = """
    UPDATE syncing_stocklevel level
    SET available = opening.units, as_of = %s, is_active = true, is_doubtful = false
    FROM unnest(%s::text[], %s::bigint[], %s::int[], %s::text[]) AS opening (item, store, units, place),
         stores_location location
    WHERE level.item_gid = opening.item AND level.store_id = opening.store AND location.id = level.location_id
      AND location.gid = opening.place;
    UPDATE syncing_stocklink link
    SET source_baseline = source.available, destination_baseline = destination.available, keeps_destination = false,
        state = 'in_step', reason = '', dirty_sequence = 1, settled_sequence = 1
    FROM syncing_stocklevel source, syncing_stocklevel destination
    WHERE source.id = link.source_level_id AND destination.id = link.destination_level_id
"""


class World(Accounts):
    """A simulator, the stores of one test, and the product that keeps them in step."""

    def __init__(self, sim: Simulator, address: str = ADDRESS, *, is_manual: bool = True) -> None:
        self.sim = sim
        self.address, self.is_manual = address, is_manual  # where webhooks go, and whether they wait to be delivered
        self.places: list[Place] = []
        self.connections: list[Connection] = []
        super().__init__()
        sim.on_before_execute.clear()
        sim.on_after_commit.clear()
        for domain in list(sim.shops):
            sim.faults(sim.shops[domain]).clear()
            sim.webhooks.pending.pop(domain, None)
            del sim.shops[domain]
        self.begin_now()
        views._stores.clear()
        clients._opened.__dict__.clear()

    def begin_now(self) -> None:
        if isinstance(self.sim.clock, StillClock):
            self.sim.clock.begin()

    # Building

    def add_store(self, name: str, role: str, items: int = 3, stock: int = 20, locations: int = 1) -> Place:
        """A store with `items` items (SKU-0, SKU-1, …), `stock` units of each at each location, and our row for it."""
        domain = f"{name}-store.myshopify.com"
        shop = self.sim.add_shop(domain)
        shop.knobs.manual_deliveries = self.is_manual
        shop.knobs.bucket_size = 1e9  # its clock stands still, so nothing would ever be restored
        at = self.sim.clock.whole_seconds() - 3600
        store = Store.objects.create(
            domain=domain,
            name=name.capitalize(),
            role=role,
            auth=Store.Auth.STATIC_TOKEN,
            access_token=self.sim.static_token(domain),
            client_secret=CLIENT_SECRET,
            status=Store.Status.READY,
            currency=shop.currency,
            bucket_maximum=1e9,
            bucket_available=1e9,
        )
        place = Place(self.sim, store, shop)
        for number in range(locations):
            location = shop.add_location(f"Room {number}", at=at, is_primary=not number)
            place.location_ids.append(location.id)
        for number in range(items):
            product = shop.add_product(f"Product {number}", at=at)
            levels = dict.fromkeys(place.location_ids, stock)
            place.variants.append(shop.add_variant(product, at=at, sku=f"SKU-{number}", stock=levels))
        for topic in TOPICS:
            self.sim.subscribe(domain, topic, self.address)
        self._add_rows(place)
        self.places.append(place)
        return place

    def _add_rows(self, place: Place) -> None:
        Location.objects.bulk_create(
            Location(store=place.store, gid=gids.gid("Location", pk), name=place.shop.locations[pk].name)
            for pk in place.location_ids
        )
        Variant.objects.bulk_create(
            Variant(
                store=place.store,
                gid=gids.gid("ProductVariant", variant.id),
                product_gid=gids.gid("Product", variant.product_id),
                item_gid=gids.gid("InventoryItem", variant.item_id),
                product_title=place.shop.products[variant.product_id].title,
                sku=place.shop.items[variant.item_id].sku,
                handle=place.shop.products[variant.product_id].handle,
                seen_at=self.sim.clock.now(),
            )
            for variant in place.variants
        )

    def connect(self, source: Place, destination: Place, strategy: str = "two_way", **fields) -> Connection:
        """A started connection with item n linked to item n and location n mapped to location n.

        Orders are carried, if the strategy does, from an hour ago on.
        `mapped` gives other locations, as (source, destination) ids; `state` "ready": neither linked nor started.
        """
        mapped = fields.pop("mapped", list(zip(source.location_ids, destination.location_ids, strict=False)))
        fields.setdefault("state", "running")
        if strategy in ("order", "draft_order"):
            begun_at = self.sim.clock.now() - timedelta(hours=1)
            fields = {"started_at": begun_at, "carries_orders_since": begun_at, "aligned_strategy": strategy} | fields
            self.prepare_orders(source, destination)
        made = Connection.objects.create(
            source=source.store, destination=destination.store, strategy=strategy, **fields
        )
        self.connections.append(made)
        ours, theirs = (
            {row.gid: row for row in Location.objects.filter(store=place.store)} for place in (source, destination)
        )
        for mine, other in mapped:
            LocationMapping.objects.create(
                connection=made,
                source_location=ours[gids.gid("Location", mine)],
                destination_location=theirs[gids.gid("Location", other)],
            )
        if made.state == Connection.State.READY:
            return made
        mine, other = (list(place.store.variants.order_by("pk")) for place in (source, destination))
        VariantLink.objects.bulk_create(
            VariantLink(connection=made, source_variant=a, destination_variant=b, state="linked")
            for a, b in zip(mine, other, strict=False)
        )
        wiring.wire_connection(made)
        enqueue.carry_stock(made)
        return made

    def prepare_orders(self, source: Place, destination: Place) -> None:
        """What a check of both stores puts in place."""
        for place, topics in ((destination, ORDER_TOPICS), (source, COPY_TOPICS)):
            known = {subscription.topic for subscription in place.shop.subscriptions.values()}
            for topic in set(topics) - known:
                self.sim.subscribe(place.domain, topic, self.address)
        orders.ensure_definition(clients.open_client(source.store))

    def begin_again(self) -> None:
        """As after `mark`, with nothing that happened since: much faster than building everything anew."""
        self.calm()
        self.begin_now()
        for place in self.places:
            shop = place.shop
            for log in (shop.changes, shop.orders, shop.drafts, shop.idempotency, shop.adjustment_groups):
                log.clear()
            for log in (shop.refunds, shop.fulfillments, shop.fulfillment_orders, shop.orders_made_at):
                log.clear()
            for work in (shop.jobs, shop.later):
                work.clear()
            for owner in [one for one in shop.metafields if one[0] in ("Order", "DraftOrder")]:
                del shop.metafields[owner]
            self.sim.webhooks.pending.pop(place.domain, None)
            for level in shop.levels.values():
                level.available, level.is_active = self.opening[place.store.pk, level.item_id, level.location_id], True
                level.committed = level.reserved = 0
                level.updated_at = level.available_at = self.sim.clock.whole_seconds() - 3600
        self.sim.reset_counters()
        self.open_again()
        rows = [(gids.gid("InventoryItem", item), store, units) for (store, item, _), units in self.opening.items()]
        places = [gids.gid("Location", place) for _, _, place in self.opening]
        with db.cursor() as cursor:
            cursor.execute(FORGET)
            opened_at = datetime.fromtimestamp(self.sim.clock.whole_seconds() - 3600, UTC)
            cursor.execute(BEGIN, [opened_at, *([row[i] for row in rows] for i in range(3)), places])

    def calm(self) -> None:
        """No fault, no surprise and no pause from here on."""
        self.sim.on_before_execute.clear()
        self.sim.on_after_commit.clear()
        StoreTrouble.objects.all().delete()
        for place in self.places:
            self.sim.faults(place.shop).clear()
        for connection in self.connections:
            connection.is_paused = False
            connection.save(update_fields=["is_paused"])

    # The product at work

    def work(self, tries: int = 3) -> int:
        """Run all jobs until none is left, retrying at once what failed, up to `tries` times; how many ran."""
        count = idle = 0
        hurried: Counter[int] = Counter()
        for _ in range(10_000):  # far more than what a store that is away for long has wait, each tried ten times
            # One that waits for something else without having failed is not hurried on for ever.
            tired = [pk for pk, times in hurried.items() if times >= PATIENCE]
            queued = SyncJob.objects.filter(state=SyncJob.State.QUEUED, attempts__lt=tries).exclude(pk__in=tired)
            hurried.update(queued.filter(due_at__gt=Now()).values_list("pk", flat=True))
            queued.update(due_at=Now() - timedelta(seconds=1))
            StoreTrouble.objects.update(rests_until=None)
            ran = jobs.run_due(handlers.WORK, 0.01)
            count += ran
            idle = 0 if ran else idle + 1
            # On a busy machine the time may be over before the first one, so look again; but not for ever: what is
            # queued waits for its like, if that runs in another thread.
            if idle > 10 or (idle and not queued.exists()):
                break
        else:
            raise AssertionError("the jobs never end")
        bug = SyncJob.objects.filter(failure=SyncJob.Failure.BUG).first()
        assert bug is None, bug.traceback
        return count

    def carry_orders(self) -> None:
        """What the sweep does for orders that wait, until all has been looked for long enough."""
        has_orders = any(connection.carries_orders for connection in self.connections) or self.unfinished_orders()
        for minute in range(10 if has_orders else 0):
            self.tick(60)
            sweep_minute(minute)
            SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(attempts=0)
            self.work(tries=1)
            if not self.unfinished_orders():
                return

    def sweep(self, tries: int = 3) -> None:
        """What a minute of a worker does."""
        sweep.sweep()
        self.work(tries)

    def unfinished_orders(self, but_not_of: Place | None = None) -> list[str]:
        imports = OrderImport.objects.filter(state__in=("planned", "sent"))
        updates = OrderUpdate.objects.filter(state__in=("planned", "sent"))
        unseen = OrderImport.objects.filter(signs.UNSEEN, state="confirmed")
        if but_not_of:
            imports = imports.exclude(connection__destination=but_not_of.store)
            unseen = unseen.exclude(connection__destination=but_not_of.store)
            updates = updates.exclude(order_import__connection__destination=but_not_of.store)
        return [f"{row} {row.state} {row.reason}" for row in (*imports, *updates, *unseen)]

    def waiting_strategies(self) -> list[str]:
        waiting = Connection.objects.filter(state="running").exclude(aligned_strategy__in=("", F("strategy")))
        return [f"{connection} waits to be {connection.strategy}" for connection in waiting]

    def carry(self, tries: int = jobs.MAX_ATTEMPTS) -> None:
        """What the sweep does for stock that waits."""
        for connection in self.connections:
            enqueue.carry_stock(connection)
        self.work(tries)

    def reconcile(self, tries: int = jobs.MAX_ATTEMPTS) -> None:
        for connection in self.connections:
            enqueue.reconcile(connection)
        self.work(tries)

    def choose_strategy(self, connection: Connection, strategy: str) -> None:
        """As the connection's page does it."""
        connection.refresh_from_db()
        connection.strategy = strategy
        connection.save(update_fields=["strategy"])

    def deliver(self, *places: Place) -> None:
        """Deliver every webhook that waits, in the order in which they came about."""
        for place in places or self.places:
            while self.sim.deliveries(place.domain):
                self.sim.pump(place.domain, self.sim.deliveries(place.domain))

    def follow(self, *places: Place) -> None:
        """Deliver all webhooks and do what they lead to, echoes included."""
        for _ in range(20):
            if not any(self.sim.deliveries(place.domain) for place in self.places):
                return
            self.deliver(*places)
            self.work()
        raise AssertionError("the stores answer each other for ever")

    def tick(self, seconds: float = 1) -> None:
        self.sim.clock.advance(seconds)

    def let_pass(self, hours: float) -> None:
        self.tick(hours * 3600)

    # Misfortune

    @contextmanager
    def worker_that_dies(self, before_effect: int = 10**9) -> Iterator[Countdown]:
        """The worker is killed just before its n-th effect (from 1), or when told; a new one may then start."""
        countdown = Countdown(before_effect)
        try:
            with countdown.watch():
                yield countdown
        except Killed:
            pass
        finally:
            if countdown.is_over:
                db.close()  # which ends its transaction and frees its locks, as the end of a process does
                for place in self.places:
                    clients.forget_client(place.store)
                self._wait_for_its_end()

    def _wait_for_its_end(self) -> None:
        while SyncJob.objects.filter(state=SyncJob.State.RUNNING).exists():
            jobs.free_dead()

    def meanwhile(self, field_name: str, act: Callable[[], object], *, after: bool = False, times: int = 1) -> None:
        """Do something just before (or just after) the next execution of a root field, in the middle of a run."""
        hooks = self.sim.on_after_commit if after else self.sim.on_before_execute
        left = [times]

        def hook(shop: Shop, name: str, arguments: dict) -> None:
            if name != field_name or not left[0]:
                return
            left[0] -= 1
            try:
                act()
            finally:
                connections.close_all()  # those of the simulator's thread

        hooks.append(hook)

    # The end

    def resolve_holds(self) -> int:
        """What an operator does who looks into Shopify's own history; how many holds that were."""
        waiting = list(StockHold.objects.filter(state="open").select_related("adjustment__batch"))
        for hold in waiting:
            if hold.kind == StockHold.Kind.GUARD:
                holds.release(hold)
            elif self.took_effect(str(hold.adjustment.batch.key)):
                holds.confirm_applied(hold)
            else:
                holds.confirm_not_applied(hold)
        return len(waiting)

    def settle(self) -> None:
        """Whatever waits is done: by the sweep, by reconciliation, by an operator who knows the truth."""
        for _ in range(8):
            moves = self._moves()
            self.reconcile()
            self.carry_orders()
            self.carry()
            # A copy that was cancelled, as it should have been long ago, has moved stock after the comparison.
            if not self.resolve_holds() and not self.unsettled() and moves == self._moves():
                return
        raise AssertionError(f"it never settles: {self.unsettled()}")

    def _moves(self) -> int:
        """How often anything but our stock writes has changed a level."""
        return sum(not is_our_write(change) for place in self.places for change in place.shop.changes)

    def unsettled(self) -> list[str]:
        links = StockLink.objects.exclude(state="skipped").filter(connection__in=self.connections)
        waiting = links.filter(dirty_sequence__gt=F("settled_sequence")) | links.exclude(state="in_step")
        pending = StockBatch.objects.filter(state="pending")
        stock = [f"{link.pk} {link.state} {link.reason}" for link in waiting] + [str(batch) for batch in pending]
        return stock + self.unfinished_orders() + self.waiting_strategies()
