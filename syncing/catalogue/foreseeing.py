"""What a preview knows of products: what its run would find, and link, before it decides, without a row of that.

The matching itself is done, in a transaction that is rolled back. What must be asked of Shopify is asked before.
"""

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from stores.linking import linking
from stores.linking import rows as link_rows
from stores.linking.linking import MatchProduct
from stores.models import Connection, ProductLink, Variant
from stores.shopify.client import Client
from stores.shopify.products import product_heads, product_records
from stores.shopify.products.product_records import ProductRecord
from stores.variants import key_of
from syncing.catalogue import twins
from syncing.catalogue.claims import check_unclaimed
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.products import succession
from syncing.catalogue.products.cases import Case, load_cases, variant_records
from syncing.catalogue.rules.fields import Policy

State = ProductLink.State


def foresee(connection: Connection, source: Client, cases: Sequence[Case], policy: Policy) -> None:
    """Have these be what the run would make of them before it looks at the destination. `source` is its client.

    It matches what it finds changed, and gives what was made again the link of what it was made in place of. Raises
    Busy, and as the client does.
    """
    records = [case.record for case in cases]
    must_match = succession.lets_go(connection) or succession.has_others(connection)
    behind = succession.find_behind(connection.source, records)
    matched = {gid for gid, was_matched in behind.items() if was_matched or must_match}
    for case in cases:
        former: list[ProductLink] = []
        if case.record.gid in matched:
            former = _try(connection, case, policy)
        elif not case.link.destination_gid:
            former = succession.predecessors(connection, [case.record])
        if gone := succession.find_gone(source, former) if former else []:
            _try(connection, case, policy, gone=gone)


def meet(connection: Connection, case: Case, client: Client, policy: Policy, _: MatchProduct) -> bool:
    """As `twins.meet`, for a preview: whether there is anything that the run would match it with.

    `client` is the destination's. Raises Blocked while somebody may be making it, and as the client does.
    """
    is_met, made = twins.foresee(connection, case, client)
    if is_met:
        records = {pk: product_records.read_whole_product(client, gid) for pk, gid in made.items()}
        _try(connection, case, policy, made={pk: record for pk, record in records.items() if record})
    return is_met


def is_taken(connection: Connection, client: Client, handle: str) -> bool:
    """Whether something in the destination has a handle: it is asked, with its `client`, where we know of such."""
    known = Variant.objects.filter(store=connection.destination_id, handle_key=key_of(handle), gone_at=None)
    return known.exists() and product_heads.find_by_handle(client, handle) is not None


def _try(
    connection: Connection,
    case: Case,
    policy: Policy,
    made: Mapping[int, ProductRecord] | None = None,
    gone: Sequence[ProductLink] = (),
) -> list[ProductLink]:
    """Have a case be as if it had been matched as it is now; the links of what it may have been made in place of.

    `made` is what others have made, by their links' ids: raises Blocked where it is theirs. `gone` are such links whose
    products are known to be gone.
    """
    made = made or {}
    products = [(connection.source, case.record.gid, variant_records(case.record))]
    products += [(connection.destination, record.gid, variant_records(record)) for record in made.values()]
    with transaction.atomic():
        for pk, record in made.items():
            _note_made(pk, record.gid)
        linking.match_read(connection, case.record.gid, products)
        former = succession.predecessors(connection, [case.record])
        succession.give_links(connection, [link for link in former if link.pk in _pks(gone)], [case.record])
        fresh = load_cases(connection, [case.record], policy)[0]
        case.link, case.linked, case.partners, case.mark = fresh.link, fresh.linked, fresh.partners, fresh.mark
        case.foreseen = _why_not(connection, case)
        if made and (gid := case.partner_gid()):
            check_unclaimed(case.link, gid)  # which is only so while that is known
        transaction.set_rollback(True)
    return former


def _pks(links: Collection[ProductLink]) -> set[int]:
    return {link.pk for link in links}


def _note_made(pk: int, gid: str) -> None:
    link = ProductLink.objects.select_related("connection").get(pk=pk)
    if link.state != State.CONFLICT and not link_rows.is_over(link.connection):
        made = {"destination_gid": gid, "state": State.CREATING, "reason": "", "retry_at": timezone.now()}
        ProductLink.objects.filter(pk=pk).update(**made)


def _why_not(connection: Connection, case: Case) -> tuple[str, str]:
    case.foreseen = None
    try:
        return succession.why_wait(connection, case), ""
    except Blocked as blocked:
        return "", str(blocked)
