"""Handles that are swapped in the source are swapped in the destination, by way of a free one, and then left alone."""

import pytest

from stores.shopify.content import content
from tests.support.catalogue.scene import COLLECTION_WRITES, CONTENT_WRITES, Scene

KINDS = (content.PAGE, content.BLOG, content.ARTICLE, "collection")


class Things:
    """Things of one kind in both stores."""

    def __init__(self, view: Scene, kind: str) -> None:
        self.view, self.kind = view, kind
        self.more = {"blogId": view.add(content.BLOG, "Journal")} if kind == content.ARTICLE else {}

    def add(self, title: str, place=None) -> str:
        if self.kind == "collection":
            return self.view.add_collection(title, 0, place=place)
        return self.view.add(self.kind, title, place, **self.more)

    def rename(self, gid: str, handle: str) -> None:
        if self.kind == "collection":
            self.view.change_collection(gid, handle=handle)
        else:
            self.view.change(self.kind, gid, handle=handle)

    def there(self, handle: str) -> str:
        if self.kind == "collection":
            return getattr(self.view.collection(handle), "gid", "")
        return getattr(self.view.there(self.kind).get(handle), "gid", "")


@pytest.fixture
def things(scene):
    def build(kind: str) -> Things:
        fields = {"syncs_pages": True, "syncs_blogs": True, "syncs_articles": True}
        return Things(scene(items=1, collection_mode="create_update", **fields), kind)

    return build


@pytest.mark.parametrize("look", ["poll", "compare"])
@pytest.mark.parametrize("kind", KINDS)
def test_swapped_handles_are_swapped_and_never_written_again(things, kind, look):
    those = things(kind)
    view = those.view
    gids = [those.add(title) for title in ("One", "Two", "Three")]
    view.compare()
    partners = [those.there(handle) for handle in ("one", "two", "three")]
    those.rename(gids[0], "spare")
    those.rename(gids[1], "one")
    those.rename(gids[0], "two")
    getattr(view, look)()
    view.compare()
    assert [those.there(handle) for handle in ("two", "one", "three")] == partners
    writes = view.writes
    view.compare()
    assert view.writes == writes
    for gid, handle in zip(gids, ("a", "b", "c"), strict=True):
        those.rename(gid, handle)
    for gid, handle in zip(gids, ("one", "three", "two"), strict=True):
        those.rename(gid, handle)
    getattr(view, look)()
    view.compare()
    assert [those.there(handle) for handle in ("one", "three", "two")] == partners
    writes = view.writes
    view.compare()
    assert view.writes == writes
    assert [view.link(gid).state for gid in gids] == ["linked"] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_thing_takes_the_handle_that_another_one_had(things, kind):
    those = things(kind)
    view = those.view
    first = those.add("One")
    view.compare()
    partner = those.there("one")
    those.rename(first, "old-one")
    second = those.add("One")
    view.carry(second) if kind == "collection" else view.poll()
    view.compare()
    assert (those.there("old-one"), those.there("one")) == (partner, view.link(second).destination_gid)
    assert partner != those.there("one")


@pytest.mark.parametrize("kind", KINDS)
def test_a_handle_of_the_destinations_own_is_said_and_not_tried_again_and_again(things, kind):
    those = things(kind)
    view = those.view
    gid = those.add("One")
    view.compare()
    if kind == content.ARTICLE:
        [blog] = [record for record in view.there(content.BLOG).values() if record.handle == "journal"]
        those.more = {"blogId": blog.gid}
    own = those.add("Two", view.destination)
    those.rename(gid, "two")
    view.compare()
    writes = view.destination.count(*COLLECTION_WRITES, *CONTENT_WRITES)
    view.compare()
    assert view.destination.count(*COLLECTION_WRITES, *CONTENT_WRITES) == writes
    assert those.there("two") == own
    assert "“two” is taken in the destination: here it is “one”" in view.link(gid).reason
