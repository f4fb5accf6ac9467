"""Pages, blogs and articles follow the source: polled, for Shopify tells nobody when they change (shopify.md 4.7)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from django.utils import timezone

from stores.clients import OpenClient
from stores.models import CatalogueSettings, Connection, ResourceLink, SyncMode
from stores.shopify.content import content
from stores.shopify.content.content import ARTICLE, BLOG, UPLOAD_FAILED, ContentRecord
from stores.shopify.errors import UserErrors
from stores.shopify.instants import parse_instant
from syncing.catalogue import deleting, referring
from syncing.catalogue.content.content_metafields import ContentMetafields
from syncing.catalogue.content.follower import Follower, save_cursor
from syncing.catalogue.content.resource import Made
from syncing.catalogue.content.unlinking import DELETED
from syncing.catalogue.outcome import Blocked, Outcome
from syncing.catalogue.rules.content import HANDLE, IMAGE, IN_BLOG, content_input, content_values

# A poll looks back this much further than what it saw last: Shopify's search lags behind, and its instants are whole
# seconds, so that something may have changed once more in the last second seen (shopify.md 9, rows 14 and 36).
OVERLAP = timedelta(minutes=10)
BATCH_ROWS = 50
State = ResourceLink.State


class ContentResource:
    """Pages, blogs or articles of a connection, for a Follower. Nothing is asked before it is needed."""

    is_composite = False
    always_ours: frozenset[str] = frozenset()
    mode = SyncMode.CREATE_UPDATE

    def __init__(self, connection: Connection, open_client: OpenClient, kind: str, *, is_preview: bool = False) -> None:
        self.connection, self.kind, self.is_preview = connection, kind, is_preview
        self._open_client = open_client
        self.client = open_client(connection.destination)
        self.metafields = ContentMetafields(connection, open_client, kind)
        self._blogs: dict[str, str] = {}

    def wanted(self, record: ContentRecord) -> dict[str, Any]:
        """See Resource. An article waits for its blog, which is carried first if it must be."""
        blog_gid = self._blog_of(record) if self.kind == ARTICLE else ""
        author = str(self.connection.source)
        return content_values(record, blog_gid=blog_gid, image_url=record.image_url, default_author=author)

    def find(self, wanted: Mapping[str, Any]) -> str:
        """See Resource. The handle of an article counts in its blog only."""
        return self._heads.get((wanted.get(IN_BLOG, ""), wanted[HANDLE]), "")

    @cached_property
    def _heads(self) -> dict[tuple[str, str], str]:
        return {(head.blog_gid, head.handle): head.gid for head in content.iter_heads(self.client, self.kind)}

    def forget(self) -> None:
        """See Resource."""
        self.__dict__.pop("_heads", None)

    def read(self, content_gids: Sequence[str]) -> Mapping[str, ContentRecord]:
        """See Resource."""
        return content.read_content(self.client, self.kind, content_gids)

    def living(self, source_gids: Sequence[str]) -> dict[str, str]:
        """See Resource."""
        found = content.read_content(self._open_client(self.connection.source), self.kind, source_gids)
        return {gid: record.handle for gid, record in found.items()}

    def same_place(self, record: ContentRecord, links: Sequence[ResourceLink]) -> Sequence[ResourceLink]:
        """See Resource. An article's handle counts in its blog only."""
        if self.kind != ARTICLE or not links:
            return links
        gid = self._heads.get((self._blog_of(record), record.handle), "")
        return [link for link in links if link.destination_gid == gid]

    def shown_on(self, gid: str) -> Sequence[str]:
        """See Resource. These have no channels."""
        return ()

    def show_again(self, gid: str, channels: Sequence[str]) -> None:
        """See Resource."""

    def current(self, record: ContentRecord, wanted: Mapping[str, Any], image_url: str) -> dict[str, Any]:
        """See Resource."""
        return content_values(record, blog_gid=record.blog_gid, image_url=image_url)

    def create(self, wanted: Mapping[str, Any]) -> Made:
        """See Resource."""
        return self._send(lambda values: content.create_content(self.client, self.kind, values), wanted, None)

    def update(self, record: ContentRecord, changes: Mapping[str, Any], current: Mapping[str, Any]) -> Made:
        """See Resource."""
        return self._send(
            lambda values: content.update_content(self.client, self.kind, record.gid, values), changes, current
        )

    def _send(
        self,
        write: Callable[[Mapping[str, Any]], content.WrittenContent],
        changes: Mapping[str, Any],
        current: Mapping[str, Any] | None,
    ) -> Made:
        """Write; where only the image cannot be had, all but the image."""
        now = timezone.now()
        try:
            made = write(content_input(changes, now, current))
            return Made(made.gid, made.handle, made.image_url)
        except UserErrors as error:
            if IMAGE not in changes or not content.has_code(error, UPLOAD_FAILED):
                raise
        made = write(content_input({name: changes[name] for name in changes if name != IMAGE}, now, current))
        return Made(made.gid, made.handle, made.image_url, ("Shopify could not fetch its image.",), (IMAGE,))

    def unpublish(self, gid: str) -> str:
        """See Resource."""
        if self.kind == BLOG:
            return "A blog cannot be hidden: it was left as it is."
        try:
            content.update_content(self.client, self.kind, gid, {"isPublished": False})
        except UserErrors as error:
            if not content.has_code(error, content.NOT_FOUND):
                raise
            return "It was gone already."
        return "It was hidden."

    def delete(self, gid: str) -> str:
        """See Resource. A blog takes its articles with it, so one that holds any is left."""
        if self.kind == BLOG and any(head.blog_gid == gid for head in content.iter_heads(self.client, ARTICLE)):
            return "It still has articles in the destination: it was left as it is."
        return deleting.WAS_DELETED if content.delete_content(self.client, self.kind, gid) else deleting.WAS_GONE

    def policies(self) -> dict[str, str]:
        """See Resource."""
        return {}

    def notes(self, wanted: Mapping[str, Any]) -> list[str]:
        """See Resource."""
        return []

    def show(self, name: str, wanted: Any, current: Any) -> tuple[Any, Any] | None:
        """See Resource."""
        return None

    def _blog_of(self, article: ContentRecord) -> str:
        """The destination's partner of an article's blog, '' for one that a preview would create."""
        known = self._blogs.get(article.blog_gid)
        if known is None:
            known = self._blogs[article.blog_gid] = self._partner_of(article.blog_gid)
        if not known and not self.is_preview:
            raise Blocked(f"Its blog “{article.blog_handle}” has no partner in the destination.")
        return known

    def _partner_of(self, blog_gid: str) -> str:
        links = self.connection.resource_links.filter(kind=BLOG, source_gid=blog_gid, state=State.LINKED)
        if link := links.first():
            return link.destination_gid
        blogs = ContentResource(self.connection, self._open_client, BLOG, is_preview=self.is_preview)
        records = content.read_content(self._open_client(self.connection.source), BLOG, [blog_gid])
        outcomes = Follower(self.connection, blogs, is_preview=self.is_preview).follow(list(records.values()))
        found = [outcome.destination_gid for outcome in outcomes]
        link = links.first()
        return link.destination_gid if link else next(iter(found), "") if self.is_preview else ""


def poll(connection: Connection, open_client: OpenClient, kind: str) -> Iterator[Outcome]:
    """Carry what changed in the source since the last time; what would be written as it was last costs no call more.

    The first time that is everything. Raises ShopifyError. Safe to repeat, and after an end at any point.
    """
    since = cursor_of(connection.catalogue, kind)
    follower = Follower(connection, ContentResource(connection, open_client, kind), skips_unchanged=True)
    newest = since
    # Blogs are few, and those whose updatedAt is empty would never be found.
    looked_back = since - OVERLAP if since and kind != BLOG else None
    records = content.iter_content(open_client(connection.source), kind, looked_back)
    for batch in _batches(records):
        yield from follower.follow(_of_interest(connection, kind, batch))
        newest = max((record.updated_at for record in batch if record.updated_at), default=newest)
        newest = max(newest, since) if newest and since else newest
    if waiting := referring.ready_of(connection, kind):  # nothing of them has changed, but what they refer to
        found = content.read_content(open_client(connection.source), kind, waiting)
        yield from follower.follow(_of_interest(connection, kind, [*found.values()]))
    if newest and newest != since:
        save_cursor(connection.catalogue, kind, newest.isoformat())


def compare(
    connection: Connection, open_client: OpenClient, kind: str, seen: set[str], *, is_preview: bool = False
) -> Iterator[Outcome]:
    """Compare everything of a kind with the destination and carry what differs, also what was edited there.

    `seen` gets the gids of all that the source has: use it only when the iteration ended by itself. Raises
    ShopifyError. Safe to repeat.
    """
    resource = ContentResource(connection, open_client, kind, is_preview=is_preview)
    follower = Follower(connection, resource, is_preview=is_preview)
    for batch in _batches(content.iter_content(open_client(connection.source), kind)):
        seen |= {record.gid for record in batch}
        yield from follower.follow(_of_interest(connection, kind, batch))
        seen |= follower.replaced


def find_unlinked(connection: Connection, kind: str, seen: set[str]) -> list[tuple[ResourceLink, str]]:
    """The links of what the source no longer has, each with why."""
    links = connection.resource_links.filter(kind=kind).exclude(state=State.UNLINKED)
    return [(link, DELETED) for link in links if link.source_gid not in seen]


def cursor_of(settings: CatalogueSettings, kind: str) -> datetime | None:
    """Up to which updatedAt of the source a kind was read, None if it never was."""
    text = settings.content_cursors.get(kind)
    return parse_instant(text) if text else None


def _of_interest(connection: Connection, kind: str, batch: Sequence[ContentRecord]) -> list[ContentRecord]:
    """All of them; but where only articles follow, just the blogs that were carried for their sake."""
    if kind != BLOG or connection.catalogue.syncs_blogs:
        return list(batch)
    known = set(connection.resource_links.filter(kind=BLOG).values_list("source_gid", flat=True))
    return [record for record in batch if record.gid in known]


def _batches(records: Iterator[ContentRecord]) -> Iterator[list[ContentRecord]]:
    while batch := list(islice(records, BATCH_ROWS)):
        yield list({record.gid: record for record in batch}.values())
