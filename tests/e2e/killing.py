"""Real processes to kill: the web, clusters of workers, and who hunts them while Shopify misbehaves."""

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.benchmarks.staging.stage import wait_for_port
from tests.support.thoroughness import PATIENCE_SECONDS
from tests.support.world import World

ROOT = Path(__file__).resolve().parents[2]


class Processes:
    """What a test started, and may kill."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.started: list[psutil.Process] = []
        self.seen: set[psutil.Process] = set()

    def start(self, *arguments: str, folder: Path = ROOT) -> psutil.Process:
        """Python with these arguments; `folder` has the code."""
        command = [sys.executable, *arguments]
        process = psutil.Popen(command, cwd=folder, env=self.environment, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def family(self, process: psutil.Process) -> list[psutil.Process]:
        """A process and all below it, the oldest first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            found = [process, *process.children(recursive=True)]
            self.seen.update(found)
            return found
        return []

    def start_web(self, port: int, folder: Path = ROOT) -> psutil.Process:
        """Returns when it answers."""
        bind = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2", "--log-level", "critical"]
        process = self.start("-m", "gunicorn", "tiposync.wsgi", *bind, folder=folder)
        wait_for_port(port)
        return process

    def kill_family(self, process: psutil.Process) -> None:
        family = self.family(process)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=5)  # a child that still dies would answer at the port of the next one

    def end(self) -> None:
        for process in self.started:
            self.kill_family(process)
        for orphan in self.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.kill()
        psutil.wait_procs(self.started, timeout=5)


class Hunt:
    """Two clusters of workers of which somebody kills so many at random moments: one process, busy or idle, or all of
    a cluster, a third of the times. What ended is started again, as the platform would.
    """

    def __init__(self, processes: Processes, dice: random.Random, kills: int) -> None:
        self.processes, self.dice = processes, dice
        self.clusters = [processes.start("manage.py", "work") for _ in range(2)]
        self.left = ["one"] * (kills - kills // 3) + ["family"] * (kills // 3)
        dice.shuffle(self.left)
        self.next_at = time.monotonic() + 3

    def go_on(self) -> None:
        """Start what ended; kill, if it is time."""
        self.restart()
        if self.left and time.monotonic() > self.next_at and self._kill(self.dice.choice(self.clusters), self.left[-1]):
            self.next_at = time.monotonic() + self.dice.uniform(0.2, 2)
            self.left.pop()

    def restart(self) -> None:
        start = self.processes.start
        self.clusters = [one if one.poll() is None else start("manage.py", "work") for one in self.clusters]

    def _kill(self, cluster: psutil.Process, what: str) -> bool:
        """Kill all of a cluster, or any one process under its supervisor; False if its workers are not there yet."""
        family = self.processes.family(cluster)
        if what == "family":
            self.processes.kill_family(cluster)
        elif len(family) > 3:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.dice.choice(family[1:]).kill()
        else:
            return False
        return True


def wait_until(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def misbehave(world: World) -> None:
    """What Shopify and the network do to us all the time, only more often."""
    for place in world.places:
        place.shop.knobs.drop_probability = place.shop.knobs.duplicate_probability = 0.1
        place.shop.knobs.deliver_delay_seconds = (0.0, 0.5)
        place.fault("lost_answer", match="any_mutation", count=None, probability=0.05)
        place.fault("refuse_before", match="any", count=None, probability=0.03)
        place.fault("slow", match="any_mutation", count=None, probability=0.2, seconds=0.2)
        place.fault("slow_answer", match="any_mutation", count=None, probability=0.2, seconds=0.2)


def behave(world: World) -> None:
    for place in world.places:
        place.shop.knobs.drop_probability = place.shop.knobs.duplicate_probability = 0.0
        place.shop.knobs.deliver_delay_seconds = (0.0, 0.0)
    world.calm()
