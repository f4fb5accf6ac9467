"""The pages of what follows and of runs: states, differences side by side, steering, and doing it again."""

import pytest

from stores.models import Connection, ProductLink, ResourceLink, VariantLink
from syncing.models import CatalogueRun, CatalogueRunItem, SyncJob
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press

PRODUCTS, RESOURCES, RUNS, ITEMS = (
    "stores_productlink",
    "stores_resourcelink",
    "syncing_cataloguerun",
    "syncing_cataloguerunitem",
)
NASTY = "<script>alert('x')</script> & lamp"


def run_page(run: CatalogueRun) -> str:
    return page_of(run)


@pytest.fixture
def room(showroom):
    """A started catalogue whose two products follow."""
    room = showroom()
    room.nasty = room.add(NASTY, descriptionHtml=NASTY, tags=["<script>tag</script>"], handle="nasty", vendor=NASTY)
    room.chair = room.add("Chair", handle="chair")
    room.first = room.run("first")
    return room


@pytest.mark.django_db(transaction=True)
def test_empty_lists_say_what_to_do(admin_client):
    assert "No products follow yet" in look_at(admin_client, list_of(PRODUCTS))
    assert "No collections or content follow yet" in look_at(admin_client, list_of(RESOURCES))
    assert "Open a product sync and press" in look_at(admin_client, list_of(RUNS))
    assert "Sync runs fill this list" in look_at(admin_client, list_of(ITEMS))


def test_links_are_filtered_and_searched(admin_client, room):
    ProductLink.objects.filter(source_gid=room.chair).update(state="conflict", reason="The handle is taken.")
    for query, expected in (
        ("attention=open", [True, False]),
        ("state__exact=linked", [False, True]),
        ("q=chair", [True, False]),
        (f"q={room.nasty}", [False, True]),
        (f"connection={room.connection.pk}", [True, True]),
        ("departure__exact=deleted", [False, False]),
    ):
        page = look_at(admin_client, f"{list_of(PRODUCTS)}?{query}")
        assert [word in page for word in (">Chair<", "&lt;script&gt;")] == expected, query
    assert "The handle is taken." in look_at(admin_client, list_of(PRODUCTS))


def test_a_product_is_compared_side_by_side_and_then_brought_in_step(admin_client, room):
    link = room.link(room.nasty)
    room.change(link.destination_gid, room.destination, title="Edited there", tags=["own"])
    room.reprice(link.destination_gid, "3.00", room.destination)
    url = f"/admin/stores/productlink/{link.pk}/do/compare/"
    assert url in look_at(admin_client, page_of(link))
    page = look_at(admin_client, url)
    for words in (
        "Edited there",
        "&lt;script&gt;alert",
        "&lt;script&gt;tag",
        "3.00",
        "10.00",
        "Sync",
        "written",
        "own",
    ):
        assert words in page, words
    assert "<script>alert" not in page and "<script>tag" not in page
    assert room.there("nasty").title == "Edited there"
    press(admin_client, url, "Sync now")
    room.world.work()
    assert room.there("nasty").title == NASTY
    assert "No field differs" in look_at(admin_client, url)


def test_comparing_says_why_it_cannot(admin_client, room):
    url = f"/admin/stores/productlink/{room.link(room.chair).pk}/do/compare/"
    room.set(selected_tags=["lamp"])
    assert "It cannot be compared" in look_at(admin_client, url)
    room.delete(room.chair)
    assert "does not have this product any more" in look_at(admin_client, url)


def test_nothing_is_queued_where_nothing_travels(admin_client, room):
    link = room.link(room.chair)
    Connection.objects.update(is_paused=True)
    assert "nothing travels now" in press(admin_client, page_of(link), "Sync now")
    page = act(admin_client, PRODUCTS, "sync_selected", [link])
    assert "Queued: 0." in page and "Some were left alone" in page
    assert not SyncJob.objects.filter(kind=SyncJob.Kind.SYNC_PRODUCT, state="queued").exists()


def test_selected_products_are_carried_after_a_failure(admin_client, room):
    link = room.link(room.chair)
    room.change(link.destination_gid, room.destination, title="Edited there")
    ProductLink.objects.filter(pk=link.pk).update(state="failed", reason="Shopify said no.")
    assert "Queued: 1." in act(admin_client, PRODUCTS, "sync_selected", [link])
    room.world.work()
    assert (room.there("chair").title, room.link(room.chair).state) == ("Chair", "linked")


def test_a_product_leads_to_the_links_of_its_variants(admin_client, room):
    link = room.link(room.chair)
    response = admin_client.get(f"/admin/stores/productlink/{link.pk}/do/variant_links/", follow=True)
    variant_link = VariantLink.objects.get(source_variant__product_gid=room.chair)
    assert page_of(variant_link) in response.content.decode()


def test_a_page_and_a_collection_are_synced_now(admin_client, room):
    own = {"connection": room.connection, "state": "failed", "title": NASTY, "reason": NASTY}
    page_link = ResourceLink.objects.create(kind="page", source_gid="gid://shopify/Page/1", **own)
    collection = ResourceLink.objects.create(kind="collection", source_gid="gid://shopify/Collection/1", **own)
    for url in (list_of(RESOURCES) + "?kind__exact=page", page_of(page_link)):
        page = look_at(admin_client, url)
        assert "&lt;script&gt;" in page and "<script>alert" not in page
    press(admin_client, page_of(page_link), "Sync now")
    act(admin_client, RESOURCES, "sync_selected", [collection])
    kinds = SyncJob.objects.filter(state="queued").order_by("kind").values_list("kind", flat=True)
    assert {"sync_content", "sync_collection"} <= set(kinds)


def test_a_run_shows_its_progress_and_what_came_of_each_thing(admin_client, room):
    page = look_at(admin_client, page_of(room.first))
    assert "2 of 2" in page and "&lt;script&gt;" in page and "<script>alert" not in page
    assert "every 3s" not in page
    page = look_at(admin_client, list_of(RUNS))
    assert "2 × create" in page
    items = f"{list_of(ITEMS)}?run={room.first.pk}"
    assert "Chair" in look_at(admin_client, items + "&action__exact=create")
    assert "Chair" not in look_at(admin_client, items + "&action__exact=delete")
    assert "Chair" not in look_at(admin_client, items + "&q=lamp").partition("<tbody")[2]
    assert "Chair" not in look_at(admin_client, f"{list_of(ITEMS)}?run={room.first.pk + 1}").partition("<tbody")[2]


def test_a_preview_lists_each_thing_before_anything_is_written(admin_client, room):
    room.change(room.nasty, title=NASTY + "2", descriptionHtml="<img src=x onerror=alert(1)>")
    room.delete(room.chair)
    preview = room.run("all", is_preview=True)
    page = look_at(admin_client, page_of(preview))
    assert "Unpublish" in page and "Update" in page and "What would happen" in page
    item = CatalogueRunItem.objects.get(run=preview, source_gid=room.nasty)
    page = look_at(admin_client, page_of(item))
    assert "&lt;img src=x" in page and "<img src=x" not in page and "Description" in page
    assert "What differed the last time" in look_at(admin_client, page_of(room.link(room.nasty)))
    press(admin_client, page_of(preview), "Do it")
    room.world.work()
    assert room.there("nasty").title == NASTY + "2"


def test_a_run_is_paused_resumed_and_cancelled(admin_client, room):
    run = CatalogueRun.objects.create(connection=room.connection, kind="all", requested_by=None)
    assert "every 3s" in look_at(admin_client, page_of(run))
    press(admin_client, page_of(run), "Pause")
    run.refresh_from_db()
    assert run.state == "paused"
    press(admin_client, page_of(run), "Resume")
    assert SyncJob.objects.filter(kind=SyncJob.Kind.RUN_CATALOGUE, state="queued").exists()
    press(admin_client, page_of(run), "Cancel")
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert not forms_with(look_at(admin_client, page_of(run)), "Cancel")


@pytest.mark.parametrize(
    ("button", "state", "handles"), [("Release", "finished", ["chair"]), ("Discard", "finished", ["chair", "nasty"])]
)
def test_a_held_run_waits_for_a_decision(admin_client, room, button, state, handles):
    room.set(unlink="delete", guard_minimum=1, guard_share=0)
    room.delete(room.nasty)
    run = room.run()
    assert run.state == "held"
    assert run.hold_reason in look_at(admin_client, page_of(run))
    press(admin_client, page_of(run), button)
    room.world.work()
    run.refresh_from_db()
    assert (run.state, room.handles()) == (state, handles)


def test_the_failed_ones_of_a_run_are_done_again(admin_client, room):
    assert not forms_with(look_at(admin_client, page_of(room.first)), "Run the failed ones again")
    room.add("Own", room.destination, handle="stool")
    room.add("Stool", handle="stool")
    run = room.run()
    assert run.failed == 1
    assert "Stool" in look_at(admin_client, f"{list_of(ITEMS)}?run={run.pk}&outcome__exact=failed")
    room.delete(room.there("stool").gid, room.destination)
    press(admin_client, page_of(run), "Run the failed ones again")
    room.world.work()
    again = CatalogueRun.objects.first()
    assert (again.kind, again.retried, again.state, again.counts) == ("retry", run, "finished", {"create": 1})


def test_pages_need_few_queries_however_long_the_lists_are(admin_client, room, django_assert_max_num_queries):
    rows = [
        CatalogueRunItem(run=room.first, source_gid=f"gid://shopify/Product/9{n}", action="skip") for n in range(300)
    ]
    CatalogueRunItem.objects.bulk_create(rows)
    link = room.link(room.chair)
    for url in (list_of(PRODUCTS), list_of(RUNS), list_of(ITEMS), page_of(link), page_of(room.first)):
        with django_assert_max_num_queries(25):
            look_at(admin_client, url)
