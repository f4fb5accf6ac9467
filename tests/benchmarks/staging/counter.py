"""Do what web and workers do, in this process, and tell what each piece took: statements, transactions, processor time.

`python -m tests.benchmarks.staging.counter`. Each line of the input is a JSON list of deliveries, each with its headers
and its body: they go through the WSGI application, then all jobs run that are due, or would be soon. Webhooks that wait
for company (WEBHOOK_PATIENCE_SECONDS) do so until an empty list comes. The answer is one line of JSON: for each piece
its count, its statements by their text, its transactions, and milliseconds of ours and of PostgreSQL's.
"""

import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection as db  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from syncing import handlers  # noqa: E402
from syncing.models import SyncJob  # noqa: E402
from syncing.queue import jobs  # noqa: E402
from tiposync.wsgi import application  # noqa: E402

QUEUE = "wake-ups: looking for jobs, claiming them"


class Ledger:
    """What was done, by piece."""

    def __init__(self) -> None:
        self.pieces: dict[str, dict[str, Any]] = {}
        self.current = ""
        self._since = (0.0, 0.0)
        db.ensure_connection()
        self._backend = db.connection.info.backend_pid
        for name in ("_commit", "is_usable"):
            setattr(db, name, self._counted(getattr(db, name)))

    @contextmanager
    def piece(self, name: str) -> Iterator[None]:
        """What is done inside counts for this, and not for what is around it."""
        outer = self.current
        self._switch(name)
        self._row(name)["count"] += 1
        try:
            yield
        finally:
            self._switch(outer)

    def note(self, execute: Callable, sql: str, parameters: Any, many: bool, context: dict) -> Any:
        """An execute_wrapper of Django's."""
        text, row, before = normalised(sql), self._row(self.current), self._database_seconds()
        row["statements"][text] += 1
        try:
            return execute(sql, parameters, many, context)
        finally:
            row["milliseconds"][text] += 1000 * (self._database_seconds() - before)

    def take(self) -> dict[str, dict[str, Any]]:
        """All of it, and begin anew."""
        pieces, self.pieces = self.pieces, {}
        return {name: piece for name, piece in pieces.items() if name}

    def _row(self, name: str) -> dict[str, Any]:
        counters = {name: Counter() for name in ("statements", "milliseconds", "round_trips")}
        fresh = {"count": 0, "ours": 0.0, "database": 0.0} | counters
        return self.pieces.setdefault(name, fresh)

    def _switch(self, name: str) -> None:
        now = (time.thread_time(), self._database_seconds())
        row = self._row(self.current)
        row["ours"] += 1000 * (now[0] - self._since[0])
        row["database"] += 1000 * (now[1] - self._since[1])
        self.current, self._since = name, (time.thread_time(), now[1])

    def _database_seconds(self) -> float:
        return int(Path(f"/proc/{self._backend}/schedstat").read_text().split()[0]) / 1e9

    def _counted(self, method: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            self._row(self.current)["round_trips"][method.__name__] += 1
            return method(*arguments)

        return call


def normalised(sql: str) -> str:
    """One line, the same for any number of values and any savepoint."""
    text = re.sub(r"\s+", " ", sql).strip()
    text = re.sub(r'(SAVEPOINT) "?\w+"?', r"\1", text)
    return re.sub(r"\((%s(::\w+)?, )+%s(::\w+)?\)", "(…)", text)


def deliver(delivery: dict[str, Any]) -> None:
    """As gunicorn does it."""
    body = delivery["body"].encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/shopify/",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
    } | {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in delivery["headers"].items()}
    statuses: list[str] = []
    answer = application(environ, lambda status, headers, *_: statuses.append(status))
    b"".join(answer)
    answer.close()
    if statuses != ["200 OK"]:
        raise RuntimeError(f"A webhook was answered with {statuses}.")


def counting_work(ledger: Ledger) -> jobs.Work:
    """The work of each kind, told apart from the queue's own."""

    def counted(kind: str, act: Callable[[SyncJob], str | None]) -> Callable[[SyncJob], str | None]:
        def run(job: SyncJob) -> str | None:
            with ledger.piece(f"job: {SyncJob.Kind(kind).label}"):
                return act(job)

        return run

    return {kind: counted(kind, act) for kind, act in handlers.WORK.items()}


def make_due(*patient_kinds: str) -> int:
    """Have what is queued due now, but for these kinds; how many jobs that are."""
    queued = SyncJob.objects.filter(state=SyncJob.State.QUEUED)
    return queued.exclude(kind__in=patient_kinds).update(due_at=Now())


def main() -> None:
    """Serve, until the input ends."""
    ledger = Ledger()
    work = counting_work(ledger)
    with db.execute_wrapper(ledger.note):
        for line in sys.stdin:
            deliveries = json.loads(line)
            for delivery in deliveries:
                with ledger.piece(f"intake of {delivery['headers']['X-Shopify-Topic']}"):
                    deliver(delivery)
            if not deliveries:
                make_due()
            with ledger.piece(QUEUE):
                jobs.run_due(work, 60)
            if make_due(*([SyncJob.Kind.PROCESS_EVENTS] if deliveries else [])):
                with ledger.piece(QUEUE):
                    jobs.run_due(work, 60)
            print(json.dumps(ledger.take()), flush=True)


if __name__ == "__main__":
    main()
