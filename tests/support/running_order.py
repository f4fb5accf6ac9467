"""How the tests are dealt out to the workers of pytest-xdist (`--dist=loadgroup --no-loadscope-reorder`).

One by one, so that no worker sits on a long file in the end. Only what shares something made for a whole file stays
together. What starts processes, a browser or a state machine goes first: it waits for most of its time, while others
compute, and would be the last to end.
"""

import gc
import os

import pytest

FIRST = ("process", "browser", "state_machine")
SHARED = ("module", "class", "package")
WAITING_WORKERS = 2  # more than processors: so many wait, for a browser, for workers that are killed, or for PostgreSQL


def pytest_xdist_auto_num_workers() -> int:
    """`--numprocesses=auto`."""
    return len(os.sched_getaffinity(0)) + WAITING_WORKERS if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: no use to look for garbage in it every other second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _shares_with_its_file(item: pytest.Item) -> bool:
    made = getattr(item, "_fixtureinfo", None)
    found = made.name2fixturedefs.values() if made else ()
    return any(fixture.scope in SHARED for fixtures in found for fixture in fixtures)


def _rank(item: pytest.Item) -> int:
    return next((number for number, mark in enumerate(FIRST) if item.get_closest_marker(mark)), len(FIRST))
