"""The variants of products that were created or built anew are linked to those that they became."""

from collections.abc import Mapping, Sequence
from typing import Any

from stores.linking import linking
from stores.linking.linking import MatchProduct
from stores.models import Connection
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.products.cases import Case, Written, load_linked, mark_of, variant_records
from syncing.catalogue.products.product_metafields import ProductMetafields
from syncing.catalogue.products.reading import Reading
from syncing.catalogue.rules import variants
from syncing.catalogue.rules.desired import build
from syncing.catalogue.rules.fields import Policy


def free_of_deleted(
    connection: Connection,
    cases: Sequence[Case],
    partners: Mapping[str, ProductRecord | None],
    policy: Policy,
    match: MatchProduct,
) -> set[str]:
    """Have partners matched that were just found deleted (None): the job that does it may be behind.

    Else what is made in their place would not be linked, for these variants have partners as far as is known, nor get
    any stock. Returns the gids of the products that this concerns.
    """
    gone = {gid for gid, record in partners.items() if record is None}
    concerned = [case for case in cases if case.partners & gone]
    if concerned:
        for gid in sorted(gone):
            match(connection.destination, gid, is_deleted=True)
        linked, others = load_linked(connection, [case.record.gid for case in concerned])
        for case in concerned:
            case.linked = linked[case.record.gid]
            case.partners = frozenset(others[case.record.gid]) or case.partners - gone
            case.mark = mark_of(connection, case.record, policy, case.linked)
    return {case.record.gid for case in concerned}


def link_variants(
    connection: Connection,
    reading: Reading,
    policy: Policy,
    written: Sequence[Written],
    metafields: ProductMetafields,
    files: Mapping[str, str],
) -> list[Written]:
    """Link the variants of each product with those of its partner, which then get the metafields that are to come.

    What it should become is remembered with them. `files` is address in the source -> file gid in the destination.
    Returns those whose partner is there.
    """
    made = _read_written(reading, written)
    alive = [row for row in written if row.case.link.destination_gid in made]
    if not alive:
        return []
    linked: dict[str, str] = {}
    products = []
    for row in alive:
        record, partner = row.case.record, made[row.case.link.destination_gid]
        found = variants.match_variants(record, partner, row.case.linked)
        linked |= {ours.gid: theirs.gid for ours, theirs in found.pairs if theirs}
        products.append((connection.source, record.gid, variant_records(record)))
        products.append((connection.destination, partner.gid, variant_records(partner)))
    linking.link_pairs(connection, linked, products)
    now_linked, _ = load_linked(connection, [row.case.record.gid for row in alive])
    for row in alive:
        record, ours = row.case.record, now_linked[row.case.record.gid]
        metafields.complete(record, made[row.case.link.destination_gid], policy, ours, row.verdict.desired)
        row.case.linked, row.case.mark = ours, mark_of(connection, record, policy, ours)
        _note_equal(row, made[row.case.link.destination_gid], policy, files)
    return alive


def _read_written(reading: Reading, written: Sequence[Written]) -> dict[str, ProductRecord]:
    """The partners of these by gid: what was read ahead of those alone that were not written to since."""
    at_once = [row.case.link.destination_gid for row in written if not row.is_untouched]
    untouched = [row.case.link.destination_gid for row in written if row.is_untouched]
    records = reading.products_now(at_once) if at_once else []
    records += reading.products(untouched) if untouched else []
    return {record.gid: record for record in records}


def _note_equal(row: Written, partner: ProductRecord, policy: Policy, files: Mapping[str, str]) -> None:
    """Note the instant of a partner that was read after it was written, where nobody changed it in between."""
    how: dict[str, Any] = {"linked": row.case.linked, "files": files, "written": row.verdict.desired.written}
    row.equal_at = build(row.case.record, partner, policy, **how).equal_at(partner)
