"""Reconciliation of a large catalogue that drifted without any webhook: seconds, points, peak memory.

`python -m tests.benchmarks.reconcile --variants 100000 --small 10000`

One process compares (bulk operations, streamed), another one carries what was found. Shopify's limit is out of the way
while they run, so that the seconds are ours; the last columns tell how long a Standard store would make us wait.
"""

import argparse
import json
import math

from tests.benchmarks.staging.scene import BATCH_ROWS, SOURCE, STANDARD_RATE, WRITES_PER_SECOND, Scene, Shopify
from tests.benchmarks.staging.table import print_table, ratio

HEADER = ["variants, drift", "found", "compare: own s", "carry: own s", "own s together (aim at 1 %: ≤ 60)"]
HEADER += ["of them processor s"]
HEADER += ["Shopify s (file, answers)", "peak MB compare", "peak MB carry", "ratio to the small one (aim ≤ 1.2)"]
POINTS = ["variants, drift", "mutations", "floor", "ratio", "points", "points / 100 per s", "writes / 2,500 per s"]
SHARES = (0.0, 0.01, 1.0)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=1000, help="size of the large catalogue (default 1000)")
    parser.add_argument("--small", type=int, default=400, help="what its memory is compared with (default 400)")
    parser.add_argument("--bulk-from", type=int, help="use bulk operations above this many levels")
    parser.add_argument("--profile", help="write the carriers' cProfile figures into files with this prefix")
    options = parser.parse_args()
    environment = {"BULK_FROM_LEVELS": str(options.bulk_from)} if options.bulk_from is not None else {}
    small = _measure_catalogue(options.small, environment, None)
    large = _measure_catalogue(options.variants, environment, options.profile)
    rows = [_row(run, None) for run in small]
    rows += [_row(run, other) for run, other in zip(large, small, strict=True)]
    print_table("(d) Reconciliation: our own time and memory", HEADER, rows)
    print_table("(d) Reconciliation: what it takes from Shopify's limit", POINTS, [_limits(run) for run in large])


def _measure_catalogue(variants: int, environment: dict[str, str], profile: str | None) -> list[dict]:
    with Scene(variants, "one_way", **environment) as scene:
        scene.stop_workers()
        scene.stop_webhooks()
        scene.set_restore_rate(1e6)
        return [_measure(scene, share, quantity, profile) for quantity, share in enumerate(SHARES, 50)]


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
