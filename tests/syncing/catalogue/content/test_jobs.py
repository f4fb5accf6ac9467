"""How collections and content get going: webhooks, the sweep, pauses, and what a long pass leaves for later."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.clients import open_client
from stores.models import CatalogueSettings, Connection
from stores.shopify.content.content import BLOG, PAGE
from stores.shopify.products import deletion
from syncing import handlers, sweep
from syncing.catalogue.content import comparison
from syncing.models import SyncJob, WebhookEvent
from syncing.queue import enqueue, jobs
from tests.support.catalogue.scene import Scene

COLLECTION_TOPICS = ("COLLECTIONS_CREATE", "COLLECTIONS_UPDATE", "COLLECTIONS_DELETE")


@pytest.fixture
def listening(scene) -> Scene:
    """Collections follow, and both stores tell of theirs."""
    scene = scene()
    for place in scene.world.places:
        for topic in COLLECTION_TOPICS:
            scene.world.sim.subscribe(place.domain, topic, scene.world.address)
    return scene


def queued(kind: str) -> list[SyncJob]:
    return list(SyncJob.objects.filter(kind=kind, state=SyncJob.State.QUEUED))


def test_a_collection_follows_its_webhooks_to_the_end(listening):
    gid = listening.add_collection("Favourites", 0, 1)
    listening.world.follow()
    assert sorted(listening.members("favourites")) == [0, 1]
    listening.change_collection(gid, title="Favourites!")
    listening.world.follow()
    assert listening.collection("favourites").title == "Favourites!"
    listening.set(unlink="delete")
    deletion.delete(open_client(listening.source.store), gid)
    listening.world.follow()
    assert listening.collection("favourites") is None


def test_many_webhooks_of_one_collection_are_one_job_a_few_seconds_later(listening):
    gid = listening.add_collection("Favourites", 0)
    for number in range(5):
        listening.change_collection(gid, title=f"Favourites {number}")
    listening.world.deliver()
    while jobs.run_due({SyncJob.Kind.PROCESS_EVENTS: handlers.process_events}, 0.01):
        pass
    [job] = queued(SyncJob.Kind.SYNC_COLLECTION)
    assert job.due_at > job.created_at + timedelta(seconds=1)
    assert WebhookEvent.objects.filter(reason="Its collection is looked at.").count() == 6


def test_the_echo_of_our_own_write_leads_to_nothing(listening):
    listening.add_collection("Favourites", 0)
    listening.world.deliver(listening.source)
    listening.world.work()
    listening.world.deliver(listening.destination)
    listening.world.sim.reset_counters()
    listening.world.work()
    assert set(WebhookEvent.objects.filter(store=listening.destination.store).values_list("reason", flat=True)) == {
        "No collection of this store is followed."
    }
    assert listening.destination.shop.counters.requests == 0


def test_nothing_is_read_while_a_catalogue_is_not_started_or_its_connection_paused(listening):
    gid = listening.add_collection("Favourites", 0)
    listening.world.sim.reset_counters()
    CatalogueSettings.objects.update(started_at=None)
    enqueue.sync_collection(listening.connection, gid)
    enqueue.sync_content(listening.connection)
    listening.world.work()
    CatalogueSettings.objects.update(started_at=timezone.now())
    Connection.objects.update(is_paused=True)
    enqueue.sync_collection(listening.connection, gid)
    enqueue.sync_content(listening.connection, compares=True)
    listening.world.work()
    assert listening.source.shop.counters.requests + listening.destination.shop.counters.requests == 0
    assert SyncJob.objects.filter(message__contains="The connection is paused.").exists()


def test_the_sweep_polls_after_the_minutes_chosen_and_compares_once_a_day(scene):
    scene = scene(items=1, syncs_pages=True, collection_mode="off")
    page = scene.add(PAGE, "About us")
    sweep.sweep()
    [job] = queued(SyncJob.Kind.SYNC_CONTENT)
    assert job.arguments == {"compares": True}
    scene.world.work()
    assert scene.link(page).state == "linked"
    sweep.sweep()
    assert queued(SyncJob.Kind.SYNC_CONTENT) == []
    scene.world.tick(601)
    sweep.sweep()
    assert [job.arguments for job in queued(SyncJob.Kind.SYNC_CONTENT)] == [{"compares": False}]
    scene.world.work()
    scene.remove(PAGE, page)
    scene.world.let_pass(24.1)
    sweep.sweep()
    scene.world.work()
    assert scene.link(page).state == "unlinked"


def test_a_catalogue_in_which_nothing_of_this_follows_is_never_due(scene):
    scene = scene(items=1, collection_mode="off")
    assert not comparison.find_followed().exists()
    scene.set(syncs_articles=True)
    assert [comparison.is_due(row, timezone.now()) for row in comparison.find_followed()] == [True]
    Connection.objects.update(is_paused=True)
    assert [comparison.is_due(row, timezone.now()) for row in comparison.find_followed()] == [False]


def test_a_long_pass_goes_on_where_work_is_left(scene, monkeypatch):
    scene = scene(items=1, syncs_pages=True, syncs_blogs=True, collection_mode="off")
    for number in range(3):
        scene.add(PAGE, f"Page {number}")
    scene.add(BLOG, "News")
    monkeypatch.setattr(handlers, "CONTENT_SECONDS", -1)
    enqueue.sync_content(scene.connection)
    while jobs.run_due(handlers.WORK, 0.01) and len(scene.there(PAGE)) < 1:
        pass
    assert len(scene.there(PAGE)) == 1
    assert [job.message for job in queued(SyncJob.Kind.SYNC_CONTENT)] == ["More collections or content wait."]
    monkeypatch.setattr(handlers, "CONTENT_SECONDS", 240)
    scene.world.work()
    assert (len(scene.there(PAGE)), len(scene.there(BLOG))) == (3, 1)


def test_a_job_that_did_something_says_what(scene):
    scene = scene(items=1, syncs_pages=True, collection_mode="off")
    scene.add(PAGE, "About us")
    enqueue.sync_content(scene.connection)
    scene.world.work()
    assert SyncJob.objects.get(kind=SyncJob.Kind.SYNC_CONTENT).message == "1 created"
    enqueue.sync_content(scene.connection)
    scene.world.work()
    assert SyncJob.objects.filter(kind=SyncJob.Kind.SYNC_CONTENT).count() == 1
