"""Which keys the `query` of the catalogue's connections knows ([S] argument descriptions)."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.collection_members import member_ids
from tests.simulator.reads.searching.keys import Keys, search_with
from tests.simulator.reads.searching.search import Values
from tests.simulator.state.shop import Shop


def _file_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda file: file.id,
        "filename": lambda file: file.filename,
        "created_at": lambda file: file.created_at,
        "updated_at": lambda file: file.updated_at,
    }


def _collection_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda row: row.id,
        "title": lambda row: row.title,
        "handle": lambda row: row.handle,
        "updated_at": lambda row: row.updated_at,
        "published_at": lambda row: row.published_at,
        "collection_type": lambda row: "smart" if any(source.conditions for source in row.sources) else "custom",
        "published_status": lambda row: "unpublished" if row.published_at is None else "published",
        "product_id": lambda row: member_ids(shop, row),
    }


def _content_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda row: row.id,
        "title": lambda row: row.title,
        "handle": lambda row: row.handle,
        "created_at": lambda row: row.created_at,
        "updated_at": lambda row: row.updated_at,
    }


def _published_keys(shop: Shop) -> dict[str, Values]:
    return {
        **_content_keys(shop),
        "published_at": lambda row: row.published_at,
        "published_status": lambda row: "unpublished" if row.published_at is None else "published",
    }


def _article_keys(shop: Shop) -> dict[str, Values]:
    return {
        **_published_keys(shop),
        "author": lambda row: row.author,
        "blog_id": lambda row: row.blog_id,
        "blog_title": lambda row: shop.catalog.blogs[row.blog_id].title,
        "tag": lambda row: row.tags,
    }


KEYS = {
    "pages": Keys(_published_keys, lambda shop: lambda row: [row.title, row.body]),
    "blogs": Keys(_content_keys, lambda shop: lambda row: [row.title, row.handle]),
    "articles": Keys(_article_keys, lambda shop: lambda row: [row.title, row.body], frozenset({"tag_not"})),
    "collections": Keys(
        _collection_keys,
        lambda shop: lambda row: [row.title, row.handle],
        frozenset(["product_publication_status", "publishable_status"]),
    ),
    "files": Keys(
        _file_keys,
        lambda shop: lambda file: [file.filename, file.alt],
        frozenset(["ids", "media_type", "original_upload_size", "product_id", "status", "used_in"]),
    ),
}


def search_catalog(call: Call, table: str, text: str | None) -> Callable[[object], bool] | None:
    """A filter for the rows of a table of the catalogue, or None."""
    return search_with(call, KEYS[table], text)
