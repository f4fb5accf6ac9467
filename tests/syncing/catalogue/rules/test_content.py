"""What a page, blog or article should be: values that compare, inputs that Shopify takes, and when a run waits."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stores.shopify.content.content import ARTICLE, BLOG, PAGE, ContentRecord
from syncing.catalogue.rules.content import content_input, content_values, image_input, why_held

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PAST, FUTURE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
PAGE_RECORD = ContentRecord(PAGE, "gid://shopify/Page/1", "about", "About", body="Us", published_at=PAST)
ARTICLE_RECORD = ContentRecord(
    ARTICLE,
    "gid://shopify/Article/1",
    "first",
    "First",
    tags=("b", "A"),
    author=" ",
    image_url="https://cdn/1.png",
    image_alt="Sea",
)


@pytest.mark.parametrize(
    ("published_at", "wanted"),
    [
        (None, {"isPublished": False}),
        (PAST, {"isPublished": True, "publishDate": "2026-01-02T03:04:05Z"}),
        (FUTURE, {"publishDate": "2027-01-01T00:00:00Z"}),
    ],
)
def test_when_a_page_is_seen_is_told_so_that_shopify_takes_it(published_at, wanted):
    values = content_values(replace(PAGE_RECORD, published_at=published_at))
    assert content_input({"visible": values["visible"]}, NOW) == wanted


def test_a_new_page_has_everything_of_the_source():
    assert content_input(content_values(PAGE_RECORD), NOW) == {
        "title": "About",
        "handle": "about",
        "body": "Us",
        "isPublished": True,
        "publishDate": "2026-01-02T03:04:05Z",
    }


def test_a_new_article_has_an_author_its_blog_and_its_image():
    values = content_values(
        ARTICLE_RECORD, blog_gid="gid://shopify/Blog/9", image_url="https://cdn/1.png", default_author="Source"
    )
    assert content_input(values, NOW) == {
        "title": "First",
        "handle": "first",
        "body": "",
        "summary": "",
        "tags": ["A", "b"],
        "author": {"name": "Source"},
        "blogId": "gid://shopify/Blog/9",
        "image": {"url": "https://cdn/1.png", "altText": "Sea"},
        "isPublished": False,
    }


def test_a_blog_has_a_comment_policy_and_nothing_of_an_article():
    record = ContentRecord(BLOG, "gid://shopify/Blog/1", "news", "News", comment_policy="CLOSED")
    assert content_input(content_values(record), NOW) == {"title": "News", "handle": "news", "commentPolicy": "CLOSED"}


def test_an_article_that_never_had_an_image_is_created_without_a_word_of_it():
    values = content_values(replace(ARTICLE_RECORD, image_url=""), blog_gid="x", default_author="Ann")
    assert "image" not in content_input(values, NOW)
    assert content_input({"image": {}}, NOW, {"image": {"url": "u", "alt": ""}}) == {"image": None}


def test_an_address_that_is_there_already_is_not_sent_again():
    there = {"url": "https://cdn/1.png", "alt": "Old"}
    assert image_input({"url": "https://cdn/1.png", "alt": "New"}, there, "src") == {"altText": "New"}
    assert image_input({"url": "https://cdn/2.png", "alt": "New"}, there, "src") == {
        "altText": "New",
        "src": "https://cdn/2.png",
    }


def test_tags_compare_whatever_their_order():
    other = replace(ARTICLE_RECORD, tags=("A", "b"))
    assert content_values(ARTICLE_RECORD)["tags"] == content_values(other)["tags"]


@pytest.mark.parametrize(
    ("count", "total", "words"),
    [(0, 0, ""), (4, 4, ""), (5, 25, ""), (6, 25, "6 of 25"), (50, 1000, ""), (51, 1000, "51 things")],
)
def test_a_run_that_would_remove_too_much_waits(count, total, words):
    reason = why_held(count, total, share=20, most=50, minimum=5)
    assert words in reason and bool(words) == bool(reason)
