"""The Simulator: its shops, its clock, its one schema, and the HTTP server around them.

sim = Simulator()
shop = sim.add_shop("source-store.myshopify.com")
url = sim.serve()          # http://127.0.0.1:<port>
...
sim.stop()
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from graphql import GraphQLObjectType

from tests.simulator.bulk.operations import BulkOperations
from tests.simulator.control import api
from tests.simulator.documents.call import Call
from tests.simulator.documents.cost import Bucket
from tests.simulator.documents.documents import Library
from tests.simulator.documents.executor import Executor
from tests.simulator.documents.plan import Compiler, OperationPlan
from tests.simulator.documents.resolvers import RESOLVERS, TYPE_NAMES
from tests.simulator.documents.schema import load_schema, load_scopes
from tests.simulator.edits.commit import edit_order
from tests.simulator.events import drafts, merchant, order_moves, storefront
from tests.simulator.events.catalogue import files, staged
from tests.simulator.events.catalogue.pictures import Downloads
from tests.simulator.events.later import Later
from tests.simulator.pages.page import Pages
from tests.simulator.payments.pay import pay
from tests.simulator.relocation.move import move_order
from tests.simulator.returns.exchange import exchange
from tests.simulator.returns.moves import return_goods
from tests.simulator.returns.state import Return
from tests.simulator.staff.drafts import change_draft
from tests.simulator.staff.orders import change_words, delete_order
from tests.simulator.state.apps import App, Token
from tests.simulator.state.clock import Clock
from tests.simulator.state.orders import Draft, Fulfillment, Order, OrderEdit, Refund
from tests.simulator.state.shop import Change, Counters, Level, Shop, Subscription
from tests.simulator.wire import auth
from tests.simulator.wire.courier import Courier
from tests.simulator.wire.faults import Fault, FaultPlan
from tests.simulator.wire.server import Server
from tests.simulator.wire.webhooks import Delivery, Webhooks

RESTORE_RATES = {"BASIC": 100.0, "GROW": 100.0, "ADVANCED": 200.0, "PLUS": 1000.0, "ENTERPRISE": 2000.0}
Hook = Callable[[Shop, str, dict], None]  # shop, root field, arguments


class Shops(dict):
    """Shops by domain; each one's events find their way to the webhooks."""

    def __init__(self, simulator: Simulator):
        super().__init__()
        self._simulator = simulator

    def __setitem__(self, domain: str, shop: Shop) -> None:
        shop.publish = lambda events: self._simulator.webhooks.publish(shop, events)
        shop.catalog.base_url = self._simulator.base_url
        super().__setitem__(domain, shop)


class Simulator:
    """Any number of shops in one process. Give a Clock(frozen_at=...) to hold time still."""

    def __init__(self, clock: Clock | None = None, *, delivery_threads: int = 8):
        self.clock = clock or Clock()
        self.schema = load_schema()
        self.library = Library(self.schema)
        self.compiler = Compiler(self.schema, RESOLVERS, load_scopes(), TYPE_NAMES)
        node = self.schema.get_type("Node")
        self.node_kinds = frozenset(
            kind.name for kind in self.schema.get_possible_types(node) if isinstance(kind, GraphQLObjectType)
        )
        self.courier = Courier(self.clock, delivery_threads)
        self.webhooks = Webhooks(self.clock, self.courier)
        self.shops: dict[str, Shop] = Shops(self)
        self.later = Later(self.clock, self.shops)
        self.downloads = Downloads()
        self.base_url = ""
        self.renamed: dict[str, str] = {}  # former domain -> the one since then
        self.executor = Executor(self)
        self.bulk = BulkOperations(self)
        self.on_before_execute: list[Hook] = []  # before a request runs; the key of a mutation counts as running
        self.on_after_commit: list[Hook] = []  # after a mutation is committed, before its answer leaves
        self.pages = Pages(self)
        self._fault_plans: dict[str, FaultPlan] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._lock = threading.Lock()
        self._server: Server | None = None

    # Shops and serving

    def add_shop(self, domain: str, **fields) -> Shop:
        """An empty shop: add locations and products to it. Fields: name, currency, timezone."""
        shop = Shop(domain, created_at=self.clock.whole_seconds(), **fields)
        self.shops[domain] = shop
        return shop

    def rename_shop(self, domain: str, new: str) -> Shop:
        """A store changes its permanent name (row 66): 301 on the old one, and webhooks come under the new one."""
        shop = self.shops.pop(domain)
        shop.domain = new
        self.shops[new] = shop
        self.renamed[domain] = new
        with self._lock:
            if domain in self._fault_plans:
                self._fault_plans[new] = self._fault_plans.pop(domain)
        if domain in self.webhooks.pending:
            self.webhooks.pending[new] = self.webhooks.pending.pop(domain)
        return shop

    def shop(self, domain: str) -> Shop:
        return self.shops[domain]

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Starts the HTTP server in threads of its own and answers its base url."""
        self._server = Server(self, host, port)
        self.base_url = self._server.url
        for shop in self.shops.values():
            shop.catalog.base_url = self.base_url
        return self.base_url

    def finish_requests(self) -> bool:
        """Whether every request that has arrived was answered and its connection closed, within ten seconds."""
        return self._server is None or self._server.finish_requests()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.later.stop()
        self.downloads.stop()
        self.courier.stop()
        self.bulk.stop()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    # What the server asks

    def page(self, path: str) -> str | None:
        """HTML of a page, or None where there is none."""
        return self.pages.get(path)

    def picture(self, path: str) -> tuple[bytes, str] | None:
        """(bytes, MIME type) of a file's public address, or None."""
        return files.served(self, path)

    def receive_upload(self, path: str, content_type: str, body: bytes) -> tuple[int, str]:
        """(HTTP status, XML) of what is sent to a staged place."""
        return staged.receive(self, path, content_type, body)

    def act(self, path: str, form: dict[str, str]) -> str | None:
        """Does what a page's form asks and answers where to go next, or None for an unknown form."""
        return self.pages.post(path, form)

    def control(self, method: str, name: str, given: object) -> tuple[int, object]:
        return api.handle(self, method, name, given)

    # What the executor asks

    def faults(self, shop: Shop) -> FaultPlan:
        """The shop's plan of faults: add(kind, match=..., count=...), clear(), listed()."""
        with self._lock:
            return self._fault_plans.setdefault(shop.domain, FaultPlan(shop))

    def bucket(self, shop: Shop, app: App) -> Bucket:
        with self._lock:
            key = (shop.domain, app.client_id)
            if key not in self._buckets:
                self._buckets[key] = Bucket(self.clock.seconds, shop.knobs.bucket_size)
            return self._buckets[key]

    def hooks_before(self, plan: OperationPlan, call: Call) -> list[Callable[[Call], None]]:
        return [lambda call, hook=hook: _run_hook(hook, plan, call) for hook in list(self.on_before_execute)]

    def run_hooks_after(self, plan: OperationPlan, call: Call) -> None:
        if plan.kind == "mutation":
            for hook in list(self.on_after_commit):
                _run_hook(hook, plan, call)

    # For tests, by domain

    def fault(self, domain: str, kind: str, **fields) -> Fault:
        """Plans a fault: lost_answer, refuse_before, http, rate_limited, throttled, internal_error_before, slow."""
        return self.faults(self.shops[domain]).add(kind, **fields)

    def set_points(self, domain: str, points: float, client_id: str = "tiposync") -> None:
        """What is in the app's bucket right now."""
        shop = self.shops[domain]
        self.bucket(shop, shop.apps[client_id]).set(points)

    def set_plan(self, domain: str, plan: str) -> None:
        """BASIC, GROW, ADVANCED, PLUS or ENTERPRISE: restore rate, and the bucket seen in practice (shopify.md 2.1)."""
        knobs = self.shops[domain].knobs
        knobs.restore_rate = RESTORE_RATES[plan]
        knobs.bucket_size = 20 * knobs.restore_rate
        knobs.plan = plan
        self.set_points(domain, knobs.bucket_size)

    def changes(self, domain: str, item_id: int | None = None, location_id: int | None = None) -> list[Change]:
        """Every change of `available` since the shop was made, oldest first."""
        with self.shops[domain].lock:
            return [
                change
                for change in self.shops[domain].changes
                if item_id in (None, change.item_id) and location_id in (None, change.location_id)
            ]

    def available(self, domain: str, item_id: int, location_id: int) -> int:
        level = self.shops[domain].levels.get((item_id, location_id))
        return level.available if level else 0

    def reset_counters(self, domain: str | None = None) -> None:
        for shop in self.shops.values():
            if domain in (None, shop.domain):
                with shop.lock:
                    shop.counters = Counters()

    def set(self, domain: str, item_id: int, location_id: int, quantity: int, **how) -> Level:
        return merchant.set_quantity(self.shops[domain], self.clock, item_id, location_id, quantity, **how)

    def adjust(self, domain: str, item_id: int, location_id: int, delta: int, **how) -> Level:
        return merchant.adjust_quantity(self.shops[domain], self.clock, item_id, location_id, delta, **how)

    def set_many(self, domain: str, rows: Iterable[tuple[int, int, int]]) -> int:
        """[(item id, location id, available)], each a change of its own: a burst in one call."""
        return merchant.set_many(self.shops[domain], self.clock, rows)

    def buy(self, domain: str, variant_id: int, quantity: int = 1, **how) -> Order:
        """One line; orders.buy takes several. location_id=, force=, bypass=."""
        return self.buy_lines(domain, [(variant_id, quantity)], **how)

    def buy_lines(self, domain: str, lines: Iterable[tuple[int, int]], **how) -> Order:
        return storefront.buy(self.shops[domain], self.clock, lines, **how)

    def fulfil(self, domain: str, order: Order, quantities: dict[int, int] | None = None, **tracking) -> None:
        """{line id: units}, None for all that is left; number=, company=, url=."""
        order_moves.fulfil(self.shops[domain], self.clock, order, quantities, **tracking)

    def cancel_fulfilment(self, domain: str, fulfillment: Fulfillment) -> None:
        order_moves.cancel_fulfilment(self.shops[domain], self.clock, fulfillment)

    def cancel(self, domain: str, order: Order, *, restock: bool = True, **how) -> None:
        """reason=, refund_money=, staff_note=."""
        order_moves.cancel(self.shops[domain], self.clock, order, restock=restock, **how)

    def refund(self, domain: str, order: Order, lines: Iterable[dict], **how) -> Refund:
        """money=, shipping=, note=: see order_moves.refund."""
        return order_moves.refund(self.shops[domain], self.clock, order, lines, **how)

    def place_order(self, domain: str, lines: Iterable, **details) -> Order:
        """What a buyer does: see orders.place_order and order_build."""
        return storefront.place_order(self.shops[domain], self.clock, lines, **details)

    def pay_order(self, domain: str, order: Order, **how) -> None:
        """What is owed; amount=: a part of it in the order's currency. gateway=."""
        pay(self.shops[domain], self.clock, order, **how)

    def edit_order(self, domain: str, order: Order, **how) -> OrderEdit:
        """quantities={line id: wanted}, add=[(variant id, units)], back_to_stock=, note=; see edits.commit."""
        return edit_order(self.shops[domain], self.clock, order, **how)

    def exchange(self, domain: str, order: Order, back: dict[int, int], add: tuple[int, int]) -> None:
        """{line id: shipped units that come back}, (variant id, units that go out)."""
        exchange(self.shops[domain], self.clock, order, back, add)

    def return_goods(self, domain: str, order: Order, back: dict[int, int], **how) -> Return:
        """{line id: shipped units}; exchange=[(variant id, units)], restock=, location_id=, money=, is_processed=."""
        return return_goods(self.shops[domain], self.clock, order, back, **how)

    def move_order(self, domain: str, order: Order, location_id: int, quantities: dict[int, int] | None = None):
        """{line id: units}, None for all that is open: they ship from there."""
        return move_order(self.shops[domain], self.clock, order, location_id, quantities)

    def change_tracking(
        self, domain: str, fulfillment: Fulfillment, company: str | None, number: str, url: str
    ) -> None:
        order_moves.change_tracking(
            self.shops[domain], self.clock, fulfillment, company, [number], [url] if url else []
        )

    def delete_order(self, domain: str, order: Order) -> None:
        delete_order(self.shops[domain], self.clock, order)

    def change_words(self, domain: str, order: Order, **words) -> None:
        """note=, tags=, po_number=, email=, phone=, name=: nothing else changes, orders/updated comes."""
        change_words(self.shops[domain], self.clock, order, **words)

    def change_draft(self, domain: str, draft: Draft, **how) -> None:
        """quantities={line id: units}, add=[(variant id, units)], note=, tags=."""
        change_draft(self.shops[domain], self.clock, self.later, draft, **how)

    def complete_draft(self, domain: str, draft: Draft, *, paid: bool = True) -> Order:
        """What the merchant's click does."""
        return drafts.complete(self.shops[domain], self.clock, draft, paid=paid)

    def delete_draft(self, domain: str, draft: Draft) -> None:
        drafts.delete(self.shops[domain], self.clock, draft)

    # Webhooks of manual shops

    def deliveries(self, domain: str) -> list[Delivery]:
        """What waits for pump(), oldest first."""
        return self.webhooks.waiting(self.shops[domain])

    def pump(self, domain: str, deliveries: Iterable[Delivery | int] | None = None) -> list[Delivery]:
        """Delivers those, in that order (one named twice arrives twice); None: everything due. In this thread."""
        numbers = None if deliveries is None else [_number(one) for one in deliveries]
        return self.webhooks.pump(self.shops[domain], numbers)

    def serialise(self, domain: str) -> None:
        self.webhooks.serialise(self.shops[domain])

    def drop(self, domain: str, deliveries: Iterable[Delivery | int]) -> None:
        self.webhooks.drop(self.shops[domain], [_number(one) for one in deliveries])

    def delay(self, domain: str, deliveries: Iterable[Delivery | int], seconds: float) -> None:
        self.webhooks.delay(self.shops[domain], [_number(one) for one in deliveries], seconds)

    def set_manual(self, domain: str, manual: bool) -> None:
        """Manual: nothing is sent until pump(). Back again: everything that waits leaves by itself."""
        self.shops[domain].knobs.manual_deliveries = manual
        if not manual:
            self.webhooks.release(self.shops[domain])

    def subscribe(self, domain: str, topic: str, uri: str, **fields) -> Subscription:
        """A subscription without going through the API."""
        shop, now = self.shops[domain], self.clock.whole_seconds()
        with shop.lock:
            subscription = Subscription(shop.next_id(), topic, uri, now, now, **fields)
            shop.subscriptions[subscription.id] = subscription
            return subscription

    # Tokens and secrets

    def static_token(self, domain: str) -> str:
        return f"shpat_simulator_{domain.split('.')[0]}"

    def issue_refreshable(self, domain: str, client_id: str = "tiposync") -> Token:
        shop = self.shops[domain]
        return auth.issue_refreshable(shop, shop.apps[client_id], self.clock)

    def add_app(self, domain: str, client_id: str, secret: str, redirects: Iterable[str]) -> App:
        """An app of another organisation that is not installed yet: only the authorization page does that (row 72)."""
        app = App(client_id, [secret], set(), installed=False, permitted=False, redirects=list(redirects))
        self.shops[domain].apps[client_id] = app
        return app

    def expire_tokens(self, domain: str, *, refresh_too: bool = False) -> None:
        auth.expire_tokens(self.shops[domain], self.clock, refresh_too=refresh_too)

    def revoke_tokens(self, domain: str) -> None:
        auth.revoke_tokens(self.shops[domain])

    def uninstall(self, domain: str, client_id: str = "tiposync") -> None:
        auth.uninstall(self.shops[domain], client_id)

    def install(self, domain: str, client_id: str = "tiposync") -> None:
        auth.install(self.shops[domain], client_id)

    def set_scopes(self, domain: str, scopes: Iterable[str], client_id: str = "tiposync") -> None:
        auth.set_scopes(self.shops[domain], client_id, set(scopes))

    def rotate_secret(self, domain: str, new: str, client_id: str = "tiposync") -> None:
        """Both secrets count; webhooks are signed with the old one until it is revoked (row 39)."""
        self.shops[domain].apps[client_id].secrets.append(new)

    def revoke_old_secret(self, domain: str, client_id: str = "tiposync") -> None:
        del self.shops[domain].apps[client_id].secrets[0]


def _number(delivery: Delivery | int) -> int:
    return delivery if isinstance(delivery, int) else delivery.number


def _run_hook(hook: Hook, plan: OperationPlan, call: Call) -> None:
    for planned in plan.fields:
        hook(call.shop, planned.name, {} if planned.is_leaf else planned.arguments(call))
