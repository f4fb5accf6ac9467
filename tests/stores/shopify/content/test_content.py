"""Pages, blogs and articles on the wire."""

from datetime import UTC, datetime

import pytest

from stores.shopify.content import content
from stores.shopify.content.content import ARTICLE, BLOG, PAGE, ContentHead, ContentRecord, WrittenContent
from stores.shopify.errors import UnexpectedAnswer, UserErrors
from stores.shopify.gids import GidError
from tests.stores.shopify.wire import answer, client, problem, sent

pytestmark = pytest.mark.usefixtures("wire")

NODE = {
    "id": "gid://shopify/Article/1",
    "handle": "first",
    "title": "First",
    "body": "<b>Hello</b>",
    "summary": None,
    "tags": ["a"],
    "publishedAt": "2026-11-20T10:00:00Z",
    "updatedAt": None,
    "author": None,
    "blog": {"id": "gid://shopify/Blog/2", "handle": "news"},
    "image": None,
}


def page(nodes, end=None):
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def test_an_article_is_read_with_empty_text_where_shopify_has_null():
    answer({"articles": page([NODE])})
    [record] = content.iter_content(client(), ARTICLE)
    assert record == ContentRecord(
        kind=ARTICLE,
        gid="gid://shopify/Article/1",
        handle="first",
        title="First",
        body="<b>Hello</b>",
        published_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        blog_gid="gid://shopify/Blog/2",
        blog_handle="news",
        tags=("a",),
    )


def test_what_changed_is_asked_for_with_the_very_second_included():
    answer({"pages": page([])})
    assert list(content.iter_content(client(), PAGE, datetime(2026, 11, 21, 7, 0, 5, 900000, tzinfo=UTC))) == []
    assert sent()[0]["variables"]["query"] == "updated_at:>='2026-11-21T07:00:05Z'"


def test_all_pages_of_heads_are_listed_without_a_search():
    answer({"articles": page([{"id": "gid://shopify/Article/1", "handle": "a", "blog": {"id": "b"}}], "c")})
    answer({"articles": page([{"id": "gid://shopify/Article/2", "handle": "z", "blog": {"id": "b"}}])})
    assert [head.handle for head in content.iter_heads(client(), ARTICLE)] == ["a", "z"]
    assert [body["variables"] for body in sent()] == [{"after": None}, {"after": "c"}]
    answer({"blogs": page([{"id": "gid://shopify/Blog/1", "handle": "news"}])})
    assert list(content.iter_heads(client(), BLOG)) == [ContentHead("gid://shopify/Blog/1", "news")]


def test_those_that_do_not_exist_are_left_out():
    node = {name: NODE[name] for name in ("handle", "title", "body", "publishedAt", "updatedAt")}
    answer({"nodes": [None, node | {"id": "gid://shopify/Page/2"}]})
    found = content.read_content(client(), PAGE, ["gid://shopify/Page/1", "gid://shopify/Page/2"])
    assert set(found) == {"gid://shopify/Page/2"}


def test_more_than_fifty_are_read_in_portions_and_none_costs_no_call():
    answer({"nodes": [None] * 50})
    answer({"nodes": [None]})
    content.read_content(client(), PAGE, [f"gid://shopify/Page/{number}" for number in range(51)])
    assert [len(body["variables"]["ids"]) for body in sent()] == [50, 1]
    assert content.read_content(client(), PAGE, []) == {}
    assert len(sent()) == 2


def test_the_id_of_another_kind_is_never_sent():
    with pytest.raises(GidError):
        content.read_content(client(), PAGE, ["gid://shopify/Blog/1"])
    with pytest.raises(GidError):
        content.delete_content(client(), PAGE, "gid://shopify/Article/1")
    assert sent() == []


def test_a_write_says_which_handle_it_got():
    answer({"blogCreate": {"blog": {"id": "gid://shopify/Blog/3", "handle": "news-1"}, "userErrors": []}})
    made = content.create_content(client(), BLOG, {"title": "News", "handle": "news"})
    assert made == WrittenContent("gid://shopify/Blog/3", "news-1")
    assert sent()[0]["variables"] == {"content": {"title": "News", "handle": "news"}}


def test_a_refusal_keeps_its_code():
    error = {"code": "TAKEN", "field": ["page", "handle"], "message": "Handle has already been taken"}
    answer({"pageUpdate": {"page": None, "userErrors": [error]}})
    with pytest.raises(UserErrors) as caught:
        content.update_content(client(), PAGE, "gid://shopify/Page/1", {"handle": "about"})
    assert content.has_code(caught.value, content.TAKEN)
    assert not content.has_code(caught.value, content.UPLOAD_FAILED)


def test_a_write_that_tells_of_nothing_may_have_taken_effect():
    answer({"pageCreate": {"page": None, "userErrors": []}})
    with pytest.raises(UnexpectedAnswer) as caught:
        content.create_content(client(), PAGE, {"title": "About"})
    assert caught.value.outcome_unknown


def test_deleting_what_is_gone_is_fine_and_says_so():
    answer({"pageDelete": {"userErrors": []}})
    assert content.delete_content(client(), PAGE, "gid://shopify/Page/1") is True
    error = {"code": "NOT_FOUND", "field": ["id"], "message": "Page does not exist"}
    answer({"pageDelete": {"userErrors": [error]}})
    assert content.delete_content(client(), PAGE, "gid://shopify/Page/1") is False
    answer(errors=[problem("RESOURCE_NOT_FOUND")])
    assert content.delete_content(client(), PAGE, "gid://shopify/Page/1") is False
    answer({"pageDelete": {"userErrors": [error | {"code": "INVALID"}]}})
    with pytest.raises(UserErrors):
        content.delete_content(client(), PAGE, "gid://shopify/Page/1")
