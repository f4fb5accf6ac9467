"""Keeps one cluster of workers running: starts it, watches its beat, restarts it when wedged, stops it cleanly.

Why a cluster needs this, measured: a worker killed while it sits idle can take the lock of the cluster's internal queue
with it, after which nothing is executed any more and SIGTERM ends nothing; orphans of a killed process go on working;
with the database away at the start a cluster just exits (docs/queue.md).
"""

import contextlib
import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import time

from syncing.queue import watchdog

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
FIRST_RESTART_PAUSE_SECONDS, LONGEST_RESTART_PAUSE_SECONDS = 1, 30
POLL_SECONDS = 0.2


def die_with_parent() -> None:
    """Have the kernel kill this process and, in turn, each one forked from it, when its parent dies. Linux only.

    So neither `kill -9` of the supervisor nor of any process of the cluster leaves orphans that go on working.
    """
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parents = [os.getppid()]

    def note_parent() -> None:
        parents[0] = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parents[0]:  # it died before the kernel knew of our wish
            os._exit(1)

    arm()
    os.register_at_fork(before=note_parent, after_in_child=arm)


class Watch:
    """What the beats of one cluster say. All instants on the monotonic clock, in seconds."""

    def __init__(self, patience_seconds: float, longest_seconds: float, now: float) -> None:
        """`patience_seconds` without a beat are too long; no wake-up takes more than `longest_seconds`."""
        self.patience_seconds, self.longest_seconds = patience_seconds, longest_seconds
        self.last_guarded_at = self.last_began_at = now
        self.unstored_since: float | None = None
        self.busy: dict[int, float] = {}

    def note_beat(self, line: str, now: float) -> None:
        """Take in one beat, as `watchdog.report` writes it."""
        kind, pid = line.split()
        if kind == watchdog.GUARDED:
            self.last_guarded_at = now
        elif kind == watchdog.BEGAN:
            self.last_began_at = self.busy[int(pid)] = now
        elif kind == watchdog.ENDED:
            self.busy.pop(int(pid), None)
            self.last_began_at = now  # from here on it should begin something again
            self.unstored_since = now if self.unstored_since is None else self.unstored_since
        elif kind == watchdog.STORED:
            self.unstored_since = None

    def diagnose(self, now: float) -> str:
        """What is wrong with the cluster; empty while it is well.

        A cluster all of whose workers are busy begins nothing new and is well; one that is idle begins a beat.
        """
        limit = now - self.patience_seconds
        if self.last_guarded_at < limit:
            return "its sentinel shows no sign of life"
        if self.unstored_since is not None and self.unstored_since < limit:
            return "results are not taken in any more"
        if self.last_began_at < limit and not self._is_busy(now):
            return "its workers execute nothing any more"
        return ""

    def _is_busy(self, now: float) -> bool:
        self.busy = {
            pid: since for pid, since in self.busy.items() if now - since < self.longest_seconds and _exists(pid)
        }
        return bool(self.busy)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Cluster:
    """One running cluster: its processes, which all share a session of their own, and the two pipes to them."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.beats, their_beats = os.pipe()
        their_stop, self.stop_pipe = os.pipe()
        os.set_blocking(their_beats, False)
        os.set_blocking(self.beats, False)
        fds = {watchdog.BEAT_FD: str(their_beats), watchdog.STOP_FD: str(their_stop)}
        self.started_at = time.monotonic()
        # A session of its own: a signal to the supervisor's process group (Ctrl-C in a terminal) does not reach it.
        self.process = subprocess.Popen(
            command, env=environment | fds, pass_fds=(their_beats, their_stop), start_new_session=True
        )
        os.close(their_beats)
        os.close(their_stop)
        self._rest = ""

    def read_beats(self, wait_seconds: float) -> list[str]:
        """The lines that came in, waiting at most this long for the first."""
        if not select.select([self.beats], [], [], wait_seconds)[0]:
            return []
        data = os.read(self.beats, 65_536)
        if not data:
            time.sleep(wait_seconds)  # all its processes are gone, or on their way out
        *lines, self._rest = (self._rest + data.decode()).split("\n")
        return lines

    def ask_to_stop(self) -> None:
        """Have its workers claim nothing new, and its main process, and only that one, end the rest."""
        self._hang_up()
        # Not SIGTERM, which the cluster does not hear: platforms send it to all processes of a container at once, and
        # workers that end themselves leave their sentinel waiting for ever (18 of 20 stops).
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Kill what is left of it and return when nothing is."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while True:  # its other processes are not ours to wait for: until the group is empty
                os.killpg(self.process.pid, signal.SIGKILL)
                _reap_adopted()
                time.sleep(0.02)
        self._hang_up()
        os.close(self.beats)

    def _hang_up(self) -> None:
        if self.stop_pipe >= 0:
            os.close(self.stop_pipe)
            self.stop_pipe = -1


def _reap_adopted() -> None:
    # As process 1 of a container the supervisor inherits orphans; unreaped they would keep the group alive.
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


class Supervisor:
    """Runs clusters, one after the other, until it is told to stop."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        patience_seconds: float,
        longest_seconds: float,
        stop_seconds: float,
    ) -> None:
        """`command` runs a cluster in the foreground; the limits are those of `Watch`, and of a clean stop."""
        self.command, self.environment = command, environment
        self.patience_seconds, self.longest_seconds = patience_seconds, longest_seconds
        self.stop_seconds = stop_seconds
        self.is_stopping = False
        self.pause_seconds = FIRST_RESTART_PAUSE_SECONDS

    def stop(self, *_: object) -> None:
        """A signal handler."""
        self.is_stopping = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        environment = self.environment
        while not self.is_stopping:
            cluster = Cluster(self.command, environment)
            try:
                reason = self._watch(cluster)
                if self.is_stopping:
                    self._stop(cluster)
            finally:
                cluster.end()
            if self.is_stopping:
                return
            logger.error("The cluster is restarted: %s.", reason)
            environment = self.environment | {watchdog.RESTART_REASON: reason}
            self._pause(time.monotonic() - cluster.started_at)

    def _watch(self, cluster: Cluster) -> str:
        watch = Watch(self.patience_seconds, self.longest_seconds, time.monotonic())
        while not self.is_stopping:
            for line in cluster.read_beats(POLL_SECONDS):
                watch.note_beat(line, time.monotonic())
            if (code := cluster.process.poll()) is not None:
                return f"its main process ended with {code}"
            if problem := watch.diagnose(time.monotonic()):
                return problem
        return ""

    def _stop(self, cluster: Cluster) -> None:
        logger.info("Stopping: up to %s s for what runs.", self.stop_seconds)
        cluster.ask_to_stop()
        try:
            cluster.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            logger.warning("Not finished after %s s: killed; its jobs are picked up again.", self.stop_seconds)

    def _pause(self, lasted_seconds: float) -> None:
        """Wait before the next start: longer each time a cluster does not last."""
        if lasted_seconds > 2 * LONGEST_RESTART_PAUSE_SECONDS:
            self.pause_seconds = FIRST_RESTART_PAUSE_SECONDS
        end = time.monotonic() + self.pause_seconds
        self.pause_seconds = min(2 * self.pause_seconds, LONGEST_RESTART_PAUSE_SECONDS)
        while not self.is_stopping and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
