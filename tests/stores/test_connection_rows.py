"""Workers and operators write one row: nobody writes back what was read before the other wrote."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import Connection, Store
from syncing.stock import realigning

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=300)


@pytest.fixture
def connection() -> Connection:
    fields = {"auth": "static_token", "access_token": "shpat_0"}
    source, north = (
        Store.objects.create(domain=f"{name}.myshopify.com", role=role, **fields)
        for name, role in (("main", "source"), ("north", "destination"))
    )
    return Connection.objects.create(
        source=source, destination=north, state="running", started_at=LONG_AGO, aligned_strategy="two_way",
        strategy="two_way",
    )  # fmt: skip


def read(connection):
    """As somebody reads it who saves it a while later."""
    return Connection.objects.select_related("source", "destination").get(pk=connection.pk)


def choose(connection, strategy):
    connection.strategy = strategy
    connection.save(update_fields=["strategy"])


def test_a_page_that_was_opened_before_a_strategy_began_does_not_carry_orders_from_the_start(connection):
    choose(read(connection), "order")
    page = read(connection)
    began_at = timezone.now().replace(microsecond=0)
    realigning.realign(read(connection), began_at)
    choose(page, "draft_order")  # whoever saves it knows nothing of the beginning
    now = read(connection)
    assert (now.aligned_strategy, now.orders_from_at) == ("order", began_at)


def test_a_run_that_was_under_way_when_orders_were_chosen_does_not_forget_since_when(connection):
    choose(read(connection), "one_way")
    run = read(connection)
    realigning.end_two_way(run)
    run.strategy = "one_way"
    choose(read(connection), "order")
    realigning.realign(run)
    now = read(connection)
    assert now.aligned_strategy == "one_way"
    assert now.orders_from_at is not None and now.orders_from_at > LONG_AGO


def test_orders_that_were_chosen_earlier_than_a_run_began_are_carried_from_the_earlier_instant(connection):
    Connection.objects.update(strategy="one_way", aligned_strategy="one_way")
    choose(read(connection), "order")
    run = read(connection)
    earlier = timezone.now() - timedelta(hours=1)
    Connection.objects.update(carries_orders_since=earlier)
    realigning.realign(run, timezone.now())
    assert read(connection).carries_orders_since == earlier


def test_a_start_that_took_a_while_carries_orders_by_the_strategy_that_is_chosen_by_then(connection):
    Connection.objects.update(strategy="order", aligned_strategy="", state="ready", started_at=None)
    starting = read(connection)
    choose(read(connection), "one_way")
    starting.start(LONG_AGO)
    choose(read(connection), "order")  # much later: what was sold until then travelled as stock
    assert read(connection).orders_from_at > LONG_AGO


def test_a_whole_save_leaves_what_workers_wrote_meanwhile(connection):
    form = read(connection)
    at = timezone.now()
    Connection.objects.update(aligned_strategy="one_way", reconciled_at=at, linked_at=at, orders_looked_at=at)
    form.safety_buffer = 3
    form.save()
    now = read(connection)
    assert (now.safety_buffer, now.aligned_strategy) == (3, "one_way")
    assert now.reconciled_at == now.linked_at == now.orders_looked_at == at
