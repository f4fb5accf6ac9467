"""A burst of changes in the source: what carrying it costs at Shopify, and how fast it is carried.

`python -m tests.benchmarks.burst --changes 10000`

Twice: once from end to end, with web and workers (the simulator then also sends two webhooks for each change, and for
each of our writes); and once from the moment that all webhooks are recorded, by one worker process, so that its own
time can be told from the simulator's. The floor is one mutation for each 250 changes, 10 points each, no reads.
"""

import argparse
import json
import math

from tests.benchmarks.staging.scene import BATCH_ROWS, NORTH, OURS, SOURCE, WRITES_PER_SECOND, Scene, Shopify
from tests.benchmarks.staging.table import print_table, ratio

COSTS = [
    "",
    "changes",
    "mutations",
    "floor",
    "ratio (aim ≤ 1.1)",
    "points per change",
    "at the floor",
    "reads",
    "THROTTLED",
]
PACE = ["", "changes", "seconds", "changes/s", "of them the simulator's", "changes/s of our own time", "processor s"]
PACE += [f"beside Shopify's {WRITES_PER_SECOND:,}/s"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=500, help="how many items are changed (default 500)")
    parser.add_argument("--two-way", action="store_true", help="two-way instead of one-way")
    parser.add_argument("--profile", help="write the carrier's cProfile figures into files with this prefix")
    options = parser.parse_args()
    costs, pace = [], []
    with Scene(options.changes, "two_way" if options.two_way else "one_way") as scene:
        _measure_whole(scene, options.changes, costs, pace)
        _measure_carrier(scene, options, costs, pace)
    print_table("(c) A burst: what it costs at Shopify", COSTS, costs)
    print_table("(c) A burst: how fast it is carried", PACE, pace)


def _measure_whole(scene: Scene, changes: int, costs: list, pace: list) -> None:
    """From the first change to the last arrival, as the simulator's book has them."""
    scene.wait_until_settled(60 + changes / 20)
    shopify = Shopify(scene)
    started_at = scene.simulator.clock.seconds()
    scene.set_all(SOURCE, range(changes), 90)
    scene.wait_for("all carried", lambda: scene.differing() == 0, 60 + changes / 20)
    arrived = [row.at for row in scene.simulator.shops[NORTH].changes if row.cause == OURS and row.at > started_at]
    seconds, simulator = max(arrived) - started_at, shopify.cpu_seconds()
    words = "end to end: web, webhooks, workers"
    pace.append(
        [words, changes, seconds, changes / seconds, simulator, "-", "-", ratio(changes / seconds, WRITES_PER_SECOND)]
    )
    scene.wait_until_settled(60 + changes / 20)  # the echoes, too, must not cost anything at Shopify
    costs.append(_costs(words, shopify, changes))


def _measure_carrier(scene: Scene, options: argparse.Namespace, costs: list, pace: list) -> None:
    """Record all webhooks while no worker runs; then process and carry them in one process."""
    changes = options.changes
    scene.stop_workers()
    scene.set_all(SOURCE, range(changes), 80)
    scene.wait_for("webhooks recorded", lambda: scene.simulator.courier.wait_idle(0.5), 60 + changes / 20)
    scene.simulator.set_manual(NORTH, True)  # echoes wait: here only the carrier and the answers take time
    shopify = Shopify(scene)
    told = []
    for kind in ("events", "carry"):
        profile = ["--profile", f"{options.profile}-{kind}.prof"] if options.profile else []
        told.append(json.loads(scene.stage.run("-m", "tests.benchmarks.staging.carrier", kind, *profile)))
    if scene.differing():
        raise RuntimeError(f"{scene.differing()} changes were not carried.")
    costs.append(_costs("one worker, webhooks recorded before", shopify, changes))
    names = ["processing the webhooks", "carrying", "one worker, webhooks recorded before"]
    whole = {key: sum(one[key] for one in told) for key in ("seconds", "own", "http", "cpu")}
    for words, one in zip(names, [*told, whole], strict=True):
        own = changes / one["own"]
        cells = [one["seconds"], changes / one["seconds"], one["http"], own, one["cpu"], ratio(own, WRITES_PER_SECOND)]
        pace.append([words, changes, *cells])


def _costs(words: str, shopify: Shopify, changes: int) -> list[object]:
    mutations, floor = shopify.operations("Quantities"), math.ceil(changes / BATCH_ROWS)
    requests, points = shopify.count("requests"), shopify.count("points")
    cells = [mutations, floor, ratio(mutations, floor), points / changes, 10 * floor / changes]
    return [words, changes, *cells, int(requests - mutations), int(shopify.count("throttled"))]


if __name__ == "__main__":
    main()
