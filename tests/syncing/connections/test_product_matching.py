"""What is read for one connection is matched in the others: one that cannot be matched keeps none of them waiting."""

import pytest
from django.db import connection as db

from stores.linking import linking
from stores.locks import Lock
from stores.models import Connection, VariantLink
from syncing.models import StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import wiring
from tests.support.world import World

_OWN_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = %s"


def add_unseen(world: World, sku: str = "LATE") -> None:
    """A product in every store, of which no webhook tells."""
    for place in world.places:
        product = place.shop.add_product(sku.title(), at=world.sim.clock.whole_seconds())
        levels = {place.location_ids[0]: 5}
        place.shop.add_variant(product, at=world.sim.clock.whole_seconds(), sku=sku, stock=levels)


def wired(sku: str = "LATE") -> set[int]:
    """Connections in which the variant is linked, and has a stock link."""
    linked = VariantLink.objects.filter(source_variant__sku=sku, state="linked")
    return set(StockLink.objects.filter(variant_link__in=linked).values_list("connection", flat=True))


def fail_in_the_database(monkeypatch: pytest.MonkeyPatch, bad: Connection) -> None:
    real = linking.match_connection

    def match(connection: Connection, **named: object) -> object:
        if connection == bad:
            with db.cursor() as cursor:
                cursor.execute("SELECT nothing_of_this_name")
        return real(connection, **named)

    monkeypatch.setattr(linking, "match_connection", match)


@pytest.fixture
def three(pair) -> World:
    world = pair(destinations=3)
    world.work()
    return world


def test_a_connection_that_cannot_be_matched_stops_none_of_the_others(three, monkeypatch):
    first, second, third = Connection.objects.order_by("pk")
    add_unseen(three)
    for place in three.places[1:]:
        linking.refresh_catalogue(place.store)
    with monkeypatch.context() as broken:
        fail_in_the_database(broken, second)
        enqueue.match_connection(first)
        three.work(tries=1)
        assert wired() == {first.pk, third.pk}
        job = SyncJob.objects.get(kind=SyncJob.Kind.MATCH_CONNECTION)
        assert (job.state, job.attempts) == (SyncJob.State.QUEUED, 1)  # tried again, as after any error of the database
        assert f"1 failed, first {second}" in job.message and "nothing_of_this_name" in job.message
    three.work()
    assert wired() == {first.pk, second.pk, third.pk}


def test_a_job_is_not_taken_for_dead_when_a_connection_cannot_be_matched(three, monkeypatch):
    first, second, *_ = Connection.objects.order_by("pk")
    fail_in_the_database(monkeypatch, second)
    real, held = wiring.has_unwired, []

    def look(connection: Connection) -> bool:
        with db.cursor() as cursor:
            cursor.execute(_OWN_LOCKS, [Lock.JOB.value])
            held.extend(cursor.fetchone())
        return real(connection)

    monkeypatch.setattr(wiring, "has_unwired", look)
    enqueue.match_connection(first)
    three.work(tries=1)
    assert held == [1]  # when the third has its turn
