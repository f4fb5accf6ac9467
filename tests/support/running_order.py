"""How the tests are dealt out to the workers of pytest-xdist (`--dist=loadgroup --no-loadscope-reorder`).

One by one, so that no worker sits on a long file in the end. Only what shares something made for a whole file stays
together. What waits for most of its time, while others compute, goes first, in lanes of which each keeps one worker:
too many of them at once would have the machine wait for them.
"""

import gc
import itertools
import os

import pytest

LANES = {"process": 2, "browser": 1}  # by marker, how many of these tests run at the same time
FIRST = (*LANES, "state_machine")
SHARED = ("module", "class", "package")
_lanes = {mark: itertools.cycle(range(1, count + 1)) for mark, count in LANES.items()}
_dealt: dict[str, str] = {}  # a test, or the file of those that share something, and its lane
WAITING_WORKERS = 2  # more than processors: so many wait, for a browser, for workers that are killed, or for PostgreSQL


def pytest_xdist_auto_num_workers() -> int:
    """`--numprocesses=auto`."""
    return len(os.sched_getaffinity(0)) + WAITING_WORKERS if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "of tests that differ in their parameters only, just the first"
    parser.addoption("--one-of-each", action="store_true", help=words)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name its group, which pytest-xdist reads once all are collected."""
    together = item.nodeid.partition("::")[0] if _shares_with_its_file(item) else item.nodeid
    if mark := next((mark for mark in LANES if item.get_closest_marker(mark)), None):
        if together not in _dealt:
            _dealt[together] = f"{mark} lane {next(_lanes[mark])}"
        item.add_marker(pytest.mark.xdist_group(_dealt[together]))
    elif together != item.nodeid:
        item.add_marker(pytest.mark.xdist_group(together))


@pytest.hookimpl(trylast=True)  # pytest-django has an order of its own
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--one-of-each"):
        first = {item.nodeid.partition("[")[0]: item for item in reversed(items)}
        left_out = [item for item in items if item is not first[item.nodeid.partition("[")[0]]]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item is first[item.nodeid.partition("[")[0]]]
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: no use to look for garbage in it every other second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _shares_with_its_file(item: pytest.Item) -> bool:
    made = getattr(item, "_fixtureinfo", None)
    found = made.name2fixturedefs.values() if made else ()
    # Those of plugins have no place in the tree, and are for every test.
    return any(fixture.baseid and fixture.scope in SHARED for fixtures in found for fixture in fixtures)


def _rank(item: pytest.Item) -> int:
    return next((number for number, mark in enumerate(FIRST) if item.get_closest_marker(mark)), len(FIRST))
