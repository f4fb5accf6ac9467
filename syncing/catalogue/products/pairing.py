"""The variants of products that were created or built anew are linked to those that they became."""

from collections.abc import Sequence

from stores.linking import linking
from stores.models import Connection
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.products.cases import Case, load_linked, mark_of, variant_records
from syncing.catalogue.rules import variants
from syncing.catalogue.rules.fields import Policy


def link_variants(connection: Connection, policy: Policy, made: Sequence[tuple[Case, ProductRecord]]) -> None:
    """Link the variants of each case with those of its partner, and remember what it should become with them."""
    if not made:
        return
    linked: dict[str, str] = {}
    products = []
    for case, partner in made:
        found = variants.match_variants(case.record, partner, case.linked)
        linked |= {ours.gid: theirs.gid for ours, theirs in found.pairs if theirs}
        products.append((connection.source, case.record.gid, variant_records(case.record)))
        products.append((connection.destination, partner.gid, variant_records(partner)))
    linking.link_pairs(connection, linked, products)
    now_linked, _ = load_linked(connection, [case.record.gid for case, _ in made])
    for case, _ in made:
        case.mark = mark_of(connection, case.record, policy, now_linked[case.record.gid])
