"""Each benchmark at a tiny size: it runs, its figures fit each other, and nothing is left behind. No timing.

Each brings an installation of its own, which takes longest; by default a few of them stand for all.
"""

import os
import subprocess
import sys

import pytest

from tests.benchmarks.staging.stage import ROOT
from tests.support.thoroughness import IS_LONG

pytestmark = pytest.mark.process
only_if_long = pytest.mark.skipif(not IS_LONG, reason="TIPOSYNC_LONG=1 runs every benchmark")


def run_benchmark(name: str, *options: str) -> list[dict[str, str]]:
    """The rows of all tables that a benchmark prints, each by its columns' names."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *options]
    # Without what the tests put into the environment for themselves: a benchmark brings its own database.
    environment = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "DATA_DIR")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return parse_tables(done.stdout)


def parse_tables(text: str) -> list[dict[str, str]]:
    rows, header = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            header = []
        elif not header:
            header = cells
        elif not line.startswith("|---"):
            rows.append(dict(zip(header, cells, strict=True)))
    return rows


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_the_intake_prints_both_views_with_their_ratio():
    rows = run_benchmark("intake", "--rounds", "1", "--seconds", "0.3", "--connections", "2")
    assert [row[""].split(",")[0] for row in rows] == ["bare view", "webhook intake"] * 2
    assert all(number(row["requests/s"]) > 0 and row["refused"] == "0" for row in rows)
    assert all(number(row["p50 ms"]) <= number(row["p99 ms (aim < 50)"]) for row in rows)


@only_if_long
def test_what_a_change_costs_is_told_by_part():
    rest, alone, paced = run_benchmark("pace", "--changes", "20", "--idle", "2")
    assert (rest["changes"], alone["changes"], paced["changes"]) == ("0", "2", "20")
    for row in (alone, paced):
        parts = sum(number(row[name]) for name in ("web ms", "workers ms", "database ms"))
        assert parts == pytest.approx(number(row["all, of a change"]), rel=0.02)
        assert 0 < number(row["p50 s"]) <= number(row["p99 s"])


@only_if_long
def test_the_statements_of_a_change_are_told_by_stage():
    rows = run_benchmark("statements", "--times", "1", "--strategies", "one_way")
    change = {row[""]: row for row in rows[: [row[""] for row in rows].index("all") + 1]}
    assert change["intake of inventory_levels/update"]["times"] == "2"  # the change, and the echo of our write
    assert change["job: Sync stock"]["times"] == "1"
    stages = [number(row["statements"]) for name, row in change.items() if name != "all"]
    assert sum(stages) == pytest.approx(number(change["all"]["statements"]), rel=0.01)


@only_if_long
def test_the_latency_of_every_change_is_told_and_all_arrive():
    rows = run_benchmark("latency", "--idle", "2", "--seconds", "0.5", "--per-second", "10")
    assert [(row["changes"], row["not arrived"]) for row in rows] == [("2", "0"), ("5", "0")] * 2
    for row in rows:
        percents = [number(row[name]) for name in row if name.startswith("p") and " s" in name]
        assert len(percents) == 3
        assert 0 < percents[0] <= percents[1] <= percents[2]


@only_if_long
def test_changes_whose_webhooks_are_lost_arrive_and_what_finding_them_costs_is_told():
    rows = run_benchmark("lost_webhooks", "--minutes", "0.2", "--changes", "2", "--every", "1")
    found, *costs = rows
    assert (found["changes"], [row["store"].split("-")[0] for row in costs]) == ("2", ["source", "north"])
    assert 0 < number(found["p50 s"]) <= number(found["longest s (aim ≤ 300)"])
    assert [row["points of writes"] for row in costs] in (["0", "10"], ["0", "20"])
    assert all(number(row["looks"]) > 0 and number(row["points of looks"]) > 0 for row in costs)


def test_a_burst_costs_at_least_its_floor_and_is_carried_whole():
    rows = run_benchmark("burst", "--changes", "60")
    costs = [row for row in rows if "mutations" in row]
    assert len(costs) == 2
    assert all(number(row["mutations"]) >= number(row["floor"]) == 1 for row in costs)
    # Recorded before the worker looks, all of it fits one mutation, and nothing is read.
    assert (costs[1]["mutations"], costs[1]["reads"], costs[1]["THROTTLED"]) == ("1", "0", "0")
    assert all(number(row["changes/s"]) > 0 for row in rows if "changes/s" in row)


@only_if_long
def test_every_order_is_copied_with_two_calls():
    rows = run_benchmark("orders", "--orders", "5", "--idle", "2")
    calls = [row["calls per order (aim ≤ 2)"] for row in rows if "orders/s" in row]
    assert calls == ["2", "2"]
    assert all(number(row["orders/s"]) > 0 for row in rows if "orders/s" in row)
    (latency,) = [row for row in rows if "p50 s" in row]
    assert 0 < number(latency["p50 s"]) <= number(latency["p99 s"])


@only_if_long
def test_a_later_change_of_an_order_costs_few_calls_and_an_untouched_one_a_read():
    """Counts are not noisy; each test run counts the same without processes (tests/orders/changes/test_calls.py)."""
    rows = run_benchmark("order_changes", "--orders", "2")
    *changes, burst = rows
    names = ("sent each (aim ≤ 4)", "original read each", "copy read each")
    assert [tuple(int(row[name]) for name in names) for row in changes] == [
        (4, 2, 1),
        (2, 1, 1),
        (1, 1, 2),
        (1, 1, 2),
        (2, 1, 3),
        (1, 1, 2),
        (1, 1, 2),
        (1, 2, 1),
        (4, 2, 2),
    ]
    assert (burst["webhooks each"], burst["calls each (aim ≤ 1)"]) == ("20", "1")


@only_if_long
def test_a_first_sync_creates_everything_and_a_second_one_only_reads():
    rows = run_benchmark("catalogue", "--products", "260")
    costs = [row for row in rows if "calls" in row]
    few_changed = "257 equal, 3 update"  # the second time it is the price that the re-import puts back
    assert [row["what was done"] for row in costs] == [
        "260 create",
        "260 create",
        "260 equal",
        few_changed,
        "260 update",
        "260 update",
        few_changed,
    ]
    assert [row["of them writes"] for row in costs] == ["520", "0", "0", "3", "260", "0", "3"]
    assert all(number(row["calls"]) >= number(row["floor"]) for row in costs)


@only_if_long
def test_a_reconciliation_finds_exactly_what_drifted():
    rows = run_benchmark("reconcile", "--variants", "200", "--small", "100", "--bulk-from", "1")
    found = {row["variants, drift"]: row["found"] for row in rows if "found" in row}
    assert found == {"100, 0%": "0", "100, 1%": "1", "100, 100%": "100"} | {
        "200, 0%": "0",
        "200, 1%": "2",
        "200, 100%": "200",
    }
    mutations = {row["variants, drift"]: row["mutations"] for row in rows if "mutations" in row}
    assert mutations == {"200, 0%": "0", "200, 1%": "1", "200, 100%": "1"}


@only_if_long
def test_matching_decides_every_variant_and_costs_more_than_an_insert():
    rows = run_benchmark("matching", "--variants", "40", "--small", "20")
    results = {row["variants, case"]: (row["result"], row["with a suggestion"]) for row in rows}
    none = "0 ignored, 0 gone"
    for size in (20, 40):
        unmatched = f"0 linked, {size} unmatched, 0 ambiguous, {none}"
        assert results[f"{size}, no partner"] == results[f"{size}, the same again, nothing new"] == (unmatched, "0")
        assert results[f"{size}, no partner, one is likely"] == (unmatched, str(size))
        assert results[f"{size}, each has a partner"] == (f"{size} linked, 0 unmatched, 0 ambiguous, {none}", "0")
        half = size // 2
        assert results[f"{size}, each in doubt"][0] == f"0 linked, {half} unmatched, {half} ambiguous, {none}"
    assert all(number(row["statements"]) > 1 for row in rows if "floor" not in row["variants, case"])


@only_if_long
def test_a_flood_is_stored_whole_while_the_console_is_in_use():
    (row,) = run_benchmark("flood", "--seconds", "2", "--per-second", "20", "--connections", "2")
    assert (row["refused"], row["lost"]) == ("0", "0")
    assert number(row["sent"]) == number(row["stored"]) >= 40
    assert number(row["console pages"]) > 0


@only_if_long
def test_every_page_of_the_console_is_timed_and_answers():
    lists = ["stores.connection", "syncing.stockadjustment"]
    rows = run_benchmark("pages", "--ledger", "1000", "--links", "100", "--only", *lists)
    pages = [row for row in rows if "a row's page ms" in row]
    assert [row["page"] for row in pages[-2:]] == ["syncing.stockadjustment", "stores.connection"]
    assert all(number(row["its p50 ms (aim < 300)"]) >= number(row["first page ms"]) > 0 for row in pages)
    assert pages[0]["page"].startswith("floor")


@only_if_long
def test_every_write_arrives_with_one_worker_process_and_with_two():
    rows = run_benchmark(
        "scale", "--destinations", "2", "--items", "3", "--processes", "1", "2", "--milliseconds", "50"
    )
    assert [(row["worker processes"], row["writes"], row["mutations"]) for row in rows] == [
        ("1", "6", "2"),
        ("2", "6", "2"),
    ]


@only_if_long
def test_one_store_in_trouble_keeps_no_change_from_the_others():
    states = ["well", "down", "throttled"]
    sizes = ["--destinations", "3", "--items", "6", "--seconds", "2", "--pause", "0.5"]
    rows = run_benchmark("one_store_down", *sizes, "--states", *states)
    assert [row["the last store"] for row in rows] == states
    assert {row["arrived at the others"] for row in rows} == {"8 of 8"}
    assert all(0 < number(row["p50 s"]) <= number(row["longest s"]) for row in rows)
