"""Runs over collections and content: told thing by thing, paused, resumed, tried again."""

from stores.clients import open_client
from stores.models import ResourceLink
from stores.shopify import gids
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from syncing.catalogue.content import comparison
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun
from syncing.queue import enqueue
from tests.support.catalogue.scene import CONTENT_WRITES
from tests.support.console.press import look_at, page_of
from tests.support.console.press import press as press_button


def test_a_run_tells_of_each_thing_and_goes_on_after_an_end(press):
    for number in range(3):
        press.add(PAGE, f"Page {number}")
    run = CatalogueRun.objects.create(connection=press.connection, kind="content")
    assert comparison.carry_out(run, open_client, must_end=lambda: True) is False
    assert len(press.destination.shop.catalog.pages) == 1
    run.refresh_from_db()
    assert comparison.carry_out(run, open_client) is True
    run.refresh_from_db()
    assert (run.state, run.total, run.done, run.failed, run.counts) == ("finished", 3, 3, 0, {"create": 3})
    assert set(run.items.values_list("outcome", flat=True)) == {"done"}


def test_a_paused_run_stops_and_says_how_far_it_is(press):
    for number in range(3):
        press.add(PAGE, f"Page {number}")
    run = CatalogueRun.objects.create(connection=press.connection, kind="content")
    press.world.meanwhile("pageCreate", lambda: CatalogueRun.objects.update(state="paused"), after=True)
    assert comparison.carry_out(run, open_client) is True
    run.refresh_from_db()
    assert (run.state, len(press.destination.shop.catalog.pages)) == ("paused", 1)


def test_a_preview_of_everything_writes_nothing(press):
    blog = press.add(BLOG, "News")
    press.add(ARTICLE, "First", blogId=blog)
    press.add(PAGE, "About us", body="Ours")
    press.add(PAGE, "About us", place=press.destination, body="Theirs")
    press.world.sim.reset_counters()
    run = press.run(is_preview=True)
    assert dict(run.items.values_list("title", "action")) == {
        "News": "create",
        "First": "create",
        "About us": "update",
    }
    assert press.destination.count(*CONTENT_WRITES) == 0
    assert not ResourceLink.objects.exists()


def test_what_failed_is_tried_again_by_each_run_and_never_told_as_equal(press):
    long = press.add(PAGE, "Long")
    press.source.shop.catalog.pages[gids.number(long)].title = "x" * 4000
    press.run()
    again = press.run()
    assert (again.failed, again.items.get().outcome, again.items.get().failure) == (1, "failed", "rejected")
    press.destination.shop.catalog.pages.clear()
    press.change(PAGE, long, title="Short")
    retried = lifecycle.retry(again)
    comparison.carry_out(retried, open_client)
    retried.refresh_from_db()
    assert (retried.kind, retried.retried, retried.state, retried.counts) == (
        "content", again, "finished", {"create": 1},
    )  # fmt: skip


def test_a_run_is_paused_resumed_and_its_failed_ones_done_again_on_its_page(press, admin_client):
    long = press.add(PAGE, "Long")
    press.source.shop.catalog.pages[gids.number(long)].title = "x" * 4000
    run = CatalogueRun.objects.create(connection=press.connection, kind="content")
    told = press_button(admin_client, page_of(run), "Pause")
    assert "Paused" in told
    enqueue.run_catalogue(run)
    press.world.work()
    assert not run.items.exists()
    press_button(admin_client, page_of(run), "Resume")
    press.world.work()
    run.refresh_from_db()
    assert (run.state, run.failed) == ("finished", 1)
    page = look_at(admin_client, page_of(run))
    assert "Long" in page or "x" * 50 in page
    assert press.link(long).reason.split(" (")[0][:20] in page
    press_button(admin_client, page_of(run), "Run the failed ones again")
    press.world.work()
    again = CatalogueRun.objects.first()
    assert (again.kind, again.retried, again.failed) == ("content", run, 1)
