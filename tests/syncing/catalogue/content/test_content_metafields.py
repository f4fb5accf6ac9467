"""Metafields of collections, pages, blogs and articles follow by namespace, with the ids of partners."""

import json

import pytest

from stores.shopify import gids
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from syncing import sweep
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.metafields import Wanted

TEXT = "single_line_text_field"
KINDS = {"collection": "Collection", PAGE: "Page", BLOG: "Blog", ARTICLE: "Article"}


def put(scene, kind: str, gid: str, key: str, type_: str, value: str, place=None) -> None:
    shop, at = (place or scene.source).shop, scene.world.sim.clock.whole_seconds()
    metafields.put(shop, (KINDS[kind], gids.number(gid)), Wanted("custom", key, type_, value), at)


def values(scene, kind: str, gid: str) -> dict[str, str]:
    rows = scene.destination.shop.metafields.get((KINDS[kind], gids.number(scene.link(gid).destination_gid)), {})
    return {key: row.value for (_, key), row in rows.items()}


def add(scene, kind: str) -> str:
    if kind == "collection":
        return scene.add_collection("Thing", 0)
    return scene.add(kind, "Thing", **({"blogId": scene.add(BLOG, "News")} if kind == ARTICLE else {}))


def writes(scene) -> int:
    return scene.writes + scene.destination.count("metafieldsSet", "metafieldsDelete", "metafieldDefinitionCreate")


@pytest.fixture
def written(scene):
    """Everything follows, with metafields of the namespace custom."""
    return scene(items=1, syncs_pages=True, syncs_blogs=True, syncs_articles=True, metafield_namespaces=["custom"])


@pytest.mark.parametrize("kind", KINDS)
def test_they_arrive_change_and_leave_and_a_second_look_writes_nothing(written, kind):
    scene = written
    gid = add(scene, kind)
    shop, at = scene.source.shop, scene.world.sim.clock.whole_seconds()
    metafields.define(shop, at, KINDS[kind], "custom", "size", "number_integer", validations={"max": "9"})
    put(scene, kind, gid, "size", "number_integer", "5")
    put(scene, kind, gid, "price", "money", '{"amount": "5.00", "currency_code": "XTS"}')
    put(scene, kind, gid, "late", "list.product_reference", json.dumps([scene.product(0), "gid://shopify/Product/1"]))
    put(scene, kind, gid, "care", TEXT, "wash")
    scene.compare()
    partner = scene.product(0, scene.destination)
    first = {"size": "5", "care": "wash"}
    assert values(scene, kind, gid) in (first, first | {"late": json.dumps([partner])})
    assert "custom.price (it is money in XTS" in scene.link(gid).reason
    [made] = [row for row in scene.destination.shop.metafield_definitions.values() if row.kind == KINDS[kind]]
    assert (made.key, made.validations) == ("size", {"max": "9"})
    scene.world.sim.reset_counters()
    scene.compare()
    assert writes(scene) == 0
    put(scene, kind, gid, "size", "number_integer", "7")
    del shop.metafields[KINDS[kind], gids.number(gid)]["custom", "care"]
    scene.compare()
    assert {key: value for key, value in values(scene, kind, gid).items() if key != "late"} == {"size": "7"}
    scene.world.sim.reset_counters()
    scene.compare()
    assert writes(scene) == 0


@pytest.mark.parametrize("kind", ["collection", PAGE])
def test_one_that_is_refused_costs_no_other_and_what_is_the_destinations_own_stays(written, kind):
    scene = written
    gid = add(scene, kind)
    scene.compare()
    there = scene.link(gid).destination_gid
    put(scene, kind, there, "own", TEXT, "mine", scene.destination)
    put(scene, kind, there, "bad", "number_integer", "5", scene.destination)  # of another type, without a definition
    put(scene, kind, gid, "bad", TEXT, "five")
    put(scene, kind, gid, "care", TEXT, "wash")
    scene.compare()
    assert values(scene, kind, gid) == {"own": "mine", "bad": "5", "care": "wash"}
    assert "custom.bad (Shopify: Type" in scene.link(gid).reason
    assert scene.link(gid).state == "linked"


def test_a_connection_whose_metafields_of_content_do_not_follow_asks_for_none(written):
    scene = written
    scene.set(syncs_content_metafields=False)
    gid = add(scene, PAGE)
    put(scene, PAGE, gid, "care", TEXT, "wash")
    scene.compare()
    assert values(scene, PAGE, gid) == {}
    assert scene.destination.count("metafieldDefinitions", "metafieldsSet") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_is_carried_by_the_sweep_alone_once_its_target_is_linked(written, kind):
    scene = written
    gid = add(scene, kind)
    scene.compare()
    of = PAGE if kind == ARTICLE else ARTICLE
    late = scene.add(of, "Late", **({"blogId": scene.add(BLOG, "Late news")} if of == ARTICLE else {}))
    put(scene, kind, gid, "late", f"{of}_reference", late)
    scene.set(**{f"syncs_{of}s": False})
    scene.compare()
    assert values(scene, kind, gid) == {}
    assert (scene.link(gid).awaits, scene.link(gid).state) == ([late], "linked")
    scene.set(**{f"syncs_{of}s": True})
    scene.poll(of)
    sweep.sweep()
    scene.world.work()
    assert values(scene, kind, gid) == {"late": scene.link(late).destination_gid}
    assert scene.link(gid).awaits == []
    scene.world.sim.reset_counters()
    sweep.sweep()
    scene.world.work()
    assert (writes(scene), scene.destination.shop.counters.requests) == (0, 0)
