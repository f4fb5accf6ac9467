"""The gate before a store: one in trouble rests, and is asked by one worker at a time."""

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
import responses
from django.db import connection as db
from django.utils import timezone

from stores import clients, gates
from stores.gates import CheckGate, StoreGate
from stores.models import Store, StoreTrouble
from stores.shared.buckets import StoreBucket
from stores.shopify.errors import (
    AccessDenied,
    AnswerLost,
    OutOfPoints,
    ServerError,
    SlowDown,
    StoreRests,
    Throttled,
    Unreachable,
)
from stores.shopify.throttle import LocalBucket, Spent
from tests.e2e.killing import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = {"maximumAvailable": 2000.0, "currentlyAvailable": 1500.0, "restoreRate": 100.0}


@pytest.fixture
def store() -> Store:
    return Store.objects.create(domain="a.myshopify.com", role="source", auth="static_token", access_token="x")


@pytest.fixture
def answering_shop():
    with responses.RequestsMock() as shopify:
        answer = {"data": {"shop": {"name": "North"}}}
        shopify.post(re.compile(r".*graphql\.json"), json=answer, headers={"X-Shopify-API-Version": "2026-10"})
        yield shopify


def enter(store, is_write, gate=StoreGate):
    return gate(store).enter(is_write, StoreBucket(store.pk), 1)[0]


def leave(store, is_write, seconds, error, gate=StoreGate):
    gate(store).leave(is_write, seconds, error, StoreBucket(store.pk), None)


def fail(store, error, seconds=0.1, is_write=True):
    enter(store, is_write)
    leave(store, is_write, seconds, error)


def rest(store, is_write=True):
    """How long it rests now, in seconds; 0 if anybody may ask."""
    try:
        enter(store, is_write)
    except StoreRests as error:
        return error.retry_after
    leave(store, is_write, 0.1, None)
    return 0


def go_by(seconds):
    for row in StoreTrouble.objects.exclude(rests_until=None):
        row.rests_until -= timedelta(seconds=seconds)
        row.save()


def test_a_store_that_is_well_is_asked_by_any_number(store):
    for _ in range(3):
        assert enter(store, True) is False


def test_one_failure_is_nothing_and_more_of_them_make_it_rest_twice_as_long_each_time(store):
    fail(store, ServerError("oh"))
    assert StoreTrouble.objects.get(is_write=True).rests_until <= timezone.now()
    found = []
    for _ in range(8):
        fail(store, ServerError("oh"))
        found.append(
            round(StoreTrouble.objects.get(is_write=True).rests_until.timestamp() - timezone.now().timestamp())
        )
        go_by(1000)
    assert found == [2, 4, 8, 16, 32, 60, 60, 60]


def test_an_answer_ends_it(store):
    for _ in range(3):
        fail(store, ServerError("oh"))
        go_by(1000)
    fail(store, None)
    row = StoreTrouble.objects.get(is_write=True)
    assert (row.failed_calls, row.rests_until, row.failed_since, row.call_began_at) == (0, None, None, None)


def test_who_comes_while_it_rests_is_turned_away_with_what_the_store_said(store):
    for _ in range(3):
        fail(store, ServerError("Shopify had an internal fault."))
        StoreTrouble.objects.filter(failed_calls=2).update(rests_until=None)
    with pytest.raises(StoreRests, match="is asked again in 4 s. Shopify had an internal fault.") as caught:
        enter(store, True)
    assert 3 < caught.value.retry_after <= 4
    assert caught.value.failure == "transient"


def test_whether_a_store_rests_can_be_asked_without_passing(store):
    gate = StoreGate(store)
    gate.check(True, StoreBucket(store.pk))
    assert not StoreTrouble.objects.exists()
    fail(store, SlowDown("later", retry_after=120))
    with pytest.raises(StoreRests):
        gate.check(True, StoreBucket(store.pk))
    go_by(200)
    gate.check(True, StoreBucket(store.pk))
    assert StoreTrouble.objects.get(is_write=True).call_began_at is None


def test_reads_that_fail_keep_no_writes_out(store):
    for _ in range(3):
        fail(store, ServerError("oh"), is_write=False)
        StoreTrouble.objects.filter(failed_calls=2).update(rests_until=None)
    assert (rest(store, False) > 0, rest(store, True)) == (True, 0)


@pytest.mark.parametrize("is_write", [True, False])
def test_what_shopify_asks_for_is_kept_both_ways(store, is_write):
    fail(store, SlowDown("later", retry_after=120))
    assert 119 < rest(store, is_write) <= 120


@pytest.mark.parametrize("is_write", [True, False])
def test_a_slow_failure_takes_no_more_than_a_quarter_of_a_worker(store, is_write):
    fail(store, AnswerLost("no answer"), seconds=30)
    assert 89 < rest(store, is_write) <= 90


def test_a_very_slow_answer_counts_like_a_failure(store):
    fail(store, None, seconds=20)
    assert 59 < rest(store) <= 60


def test_who_slept_in_vain_for_points_makes_the_others_wait(store):
    fail(store, Throttled("later", retry_after=1), seconds=5)
    assert 14 < rest(store) <= 15
    assert rest(store, is_write=False) == 0


def test_what_our_own_count_of_points_says_keeps_nobody_out(store):
    for _ in range(3):
        fail(store, OutOfPoints("later", retry_after=120))
    assert rest(store) == 0


def test_a_refusal_is_an_answer(store):
    for _ in range(3):
        fail(store, AccessDenied("no"))
    assert rest(store) == 0


def test_a_rest_that_was_noted_before_our_clock_was_set_back_is_over(store):
    fail(store, SlowDown("later", retry_after=120))
    go_by(-3 * 3600)
    assert rest(store) == 0


def test_after_its_rest_one_worker_tries_and_the_others_wait_for_what_becomes_of_it(store):
    for _ in range(2):
        fail(store, ServerError("oh"))
    go_by(100)
    assert enter(store, True) is True
    parameters = {key: db.get_connection_params()[key] for key in ("dbname", "host", "user")}
    with psycopg.connect(**parameters, autocommit=True) as other:
        pid = other.execute("SELECT pg_backend_pid()").fetchone()[0]
        StoreTrouble.objects.filter(is_write=True).update(call_backend=pid)  # the call is that other worker's
        assert rest(store) == gates.BUSY_SECONDS
    assert wait_until(lambda: rest(store) == 0, 10)  # it died


def test_a_call_that_nobody_has_answered_for_a_while_keeps_the_others_out(store):
    enter(store, True)
    parameters = {key: db.get_connection_params()[key] for key in ("dbname", "host", "user")}
    with psycopg.connect(**parameters, autocommit=True) as other:
        pid = other.execute("SELECT pg_backend_pid()").fetchone()[0]
        StoreTrouble.objects.filter(is_write=True).update(call_backend=pid)
        assert rest(store) == 0  # it is on its way for a moment only
        long_ago = timezone.now() - timedelta(seconds=gates.BUSY_SECONDS + 1)
        StoreTrouble.objects.filter(is_write=True).update(call_backend=pid, call_began_at=long_ago)
        assert rest(store) == gates.BUSY_SECONDS
        assert rest(store, is_write=False) == 0


def test_a_session_that_got_the_number_of_a_dead_workers_keeps_nobody_out(store):
    enter(store, True)
    parameters = {key: db.get_connection_params()[key] for key in ("dbname", "host", "user")}
    with psycopg.connect(**parameters, autocommit=True) as other:
        pid = other.execute("SELECT pg_backend_pid()").fetchone()[0]
        before_it = timezone.now() - timedelta(minutes=3)
        StoreTrouble.objects.filter(is_write=True).update(call_backend=pid, call_began_at=before_it)
        assert rest(store) == 0


def test_a_check_that_is_pressed_waits_for_no_rest_and_its_answer_ends_it(store):
    for _ in range(2):
        fail(store, ServerError("oh"))
    assert rest(store) > 0
    assert enter(store, True, CheckGate) is True  # asked once, not four times
    leave(store, True, 0.1, None, CheckGate)
    assert (rest(store), enter(store, True, CheckGate)) == (0, False)


def test_a_check_that_fails_makes_the_others_wait_longer(store):
    for _ in range(2):
        fail(store, ServerError("oh"))
    leave(store, True, 0.1, ServerError("oh"), CheckGate)
    assert 3 < rest(store) <= 4


def test_a_page_that_somebody_opens_is_answered_while_a_store_rests_and_notes_nothing(store, answering_shop):
    fail(store, SlowDown("later", retry_after=120), is_write=False)
    before = list(StoreTrouble.objects.order_by("pk").values())
    assert clients.open_for_person(store).execute("{ shop { name } }", cost=1) == {"shop": {"name": "North"}}
    assert list(StoreTrouble.objects.order_by("pk").values()) == before


def test_a_store_that_was_removed_meanwhile_is_let_through_to_fail_in_its_own_words(store):
    gate, gone = StoreGate(store), store.pk
    store.delete()
    assert gate.enter(True, StoreBucket(gone), 10) == (False, 0)
    gate.leave(True, 0.1, ServerError("oh"), StoreBucket(gone), Spent(STATUS, 10, 10))
    assert not StoreTrouble.objects.exists()


def points(store):
    return Store.objects.values_list("bucket_available", flat=True).get(pk=store.pk)


@pytest.fixture
def dry(store) -> Store:
    """A full bucket of 1000 points that restores nothing, so that no test depends on time; its gate is known."""
    enter(store, True)
    leave(store, True, 0.1, None)
    Store.objects.update(bucket_restore_rate=0, bucket_available=1000, bucket_at=timezone.now())
    return store


def test_who_passes_has_taken_its_points_and_who_leaves_has_told_what_it_cost(dry):
    gate, bucket = StoreGate(dry), StoreBucket(dry.pk)
    assert gate.enter(True, bucket, 300) == (False, 0)
    assert points(dry) == 700
    gate.leave(True, 0.1, None, bucket, Spent(None, 300, 100))
    assert points(dry) == 900
    assert gate.enter(True, bucket, 10) == (False, 0)
    gate.leave(True, 0.1, None, bucket, Spent(STATUS, 10, 10))
    dry.refresh_from_db()
    assert (dry.bucket_maximum, dry.bucket_available, dry.bucket_restore_rate) == (2000, 1500, 100)


def test_who_is_turned_away_has_taken_no_points_and_who_fails_gives_back_what_was_not_spent(dry):
    bucket = StoreBucket(dry.pk)
    StoreGate(dry).enter(True, bucket, 100)
    StoreGate(dry).leave(True, 0.1, SlowDown("later", retry_after=120), bucket, Spent(None, 100, 0))
    assert points(dry) == 1000
    with pytest.raises(StoreRests):
        StoreGate(dry).enter(True, bucket, 100)
    assert points(dry) == 1000


def test_a_look_at_the_gate_tells_how_long_points_are_waited_for_and_takes_none(dry):
    Store.objects.update(bucket_available=50, bucket_restore_rate=50, bucket_at=timezone.now() + timedelta(hours=1))
    assert StoreGate(dry).check(True, StoreBucket(dry.pk)) == pytest.approx(1)  # 100 are kept for others
    assert StoreGate(dry).enter(True, StoreBucket(dry.pk), 50)[1] == pytest.approx(2)
    assert points(dry) == 0


def test_another_kind_of_bucket_is_asked_beside_the_gate(dry):
    bucket = LocalBucket()
    assert StoreGate(dry).check(True, bucket) == 0
    assert StoreGate(dry).enter(True, bucket, 400) == (False, 0)
    assert bucket.state.available == pytest.approx(600, abs=1)
    StoreGate(dry).leave(True, 0.1, None, bucket, Spent(None, 400, 0))
    assert bucket.state.available == pytest.approx(1000, abs=1)
    assert points(dry) == 1000


def test_many_who_pass_and_leave_at_once_neither_wait_in_a_circle_nor_lose_points(dry):
    def pass_often(number: int) -> int:
        passed = 0
        try:
            for turn in range(25):
                gate, bucket, is_write = StoreGate(dry), StoreBucket(dry.pk), bool((number + turn) % 2)
                with contextlib.suppress(StoreRests):
                    gate.enter(is_write, bucket, 10)
                    passed += 1
                    error = OutOfPoints("none left", retry_after=9) if turn % 5 == 0 else None
                    gate.leave(is_write, 0.0, error, bucket, Spent(None, 10, 4))
        finally:
            db.close()
        return passed

    with ThreadPoolExecutor(4) as pool:
        passed = sum(pool.map(pass_often, range(4)))
    assert passed > 50
    assert points(dry) == 1000 - 4 * passed


def test_many_who_find_the_whole_store_away_at_once_do_not_wait_in_a_circle(dry):
    def fail_often(number: int) -> None:
        try:
            for turn in range(25):
                leave(dry, bool((number + turn) % 2), 0.0, Unreachable("away"))
        finally:
            db.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail_often, range(4)))
    assert set(StoreTrouble.objects.values_list("failed_calls", flat=True)) == {4 * 25}
