"""What a store sells, as rows: read in full or product by product, upserted in portions, never removed."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

from django.conf import settings
from django.db import connection as db
from django.utils import timezone

from stores.clients import OpenClient, open_client
from stores.models import Connection, Store, Variant
from stores.models.variant import normalize_identifier
from stores.shopify import bulk
from stores.shopify.client import Client
from stores.shopify.products import products
from stores.shopify.products.products import VariantRecord

logger = logging.getLogger(__name__)

PORTION_ROWS = 2000
FEW_ROWS = 100  # variants that any plan is fast enough for
LONGEST_BULK_SECONDS = 400.0  # seconds; below QUEUE_TIMEOUT, so that the job ends in words and is tried again
# Which column of Variant holds the normalised identifier.
KEYS: dict[str, str] = {
    Connection.Identifier.HANDLE: "handle_key",
    Connection.Identifier.SKU: "sku_key",
    Connection.Identifier.BARCODE: "barcode_key",
}
_KEY_CHARACTERS = 255

_UPSERT = """
    INSERT INTO stores_variant (store_id, gid, product_gid, item_gid, product_title, title, handle, sku, barcode,
                                options, handle_key, sku_key, barcode_key, is_tracked, is_bundle, gone_at,
                                seen_at, read_number)
    SELECT %s, u.gid, u.product_gid, u.item_gid, u.product_title, u.title, u.handle, u.sku, u.barcode,
           u.options::jsonb, u.handle_key, u.sku_key, u.barcode_key, u.is_tracked, u.is_bundle, NULL,
           clock_timestamp(), %s
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::bool[])
         AS u(gid, product_gid, item_gid, product_title, title, handle, sku, barcode,
              options, handle_key, sku_key, barcode_key, is_tracked, is_bundle)
    ON CONFLICT (store_id, gid) DO UPDATE
    SET product_gid = EXCLUDED.product_gid, item_gid = EXCLUDED.item_gid, product_title = EXCLUDED.product_title,
        title = EXCLUDED.title, handle = EXCLUDED.handle, sku = EXCLUDED.sku, barcode = EXCLUDED.barcode,
        options = EXCLUDED.options, handle_key = EXCLUDED.handle_key, sku_key = EXCLUDED.sku_key,
        barcode_key = EXCLUDED.barcode_key, is_tracked = EXCLUDED.is_tracked, is_bundle = EXCLUDED.is_bundle,
        gone_at = NULL, seen_at = EXCLUDED.seen_at, read_number = EXCLUDED.read_number
    -- A product that was read again while a long read of the whole catalogue ran is newer than what that brings.
    WHERE stores_variant.read_number <= EXCLUDED.read_number
"""


def number_read() -> int:
    """A number for a read that begins now: higher than those of all that began before.

    Numbers, because the clocks of two machines differ, and one that was set back would have all reads of the next hour
    pass for older than what is known.
    """
    with db.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [Variant.READS])
        return cursor.fetchone()[0]


def refresh_catalogue(store: Store, opens: OpenClient = open_client) -> int:
    """Read all variants of a store, upsert them, mark those not seen as gone; returns how many are alive.

    Whatever fails in between leaves the rows read so far, and nothing is marked as gone. Raises as the client does.
    """
    number = number_read()
    for portion in _portions(_read_all(opens(store), store), PORTION_ROWS):
        _upsert(store, portion, number)
    alive = Variant.objects.filter(store=store, gone_at=None)
    gone = alive.filter(read_number__lt=number).update(gone_at=timezone.now())
    count = alive.count()
    refresh_statistics(count)
    logger.info("%s: %d variants, %d more are gone", store.domain, count, gone)
    return count


def refresh_statistics(count: int) -> None:
    """Before as many searches among the variants: their plans must know how large the table has become."""
    if count > FEW_ROWS:
        with db.cursor() as cursor:
            cursor.execute("ANALYZE stores_variant")


def _read_all(client: Client, store: Store) -> Iterator[VariantRecord]:
    """Pages for a small catalogue, a bulk operation for a large one; what turns out to be large changes over."""
    if Variant.objects.filter(store=store, gone_at=None).count() <= settings.BULK_FROM_LEVELS:
        paged = products.iter_variants(client)
        yield from islice(paged, settings.BULK_FROM_LEVELS)
        one_more = next(paged, None)
        if one_more is None:
            return
    for line in bulk.run(client, bulk.BULK_VARIANTS, longest_wait=LONGEST_BULK_SECONDS):
        yield bulk.variant_from_line(line)


def _portions(records: Iterable[VariantRecord], size: int) -> Iterator[list[VariantRecord]]:
    iterator = iter(records)
    while portion := list(islice(iterator, size)):
        yield portion


def _upsert(store: Store, records: Sequence[VariantRecord], number: int) -> None:
    # Paging may give a variant twice when it moves meanwhile; one order of rows for everybody, lest two lock crosswise.
    rows = sorted({record.gid: record for record in records}.values(), key=lambda record: record.gid)
    if not rows:
        return
    with db.cursor() as cursor:
        cursor.execute(_UPSERT, [store.pk, number, *map(list, zip(*map(_columns, rows), strict=True))])
    if store.is_source:  # what selections decide by
        save_facts(store, [(row.product_gid, row.tags, row.vendor, row.product_type) for row in rows], number)


def save_facts(store: Store, facts: Iterable[tuple[str, Sequence[str], str, str]], number: int) -> None:
    """Keep tags, vendor and type of products (by id) as the read of this number saw them."""
    known = {gid: (tags, vendor, product_type) for gid, tags, vendor, product_type in facts}
    rows = [
        (gid, json.dumps([_clean(tag) for tag in tags]), _clean(vendor, 255), _clean(product_type, 255))
        for gid, (tags, vendor, product_type) in sorted(known.items())
    ]
    if rows:
        with db.cursor() as cursor:
            cursor.execute(_SAVE_FACTS, [store.pk, number, *map(list, zip(*rows, strict=True))])


_SAVE_FACTS = """
    INSERT INTO stores_product (store_id, gid, tags, vendor, product_type, read_number)
    SELECT %s, row.gid, ARRAY(SELECT jsonb_array_elements_text(row.tags::jsonb)), row.vendor, row.product_type, %s
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS row (gid, tags, vendor, product_type)
    ON CONFLICT (store_id, gid) DO UPDATE
    SET tags = EXCLUDED.tags, vendor = EXCLUDED.vendor, product_type = EXCLUDED.product_type,
        read_number = EXCLUDED.read_number
    WHERE stores_product.read_number <= EXCLUDED.read_number
"""


def _columns(record: VariantRecord) -> tuple:
    return (
        record.gid,
        record.product_gid,
        record.item_gid,
        _clean(record.product_title, 512),
        _clean(record.title, 512),
        _clean(record.handle, 255),
        _clean(record.sku, 255),
        _clean(record.barcode, 255),
        json.dumps([[_clean(name), _clean(value)] for name, value in record.options]),
        key_of(record.handle),
        key_of(record.sku),
        key_of(record.barcode),
        record.tracked,
        record.requires_components,
    )


def _clean(text: str | None, longest: int | None = None) -> str:
    # PostgreSQL stores any character but NUL.
    return (text or "").replace("\x00", "")[:longest]


def key_of(identifier: str | None) -> str:
    """An identifier as it is compared; '' for none. One that does not fit its column is told by its digest."""
    key = normalize_identifier(_clean(identifier))
    return key if len(key) <= _KEY_CHARACTERS else "sha256:" + sha256(key.encode()).hexdigest()


# --- One product --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProductChange:
    """What reading a product again has changed: our ids of variants, and identifiers before and after."""

    pks: frozenset[int] = frozenset()
    stock_pks: frozenset[int] = frozenset()  # changed in what their stock depends on
    keys: dict[str, set[str]] = field(default_factory=dict)  # by Connection.Identifier; none is ''
    without: dict[str, set[int]] = field(default_factory=dict)  # living ones without such an identifier


def read_product(store: Store, product_gid: str) -> list[VariantRecord]:
    """The variants of one product; none when it was deleted. Raises as the client does."""
    return list(products.read_product(open_client(store), product_gid) or ())


def save_new_products(store: Store, records: Sequence[VariantRecord], number: int) -> None:
    """Upsert the variants of products that were unknown until now, as the read of this number saw them."""
    _upsert(store, records, number)


def save_product(store: Store, product_gid: str, records: Sequence[VariantRecord], number: int) -> ProductChange:
    """Upsert a product's variants as the read of this number saw them, mark its other ones as gone; what changed."""
    before = _load_product(store, product_gid, [record.gid for record in records])
    _upsert(store, records, number)
    seen = [record.gid for record in records]
    missing = Variant.objects.filter(store=store, product_gid=product_gid, gone_at=None, read_number__lte=number)
    missing.exclude(gid__in=seen).update(gone_at=timezone.now(), read_number=number)
    after = _load_product(store, product_gid, seen)
    return _compare(before, after)


@dataclass(frozen=True, slots=True)
class _Known:
    is_gone: bool
    stock: tuple
    keys: dict[str, str]
    options: list


def _load_product(store: Store, product_gid: str, gids: Sequence[str]) -> dict[int, _Known]:
    """The product's variants, and those that belonged to another product before."""
    own = Variant.objects.filter(store=store, product_gid=product_gid)
    moved = Variant.objects.filter(store=store, gid__in=gids)
    return {
        variant.pk: _Known(
            variant.gone_at is not None,
            (variant.item_gid, variant.is_tracked, variant.is_bundle),
            {identifier: getattr(variant, column) for identifier, column in KEYS.items()},
            variant.options,
        )
        for variant in (own | moved)
    }


def _compare(before: dict[int, _Known], after: dict[int, _Known]) -> ProductChange:
    pks = {pk for pk, known in after.items() if before.get(pk) != known}
    stock_pks = {pk for pk in pks if pk not in before or before[pk].stock != after[pk].stock}
    keys: dict[str, set[str]] = {identifier: set() for identifier in KEYS}
    without: dict[str, set[int]] = {identifier: set() for identifier in KEYS}
    for pk in pks:
        for identifier in KEYS:
            states = [known.keys[identifier] for known in (before.get(pk), after[pk]) if known]
            keys[identifier].update(key for key in states if key)
            if not after[pk].keys[identifier] and not after[pk].is_gone:
                without[identifier].add(pk)
    return ProductChange(frozenset(pks), frozenset(stock_pks), keys, without)
