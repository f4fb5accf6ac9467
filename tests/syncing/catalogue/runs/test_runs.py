"""Runs over all products: planned, previewed, paused, resumed after a crash, held, released, begun by themselves."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from stores.clients import open_client
from stores.models import CatalogueSettings, ProductLink, StoreTrouble
from syncing import handlers, sweep
from syncing.catalogue.runs import lifecycle, worker
from syncing.connections.product_matching import match_product
from syncing.models import CatalogueRun, CatalogueRunItem, SyncJob
from syncing.queue import enqueue, jobs
from tests.support.catalogue.showroom import Showroom, items_of


def begin(room: Showroom, count: int = 3) -> list[str]:
    """So many products of the source, and nothing of them in the destination yet."""
    gids = [room.add(f"Lamp {number}", stock=number, tags=["lamp"]) for number in range(count)]
    for place in room.world.places:
        place.lose_webhooks()
    return gids


def test_a_first_run_creates_everything_and_a_second_one_writes_nothing(showroom):
    room = showroom()
    gids = begin(room)
    run = room.run("first")
    assert (run.state, run.done, run.total, run.failed, run.counts) == ("finished", 3, 3, 0, {"create": 3})
    assert room.handles() == ["lamp-0", "lamp-1", "lamp-2"]
    assert {room.link(gid).state for gid in gids} == {"linked"}
    room.stock()
    assert [room.units(f"lamp-{number}") for number in range(3)] == [[0], [1], [2]]
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 3}
    assert (room.destination.shop.counters.requests, room.writes) == (1, 0)  # which there are, and since when


def test_a_run_over_a_bad_line_keeps_its_patience_while_it_gets_further(showroom, monkeypatch):
    room = showroom()
    begin(room, 4)
    monkeypatch.setattr(worker, "BATCH", 1)
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 3)
    run = lifecycle.start(room.connection, "first")
    enqueue.run_catalogue(run)

    def fail_after(products: int) -> tuple[str, int, int]:
        room.destination.fault("http", match="productSet", skip=products)
        job = SyncJob.objects.filter(kind="run_catalogue", state="queued")
        job.update(due_at=timezone.now() - timedelta(hours=1))
        StoreTrouble.objects.update(rests_until=None)  # the store has rested since
        jobs.run_due(handlers.WORK, 0.2)
        job = SyncJob.objects.get(kind="run_catalogue")
        return job.state, job.attempts, run.items.exclude(finished_at=None).count()

    assert [fail_after(1) for _ in range(3)] == [("queued", 1, 1), ("queued", 1, 2), ("queued", 1, 3)]
    assert [fail_after(0) for _ in range(3)] == [("queued", 1, 3), ("queued", 2, 3), ("queued", 3, 3)]


def test_a_preview_lists_what_would_be_done_and_writes_nothing(showroom):
    room = showroom(identifier="handle")
    begin(room, 2)
    room.add("Old lamp", room.destination, handle="lamp-1", vendor="Acme")
    card = room.add("Card", giftCard=True)
    room.sim.reset_counters()
    run = room.run("first", is_preview=True)
    assert (run.state, room.writes) == ("finished", 0)
    planned = items_of(run)
    assert planned["Lamp 0"] == ("create", "planned")
    assert planned["Card"] == ("skip", "failed")
    assert ProductLink.objects.filter(source_gid=card).count() == 0


def test_a_preview_shows_both_sides_of_every_difference(showroom):
    room = showroom()
    [gid] = begin(room, 1)
    room.run("first")
    room.set(price_percent=50)
    run = room.run("prices", is_preview=True)
    [item] = run.items.all()
    assert (item.action, item.outcome) == ("update", "planned")
    [row] = item.differences
    assert (row["field"], row["current"], row["wanted"], row["policy"]) == ("price", "10.00", "15.00", "sync")
    assert str(room.there("lamp-0").variants[0].price) == "10.00"
    assert room.link(gid).state == "linked"


def test_a_worker_that_dies_in_a_first_run_is_followed_by_one_that_finishes_it(showroom):
    room = showroom()
    begin(room, 4)
    run = lifecycle.start(room.connection, "first")
    for effect in (8, 15, 22, 30):
        with room.world.worker_that_dies(effect):
            room.go_on(run)
    run = room.go_on(run)
    assert (run.state, run.done, run.total, run.failed) == ("finished", 4, 4, 0)
    assert room.handles() == [f"lamp-{number}" for number in range(4)]
    assert ProductLink.objects.filter(state="linked").count() == 4


def test_a_run_makes_room_when_told_and_goes_on_from_there(showroom, monkeypatch):
    monkeypatch.setattr(worker, "BATCH", 2)
    room = showroom()
    begin(room, 5)
    run = lifecycle.start(room.connection, "first")
    assert not worker.carry_out(run, open_client, match_product, lambda: True).is_over
    run.refresh_from_db()
    assert (run.state, run.done, run.total) == ("running", 2, 5)
    assert run.rate() is not None
    lifecycle.pause(run)
    assert worker.carry_out(run, open_client, match_product).is_over
    assert len(room.handles()) == 2
    lifecycle.resume(run)
    assert room.go_on(run).done == 5


def test_a_paused_run_stops_after_what_is_in_hand(showroom, monkeypatch):
    monkeypatch.setattr(worker, "BATCH", 1)
    room = showroom()
    begin(room, 3)
    run = lifecycle.start(room.connection, "first")
    room.world.meanwhile("productSet", lambda: lifecycle.pause(CatalogueRun.objects.get()))
    assert room.go_on(run).state == "paused"
    assert room.handles() == ["lamp-0"]
    lifecycle.cancel(run)
    assert CatalogueRun.objects.get().state == "cancelled"
    with pytest.raises(lifecycle.RunRefused):
        lifecycle.resume(run)


def test_one_run_at_a_time(showroom):
    room = showroom()
    lifecycle.start(room.connection, "all")
    with pytest.raises(lifecycle.RunRefused, match="under way"):
        lifecycle.start(room.connection, "all")
    lifecycle.start(room.connection, "all", is_preview=True)


def test_what_failed_is_tried_again_alone(showroom):
    room = showroom()
    begin(room, 2)
    room.add("Own", room.destination, handle="lamp-1")
    run = room.run("first")
    assert (run.failed, items_of(run)["Lamp 1"]) == (1, ("skip", "failed"))
    assert (run.total, run.done, run.counts) == (2, 2, {"create": 1})  # what failed is not skipped as well
    own = room.there("lamp-1").gid
    room.delete(own, room.destination)
    again = room.run("retry", retried=run)
    assert items_of(again) == {"Lamp 1": ("create", "done")}


def test_what_was_deleted_or_lost_its_tag_is_unpublished(showroom):
    room = showroom(selected_tags=["LAMP"], guard_minimum=10)
    room.set(publication_gids=room.channels())
    gids = begin(room, 3)
    room.run("first")
    room.delete(gids[0])
    room.change(gids[1], tags=["chair"])
    run = room.run()
    assert run.counts == {"unpublish": 2, "equal": 1}
    assert [room.there(f"lamp-{number}").publication_gids for number in range(2)] == [(), ()]
    assert [room.link(gid).departure for gid in gids] == ["deleted", "not_selected", ""]
    assert len(room.there("lamp-2").publication_gids) == len(room.channels())


def test_a_run_that_would_remove_too_much_waits_for_an_operator(showroom, admin_user):
    room = showroom(unlink="delete", guard_minimum=2)
    gids = begin(room, 5)
    room.run("first")
    for gid in gids[:3]:
        room.delete(gid)
    room.reprice(gids[4], "12.00")
    run = room.run()
    assert run.state == "held"
    assert "3 of 5" in run.hold_reason
    assert len(room.handles()) == 5
    assert str(room.there("lamp-4").variants[0].price) == "12.00"
    lifecycle.release(run, admin_user)
    run = room.go_on(run)
    assert (run.state, run.released_by, room.handles()) == ("finished", admin_user, ["lamp-3", "lamp-4"])


def test_a_discarded_run_keeps_the_products_which_no_longer_follow(showroom):
    room = showroom(unlink="delete", guard_minimum=1, guard_share=0)
    gids = begin(room, 2)
    room.run("first")
    room.delete(gids[0])
    run = room.run()
    lifecycle.discard(run, "Ann")
    assert (CatalogueRun.objects.get(pk=run.pk).state, len(room.handles())) == ("finished", 2)
    assert (room.link(gids[0]).state, room.link(gids[0]).unlink_done) == ("unlinked", "left")
    assert room.run().counts == {"equal": 1}


def test_ending_a_catalogue_does_what_was_chosen_to_all_of_it(showroom):
    room = showroom(guard_share=0, guard_minimum=1)
    begin(room, 2)
    room.run("first")
    room.stock()
    assert lifecycle.count_followers(room.connection) == 2
    run = room.go_on(lifecycle.disconnect(room.connection, "delete"))
    assert (run.state, run.counts, room.handles()) == ("finished", {"delete": 2}, [])
    assert CatalogueSettings.objects.get().started_at is None


def test_another_price_rule_reprices_by_itself(showroom):
    room = showroom()
    begin(room, 2)
    room.run("first")
    room.set(price_percent=10, changed_at=timezone.now() - timedelta(minutes=2))
    room.sweep()
    run = CatalogueRun.objects.first()
    assert (run.kind, run.state) == ("prices", "finished")
    assert str(room.there("lamp-0").variants[0].price) == "11.00"
    room.sweep()
    assert CatalogueRun.objects.count() == 2


def due_kinds(later: timedelta = timedelta()) -> list[str]:
    now = timezone.now() + later
    return [lifecycle.due_kind(row, now) for row in lifecycle.find_startable(now)]


def test_other_settings_and_another_day_lead_to_a_run(showroom):
    room = showroom()
    begin(room, 1)
    room.run("first")
    room.set(unselected_tags=["x"], changed_at=timezone.now() - timedelta(minutes=2))
    assert due_kinds() == ["all"]
    room.sweep()
    assert due_kinds() == [""]
    assert due_kinds(timedelta(days=1, minutes=1)) == ["all"]


def test_a_run_that_nobody_works_at_is_taken_up_by_the_sweep(showroom):
    room = showroom()
    begin(room, 1)
    run = lifecycle.start(room.connection, "first")
    sweep.sweep()
    assert SyncJob.objects.filter(kind=SyncJob.Kind.RUN_CATALOGUE, state="queued").count() == 1
    room.world.work()
    assert CatalogueRun.objects.get(pk=run.pk).state == "finished"


def test_the_items_of_a_run_that_nobody_asked_for_are_not_kept_when_nothing_was_done(showroom):
    room = showroom()
    begin(room, 2)
    room.run("first")
    run = room.run()
    assert (run.counts, CatalogueRunItem.objects.filter(run=run).count()) == ({"equal": 2}, 0)


def test_the_command_previews_runs_and_tells(showroom, capsys):
    room = showroom()
    begin(room, 2)
    name = f"{room.source.domain}:{room.destination.domain}"
    out = io.StringIO()
    call_command("sync_catalogue", name, "preview", stdout=out)
    assert "Create     Lamp 0" in out.getvalue()
    assert room.handles() == []
    call_command("sync_catalogue", name, "start", "--here", stdout=out)
    assert "2 of 2" in out.getvalue()
    assert len(room.handles()) == 2
    call_command("sync_catalogue", name, "status", stdout=out)
    call_command("sync_catalogue", name, stdout=out)
    assert "queued" in out.getvalue()
    call_command("sync_catalogue", name, "pause", stdout=out)
    with pytest.raises(CommandError, match="Only a run that needs review"):
        call_command("sync_catalogue", name, "release", stdout=out)
    call_command("sync_catalogue", name, "resume", stdout=out)
    room.world.work()
    assert CatalogueRun.objects.first().state == "finished"


def test_the_command_changes_only_what_is_named(showroom):
    room = showroom(unlink="delete")
    name, out = f"{room.source.domain}:{room.destination.domain}", io.StringIO()
    call_command(
        "set_catalogue", name, "--percent", "12.5", "--channels", "all", "--field", "vendor=ignore", stdout=out
    )
    row = CatalogueSettings.objects.get()
    assert (str(row.price_percent), row.unlink, row.policy_of("vendor")) == ("12.500", "delete", "ignore")
    assert row.publication_gids == room.channels()
    assert "+12.5" in out.getvalue()
    call_command("set_catalogue", name, "--metaobjects", "update_only", "--metaobject-types", "on", stdout=out)
    row.refresh_from_db()
    assert (row.metaobject_mode, row.makes_metaobject_types) == ("update_only", True)
    with pytest.raises(CommandError, match="cannot be ignored"):
        call_command("set_catalogue", name, "--field", "title=ignore", stdout=out)
