"""A steady flood of webhooks with workers and the console in use: none lost, how fast answered, memory flat.

`python -m tests.benchmarks.flood --per-second 200 --seconds 600`
"""

import argparse
import itertools
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from subprocess import Popen

import psutil
import requests

from tests.benchmarks.intake import ITEMS, webhook_requests
from tests.benchmarks.staging.load import connect, exchange
from tests.benchmarks.staging.stage import Stage
from tests.benchmarks.staging.table import percentile, print_table

LOGIN, PASSWORD = "bench", "a-password-for-benchmarks"
PAGES = ("", "syncing/webhookevent/", "syncing/syncjob/", "syncing/stocklink/", "stores/connection/")
AIM_P99_MS = 200
HEADER = ["sent", "seconds", "refused", "stored", "lost", "p50 ms", f"p99 ms (aim < {AIM_P99_MS})"]
HEADER += [
    "p99 ms once sent",
    "console pages",
    "console p50 ms",
    "web MB after 1/4, 1/2, 1",
    "worker MB after 1/4, 1/2, 1",
]
HEADER += ["processor ms a webhook, web and database", "load average"]


@dataclass
class Tally:
    """What the senders saw: seconds from the moment a webhook was due to its answer, so that waiting counts."""

    latencies: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)  # from sending on
    refused: int = 0
    pages: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-second", type=float, default=100, help="webhooks a second (default 100)")
    parser.add_argument("--seconds", type=float, default=5, help="for how long (default 5)")
    parser.add_argument("--connections", type=int, default=16, help="senders (default 16)")
    options = parser.parse_args()
    with Stage(SHOPIFY_BASE_URL="http://127.0.0.1:9/{domain}", DJANGO_SUPERUSER_PASSWORD=PASSWORD) as stage:
        world = json.loads(stage.run("-m", "tests.benchmarks.staging.world", "synthetic", str(ITEMS)))
        stage.run("manage.py", "createsuperuser", "--noinput", f"--username={LOGIN}", "--email=b@example.com")
        web, worker = stage.start_web(), stage.start_worker()
        _flood(stage, world, options.per_second, min(5, options.seconds), options.connections)  # warms up
        stage.query("TRUNCATE syncing_webhookevent CASCADE")
        sizes: list[tuple[float, float]] = []
        watcher = threading.Thread(target=_watch, args=(web, worker, options.seconds, sizes), daemon=True)
        watcher.start()
        processor = stage.cpu_seconds(web)
        tally = _flood(stage, world, options.per_second, options.seconds, options.connections)
        processor = stage.cpu_seconds(web) - processor
        load = os.getloadavg()[0 if options.seconds < 120 else 1]
        watcher.join()
        stage.wait_for_events(300)
        stored = stage.query("SELECT count(*) FROM syncing_webhookevent")[0][0]
    row = [*_cells(options, tally, stored, sizes), processor * 1000 / max(1, stored), load]
    print_table(f"(f) {options.per_second:g} webhooks a second, with workers and the console in use", HEADER, [row])


def _cells(options: argparse.Namespace, tally: Tally, stored: int, sizes: list[tuple[float, float]]) -> list[object]:
    sent = len(tally.latencies) + tally.refused
    milliseconds = [percentile(tally.latencies, percent) * 1000 for percent in (50, 99)]
    once_sent, console = percentile(tally.answered, 99) * 1000, percentile(tally.pages, 50) * 1000
    memory = [", ".join(f"{size:.0f}" for size in column) for column in zip(*sizes, strict=True)]
    cells = [sent, options.seconds, tally.refused, stored, len(tally.latencies) - stored]
    return [*cells, *milliseconds, once_sent, len(tally.pages), console, *memory]


def _watch(web: Popen, worker: Popen, seconds: float, sizes: list[tuple[float, float]]) -> None:
    for share in (0.25, 0.25, 0.5):
        time.sleep(seconds * share)
        sizes.append((_megabytes(web), _megabytes(worker)))


def _flood(stage: Stage, world: dict, per_second: float, seconds: float, connections: int) -> Tally:
    tally, began = Tally(), time.perf_counter() + 0.5
    senders = [
        threading.Thread(
            target=_send,
            args=(stage.web_port, world, number, connections, per_second, began, seconds, tally),
            daemon=True,
        )
        for number in range(connections)
    ]
    person = threading.Thread(target=_click, args=(stage.web_url, began + seconds, tally), daemon=True)
    for thread in (*senders, person):
        thread.start()
    for thread in (*senders, person):
        thread.join()
    return tally


def _send(
    port: int, world: dict, number: int, connections: int, per_second: float, began: float, seconds: float, tally: Tally
) -> None:
    """One sender's share, each at its moment; one that comes late counts from when it was due."""
    link = connect(port)
    for turn, request in enumerate(webhook_requests(world, number)):
        due = began + (turn * connections + number) / per_second
        if due > began + seconds:
            break
        time.sleep(max(0.0, due - time.perf_counter()))
        sent_at = time.perf_counter()
        try:
            status, closes = exchange(link, request)
        except ConnectionError:  # the server closed a worn-out connection: Shopify would ask again, too
            link = connect(port)
            status, closes = exchange(link, request)
        if status == 200:
            tally.latencies.append(time.perf_counter() - due)
            tally.answered.append(time.perf_counter() - sent_at)
        else:
            tally.refused += 1
        if closes:
            link.close()
            link = connect(port)


def _click(url: str, until: float, tally: Tally) -> None:
    """Somebody who looks at one page of the console after the other, without a pause."""
    with requests.Session() as session:
        _sign_in(session, url)
        for page in itertools.cycle(PAGES):
            if time.perf_counter() > until:
                return
            started = time.perf_counter()
            answer = session.get(f"{url}/admin/{page}", timeout=60)
            answer.raise_for_status()
            tally.pages.append(time.perf_counter() - started)
            time.sleep(0.2)


def _sign_in(session: requests.Session, url: str) -> None:
    """The stage speaks plain http, over which a client sends no secure cookie by itself: so they are handed over."""
    page = session.get(f"{url}/admin/login/", timeout=60)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    form = {"username": LOGIN, "password": PASSWORD, "csrfmiddlewaretoken": token}
    cookies = {cookie.name: cookie.value for cookie in session.cookies}
    answer = session.post(f"{url}/admin/login/", form, headers=_cookies(cookies), allow_redirects=False, timeout=60)
    if answer.status_code != 302:
        raise RuntimeError(f"The console does not let the benchmark in: {answer.status_code}")
    session.headers.update(_cookies(cookies | {cookie.name: cookie.value for cookie in answer.cookies}))


def _cookies(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def _megabytes(process: Popen) -> float:
    """Memory of a process with all that it started; pages they share count once (proportional set size)."""
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(one.memory_full_info().pss for one in tree) / 1e6


if __name__ == "__main__":
    main()
