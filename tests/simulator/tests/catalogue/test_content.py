"""Pages, blogs and articles: their parts, their manners about handles, and no webhooks (shopify.md 8.3, 4.7)."""

from __future__ import annotations

import pytest

from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.payloads.payloads import TOPICS
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import Api, Small

PAGE = "id title handle body isPublished publishedAt updatedAt templateSuffix bodySummary"
BLOG = "id title handle commentPolicy templateSuffix tags articlesCount { count }"
ARTICLE = """id title handle body summary tags isPublished publishedAt author { name } blog { id handle }
  image { url altText } metafields(first: 9) { nodes { key value } }"""
DOCUMENTS = {
    "pageCreate": f"mutation M($given: PageCreateInput!) {{ pageCreate(page: $given) {{ page {{ {PAGE} }} %s }} }}",
    "pageUpdate": f"""mutation M($id: ID!, $given: PageUpdateInput!) {{
      pageUpdate(id: $id, page: $given) {{ page {{ {PAGE} }} %s }} }}""",
    "pageDelete": "mutation M($id: ID!) { pageDelete(id: $id) { deletedPageId %s } }",
    "blogCreate": f"mutation M($given: BlogCreateInput!) {{ blogCreate(blog: $given) {{ blog {{ {BLOG} }} %s }} }}",
    "blogUpdate": f"""mutation M($id: ID!, $given: BlogUpdateInput!) {{
      blogUpdate(id: $id, blog: $given) {{ blog {{ {BLOG} }} %s }} }}""",
    "blogDelete": "mutation M($id: ID!) { blogDelete(id: $id) { deletedBlogId %s } }",
    "articleCreate": f"""mutation M($given: ArticleCreateInput!, $blog: ArticleBlogInput) {{
      articleCreate(article: $given, blog: $blog) {{ article {{ {ARTICLE} }} %s }} }}""",
    "articleUpdate": f"""mutation M($id: ID!, $given: ArticleUpdateInput!) {{
      articleUpdate(id: $id, article: $given) {{ article {{ {ARTICLE} }} %s }} }}""",
    "articleDelete": "mutation M($id: ID!) { articleDelete(id: $id) { deletedArticleId %s } }",
}
ERRORS = "userErrors { code field message }"


class Press:
    """Makes, changes and deletes content of one shop."""

    def __init__(self, api: Api):
        self.api = api

    def send(self, name: str, number: str | None = None, blog: dict | None = None, **given) -> dict:
        variables = {"given": given} | ({"id": number} if number else {}) | ({"blog": blog} if blog else {})
        if name.endswith("Delete"):
            variables.pop("given")
        return self.api.data(DOCUMENTS[name] % ERRORS, variables)[name]

    def do(self, name: str, number: str | None = None, **given) -> dict:
        answer = self.send(name, number, **given)
        assert answer.pop("userErrors") == []
        return next(iter(answer.values()))

    def refused(self, name: str, number: str | None = None, **given) -> list[tuple[str, list]]:
        answer = self.send(name, number, **given)
        errors = answer.pop("userErrors")
        assert next(iter(answer.values())) is None
        return [(error["code"], error["field"]) for error in errors]

    def article(self, blog: dict, **given) -> dict:
        return self.do("articleCreate", blogId=blog["id"], author={"name": "Ann"}, **{"title": "News", **given})


@pytest.fixture
def press(api: Api) -> Press:
    return Press(api)


# Pages


def test_a_page_is_visible_by_default_and_its_body_is_kept_as_sent(press: Press):
    made = press.do("pageCreate", title="About us", body="<p>Hi</p><script>x()</script>")
    assert (made["handle"], made["isPublished"]) == ("about-us", True)
    assert made["body"] == "<p>Hi</p><script>x()</script>"
    assert press.do("pageCreate", title="Hidden", isPublished=False)["publishedAt"] is None


def test_a_page_with_a_date_to_come_is_not_visible_before_it(press: Press, api: Api, small: Small):
    later = iso_utc(small.sim.clock.seconds() + 100)
    made = press.do("pageCreate", title="Soon", publishDate=later)
    assert (made["isPublished"], made["publishedAt"]) == (False, later)
    assert press.refused("pageCreate", title="x", isPublished=True, publishDate=later) == [
        ("INVALID_PUBLISH_DATE", ["page"])
    ]
    small.sim.clock.advance(100)
    document = "query P($id: ID!) { page(id: $id) { isPublished } }"
    assert api.data(document, {"id": made["id"]}) == {"page": {"isPublished": True}}


def test_a_taken_handle_of_a_page_is_refused_and_one_from_the_title_gets_a_number(press: Press):
    press.do("pageCreate", title="About")
    assert press.do("pageCreate", title="About")["handle"] == "about-1"
    assert press.refused("pageCreate", title="x", handle="About") == [("TAKEN", ["page", "handle"])]
    other = press.do("pageCreate", title="Other")
    assert press.refused("pageUpdate", other["id"], handle="about") == [("TAKEN", ["page", "handle"])]


def test_a_page_is_changed_in_what_is_given_only(press: Press, small: Small):
    made = press.do("pageCreate", title="About", body="old", templateSuffix="wide")
    small.sim.clock.advance(5)
    changed = press.do("pageUpdate", made["id"], body="new", handle="who-we-are", redirectNewHandle=True)
    assert changed["updatedAt"] > made["updatedAt"]
    assert {**changed, "updatedAt": ""} == {
        **made, "body": "new", "bodySummary": "new", "handle": "who-we-are", "updatedAt": ""
    }  # fmt: skip
    assert small.shop.catalog.redirects == {"/pages/about": "/pages/who-we-are"}


def test_what_is_wrong_with_a_page_is_refused(press: Press):
    assert press.refused("pageCreate", title="") == [("BLANK", ["page", "title"])]
    assert press.refused("pageCreate", title="x" * 4000) == [("TOO_LONG", ["page", "title"])]
    assert press.refused("pageCreate", title="x", body="x" * 600_000) == [("TOO_BIG", ["page", "body"])]
    assert press.refused("pageUpdate", gid("Page", 1), title="x") == [("NOT_FOUND", ["id"])]
    assert press.refused("pageDelete", gid("Page", 1)) == [("NOT_FOUND", ["id"])]


# Blogs


def test_a_taken_handle_of_a_blog_gets_a_number_or_is_ignored_without_a_word(press: Press):
    press.do("blogCreate", title="News", handle="news")
    other = press.do("blogCreate", title="More news", handle="news")
    assert other["handle"] == "news-1"
    changed = press.do("blogUpdate", other["id"], handle="news", title="Other")
    assert (changed["handle"], changed["title"]) == ("news-1", "Other")
    assert press.do("blogUpdate", other["id"], handle="free")["handle"] == "free"


def test_a_blog_takes_its_articles_with_it(press: Press, small: Small):
    blog = press.do("blogCreate", title="News", commentPolicy="MODERATED")
    press.article(blog, tags=["b", "a"])
    assert press.do("blogUpdate", blog["id"], title="N")["tags"] == ["a", "b"]
    assert press.do("blogDelete", blog["id"]) == blog["id"]
    assert small.shop.catalog.articles == {}


# Articles


def test_an_article_has_everything_that_was_asked_for(press: Press, small: Small):
    blog = press.do("blogCreate", title="News")
    source = url_of(small.shop, drawn_file(small.shop, "news.png", small.sim.clock.whole_seconds()))
    made = press.article(
        blog,
        body="<p>b</p>",
        summary="<i>s</i>",
        tags=["x"],
        isPublished=True,
        image={"url": source, "altText": "Alt"},
        metafields=[{"namespace": "sync", "key": "origin", "type": "single_line_text_field", "value": "1"}],
    )
    assert (made["handle"], made["body"], made["summary"], made["tags"]) == ("news", "<p>b</p>", "<i>s</i>", ["x"])
    assert (made["author"], made["blog"]["id"], made["isPublished"]) == ({"name": "Ann"}, blog["id"], True)
    assert made["image"]["altText"] == "Alt"
    assert made["metafields"]["nodes"] == [{"key": "origin", "value": "1"}]
    assert press.do("articleUpdate", made["id"], image=None)["image"] is None


def test_an_articles_handle_is_unique_in_its_blog_only(press: Press):
    blog, other = (press.do("blogCreate", title=title) for title in ("One", "Two"))
    made = press.article(blog)
    assert press.article(other)["handle"] == "news"
    given = {"title": "x", "author": {"name": "Ann"}, "handle": "news", "blogId": blog["id"]}
    assert press.refused("articleCreate", **given) == [("TAKEN", ["article", "handle"])]
    assert press.article(blog)["handle"] == "news-1"
    assert press.do("articleUpdate", made["id"], handle="news")["handle"] == "news"


def test_an_article_makes_its_blog_when_it_is_told_to(press: Press):
    made = press.do("articleCreate", title="First", author={"name": "Ann"}, blog={"title": "Fresh"})
    assert made["blog"]["handle"] == "fresh"


@pytest.mark.parametrize(
    ("given", "blog", "expected"),
    [
        ({"author": {}}, None, ("AUTHOR_FIELD_REQUIRED", ["article", "author"])),
        ({"author": {"name": "A", "userId": gid("StaffMember", 1)}}, None, ("AMBIGUOUS_AUTHOR", ["article", "author"])),
        ({"author": {"userId": gid("StaffMember", 1)}}, None, ("AUTHOR_MUST_EXIST", ["article", "author", "userId"])),
        ({"blogId": None}, None, ("BLOG_REFERENCE_REQUIRED", ["article", "blogId"])),
        ({}, {"title": "x"}, ("AMBIGUOUS_BLOG", ["article", "blogId"])),
        ({"blogId": gid("Blog", 1)}, None, ("NOT_FOUND", ["article", "blogId"])),
        ({"image": {"url": "http://127.0.0.1:9/no.png"}}, None, ("UPLOAD_FAILED", ["article", "image"])),
        ({"title": " "}, None, ("BLANK", ["article", "title"])),
    ],
)
def test_what_is_wrong_with_an_article_is_refused(press: Press, given, blog, expected):
    made = press.do("blogCreate", title="News")
    whole = {"title": "t", "author": {"name": "Ann"}, "blogId": made["id"], **given}
    assert press.refused("articleCreate", blog=blog, **whole) == [expected]


# Finding


def test_what_changed_since_a_moment_is_found_with_the_gap_of_one_second(press: Press, api: Api, small: Small):
    first = press.do("pageCreate", title="First")
    small.sim.clock.advance(10)
    second = press.do("pageCreate", title="Second")
    document = """query P($query: String) { pages(first: 9, query: $query, sortKey: UPDATED_AT) { nodes { id } } }"""

    def found(query: str) -> list[str]:
        return [node["id"] for node in api.data(document, {"query": query})["pages"]["nodes"]]

    assert found(f"updated_at:>'{first['updatedAt']}'") == [second["id"]]
    assert found(f"updated_at:>='{first['updatedAt']}'") == [first["id"], second["id"]]
    assert found("title:Second") == [second["id"]]


def test_blogs_and_articles_are_found_too(press: Press, api: Api):
    blog = press.do("blogCreate", title="News")
    made = press.article(blog, tags=["a"])
    document = """{ blogs(first: 5, query: "handle:news") { nodes { id articles(first: 5) { nodes { id } } } }
      articles(first: 5, query: "tag:a author:Ann") { nodes { id } } }"""
    found = api.data(document)
    assert found["articles"]["nodes"] == [{"id": made["id"]}]
    assert found["blogs"]["nodes"] == [{"id": blog["id"], "articles": {"nodes": [{"id": made["id"]}]}}]


def test_a_page_of_fifty_costs_nine_points(api: Api):
    pages = api("{ pages(first: 50) { nodes { id handle updatedAt } } }")
    assert pages["extensions"]["cost"]["requestedQueryCost"] == 9


# No webhooks


def test_there_is_no_topic_for_content(press: Press, small: Small):
    assert not [topic for topic in TOPICS if topic.startswith(("PAGES", "BLOGS", "ARTICLES"))]
    told = []
    small.shop.publish = told.extend
    press.article(press.do("blogCreate", title="News"))
    press.do("pageCreate", title="x")
    assert told == []


def test_content_needs_its_scopes(press: Press, api: Api, small: Small):
    small.sim.set_scopes(small.shop.domain, {"read_products"})
    assert api.codes("{ pages(first: 1) { nodes { id } } }") == ["ACCESS_DENIED"]
