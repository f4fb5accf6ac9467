"""Two large stores are connected; then one drifts without any webhook: seconds, points, peak memory, sizes.

`python -m tests.benchmarks.reconcile --variants 100000 --small 10000`

One process compares (bulk operations, streamed), another one carries what was found. Shopify's limit is out of the way
while they run, so that the seconds are ours; the last columns tell how long a Standard store would make us wait. What
it took before that, from connecting the stores until every pair was in step (reading both, matching, wiring, aligning;
of more than 200,000 without the first alignment, which asks Shopify for each pair), and how large the database became,
stands in tables of its own.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.staging.scene import BATCH_ROWS, SOURCE, STANDARD_RATE, WRITES_PER_SECOND, Scene, Shopify
from tests.benchmarks.staging.table import print_table, ratio

HEADER = ["variants, drift", "found", "compare: own s", "carry: own s", "own s together (aim at 1 %: ≤ 60)"]
HEADER += ["of them processor s"]
HEADER += ["Shopify s (file, answers)", "peak MB compare", "peak MB carry", "ratio to the small one (aim ≤ 1.2)"]
POINTS = ["variants, drift", "mutations", "floor", "ratio", "points", "points / 100 per s", "writes / 2,500 per s"]
SHARES = (0.0, 0.01, 1.0)
FIRST = ["variants of each store", "seconds", "processor s: workers", "database", "simulator", "points"]
FIRST += ["peak MB of a worker", "ratio to the small one (aim ≤ 1.2)", "database MB", "bytes of a pair"]
JOBS = ["variants, kind of job", "jobs", "seconds in all", "the longest"]
TABLES = ["table", "rows", "MB with its indexes", "bytes of a row"]
BY_KIND = """
    SELECT kind, count(*), sum(extract(epoch FROM finished_at - claimed_at))::float8,
           max(extract(epoch FROM finished_at - claimed_at))::float8
    FROM syncing_syncjob WHERE finished_at IS NOT NULL GROUP BY kind ORDER BY 3 DESC
"""
BY_TABLE = """
    SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    ORDER BY 3 DESC LIMIT 6
"""


@dataclass(frozen=True)
class Told:
    """What one size took from the beginning until every pair was in step."""

    variants: int
    first: list[float]
    peak_bytes: int
    database_bytes: int
    jobs: list[tuple]
    tables: list[tuple]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=1000, help="size of the large catalogue (default 1000)")
    parser.add_argument("--small", type=int, default=400, help="what its memory is compared with (default 400)")
    parser.add_argument("--bulk-from", type=int, help="use bulk operations above this many levels")
    parser.add_argument("--profile", help="write the carriers' cProfile figures into files with this prefix")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of all that drift (default 0 0.01 1)")
    options = parser.parse_args()
    environment = {"BULK_FROM_LEVELS": str(options.bulk_from)} if options.bulk_from is not None else {}
    small_first, small = _measure_catalogue(options.small, options.shares, environment, None)
    first, large = _measure_catalogue(options.variants, options.shares, environment, options.profile)
    _print_first(small_first, first)
    rows = [_row(run, None) for run in small]
    rows += [_row(run, other) for run, other in zip(large, small, strict=True)]
    print_table("(d) Reconciliation: our own time and memory", HEADER, rows)
    print_table("(d) Reconciliation: what it takes from Shopify's limit", POINTS, [_limits(run) for run in large])


def _print_first(small: Told, large: Told) -> None:
    rows = [_first_row(small, "1"), _first_row(large, ratio(large.peak_bytes, small.peak_bytes))]
    print_table("(d) Two stores are connected", FIRST, rows)
    print_table("(d) The same by job", JOBS, [row for told in (small, large) for row in _jobs(told)])
    print_table(f"(d) The largest tables, {large.variants:,} variants in each store", TABLES, list(_tables(large)))


def _measure_catalogue(
    variants: int, shares: Sequence[float], environment: dict[str, str], profile: str | None
) -> tuple[Told, list[dict]]:
    with Scene(variants, "one_way", **environment) as scene:
        first = _told(scene)
        scene.stop_webhooks()
        scene.set_restore_rate(1e6)
        return first, [_measure(scene, share, quantity, profile) for quantity, share in enumerate(shares, 50)]


def _told(scene: Scene) -> Told:
    peak = max(_peak_bytes(process) for process in psutil.Process(scene.worker.pid).children(recursive=True))
    scene.stop_workers()
    scene.stage.query("ANALYZE")
    size = scene.stage.query("SELECT pg_database_size(current_database())")[0][0]
    jobs, tables = scene.stage.query(BY_KIND), scene.stage.query(BY_TABLE)
    return Told(scene.variants, scene.first, peak, size, jobs, tables)


def _peak_bytes(process: psutil.Process) -> int:
    """Most memory that was resident in a process so far; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 if "VmHWM:" in status else 0


def _first_row(told: Told, memory: str) -> list[object]:
    each = told.database_bytes / told.variants
    return [told.variants, *told.first, told.peak_bytes / 1e6, memory, told.database_bytes / 1e6, each]


def _jobs(told: Told) -> Iterator[list[object]]:
    for kind, count, seconds, longest in told.jobs:
        yield [f"{told.variants:,}, {kind}", count, seconds, longest]


def _tables(told: Told) -> Iterator[list[object]]:
    for name, rows, size in told.tables:
        yield [name, rows, size / 1e6, size / rows if rows else "-"]


def _measure(scene: Scene, share: float, quantity: int, profile: str | None) -> dict:
    """Let a share of the source's items drift unseen, compare, carry."""
    step = round(1 / share) if share else 0
    drifted = range(0, scene.variants, step) if step else range(0)
    scene.set_all(SOURCE, drifted, quantity)
    shopify = Shopify(scene)
    words = f"{scene.variants:,}, {share:.0%}"
    run = {"words": words, "drifted": len(drifted)}
    for kind in ("reconcile", "carry"):
        options = ["--profile", f"{profile}-{kind}-{share:.0%}.prof"] if profile else []
        run[kind] = json.loads(scene.stage.run("-m", "tests.benchmarks.staging.carrier", kind, *options))
    if scene.differing():
        raise RuntimeError(f"{words}: {scene.differing()} of {len(drifted)} were not corrected.")
    run["found"] = scene.stage.query("SELECT differing FROM syncing_reconciliation ORDER BY id DESC LIMIT 1")[0][0]
    return run | {"mutations": shopify.operations("Quantities"), "points": shopify.count("points")}


def _row(run: dict, small: dict | None) -> list[object]:
    compare, carry = run["reconcile"], run["carry"]
    peaks = [part["peak_bytes"] for part in (compare, carry)]
    base = small and max(small[kind]["peak_bytes"] for kind in ("reconcile", "carry"))
    shopify = sum(part["http"] + part["slept"] for part in (compare, carry))
    cells = [
        run["found"],
        compare["own"],
        carry["own"],
        compare["own"] + carry["own"],
        compare["cpu"] + carry["cpu"],
        shopify,
    ]
    return [run["words"], *cells, *(peak / 1e6 for peak in peaks), ratio(max(peaks), base) if base else "1"]


def _limits(run: dict) -> list[object]:
    floor = math.ceil(run["drifted"] / BATCH_ROWS)
    ratio_to_floor = ratio(run["mutations"], floor)
    pace = [run["points"] / STANDARD_RATE, run["drifted"] / WRITES_PER_SECOND]
    return [run["words"], run["mutations"], floor, ratio_to_floor, run["points"], *pace]


if __name__ == "__main__":
    main()
