"""What webhooks of products lead to: an edit to one job, a storm of stock changes to none."""

from stores.models import Connection
from syncing import handlers
from syncing.catalogue.rules.webhook_digest import digest_of, is_only_stock
from syncing.models import SyncJob, WebhookEvent
from syncing.queue import jobs
from tests.support.catalogue.showroom import Showroom


def listen(room: Showroom) -> list[SyncJob]:
    """Deliver and process all webhooks, and do nothing of what they lead to."""
    room.world.deliver()
    while jobs.run_due({SyncJob.Kind.PROCESS_EVENTS: handlers.process_events}, 0.01):
        pass
    return list(SyncJob.objects.filter(kind=SyncJob.Kind.SYNC_PRODUCT, state="queued"))


def payload(**more) -> dict:
    variant = {"id": 1, "price": "1.00", "inventory_quantity": 5, "updated_at": "a"}
    return {"id": 9, "title": "Lamp", "updated_at": "a", "variants": [variant | more.pop("variant", {})]} | more


def test_only_stock_is_told_from_an_edit_and_from_what_no_webhook_shows():
    before = digest_of(payload())
    sold = {"inventory_quantity": 4, "updated_at": "b"}
    assert is_only_stock(before, digest_of(payload(updated_at="b", variant=sold)))
    assert not is_only_stock(before, digest_of(payload(updated_at="b", variant=sold | {"price": "2.00"})))
    assert not is_only_stock(before, digest_of(payload(updated_at="b")))  # its SEO, perhaps
    assert is_only_stock(before, digest_of(payload()))  # the same webhook again
    assert not is_only_stock("", before)


def test_a_webhook_that_does_not_tell_of_all_variants_is_never_taken_for_stock():
    told = payload(variant_gids=[{"admin_graphql_api_id": str(number)} for number in range(101)])
    assert digest_of(told) == ""


def test_many_edits_of_a_product_are_one_job_a_few_seconds_later(showroom):
    room = showroom()
    gid = room.add("Lamp")
    for number in range(5):
        room.change(gid, title=f"Lamp {number}")
    [job] = listen(room)
    assert job.due_at > job.created_at


def test_a_storm_of_stock_changes_costs_no_call_for_the_catalogue(showroom):
    room = showroom()
    gid = room.add("Lamp", stock=50)
    room.world.follow()
    product = room.source.shop.products[int(gid.rpartition("/")[2])]
    item = room.source.shop.variants[product.variant_ids[0]].item_id
    room.world.tick(60)
    for _ in range(3):  # the first ones after a creation tell what is known from then on
        room.sim.adjust(room.source.domain, item, room.source.location_ids[0], -1)
        room.world.tick(1)
    room.world.follow()
    room.sim.reset_counters()
    for _ in range(10):
        room.sim.adjust(room.source.domain, item, room.source.location_ids[0], -1)
        room.world.tick(1)
    assert listen(room) == []
    assert room.requests == 0
    assert WebhookEvent.objects.filter(reason__contains="Nothing but its stock has changed.").count() >= 10


def test_the_echo_of_our_own_write_leads_to_nothing(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.world.deliver(room.source)
    room.world.work()
    assert room.link(gid).state == "linked"
    assert listen(room) == []


def test_what_somebody_deleted_in_the_destination_is_made_again(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.world.follow()
    room.delete(room.link(gid).destination_gid, room.destination)
    room.world.follow()
    assert (room.handles(), room.link(gid).state) == (["lamp"], "linked")


def test_what_is_missed_in_a_pause_is_found_by_the_run_after_it(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.run("first")
    Connection.objects.update(is_paused=True)
    room.change(gid, title="Better lamp")
    room.world.follow()
    assert room.there("lamp").title == "Lamp"
    Connection.objects.update(is_paused=False)
    room.world.tick(120)
    room.sweep()
    assert room.there("lamp").title == "Better lamp"
