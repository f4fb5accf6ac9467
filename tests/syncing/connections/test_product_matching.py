"""A product is matched, and wired, in all connections of its store: whatever fails, and whenever a worker dies."""

from collections.abc import Callable, Sequence

import pytest
from django.db import connection as db
from django.db.models import F, Q, QuerySet

from stores.linking import linking
from stores.locks import Lock
from stores.models import Connection, VariantLink
from stores.shopify import gids
from syncing import handlers
from syncing.models import StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import wiring
from tests.simulator.events import merchant
from tests.simulator.state.shop import Variant as ShopVariant
from tests.support.world import World

_OWN_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = %s"


def add_unseen(world: World, sku: str = "LATE", **fields: bool) -> ShopVariant:
    """A product in every store, of which no webhook tells; its variant in the source."""
    for place in reversed(world.places):
        product = place.shop.add_product(sku.title(), at=world.sim.clock.whole_seconds())
        levels = {place.location_ids[0]: 5}
        made = place.shop.add_variant(product, at=world.sim.clock.whole_seconds(), sku=sku, stock=levels, **fields)
    return made


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


MOST_EFFECTS = 25  # more than matching a product has


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


def kill(world: World, product_gids: Sequence[str], is_done: Callable[[str], bool]) -> None:
    """One product after the other is matched by a worker that dies one effect later; then the job is repeated."""
    for effect, product_gid in enumerate(product_gids, 1):
        enqueue.match_product(world.places[0].store, product_gid)
        with world.worker_that_dies(effect) as death:
            world.work(tries=30)
        world.work(tries=30)
        assert is_done(product_gid), f"killed before effect {effect}"
        if not death.is_over:
            break
    assert effect > 5 and not death.is_over, "it never lived to the end"


def test_a_worker_that_dies_while_it_matches_a_product_leaves_nothing_to_the_daily_matching(pair, monkeypatch):
    world = pair(destinations=2)
    monkeypatch.setattr(enqueue, "carry_stock_of", lambda ids, **named: None)  # the sweep does that, by the rows
    variants = [add_unseen(world, f"LATE-{number}", tracked=bool(number % 2)) for number in range(MOST_EFFECTS)]
    for place in world.places[1:]:
        linking.refresh_catalogue(place.store)
    product_gids = [gids.gid("Product", variant.product_id) for variant in variants]
    own = StockLink.objects.filter(ending="")

    def of(product_gid: str) -> QuerySet[StockLink]:
        return own.filter(variant_link__source_variant__product_gid=product_gid)

    kill(world, product_gids, lambda gid: of(gid).count() == 2)
    known = [gid for gid in product_gids if of(gid).exists()]
    own.update(settled_sequence=F("dirty_sequence"))
    for variant in variants:
        tracked = not world.places[0].shop.items[variant.item_id].tracked
        merchant.change_inventory_item(world.places[0].shop, world.sim.clock, variant.item_id, tracked=tracked)
    world.places[0].lose_webhooks()
    is_dirty = Q(dirty_sequence__gt=F("settled_sequence"))
    kill(world, known, lambda gid: of(gid).filter(is_dirty).count() == 2)


@pytest.mark.parametrize("strategy", ["order", "draft_order", "two_way"])
def test_likely_partners_are_there_before_the_matching_ends_where_orders_may_hold_them(pair, strategy):
    world = pair(strategy)
    for place, sku in zip(world.places, ("LAMP-1", "LAMP 1"), strict=True):
        product = place.shop.add_product("Reading lamp", at=world.sim.clock.whole_seconds())
        place.shop.add_variant(product, at=world.sim.clock.whole_seconds(), sku=sku)
    enqueue.match_connection(world.connections[0])
    job = SyncJob.objects.get(kind=SyncJob.Kind.MATCH_CONNECTION)
    handlers.match_connection(job)
    is_known = VariantLink.objects.filter(source_variant__sku="LAMP-1", suggested_variant__sku="LAMP 1").exists()
    is_to_come = SyncJob.objects.filter(kind=SyncJob.Kind.SUGGEST_PARTNERS).exists()
    assert (is_known, is_to_come) == ((False, True) if strategy == "two_way" else (True, False))
