"""Pages, blogs and articles: reading what changed, and creating, changing and deleting them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.instants import instant_or_none

PAGE, BLOG, ARTICLE = "page", "blog", "article"
GID_TYPES = {PAGE: "Page", BLOG: "Blog", ARTICLE: "Article"}

WRITE_COST = 10.0
RECORDS_PER_READ = 50

# Codes of refusals that a caller may do something about (shopify.md 8.3).
TAKEN, UPLOAD_FAILED, NOT_FOUND = "TAKEN", "UPLOAD_FAILED", "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class ContentRecord:
    """One page, blog or article; what its kind does not have is empty.

    `published_at` is when it became or will become visible, None while it is hidden. `updated_at` is None where
    Shopify does not tell (blogs and articles may). `comment_policy` is AUTO_PUBLISHED, CLOSED or MODERATED, of blogs
    only; from `blog_gid` on, the fields are of articles only. Tags come as Shopify orders them.
    """

    kind: str
    gid: str
    handle: str
    title: str
    updated_at: datetime | None = None
    body: str = ""
    published_at: datetime | None = None
    comment_policy: str = ""
    blog_gid: str = ""
    blog_handle: str = ""
    summary: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    image_url: str = ""
    image_alt: str = ""


@dataclass(frozen=True, slots=True)
class ContentHead:
    """What identifies one: its handle is unique in the store, an article's only in its blog (shopify.md 8.3)."""

    gid: str
    handle: str
    blog_gid: str = ""


@dataclass(frozen=True, slots=True)
class WrittenContent:
    """What a write made. Compare `handle`: Shopify changes or ignores a blog's without a word (shopify.md 8.3)."""

    gid: str
    handle: str
    image_url: str = ""


_PAGE = "id handle title body publishedAt updatedAt"
_BLOG = "id handle title commentPolicy updatedAt"
_ARTICLE = """
    id handle title body summary tags publishedAt updatedAt
    author { name } blog { id handle } image { url altText }
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/pages
LIST_PAGES = f"""
query ListPages($after: String, $query: String) {{
  pages(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ {_PAGE} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
# Blogs cannot be sorted by when they changed.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/blogs
LIST_BLOGS = f"""
query ListBlogs($after: String, $query: String) {{
  blogs(first: 50, after: $after, query: $query, sortKey: ID) {{
    nodes {{ {_BLOG} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/articles
LIST_ARTICLES = f"""
query ListArticles($after: String, $query: String) {{
  articles(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ {_ARTICLE} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
_LIST = {PAGE: LIST_PAGES, BLOG: LIST_BLOGS, ARTICLE: LIST_ARTICLES}
_PLURAL = {PAGE: "pages", BLOG: "blogs", ARTICLE: "articles"}


def iter_content(client: Client, kind: str, since: datetime | None = None) -> Iterator[ContentRecord]:
    """Every page, blog or article, or those changed at `since` or later, 50 in memory at a time.

    Shopify's search lags behind by seconds, and its instants are whole seconds: look back further than the last one
    seen. Those without an updatedAt are never found by `since`. Raises as Client.execute does.
    """
    query = None if since is None else f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    for node in client.pages(_LIST[kind], {"query": query}, (_PLURAL[kind],), cost=15):
        yield _record(kind, node)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_PAGES = f"query ReadPages($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Page {{ {_PAGE} }} }} }}"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_BLOGS = f"query ReadBlogs($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Blog {{ {_BLOG} }} }} }}"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_ARTICLES = f"query ReadArticles($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Article {{ {_ARTICLE} }} }} }}"
_READ = {PAGE: READ_PAGES, BLOG: READ_BLOGS, ARTICLE: READ_ARTICLES}


def read_content(client: Client, kind: str, content_gids: Sequence[str]) -> dict[str, ContentRecord]:
    """Those of these that exist, by gid. Raises GidError for malformed ids, and as Client.execute does."""
    gids.require(content_gids, GID_TYPES[kind])
    found: dict[str, ContentRecord] = {}
    rest = iter(content_gids)
    while batch := list(islice(rest, RECORDS_PER_READ)):
        nodes = client.execute(_READ[kind], {"ids": batch}, cost=10 + len(batch))["nodes"]
        found |= {node["id"]: _record(kind, node) for node in nodes if node}
    return found


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/pages
LIST_PAGE_IDS = """
query ListPageIds($after: String) {
  pages(first: 250, after: $after, sortKey: ID) { nodes { id handle } pageInfo { hasNextPage endCursor } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/blogs
LIST_BLOG_IDS = """
query ListBlogIds($after: String) {
  blogs(first: 250, after: $after, sortKey: ID) { nodes { id handle } pageInfo { hasNextPage endCursor } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/articles
LIST_ARTICLE_IDS = """
query ListArticleIds($after: String) {
  articles(first: 250, after: $after, sortKey: ID) {
    nodes { id handle blog { id } } pageInfo { hasNextPage endCursor }
  }
}
"""
_LIST_IDS = {PAGE: LIST_PAGE_IDS, BLOG: LIST_BLOG_IDS, ARTICLE: LIST_ARTICLE_IDS}


def iter_heads(client: Client, kind: str) -> Iterator[ContentHead]:
    """The identity of every page, blog or article. Without a search, so that none is missed because it is new.

    Raises as Client.execute does.
    """
    for node in client.pages(_LIST_IDS[kind], None, (_PLURAL[kind],), cost=18):
        yield ContentHead(node["id"], node["handle"], (node.get("blog") or {}).get("id", ""))


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/pageCreate
CREATE_PAGE = """
mutation CreatePage($content: PageCreateInput!) {
  pageCreate(page: $content) { page { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/blogCreate
CREATE_BLOG = """
mutation CreateBlog($content: BlogCreateInput!) {
  blogCreate(blog: $content) { blog { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/articleCreate
CREATE_ARTICLE = """
mutation CreateArticle($content: ArticleCreateInput!) {
  articleCreate(article: $content) {
    article { id handle image { url } } userErrors { code field message }
  }
}
"""
_CREATE = {PAGE: CREATE_PAGE, BLOG: CREATE_BLOG, ARTICLE: CREATE_ARTICLE}


def create_content(client: Client, kind: str, content: Mapping[str, Any]) -> WrittenContent:
    """Create one from its input (PageCreateInput, BlogCreateInput, ArticleCreateInput).

    A blog whose handle is taken gets another one; others raise UserErrors with TAKEN (shopify.md 8.3). Not idempotent:
    with `outcome_unknown` look for the handle before sending it again. Raises also as Client.execute does.
    """
    data = client.execute(_CREATE[kind], {"content": dict(content)}, cost=WRITE_COST)
    return _written(client, data, kind, f"{kind}Create", f"the {kind} cannot be created.")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/pageUpdate
UPDATE_PAGE = """
mutation UpdatePage($id: ID!, $content: PageUpdateInput!) {
  pageUpdate(id: $id, page: $content) { page { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/blogUpdate
UPDATE_BLOG = """
mutation UpdateBlog($id: ID!, $content: BlogUpdateInput!) {
  blogUpdate(id: $id, blog: $content) { blog { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/articleUpdate
UPDATE_ARTICLE = """
mutation UpdateArticle($id: ID!, $content: ArticleUpdateInput!) {
  articleUpdate(id: $id, article: $content) {
    article { id handle image { url } } userErrors { code field message }
  }
}
"""
_UPDATE = {PAGE: UPDATE_PAGE, BLOG: UPDATE_BLOG, ARTICLE: UPDATE_ARTICLE}


def update_content(client: Client, kind: str, content_gid: str, content: Mapping[str, Any]) -> WrittenContent:
    """Change fields of one; the others stay. Safe to repeat.

    A blog whose new handle is taken stays wholly unchanged, and no error says so (shopify.md 8.3): compare `handle`.
    Raises UserErrors, GidError, and as Client.execute does.
    """
    gids.require(content_gid, GID_TYPES[kind])
    data = client.execute(_UPDATE[kind], {"id": content_gid, "content": dict(content)}, cost=WRITE_COST)
    return _written(client, data, kind, f"{kind}Update", f"{content_gid} cannot be changed.")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/pageDelete
DELETE_PAGE = "mutation DeletePage($id: ID!) { pageDelete(id: $id) { userErrors { code field message } } }"
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/blogDelete
DELETE_BLOG = "mutation DeleteBlog($id: ID!) { blogDelete(id: $id) { userErrors { code field message } } }"
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/articleDelete
DELETE_ARTICLE = "mutation DeleteArticle($id: ID!) { articleDelete(id: $id) { userErrors { code field message } } }"
_DELETE = {PAGE: DELETE_PAGE, BLOG: DELETE_BLOG, ARTICLE: DELETE_ARTICLE}


def delete_content(client: Client, kind: str, content_gid: str) -> bool:
    """Delete one, a blog with its articles; False if there is none (any more).

    Raises UserErrors, GidError, and as Client.execute does. Safe to repeat.
    """
    gids.require(content_gid, GID_TYPES[kind])
    try:
        data = client.execute(_DELETE[kind], {"id": content_gid}, cost=WRITE_COST)
        answers.payload_of(data, f"{kind}Delete", client.domain, f"{content_gid} cannot be deleted.")
    except ObjectNotFound:
        return False
    except UserErrors as error:
        if has_code(error, NOT_FOUND):
            return False
        raise
    return True


def has_code(error: UserErrors, code: str) -> bool:
    """Whether any of the user errors has this code."""
    return any(row.code == code for row in error.errors)


def _written(client: Client, data: dict[str, Any], kind: str, name: str, refused: str) -> WrittenContent:
    node = answers.payload_of(data, name, client.domain, refused)[kind]
    if not node:
        raise UnexpectedAnswer(f"{client.domain}: {name} tells of no {kind}.", outcome_unknown=True)
    return WrittenContent(node["id"], node["handle"], (node.get("image") or {}).get("url") or "")


def _record(kind: str, node: dict[str, Any]) -> ContentRecord:
    blog, image = node.get("blog") or {}, node.get("image") or {}
    return ContentRecord(
        kind=kind,
        gid=node["id"],
        handle=node["handle"],
        title=node["title"],
        updated_at=instant_or_none(node["updatedAt"]),
        body=node.get("body") or "",
        published_at=instant_or_none(node.get("publishedAt")),
        comment_policy=node.get("commentPolicy") or "",
        blog_gid=blog.get("id", ""),
        blog_handle=blog.get("handle", ""),
        summary=node.get("summary") or "",
        author=(node.get("author") or {}).get("name") or "",
        tags=tuple(node.get("tags") or ()),
        image_url=image.get("url") or "",
        image_alt=image.get("altText") or "",
    )
