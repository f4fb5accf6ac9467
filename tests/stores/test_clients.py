"""Clients of stores: one bucket and one token for all workers, kept in the store's row."""

import threading
from datetime import timedelta

import pytest
from django.db import connection as db
from django.utils import timezone

from stores import clients
from stores.clients import open_client
from stores.models import Store
from stores.shared.buckets import StoreBucket
from stores.shopify import shops
from stores.shopify.client import Client, new_session
from stores.shopify.errors import InvalidCredentials, Unauthorized
from tests.simulator.simulation import Simulator
from tests.support.fixtures import NORTH, SOURCE

STATUS = {"maximumAvailable": 2000.0, "currentlyAvailable": 1500.0, "restoreRate": 100.0}


@pytest.fixture
def store(db) -> Store:
    """A full bucket of 1000 points that restores nothing, so that no test depends on time."""
    return Store.objects.create(
        domain="a.myshopify.com",
        role="source",
        auth="static_token",
        access_token="x",
        bucket_restore_rate=0,
        bucket_at=timezone.now(),
    )


def points(store: Store) -> float:
    return Store.objects.values_list("bucket_available", flat=True).get(pk=store.pk)


# --- The bucket ---------------------------------------------------------------------------------------------------


def test_two_workers_of_a_store_draw_from_one_bucket(store):
    assert StoreBucket(store.pk).acquire(300) == 0
    assert StoreBucket(store.pk).acquire(300) == 0
    assert points(store) == 400


def test_who_finds_too_few_points_is_told_how_long_to_wait_and_the_next_one_longer(store):
    Store.objects.update(bucket_available=150, bucket_restore_rate=50, bucket_at=timezone.now() + timedelta(hours=1))
    bucket = StoreBucket(store.pk, keep=0.1)
    assert bucket.acquire(50) == 0
    assert bucket.acquire(100) == pytest.approx(2)  # 100 are kept back for others: 100 points at 50 points/s
    assert bucket.acquire(50) == pytest.approx(3)


def test_the_bucket_refills_by_the_databases_clock_up_to_its_size(store):
    Store.objects.update(bucket_available=0, bucket_restore_rate=50, bucket_at=timezone.now() - timedelta(seconds=10))
    StoreBucket(store.pk).acquire(0)
    assert 500 <= points(store) < 600
    Store.objects.update(bucket_at=timezone.now() - timedelta(hours=1))
    StoreBucket(store.pk).acquire(10)
    assert points(store) == 990


def test_debt_is_bounded_so_that_what_killed_workers_reserved_is_forgotten(store):
    bucket = StoreBucket(store.pk)
    for _ in range(50):
        bucket.acquire(100)
    assert points(store) == -1000


def test_the_first_answer_tells_the_size_of_the_bucket(store):
    bucket = StoreBucket(store.pk)
    bucket.acquire(10)
    bucket.report(STATUS, 10, 10)
    store.refresh_from_db()
    assert (store.bucket_maximum, store.bucket_available, store.bucket_restore_rate) == (2000, 1500, 100)


def test_what_other_workers_reserved_outlives_an_answer_that_does_not_know_of_it(store):
    mine, other = StoreBucket(store.pk), StoreBucket(store.pk)
    mine.acquire(100)
    other.acquire(500)
    Store.objects.update(bucket_restore_rate=50, bucket_at=timezone.now() + timedelta(hours=1))
    mine.report({"maximumAvailable": 1000, "currentlyAvailable": 980, "restoreRate": 50}, 100, 20)
    assert points(store) == 480


def test_shopify_is_believed_when_it_has_less_than_we_thought(store):
    Store.objects.update(bucket_restore_rate=50, bucket_at=timezone.now() + timedelta(hours=1))
    bucket = StoreBucket(store.pk)
    bucket.acquire(10)
    bucket.report({"maximumAvailable": 1000, "currentlyAvailable": 30, "restoreRate": 50}, 10, 10)
    assert points(store) == 30


def test_what_was_not_executed_is_given_back_also_without_a_status(store):
    bucket = StoreBucket(store.pk)
    bucket.acquire(100)
    bucket.report(None, 100, 0)
    assert points(store) == 1000
    bucket.acquire(100)
    bucket.report(None, 100, None)  # nobody knows: taken as spent
    assert points(store) == 900


def test_requests_leave_their_mark_in_the_row(sim: Simulator, north_store):
    shops.read_shop(open_client(north_store))
    north_store.refresh_from_db()
    assert north_store.bucket_maximum == 2000.0
    assert 1900 <= north_store.bucket_available <= 2000


# --- Clients ------------------------------------------------------------------------------------------------------


def test_a_client_is_kept_until_the_credentials_change(sim: Simulator, north_store):
    client = open_client(north_store)
    assert open_client(Store.objects.get(pk=north_store.pk)) is client
    north_store.access_token = "another"
    assert open_client(north_store) is not client


def test_each_thread_has_a_client_of_its_own(sim: Simulator, north_store):
    found = [open_client(north_store)]
    thread = threading.Thread(target=lambda: found.append(open_client(north_store)))
    thread.start()
    thread.join()
    assert found[0] is not found[1]


# --- Tokens -------------------------------------------------------------------------------------------------------


def tokens_of(store: Store) -> clients.StoreTokens:
    return clients.StoreTokens(store, clients.store_url(store), new_session())


def test_the_first_use_fetches_a_token_and_keeps_it_encrypted(sim: Simulator, source_store):
    token = tokens_of(source_store).token()
    stored = Store.objects.get(pk=source_store.pk)
    assert stored.access_token == token
    assert tokens_of(stored).token() == token
    with db.cursor() as cursor:
        cursor.execute("SELECT access_token FROM stores_store WHERE id = %s", [source_store.pk])
        assert token not in cursor.fetchone()[0]


def age(store: Store, share: float) -> None:
    """Have the store's token behave as if this share of its life were over."""
    store.refresh_from_db()
    life = store.token_expires_at - store.token_obtained_at
    now = timezone.now()
    store.token_obtained_at, store.token_expires_at = now - life * share, now + life * (1 - share)
    store.save(update_fields=["token_obtained_at", "token_expires_at"])


def test_a_token_is_renewed_at_four_fifths_of_its_life_and_not_before(sim: Simulator, source_store):
    token = tokens_of(source_store).token()
    age(source_store, 0.79)
    assert tokens_of(source_store).token() == token
    age(source_store, 0.81)
    assert tokens_of(source_store).token() != token


def test_a_renewal_that_fails_while_the_token_lives_does_not_stop_the_work(sim: Simulator, source_store, settings):
    token = tokens_of(source_store).token()
    age(source_store, 0.9)
    settings.SHOPIFY_BASE_URL = "http://127.0.0.1:9/{domain}"
    assert tokens_of(source_store).token() == token
    source_store.refresh_from_db()
    assert source_store.status == Store.Status.NEW


def test_an_expired_token_is_renewed_in_the_middle_of_the_work(sim: Simulator, source_store):
    client = open_client(source_store)
    shops.read_shop(client)
    before = Store.objects.get(pk=source_store.pk).access_token
    sim.expire_tokens(SOURCE)
    assert shops.read_shop(client).name == "Source store"
    assert Store.objects.get(pk=source_store.pk).access_token != before


def test_a_token_that_another_worker_renewed_is_taken_over_instead_of_asking_again(sim: Simulator, source_store):
    one, other = tokens_of(source_store), tokens_of(source_store)
    first = one.token()
    assert other.token() == first
    assert one.renew(first) == other.renew(first)


def test_a_worker_outlives_that_the_token_put_in_place_of_its_own_is_dead_too(sim: Simulator, source_store, settings):
    clients.renew_token(source_store)
    late = tokens_of(source_store)
    clients.renew_token(source_store)
    sim.expire_tokens(SOURCE)
    url, version = clients.store_url(source_store), settings.SHOPIFY_API_VERSION
    client = Client(url, version, late, StoreBucket(source_store.pk))
    assert shops.read_shop(client).name == "Source store"


def test_a_pasted_token_is_noticed_by_a_client_that_still_has_the_old_one(sim: Simulator, north_store):
    Store.objects.filter(pk=north_store.pk).update(access_token="placeholder")
    north_store.refresh_from_db()
    client = open_client(north_store)
    north_store.access_token = sim.static_token(NORTH)
    north_store.save()
    assert shops.read_shop(client).name == "North store"


def test_a_definite_refusal_marks_the_store_and_says_what_to_do(sim: Simulator, source_store, north_store):
    sim.uninstall(SOURCE)
    with pytest.raises(InvalidCredentials):
        shops.read_shop(open_client(source_store))
    source_store.refresh_from_db()
    assert source_store.status == Store.Status.DISCONNECTED
    assert "install it on the store" in source_store.status_reason
    sim.revoke_tokens(NORTH)
    with pytest.raises(Unauthorized):
        shops.read_shop(open_client(north_store))
    north_store.refresh_from_db()
    assert north_store.status == Store.Status.DISCONNECTED


@pytest.mark.django_db(transaction=True)
def test_workers_that_need_a_token_at_once_ask_shopify_once(sim: Simulator, source_store):
    fetched, found = [], []
    real = clients.auth.fetch_token

    def fetch(*args, **kwargs):
        fetched.append(1)
        return real(*args, **kwargs)

    def work(barrier: threading.Barrier) -> None:
        tokens = tokens_of(Store.objects.get(pk=source_store.pk))
        barrier.wait()
        found.append(tokens.token())
        db.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients.auth, "fetch_token", fetch)
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(barrier,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(fetched), len(found), len(set(found))) == (1, 4, 1)
