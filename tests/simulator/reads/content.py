"""Resolvers of pages, blogs and articles (shopify.md 8.3)."""

from __future__ import annotations

import re

from tests.simulator.documents.call import Call
from tests.simulator.mutations.content import articles_of
from tests.simulator.reads.paging import Page, connection_resolvers, page_of, write_cursor
from tests.simulator.reads.searching.keys_catalogue import search_catalog
from tests.simulator.reads.shop import attribute, catalog_by_id, exact_count, id_key, identity, instant
from tests.simulator.state.catalogue import Article, Blog, ContentPage

SORTS = {
    "TITLE": lambda row: (row.title.casefold(), row.id),
    "HANDLE": lambda row: (row.handle, row.id),
    "UPDATED_AT": lambda row: (row.updated_at, row.id),
    "PUBLISHED_AT": lambda row: (row.published_at or 0, row.id),
    "AUTHOR": lambda row: (row.author.casefold(), row.id),
}


def connection(table: str):
    def resolve(root, call: Call, arguments: dict) -> Page:
        key = SORTS.get(arguments["sortKey"], id_key)
        rows = sorted(getattr(call.shop.catalog, table).values(), key=key)
        return page_of(call, arguments, rows, key, search_catalog(call, table, arguments.get("query")))

    return resolve


def articles_of_blog(blog: Blog, call: Call, arguments: dict) -> Page:
    return page_of(call, arguments, sorted(articles_of(call.shop, blog.id), key=id_key), id_key, None)


def tags_of_blog(blog: Blog, call: Call, arguments: dict) -> list[str]:
    """Of its 200 newest articles."""
    newest = sorted(articles_of(call.shop, blog.id), key=lambda row: -row.created_at)[:200]
    return sorted({tag for article in newest for tag in article.tags})


def is_published(thing: ContentPage | Article, call: Call, arguments: dict) -> bool:
    return thing.published_at is not None and thing.published_at <= call.now


def _summary(page: ContentPage, call: Call, arguments: dict) -> str:
    text = re.sub(r"<[^>]*>", "", page.body)
    return text if len(text) <= 150 else f"{text[:147]}..."


def _plain(kind: str, *names: str) -> dict:
    return {f"{kind}.{name}": attribute(re.sub(r"([A-Z])", r"_\1", name).lower()) for name in names}


RESOLVERS = {
    **connection_resolvers(["Page", "Blog", "Article"]),
    "QueryRoot.page": catalog_by_id("Page"),
    "QueryRoot.pages": connection("pages"),
    "QueryRoot.blog": catalog_by_id("Blog"),
    "QueryRoot.blogs": connection("blogs"),
    "QueryRoot.article": catalog_by_id("Article"),
    "QueryRoot.articles": connection("articles"),
    **identity("Page"),
    **identity("Blog"),
    **identity("Article"),
    **_plain("Page", "title", "handle", "body", "templateSuffix"),
    **_plain("Blog", "title", "handle", "commentPolicy", "templateSuffix"),
    **_plain("Article", "title", "handle", "body", "summary", "tags", "templateSuffix"),
    "Page.publishedAt": instant("published_at"),
    "Page.isPublished": is_published,
    "Page.bodySummary": _summary,
    "Page.defaultCursor": lambda page, call, arguments: write_cursor((page.id - 1,)),
    "Blog.articles": articles_of_blog,
    "Blog.articlesCount": lambda blog, call, arguments: exact_count(len(articles_of(call.shop, blog.id))),
    "Blog.tags": tags_of_blog,
    "Article.publishedAt": instant("published_at"),
    "Article.isPublished": is_published,
    "Article.blog": lambda article, call, arguments: call.shop.catalog.blogs[article.blog_id],
    "Article.author": lambda article, call, arguments: {"name": article.author} if article.author else None,
}
