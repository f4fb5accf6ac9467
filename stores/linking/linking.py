"""Links: built by matching, kept by id, repaired when something vanishes, resolved by operators.

All writes of links to one destination store happen under one advisory lock, so that two connections never race for the
same destination variant; the constraint `destination_variant_claimed_once` stands behind it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from stores.linking import at_once, matching, succession, suggestions
from stores.linking import rows as link_rows
from stores.models import Connection, Location, Store, Variant, VariantLink
from stores.shopify.products.products import VariantRecord
from stores.variants import (
    KEYS,
    ProductChange,
    number_read,
    read_product,
    refresh_catalogue,
    save_new_products,
    save_product,
)

__all__ = [
    "LinkRefused",
    "LinkReport",
    "MatchProduct",
    "clear",
    "count_links",
    "find_unmatched",
    "ignore",
    "link_pairs",
    "match_connection",
    "match_known",
    "match_product",
    "match_read",
    "propose_mappings",
    "refresh_catalogue",
    "set_partner",
]

State = VariantLink.State
MATCH_AGAIN = timedelta(days=1)


class LinkRefused(ValueError):
    """An operator's choice cannot be kept; the message says why, for operators."""

    failure = "misconfigured"  # for syncing.queue.jobs: trying again changes nothing


@dataclass(frozen=True)
class LinkReport:
    """How many links of a connection are in which state, and how many this run changed."""

    linked: int = 0
    unmatched: int = 0
    ambiguous: int = 0
    ignored: int = 0
    gone: int = 0
    changed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.linked} linked, {self.unmatched} unmatched, {self.ambiguous} ambiguous, {self.ignored} ignored, "
            f"{self.gone} gone"
        )


def count_links(connection: Connection, changed: int = 0) -> LinkReport:
    """Count the links of a connection by state."""
    counted = connection.links.order_by().values_list("state").annotate(Count("id"))
    return LinkReport(changed=changed, **dict(counted))


# --- Matching -----------------------------------------------------------------------------------------------------


def match_connection(connection: Connection, *, suggests: bool = True, is_read: bool = True) -> LinkReport:
    """Match what is not settled yet, with the catalogues as last read; links that stand are left alone.

    Whoever has more urgent things to do first says `suggests=False`, and has likely partners of the others looked for
    by a job of its own (suggestions.refresh_portions); what is no suggestion any more is dropped here. Who has not read
    both catalogues says `is_read=False`: that is due as before.

    Works through the identifiers in portions, each in transactions of its own: memory holds a portion, and a run that
    is cut short is continued by the next one.
    """
    changed = link_rows.write(connection, lambda: _settle_gone(connection))
    # PostgreSQL plans for a table as large as it last saw it: it looks again each time ours has grown much.
    analyze_above = link_rows.PORTION_ROWS // 2
    for portion in at_once.portions(connection):
        decided, left = at_once.match(connection, portion)
        changed += decided + sum(link_rows.match_keys(connection, keys) for keys in left)
        if changed > analyze_above:
            link_rows.refresh_statistics()
            analyze_above = 4 * changed
    link_rows.drop_candidates(connection)
    if suggests:
        suggestions.refresh(connection)
    else:
        suggestions.drop_outdated(connection)
    if is_read:
        connection.linked_at = timezone.now()
        connection.save(update_fields=["linked_at"])
    return count_links(connection, changed)


def _settle_gone(
    connection: Connection, pks: Collection[int] | None = None, keys: Collection[str] | None = None
) -> int:
    """What was deleted, what came back, and what was made again in its place; how many links that changed."""
    changed = link_rows.mark_gone(connection, pks) + link_rows.bring_back(connection, pks)
    return changed + succession.hand_over(connection, keys)


def find_unmatched(now: datetime) -> QuerySet[Connection]:
    """Started connections that were not matched for a day, the longest first: what no webhook told of is found then.

    Or that were matched in what is the future now: a clock that was ahead and was set back must not end it for long.
    """
    known = Connection.objects.alias(matched_at=Coalesce("linked_at", "created_at"))
    stale = known.filter(Q(matched_at__lt=now - MATCH_AGAIN) | Q(matched_at__gt=now + timedelta(hours=1)))
    running = stale.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    return running.order_by("matched_at", "pk")


class MatchProduct(Protocol):
    """Has a product of a store read and matched, and does what follows from that, in all connections of the store.

    Who calls `match_product` alone uses the change up: the others that it concerns would not hear of it.
    """

    def __call__(self, store: Store, product_gid: str, *, is_deleted: bool = False) -> object: ...


def match_product(
    store: Store,
    product_gid: str,
    *,
    is_deleted: bool = False,
    then: Callable[[set[int]], object] = lambda touched: None,
) -> set[int]:
    """Read one product again and match what it affects; returns the ids of the connections that this concerns.

    `is_deleted`: the caller has just found that it is, so it is not read. `then` gets these ids before the transaction
    is committed: a change is found once, so what must follow from it is done with it, or both are done again.

    Those are the connections in which a link changed, or in which a linked variant of the product changed in what its
    stock depends on (tracked, bundle, inventory item). Raises as the client does.
    """
    number = number_read()
    records = [] if is_deleted else read_product(store, product_gid)
    connections = [
        connection
        for connection in Connection.objects.select_related("source", "destination").order_by("destination", "pk")
        if store.pk in (connection.source_id, connection.destination_id)
    ]
    with transaction.atomic():
        # One transaction: a run that is repeated after a crash must find the same changes again.
        for destination_pk in sorted({connection.destination_id for connection in connections}):
            link_rows.lock(destination_pk)
        change = save_product(store, product_gid, records, number)
        alive = [connection for connection in connections if change.pks and not link_rows.is_over(connection)]
        touched = {connection.pk for connection in alive if _match_change(connection, store, change)}
        then(touched)
        return touched


def _match_change(connection: Connection, store: Store, change: ProductChange) -> bool:
    keys = change.keys[connection.identifier]
    changed = _settle_gone(connection, change.pks, keys)
    changed += link_rows.match_keys(connection, sorted(keys)) if keys else 0
    if store.pk == connection.source_id and change.without[connection.identifier]:
        changed += link_rows.match_without_key(connection, sorted(change.without[connection.identifier]))
    link_rows.drop_candidates(connection)
    suggestions.refresh(connection, change.pks)
    side = "source_variant" if store.pk == connection.source_id else "destination_variant"
    return bool(changed) or connection.links.filter(**{f"{side}__in": change.stock_pks}, state=State.LINKED).exists()


def match_known(connection: Connection, product_gid: str) -> int:
    """Match a product of the source with what is known of the destination by now; returns how many links changed.

    For what was noted there without being matched for all: who links what it has made does that for itself alone.
    """
    rows = Variant.objects.filter(store=connection.source_id, product_gid=product_gid, gone_at=None)
    known = dict(rows.values_list("pk", KEYS[connection.identifier]))
    changed = link_rows.match_keys(connection, sorted({*known.values()} - {""}))
    if changed:
        link_rows.drop_candidates(connection)
        suggestions.refresh(connection, list(known))
    return changed


def match_read(
    connection: Connection, product_gid: str, products: Iterable[tuple[Store, str, Sequence[VariantRecord]]]
) -> None:
    """Match a product of the source with all that is known, after these were read: (store, product gid, variants).

    In this connection alone, so that no other would hear of it: for who takes all of it back.
    """
    number = number_read()
    link_rows.lock(connection.destination_id)
    for store, gid, records in products:
        change = save_product(store, gid, records, number)
        _settle_gone(connection, change.pks, change.keys[connection.identifier])
    rows = Variant.objects.filter(store=connection.source_id, product_gid=product_gid, gone_at=None)
    link_rows.match_keys(connection, sorted({*rows.values_list(KEYS[connection.identifier], flat=True)} - {""}))
    link_rows.drop_candidates(connection)


def link_pairs(
    connection: Connection, pairs: Mapping[str, str], products: Iterable[tuple[Store, str, Sequence[VariantRecord]]]
) -> int:
    """Link variants that belong together because one was made from the other, whatever their identifiers say.

    `pairs` is source variant gid -> destination variant gid; `products` are the products they belong to, as read just
    now: (store, product gid, all of its variants). Returns how many links changed. What a user decided stays, as
    does a link whose partner lives, and a partner that somebody else has stays theirs.
    """
    number = number_read()
    listed = list(products)

    def work() -> int:
        changed = 0
        for store in {store.pk: store for store, _, _ in listed}.values():
            own = {gid: records for owner, gid, records in listed if owner.pk == store.pk}
            changed += _save_products(connection, store, own, number)
        return changed + link_rows.link_pairs(connection, pairs)

    return link_rows.write(connection, work)


def _save_products(
    connection: Connection, store: Store, products: Mapping[str, Sequence[VariantRecord]], number: int
) -> int:
    """Save what is not known yet: new products at once, others one by one; returns how many links that changed."""
    known: dict[str, set[str]] = {}
    rows = Variant.objects.filter(store=store, product_gid__in=list(products)).order_by()
    for product_gid, gid, gone_at in rows.values_list("product_gid", "gid", "gone_at"):
        known.setdefault(product_gid, set()).add("" if gone_at else gid)
    new = [record for product_gid, records in products.items() if product_gid not in known for record in records]
    save_new_products(store, new, number)
    changed = 0
    for product_gid, records in products.items():
        if product_gid in known and known[product_gid] - {""} != {record.gid for record in records}:
            change = save_product(store, product_gid, records, number)
            changed += link_rows.mark_gone(connection, change.pks) if change.pks else 0
    return changed


# --- Operators ----------------------------------------------------------------------------------------------------


def set_partner(link: VariantLink, variant: Variant, by: object = None) -> None:
    """Link by hand: matching never changes it. Raises LinkRefused for a partner that cannot be one."""
    if variant.store_id != link.connection.destination_id:
        raise LinkRefused(f"{variant} belongs to {variant.store}, not to {link.connection.destination}.")
    _decide(link, State.LINKED, variant, f"Linked by {by or 'a user'}.")


def ignore(link: VariantLink, by: object = None) -> None:
    """Leave this variant out of syncing; matching never changes it."""
    _decide(link, State.IGNORED, None, f"Ignored by {by or 'a user'}.")


def clear(link: VariantLink) -> None:
    """Forget what a user decided, and the present partner: matching decides again, at once."""
    _decide(link, State.UNMATCHED, None, "Not matched yet.")
    connection, variant = link.connection, link.source_variant
    key = getattr(variant, KEYS[connection.identifier])
    link_rows.write(connection, lambda: link_rows.mark_gone(connection, [variant.pk]))
    if key:
        link_rows.match_keys(connection, [key])
    else:
        link_rows.match_without_key(connection, [variant.pk])
    suggestions.refresh(connection, [variant.pk])
    link.refresh_from_db()


def _decide(link: VariantLink, state: str, variant: Variant | None, reason: str) -> None:
    with transaction.atomic():
        link_rows.lock(link.connection.destination_id)
        link.refresh_from_db(from_queryset=VariantLink.objects.select_for_update(of=("self",)))
        if variant is not None:
            _refuse_partner(link, variant)
        link.state, link.destination_variant, link.reason = state, variant, reason[: matching.REASON_CHARACTERS]
        link.is_manual = state != State.UNMATCHED
        link.save(update_fields=["state", "destination_variant", "reason", "is_manual", "changed_at"])
        link.candidates.clear()
        suggestions.forget(link)


def _refuse_partner(link: VariantLink, variant: Variant) -> None:
    if link_rows.is_over(link.connection):
        raise LinkRefused(f"{link.connection} is disconnected: connect it again first.")
    variant.refresh_from_db(fields=["gone_at"])
    if variant.gone_at:
        raise LinkRefused(f"{variant} was deleted in {variant.store}.")
    if link.source_variant.gone_at:
        raise LinkRefused(f"{link.source_variant} was deleted in {link.source_variant.store}.")
    others = VariantLink.objects.filter(state=State.LINKED, destination_variant=variant).exclude(pk=link.pk)
    if other := others.select_related("source_variant__store").first():
        raise LinkRefused(f"{variant} is already linked to {link_rows.claimant(other)}. Release that link first.")


# --- Locations ----------------------------------------------------------------------------------------------------


def propose_mappings(connection: Connection) -> list[tuple[Location, Location]]:
    """Pairs of unmapped source and destination locations with equal names; blanks around and case do not matter."""
    mapped = connection.mappings.values_list("source_location_id", "destination_location_id")
    used = {pk for pair in mapped for pk in pair}
    sources, destinations = (_by_name(store, used) for store in (connection.source, connection.destination))
    return [(sources[name], destinations[name]) for name in sorted(sources.keys() & destinations.keys())]


def _by_name(store: Store, used: Collection[int]) -> dict[str, Location]:
    """Active locations by name; a name that a store uses twice tells nothing."""
    named: dict[str, list[Location]] = {}
    for location in store.locations.filter(is_active=True, is_fulfillment_service=False):
        named.setdefault(location.name.strip().casefold(), []).append(location)
    return {
        name: locations[0] for name, locations in named.items() if len(locations) == 1 and locations[0].pk not in used
    }
