"""Collections follow: members, order, channels, images, modes; nothing twice, and nothing of others touched."""

import pytest

from stores.clients import open_client
from stores.models import CatalogueFile, CatalogueSettings, Connection, ProductLink, ResourceLink
from stores.shopify import gids
from stores.shopify.errors import AnswerLost
from stores.shopify.products import publications
from syncing.catalogue.content import comparison
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.support.catalogue.scene import Scene


def add_own(scene: Scene, gid: str, at: int = 0) -> None:
    """Somebody puts a product of the destination alone into its collection, at this place of the order."""
    own = scene.destination.shop.add_product("Own", at=scene.world.sim.clock.whole_seconds())
    partner = scene.destination.shop.catalog.collections[gids.number(scene.link(gid).destination_gid)]
    partner.order = list(partner.order or partner.sources[0].selected)
    partner.order.insert(at, own.id)
    partner.sources[0].selected.append(own.id)


def test_a_collection_is_created_with_everything_it_shows_and_its_linked_products(scene):
    scene = scene()
    gid = scene.add_collection(
        "Favourites",
        0,
        2,
        descriptionHtml="<script>alert(1)</script>",
        sortOrder="PRICE_DESC",
        seo={"title": "Best", "description": "Of all"},
        handle="ours",
    )
    assert scene.carry(gid) == "1 created"
    made = scene.collection("ours")
    assert (made.title, made.description_html, made.sort_order) == (
        "Favourites",
        "<script>alert(1)</script>",
        "PRICE_DESC",
    )
    assert (made.seo_title, made.seo_description) == ("Best", "Of all")
    assert sorted(scene.members("ours")) == [0, 2]
    link = scene.link(gid)
    assert (link.state, link.destination_gid, link.is_created) == ("linked", made.gid, True)


def test_a_second_time_costs_no_write_and_a_poll_does_not_even_read_the_destination(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 0, 1, sortOrder="MANUAL")
    scene.compare()
    scene.world.sim.reset_counters()
    assert scene.compare() is None
    assert scene.writes == 0
    scene.world.sim.reset_counters()
    assert scene.carry(gid) is None
    assert scene.destination.shop.counters.requests == 0


def test_members_come_and_go_and_the_destinations_own_products_stay(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 0, 1)
    scene.carry(gid)
    add_own(scene, gid)
    scene.pick(gid, add=(3,), remove=(0,))
    assert scene.carry(gid) == "1 updated"
    assert sorted(scene.members("favourites")) == [-1, 1, 3]


def test_a_product_that_is_not_linked_is_left_out_and_said(scene):
    scene = scene()
    scene.connection.links.filter(source_variant__product_gid=scene.product(1)).update(state="unmatched")
    gid = scene.add_collection("Favourites", 0, 1)
    scene.carry(gid)
    assert scene.members("favourites") == [0]
    assert scene.link(gid).reason == "1 of its 2 products are not linked, and left out."


def test_with_products_that_follow_their_links_count_and_a_new_one_is_noticed_by_the_poll(scene):
    scene = scene(product_mode="create_update")
    gid = scene.add_collection("Favourites", 0, 1)
    scene.compare()
    assert scene.members("favourites") == []
    ProductLink.objects.create(
        connection=scene.connection,
        source_gid=scene.product(1),
        destination_gid=scene.product(1, scene.destination),
        state="linked",
    )
    assert scene.poll() == "1 updated"
    assert scene.members("favourites") == [1]
    assert scene.poll() is None
    assert scene.link(gid).reason == "1 of its 2 products are not linked, and left out."


def test_more_members_than_one_call_takes_all_arrive(scene, monkeypatch):
    monkeypatch.setattr("syncing.catalogue.content.collections.MOST_CHANGES", 2)
    scene = scene(items=5)
    gid = scene.add_collection("Favourites", 0, 1, 2, 3, 4)
    scene.carry(gid)
    assert sorted(scene.members("favourites")) == [0, 1, 2, 3, 4]
    scene.pick(gid, remove=(0, 1, 2))
    scene.carry(gid)
    assert sorted(scene.members("favourites")) == [3, 4]


def test_the_order_by_hand_follows_and_the_destinations_own_keep_their_places(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 3, 1, 2, 0, sortOrder="MANUAL")
    scene.carry(gid)
    assert scene.members("favourites") == [3, 1, 2, 0]
    add_own(scene, gid, at=1)
    assert scene.members("favourites") == [3, -1, 1, 2, 0]
    client = open_client(scene.source.store)
    scene.change_collection(gid, title="Favourites!")
    wire_order = [scene.product(number) for number in (0, 3, 1, 2)]
    comparison.collections.collection_writes.reorder(client, gid, [(wire_order[0], 0)])
    assert scene.carry(gid) == "1 updated"
    assert scene.members("favourites") == [0, -1, 3, 1, 2]
    assert scene.compare() is None


def test_jobs_of_shopify_are_waited_for(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 0, 1, sortOrder="MANUAL")
    scene.carry(gid)
    scene.pick(gid, add=(2, 3))
    scene.destination.shop.knobs.job_seconds = 20
    scene.carry(gid)
    assert scene.members("favourites") == [0, 1, 2, 3]
    assert scene.destination.count("job") > 2


def test_it_is_published_on_the_chosen_channels_if_the_source_shows_it(scene):
    scene = scene()
    scene.set(publication_gids=[scene.channel()])
    shown, hidden = scene.add_collection("Shown", 0), scene.add_collection("Hidden", 0)
    scene.publish_in_source(shown)
    scene.compare()
    assert scene.collection("shown").publication_gids == (scene.channel(),)
    assert scene.collection("hidden").publication_gids == ()
    assert scene.link(hidden).state == "linked"


def test_with_create_only_channels_are_only_set_at_creation(scene):
    scene = scene(field_policies={"publishing": "create_only"})
    scene.set(publication_gids=[scene.channel()])
    gid = scene.add_collection("Shown", 0)
    scene.publish_in_source(gid)
    scene.carry(gid)
    publications.unpublish(open_client(scene.destination.store), scene.link(gid).destination_gid, [scene.channel()])
    assert scene.compare() is None
    assert scene.collection("shown").publication_gids == ()
    scene.set(field_policies={"publishing": "sync"})
    assert scene.compare() == "1 updated"
    assert scene.collection("shown").publication_gids == (scene.channel(),)


def test_an_image_is_sent_once_and_its_alt_text_without_it(scene):
    scene = scene()
    url = picture(scene)
    gid = scene.add_collection("Favourites", 0, image={"src": url, "altText": "A sea"})
    scene.carry(gid)
    files = len(scene.destination.shop.catalog.files)
    assert scene.collection("favourites").image_alt == "A sea"
    assert scene.compare() is None
    scene.change_collection(gid, image={"altText": "The sea"})
    assert scene.carry(gid) == "1 updated"
    assert scene.collection("favourites").image_alt == "The sea"
    assert len(scene.destination.shop.catalog.files) == files
    assert not CatalogueFile.objects.exists()
    scene.change_collection(gid, image=None)
    scene.carry(gid)
    assert scene.collection("favourites").image_url == ""


def picture(scene: Scene) -> str:
    """The address of an image in the source."""
    shop = scene.source.shop
    return url_of(shop, drawn_file(shop, "sea.png", scene.world.sim.clock.whole_seconds()))


def test_update_only_never_creates_and_create_only_never_touches_what_was_there(scene):
    scene = scene(collection_mode="update_only")
    missing = scene.add_collection("Missing", 0)
    there = scene.add_collection("There", 0)
    scene.add_collection("There", place=scene.destination, descriptionHtml="Old")
    assert scene.compare() == "1 updated"
    assert scene.collection("missing") is None
    assert (scene.link(missing).state, scene.members("there")) == ("unmatched", [0])
    scene.set(collection_mode="create_only")
    scene.change_collection(there, descriptionHtml="New")
    assert scene.compare() == "1 created"
    assert scene.members("missing") == [0]
    assert (scene.collection("there").description_html, scene.link(there).state) == ("", "linked")
    scene.change_collection(missing, descriptionHtml="New")
    assert scene.compare() == "1 updated"


def test_an_edit_in_the_destination_is_overwritten_or_kept_as_chosen(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 0, descriptionHtml="Ours")
    scene.compare()
    scene.change_collection(scene.link(gid).destination_gid, place=scene.destination, descriptionHtml="Theirs")
    scene.set(edited="keep")
    assert scene.compare() is None
    assert scene.collection("favourites").description_html == "Theirs"
    assert scene.link(gid).reason == "Edited in the destination, and kept: description."
    scene.change_collection(gid, title="Favourites 2", descriptionHtml="Ours 2")
    assert scene.compare() == "1 updated"
    assert (scene.collection("favourites").title, scene.collection("favourites").description_html) == (
        "Favourites 2",
        "Theirs",
    )
    scene.set(edited="overwrite")
    assert scene.compare() == "1 updated"
    assert scene.collection("favourites").description_html == "Ours 2"


def test_a_lost_answer_to_the_creation_makes_no_second_collection(scene):
    scene = scene()
    scene.set(publication_gids=[scene.channel()])
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.destination.fault("lost_answer", match="collectionCreate")
    with pytest.raises(AnswerLost):
        scene.carry(gid)
    assert scene.link(gid).state == "creating"
    assert scene.carry(gid) == "1 created"
    assert len(scene.destination.shop.catalog.collections) == 1
    assert scene.collection("favourites").publication_gids == (scene.channel(),)


@pytest.mark.parametrize("effect", range(1, 19))
def test_a_worker_may_die_before_any_effect_and_nothing_is_made_twice(scene, effect):
    scene = scene()
    gid = scene.add_collection("Favourites", 1, 0, sortOrder="MANUAL")
    with scene.world.worker_that_dies(effect):
        scene.carry(gid)
    scene.compare()
    assert len(scene.destination.shop.catalog.collections) == 1
    assert scene.members("favourites") == [1, 0]
    assert scene.link(gid).state == "linked"


def test_more_picks_than_a_page_of_them_follow_in_their_order(scene):
    scene = scene(items=60)
    gid = scene.add_collection("All of them", *reversed(range(60)), sortOrder="MANUAL")
    assert scene.carry(gid) == "1 created"
    assert scene.members("all-of-them") == [*reversed(range(60))]


def test_a_taken_handle_is_said_and_the_rest_is_written(scene):
    scene = scene()
    gid = scene.add_collection("Favourites", 0)
    scene.carry(gid)
    scene.add_collection("Taken", place=scene.destination)
    scene.change_collection(gid, handle="taken", title="Renamed")
    assert scene.carry(gid) == "1 updated"
    assert scene.collection("favourites").title == "Renamed"
    assert "“taken” is taken" in scene.link(gid).reason


def test_two_sources_never_claim_the_same_collection(scene):
    first = scene()
    gid = first.add_collection("Favourites", 0)
    first.carry(gid)
    other = first.world.add_store("other", "source", 0)
    made = first.world.connect(other, first.destination, "one_way")
    CatalogueSettings.objects.create(connection=made, product_mode="off", collection_mode="create_update").start()
    theirs = first.add_collection("Favourites", place=other)
    loaded = Connection.objects.select_related("source", "destination", "catalogue").get(pk=made.pk)
    told = comparison.sync_collection(loaded, open_client, theirs)
    assert "follows “Favourites” of Source already" in told
    assert ResourceLink.objects.get(connection=made).state == "conflict"
    assert first.link(gid).state == "linked"


def test_a_preview_lists_everything_and_writes_nothing(scene):
    scene = scene()
    there, gone = scene.add_collection("There", 0), scene.add_collection("Gone", 0)
    scene.compare()
    scene.change_collection(there, descriptionHtml="New")
    comparison.collections.deletion.delete(open_client(scene.source.store), gone)
    new = scene.add_collection("New", 0)
    rows = list(ResourceLink.objects.order_by("pk").values())
    scene.world.sim.reset_counters()
    run = scene.run(is_preview=True)
    items = {item.source_gid: item for item in run.items.all()}
    assert {gid: (item.action, item.outcome) for gid, item in items.items()} == {
        there: ("update", "planned"),
        gone: ("unpublish", "planned"),
        new: ("create", "planned"),
    }
    [difference] = items[there].differences
    assert (difference["field"], difference["wanted"], difference["current"]) == ("description", "New", "")
    assert (run.state, run.done, run.counts) == ("finished", 3, {"update": 1, "unpublish": 1, "create": 1})
    assert scene.writes == 0
    assert list(ResourceLink.objects.order_by("pk").values()) == rows


def test_one_that_is_refused_does_not_stop_the_others(scene):
    scene = scene()
    long = scene.add_collection("Long", 0)
    scene.source.shop.catalog.collections[gids.number(long)].title = "x" * 4000
    fine = scene.add_collection("Fine", 0)
    told = scene.compare()
    assert told.startswith("1 created, 1 failed")
    assert (scene.link(long).state, scene.link(fine).state) == ("failed", "linked")
    assert "too long" in scene.link(long).reason


def test_keeping_edits_never_holds_up_the_members(scene):
    scene = scene(edited="keep")
    gid = scene.add_collection("Favourites", 0, 1, 2, sortOrder="MANUAL")
    unlinked = scene.connection.links.filter(source_variant__product_gid=scene.product(2))
    unlinked.update(state="unmatched")
    scene.compare()
    unlinked.update(state="linked")
    scene.connection.links.filter(source_variant__product_gid=scene.product(0)).update(state="unmatched")
    assert scene.poll() == "1 updated"
    assert [number for number in scene.members("favourites") if number] == [1, 2]
    assert scene.link(gid).reason == "1 of its 3 products are not linked, and left out."
