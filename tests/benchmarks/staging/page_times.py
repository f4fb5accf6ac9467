"""Time the console's pages in this process.

`python -m tests.benchmarks.staging.page_times LEDGER LINKS TIMES [MODEL …]` prints JSON.

A process of its own on a stage's database, which it fills first.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice

import django
import psutil

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402

from tests.benchmarks.staging.filling import Sizes  # noqa: E402
from tests.benchmarks.staging.page_rows import fill_all  # noqa: E402
from tests.support.console.pages import Case, list_cases, list_url, registered, row_url  # noqa: E402
from tiposync.console.home import attention  # noqa: E402

MOST_ALIKE = 12
FLOOR = "floor: a page without rows"
# One that is there once, one of some, one that begins many, one that is in many titles, one that is nowhere.
TERMS = ("SKU-000042", "lamp 4711", "sku-0000", "red lamp", "nowhere to be found")


@dataclass
class Timing:
    """One page: milliseconds, how many queries, and milliseconds of the processor, ours and the database's."""

    page: str
    case: str
    p50: float
    most: float
    queries: int
    processor: float


def measure(sizes: Sizes, times: int, only: Sequence[str] = ()) -> Iterator[Timing]:
    """Every page of the console; of lists only these, if any are named."""
    fill_all(sizes)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.create_superuser("bench"))
    with connection.cursor() as cursor:
        # One process does all the work of a query, so that its processor time is that of the query.
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    yield _time(client, FLOOR, "", reverse("admin:password_change"), times)
    yield _badges(times)
    yield _time(client, "dashboard", "", reverse("admin:index"), times)
    yield _time(client, "timeline", "", reverse("admin:syncing_timeline", args=[sizes.links // 3]), times)
    for label, page in registered().items():
        if only and label not in only:
            continue
        for case in _fewer(list_cases(client, label, TERMS)):
            yield _time(client, label, case.words, list_url(label) + case.query, times)
        row = page.model._default_manager.order_by("-pk").first()
        if row:
            yield _time(client, label, "change page", row_url(row), times)


def _fewer(cases: Sequence[Case]) -> Iterator[Case]:
    """Of a filter with many choices, like all connections, some."""
    for _, alike in groupby(cases, key=lambda case: case.means):
        yield from islice(alike, MOST_ALIKE)


def _time(client: Client, page: str, case: str, url: str, times: int) -> Timing:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url, follow=True)
        queries = len(captured)
    if answer.status_code != 200:
        raise RuntimeError(f"{url} answered {answer.status_code}")
    return _repeat(page, case, queries, times, lambda: client.get(url, follow=True))


def _badges(times: int) -> Timing:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(username="bench")

    def count() -> None:
        request.__dict__.pop("_attention", None)
        attention.of(request)

    return _repeat("badges of the menu", "", 1, times, count)


def _repeat(page: str, case: str, queries: int, times: int, act: Callable[[], object]) -> Timing:
    seconds, processor = [], _processor_seconds()
    for _ in range(times):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    processor = (_processor_seconds() - processor) / times
    return Timing(page, case, statistics.median(seconds) * 1000, max(seconds) * 1000, queries, processor * 1000)


def _processor_seconds() -> float:
    """Of this process and of the database's process that serves it, so far."""
    backend = psutil.Process(connection.connection.info.backend_pid).cpu_times()
    return time.process_time() + backend.user + backend.system


def main() -> None:
    """Fill, measure, print."""
    ledger, links, times = map(int, sys.argv[1:4])
    print(json.dumps([asdict(timing) for timing in measure(Sizes(ledger, links), times, sys.argv[4:])]))


if __name__ == "__main__":
    main()
