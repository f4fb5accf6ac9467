"""python -m tests.simulator: three stores with the mess of real catalogues, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path

from tests.simulator.demo.csv_file import CsvError, read_file
from tests.simulator.demo.seed import seed_csv, seed_demo
from tests.simulator.simulation import Simulator

TOPICS = (
    *("INVENTORY_LEVELS_UPDATE", "INVENTORY_ITEMS_UPDATE", "PRODUCTS_CREATE", "PRODUCTS_UPDATE", "PRODUCTS_DELETE"),
    *("COLLECTIONS_CREATE", "COLLECTIONS_UPDATE", "COLLECTIONS_DELETE"),
    *("ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED", "ORDERS_CANCELLED", "ORDERS_EDITED", "REFUNDS_CREATE"),
    *("FULFILLMENTS_CREATE", "FULFILLMENTS_UPDATE", "DRAFT_ORDERS_UPDATE", "DRAFT_ORDERS_DELETE", "ORDERS_DELETE"),
    *("RETURNS_APPROVE", "RETURNS_PROCESS", "RETURNS_CLOSE", "FULFILLMENT_ORDERS_MOVED"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description="Simulated Shopify stores.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one")
    parser.add_argument("--variants", type=int, help="variants of the source store; default: the demo's own size")
    parser.add_argument("--catalog", type=Path, help="the source sells what this Shopify product CSV says")
    parser.add_argument("--seed", type=int, default=1, help="same number, same stores")
    parser.add_argument("--webhook-url", help="subscribe this address to the usual topics in every store at once")
    parser.add_argument("--replay-mode", choices=("live", "docs"), default="live", help="what a repeated key answers")
    parser.add_argument("--delivery-threads", type=int, default=8, help="how many webhooks are on their way at once")
    options = parser.parse_args()
    if options.catalog and options.variants is not None:
        parser.error("--catalog and --variants exclude each other")
    started = time.monotonic()
    try:
        catalog = read_file(options.catalog) if options.catalog else None
    except CsvError as problem:
        parser.error(f"{options.catalog}: {problem}")
    simulator = Simulator(delivery_threads=options.delivery_threads)
    for shop in seed_csv(simulator, catalog) if catalog else seed_demo(simulator, options.variants, options.seed):
        shop.knobs.replay_mode = options.replay_mode
        if options.webhook_url:
            for topic in TOPICS:
                simulator.subscribe(shop.domain, topic, options.webhook_url)
    url = simulator.serve(options.port, options.host)
    seconds = time.monotonic() - started
    for shop in simulator.shops.values():
        print(f"{url}/{shop.domain}  {len(shop.variants)} variants  token {simulator.static_token(shop.domain)}")
    print(f"control API: {url}/_control/help   (ready after {seconds:.1f} s; Ctrl-C stops)", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    simulator.stop()


if __name__ == "__main__":
    main()
