"""What a page, blog or article should be in the destination, pure: its values to compare, and the input to write."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stores.shopify.content.content import ARTICLE, BLOG, ContentRecord

TITLE, HANDLE, BODY, VISIBLE, COMMENTS = "title", "handle", "body", "visible", "comment policy"
SUMMARY, TAGS, AUTHOR, IMAGE, IN_BLOG = "summary", "tags", "author", "image", "blog"


def content_values(
    record: ContentRecord, *, blog_gid: str = "", image_url: str = "", default_author: str = ""
) -> dict[str, Any]:
    """Field -> value, in a form that compares by == between two stores.

    `visible` is the instant from which on it can be seen, '' while it is hidden. Of an article, `blog_gid` is its blog
    in the destination and `image_url` the source's address of its image: both stores must be told in the same words.
    An article needs an author (shopify.md 8.3): `default_author` is taken where there is none.
    """
    values: dict[str, Any] = {TITLE: record.title, HANDLE: record.handle}
    if record.kind == BLOG:
        return values | {COMMENTS: record.comment_policy}
    values |= {BODY: record.body, VISIBLE: _instant(record.published_at)}
    if record.kind == ARTICLE:
        values |= {
            SUMMARY: record.summary,
            TAGS: sorted(record.tags, key=str.casefold),
            AUTHOR: record.author.strip() or default_author,
            IMAGE: image_value(image_url, record.image_alt),
            IN_BLOG: blog_gid,
        }
    return values


def image_value(url: str, alt: str) -> dict[str, str]:
    """An image in a form that compares; empty for none."""
    return {"url": url, "alt": alt} if url else {}


def _instant(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


_INPUTS = {
    TITLE: "title",
    HANDLE: "handle",
    BODY: "body",
    COMMENTS: "commentPolicy",
    SUMMARY: "summary",
    TAGS: "tags",
    IN_BLOG: "blogId",
}


def content_input(
    changes: Mapping[str, Any], now: datetime, current: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The input of Shopify's mutations that sets these fields; `current` are the destination's values, None to create.

    A future date must come without isPublished (INVALID_PUBLISH_DATE), and a page shows itself unless it is told not
    to (shopify.md 8.3).
    """
    written = {_INPUTS[name]: value for name, value in changes.items() if name in _INPUTS}
    if AUTHOR in changes:
        written["author"] = {"name": changes[AUTHOR]}
    if IMAGE in changes and (changes[IMAGE] or current):
        written["image"] = image_input(changes[IMAGE], (current or {}).get(IMAGE) or {}, "url")
    if VISIBLE in changes:
        written |= _visibility(changes[VISIBLE], now)
    return written


def image_input(wanted: Mapping[str, str], current: Mapping[str, str], url_name: str) -> dict[str, str] | None:
    """The input of an image, None to take it away. An address that is there already is not sent: it would be copied."""
    if not wanted:
        return None
    written = {"altText": wanted["alt"]}
    return written if wanted["url"] == current.get("url") else written | {url_name: wanted["url"]}


def _visibility(visible: str, now: datetime) -> dict[str, Any]:
    if not visible:
        return {"isPublished": False}
    if datetime.fromisoformat(visible) > now:
        return {"publishDate": visible}
    return {"isPublished": True, "publishDate": visible}


def why_held(count: int, total: int, share: int, most: int, minimum: int) -> str:
    """Why a run that would remove `count` of `total` things has to wait for an operator, in words; '' if it may go on.

    It may remove `most`, and `share` percent of all, where fewer than `minimum` never count as a share.
    """
    if count > most:
        return f"It would remove {count} things from the destination, more than {most}."
    if count >= minimum and count * 100 > share * total:
        return f"It would remove {count} of {total} things from the destination, more than {share} %."
    return ""
