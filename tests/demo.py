"""`make demo`: simulated stores, web and workers on this machine, connected, with stock and orders moving as you watch.

Everything lives below .data/demo and is made anew each time. Ctrl-C ends it all. With --once it ends by itself after
the scenarios, with exit code 1 if one of them did not come true.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.simulator import Simulator
from tests.simulator.demo.goods import single
from tests.simulator.demo.seed import DAY_SECONDS, StoreSpec, add_product, build_store, empty_store, seed_demo
from tests.simulator.state.order_money import grand_total
from tests.simulator.state.orders import Draft, Order
from tests.simulator.state.shop import Shop, Variant
from tests.support.demo_catalogue import CatalogueShow
from tests.support.orders.demo_orders import PRINT, STUDIO, LivingOrders
from tiposync.embedded import start_embedded_database

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".data" / "demo"
LOGIN, PASSWORD = "admin", "tiposync-demo"
SOURCE, NORTH, SOUTH, EAST, WEST = (
    f"{name}-store.myshopify.com" for name in ("source", "north", "south", "east", "west")
)
# Besides the seed's three stores: two whose orders go to the source. They keep stock as North does.
ORDERING = (
    StoreSpec(EAST, "East store", "EUR", 0.92, "Europe/Vienna", ("Warehouse East", "Shop Graz", "Outlet")),
    StoreSpec(WEST, "West store", "USD", 1.0, "America/Denver", ("Warehouse West", "Shop Boulder", "Outlet")),
)
# A second source, whose only product East sells, too.
SECOND = StoreSpec(STUDIO, "Studio store", "EUR", 0.92, "Europe/Vienna", ("Studio",))
RATE = "1.087"  # US dollars for a euro
STAFF = "orders@source.example"
SECRET = "shpss_simulator_secret"
SETTLE_SECONDS = 30
GUNICORN = ("--workers=2", "--threads=4", "--log-level=warning")


def say(text: str = "") -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def free_port(wanted: int) -> int:
    """`wanted`, or another port if somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise SystemExit("No free port on 127.0.0.1.")


class Demo:
    """The processes of one demo, and how to talk to them."""

    def __init__(self) -> None:
        self.processes: list[tuple[str, subprocess.Popen]] = []
        self.web = f"http://127.0.0.1:{free_port(8000)}"
        self.shopify = f"http://127.0.0.1:{free_port(9000)}"
        self.environment: dict[str, str] = {}

    def prepare(self) -> None:
        """A fresh database and a login."""
        shutil.rmtree(DATA, ignore_errors=True)
        DATA.mkdir(parents=True)
        self.environment = os.environ | {
            "DEBUG": "true",
            "DATABASE_URL": start_embedded_database(DATA / "postgres"),
            "SHOPIFY_BASE_URL": self.shopify + "/{domain}",
            "PUBLIC_URL": self.web,
            "EMAIL_URL": f"filemail://{DATA / 'mails'}",
            "QUEUE_WORKERS": "2",
            "LOG_LEVEL": "WARNING",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        self.manage("migrate", "--verbosity=0")
        self.manage("upsert_schedules")
        self.manage("createsuperuser", "--noinput", f"--username={LOGIN}", "--email=admin@example.com")

    def manage(self, *arguments: str, show: bool = False) -> str:
        """Run a management command; end the demo with its words if it fails."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        if show:
            say("".join(f"  {line}\n" for line in done.stdout.splitlines()).rstrip("\n"))
        return done.stdout

    def start(self, name: str, *command: str) -> None:
        """Start a process of the demo; its output goes to .data/demo/<name>.log."""
        log = (DATA / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self.processes.append((name, process))

    def stop(self) -> None:
        """End everything that was started, the workers first."""
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for name, process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                say(f"{name} did not stop; ending it.")
                os.killpg(process.pid, signal.SIGKILL)
        self.processes.clear()

    def check_alive(self) -> None:
        """Raise SystemExit, with the end of its log, if a process has died."""
        for name, process in self.processes:
            if process.poll() is not None:
                log = (DATA / f"{name}.log").read_text(errors="replace")[-2000:]
                raise SystemExit(f"{name} ended with {process.returncode}:\n{log}")

    def wait_for(self, what: str, is_so: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> float:
        """Wait until something is so, and return how long that took; end the demo if it takes too long."""
        began = time.monotonic()
        while not is_so():
            self.check_alive()
            if time.monotonic() - began > seconds:
                raise SystemExit(f"Gave up waiting for {what}; the logs are in {DATA}.")
            time.sleep(0.1)
        return time.monotonic() - began


class Item:
    """One of the demo's two clean products, found by its SKU in each store."""

    def __init__(self, sim: Simulator, sku: str) -> None:
        self.sim = sim
        self.variants = {domain: _variant(sim.shop(domain), sku) for domain in sim.shops if domain != STUDIO}

    def stock(self, domain: str) -> int:
        """Units available at the store's first location."""
        return self.sim.available(domain, *self._place(domain))

    def _place(self, domain: str) -> tuple[int, int]:
        shop = self.sim.shop(domain)
        return self.variants[domain].item_id, next(iter(shop.locations))

    def set(self, domain: str, quantity: int) -> None:
        """Somebody types a number into the store's admin."""
        self.sim.set(domain, *self._place(domain), quantity)

    def add(self, domain: str, quantity: int) -> None:
        """A delivery arrives."""
        self.sim.adjust(domain, *self._place(domain), quantity)

    def sell(self, domain: str, quantity: int) -> None:
        """A customer buys."""
        self.sim.buy(domain, self.variants[domain].id, quantity)


def _variant(shop: Shop, sku: str) -> Variant:
    item = next(item for item in shop.items.values() if item.sku == sku)
    return shop.variants[item.variant_id]


class Show:
    """The scenarios, told as they happen. Each must come true within half a minute."""

    def __init__(self, demo: Demo, sim: Simulator) -> None:
        self.demo, self.sim = demo, sim
        self.one_way = Item(sim, "DEMO-ONE-WAY")
        self.two_way = Item(sim, "DEMO-TWO-WAY")

    def run(self) -> None:
        """Stock one-way and two-way; then an order that becomes an order, and one that becomes a draft."""
        self._show_stock()
        self._show_order()
        self._show_draft()

    def _show_stock(self) -> None:
        say("\nOne-way, Source store → South store (SKU DEMO-ONE-WAY)")
        self._step("at the start", self.one_way, SOUTH, (20, 20))
        self.one_way.set(SOURCE, 15)
        self._step("the source is set from 20 to 15", self.one_way, SOUTH, (15, 15))
        self.one_way.sell(SOUTH, 1)
        time.sleep(3)  # long enough for a wrong write to show
        self._step("South sells 1: the source stays, South shows as drifted", self.one_way, SOUTH, (15, 14))
        self.demo.manage("reconcile", f"{SOURCE}:{SOUTH}")
        self._step("a reconciliation corrects South", self.one_way, SOUTH, (15, 15))
        say("\nTwo-way, Source store ⇄ North store (SKU DEMO-TWO-WAY)")
        self._step("at the start", self.two_way, NORTH, (50, 50))
        self.two_way.sell(NORTH, 5)
        self._step("North sells 5", self.two_way, NORTH, (45, 45))
        self.two_way.add(SOURCE, 10)
        self._step("the source is restocked by 10", self.two_way, NORTH, (55, 55))
        self.two_way.sell(SOURCE, 2)
        self.two_way.sell(NORTH, 3)
        self._step("the source sells 2 and North 3 at the same moment", self.two_way, NORTH, (50, 50))

    def _show_order(self) -> None:
        say("\nOrders, East store → an order in Source store (SKU DEMO-TWO-WAY)")
        self._stock("before", 50)
        original = self._sell(EAST, 3, discount={"code": "WELCOME", "percentage": 10}, shipping="4.90")
        seconds = self.demo.wait_for("the copy", lambda: self._copy_of(EAST, original))
        copy = self._copy_of(EAST, original)
        buyer = self.sim.shop(SOURCE).customers[copy.customer_id]
        say(f"  a customer orders 3 in East: {original.name}, {_price(original)}")
        say(f"  Source has it as {copy.name}, {_price(copy)} (1 EUR = {RATE} USD), after {seconds:.1f} s")
        say(f"    tags {', '.join(copy.tags)}; customer {buyer.display_name} <{buyer.email}>")
        self._stock("3 less everywhere, once", 47)
        self.sim.fulfil(SOURCE, copy, number="1Z999", company="UPS")
        self.demo.wait_for("the shipment in East", lambda: original.fulfillments)
        sent = original.fulfillments[0]
        say(f"  Source ships it; East shows {sent.company} {', '.join(sent.numbers)}")

    def _show_draft(self) -> None:
        say("\nOrders, West store → a draft in Source store (SKU DEMO-TWO-WAY)")
        original = self._sell(WEST, 2)
        seconds = self.demo.wait_for("the draft", lambda: self._draft_of(WEST, original))
        draft = self._draft_of(WEST, original)
        say(f"  a customer orders 2 in West: {original.name}, {_price(original)}")
        say(f"  Source has it as the draft {draft.name}, {_price(draft)}, after {seconds:.1f} s")
        say(f"    tags {', '.join(draft.tags)}; its stock is reserved for 7 days")
        self._stock("2 less everywhere, once", 45)
        made = self.sim.complete_draft(SOURCE, draft)
        time.sleep(3)  # long enough for a second deduction to show
        self._stock(f"staff complete the draft: {made.name}, and still", 45)
        mails = DATA / "mails"
        self.demo.wait_for("the mails", lambda: len(list(mails.glob("*"))) >= 2)
        say(f"  {STAFF} was told of both by mail: see {mails.relative_to(ROOT)}")

    def _sell(self, domain: str, quantity: int, **details) -> Order:
        """A customer with an address orders."""
        lines = [(self.two_way.variants[domain].id, quantity)]
        address = {"first_name": "Ada", "last_name": "Byron", "address1": "Main street 1", "city": "Vienna"}
        address |= {"zip": "1010", "country_code": "AT"}
        buyer = {"email": "ada.byron@example.com", "first_name": "Ada", "last_name": "Byron"}
        return self.sim.place_order(
            domain, lines, email=buyer["email"], customer=buyer, shipping_address=address, **details
        )

    def _copy_of(self, domain: str, original: Order) -> Order | None:
        orders = list(self.sim.shop(SOURCE).orders.values())
        return next((order for order in orders if order.source_identifier == f"{domain}/{original.id}"), None)

    def _draft_of(self, domain: str, original: Order) -> Draft | None:
        drafts = list(self.sim.shop(SOURCE).drafts.values())
        return next(
            (draft for draft in drafts if f"{domain}/{original.id}" in dict(draft.note_attributes).values()), None
        )

    def _stock(self, words: str, expected: int) -> None:
        stores = (SOURCE, NORTH, EAST, WEST)

        def now() -> list[int]:
            return [self.two_way.stock(domain) for domain in stores]

        self.demo.wait_for(f"“{words}”", lambda: now() == [expected] * len(stores))
        shown = "   ".join(f"{domain.split('-')[0]} {units}" for domain, units in zip(stores, now(), strict=True))
        say(f"  {words:<58} {shown}")

    def _step(self, words: str, item: Item, domain: str, expected: tuple[int, int]) -> None:
        def now() -> tuple[int, int]:
            return item.stock(SOURCE), item.stock(domain)

        seconds = self.demo.wait_for(f"“{words}”", lambda: now() == expected)
        say(f"  {words:<58} source {now()[0]:>3}   destination {now()[1]:>3}   after {seconds:4.1f} s")


def _price(order: Order | Draft) -> str:
    return f"{grand_total(order).shop} {order.currency}"


def connect(demo: Demo) -> None:
    """Add the stores and connect them: North two-way, South one-way, East's orders become orders (what Studio sells
    becomes Studio's), West's drafts."""
    for domain in (SOURCE, NORTH, SOUTH, EAST, WEST, STUDIO):
        role = "source" if domain in (SOURCE, STUDIO) else "destination"
        demo.manage("add_store", domain, "--role", role, "--client-id", "tiposync", "--client-secret", SECRET)
    first = "--map=Main warehouse={}".format
    demo.manage("connect_stores", SOURCE, NORTH, "--strategy", "two_way", first("Main Warehouse"), "--start")
    demo.manage("connect_stores", SOURCE, SOUTH, "--strategy", "one_way", first("Warehouse South"), "--start")
    told = f"--orders=notice_addresses={STAFF}"
    east = ("--strategy", "order", f"--orders=currency_rate={RATE}", told, first("Warehouse East"))
    demo.manage("connect_stores", SOURCE, EAST, *east, "--start")
    demo.manage("connect_stores", SOURCE, WEST, "--strategy", "draft_order", told, first("Warehouse West"), "--start")
    demo.manage("connect_stores", STUDIO, EAST, "--strategy", "order", told, "--map=Studio=Warehouse East", "--start")


def open_studio(sim: Simulator) -> None:
    """The second source, and its product in both stores."""
    at = sim.clock.whole_seconds() - DAY_SECONDS
    sim.shops[STUDIO] = empty_store(SECOND, at=at)
    for domain in (STUDIO, EAST):
        shop = sim.shop(domain)
        places = list(shop.locations.values())
        print_on_paper = single("Studio print", PRINT, [30, *[None] * (len(places) - 1)], price=30)
        add_product(shop, print_on_paper, places, SECOND.rate, at)


def is_settled(demo: Demo) -> bool:
    """Whether all connections run and nothing waits."""
    rows = json.loads(demo.manage("sync_status", "--json"))["connections"]
    return all(
        row["state"] == "running" and row["pairs"] and not row["oldest_waiting_at"] and not row["pending_batches"]
        for row in rows
    )


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the scenarios instead of staying up")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    demo = Demo()
    say("Preparing a database and six simulated Shopify stores …")
    with Simulator() as sim:
        seed_demo(sim)
        for spec in ORDERING:
            sim.shops[spec.domain] = build_store(spec, 1, at=sim.clock.whole_seconds() - DAY_SECONDS)
        open_studio(sim)
        sim.serve(port=int(demo.shopify.rsplit(":", 1)[1]))
        try:
            demo.prepare()
            demo.start("web", "-m", "gunicorn", "tiposync.wsgi", "--bind", demo.web.removeprefix("http://"), *GUNICORN)
            demo.start("worker", "manage.py", "work")
            demo.wait_for("the web server", lambda: answers(f"{demo.web}/healthz"))
            say("Connecting: Source ⇄ North (two-way), Source → South (one-way), East and West (their orders go to")
            say("Source, as orders and as drafts; what East sells of Studio goes there); matching, initial sync …")
            connect(demo)
            demo.wait_for("the initial sync", lambda: is_settled(demo), 120)
            tell(demo)
            Show(demo, sim).run()
            LivingOrders(demo, sim, say).run()
            CatalogueShow(demo, sim, say).run()
            if not options.once:
                say("\nIt all keeps running: order or change stock on the stores' pages. Ctrl-C ends it.")
                while True:
                    demo.check_alive()
                    time.sleep(1)
        except KeyboardInterrupt:
            say("\nEnding …")
        finally:
            demo.stop()


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def tell(demo: Demo) -> None:
    """Where to look."""
    say(f"\n  Console   {demo.web}/admin/   login {LOGIN}, password {PASSWORD}")
    say(f"  Stores    {demo.shopify}/   (buy, order, ship, restock, set, refund, faults on and off)")


if __name__ == "__main__":
    main()
