"""That what many threads ask for is done for each of them, and not once for each of them."""

import threading
import time
from functools import partial

import pytest

from syncing.queue.pacing import Paced


def test_what_nobody_asked_for_lately_is_done_at_once_and_in_the_thread_that_asks():
    calls, paced = [], Paced(30)
    started_at = time.monotonic()
    paced.run("urgent", lambda: calls.append(threading.current_thread()))
    paced.run("patient", lambda: calls.append(threading.current_thread()))
    assert calls == [threading.current_thread()] * 2
    assert time.monotonic() - started_at < 10


def test_every_thread_is_followed_by_a_call_that_began_after_it_asked_and_most_make_none():
    paced, begun, asked, barrier = Paced(0.3), [], [], threading.Barrier(13)

    def ask() -> None:
        with paced.company():
            barrier.wait(30)
            asked.append(time.monotonic())
            paced.run("all", lambda: begun.append(time.monotonic()))

    paced.run("all", lambda: begun.append(time.monotonic()))
    threads = [threading.Thread(target=ask) for _ in range(13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 13
    assert max(asked) <= max(begun)
    assert 2 <= len(begun) < 8


def test_who_is_alone_never_waits(monkeypatch):
    slept, paced, calls = [], Paced(30), []
    monkeypatch.setattr(time, "sleep", slept.append)
    for number in range(3):
        with paced.company():
            paced.run("all", partial(calls.append, number))
    assert calls == [0, 1, 2] and not any(slept)
    with paced.company(), paced.company():
        paced.run("all", partial(calls.append, 3))
    assert 29 < max(slept) <= 30


def test_a_call_that_fails_tells_who_made_it_and_leaves_the_next_ones_alone():
    paced, calls = Paced(0.01), []

    def fail() -> None:
        raise ValueError("the database is away")

    with pytest.raises(ValueError, match="away"):
        paced.run("all", fail)
    paced.run("all", lambda: calls.append("done"))
    assert calls == ["done"]


def test_who_asks_while_a_call_is_under_way_has_one_that_begins_after_it():
    paced, calls = Paced(0.01), []

    def call() -> None:
        calls.append("begun")
        if len(calls) == 1:
            another = threading.Thread(target=paced.run, args=("all", call))
            another.start()
            another.join()

    paced.run("all", call)
    assert calls == ["begun", "begun"]
