"""What the supervisor concludes from the beats of a cluster. Instants are plain seconds here."""

import os

import pytest

from syncing.queue.supervisor import Watch
from syncing.queue.watchdog import BEGAN, ENDED, GUARDED, STORED

ME, NOBODY = os.getpid(), 2**22 + 1  # above the highest process id of Linux


@pytest.fixture
def watch():
    return Watch(patience_seconds=90, longest_seconds=600, now=0)


def note_beat(watch, now, *kinds, pid=ME):
    for kind in kinds:
        watch.note_beat(f"{kind} {pid}", now)


def test_a_cluster_has_its_patience_to_start(watch):
    assert watch.diagnose(90) == ""
    assert watch.diagnose(91) != ""


def test_an_idle_cluster_that_executes_its_pulses_is_well(watch):
    for now in range(0, 3600, 30):
        note_beat(watch, now, GUARDED, BEGAN, ENDED, STORED)
        assert watch.diagnose(now + 29) == ""


def test_a_guarded_cluster_that_begins_nothing_is_wedged(watch):
    note_beat(watch, 1, BEGAN, ENDED, STORED)
    note_beat(watch, 90, GUARDED)
    assert watch.diagnose(90) == ""
    assert "execute nothing" in watch.diagnose(92)


def test_a_cluster_all_of_whose_workers_are_busy_is_well_however_long_it_takes(watch):
    note_beat(watch, 1, BEGAN)
    note_beat(watch, 500, GUARDED)
    assert watch.diagnose(500) == ""
    note_beat(watch, 500, ENDED, STORED)
    note_beat(watch, 589, GUARDED)
    assert watch.diagnose(589) == ""  # its patience starts when it became idle


def test_a_worker_that_is_dead_or_beyond_every_time_out_counts_as_idle(watch):
    note_beat(watch, 1, BEGAN, pid=NOBODY)
    note_beat(watch, 95, GUARDED)
    assert "execute nothing" in watch.diagnose(95)
    note_beat(watch, 100, BEGAN)
    note_beat(watch, 701, GUARDED)
    assert "execute nothing" in watch.diagnose(701)


def test_a_cluster_without_a_sentinel_is_restarted_though_its_workers_work(watch):
    note_beat(watch, 91, BEGAN, ENDED, STORED)
    assert "sentinel" in watch.diagnose(92)


def test_results_that_nobody_takes_in_are_noticed_though_its_workers_work(watch):
    for now in range(0, 100, 10):
        note_beat(watch, now, GUARDED, BEGAN, ENDED)
    assert "results" in watch.diagnose(95)
    note_beat(watch, 95, STORED)
    assert watch.diagnose(95) == ""
