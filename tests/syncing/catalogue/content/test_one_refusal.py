"""A collection, page or article that Shopify refuses in any way keeps no other from being carried."""

import pytest

from stores.models import ResourceLink, StoreTrouble
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from stores.shopify.errors import ShopifyError
from syncing.models import CatalogueRun, SyncJob
from syncing.queue import enqueue
from tests.simulator.wire import auth

ANSWERS = [
    ("refused_field", {"code": "RESOURCE_LOCKED"}),
    ("internal_error_before", {}),
    ("rejected_document", {"code": "INVALID_VARIABLE"}),
]


def make_three(scene, kind: str) -> list[str]:
    names = [f"{kind.title()} {number}" for number in range(3)]
    if kind == "collection":
        return [scene.add_collection(name, 0) for name in names]
    fields = {"blogId": scene.add(BLOG, "News")} if kind == ARTICLE else {}
    return [scene.add(kind, name, **fields) for name in names]


def work(scene) -> CatalogueRun:
    run = CatalogueRun.objects.create(connection=scene.connection, kind=CatalogueRun.Kind.CONTENT)
    enqueue.run_catalogue(run)
    for _ in range(3):
        scene.world.work()
    return CatalogueRun.objects.get(pk=run.pk)


@pytest.mark.parametrize(("answer", "fields"), ANSWERS)
@pytest.mark.parametrize("kind", ["collection", PAGE, ARTICLE])
def test_one_that_is_refused_is_told_and_all_others_follow(scene, kind, answer, fields):
    scene = scene(items=1, syncs_pages=True, syncs_articles=True)
    gids = make_three(scene, kind)
    name = f"{kind.title()} 1"
    scene.destination.fault(answer, match="any_mutation", naming=name, count=None, **fields)
    run = work(scene)
    assert (run.state, run.failed) == ("finished", 1)
    assert [scene.link(gid).state for gid in gids] == ["linked", "failed", "linked"]
    assert not SyncJob.objects.filter(state="failed").exists()
    scene.world.sim.faults(scene.destination.shop).clear()
    assert work(scene).failed == 0
    assert set(ResourceLink.objects.values_list("state", flat=True)) == {"linked"}


@pytest.mark.parametrize("kind", ["collection", PAGE, BLOG])
def test_a_creation_that_was_made_in_spite_of_its_error_is_not_made_twice(scene, kind):
    scene = scene(items=1, syncs_pages=True, syncs_blogs=True)
    gid = make_three(scene, kind)[0]
    create = f"{kind}Create"
    scene.destination.fault("lost_answer", match=create, how="internal_error")
    scene.world.sim.reset_counters()
    assert work(scene).failed == 0
    assert scene.destination.count(create) == 3
    assert scene.link(gid).state == "linked"


def test_one_that_the_source_cannot_show_keeps_no_other(scene):
    scene = scene(items=1)
    gids = make_three(scene, "collection")
    scene.source.fault("internal_error_before", match="collection", naming=gids[1], count=None)
    run = work(scene)
    assert (run.state, run.failed) == ("finished", 1)
    assert [scene.link(gids[number]).state for number in (0, 2)] == ["linked", "linked"]


@pytest.mark.parametrize("how", ["poll", "compare", "run"])
def test_a_kind_that_cannot_be_read_stops_no_other(scene, how):
    scene = scene(items=1, syncs_pages=True, unlink="delete", guard_minimum=10, metaobject_mode="create_update")
    gone, page = scene.add_collection("Gone", 0), scene.add(PAGE, "About us")
    scene.compare()
    scene.world.tick(5)
    new = scene.add_collection("New", 0)
    scene.change(PAGE, page, title="About them")
    scene.delete_collection(gone)
    shop = scene.source.shop
    [client_id] = shop.apps
    before = shop.apps[client_id].scopes
    auth.set_scopes(shop, client_id, {scope for scope in before if "content" not in scope and "pages" not in scope})
    with pytest.raises(ShopifyError):
        getattr(scene, how)()
    assert scene.link(new).state == "linked"
    assert scene.link(gone).state == ("linked" if how == "poll" else "unlinked")
    assert set(scene.there(PAGE)) == {"about-us"}
    auth.set_scopes(shop, client_id, before)
    StoreTrouble.objects.all().delete()
    scene.compare()
    assert scene.there(PAGE)["about-us"].title == "About them"
