"""Work that a store keeps waiting is never given up: it goes on by itself, and somebody is told meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import Connection, StoreTrouble
from syncing.models import SyncJob
from syncing.monitoring import service_problems
from syncing.queue import enqueue, jobs

TRIES = jobs.MAX_ATTEMPTS + 5


def told():
    return [problem.message for problem in service_problems.find() if "was tried" in problem.message]


@pytest.mark.parametrize("number", [0, 1], ids=["the source", "the destination"])
def test_a_connection_is_started_when_the_store_answers_that_was_down_for_days(world, number):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination")
    connection = world.connect(source, north, state="ready")
    place = world.places[number]
    place.fault("http", match="any", status=503, count=None)
    enqueue.start_connection(connection)
    world.work(tries=TRIES)
    assert SyncJob.objects.get(kind="start_connection").attempts == jobs.MAX_ATTEMPTS
    StoreTrouble.objects.filter(store=place.store).update(failed_since=timezone.now() - timedelta(hours=1))
    messages = [problem.message for problem in service_problems.find() if problem.store_id == place.store.pk]
    assert len(messages) == 1 and "What needs it waits" in messages[0]
    assert not told()  # that is told once, at the store
    world.sim.faults(place.shop).clear()
    world.work(tries=TRIES)
    connection.refresh_from_db()
    assert connection.state == Connection.State.RUNNING


def test_work_that_fails_again_and_again_in_a_store_that_is_well_is_told_until_it_is_done(pair):
    world = pair()
    north = world.places[1]
    north.fault("http", match="locations", status=503, count=None)
    enqueue.check_store(north.store)
    world.work(tries=TRIES)
    StoreTrouble.objects.update(failed_calls=0, failed_since=None)
    (words,) = told()
    assert f"was tried {jobs.MAX_ATTEMPTS} times and goes on" in words
    world.sim.faults(north.shop).clear()
    world.work(tries=TRIES)
    assert not told()
