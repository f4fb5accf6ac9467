"""Collections follow the source: by rules where every condition means the same in the destination, else by members."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from django.db.models import Q

from stores.clients import OpenClient
from stores.models import (
    CatalogueField,
    CatalogueSettings,
    Connection,
    FieldPolicy,
    ProductLink,
    ResourceLink,
    SyncMode,
    VariantLink,
)
from stores.shopify.client import Client
from stores.shopify.content import collection_writes
from stores.shopify.content import collections as wire
from stores.shopify.content.collection_writes import MOST_CHANGES
from stores.shopify.content.collections import MANUAL, CollectionHead, CollectionRecord
from stores.shopify.errors import ObjectNotFound
from stores.shopify.products import deletion, publications
from syncing.catalogue import deleting
from syncing.catalogue.content import succession
from syncing.catalogue.content.content_metafields import ContentMetafields
from syncing.catalogue.content.follower import Follower, save_cursor
from syncing.catalogue.content.resource import CHANNELS, Made
from syncing.catalogue.content.unlinking import DELETED, why_not_wanted
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.refusals import OneRefused, Tries
from syncing.catalogue.rules import collections as rules
from syncing.catalogue.rules.content import HANDLE, IMAGE, TITLE, image_input, image_value
from syncing.catalogue.rules.fingerprint import digest
from syncing.models import CatalogueRunItem

Action, Result, Failure = CatalogueRunItem.Action, CatalogueRunItem.Outcome, CatalogueRunItem.Failure
COLLECTION = ResourceLink.Kind.COLLECTION
DESCRIPTION, SORT_ORDER, SEO, CONTENTS, ORDER = "description", "sort order", "SEO", "contents", "order"
# Where CatalogueSettings.content_cursors remembers, as a digest, which products were linked when all was looked at.
LINKED = "linked products"
_INPUTS = {TITLE: "title", HANDLE: "handle", DESCRIPTION: "descriptionHtml", SORT_ORDER: "sortOrder", SEO: "seo"}
# What a condition looks at -> the field of products that must follow for it to mean the same in the destination.
_CONDITION_FIELDS = {
    "productTag": CatalogueField.TAGS,
    "productTitle": CatalogueField.TITLE,
    "productType": CatalogueField.TYPE,
    "productVendor": CatalogueField.VENDOR,
    "productCategory": CatalogueField.CATEGORY,
    "productStatus": CatalogueField.STATUS,
    "variantTitle": CatalogueField.OPTIONS,
    "variantWeight": CatalogueField.WEIGHT,
    "variantPrice": CatalogueField.PRICE,
    "variantCompareAtPrice": CatalogueField.COMPARE_AT_PRICE,
}


class CollectionResource:
    """Collections of a connection, for a Follower. Its records are CollectionRecord of either store."""

    kind = COLLECTION
    # Members beyond the first 250, channels and the order need the collection to exist.
    is_composite = True
    always_ours = frozenset({CONTENTS, ORDER})

    def __init__(self, connection: Connection, open_client: OpenClient) -> None:
        self.connection = connection
        self.settings: CatalogueSettings = connection.catalogue
        self.mode = self.settings.collection_mode
        self.source, self.client = open_client(connection.source), open_client(connection.destination)
        self.metafields = ContentMetafields(connection, open_client, self.kind)

    @cached_property
    def linked(self) -> dict[str, str]:
        """Source product gid -> destination product gid, of the products that follow now."""
        if self.settings.product_mode == SyncMode.OFF:  # then products are linked for their stock only
            pairs = VariantLink.objects.filter(connection=self.connection, state=VariantLink.State.LINKED)
            return dict(pairs.values_list("source_variant__product_gid", "destination_variant__product_gid"))
        # One whose last change was refused is still the partner, and no reason to take it out of a collection.
        refused = Q(state=ProductLink.State.FAILED, synced_at__isnull=False) & ~Q(destination_gid="")
        links = self.connection.product_links.filter(Q(state=ProductLink.State.LINKED) | refused)
        return dict(links.values_list("source_gid", "destination_gid"))

    @cached_property
    def mappable(self) -> frozenset[str]:
        """The conditions that select the same products in the destination, because what they look at follows."""
        follows = {
            name for name, field in _CONDITION_FIELDS.items() if self.settings.policy_of(field) == FieldPolicy.SYNC
        }
        if not has_same_prices(self.settings):
            follows -= {"variantPrice", "variantCompareAtPrice"}
        if self.settings.tags_merging == CatalogueSettings.Merging.MERGE:
            follows -= {"productTag"}
        shows_all = (self.connection.safety_buffer, self.connection.cap_quantity, self.connection.percentage)
        return frozenset(follows | ({"variantInventory"} if shows_all == (0, None, 100) else set()))

    def wanted(self, record: CollectionRecord) -> dict[str, Any]:
        """See Resource. Members are only read where they are carried or put in order."""
        found = rules.rules_for(record, self.linked, self.mappable) if rules.is_automated(record) else None
        has_rules = found is not None and not found.reason
        is_in_order = record.sort_order == MANUAL
        listed = [] if has_rules and not is_in_order else wire.read_members(self.source, record.gid)
        members = [self.linked[gid] for gid in listed if gid in self.linked]
        values = _values(record, record.image_url)
        values[CHANNELS] = sorted(self.settings.publication_gids) if record.publication_gids else []
        if found is not None and has_rules:
            values[CONTENTS] = {"rules": list(found.sources), "note": " ".join(found.notes)}
        else:
            values[CONTENTS] = {
                "products": sorted(members),
                "note": _members_note(len(listed), len(members), found.reason if found else ""),
            }
        return values | ({ORDER: {"products": members}} if is_in_order else {})

    def find(self, wanted: Mapping[str, Any]) -> str:
        """See Resource."""
        return wire.find_by_handle(self.client, wanted[HANDLE]) or ""

    def forget(self) -> None:
        """See Resource: nothing is kept."""

    def read(self, content_gids: Sequence[str]) -> Mapping[str, CollectionRecord]:
        """See Resource."""
        return {gid: record for gid in content_gids if (record := wire.read_collection(self.client, gid))}

    def living(self, source_gids: Sequence[str]) -> dict[str, str]:
        """See Resource."""
        return {gid: row.handle for gid in source_gids if (row := wire.read_collection(self.source, gid))}

    def same_place(self, record: CollectionRecord, links: Sequence[ResourceLink]) -> Sequence[ResourceLink]:
        """See Resource."""
        return links

    def shown_on(self, gid: str) -> Sequence[str]:
        """See Resource."""
        return record.publication_gids if (record := wire.read_collection(self.client, gid)) else ()

    def show_again(self, gid: str, channels: Sequence[str]) -> None:
        """See Resource."""
        publications.publish_on_living(self.client, gid, channels)

    def current(self, record: CollectionRecord, wanted: Mapping[str, Any], image_url: str) -> dict[str, Any]:
        """See Resource. Products that are the destination's own are no part of it, and stay."""
        ours = set(self.linked.values())
        if rules.is_automated(record):
            contents: dict[str, Any] = {"rules": list(rules.current_rules(record))}
        else:
            contents = {"products": sorted({gid for source in record.sources for gid in source.picked if gid in ours})}
        chosen = set(self.settings.publication_gids)
        values = _values(record, image_url) | {
            CHANNELS: sorted(chosen & set(record.publication_gids)),
            CONTENTS: contents | {"note": wanted[CONTENTS]["note"]},  # a note is no difference
        }
        if ORDER in wanted:
            follows = set(wanted[ORDER]["products"])
            members = wire.read_members(self.client, record.gid)
            values[ORDER] = {"products": [gid for gid in members if gid in follows]}
        return values

    def create(self, wanted: Mapping[str, Any]) -> Made:
        """See Resource."""
        contents = wanted[CONTENTS] if "rules" in wanted[CONTENTS] else wanted.get(ORDER, wanted[CONTENTS])
        values = _input(wanted, {}) | {"sources": _sources(contents, wanted[TITLE])}
        if values.get("image") is None:
            values.pop("image", None)
        made = collection_writes.create_collection(self.client, values)
        return Made(made.gid, made.handle, made.image_url)

    def update(self, record: CollectionRecord, changes: Mapping[str, Any], current: Mapping[str, Any]) -> Made:
        """See Resource."""
        made = Made(record.gid, record.handle, record.image_url)
        for values in [_input(changes, current), *self._content_inputs(record, changes, current)]:
            if values:
                written = collection_writes.update_collection(self.client, record.gid, values)
                made = Made(written.gid, written.handle, written.image_url)
        if CHANNELS in changes:
            self._publish(record.gid, set(changes[CHANNELS]), set(current[CHANNELS]))
        if ORDER in changes:
            self._put_in_order(record.gid, changes[ORDER]["products"])
        return made

    def _content_inputs(
        self, record: CollectionRecord, changes: Mapping[str, Any], current: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The inputs, one after the other, that bring the products in and out."""
        if CONTENTS not in changes:
            return
        wanted, present = changes[CONTENTS], current[CONTENTS]
        if "products" not in wanted or "products" not in present:
            title = changes.get(TITLE) or current[TITLE]
            yield {
                "sourcesToDelete": [source.gid for source in record.sources],
                "sourcesToCreate": _sources(wanted, title),
            }
            present = {"products": wanted.get("products", [])[:MOST_CHANGES]}
            record = wire.read_collection(self.client, record.gid) or record
        if "products" in wanted:
            yield from _member_inputs(record, wanted["products"], present["products"])

    def _publish(self, gid: str, wanted: set[str], present: set[str]) -> None:
        publications.publish_on_living(self.client, gid, sorted(wanted - present))
        publications.unpublish(self.client, gid, sorted(present - wanted))

    def _put_in_order(self, gid: str, wanted: Sequence[str]) -> None:
        """As in the source; products that are the destination's own keep their places."""
        current = wire.read_members(self.client, gid)
        moves = rules.moves_to(current, rules.fill_slots(current, wanted))
        collection_writes.reorder(self.client, gid, moves)

    def unpublish(self, gid: str) -> str:
        """See Resource."""
        record = wire.read_collection(self.client, gid)
        if record is None:
            return "It was gone already."
        publications.unpublish(self.client, gid, record.publication_gids)
        return "It was taken off all sales channels."

    def delete(self, gid: str) -> str:
        """See Resource."""
        return deleting.WAS_DELETED if deletion.delete(self.client, gid) else deleting.WAS_GONE

    def policies(self) -> dict[str, str]:
        """See Resource."""
        return {CHANNELS: self.settings.policy_of(CatalogueField.PUBLISHING)}

    def notes(self, wanted: Mapping[str, Any]) -> list[str]:
        """See Resource."""
        return [note] if (note := wanted[CONTENTS]["note"]) else []

    def show(self, name: str, wanted: Any, current: Any) -> tuple[Any, Any] | None:
        """See Resource."""
        if name not in (CONTENTS, ORDER):
            return None
        return _shown(wanted), _shown(current)


def _values(record: CollectionRecord, image_url: str) -> dict[str, Any]:
    return {
        TITLE: record.title,
        HANDLE: record.handle,
        DESCRIPTION: record.description_html,
        SORT_ORDER: record.sort_order,
        SEO: {"title": record.seo_title, "description": record.seo_description},
        IMAGE: image_value(image_url, record.image_alt),
    }


def _members_note(listed: int, carried: int, reason: str) -> str:
    """What an operator should know of a collection that is carried by its members."""
    why = f"It is automated in the source and synced with the products that it has now, because {reason}."
    missing = f"{listed - carried} of its {listed} products are not linked, and left out."
    return " ".join([why] * bool(reason) + [missing] * (carried < listed))


def _input(changes: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    values = {_INPUTS[name]: value for name, value in changes.items() if name in _INPUTS}
    if IMAGE in changes:
        values["image"] = image_input(changes[IMAGE], current.get(IMAGE) or {}, "src")
    return values


def _sources(contents: Mapping[str, Any], title: str) -> list[dict[str, Any]]:
    if "rules" in contents:
        return [rules.rule_input(rule, title) for rule in contents["rules"]]
    return [rules.hand_input(contents["products"][:MOST_CHANGES], title)]


def _member_inputs(record: CollectionRecord, wanted: Sequence[str], present: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Adds and removals in portions; what was picked into several sources leaves all of them."""
    added, removed = sorted(set(wanted) - set(present)), set(present) - set(wanted)
    for source in record.sources:
        gone = [gid for gid in source.picked if gid in removed]
        for start in range(0, len(gone), MOST_CHANGES):
            yield _source_change(source.gid, selectionsToRemove=rules.picks(gone[start : start + MOST_CHANGES]))
    if added and not record.sources:
        yield {"sourcesToCreate": [rules.hand_input(added, record.title)]}
        return
    for start in range(0, len(added), MOST_CHANGES):
        picks = rules.picks(added[start : start + MOST_CHANGES])
        yield _source_change(record.sources[0].gid, selectionsToAdd=picks)


def _source_change(source_gid: str, **inclusion: Any) -> dict[str, Any]:
    return {"sourcesToUpdate": [{"condition": {"id": source_gid, "inclusion": inclusion}}]}


def _shown(contents: Mapping[str, Any] | None) -> str:
    if not contents:
        return ""
    if "rules" in contents:
        return f"{sum(len(rule['conditions']) for rule in contents['rules'])} conditions: {contents['rules']}"
    return f"{len(contents['products'])} linked products: {', '.join(contents['products'])}"


def has_same_prices(settings: CatalogueSettings) -> bool:
    """Whether a price in the destination is the very price of the source."""
    connection = settings.connection
    return (
        settings.price_percent == 0
        and settings.price_amount == 0
        and settings.rounding == CatalogueSettings.Rounding.NONE
        and settings.rate_kind == CatalogueSettings.RateKind.FIXED
        and settings.fixed_rate == 1
        and connection.source.currency == connection.destination.currency
    )


# --- Which collections follow -------------------------------------------------------------------------------------


def sync_collection(
    connection: Connection, open_client: OpenClient, collection_gid: str, *, skips_unchanged: bool = True
) -> tuple[list[Outcome], list[tuple[ResourceLink, str]]]:
    """Carry one collection. Returns what was done, and its link if it no longer follows, with why.

    Raises GidError, ShopifyError. Safe to repeat, and after an end at any point.
    """
    if connection.catalogue.collection_mode == SyncMode.OFF:
        return [], []
    record = wire.read_collection(open_client(connection.source), collection_gid)
    if record is None:
        record = succession.find_again(connection, open_client(connection.source), collection_gid)
    why = DELETED if record is None else why_not_wanted(connection, record.gid)
    outcomes: list[Outcome] = []
    if record is not None and not why:
        resource = CollectionResource(connection, open_client)
        outcomes += Follower(connection, resource, skips_unchanged=skips_unchanged).follow([record])
    links = connection.resource_links.filter(kind=COLLECTION, source_gid=collection_gid)
    gone = links.exclude(state=ResourceLink.State.UNLINKED) if why or outcomes[0].source_gid != collection_gid else ()
    return outcomes, [(link, why or DELETED) for link in gone]


def sync_collections(
    connection: Connection, open_client: OpenClient, seen: set[str], *, is_preview: bool = False
) -> Iterator[Outcome]:
    """Compare all collections that follow with the destination, and carry what differs.

    `seen` gets the gids of all that follow: use it only when the iteration ended by itself. Raises ShopifyError. Safe
    to repeat.
    """
    resource = CollectionResource(connection, open_client)
    follower = Follower(connection, resource, is_preview=is_preview)
    yield from _carry(follower, resource.source, _wanted_heads(connection, open_client, seen))


def poll_collections(connection: Connection, open_client: OpenClient) -> Iterator[Outcome]:
    """Carry the collections whose webhook may have been lost; all, if other products are linked than the last time.

    Raises ShopifyError. Safe to repeat, and after an end at any point.
    """
    links = {link.source_gid: link for link in connection.resource_links.filter(kind=COLLECTION)}
    resource = CollectionResource(connection, open_client)
    products = digest(resource.linked)
    is_as_before = connection.catalogue.content_cursors.get(LINKED) == products

    def is_due(head: CollectionHead) -> bool:
        link = links.get(head.gid)
        if link is None or link.state == ResourceLink.State.CREATING or not is_as_before:
            return True
        return link.source_updated_at != head.updated_at

    heads = [head for head in _wanted_heads(connection, open_client, set()) if is_due(head)]
    yield from _carry(Follower(connection, resource, skips_unchanged=True), resource.source, heads)
    if not is_as_before:
        save_cursor(connection.catalogue, LINKED, products)


def find_unlinked(connection: Connection, seen: set[str]) -> list[tuple[ResourceLink, str]]:
    """The links of collections that no longer follow, each with why."""
    links = connection.resource_links.filter(kind=COLLECTION).exclude(state=ResourceLink.State.UNLINKED)
    return [
        (link, why_not_wanted(connection, link.source_gid) or DELETED) for link in links if link.source_gid not in seen
    ]


def _wanted_heads(connection: Connection, open_client: OpenClient, seen: set[str]) -> Iterator[CollectionHead]:
    heads = list(wire.iter_heads(open_client(connection.source)))
    succession.choose_again(connection, heads)
    for head in heads:
        if not why_not_wanted(connection, head.gid):
            seen.add(head.gid)
            yield head


def _carry(follower: Follower, source: Client, heads: Iterable[CollectionHead]) -> Iterator[Outcome]:
    tries = Tries()
    for head in heads:
        try:
            record = tries.make(partial(wire.read_collection, source, head.gid))
        except ObjectNotFound:
            record = None
        except OneRefused as refused:
            yield Outcome(head.gid, head.handle, Action.SKIP, Result.FAILED, str(refused), Failure.REJECTED)
            record = None
        tries.check_store()
        if record is not None:  # else it was deleted a moment ago: its webhook, or the next comparison, tells
            yield from follower.follow([record])
