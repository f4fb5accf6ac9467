"""Pages, blogs and articles follow: polled, matched by handle, compared daily, never made twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from stores.clients import open_client
from stores.models import CatalogueSettings, Connection, ResourceLink
from stores.shopify import gids
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from stores.shopify.errors import AnswerLost
from syncing.catalogue import exclusive
from syncing.catalogue.content import comparison
from syncing.catalogue.content.pages import cursor_of
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.support.catalogue.scene import CONTENT_WRITES, Scene

SCRIPT = "<p>Us</p><script>alert(1)</script>"


def picture(scene: Scene, name: str = "sea.png") -> str:
    """The address of an image in the source."""
    return url_of(scene.source.shop, drawn_file(scene.source.shop, name, scene.world.sim.clock.whole_seconds()))


def test_a_page_a_blog_and_its_article_arrive_with_all_they_show(press):
    press.add(PAGE, "About us", body=SCRIPT)
    blog = press.add(BLOG, "News", commentPolicy="MODERATED")
    press.add(
        ARTICLE,
        "First",
        blogId=blog,
        body="<b>Hello</b>",
        summary="Short",
        tags=["b", "A"],
        image={"url": picture(press), "altText": "The sea"},
        isPublished=True,
    )
    assert press.poll() == "3 created"
    assert press.there(PAGE)["about-us"].body == SCRIPT
    assert press.there(BLOG)["news"].comment_policy == "MODERATED"
    article = press.there(ARTICLE)["first"]
    assert (article.body, article.summary, article.author) == ("<b>Hello</b>", "Short", "Ann")
    assert (sorted(article.tags), article.image_alt, article.blog_handle) == (["A", "b"], "The sea", "news")
    assert article.image_url and article.published_at


def test_a_second_poll_and_a_comparison_write_nothing_and_the_poll_asks_the_destination_nothing(press):
    blog = press.add(BLOG, "News")
    press.add(PAGE, "About us", body="Us")
    press.add(ARTICLE, "First", blogId=blog, image={"url": picture(press)})
    press.poll()
    press.world.sim.reset_counters()
    assert press.poll() is None
    assert press.destination.shop.counters.requests == 0
    assert press.compare() is None
    assert press.destination.count(*CONTENT_WRITES) == 0


def test_a_change_arrives_with_the_next_poll_and_only_what_changed_is_sent(press):
    page = press.add(PAGE, "About us", body="Us")
    blog = press.add(BLOG, "News")
    article = press.add(ARTICLE, "First", blogId=blog, image={"url": picture(press)})
    press.poll()
    press.world.tick(5)
    files = len(press.destination.shop.catalog.files)
    press.change(PAGE, page, body="Us all")
    press.change(ARTICLE, article, title="The first", image={"altText": "Sea"})
    assert press.poll() == "2 updated"
    assert press.there(PAGE)["about-us"].body == "Us all"
    changed = press.there(ARTICLE)["first"]
    assert (changed.title, changed.image_alt) == ("The first", "Sea")
    assert len(press.destination.shop.catalog.files) == files


def test_two_changes_within_one_second_both_arrive(press):
    page = press.add(PAGE, "About us", body="One")
    press.poll()
    press.change(PAGE, page, body="Two")
    press.poll()
    press.change(PAGE, page, body="Three")
    assert press.there(PAGE)["about-us"].body == "Two"
    press.poll()
    assert press.there(PAGE)["about-us"].body == "Three"


def test_what_shopifys_search_shows_late_is_not_missed(press):
    first = press.add(PAGE, "First")
    press.poll()
    press.world.tick(300)
    late = press.add(PAGE, "Late")
    press.world.tick(30)
    # Shopify's search does not know it yet, while it knows already what changed later.
    hidden = press.source.shop.catalog.pages.pop(gids.number(late))
    press.change(PAGE, first, body="New")
    assert press.poll() == "1 updated"
    press.source.shop.catalog.pages[hidden.id] = hidden
    assert press.poll() == "1 created"
    assert press.link(late).state == "linked"


def test_the_cursor_moves_with_what_was_read_and_never_back(press):
    press.add(PAGE, "First")
    press.poll()
    before = cursor_of(press.connection.catalogue, PAGE)
    press.poll()
    assert cursor_of(press.connection.catalogue, PAGE) == before
    press.world.tick(60)
    press.add(PAGE, "Second")
    press.poll()
    assert cursor_of(press.connection.catalogue, PAGE) > before


def test_what_is_there_with_the_same_handle_is_linked_not_duplicated(press):
    press.add(PAGE, "About us", body="Ours")
    press.add(PAGE, "About us", place=press.destination, body="Theirs")
    theirs = press.add(BLOG, "News", place=press.destination)
    press.add(ARTICLE, "First", place=press.destination, blogId=theirs)
    other = press.add(BLOG, "Other", place=press.destination)
    press.add(ARTICLE, "Second", place=press.destination, blogId=other, handle="second")
    blog = press.add(BLOG, "News")
    press.add(ARTICLE, "First", blogId=blog, body="New")
    press.add(ARTICLE, "Second", blogId=blog, handle="second")
    press.poll()
    assert len(press.destination.shop.catalog.pages) == 1
    assert press.there(PAGE)["about-us"].body == "Ours"
    assert len(press.destination.shop.catalog.blogs) == 2
    articles = press.destination.shop.catalog.articles.values()
    # An article's handle counts in its blog only.
    assert sorted((row.blog_id, row.handle) for row in articles) == sorted(
        [(gids.number(theirs), "first"), (gids.number(theirs), "second"), (gids.number(other), "second")]
    )


def test_hidden_stays_hidden_and_a_date_to_come_is_kept(press):
    press.add(PAGE, "Hidden", isPublished=False)
    year = datetime.now(UTC).year + 5
    press.add(PAGE, "Soon", publishDate=f"{year}-01-01T00:00:00Z")
    shown = press.add(PAGE, "Shown")
    press.poll()
    pages = press.there(PAGE)
    assert pages["hidden"].published_at is None
    assert pages["soon"].published_at == datetime(year, 1, 1, tzinfo=UTC)
    assert pages["shown"].published_at is not None
    press.change(PAGE, shown, isPublished=False)
    press.poll()
    assert press.there(PAGE)["shown"].published_at is None
    assert press.compare() is None


def test_only_articles_follow_and_bring_just_their_own_blogs(scene):
    press = scene(items=1, syncs_articles=True, collection_mode="off")
    blog = press.add(BLOG, "News")
    press.add(BLOG, "Unused")
    press.add(PAGE, "About us")
    press.add(ARTICLE, "First", blogId=blog)
    assert press.poll() == "1 created"
    assert set(press.there(BLOG)) == {"news"}
    assert press.there(PAGE) == {}
    press.change(BLOG, blog, title="Newest")
    assert press.poll() == "1 updated"
    assert press.there(BLOG)["news"].title == "Newest"


def test_a_new_handle_follows_and_the_link_stays(press):
    page = press.add(PAGE, "About us")
    press.poll()
    gid = press.link(page).destination_gid
    press.change(PAGE, page, handle="who-we-are")
    assert press.poll() == "1 updated"
    assert press.there(PAGE)["who-we-are"].gid == gid


@pytest.mark.parametrize("kind", [PAGE, BLOG])
def test_a_handle_that_cannot_be_had_is_said_and_the_rest_is_written(press, kind):
    gid = press.add(kind, "One", handle="one")
    press.poll()
    press.add(kind, "Two", place=press.destination, handle="two")
    press.change(kind, gid, handle="two", title="Renamed")
    assert press.poll() == "1 updated"
    assert press.there(kind)["one"].title == "Renamed"
    assert press.link(gid).reason == "The handle “two” is taken in the destination: here it is “one”."
    assert press.poll() is None


def test_a_blog_whose_handle_was_taken_a_moment_ago_says_what_it_got(press):
    blog = press.add(BLOG, "News")

    def be_faster() -> None:
        catalog = press.destination.shop.catalog
        taken = type(next(iter(press.source.shop.catalog.blogs.values())))(
            press.destination.shop.next_id(), "Theirs", "news", 1, 1
        )
        catalog.blogs[taken.id] = taken

    press.world.meanwhile("blogCreate", be_faster)
    press.poll()
    assert press.link(blog).state == "linked"
    assert "“news” is taken" in press.link(blog).reason
    press.compare()
    assert len(press.destination.shop.catalog.blogs) == 2


def test_a_page_whose_handle_was_taken_a_moment_ago_waits_for_an_operator_or_the_next_comparison(press):
    page = press.add(PAGE, "About us")

    def be_faster() -> None:
        catalog = press.destination.shop.catalog
        theirs = type(next(iter(press.source.shop.catalog.pages.values())))(
            press.destination.shop.next_id(), "Theirs", "about-us", 1, 1
        )
        catalog.pages[theirs.id] = theirs

    press.world.meanwhile("pageCreate", be_faster)
    assert "1 failed" in press.poll()
    assert (press.link(page).state, press.link(page).reason) == (
        "conflict",
        "The handle “about-us” is taken in the destination.",
    )
    assert press.compare() == "1 updated"
    assert press.link(page).state == "linked"


def test_two_sources_never_take_turns_with_one_page(press):
    press.add(PAGE, "About us", body="First")
    press.poll()
    other = press.world.add_store("other", "source", 0)
    made = press.world.connect(other, press.destination, "one_way")
    CatalogueSettings.objects.create(connection=made, product_mode="off", syncs_pages=True).start()
    press.add(PAGE, "About us", place=other, body="Second")
    loaded = Connection.objects.select_related("source", "destination", "catalogue").get(pk=made.pk)
    assert "one follows one" in comparison.poll_content(loaded, open_client)
    assert ResourceLink.objects.get(connection=made).state == "conflict"
    assert press.there(PAGE)["about-us"].body == "First"


def test_an_article_without_an_image_that_shopify_can_fetch_arrives_without_it(press):
    blog = press.add(BLOG, "News")
    article = press.add(ARTICLE, "First", blogId=blog, image={"url": picture(press)})
    press.source.shop.catalog.file_names.clear()
    assert press.poll() == "2 created"
    assert press.there(ARTICLE)["first"].image_url == ""
    assert press.link(article).reason == "Shopify could not fetch its image."


def test_an_image_that_leaves_the_source_leaves_the_destination(press):
    blog = press.add(BLOG, "News")
    article = press.add(ARTICLE, "First", blogId=blog, image={"url": picture(press)})
    press.poll()
    press.change(ARTICLE, article, image=None)
    assert press.poll() == "1 updated"
    assert press.there(ARTICLE)["first"].image_url == ""


@pytest.mark.parametrize("edited", ["overwrite", "keep"])
def test_an_edit_in_the_destination_is_overwritten_or_kept_as_chosen(press, edited):
    press.set(edited=edited)
    page = press.add(PAGE, "About us", body="Ours")
    press.poll()
    press.change(PAGE, press.link(page).destination_gid, place=press.destination, body="Theirs")
    press.compare()
    assert press.there(PAGE)["about-us"].body == {"overwrite": "Ours", "keep": "Theirs"}[edited]
    assert ("body" in press.link(page).reason) == (edited == "keep")


def test_what_was_deleted_in_the_destination_is_made_again_by_the_comparison(press):
    page = press.add(PAGE, "About us")
    press.poll()
    press.remove(PAGE, press.link(page).destination_gid, place=press.destination)
    assert press.compare() == "1 created"
    assert "about-us" in press.there(PAGE)


@pytest.mark.parametrize("kind", [PAGE, BLOG, ARTICLE])
@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_lost_answer_to_a_creation_makes_nothing_twice(press, kind, how):
    blog = press.add(BLOG, "News")
    press.add(PAGE, "About us")
    press.add(ARTICLE, "First", blogId=blog)
    press.destination.fault("lost_answer", match=f"{kind}Create", how=how)
    if how != "internal_error":  # what is told of one request is tried once more, at once
        with pytest.raises(Exception) as caught:
            press.poll()
        assert getattr(caught.value, "failure", "") == "transient"
    press.poll()
    catalog = press.destination.shop.catalog
    assert (len(catalog.pages), len(catalog.blogs), len(catalog.articles)) == (1, 1, 1)
    assert set(ResourceLink.objects.values_list("state", "is_created")) == {("linked", True)}


def test_a_page_that_is_renamed_after_the_answer_to_its_creation_was_lost_is_found_all_the_same(press):
    page = press.add(PAGE, "About us")
    press.destination.fault("lost_answer", match="pageCreate")
    with pytest.raises(AnswerLost):
        press.poll()
    press.change(PAGE, page, handle="about", title="About")
    press.poll()
    [made] = press.destination.shop.catalog.pages.values()
    assert (made.handle, made.title, press.link(page).is_created) == ("about", "About", True)


@pytest.mark.parametrize("effect", range(1, 27))
def test_a_worker_may_die_before_any_effect_and_nothing_is_made_twice(press, effect):
    blog = press.add(BLOG, "News")
    press.add(ARTICLE, "First", blogId=blog)
    with press.world.worker_that_dies(effect):
        press.poll()
    press.poll()
    catalog = press.destination.shop.catalog
    assert (len(catalog.blogs), len(catalog.articles)) == (1, 1)
    assert set(ResourceLink.objects.values_list("state", flat=True)) == {"linked"}


def test_one_that_is_refused_does_not_stop_the_others(press):
    long = press.add(PAGE, "Long")
    press.source.shop.catalog.pages[gids.number(long)].title = "x" * 4000
    press.add(PAGE, "Fine")
    assert press.poll().startswith("1 created, 1 failed")
    assert press.link(long).state == "failed"
    assert "fine" in press.there(PAGE)


def test_nobody_else_works_at_the_same_things_at_the_same_time(press, transactional_db):
    with exclusive.work_alone(press.connection, comparison.LOCK_NAME), pytest.raises(exclusive.Busy):
        _in_another_session(lambda: press.poll())


def _in_another_session(act: Callable[[], object]) -> None:
    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_an_answer_lost_while_reading_moves_no_cursor(press):
    press.add(PAGE, "About us")
    press.destination.fault("lost_answer", match="pageCreate")
    with pytest.raises(AnswerLost):
        press.poll()
    assert cursor_of(press.connection.catalogue, PAGE) is None
