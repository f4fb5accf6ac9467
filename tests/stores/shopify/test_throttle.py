"""The arithmetic of the cost bucket."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from stores.shopify.throttle import BucketState, LocalBucket, available_at, give_back, observe, reserve, seconds_until

STANDARD = BucketState(maximum=2000, available=2000, restore_rate=100, at=1000)
STATUS = {"maximumAvailable": 4000.0, "currentlyAvailable": 3900, "restoreRate": 200.0}


def test_points_come_back_at_the_restore_rate():
    assert available_at(BucketState(2000, 500, 100, 1000), 1003) == 800


def test_points_never_exceed_the_maximum():
    assert available_at(BucketState(2000, 1990, 100, 1000), 2000) == 2000


def test_a_clock_that_goes_back_restores_nothing():
    assert available_at(BucketState(2000, 500, 100, 1000), 900) == 500


def test_a_full_bucket_makes_nobody_wait():
    state, wait = reserve(STANDARD, 10, 1000)
    assert (state.available, wait) == (1990, 0)


def test_a_tenth_of_the_points_is_left_to_people():
    state, wait = reserve(BucketState(2000, 210, 100, 1000), 10, 1000)
    assert wait == 0
    _, wait = reserve(state, 10, 1000)
    assert wait == pytest.approx(0.1)


def test_callers_at_the_same_time_queue_up_behind_each_other():
    state = BucketState(2000, 200, 100, 1000)
    waits = []
    for _ in range(5):
        state, wait = reserve(state, 100, 1000)
        waits.append(wait)
    assert waits == pytest.approx([1, 2, 3, 4, 5])


def test_a_cost_that_never_fits_above_the_kept_share_may_use_it():
    _, wait = reserve(BucketState(1000, 1000, 50, 1000), 1000, 1000)
    assert wait == 0


def test_waiting_as_told_leaves_the_points_that_were_asked_for():
    state, wait = reserve(BucketState(2000, 0, 100, 1000), 50, 1000)
    assert available_at(state, 1000 + wait) == pytest.approx(200)


def test_shopifys_numbers_replace_what_was_believed():
    state = observe(STANDARD, STATUS, 1010)
    assert state == BucketState(4000, 3900, 200, 1010)


def test_points_in_flight_are_not_believed_to_be_free():
    assert observe(STANDARD, STATUS, 1010, in_flight=300).available == 3600


@pytest.mark.parametrize(
    "status",
    [None, {}, {"maximumAvailable": None}, STATUS | {"restoreRate": 0}, STATUS | {"currentlyAvailable": "many"}],
)
def test_an_unusable_status_changes_nothing(status):
    assert observe(STANDARD, status, 1010) is STANDARD


def test_unspent_points_are_given_back_up_to_the_maximum():
    assert give_back(BucketState(2000, 1500, 100, 1000), 300, 1000).available == 1800
    assert give_back(STANDARD, 300, 1000).available == 2000


def test_the_wait_after_a_refusal_follows_shopifys_numbers():
    status = {"maximumAvailable": 2000, "currentlyAvailable": 10, "restoreRate": 100}
    assert seconds_until(status, 60) == pytest.approx(0.5)
    assert seconds_until(None, 60) is None


def test_a_local_bucket_learns_and_counts_what_is_in_flight():
    bucket = LocalBucket(STANDARD, clock=lambda: 1000)
    bucket.acquire(100)
    bucket.acquire(50)
    bucket.report(STATUS, 100, 80)
    assert bucket.state.available == 3850  # 50 are still in flight
    bucket.report(STATUS, 50, 50)
    assert bucket.state.available == 3900


def test_a_local_bucket_gets_back_what_was_not_executed():
    bucket = LocalBucket(STANDARD, clock=lambda: 1000)
    bucket.acquire(100)
    bucket.report(None, 100, 0)
    assert bucket.state.available == 2000


def test_a_local_bucket_assumes_that_a_lost_request_was_charged():
    bucket = LocalBucket(STANDARD, clock=lambda: 1000)
    bucket.acquire(100)
    bucket.report(None, 100, None)
    assert bucket.state.available == 1900


def test_threads_never_share_the_same_points():
    bucket = LocalBucket(STANDARD, clock=lambda: 1000)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: bucket.acquire(10), range(200)))
    assert bucket.state.available == 0
    assert sum(1 for wait in waits if wait > 0) == 20
