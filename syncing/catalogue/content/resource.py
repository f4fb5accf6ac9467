"""One kind of thing that follows, told to the loop that is the same for all of them
(syncing.catalogue.content.follower)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stores.models import CatalogueSettings, SyncMode
from stores.models import ResourceLink as Link

CHANNELS = "sales channels"
SENT_AS = "sent as"  # in ResourceLink.written: what a creation was sent with, until its answer is there
TAKEN_FROM = "taken from"  # in ResourceLink.written: the channels that it was taken from when it was let go of


def followed_kinds(settings: CatalogueSettings) -> list[str]:
    """The kinds that follow, in the order in which they must: an article needs its blog."""
    switches = {
        Link.Kind.COLLECTION: settings.collection_mode != SyncMode.OFF,
        Link.Kind.PAGE: settings.syncs_pages,
        Link.Kind.BLOG: settings.syncs_blogs or settings.syncs_articles,
        Link.Kind.ARTICLE: settings.syncs_articles,
        Link.Kind.METAOBJECT: settings.metaobject_mode != SyncMode.OFF,
    }
    return [str(kind) for kind, is_on in switches.items() if is_on]


@dataclass(frozen=True, slots=True)
class Made:
    """What a write made of a thing in the destination. `left_out` are fields it could not write, `notes` says why."""

    gid: str
    handle: str
    image_url: str = ""
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Fields(Protocol):
    """What things of one kind hold in fields of a merchant's own making: metafields, the fields of a metaobject."""

    def learn(self, source_gids: Sequence[str]) -> None:
        """Learn what these things of the source have, and to whom they refer."""

    def learn_there(self, destination_gids: Sequence[str]) -> None:
        """Learn what these things of the destination have."""

    def wanted(self, source_gid: str, written: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
        """Field -> value as the destination should have it; what is left out, in words; what they wait for."""

    def current(self, destination_gid: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> value as the destination has it."""

    def policies(self) -> dict[str, str]:
        """Policies of these fields."""

    def write(self, destination_gid: str, changes: Mapping[str, Any], notes: list[str]) -> tuple[str, ...]:
        """Write these fields; the names of those that Shopify refuses, which is said in `notes`."""


class Resource(Protocol):
    """One kind of thing: how it is read, compared and written in the destination. Records have gid, title and handle.

    `is_composite`: what `create` makes is only complete after an `update`. `always_ours` are
    fields in which nothing can be edited by others: what of them is compared is only what came from the source.
    """

    is_composite: bool
    always_ours: frozenset[str]

    @property
    def metafields(self) -> Fields:
        """What reads and writes the metafields of its things."""

    @property
    def kind(self) -> str:
        """The kind of its things, a ResourceLink.Kind."""

    @property
    def mode(self) -> str:
        """What may be done to them, a SyncMode."""

    def wanted(self, record: Any) -> dict[str, Any]:
        """Field -> value as the destination should have it. Raises Blocked."""

    def find(self, wanted: Mapping[str, Any]) -> str:
        """The gid of the thing in the destination with this identity, or ''."""

    def forget(self) -> None:
        """Forget what was read of the destination: something may have been made there since."""

    def read(self, content_gids: Sequence[str]) -> Mapping[str, Any]:
        """Those that exist, by gid."""

    def living(self, source_gids: Sequence[str]) -> dict[str, str]:
        """Those that the source still has: gid -> handle there."""

    def same_place(self, record: Any, links: Sequence[Any]) -> Sequence[Any]:
        """Of links of the same handle those that a thing of the source may take over."""

    def shown_on(self, gid: str) -> Sequence[str]:
        """The sales channels that hiding it would take it from."""

    def show_again(self, gid: str, channels: Sequence[str]) -> None:
        """Put it back there. Safe to repeat."""

    def current(self, record: Any, wanted: Mapping[str, Any], image_url: str) -> dict[str, Any]:
        """Field -> value as the destination has it; `image_url` is its image's address in the source, if known."""

    def create(self, wanted: Mapping[str, Any]) -> Made:
        """Create it. Raises UserErrors, and what the client raises."""

    def update(self, record: Any, changes: Mapping[str, Any], current: Mapping[str, Any]) -> Made:
        """Write these fields. Safe to repeat. Raises UserErrors, and what the client raises."""

    def unpublish(self, gid: str) -> str:
        """Hide it; returns in words what was done."""

    def delete(self, gid: str) -> str:
        """Delete it; returns in words what was done."""

    def policies(self) -> dict[str, str]:
        """Policies of fields that are not simply synced."""

    def notes(self, wanted: Mapping[str, Any]) -> list[str]:
        """What an operator should know of how it is carried."""

    def show(self, name: str, wanted: Any, current: Any) -> tuple[Any, Any] | None:
        """A pair of values for people, None for the values themselves."""
