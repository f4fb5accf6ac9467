"""What a change costs: processor seconds of web, workers and database, points, and how long it takes at an even pace.

`python -m tests.benchmarks.pace --changes 500 --per-second 10`

Webhooks leave 0.3 to 1.5 s after the change, as Shopify's do. Beside it stands what the product takes when nothing
happens for as long. The simulator's own seconds are told apart.
"""

import argparse
import random
import time
from collections.abc import Sequence

import psutil

from tests.benchmarks.latency import change_one
from tests.benchmarks.staging.profiler import Profiler
from tests.benchmarks.staging.scene import NORTH, OURS, SOURCE, Scene, Shopify
from tests.benchmarks.staging.stage import tree_seconds
from tests.benchmarks.staging.table import percentile, print_table

DELAYS = (0.3, 1.5)  # seconds
HEADER = ["", "changes", "p50 s", "p99 s", "points per change", "mutations"]
PROCESSES = ("web", "workers")
PARTS_HEADER = ["", *(f"{name} ms" for name in PROCESSES)]
SECONDS_TO_ATTACH = 2
HEADER += ["web ms", "workers ms", "database ms", "all, of a change", "transactions of a change", "simulator ms"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=50, help="how many changes are made (default 50)")
    parser.add_argument("--per-second", type=float, default=10, help="how many a second (default 10)")
    parser.add_argument("--idle", type=int, default=0, help="changes made one at a time before that (default 0)")
    parser.add_argument("--two-way", action="store_true", help="two-way instead of one-way")
    parser.add_argument("--profile", action="store_true", help="also tell by part where web and workers spend it")
    options = parser.parse_args()
    with Scene(options.changes + options.idle + 5, "two_way" if options.two_way else "one_way") as scene:
        numbers = iter(range(scene.variants))
        for _ in range(5):  # the first ones warm up whatever is opened once
            change_one(scene, [SOURCE], next(numbers))
        rows = [_rest(scene, options.changes / options.per_second)]
        if options.idle:
            rows.append(_one_by_one(scene, [next(numbers) for _ in range(options.idle)]))
        for shop in scene.simulator.shops.values():
            shop.knobs.deliver_delay_seconds = DELAYS
        profile = Profile(scene) if options.profile else None
        rows.append(_at_a_pace(scene, list(numbers), options.per_second))
        parts = profile.rows(rows[-1]) if profile else []
    print_table("(n) What a change costs", HEADER, rows)
    if parts:
        print_table("(n) The same by part, of a change at that pace", PARTS_HEADER, parts)


class Spent:
    """Processor seconds of each part, and transactions of the database, since this was made."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.shopify = scene, Shopify(scene)
        self.before = self._read()

    def _read(self) -> list[float]:
        stage = self.scene.stage
        roots = [stage.web.pid, self.scene.worker.pid, stage.postmaster_pid()]
        commits = stage.query("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")[0][0]
        return [*(tree_seconds(psutil.Process(pid)) for pid in roots), float(commits)]

    def cells(self, changes: int) -> list[object]:
        """The columns from points on, of each change; of all where there is none."""
        web, workers, database, commits = (
            after - before for after, before in zip(self._read(), self.before, strict=True)
        )
        count = max(1, changes)
        points, mutations = self.shopify.count("points") / count, self.shopify.operations("Quantities")
        seconds = [1000 * part / count for part in (web, workers, database, web + workers + database)]
        return [points, mutations, *seconds, commits / count, 1000 * self.shopify.cpu_seconds() / count]


class Profile:
    """Where web and workers spend their processor seconds from now on."""

    def __init__(self, scene: Scene) -> None:
        roots = {"web": scene.stage.web.pid, "workers": scene.worker.pid}
        self.profilers = {name: Profiler(pid, scene.stage.folder / f"{name}.raw") for name, pid in roots.items()}
        time.sleep(SECONDS_TO_ATTACH)

    def rows(self, row: Sequence[object]) -> list[list[object]]:
        """Milliseconds of each part in each process, from that process's own in a row of the table above."""
        cells = dict(zip(HEADER, row, strict=True))
        spent = dict[tuple[str, str], float]()
        for name, profiler in self.profilers.items():
            parts = profiler.take()
            each = float(str(cells[f"{name} ms"])) / parts.total()
            spent |= {(name, part): each * count for part, count in parts.items()}
        names = sorted(
            {part for _, part in spent}, key=lambda part: -sum(spent.get((one, part), 0) for one in PROCESSES)
        )
        return [[part, *(spent.get((one, part), 0.0) for one in PROCESSES)] for part in names]


def _rest(scene: Scene, seconds: float) -> list[object]:
    scene.wait_until_settled()
    spent = Spent(scene)
    time.sleep(seconds)
    return [f"nothing for {seconds:g} s (in all)", 0, "-", "-", *spent.cells(0)]


def _one_by_one(scene: Scene, numbers: Sequence[int]) -> list[object]:
    spent, changes = Spent(scene), []
    for number in numbers:
        changes.append((number, change_one(scene, [SOURCE], number).at))
    return ["one at a time, webhooks at once", *_times(scene, changes), *spent.cells(len(changes))]


def _at_a_pace(scene: Scene, numbers: Sequence[int], per_second: float) -> list[object]:
    scene.wait_until_settled()
    spent, changes, began = Spent(scene), [], time.monotonic()
    for count, number in enumerate(numbers):
        time.sleep(max(0.0, began + count / per_second - time.monotonic()))
        changes.append((number, scene.add(SOURCE, number, random.choice((-7, -3, -1, 2, 5)))))
    # The last webhooks leave after the last change: until then nothing is under way, and nothing waits either.
    scene.wait_for("the last changes in the other store", lambda: scene.differing() == 0, 60)
    scene.wait_until_settled(120)
    return [
        f"{per_second:g} a second, webhooks after 0.3 to 1.5 s",
        *_times(scene, changes),
        *spent.cells(len(changes)),
    ]


def _times(scene: Scene, changes: Sequence[tuple[int, float]]) -> list[object]:
    """How many changes, and after how long they were in the other store. Each item is changed once."""
    seconds = []
    for number, at in changes:
        rows = scene.simulator.changes(NORTH, scene.items[NORTH][number])
        seconds += [row.at - at for row in rows if row.cause == OURS and row.at >= at][:1]
    if len(seconds) < len(changes):
        raise RuntimeError(f"{len(changes) - len(seconds)} changes did not arrive.")
    return [len(changes), percentile(seconds, 50), percentile(seconds, 99)]


if __name__ == "__main__":
    main()
