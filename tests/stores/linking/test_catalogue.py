"""The catalogue over HTTP: in pages, in bulk, product by product; and matching while others match, too."""

import threading

import pytest
from django.db import connection as db

from stores.linking import linking
from stores.models import Connection, Store, Variant, VariantLink
from stores.shopify.errors import ServerError
from tests.simulator.events import merchant
from tests.simulator.simulation import Simulator
from tests.support.fixtures import NORTH, SOURCE, SOUTH


def add_mug(sim: Simulator, domain: str, sku: str) -> str:
    """A product of one variant; returns its gid."""
    product = merchant.add_product(sim.shop(domain), sim.clock, "New mug", [{"sku": sku}])
    return f"gid://shopify/Product/{product.id}"


def rows_of(store: Store) -> list[tuple]:
    fields = ("gid", "product_gid", "item_gid", "sku_key", "handle", "options", "is_tracked", "is_bundle")
    return list(store.variants.filter(gone_at=None).order_by("gid").values_list(*fields))


def test_a_catalogue_read_in_bulk_equals_the_one_read_in_pages(sim: Simulator, source_store, settings):
    assert linking.refresh_catalogue(source_store) == len(sim.shop(SOURCE).variants)
    paged = rows_of(source_store)
    assert not sim.shop(SOURCE).bulk_operations
    Variant.objects.all().delete()
    settings.BULK_FROM_LEVELS = 100
    linking.refresh_catalogue(source_store)  # found out to be large while paging
    assert len(sim.shop(SOURCE).bulk_operations) == 1
    assert rows_of(source_store) == paged
    linking.refresh_catalogue(source_store)  # known to be large
    assert rows_of(source_store) == paged
    assert any(tracked is False for *_, tracked, _ in paged) and any(bundle for *_, bundle in paged)


def test_a_read_that_breaks_off_marks_nothing_as_gone(sim: Simulator, source_store, monkeypatch):
    monkeypatch.setattr("stores.shopify.client.FIRST_BACKOFF_SECONDS", 0.001)
    linking.refresh_catalogue(source_store)
    sim.fault(SOURCE, "http", status=500, count=10)
    with pytest.raises(ServerError):
        linking.refresh_catalogue(source_store)
    assert not source_store.variants.exclude(gone_at=None).exists()


def test_a_product_is_followed_from_its_creation_to_its_deletion(sim: Simulator, source_store, north_store):
    connection = Connection.objects.create(source=source_store, destination=north_store)
    here, there = add_mug(sim, SOURCE, "NEW-1"), add_mug(sim, NORTH, "new-1 ")
    assert linking.match_product(north_store, there) == set()  # nothing to link it to yet
    assert linking.match_product(source_store, here) == {connection.pk}
    link = connection.links.get()
    assert (link.state, link.destination_variant.product_gid) == ("linked", there)
    assert linking.match_product(source_store, here) == set()
    merchant.delete_product(sim.shop(NORTH), sim.clock, int(there.rsplit("/", 1)[1]))
    assert linking.match_product(north_store, there) == {connection.pk}
    link.refresh_from_db()
    assert (link.state, link.reason) == ("gone", "Its partner was deleted in the destination.")


@pytest.mark.django_db(transaction=True)
def test_two_sources_that_match_at_once_never_share_a_destination_variant(sim: Simulator, source_store, north_store):
    other = Store.objects.create(
        domain=SOUTH, role="source", auth="static_token", access_token=sim.static_token(SOUTH), client_secret="x"
    )
    for store in (source_store, other, north_store):
        linking.refresh_catalogue(store)
    connections = [Connection.objects.create(source=one, destination=north_store) for one in (source_store, other)]
    barrier, errors = threading.Barrier(4), []

    def work(connection: Connection) -> None:
        try:
            barrier.wait()
            linking.match_connection(connection)
        except Exception as error:
            errors.append(error)
        finally:
            db.close()

    # Each connection twice: the sweep may start a match that somebody has just asked for.
    threads = [threading.Thread(target=work, args=(connection,)) for connection in connections * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    linked = VariantLink.objects.filter(state="linked")
    assert linked.count() == linked.values("destination_variant").distinct().count() > 100
    assert {one.connection_id for one in linked} <= {connection.pk for connection in connections}
    second = VariantLink.objects.filter(state="ambiguous", reason__contains="is already linked to")
    assert second.count() > 100
