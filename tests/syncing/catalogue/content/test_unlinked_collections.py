"""Collections that no longer follow: chosen, held, and what comes back."""

from copy import copy
from functools import partial

import pytest

from orders.models import OrderImport
from stores.clients import open_client
from stores.models import CatalogueSettings, ResourceLink, Store, StoreTrouble, Unpublished
from stores.shopify.content.content import PAGE
from stores.shopify.errors import AnswerLost
from stores.shopify.products import deletion, publications
from syncing.catalogue.content import comparison
from syncing.catalogue.runs import lifecycle
from syncing.connections import disconnecting
from syncing.models import CatalogueRun


def test_a_deleted_collection_is_unpublished_and_comes_back_as_the_same(scene):
    scene = scene()
    scene.set(publication_gids=[scene.channel()], field_policies={"publishing": "sync"})
    scene.source.store.shares_collections = Store.CollectionSharing.ALL
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.carry(gid)
    Store.objects.filter(pk=scene.source.store.pk).update(shares_collections="none")
    assert scene.carry(gid) == "1 unpublished"
    assert scene.collection("favourites").publication_gids == ()
    assert scene.link(gid).state == "unlinked"
    assert "no longer shares" in scene.link(gid).reason
    Store.objects.filter(pk=scene.source.store.pk).update(shares_collections="all")
    assert scene.carry(gid) == "1 taken up again"
    assert scene.collection("favourites").publication_gids == (scene.channel(),)


@pytest.mark.parametrize(("choice", "is_left"), [("delete", False), ("nothing", True), ("if_ordered", True)])
def test_a_collection_deleted_in_the_source_goes_as_chosen(scene, choice, is_left):
    scene = scene(unlink=choice)
    gid = scene.add_collection("Favourites", 0)
    scene.carry(gid)
    deletion.delete(open_client(scene.source.store), gid)
    scene.carry(gid)
    assert (scene.collection("favourites") is not None) == is_left
    assert scene.link(gid).state == "unlinked"
    assert "deleted in the source" in scene.link(gid).reason


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("choice", ["delete", "unpublish"])
def test_what_was_made_without_an_answer_goes_as_chosen_though_the_source_has_deleted_it_since(scene, choice, is_ours):
    scene = scene(unlink=choice, syncs_pages=True)
    scene.set(publication_gids=[scene.channel()])
    collection, page = scene.add_collection("Favourites", 0), scene.add(PAGE, "About us")
    scene.publish_in_source(collection)
    for match, make in (
        ("collectionCreate", partial(scene.carry, collection)),
        ("pageCreate", partial(scene.poll, PAGE)),
    ):
        scene.destination.fault("lost_answer", match=match)
        with pytest.raises(AnswerLost):
            make()
    StoreTrouble.objects.update(rests_until=None)
    if not is_ours:  # nor does what has the same handle by now under another title
        catalog = scene.destination.shop.catalog
        for made in (*catalog.collections.values(), *catalog.pages.values()):
            made.title = "Their own"
    scene.delete_collection(collection)
    scene.remove(PAGE, page)
    for _ in range(2):
        scene.carry(collection)
        scene.compare()
    is_left = choice != "delete" or not is_ours
    assert (scene.collection("favourites") is not None, "about-us" in scene.there(PAGE)) == (is_left, is_left)
    if choice == "unpublish":
        seen = bool(scene.collection("favourites").publication_gids), scene.there(PAGE)["about-us"].published_at
        assert seen == (False, None) if is_ours else seen[1] is not None
    assert {scene.link(gid).state for gid in (collection, page)} == {"unlinked"}


def test_only_chosen_collections_follow(scene):
    scene = scene()
    chosen, other = scene.add_collection("Chosen", 0), scene.add_collection("Other", 0)
    scene.set(collection_selection="chosen", collection_gids=[chosen])
    scene.compare()
    assert (scene.collection("chosen") is not None, scene.collection("other")) == (True, None)
    assert scene.carry(other) is None


def test_a_mass_removal_is_held_until_an_operator_releases_it(scene):
    scene = scene(guard_minimum=2, unlink="delete")
    for number in range(3):
        scene.add_collection(f"Number {number}", 0)
    scene.compare()
    Store.objects.filter(pk=scene.source.store.pk).update(shares_collections="none")
    assert scene.compare() == "3 to be reviewed"
    assert len(scene.destination.shop.catalog.collections) == 3
    run = CatalogueRun.objects.get()
    assert (run.state, run.items.filter(outcome="held", action="delete").count()) == ("held", 3)
    assert run.hold_reason == "It would remove 3 of 3 things from the destination, more than 20 %."
    scene.compare()
    assert CatalogueRun.objects.count() == 1
    CatalogueRun.objects.update(state="running", is_released=True)
    run.refresh_from_db()
    comparison.carry_out(run, open_client)
    run.refresh_from_db()
    assert (run.state, run.done, scene.destination.shop.catalog.collections) == ("finished", 3, {})


@pytest.mark.parametrize("how", ["compared", "run", "one by one"])
def test_what_was_discarded_is_not_asked_about_again_until_it_comes_back(scene, how):
    scene = scene(guard_minimum=2, guard_share=0, unlink="delete")
    made = [scene.add_collection(f"Number {number}", 0) for number in range(3)]
    look = {"compared": scene.compare, "run": scene.run, "one by one": lambda: [scene.carry(gid) for gid in made]}[how]
    scene.compare()
    Store.objects.filter(pk=scene.source.store.pk).update(shares_collections="none")
    scene.compare()
    lifecycle.discard(CatalogueRun.objects.get(), "Ann")
    for _ in range(2):
        look()
    assert not CatalogueRun.objects.filter(state="held").exists()
    assert len(scene.destination.shop.catalog.collections) == 3
    assert {(scene.link(gid).state, scene.link(gid).reason) for gid in made} == {("unlinked", "Kept as it is by Ann.")}
    Store.objects.filter(pk=scene.source.store.pk).update(shares_collections="all")
    assert scene.compare() == "3 taken up again"
    scene.delete_collection(made[0])
    assert scene.carry(made[0]) == "1 deleted"  # those that were kept do not count as removed
    for gid in made[1:]:
        scene.delete_collection(gid)
    assert scene.compare() == "2 to be reviewed"


@pytest.mark.parametrize("choice", ["unpublish", "delete", "nothing"])
def test_at_the_end_of_a_connection_everything_goes_as_chosen(scene, choice):
    scene = scene(syncs_pages=True)
    scene.set(publication_gids=[scene.channel()])
    gid, page = scene.add_collection("Favourites", 0), scene.add("page", "About us")
    scene.publish_in_source(gid)
    scene.compare()
    counts = disconnecting.count(scene.connection)
    assert (counts.products, counts.contents) == (0, 2)
    disconnecting.begin(scene.connection, choice, "leave", waits_for_orders=False)
    scene.world.work()
    scene.world.sweep()
    assert scene.connection.state == "ended"
    there, shown = (
        scene.collection("favourites"),
        [bool(one.published_at) for one in scene.destination.shop.catalog.pages.values()],
    )
    if choice == "delete":
        assert (there, shown) == (None, [])
    else:
        assert (bool(there.publication_gids), shown) == (choice == "nothing", [choice == "nothing"])
    assert {scene.link(gid).state, scene.link(page).state} == {"unlinked"}
    assert scene.link(gid).reason.startswith("The connection was ended.")


def test_at_the_end_what_had_ceased_to_follow_is_left(scene):
    scene = scene(syncs_pages=True)
    gid, page = scene.add_collection("Favourites", 0), scene.add("page", "About us")
    scene.compare()
    scene.set(syncs_pages=False)
    assert disconnecting.count(scene.connection).contents == 1
    disconnecting.begin(scene.connection, "delete", "leave", waits_for_orders=False)
    scene.world.work()
    assert (scene.collection("favourites"), len(scene.destination.shop.catalog.pages)) == (None, 1)
    assert (scene.link(gid).state, scene.link(page).state) == ("unlinked", "linked")


def test_collections_that_are_deleted_one_by_one_are_guarded_as_if_they_were_deleted_at_once(scene):
    scene = scene(unlink="delete", guard_minimum=3)
    made = [scene.add_collection(f"Number {number}", 0) for number in range(6)]
    scene.compare()
    for gid in made[:5]:
        scene.delete_collection(gid)
        scene.carry(gid)
    assert len(scene.destination.shop.catalog.collections) == 4
    run = CatalogueRun.objects.get()
    assert (run.state, run.items.filter(outcome="held", action="delete").count()) == ("held", 3)
    assert run.hold_reason == "It would remove 3 of 6 things from the destination, more than 20 %."
    lifecycle.release(run)
    comparison.carry_out(run, open_client)
    run.refresh_from_db()
    assert (run.state, len(scene.destination.shop.catalog.collections)) == ("finished", 1)


@pytest.mark.parametrize("count", [0, 1])
def test_what_was_taken_from_channels_comes_back_with_the_source_that_follows_next(scene, count):
    scene = scene()
    scene.set(publication_gids=[scene.channel()])
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.carry(gid)
    deletion.delete(open_client(scene.source.store), gid)
    scene.carry(gid)
    assert scene.collection("favourites").publication_gids == ()
    place = scene.world.add_store("second", "source", items=0)
    connection = scene.world.connect(place, scene.destination, "one_way")
    settings = {"publication_gids": [scene.channel()][:count], "field_policies": {"publishing": "create_only"}}
    CatalogueSettings.objects.create(connection=connection, collection_mode="create_update", **settings).start()
    other = copy(scene)
    other.source, other.number = place, len(scene.world.connections) - 1
    new = other.add_collection("Favourites")
    other.publish_in_source(new)
    assert other.carry(new) == "1 taken up again"
    assert scene.collection("favourites").publication_gids == (scene.channel(),)
    assert "taken from" not in scene.link(gid).written


@pytest.mark.parametrize("has_copies", [False, True])
def test_what_a_removed_connection_took_from_channels_comes_back_with_the_source_that_follows_next(scene, has_copies):
    scene = scene()
    scene.set(publication_gids=[scene.channel()])
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.compare()
    disconnecting.begin(scene.connection, "unpublish", "leave", waits_for_orders=False)
    scene.world.work()
    scene.world.sweep()
    assert scene.collection("favourites").publication_gids == ()
    if has_copies:
        OrderImport.objects.create(connection=scene.connection, order_gid="gid://shopify/Order/1", order_name="#1")
    disconnecting.remove(scene.connection)
    place = scene.world.add_store("second", "source", items=0)
    connection = scene.world.connect(place, scene.destination, "one_way")
    settings = {"field_policies": {"publishing": "create_only"}}
    CatalogueSettings.objects.create(connection=connection, collection_mode="create_update", **settings).start()
    other = copy(scene)
    other.source, other.number = place, len(scene.world.connections) - 1
    new = other.add_collection("Favourites")
    other.publish_in_source(new)
    assert other.carry(new) == "1 taken up again"
    assert scene.collection("favourites").publication_gids == (scene.channel(),)
    assert not Unpublished.objects.exists()


@pytest.mark.parametrize("choice", ["unpublish", "delete"])
def test_what_was_there_before_us_stays_where_nothing_may_be_touched_by_now(scene, choice):
    scene = scene(unlink=choice, guard_minimum=10)
    own = scene.add_collection("Favourites", place=scene.destination)
    publications.publish(scene.client(scene.destination), own, [scene.channel()])
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.set(publication_gids=[scene.channel()])
    scene.compare()
    assert scene.link(gid).destination_gid == own
    scene.set(collection_mode="create_only")
    scene.delete_collection(gid)
    scene.compare()
    assert scene.collection("favourites").publication_gids == (scene.channel(),)
    assert (scene.link(gid).state, "Create only" in scene.link(gid).reason) == ("unlinked", True)


@pytest.mark.parametrize("ends", [None, {"collection_mode": "off"}, {"started_at": None}])
@pytest.mark.parametrize("choice", ["unpublish", "delete"])
def test_what_follows_another_source_by_now_is_left(scene, choice, ends):
    scene = scene(unlink=choice, guard_minimum=10)
    scene.set(publication_gids=[scene.channel()])
    gid = scene.add_collection("Favourites", 0)
    scene.publish_in_source(gid)
    scene.compare()
    ResourceLink.objects.update(state="failed")  # Shopify refused its last change
    place = scene.world.add_store("second", "source", items=0)
    connection = scene.world.connect(place, scene.destination, "one_way")
    settings = {"publication_gids": [scene.channel()], "collection_mode": "create_update"}
    CatalogueSettings.objects.create(connection=connection, **settings).start()
    other = copy(scene)
    other.source, other.number = place, len(scene.world.connections) - 1
    theirs = other.add_collection("Favourites")
    other.publish_in_source(theirs)
    other.carry(theirs)
    assert other.link(theirs).destination_gid == scene.link(gid).destination_gid
    if ends:  # its link stays, and nothing follows it
        CatalogueSettings.objects.filter(connection=connection).update(**ends)
    scene.delete_collection(gid)
    scene.compare()
    kept = scene.collection("favourites")
    if ends and choice == "delete":
        assert kept is None
    else:
        assert kept.publication_gids == (() if ends else (scene.channel(),))
    assert (scene.link(gid).state, other.link(theirs).state) == ("unlinked", "linked")


@pytest.mark.parametrize("telling", ["webhooks", "none"])
def test_what_is_left_for_another_source_counts_as_no_removal(scene, telling):
    scene = scene(unlink="delete", guard_minimum=3)
    made = [scene.add_collection(f"Number {number}", 0) for number in range(6)]
    scene.compare()
    ResourceLink.objects.update(state="failed")  # Shopify refused their last changes
    place = scene.world.add_store("second", "source", items=0)
    connection = scene.world.connect(place, scene.destination, "one_way")
    CatalogueSettings.objects.create(connection=connection, collection_mode="create_update").start()
    other = copy(scene)
    other.source, other.number = place, len(scene.world.connections) - 1
    for number in range(4):
        other.add_collection(f"Number {number}")
    other.compare()
    for gid in made[:5]:
        scene.delete_collection(gid)
        if telling == "webhooks":
            scene.carry(gid)
    if telling == "none":
        scene.compare()
    assert not CatalogueRun.objects.exists()
    assert [scene.link(gid).state for gid in made[:5]] == ["unlinked"] * 5
    assert len(scene.destination.shop.catalog.collections) == 5
