"""Where the work of a change goes: SQL statements, transactions and processor milliseconds, stage by stage.

`python -m tests.benchmarks.statements --times 30`; `--texts` prints the statements themselves.

Statements are counted, so they are exact however busy the machine is; milliseconds are means. One process does what web
and workers do, in their own functions; the simulator's work is not counted. Nothing lingers: each change is alone.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.benchmarks.order_changes import Hands
from tests.benchmarks.staging.scene import NORTH, SOURCE, Scene
from tests.benchmarks.staging.table import print_table
from tests.simulator.state.orders import Order

HEADER = ["", "times", "statements", "transactions", "our ms", "database ms"]
STRATEGIES = ("one_way", "two_way", "order")
MOST_ROUNDS = 20


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="how often each thing happens (default 5)")
    parser.add_argument("--texts", action="store_true", help="also print the statements of each stage")
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, choices=STRATEGIES, help="default: all")
    options = parser.parse_args()
    for strategy in options.strategies:
        with Scene(20, strategy, STOCK_LINGER_SECONDS="0", LOG_LEVEL="INFO") as scene:
            counting = Counting(scene)
            for words, act in counting.happenings(strategy).items():
                _report(f"{words} ({strategy.replace('_', '-')})", counting.count(act, options.times), options)
            counting.end()


class Counting:
    """A scene whose web and workers are one process that counts."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.sim, self.hands = scene, scene.simulator, Hands(scene)
        scene.set_restore_rate(1e6)
        scene.wait_until_settled()
        scene.stop_workers()
        scene.stage.stop(scene.stage.web)
        for domain in (SOURCE, NORTH):
            self.sim.set_manual(domain, True)
        self.numbers, self.orders = 0, list[Order]()
        self.counter = scene.stage.talk("-m", "tests.benchmarks.staging.counter")

    def end(self) -> None:
        """The counting process ends with its input."""
        assert self.counter.stdin is not None
        self.counter.stdin.close()
        self.counter.wait(30)

    def happenings(self, strategy: str) -> dict[str, Callable[[], None]]:
        """What happens, in words, and how; each is followed to its end."""
        if strategy == "order":
            return {"An order is placed and copied": self._place, "A copied order is edited": self._edit}
        return {"A quantity changes in the source": self._change, "A full comparison of 20 levels": self._compare}

    def count(self, act: Callable[[], None], times: int) -> dict[str, dict[str, Any]]:
        """What all that follows took, of so many, after one that warms up what is opened once."""
        total: dict[str, dict[str, Any]] = {}
        for number in range(times + 1):
            act()
            for told in self._follow():
                for name, piece in told.items() if number else ():
                    _add(total.setdefault(name, {}), piece)
        return total

    def _follow(self) -> list[dict[str, dict[str, Any]]]:
        """Deliver and do what follows, echoes included, until nothing is told any more."""
        told = []
        for _ in range(MOST_ROUNDS):
            waiting = [one for domain in (SOURCE, NORTH) for one in self.sim.deliveries(domain)]
            for domain in (SOURCE, NORTH):
                self.sim.drop(domain, self.sim.deliveries(domain))
            kept = [one for one in waiting if one.build()]
            told.append(self._ask([{"headers": one.headers(), "body": one.body.decode()} for one in kept]))
            if not waiting and not any(self.sim.deliveries(domain) for domain in (SOURCE, NORTH)):
                return told  # the last time was without deliveries: what waits for company has been done, too
        raise RuntimeError("The stores answer each other for ever.")

    def _ask(self, deliveries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        pipe = self.counter
        assert pipe.stdin is not None and pipe.stdout is not None
        print(json.dumps(deliveries), file=pipe.stdin, flush=True)
        if not (line := pipe.stdout.readline()):
            raise RuntimeError("The counting process has ended.")
        return json.loads(line)

    def _change(self) -> None:
        self.numbers += 1
        self.scene.add(SOURCE, self.numbers % self.scene.variants, -1)

    def _compare(self) -> None:
        self.scene.stage.query(_COMPARE)

    def _place(self) -> None:
        self.orders.append(self.hands.place())

    def _edit(self) -> None:
        self.hands.remove(self.orders.pop())


_COMPARE = """
    INSERT INTO syncing_syncjob (kind, subject, connection_id, arguments, due_at, state, attempts, worker, failure,
                                 message, traceback, created_at)
    SELECT 'reconcile', 'connection ' || id, id, '{}', now(), 'queued', 0, '', '', '', '', now() FROM stores_connection
"""


def _add(total: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if isinstance(value, dict):
            total[name] = Counter(total.get(name, {})) + Counter(value)
        else:
            total[name] = total.get(name, 0) + value


def _report(title: str, pieces: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    """A table, all figures for one happening; and the statements."""
    rows = [[name, *_cells(piece, options.times)] for name, piece in pieces.items()]
    rows.append(["all", "", *(sum(row[column] for row in rows) for column in range(2, len(HEADER)))])
    print_table(f"(o) {title}", HEADER, rows)
    for name, piece in pieces.items() if options.texts else ():
        print(f"\n{name}")
        for text, spent in sorted(piece["milliseconds"].items(), key=lambda item: -item[1]):
            print(f"{piece['statements'][text] / options.times:6.1f} {spent / options.times:7.2f} ms  {text[:300]}")


def _cells(piece: dict[str, Any], times: int) -> list[float]:
    transactions = piece["round_trips"].get("_commit", 0)
    values = (piece["count"], sum(piece["statements"].values()), transactions, piece["ours"], piece["database"])
    return [value / times for value in values]


if __name__ == "__main__":
    main()
