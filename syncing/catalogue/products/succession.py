"""Products that were deleted and made again in the source: the new one takes the link of the old one, partner and all.

It is looked for before anything is let go of, and again when it appears. A change of partner, not a departure: what was
written, the channels it was taken from, and what an operator decided stay with the link.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from stores import selecting
from stores.ages import is_over
from stores.identifiers import why_no_identity
from stores.linking import linking
from stores.linking.linking import MatchProduct
from stores.models import Connection, ProductLink, Store, Variant, VariantLink
from stores.shopify.client import Client
from stores.shopify.products import product_heads, product_records
from stores.shopify.products.product_records import ProductRecord
from stores.variants import KEYS, key_of
from syncing.catalogue.claims import check_undoubted, doubted
from syncing.catalogue.exclusive import work_alone
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.products.cases import Case, load_linked
from syncing.catalogue.products.unlinking import FOLLOWING, LOCK_NAME
from syncing.catalogue.rules.parts.variant_metafields import PARTNER
from syncing.models import CatalogueRun, CatalogueRunItem

# How long both may live in the source before the newer one is a product of its own.
WAITS = timedelta(days=1)
State = ProductLink.State
Result = CatalogueRunItem.Outcome

MADE_AGAIN = "It was deleted in the source and made again: its successor follows in its place."
ByHandle = Mapping[str, str]  # handle in the source -> gid of the living product that has it


def find_behind(store: Store, records: Sequence[ProductRecord]) -> dict[str, bool]:
    """Products that were not matched as they are now, the job that does it being behind: gid -> whether they ever were.

    Who pairs their variants before takes those for new ones: what their predecessors' links carry would be lost.
    """
    gids = [record.gid for record in records]
    rows = Variant.objects.filter(store=store, product_gid__in=gids).order_by()
    known: dict[str, set[tuple]] = {}
    for gid, gone_at, *identity in rows.values_list("product_gid", "gone_at", "gid", *KEYS.values()):
        known.setdefault(gid, set()).update([tuple(identity)] if gone_at is None else [])
    return {record.gid: record.gid in known for record in records if known.get(record.gid) != _matched_by(record)}


def _matched_by(record: ProductRecord) -> set[tuple]:
    """A product's variants and what they are matched by, as rows have it."""
    handle = key_of(record.handle)
    return {(variant.gid, handle, key_of(variant.sku), key_of(variant.barcode)) for variant in record.variants}


def find_successors(connection: Connection, links: Sequence[ProductLink], named: ByHandle) -> dict[str, str]:
    """Source gid of what was deleted -> the gid of the living product that was made in its place, as far as known.

    By the variants that have the partners of its variants now, else by its handle in the source.
    """
    heirs = _heirs(connection, {link.destination_gid for link in links if link.destination_gid})
    asked = {gid for counts in heirs.values() for gid in counts} | set(named.values())
    settled = connection.product_links.filter(source_gid__in=asked).exclude(destination_gid="")
    taken = set(settled.values_list("source_gid", flat=True))
    found: dict[str, str] = {}
    for link in links:
        counts = heirs.get(link.destination_gid, Counter())
        free = {gid: count for gid, count in counts.items() if gid != link.source_gid and gid not in taken}
        gid = max(free, key=lambda one: (free[one], one)) if free else ""
        if not gid and not counts and (same := named.get(link.handle)):
            gid = same if _counts_by_handle(connection, link, same) else ""
        if gid and gid not in taken and gid != link.source_gid and gid not in found.values():
            found[link.source_gid] = gid
    return found


def _heirs(connection: Connection, partner_gids: Iterable[str]) -> dict[str, Counter[str]]:
    """Destination product gid -> how many of its variants are linked to those of which living source product."""
    rows = VariantLink.objects.filter(
        connection=connection,
        state=VariantLink.State.LINKED,
        source_variant__gone_at=None,
        destination_variant__product_gid__in=list(partner_gids),
    ).values_list("destination_variant__product_gid", "source_variant__product_gid")
    heirs: dict[str, Counter[str]] = defaultdict(Counter)
    for partner_gid, product_gid in rows.order_by():
        heirs[partner_gid][product_gid] += 1
    return heirs


def _counts_by_handle(connection: Connection, link: ProductLink, product_gid: str) -> bool:
    """Whether the handle identifies: products match by it, or nothing else is known of one that we made."""
    if connection.identifier == Connection.Identifier.HANDLE:
        return True
    both = [_identities(connection, gid) for gid in (link.source_gid, product_gid)]
    return link.is_created and not all(both)


def _identities(connection: Connection, product_gid: str) -> set[str]:
    column = KEYS[connection.identifier]
    rows = Variant.objects.filter(store=connection.source_id, product_gid=product_gid).exclude(**{column: ""})
    return {key for key in rows.order_by().values_list(column, flat=True) if not why_no_identity(key)}


# --- The new one appears ------------------------------------------------------------------------------------------


def hand_over(connection: Connection, client: Client, records: Sequence[ProductRecord]) -> set[str]:
    """Give these living products the links of those that they were made in place of; returns the gids of those.

    `client` is the source's: only where there is a link to be had is it asked whether its product is gone. Raises
    Busy, and as the client does. Safe to repeat.
    """
    links = predecessors(connection, records)
    return give_links(connection, find_gone(client, links), records) if links else set()


def find_gone(client: Client, links: Sequence[ProductLink]) -> list[ProductLink]:
    """Those of these links whose products the source, whose `client` this is, has no more."""
    alive = {record.gid for record in product_records.read_products(client, [link.source_gid for link in links])}
    return [link for link in links if link.source_gid not in alive]


def give_links(connection: Connection, links: Sequence[ProductLink], records: Sequence[ProductRecord]) -> set[str]:
    """As `hand_over`, where these are the links of what is gone."""
    named = {record.handle: record.gid for record in records}
    successors, known = find_successors(connection, links, named), {record.gid: record for record in records}
    taken = set()
    for link in links:
        record = known.get(successors.get(link.source_gid, ""))
        if record and replace(connection, link, record.gid, record.title, record.handle):
            taken.add(record.gid)
    return taken


def lets_go(connection: Connection) -> bool:
    """Whether there is something that a new product may have been made in place of."""
    return _with_partner(connection).filter(state=State.UNLINKED).exists()


def has_others(connection: Connection) -> bool:
    """Whether its source has connections that would not hear of a new product, once this one knows its variants."""
    return Connection.objects.filter(source=connection.source_id).exclude(pk=connection.pk).exists()


def predecessors(connection: Connection, records: Sequence[ProductRecord]) -> list[ProductLink]:
    """Links of other products that have a partner which one of these could be meant for."""
    own = connection.product_links.filter(source_gid__in=[record.gid for record in records]).exclude(destination_gid="")
    settled = set(own.values_list("source_gid", flat=True))
    new = [record for record in records if record.gid not in settled]
    if not new:
        return []
    _, partners = load_linked(connection, [record.gid for record in new])
    with_partner = _with_partner(connection).exclude(source_gid__in=[record.gid for record in new])
    by_partner = with_partner.filter(destination_gid__in={gid for gids in partners.values() for gid in gids})
    by_handle = with_partner.filter(handle__in=[record.handle for record in new])
    return list({link.pk: link for link in [*by_partner, *by_handle]}.values())


def _with_partner(connection: Connection) -> QuerySet[ProductLink]:
    return connection.product_links.filter(state__in=(*FOLLOWING, State.UNLINKED)).exclude(destination_gid="")


def replace(connection: Connection, link: ProductLink, product_gid: str, title: str, handle: str) -> bool:
    """Have a link belong to another product of the source; whether it does now. Raises Busy. Safe to repeat."""
    old_gid = link.source_gid
    with work_alone(connection, LOCK_NAME, old_gid), work_alone(connection, LOCK_NAME, product_gid):
        with transaction.atomic():
            rows = connection.product_links.select_for_update(of=("self",))
            link = rows.filter(pk=link.pk).first() or link
            own = rows.filter(source_gid=product_gid).first()
            is_free = own is None or not (own.destination_gid or own.state == State.CREATING)
            if link.source_gid != old_gid or not is_free:
                return link.source_gid == product_gid
            excluded_by = link.excluded_by or (own.excluded_by if own else "")
            if own is not None:
                own.delete()
            ProductLink.objects.filter(pk=link.pk).update(
                source_gid=product_gid,
                title=title[:512],
                handle=handle[:255],
                excluded_by=excluded_by,
                written=_rekeyed(connection, link.written, product_gid),
                fingerprint="",
                heard="",
                source_updated_at=None,
                missing_at=None,
                is_surely_missing=False,
            )
            _withdraw_held(connection, old_gid)
            if connection.selected_product_gids:
                selecting.choose_products_instead(connection, {old_gid: {product_gid}})
    return True


def _rekeyed(connection: Connection, written: Mapping[str, Any], product_gid: str) -> dict[str, Any]:
    """What was written, with what concerns variants under the ids of those that have their partners now."""
    linked, _ = load_linked(connection, [product_gid])
    successors = {theirs: ours for ours, theirs in linked[product_gid].items()}
    memory = written.get("variants") or {}
    moved = {successors.get(own.get(PARTNER, ""), gid): own for gid, own in memory.items()}
    return {**written, "variants": moved} if memory else dict(written)


def _withdraw_held(connection: Connection, product_gid: str) -> None:
    """Nobody has to decide any more about what would have been removed; a run that waits for nothing else is over."""
    held = CatalogueRunItem.objects.filter(
        run__connection=connection, run__state=CatalogueRun.State.HELD, source_gid=product_gid, outcome=Result.HELD
    )
    now = timezone.now()
    for item in held:
        CatalogueRunItem.objects.filter(pk=item.pk).update(outcome=Result.SKIPPED, reason=MADE_AGAIN, finished_at=now)
        waiting = CatalogueRunItem.objects.filter(run=item.run_id, outcome=Result.HELD)
        if not waiting.exists():
            CatalogueRun.objects.filter(pk=item.run_id, state=CatalogueRun.State.HELD).update(
                state=CatalogueRun.State.FINISHED, finished_at=now, message="All of it was made again in the source."
            )


# --- The old one is gone ------------------------------------------------------------------------------------------


def find_successor(
    connection: Connection, client: Client, link: ProductLink, match: MatchProduct
) -> ProductRecord | None:
    """The living product that has taken the link of one that is gone; None: none is known. `client` is the source's.

    Raises Busy, and as the client does.
    """
    if Variant.objects.filter(store=connection.source_id, product_gid=link.source_gid, gone_at=None).exists():
        match(connection.source, link.source_gid)  # from here on its variants are gone, and others may have their links
    named = {}
    if link.handle and (gid := product_heads.find_by_handle(client, link.handle)):
        named[link.handle] = gid
        known = Variant.objects.filter(store=connection.source_id, product_gid=gid, gone_at=None)
        if gid != link.source_gid and not known.filter(handle_key=key_of(link.handle)).exists():
            match(connection.source, gid)
    gid = find_successors(connection, [link], named).get(link.source_gid, "")
    record = product_records.read_whole_product(client, gid) if gid else None
    if record and replace(connection, link, record.gid, record.title, record.handle):
        return record
    return None


def is_surely_gone(connection: Connection, link: ProductLink) -> bool:
    """Whether the source was read as a whole since it was missed: only then does nothing have its identifier."""
    if connection.identifier == Connection.Identifier.HANDLE or not _identities(connection, link.source_gid):
        return True  # its handle was looked for just now, and nothing is behind the times there
    if link.missing_at is None:
        ProductLink.objects.filter(pk=link.pk, missing_at=None).update(missing_at=Now())
    return link.is_surely_missing


def settle_missing(connection: Connection, client: Client, links: Sequence[ProductLink]) -> dict[str, str]:
    """Read the source as a whole, and give the links of what is gone to what was made in its place: old gid -> new gid.

    `client` is the source's. Raises Busy, and as the client does. Safe to repeat.
    """
    linking.refresh_catalogue(connection.source, lambda _: client)
    linking.match_connection(connection, suggests=False, is_read=False)
    living = Variant.objects.filter(store=connection.source_id, gone_at=None)
    named = living.filter(handle__in={link.handle for link in links} - {""}).order_by()
    by_handle = dict(named.values_list("handle", "product_gid"))
    successors, moved = find_successors(connection, links, by_handle), {}
    for link in links:
        old_gid, gid = link.source_gid, successors.get(link.source_gid, "")
        variant = living.filter(product_gid=gid).first() if gid else None
        if variant and replace(connection, link, gid, variant.product_title, variant.handle):
            moved[old_gid] = gid
    return moved


def confirm_missing(connection: Connection, before: datetime) -> list[str]:
    """The catalogues were read since `before`: what was missed until then is gone. Source gids of all that wait."""
    waiting = connection.product_links.filter(missing_at__lt=before, is_surely_missing=False)
    missing = list(waiting.values_list("source_gid", flat=True))
    waiting.update(is_surely_missing=True)
    return missing


def rivals(connection: Connection, record: ProductRecord) -> list[ProductLink]:
    """Links of other products that follow and have an identifier of this one, which was made after they were linked.

    It may have been made before they are deleted, as some importers do.
    """
    links = VariantLink.objects.filter(connection=connection, source_variant__product_gid=record.gid)
    first = links.order_by("created_at").values_list("created_at", flat=True).first()
    if first is None:
        return []
    if connection.identifier == Connection.Identifier.HANDLE:
        return [link for link in _copied(connection, record) if link.created_at < first]
    column = KEYS[connection.identifier]
    keys = _keys_of(connection, record)
    same = Variant.objects.filter(store=connection.source_id, gone_at=None, **{f"{column}__in": keys})
    gids = same.exclude(product_gid=record.gid).order_by().values_list("product_gid", flat=True)
    return list(connection.product_links.filter(source_gid__in=set(gids), state=State.LINKED, created_at__lt=first))


def may_be_made(connection: Connection, cases: Sequence[Case]) -> list[Case]:
    """Those of these of which `why_wait` has nothing to say, as far as two queries for all of them can tell."""
    doubts = doubted(connection, [case.record.gid for case in cases])
    found = doubts | _may_have_rivals(connection, [case.record for case in cases])
    return [case for case in cases if case.record.gid not in found]


def _may_have_rivals(connection: Connection, records: Sequence[ProductRecord]) -> set[str]:
    """Those of these that share an identifier with another product of their source, whatever that is linked to."""
    if connection.identifier == Connection.Identifier.HANDLE:
        return {record.gid for record in records if _copied_handle(record)}
    column, keys = KEYS[connection.identifier], {record.gid: _keys_of(connection, record) for record in records}
    every = {key for own in keys.values() for key in own}
    rows = Variant.objects.filter(store=connection.source_id, gone_at=None, **{f"{column}__in": every}).order_by()
    having: dict[str, set[str]] = defaultdict(set)
    for key, gid in rows.values_list(column, "product_gid"):
        having[key].add(gid)
    return {gid for gid, own in keys.items() if any(having[key] - {gid} for key in own)}


def _keys_of(connection: Connection, record: ProductRecord) -> set[str]:
    texts = (variant.barcode if connection.identifier == "barcode" else variant.sku for variant in record.variants)
    return {key for text in texts if (key := key_of(text)) and not why_no_identity(key)}


def namesakes(connection: Connection, record: ProductRecord) -> list[ProductLink]:
    """Links of other products that follow under this one's handle, which they have had to give up."""
    links = connection.product_links.filter(handle=record.handle, state=State.LINKED)
    return list(links.exclude(source_gid=record.gid))


def why_wait(connection: Connection, case: Case) -> str:
    """Why nothing is made of a product yet, in words, and then it is looked at again; '' if it may be.

    Raises Blocked where the destination may have it already. Of what a preview has foreseen that is known.
    """
    if case.foreseen is not None:
        reason, doubt = case.foreseen
        if doubt:
            raise Blocked(doubt)
        return reason
    has_waited = case.link.pk and is_over(case.link.created_at, WAITS, timezone.now())
    found = [] if has_waited else rivals(connection, case.record)
    if not found:
        check_undoubted(connection, case.record.gid)
        return ""
    case.mark = ""
    return (
        f"“{found[0].title}” has the same identifier in the source, and follows already. If that is deleted within a "
        "day, this one takes its place; if not, it is made as a product of its own then."
    )


def _copied(connection: Connection, record: ProductRecord) -> list[ProductLink]:
    """What has the same title and variants, and the handle that this one would have if it were alone."""
    if not (base := _copied_handle(record)):
        return []
    links = connection.product_links.filter(state=State.LINKED, handle=base, title=record.title[:512])
    looks = {(key_of(variant.sku), tuple(variant.options)) for variant in record.variants}
    return [link for link in links if _appearance(connection, link.source_gid) == looks]


def _copied_handle(record: ProductRecord) -> str:
    """The handle that it would have if it were alone, where its own tells that; else ''."""
    base, _, number = record.handle.rpartition("-")
    return base if number.isascii() and number.isdigit() else ""


def _appearance(connection: Connection, product_gid: str) -> set[tuple]:
    rows = Variant.objects.filter(store=connection.source_id, product_gid=product_gid, gone_at=None)
    return {(row.sku_key, tuple((name, value) for name, value in row.options)) for row in rows}
