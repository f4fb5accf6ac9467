"""What is known of products of a source before anything is decided: their links, their linked variants, their partners.

Loaded for a batch at a time: a few queries each, whatever the size of the batch.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stores.models import Connection, ProductLink, Variant, VariantLink
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.products.products import VariantRecord
from stores.variants import key_of
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.rules.desired import watched_values
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.fingerprint import fingerprint
from syncing.catalogue.rules.parts.made import Verdict


@dataclass(eq=False)
class Case:
    """One product of the source on its way. `link` may not be saved yet.

    `linked` is source variant gid -> destination variant gid, `partners` are the destination's products that these
    belong to, `mark` the fingerprint of what the destination should become. `met` is what other connections have
    that is like it, as far as it was matched with that (syncing.catalogue.twins). `foreseen`: in a preview, why the run
    would have it wait, and what would be in doubt (syncing.catalogue.foreseeing).
    """

    record: ProductRecord
    link: ProductLink
    linked: dict[str, str]
    partners: frozenset[str]
    mark: str
    notes: list[str] = field(default_factory=list)
    met: set[tuple[str, int]] = field(default_factory=set)
    foreseen: tuple[str, str] | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether what would be done is what was done last."""
        state = self.link.state
        is_settled = state == ProductLink.State.LINKED or (state == ProductLink.State.UNMATCHED and not self.partners)
        return is_settled and self.link.fingerprint == self.mark

    @property
    def is_overtaken(self) -> bool:
        """Whether another worker read the product after us, and was faster."""
        seen, read = self.link.source_updated_at, self.record.updated_at
        return bool(seen and read and seen > read)

    def partner_gid(self) -> str:
        """The gid of the destination's product that follows this one, '' for none. Raises Blocked for several."""
        if self.link.destination_gid in self.partners or not self.partners:
            return self.link.destination_gid
        if len(self.partners) > 1:
            raise Blocked(
                f"Its variants are linked to variants of {len(self.partners)} products of the destination: link them "
                "to those of one."
            )
        return next(iter(self.partners))


@dataclass(eq=False)
class Written:
    """A product all of whose calls were made; its variants may have changed and must be read.

    `equal_at` is the destination's instant at which it was read and all was as it should be, if it was. `is_untouched`:
    a bulk operation wrote it before, and nothing else since.
    """

    case: Case
    verdict: Verdict
    action: str
    retry_at: datetime | None = None
    equal_at: datetime | None = None
    is_untouched: bool = False


def load_cases(connection: Connection, records: Sequence[ProductRecord], policy: Policy) -> list[Case]:
    """The cases of these products, in their order."""
    gids = [record.gid for record in records]
    links = _links(connection, gids)
    linked, partners = load_linked(connection, gids)
    by_handle = _by_handle(connection, records)
    claimed = _claimed(connection, by_handle)
    cases = []
    for record in records:
        same = by_handle.get(key_of(record.handle), set())
        found = partners[record.gid] or {gid for gid in same if claimed.get(gid, record.gid) == record.gid}
        link = links.get(record.gid) or new_link(connection, record)
        mark = mark_of(connection, record, policy, linked[record.gid])
        cases.append(Case(record, link, linked[record.gid], frozenset(found), mark))
    return cases


def load_links(connection: Connection, cases: Sequence[Case]) -> None:
    """The links of these as they are now; made where there were none."""
    links = _links(connection, [case.record.gid for case in cases])
    if new := [case.record for case in cases if case.record.gid not in links]:
        ProductLink.objects.bulk_create([new_link(connection, record) for record in new], ignore_conflicts=True)
        links |= _links(connection, [record.gid for record in new])
    for case in cases:
        case.link = links[case.record.gid]


def _links(connection: Connection, gids: Collection[str]) -> dict[str, ProductLink]:
    return {link.source_gid: link for link in connection.product_links.filter(source_gid__in=gids)}


def new_link(connection: Connection, record: ProductRecord) -> ProductLink:
    """A link that is not saved yet."""
    return ProductLink(
        connection=connection,
        destination_id=connection.destination_id,
        source_gid=record.gid,
        title=record.title[:512],
        handle=record.handle[:255],
    )


def load_linked(
    connection: Connection, product_gids: Iterable[str]
) -> tuple[dict[str, dict[str, str]], dict[str, set[str]]]:
    """Per product of the source: its linked variants (gid -> gid in the destination), and whose variants those are."""
    linked: dict[str, dict[str, str]] = defaultdict(dict)
    partners: dict[str, set[str]] = defaultdict(set)
    rows = VariantLink.objects.filter(
        connection=connection,
        state=VariantLink.State.LINKED,
        source_variant__product_gid__in=list(product_gids),
        destination_variant__gone_at=None,
    ).values_list(
        "source_variant__product_gid",
        "source_variant__gid",
        "destination_variant__gid",
        "destination_variant__product_gid",
    )
    for product_gid, ours, theirs, partner_gid in rows.order_by("pk"):
        linked[product_gid][ours] = theirs
        partners[product_gid].add(partner_gid)
    return linked, partners


def pairs_by_options(connection: Connection, case: Case) -> bool:
    """Whether nothing of it is linked yet, where variants of products with one handle pair by their options."""
    return connection.identifier == Connection.Identifier.HANDLE and not case.linked


def _by_handle(connection: Connection, records: Iterable[ProductRecord]) -> dict[str, set[str]]:
    """Products of the destination by handle, where that is what products match by: options may differ."""
    if connection.identifier != Connection.Identifier.HANDLE:
        return {}
    keys = {key_of(record.handle) for record in records}
    found: dict[str, set[str]] = defaultdict(set)
    rows = Variant.objects.filter(store=connection.destination_id, gone_at=None, handle_key__in=keys)
    for key, product_gid in rows.order_by().values_list("handle_key", "product_gid").distinct():
        found[key].add(product_gid)
    return found


def _claimed(connection: Connection, by_handle: Mapping[str, set[str]]) -> dict[str, str]:
    """Those that follow another product already, which had the handle before: gid -> gid in the source."""
    gids = {gid for found in by_handle.values() for gid in found}
    links = connection.product_links.filter(destination_gid__in=gids, state=ProductLink.State.LINKED)
    return dict(links.values_list("destination_gid", "source_gid")) if gids else {}


def mark_of(connection: Connection, record: ProductRecord, policy: Policy, linked: dict[str, str]) -> str:
    """What a product's link remembers once the destination is what it should be: an equal one costs no call."""
    return fingerprint([connection.catalogue.product_mode, watched_values(record, policy, linked)])


def variant_records(product: ProductRecord) -> list[VariantRecord]:
    """A whole product's variants in the words of matching."""
    return [
        VariantRecord(
            gid=variant.gid,
            product_gid=product.gid,
            item_gid=variant.item_gid,
            product_title=product.title,
            title=variant.title,
            handle=product.handle,
            sku=variant.sku,
            barcode=variant.barcode,
            options=variant.options,
            position=variant.position,
            tracked=variant.tracked,
            requires_components=variant.requires_components,
            product_status=product.status,
            variant_count=len(product.variants),
            tags=product.tags,
            vendor=product.vendor,
            product_type=product.product_type,
        )
        for variant in product.variants
    ]
