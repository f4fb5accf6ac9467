"""What no longer follows of pages, blogs and articles, and what comes back."""

import pytest

from stores.shopify import gids
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from syncing.catalogue import exclusive
from syncing.models import CatalogueRun
from tests.e2e.killing import wait_until


@pytest.mark.parametrize(
    ("choice", "words"),
    [("unpublish", "1 unpublished"), ("if_ordered", "1 unpublished"), ("delete", "1 deleted"), ("nothing", "1 let go")],
)
def test_a_page_deleted_in_the_source_goes_as_chosen(press, choice, words):
    press.set(unlink=choice)
    page = press.add(PAGE, "About us")
    press.poll()
    press.remove(PAGE, page)
    assert press.poll() is None
    assert press.compare().startswith(words)
    left = press.there(PAGE).get("about-us")
    assert (left is None) == (choice == "delete")
    if left:
        assert (left.published_at is None) == (choice != "nothing")
    assert press.link(page).state == "unlinked"
    assert press.compare() is None


@pytest.mark.parametrize("edited", ["overwrite", "keep"])
def test_what_we_hid_is_shown_again_when_it_comes_back(press, edited):
    press.set(edited=edited)
    page = press.add(PAGE, "About us")
    press.poll()
    row = press.source.shop.catalog.pages.pop(gids.number(page))
    press.compare()
    assert press.there(PAGE)["about-us"].published_at is None
    press.source.shop.catalog.pages[row.id] = row
    assert press.compare() == "1 taken up again"
    assert press.there(PAGE)["about-us"].published_at is not None


def test_articles_go_before_their_blog_and_a_blog_with_others_articles_is_left(press):
    press.set(unlink="delete")
    full, empty = press.add(BLOG, "Full"), press.add(BLOG, "Empty")
    press.add(ARTICLE, "First", blogId=full)
    press.add(ARTICLE, "Second", blogId=empty)
    press.poll()
    theirs = press.link(full).destination_gid
    press.add(ARTICLE, "Own", place=press.destination, blogId=theirs)
    press.remove(BLOG, full)
    press.remove(BLOG, empty)
    press.compare()
    assert set(press.there(BLOG)) == {"full"}
    assert set(press.there(ARTICLE)) == {"own"}
    assert "still has articles" in press.link(full).reason


def test_a_blog_cannot_be_hidden_and_says_so(press):
    blog = press.add(BLOG, "News")
    press.poll()
    press.remove(BLOG, blog)
    press.compare()
    assert "cannot be hidden" in press.link(blog).reason
    assert set(press.there(BLOG)) == {"news"}


def test_a_mass_removal_is_held_and_the_pages_stay(press):
    press.set(guard_products=2, guard_share=100)
    pages = [press.add(PAGE, f"Page {number}") for number in range(3)]
    press.poll()
    for page in pages:
        press.remove(PAGE, page)
    assert press.compare() == "3 to be reviewed"
    assert all(row.published_at for row in press.there(PAGE).values())
    assert CatalogueRun.objects.get().hold_reason == "It would remove 3 things from the destination, more than 2."


def compares(press):
    """Whether it can: the lock of one who died is free when its session has ended, a moment later."""
    try:
        press.compare()
    except exclusive.Busy:
        return False
    return True


def test_a_worker_that_dies_after_it_deleted_a_page_says_that_it_was_us(press):
    press.set(unlink="delete")
    page = press.add(PAGE, "About us")
    press.poll()
    press.remove(PAGE, page)
    with press.world.worker_that_dies() as countdown:
        press.world.meanwhile("pageDelete", countdown.now, after=True)
        press.compare()
    assert wait_until(lambda: compares(press), 10)
    assert "about-us" not in press.there(PAGE)
    assert press.link(page).reason.endswith("It was deleted.")
