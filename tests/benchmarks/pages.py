"""The console's pages with a million lines in the ledger: every list, filtered, searched and sorted, and a row's page.

`python -m tests.benchmarks.pages --ledger 1000000 --links 100000 --times 3`
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from tests.benchmarks.staging.stage import Stage
from tests.benchmarks.staging.table import print_table

AIM_MS = 300
HEADER = ["page", "first page ms", "asked in ways", "slowest way", f"its p50 ms (aim < {AIM_MS})", "max ms"]
HEADER += ["processor ms", "queries", "a row's page ms"]
EVERY = ["page", "asked for", "p50 ms", "max ms", "queries", "processor ms"]
ROW = "change page"


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ledger", type=int, default=20_000, help="lines of the ledger, and events (default 20,000)")
    parser.add_argument("--links", type=int, default=2_000, help="links of variants, and of products (default 2,000)")
    parser.add_argument("--times", type=int, default=1, help="how often each page is asked for (default 1)")
    parser.add_argument("--only", nargs="+", default=[], help="these lists only, like syncing.stockadjustment")
    parser.add_argument("--all", action="store_true", help="print every way of asking, not only the slow ones")
    options = parser.parse_args()
    sizes = [str(number) for number in (options.ledger, options.links, options.times)]
    with Stage(SHOPIFY_BASE_URL="http://127.0.0.1:9/{domain}") as stage:
        timings = json.loads(stage.run("-m", "tests.benchmarks.staging.page_times", *sizes, *options.only))
    title = f"(g) The console with {options.ledger:,} lines in the ledger and {options.links:,} links"
    print_table(title, HEADER, list(_by_page(timings)))
    if shown := [timing for timing in timings if options.all or timing["p50"] >= AIM_MS]:
        words = "every way of asking" if options.all else f"what is not under {AIM_MS} ms"
        print_table(f"(g) The console: {words}", EVERY, [list(timing.values()) for timing in shown])


def _by_page(timings: Sequence[dict[str, Any]]) -> Iterator[list[object]]:
    """A row of the table for each page: of a list's many ways of being asked, the slowest."""
    for page, group in groupby(timings, key=lambda timing: timing["page"]):
        asked = list(group)
        row_pages = [timing["p50"] for timing in asked if timing["case"] == ROW]
        ways = [timing for timing in asked if timing["case"] != ROW] or asked
        worst = max(ways, key=lambda timing: timing["p50"])
        cells = [page, ways[0]["p50"], len(ways), worst["case"], worst["p50"], worst["most"], worst["processor"]]
        yield [*cells, max(way["queries"] for way in ways), row_pages[0] if row_pages else "-"]


if __name__ == "__main__":
    main()
