"""Wake-ups in PostgreSQL against wake-ups in Redis: latency of single changes, and a burst, in one run.

`python -m tests.benchmarks.brokers redis://127.0.0.1:6379/9 --idle 40 --changes 2000 --rounds 2`

The brokers take turns, so that both meet the same weather. Needs a Redis; its database is emptied.
"""

import argparse
from collections.abc import Iterator

import redis

from tests.benchmarks.latency import Change, change_one
from tests.benchmarks.scene import NORTH, OURS, SOURCE, Scene
from tests.benchmarks.table import percentile, print_table, ratio

HEADER = ["broker", "changes", "p50 s", "p95 s", "p99 s", "burst of", "carried/s", "processor s", "beside PostgreSQL"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="address of a Redis, such as redis://127.0.0.1:6379/9")
    parser.add_argument("--idle", type=int, default=20, help="changes made one at a time, each round (default 20)")
    parser.add_argument("--changes", type=int, default=500, help="items changed at once, each round (default 500)")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each broker (default 1)")
    options = parser.parse_args()
    urls = {"PostgreSQL": "", "Redis": options.url}
    latencies: dict[str, list[float]] = {name: [] for name in urls}
    bursts: dict[str, list[tuple[float, float]]] = {name: [] for name in urls}
    for _ in range(options.rounds):
        for name, url in urls.items():
            if url:
                redis.Redis.from_url(url).flushdb()
            seconds, burst = _measure(url, options)
            latencies[name] += seconds
            bursts[name].append(burst)
    print_table("Wake-ups in PostgreSQL and in Redis", HEADER, list(_rows(latencies, bursts, options.changes)))


def _measure(url: str, options: argparse.Namespace) -> tuple[list[float], tuple[float, float]]:
    """Seconds from change to arrival of each single one; (seconds, processor seconds) of the burst."""
    with Scene(options.idle + options.changes + 5, "one_way", BROKER_URL=url) as scene:
        numbers = iter(range(scene.variants))
        for _ in range(5):  # the first ones warm up whatever is opened once
            change_one(scene, [SOURCE], next(numbers))
        seconds = [_seconds(scene, change_one(scene, [SOURCE], next(numbers))) for _ in range(options.idle)]
        return seconds, _burst(scene, list(numbers))


def _seconds(scene: Scene, change: Change) -> float:
    number = scene.item_numbers(change.domain)[change.item_id]
    item_id = scene.items[NORTH][number]
    return (
        next(r.at for r in scene.simulator.changes(NORTH, item_id) if r.cause == OURS and r.at >= change.at) - change.at
    )


def _burst(scene: Scene, numbers: list[int]) -> tuple[float, float]:
    scene.wait_until_settled()
    started_at, cpu = scene.simulator.clock.seconds(), scene.stage.cpu_seconds(scene.worker)
    scene.set_all(SOURCE, numbers, 90)
    scene.wait_for("all carried", lambda: scene.differing() == 0, 60 + len(numbers) / 20)
    arrived = [row.at for row in scene.simulator.shops[NORTH].changes if row.cause == OURS and row.at > started_at]
    scene.wait_until_settled(60 + len(numbers) / 20)
    return max(arrived) - started_at, scene.stage.cpu_seconds(scene.worker) - cpu


def _rows(latencies: dict, bursts: dict, changes: int) -> Iterator[list[object]]:
    standard: list[float] = []
    for name, seconds in latencies.items():
        pace = changes * len(bursts[name]) / sum(taken for taken, _ in bursts[name])
        cpu = sum(used for _, used in bursts[name]) / len(bursts[name])
        standard = standard or [percentile(seconds, 50), pace]
        beside = f"p50 {ratio(percentile(seconds, 50), standard[0])} x, burst {ratio(pace, standard[1])} x"
        yield [name, len(seconds), *(percentile(seconds, at) for at in (50, 95, 99)), changes, pace, cpu, beside]


if __name__ == "__main__":
    main()
