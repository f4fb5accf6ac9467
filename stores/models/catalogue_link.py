"""Which product, collection, page, blog or article of a destination follows which one of the source."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Q, Value
from django.utils import timezone

from stores.models.connection import Connection
from stores.models.store import Store
from stores.shopify.cdn import identity_of


class FollowState(models.TextChoices):
    """How a thing of the source stands in the destination."""

    LINKED = "linked", "Linked: follows the source"
    CREATING = "creating", "Being created"
    UNMATCHED = "unmatched", "Unmatched: the destination has none, and none is created"
    CONFLICT = "conflict", "Conflict: needs a decision"
    FAILED = "failed", "Failed: Shopify refused it"
    WAITING = "waiting", "Waiting: for another day's new variants, or for a currency rate"
    UNLINKED = "unlinked", "Unlinked: no longer follows"


class FollowLink(models.Model):
    """The columns of both kinds of links."""

    # What webhooks and operators write, whoever has the thing in hand just then: none of it is saved by him who has.
    OF_OTHERS: frozenset[str] = frozenset()
    # An empty fingerprint says that the destination must be read. Of whoever emptied it meanwhile, one of these tells.
    SIGNS_OF_EDITS: tuple[str, ...] = ("fingerprint",)
    _read: tuple[str, ...] = ()

    # The connection's destination again, so that the database can see to it that nothing there is claimed twice: an id
    # is unique in one store only.
    destination = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+", editable=False)
    source_gid = models.CharField("id in the source", max_length=64)
    destination_gid = models.CharField("id in the destination", max_length=64, blank=True)
    title = models.CharField(max_length=512, blank=True, help_text="The source's, as last read.")
    handle = models.CharField(max_length=255, blank=True, help_text="The source's, as last read.")
    state = models.CharField(max_length=9, choices=FollowState.choices, default=FollowState.UNMATCHED)
    reason = models.TextField(blank=True, help_text="Why it is in this state, or what was left out, in words.")
    is_created = models.BooleanField(
        "created by us", default=False, help_text="It did not exist in the destination before."
    )
    fingerprint = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Of what was last written: an equal one costs no call."
    )
    # Field -> value as last written, the long ones as digests (syncing.catalogue.rules.fields): to tell an edit by
    # others.
    written = models.JSONField(default=dict, blank=True, editable=False)
    source_updated_at = models.DateTimeField(null=True, blank=True, editable=False)
    synced_at = models.DateTimeField("last written", null=True, blank=True, editable=False)
    unlinked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.title or self.source_gid} ({self.get_state_display().partition(':')[0].lower()})"

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        link = super().from_db(*args, **kwargs)
        link._note_read()
        return link

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._note_read()

    def _note_read(self) -> None:
        self._read = tuple(self.__dict__.get(name, "") for name in self.SIGNS_OF_EDITS)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a row that exists keeps what others wrote since it was read (OF_OTHERS, and an emptied fingerprint).

        It was in hand for seconds, perhaps: while its store was asked, somebody left the product out, or edited it.
        """
        if self.destination_id is None:
            self.destination_id = self.connection.destination_id
        if self._state.adding or kwargs.get("update_fields") is not None:
            super().save(*args, **kwargs)
            return
        kwargs["update_fields"] = {each.name for each in self._meta.concrete_fields if not each.primary_key}
        kwargs["update_fields"] -= self.OF_OTHERS | self.get_deferred_fields()
        with transaction.atomic():
            row = type(self)._default_manager.select_for_update(of=("self",)).filter(pk=self.pk)
            now = row.values_list(*self.SIGNS_OF_EDITS).first()
            if now is not None and now != (self._read or ("",) * len(now)):
                self.fingerprint = ""
            super().save(*args, **kwargs)
        self._note_read()

    @classmethod
    def save_each(cls, links: Sequence[Self], update: Callable[[Sequence[Self], Iterable[str]], object]) -> None:
        """As `save` of each of these, which exist and were read whole. `update` writes fields of many rows at once."""
        with transaction.atomic():
            rows = cls._default_manager.select_for_update(of=("self",)).filter(pk__in=[link.pk for link in links])
            now = {pk: tuple(signs) for pk, *signs in rows.order_by("pk").values_list("pk", *cls.SIGNS_OF_EDITS)}
            for link in links:
                if link.pk not in now:
                    raise cls.DoesNotExist(f"{link} is gone.")
                if now[link.pk] != (link._read or ("",) * len(now[link.pk])):
                    link.fingerprint = ""
                link.changed_at = timezone.now()
            update(links, {each.name for each in cls._meta.concrete_fields if not each.primary_key} - cls.OF_OTHERS)
        for link in links:
            link._note_read()

    def note_source(self, record: Any) -> None:
        """Remember what the thing of the source is called, and the state of it that was read. Saves nothing."""
        self.title, self.handle, self.source_updated_at = record.title[:512], record.handle[:255], record.updated_at


class ProductLink(FollowLink):
    """One row per connection and product of the source that is, was, or should be in the destination."""

    State = FollowState
    OF_OTHERS = frozenset({"excluded_by", "heard", "heard_there", "missing_at", "is_surely_missing", "removals"})
    SIGNS_OF_EDITS = ("fingerprint", "heard_there")

    class UnlinkReason(models.TextChoices):
        DELETED = "deleted", "It was deleted in the source"
        NOT_SHARED = "not_shared", "The source no longer shares it"
        NOT_SELECTED = "not_selected", "It has left the selection of this connection"
        EXCLUDED = "excluded", "Left out of this connection by hand"
        DISCONNECTED = "disconnected", "The connection was ended"

    class Done(models.TextChoices):
        UNPUBLISHED = "unpublished", "Unpublished"
        UNDECIDED = "undecided", "Unpublished; deleted in a day if it was never ordered"
        DELETED = "deleted", "Deleted"
        LEFT = "left", "Left as it is"
        # Until nothing else has it any more: then it goes as the connection's choice says (syncing.catalogue.spared).
        SPARED = "spared", "Left for another product or source"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="product_links")
    departure = models.CharField("why it no longer follows", max_length=12, choices=UnlinkReason.choices, blank=True)
    unlink_done = models.CharField("what became of it", max_length=11, choices=Done.choices, blank=True, editable=False)
    excluded_by = models.CharField(
        "left out by",
        max_length=150,
        blank=True,
        editable=False,
        help_text="Who decided that it shall not follow.",
    )
    # What the last products/update webhooks of source and destination told, as digests
    # (syncing.catalogue.rules.webhook_digest).
    heard = models.CharField(max_length=90, blank=True, editable=False)
    heard_there = models.CharField(max_length=90, blank=True, editable=False)
    # The destination's instant (Shopify's `updatedAt`), and ours, when it was last read and all was well;
    # null after a write, until then (syncing.catalogue.runs.edits_there).
    destination_updated_at = models.DateTimeField(null=True, blank=True, editable=False)
    compared_there_at = models.DateTimeField(null=True, blank=True, editable=False)
    retry_at = models.DateTimeField("tried again at", null=True, blank=True, editable=False)
    # Since when the source has it no more (the database's clock), and whether the source was read as a whole since: it
    # may have been made again under another id (syncing.catalogue.products.succession).
    missing_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_surely_missing = models.BooleanField(default=False, db_default=False, editable=False)
    # Ids in the source that its metafields refer to and that had no partner yet.
    awaits = models.JSONField(default=list, db_default=[], blank=True, editable=False)
    # When it goes on sale on channels that Shopify cannot tell the instant: then somebody must look again.
    publish_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What became of what is removed though the product follows (syncing.catalogue.products.writes.own_variants): how
    # many were removed lately, what waits for an operator, and what an operator has kept.
    removals = models.JSONField(default=dict, blank=True, editable=False, db_default=Value({}, models.JSONField()))
    # The channels it was taken from, so that a product that comes back appears where it was.
    unpublished_from = models.JSONField(default=list, blank=True, editable=False)

    class Meta(FollowLink.Meta):
        verbose_name = "product"
        verbose_name_plural = "products"
        ordering = ["connection", "title"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "source_gid"], name="product_link_once_per_connection"),
            # Two sources that claim one product are a conflict, never silently taken turns with.
            models.UniqueConstraint(
                fields=["destination", "destination_gid"],
                condition=Q(state="linked"),
                name="destination_product_claimed_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="linked") | ~Q(destination_gid=""), name="linked_product_has_a_partner"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "state"]),
            models.Index(fields=["title"]),  # the console lists them by it
            models.Index(fields=["departure", "title"], condition=~Q(departure=""), name="product_link_departed"),
            models.Index(fields=["source_gid"]),
            models.Index(fields=["destination", "destination_gid"]),
            models.Index(fields=["publish_at"], condition=Q(publish_at__isnull=False), name="product_link_publish_at"),
            # What wants attention is counted on every page of the console (and for alerts): few of many.
            models.Index(
                fields=["connection"], condition=Q(state__in=("conflict", "failed")), name="product_link_attention"
            ),
            models.Index(fields=["id"], condition=~Q(awaits=[]), name="product_link_awaits"),
            models.Index(fields=["retry_at"], condition=Q(retry_at__isnull=False), name="product_link_retry"),
            models.Index(fields=["connection"], condition=Q(unlink_done="spared"), name="product_link_spared"),
            # What is being made: whoever makes another product compares it with these (syncing.catalogue.twins).
            models.Index(
                fields=["destination"], condition=Q(is_created=True, synced_at__isnull=True), name="product_link_begun"
            ),
        ]

    def note_destination(self, updated_at: datetime | None) -> None:
        """It was as it should be at this instant of its own; None: nobody knows. Saves nothing."""
        self.destination_updated_at, self.compared_there_at = updated_at, timezone.now() if updated_at else None


class ResourceLink(FollowLink):
    """One row per connection and collection, page, blog, article or metaobject of the source."""

    State = FollowState

    class Kind(models.TextChoices):
        COLLECTION = "collection", "Collection"
        PAGE = "page", "Page"
        BLOG = "blog", "Blog"
        ARTICLE = "article", "Article"
        METAOBJECT = "metaobject", "Metaobject"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="resource_links")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # As ProductLink.awaits.
    awaits = models.JSONField(default=list, db_default=[], blank=True, editable=False)
    parent_gid = models.CharField(
        "blog in the source", max_length=64, blank=True, help_text="Of an article: its handle is unique in its blog."
    )

    # Of a metaobject: how many references it is away from what is carried for its own sake.
    depth = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta(FollowLink.Meta):
        verbose_name = "collection or content"
        verbose_name_plural = "collections & content"
        ordering = ["connection", "kind", "title"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "source_gid"], name="resource_link_once_per_connection"),
            models.UniqueConstraint(
                fields=["destination", "destination_gid"],
                condition=Q(state="linked"),
                name="destination_resource_claimed_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="linked") | ~Q(destination_gid=""), name="linked_resource_has_a_partner"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "kind", "state"]),
            models.Index(fields=["id"], condition=~Q(awaits=[]), name="resource_link_awaits"),
        ]


def url_key(url: str) -> str:
    """What a source address is looked up by: addresses may be longer than an index takes."""
    return sha256(identity_of(url).encode()).hexdigest()


class CatalogueFile(models.Model):
    """A file that a destination made of a source's address: sent again, the address would make another copy."""

    class State(models.TextChoices):
        PROCESSING = "processing", "Shopify is still fetching it"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="catalogue_files")
    source_url = models.TextField("address in the source")
    source_key = models.CharField(max_length=64, editable=False)
    file_gid = models.CharField("file in the destination", max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROCESSING)
    reason = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "file of product sync"
        verbose_name_plural = "files of product sync"
        ordering = ["store", "-id"]
        constraints = [models.UniqueConstraint(fields=["store", "source_key"], name="file_once_per_address")]
        indexes = [models.Index(fields=["store", "id"], condition=Q(state="processing"), name="file_processing")]

    def __str__(self) -> str:
        return f"{self.source_url.rpartition('/')[2][:80]} in {self.store}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.source_key = url_key(self.source_url)
        super().save(*args, **kwargs)


class Unpublished(models.Model):
    """A product or collection of a destination that was let go of, and the channels that it was taken from.

    The links of a connection tell it while there are any. This is for afterwards: the row goes when something follows
    here again, and the thing is put back.
    """

    destination = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="+")
    gid = models.CharField("id in the destination", max_length=64)
    publication_gids = models.JSONField("sales channels", default=list)

    class Meta:
        verbose_name = "unpublished thing"
        default_permissions = ()  # nobody sees it
        constraints = [models.UniqueConstraint(fields=["destination", "gid"], name="unpublished_once")]

    def __str__(self) -> str:
        return f"{self.gid} in {self.destination}"
