"""Matching the variants of two stores: seconds, processor seconds, statements and memory, beside a bare INSERT.

Suggestions are a job of their own: what they cost stands beside it.

`python -m tests.benchmarks.matching --variants 100000 --small 10000`

The database makes up both catalogues, of products with two variants each; nothing is asked of Shopify. Each case is a
process of its own. Whatever a size costs is compared with one INSERT of as many links, which decides nothing.
"""

import argparse
import json
from typing import Any

from tests.benchmarks.staging.stage import Stage
from tests.benchmarks.staging.table import print_table, ratio

HEADER = ["variants, case", "result", "with a suggestion", "seconds", "processor s: ours", "database's"]
HEADER += ["ratio to the floor", "statements", "suggestions later: s", "processor s", "statements"]
HEADER += ["peak MB", "ratio to the small one (aim ≤ 1.2)"]
FLOOR = "floor: one bare INSERT"
CASES = [FLOOR, "no partner", "the same again, nothing new", "no partner, one is likely"]
CASES += ["each has a partner", "each in doubt"]


OTHERS = [
    "connections, variants, case",
    "seconds",
    "processor s: ours",
    "database's",
    "statements",
    "of each other one",
]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=2000, help="of each store (default 2000)")
    parser.add_argument("--small", type=int, default=1000, help="what its memory is compared with (default 1000)")
    parser.add_argument("--cases", nargs="+", choices=CASES[1:], default=CASES[1:], help="these only (default: all)")
    parser.add_argument("--connections", type=int, nargs="*", help="instead: of one source, after it was read for one")
    parser.add_argument("--profile", help="write cProfile's figures into files with this prefix")
    options = parser.parse_args()
    if options.connections:
        with Stage(SHOPIFY_BASE_URL="http://127.0.0.1:9/{domain}") as stage:
            rows = [row for count in options.connections for row in _others(stage, count, options.variants)]
        print_table("(h) Matching what was read in the other connections", OTHERS, rows)
        return
    cases = [case for case in CASES if case == FLOOR or case in options.cases]
    with Stage(SHOPIFY_BASE_URL="http://127.0.0.1:9/{domain}") as stage:
        small = [_measure(stage, case, options.small, None) for case in cases]
        large = [_measure(stage, case, options.variants, options.profile) for case in cases]
    rows = [_row(run, small[0], None) for run in small]
    rows += [_row(run, large[0], other) for run, other in zip(large, small, strict=True)]
    print_table("(h) Matching variants", HEADER, rows)


def _measure(stage: Stage, case: str, variants: int, profile: str | None) -> dict[str, Any]:
    options = ["--profile", f"{profile}-{case.replace(' ', '-')}.prof"] if profile else []
    told = stage.run("-m", "tests.benchmarks.staging.matched", case, str(variants), *options)
    return {"words": f"{variants:,}, {case}", **json.loads(told)}


def _others(stage: Stage, connections: int, variants: int) -> list[list[object]]:
    given = (FLOOR, str(variants), "--connections", str(connections))
    told = json.loads(stage.run("-m", "tests.benchmarks.staging.matched", *given))
    return [
        [f"{connections}, {variants:,}, {words}", run["seconds"], run["own"], run["database"], run["statements"]]
        + [run["statements"] / (connections - 1)]
        for words, run in told.items()
    ]


def _row(run: dict[str, Any], floor: dict[str, Any], small: dict[str, Any] | None) -> list[object]:
    cost, least = (one["own"] + one["database"] for one in (run, floor))
    cells = [run["states"], run["suggested"], run["seconds"], run["own"], run["database"], ratio(cost, least)]
    memory = ratio(run["peak_bytes"], small["peak_bytes"]) if small else "1"
    later = [run["later"]["seconds"], run["later"]["own"] + run["later"]["database"], run["later"]["statements"]]
    return [run["words"], *cells, run["statements"], *later, run["peak_bytes"] / 1e6, memory]


if __name__ == "__main__":
    main()
