"""Jobs as rows: coalescing, claiming, retrying, and what a dead worker held."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as db
from django.utils import timezone
from django_q.models import OrmQ

from stores import locks
from stores.locks import Lock
from stores.shopify.errors import ServerError, StoreRests, Throttled, Unauthorized
from syncing.models import SyncJob
from syncing.queue import claiming, jobs
from syncing.queue.fitness import RULES_VERSION
from tests.e2e.killing import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

State = SyncJob.State
CHECK = SyncJob.Kind.CHECK_STORE


def run(work, **kwargs):
    return jobs.run_due({CHECK: work}, **kwargs)


def raising(error):
    def work(job):
        raise error

    return work


def the_job():
    return SyncJob.objects.get(kind=CHECK)


def test_enqueueing_what_is_queued_adds_nothing_and_rings_once():
    jobs.enqueue(CHECK, "store 1")
    jobs.enqueue(CHECK, "store 1")
    assert SyncJob.objects.count() == 1
    assert OrmQ.objects.count() == 1


def test_a_job_that_has_nothing_to_say_leaves_no_row():
    jobs.enqueue(CHECK, "store 1")
    assert run(lambda job: None) == 1
    assert not SyncJob.objects.exists()


def test_a_job_that_says_what_it_did_stays_as_succeeded():
    jobs.enqueue(CHECK, "store 1")
    run(lambda job: "All is well.")
    assert (the_job().state, the_job().message) == (State.SUCCEEDED, "All is well.")


def test_work_enqueued_while_its_like_runs_is_done_afterwards():
    seen = []

    def work(job):
        seen.append(job.pk)
        if len(seen) == 1:
            jobs.enqueue(CHECK, "store 1")

    jobs.enqueue(CHECK, "store 1")
    assert run(work) == 2
    assert len(set(seen)) == 2


def fail_often(error):
    jobs.enqueue(CHECK, "store 1")
    for attempt in range(1, jobs.MAX_ATTEMPTS):
        SyncJob.objects.update(due_at=timezone.now())
        run(raising(error), budget_seconds=0.01)
        assert (the_job().state, the_job().attempts) == (State.QUEUED, attempt)
        assert the_job().due_at > timezone.now()
    SyncJob.objects.update(due_at=timezone.now())
    run(raising(error), budget_seconds=0.01)


def test_a_transient_failure_waits_longer_each_time_and_then_gives_up():
    fail_often(jobs.WorkerDied("Its worker died."))
    assert (the_job().state, the_job().failure) == (State.FAILED, SyncJob.Failure.GAVE_UP)


def test_what_a_store_keeps_waiting_goes_on_slowly_and_never_gives_up():
    fail_often(ServerError("Shopify is down."))
    for _ in range(3):
        assert (the_job().state, the_job().attempts) == (State.QUEUED, jobs.MAX_ATTEMPTS)
        wait = the_job().due_at - timezone.now()
        assert jobs.LONGEST_POSTPONEMENT / 2 - timedelta(minutes=1) < wait <= jobs.LONGEST_POSTPONEMENT
        SyncJob.objects.update(due_at=timezone.now())
        run(raising(ServerError("Shopify is down.")), budget_seconds=0.01)


def test_a_misconfiguration_waits_for_an_operator_with_words_and_no_traceback():
    jobs.enqueue(CHECK, "store 1")
    run(raising(Unauthorized("Shopify refuses the token: check the store.")))
    job = the_job()
    assert (job.state, job.failure, job.traceback) == (State.FAILED, SyncJob.Failure.MISCONFIGURED, "")
    assert "check the store" in job.message


def test_a_bug_is_kept_with_its_traceback():
    jobs.enqueue(CHECK, "store 1")
    run(raising(ZeroDivisionError("oh")))
    assert the_job().failure == SyncJob.Failure.BUG
    assert "ZeroDivisionError" in the_job().traceback


def test_the_same_problem_twice_is_one_row():
    for _ in range(2):
        jobs.enqueue(CHECK, "store 1")
        run(raising(Unauthorized("no")))
    assert SyncJob.objects.filter(state=State.FAILED).count() == 1


def test_a_failure_that_was_put_right_is_no_longer_counted_as_one():
    jobs.enqueue(CHECK, "store 1")
    run(raising(Unauthorized("no")))
    jobs.run_again(the_job())
    run(lambda job: None)
    assert not SyncJob.objects.filter(state=State.FAILED).exists()


def test_later_is_not_a_failure():
    jobs.enqueue(CHECK, "store 1")
    run(raising(jobs.Later(30, "Shopify is preparing the file.")), budget_seconds=0.01)
    assert (the_job().state, the_job().attempts) == (State.QUEUED, 0)


def test_run_again_makes_a_waiting_job_due_now():
    jobs.enqueue(CHECK, "store 1", due_in=3600)
    jobs.run_again(the_job())
    assert run(lambda job: "done") == 1


def test_what_a_dead_worker_held_is_queued_again_and_what_a_living_one_holds_is_not():
    jobs.enqueue(CHECK, "dead")
    jobs.enqueue(CHECK, "alive")
    SyncJob.objects.update(state=State.RUNNING, worker="elsewhere:1", claimed_at=timezone.now(), rules=RULES_VERSION)
    alive = SyncJob.objects.get(subject="alive")
    with ThreadPoolExecutor(1) as other:  # whose session is another one
        assert other.submit(locks.try_acquire, Lock.JOB, alive.pk).result()
        assert jobs.free_dead() == 1
        alive.refresh_from_db()
        assert alive.state == State.RUNNING
        other.submit(lambda: db.close()).result()
    assert wait_until(lambda: jobs.free_dead() == 1, 10)  # the server ends its session a moment after it was left


def test_who_looks_for_dead_workers_takes_itself_for_none():
    jobs.enqueue(CHECK, "another's")
    SyncJob.objects.update(state=State.RUNNING, worker="elsewhere:1", claimed_at=timezone.now(), rules=RULES_VERSION)
    jobs.enqueue(CHECK, "ours")
    seen = []
    run(lambda job: seen.append((job.subject, SyncJob.objects.get(pk=job.pk).state)), budget_seconds=0.2)
    assert seen == [("ours", State.RUNNING)]
    assert [(job.subject, job.state, job.attempts) for job in SyncJob.objects.all()] == [("another's", State.QUEUED, 1)]


def test_a_dead_workers_job_gives_way_to_the_one_queued_meanwhile():
    jobs.enqueue(CHECK, "store 1")
    SyncJob.objects.update(state=State.RUNNING, worker="elsewhere:1", claimed_at=timezone.now(), rules=RULES_VERSION)
    jobs.enqueue(CHECK, "store 1")
    jobs.free_dead()
    assert the_job().state == State.QUEUED


def test_a_sweep_rings_for_what_is_due():
    jobs.enqueue(CHECK, "store 1")
    OrmQ.objects.all().delete()  # the wake-up was lost
    SyncJob.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    jobs.sweep()
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("error", [StoreRests("It rests.", retry_after=40), Throttled("Slow down.", retry_after=40)])
def test_who_is_put_off_by_a_store_comes_back_and_never_gives_up_for_that(error):
    jobs.enqueue(CHECK, "store 1")
    for _ in range(jobs.MAX_ATTEMPTS + 5):
        SyncJob.objects.update(due_at=timezone.now())
        run(raising(error), budget_seconds=0.01)
    job = the_job()
    assert (job.state, job.message) == (State.QUEUED, str(error))
    assert timedelta(seconds=38) < job.due_at - timezone.now() < timedelta(seconds=50)


@pytest.mark.parametrize(("kind", "is_sooner"), [(SyncJob.Kind.CARRY_STOCK, True), (CHECK, False)])
def test_stock_that_waits_is_looked_at_sooner_when_there_is_more_of_it(kind, is_sooner):
    jobs.enqueue(kind, "connection 1", due_in=200)
    jobs.enqueue(kind, "connection 1")
    job = SyncJob.objects.get()
    assert (job.due_at <= timezone.now() + timedelta(seconds=1)) is is_sooner


def own_job_locks() -> int:
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = %s",
            [Lock.JOB.value],
        )
        return cursor.fetchone()[0]


def test_the_next_job_is_claimed_where_another_worker_has_the_oldest_in_hand():
    jobs.enqueue(CHECK, "oldest")
    jobs.enqueue(CHECK, "next")
    oldest = SyncJob.objects.get(subject="oldest")
    with ThreadPoolExecutor(1) as other:
        assert other.submit(locks.try_acquire, Lock.JOB, oldest.pk).result()
        ran = []
        run(lambda job: ran.append(job.subject), budget_seconds=0.2)
        assert ran == ["next"]
        other.submit(end_session).result()
    assert own_job_locks() == 0


def test_who_was_forestalled_by_like_work_holds_no_lock(monkeypatch):
    jobs.enqueue(CHECK, "store 1")
    SyncJob.objects.update(state=State.RUNNING, worker="elsewhere:1", claimed_at=timezone.now(), rules=RULES_VERSION)
    jobs.enqueue(CHECK, "store 1")
    # As if the first had begun after the look, and before the claim.
    unaware = re.sub(r"AND NOT EXISTS \(.*?\)\n", "", claiming._CLAIM, count=1, flags=re.DOTALL)
    monkeypatch.setattr(claiming, "_CLAIM", unaware)
    assert claiming.claim_next(0).job is None
    assert own_job_locks() == 0


def test_a_lock_is_free_once_its_job_has_ended():
    for subject in ("store 1", "store 2"):
        jobs.enqueue(CHECK, subject)
    assert run(lambda job: None) == 2
    assert own_job_locks() == 0


def end_session() -> None:
    db.close()  # each thread has one of its own
