"""Which part of the product its processor time goes to: py-spy samples the processes, each stack counts for one part.

https://github.com/benfred/py-spy: it is no dependency of this project, and must be on the path. Only threads that hold
the interpreter count: one that waits, for the database or on a busy machine for its turn after that, does not.
"""

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

RATE = 200  # samples a second
SECONDS_TO_START = 30
OTHER = "anything else"
# The innermost frame of a stack that belongs to one of these decides. Frames are `function (path:line)`.
PARTS = (
    ("psycopg: parameters, sending, reading rows", r"[(/]psycopg"),
    ("JSON", r"json/(encoder|decoder|__init__)\.py"),
    ("log lines", r"logging/__init__\.py|tiposync/logs\.py|stores/redaction\.py"),
    ("requests, urllib3, sockets", r"requests/|urllib3/|http/client\.py|http/cookie|ssl\.py|email/"),
    ("gunicorn, its threads and sockets", r"gunicorn/|selectors\.py|concurrent/futures/|threading\.py|socket\.py"),
    ("Django: queries and rows of models", r"django/db/models/"),
    ("Django: cursors, transactions, savepoints", r"django/db/"),
    ("Django: requests, middleware, addresses", r"django/|contextlib\.py|whitenoise/|axes/|tiposync/middleware"),
    ("django-q, processes, pipes", r"django_q/|multiprocessing/|queue\.py|setproctitle"),
    ("our queue", r"syncing/(queue/|tasks\.py|handlers\.py)"),
    ("our webhooks", r"syncing/(webhooks/|views\.py)"),
    ("our stock engine", r"syncing/stock/"),
    ("our calls to Shopify, gate and bucket", r"stores/"),
)


class Profiler:
    """Samples a process with its children from now until `take` is called."""

    def __init__(self, pid: int, path: Path) -> None:
        program = shutil.which("py-spy")
        if program is None:
            raise SystemExit("To profile, install py-spy and put it on the path.")
        self.path = path
        command = [program, "record", "--pid", str(pid), "--subprocesses", "--format", "raw", "--rate", str(RATE)]
        command += ["--gil", "--nonblocking", "--output", str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def take(self) -> Counter[str]:
        """Samples of each part; raises where nothing was sampled."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS_TO_START)
        parts = count_parts(self.path.read_text().splitlines())
        if not parts:
            raise RuntimeError("py-spy saw nothing: may it look into other processes here?")
        return parts


def count_parts(lines: Iterable[str]) -> Counter[str]:
    """Samples of each part, from py-spy's raw lines: `frame;frame;… count`, the innermost frame last."""
    parts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        parts[part_of(stack.split(";"))] += int(count)
    return parts


def part_of(frames: list[str]) -> str:
    """The part that a stack counts for."""
    for frame in reversed(frames):
        for name, pattern in PARTS:
            if re.search(pattern, frame):
                return name
    return OTHER
