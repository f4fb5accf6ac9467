"""`manage.py work` with real processes: a wedged cluster comes back, a stop loses nothing, nobody is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from django.db import connection as db

from stores.models import Store
from syncing.models import Heartbeat, SyncJob
from syncing.queue import enqueue, heartbeats, jobs
from syncing.queue.supervisor import die_with_parent
from tests.support.thoroughness import PATIENCE_SECONDS

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
State = SyncJob.State


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> object:
    """What `condition` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.05)
    return found


class Work:
    """One running `manage.py work`."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "work"]
        # Killed with the tests: a supervisor that outlived them would start clusters for ever.
        self.process = subprocess.Popen(command, env=environment, cwd=ROOT, preexec_fn=die_with_parent)
        self.supervisor = psutil.Process(self.process.pid)
        self.seen: set[psutil.Process] = set()

    def cluster(self) -> psutil.Process | None:
        """The main process of its cluster."""
        return next(iter(self.supervisor.children()), None)

    def parts(self) -> list[psutil.Process]:
        """The cluster's worker (one is configured), monitor and pusher, once they are there."""

        def look() -> list[psutil.Process] | None:
            with contextlib.suppress(psutil.NoSuchProcess, AttributeError, IndexError):
                self.seen |= set(self.supervisor.children(recursive=True))
                parts = self.cluster().children()[0].children()
                return sorted(parts, key=lambda part: part.create_time()) if len(parts) == 3 else None
            return None

        return wait_for(look)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)

    def left_behind(self) -> list[psutil.Process]:
        """Those of its processes that still run."""
        return [part for part in self.seen if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def start(product_env) -> Iterator[Callable[..., Work]]:
    """Starts `manage.py work`; whatever the test left is killed at its end."""
    started = []

    def run(**variables: object) -> Work:
        Heartbeat.objects.all().delete()
        limits = {"QUEUE_WORKERS": "1", "WATCHDOG_SECONDS": "5", "STOP_SECONDS": "10"}
        started.append(Work(product_env | limits | {name: str(value) for name, value in variables.items()}))
        wait_for(Heartbeat.objects.filter(name=heartbeats.QUEUE).exists)
        started[-1].parts()
        return started[-1]

    yield run
    for work in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            work.seen |= set(work.supervisor.children(recursive=True))
        for process in [*work.seen, work.supervisor]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        work.process.wait()
    psutil.wait_procs([process for work in started for process in work.seen], timeout=5)


@pytest.fixture
def slow_shopify() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A store that does not answer before it is told to: its address, `asked`, `may_answer`."""
    asked, may_answer = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.set()
            may_answer.wait(PATIENCE_SECONDS)
            with contextlib.suppress(OSError):  # whoever asked may have been killed meanwhile
                self.send_error(503)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{{domain}}", asked, may_answer
    may_answer.set()
    server.shutdown()
    server.server_close()


def wait_until_idle() -> None:
    """Just after a beat, when the next one is more than a second away."""
    beats = Heartbeat.objects.filter(name=heartbeats.QUEUE)
    last = beats.get().beat_at
    wait_for(lambda: beats.get().beat_at != last)
    time.sleep(0.5)


def check_a_store() -> SyncJob:
    """A job that talks to a store, hence one that can be cut in the middle."""
    store = Store.objects.create(
        domain="slow.myshopify.com", role="source", auth="static_token", access_token="shpat_slow"
    )
    enqueue.check_store(store)
    return SyncJob.objects.get(kind=SyncJob.Kind.CHECK_STORE)


def test_a_cluster_wedged_by_a_killed_idle_worker_comes_back_and_runs_what_is_enqueued_afterwards(start):
    work = start()
    wedged, (worker, _, _) = work.cluster(), work.parts()
    wait_until_idle()
    worker.kill()
    enqueue.process_events()
    wait_for(lambda: not SyncJob.objects.exists())
    assert work.cluster() != wedged
    assert not wedged.is_running()
    assert Heartbeat.objects.filter(name=heartbeats.RESTARTED).exists()


def test_each_cluster_on_one_queue_is_watched_for_itself(start):
    """The healthy one executes whatever is enqueued, and yet the wedged one is found; by its monitor, this time."""
    work, healthy = start(), start()
    wedged, other = work.cluster(), healthy.cluster()
    wait_until_idle()
    work.parts()[1].kill()
    wait_for(lambda: work.cluster() not in (None, wedged))
    assert healthy.cluster() == other


def test_a_killed_main_process_takes_its_cluster_along_and_a_new_one_works(start):
    work = start()
    before = work.cluster()
    before.kill()
    psutil.wait_procs(work.seen - {before}, timeout=PATIENCE_SECONDS)
    assert work.left_behind() == []
    enqueue.process_events()
    wait_for(lambda: not SyncJob.objects.exists())


def test_a_stop_is_prompt_and_leaves_no_process(start):
    work = start()
    work.stop()
    assert work.process.returncode == 0
    assert work.left_behind() == []


def test_a_stop_signal_to_every_process_at_once_interrupts_nothing(start, slow_shopify):
    address, asked, may_answer = slow_shopify
    work = start(SHOPIFY_BASE_URL=address)
    job = check_a_store()
    assert asked.wait(PATIENCE_SECONDS)
    for process in [*work.seen, work.supervisor]:
        process.send_signal(signal.SIGTERM)
    may_answer.set()
    work.process.wait(PATIENCE_SECONDS)
    assert work.process.returncode == 0
    assert work.left_behind() == []
    job.refresh_from_db()
    assert job.state != State.RUNNING  # it was answered, and went on to its own end


def test_a_job_that_outlasts_the_stop_is_cut_and_picked_up_by_the_next_cluster(start, slow_shopify):
    address, asked, may_answer = slow_shopify
    work = start(SHOPIFY_BASE_URL=address, STOP_SECONDS=1)
    job = check_a_store()
    assert asked.wait(PATIENCE_SECONDS)
    work.stop()
    assert work.left_behind() == []
    job.refresh_from_db()
    assert job.state == State.RUNNING  # nobody runs it any more
    asked.clear()
    start(SHOPIFY_BASE_URL=address)
    assert asked.wait(PATIENCE_SECONDS)


def test_a_stop_under_load_leaves_every_job_finished_or_waiting(start):
    for number in range(150):
        jobs.enqueue(SyncJob.Kind.PROCESS_EVENTS, str(number))
    work = start()
    work.stop()
    assert work.left_behind() == []
    assert not SyncJob.objects.exclude(state=State.QUEUED).exists()
    start()
    wait_for(lambda: not SyncJob.objects.exists())


def test_a_killed_supervisor_leaves_no_worker_behind(start):
    work = start()
    os.kill(work.process.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(work.seen, timeout=5)
    assert alive == []
    assert len(gone) >= 5  # main process, sentinel, worker, monitor, pusher


def test_idle_workers_wait_to_be_told_and_hear_again_after_their_sessions_were_cut(start):
    """Their rows would be looked at once an hour: what runs within seconds was told of."""
    start(QUEUE_POLL=3600)
    in_seconds = PATIENCE_SECONDS / 2
    enqueue.process_events()
    wait_for(lambda: not SyncJob.objects.exists(), in_seconds)
    time.sleep(0.3)  # the look that finds nothing more
    sessions = "SELECT pid, query_start FROM pg_stat_activity WHERE query ~ 'FROM [o]ldest'"
    sessions += " AND datname = current_database()"
    with db.cursor() as cursor:
        cursor.execute(sessions)
        before = cursor.fetchall()
        time.sleep(1.5)
        cursor.execute(sessions)
        assert cursor.fetchall() == before != []  # nothing was asked of the database
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'work by'")
    time.sleep(2.5)  # a second until it listens again
    enqueue.process_events()
    wait_for(lambda: not SyncJob.objects.exists(), in_seconds)
