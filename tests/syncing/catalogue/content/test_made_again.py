"""Collections, pages, blogs and articles that are deleted and made again in the source keep their partner."""

import pytest

from stores.models import ResourceLink, Store
from stores.shopify.content import content
from stores.shopify.products import publications
from syncing.models import CatalogueRun
from tests.support.catalogue.scene import Scene


def collection_state(view: Scene) -> tuple:
    there = view.collection("lamps")
    return there.gid, sorted(there.publication_gids), view.members("lamps")


@pytest.mark.parametrize("channels", ["chosen", "own"])
@pytest.mark.parametrize("telling", ["at once", "late", "never"])
@pytest.mark.parametrize("selection", ["all", "chosen"])
def test_a_collection_made_again_keeps_its_partner(scene, telling, channels, selection):
    view = scene(items=2, collection_mode="create_update")
    every = [channel.gid for channel in publications.list_publications(view.client(view.destination))]
    gid = view.add_collection("Lamps", 0, 1)
    view.publish_in_source(gid)
    if channels == "chosen":
        view.set(publication_gids=every)
    if selection == "chosen":
        view.set(collection_selection="chosen", collection_gids=[gid])
        Store.objects.filter(pk=view.source.store.pk).update(shares_collections="chosen", shared_collection_gids=[gid])
    view.carry(gid)
    if channels == "own":
        publications.publish(view.client(view.destination), view.collection("lamps").gid, every)
    before = collection_state(view)
    assert len(before[1]) == len(every) and before[2] == [0, 1]
    view.delete_collection(gid)
    if telling == "at once" and selection == "all":
        view.carry(gid)
        assert collection_state(view)[1] == []
    new = view.add_collection("Lamps", 0, 1)
    view.publish_in_source(new)
    if telling != "never":
        view.carry(new)
        view.carry(gid)
    view.poll("collection")
    view.compare()
    assert collection_state(view) == before
    link = view.link(new)
    assert (link.state, link.destination_gid, link.is_created) == ("linked", before[0], True)
    assert not ResourceLink.objects.filter(source_gid=gid).exists()
    assert not CatalogueRun.objects.filter(state="held").exists()
    if selection == "chosen":
        assert view.connection.catalogue.collection_gids == view.connection.source.shared_collection_gids == [new]


@pytest.mark.parametrize("is_late", [False, True])
def test_pages_blogs_and_articles_made_again_keep_their_partners_and_get_their_text_at_once(press, is_late):
    def make(text: str) -> list[str]:
        blog = press.add(content.BLOG, "News")
        other = press.add(content.BLOG, "Old news") if text == "one" else others[0]
        others.append(other)
        article = press.add(content.ARTICLE, "Sale", body=text, blogId=blog, handle="sale")
        if text == "one":
            press.add(content.ARTICLE, "Sale", body="other", blogId=other, handle="sale")
        return [press.add(content.PAGE, "About", body=text), blog, article]

    def there() -> dict:
        return {
            kind: sorted(
                (record.gid, record.body, record.published_at is None) for record in press.there(kind).values()
            )
            for kind in (content.PAGE, content.ARTICLE)
        }

    others: list[str] = []
    old = make("one")
    press.compare()
    before = there()
    for kind, gid in zip((content.ARTICLE, content.BLOG, content.PAGE), (old[2], old[1], old[0]), strict=True):
        press.remove(kind, gid)
    if is_late:
        press.compare()
    new = make("two")
    press.poll()
    after = there()
    assert [row[0] for kind in after for row in after[kind]] == [row[0] for kind in before for row in before[kind]]
    assert after[content.PAGE] == [(before[content.PAGE][0][0], "two", False)]
    press.compare()
    assert there() == after
    assert [press.link(gid).state for gid in new] == ["linked"] * 3
    assert not ResourceLink.objects.filter(source_gid__in=old).exists()
