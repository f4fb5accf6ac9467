"""A store that refuses our calls is one problem, known within one job; all that failed for it hangs below it."""

import pytest
from django.utils import timezone

from orders.models import OrderImport
from stores.models import Store
from syncing.models import Alert, SyncJob
from syncing.monitoring import service_problems
from syncing.queue import enqueue
from syncing.upkeep import store_check

NORMAL = {"overdue", "heartbeat_missed"}  # of a test's world, where no clock runs


def told() -> list[tuple[str, str]]:
    """Kind and words of all that is told."""
    return [(each.kind, each.message) for each in service_problems.find() if each.kind not in NORMAL]


def stock(world) -> list[int]:
    return [place.available(0) for place in world.places]


@pytest.mark.parametrize("status", [402, 403, 423])
def test_refused_calls_are_one_problem_of_the_store_until_a_good_check(pair, status):
    world = pair(destinations=2)
    source, north, _ = world.places
    north.fault("http", status=status, count=None)
    source.buy(0, 4)
    world.follow()
    north.store.refresh_from_db()
    assert north.store.status == Store.Status.ATTENTION and north.store.status_reason
    for number in range(3):  # whatever else fails for it is told below it
        enqueue.match_product(north.store, f"gid://shopify/Product/{number}")
    world.work()
    assert SyncJob.objects.filter(state="failed", failure="misconfigured").count() > 2
    ((kind, words),) = told()
    assert kind == Alert.Kind.STORE_ATTENTION
    assert "Below it:" in words and "failed jobs" in words
    world.calm()
    store_check.check_store(north.store)
    world.work()
    world.follow()
    north.store.refresh_from_db()
    assert (north.store.status, stock(world)) == (Store.Status.READY, [16, 16, 16])
    assert told() == [] and not SyncJob.objects.filter(state="failed").exists()


def test_what_fails_otherwise_is_told_beside_it(pair):
    world = pair(destinations=2)
    _, north, south = world.places
    Store.objects.filter(pk=north.store.pk).update(status=Store.Status.ATTENTION, status_reason="Frozen.")
    rows = {"kind": SyncJob.Kind.CHECK_STORE, "state": "failed", "failure": "misconfigured", "message": "Refused."}
    rows["due_at"] = timezone.now()
    SyncJob.objects.create(subject="north", store=north.store, **rows)
    SyncJob.objects.create(subject="south", store=south.store, **rows)
    bug = rows | {"failure": "bug"}
    SyncJob.objects.create(subject="bug", store=north.store, **bug)
    connection = world.connections[0]
    orders = {"connection": connection, "state": "failed", "reason": "Refused."}
    OrderImport.objects.create(order_gid="gid://shopify/Order/1", failure="misconfigured", **orders)
    OrderImport.objects.create(order_gid="gid://shopify/Order/2", failure="rejected", **orders)
    kinds = sorted(kind for kind, _ in told())
    assert kinds == ["job_failed", "job_failed", "order_failed", "store_attention"]
    words = next(words for kind, words in told() if kind == "store_attention")
    assert "Below it: 1 failed job, 1 order" in words
