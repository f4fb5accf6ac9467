"""What other connections have made in a destination, or are making, of which a new product would be a twin.

Compared in our own rows, under the lock of that store's links: which webhooks came, and in which order jobs run, does
not matter. A product that is being made is known by what its link remembers of it (lost_creations), and what was made
by its variants, which are rows before that is forgotten.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.utils import timezone

from stores.ages import is_over, within
from stores.linking import linking
from stores.linking import rows as link_rows
from stores.linking.linking import MatchProduct
from stores.models import Connection, ProductLink, Variant, VariantLink
from stores.shopify.client import Client
from stores.shopify.products import product_heads, product_records
from stores.variants import KEYS, key_of
from syncing.catalogue.bulk import rivals
from syncing.catalogue.exclusive import Busy, work_alone
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.products import lost_creations, succession
from syncing.catalogue.products.cases import Case, load_cases
from syncing.catalogue.products.unlinking import LOCK_NAME
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.parts.made import Desired

State = ProductLink.State
# Its own connection comes back to what it has begun within this time; a lost request arrives within it (shopify.md 5).
LONGEST = timedelta(minutes=2)
BEGUN = (State.CREATING, State.FAILED, State.CONFLICT)
LINE, BEGINNING, VARIANT = "line", "beginning", "variant"
IS_BEING_MADE = "Another source has the same made in the destination at this moment."


def meet(connection: Connection, case: Case, client: Client, policy: Policy, match: MatchProduct) -> bool:
    """Have a product that is to be made matched with what is there by now; whether there was anything to match.

    `client` is the destination's. What another connection has begun, and nobody is at any more, is looked for there.
    Raises Busy while somebody may be making it, and as the client does. Safe to repeat.
    """
    keys = rivals.keys_of(case.record, case.record.handle)
    found = _find(connection, keys)
    if found <= case.met:
        return False
    if any(kind == LINE for kind, _ in found):
        raise Busy(IS_BEING_MADE)
    for kind, pk in sorted(found - case.met):
        if kind == BEGINNING:
            _settle(pk, client, match)
    found |= _find(connection, keys)
    _match_known(connection, case, match)
    case.met |= found
    fresh = load_cases(connection, [case.record], policy)[0]
    case.linked, case.partners, case.mark = fresh.linked, fresh.partners, fresh.mark
    return True


def foresee(connection: Connection, case: Case, client: Client) -> tuple[bool, dict[int, str]]:
    """For a preview: whether there is anything to match, and what came of what others have begun, by their links' ids.

    Writes nothing. Raises Blocked while somebody may be making it, and as the client, the destination's, does.
    """
    found = _find(connection, rivals.keys_of(case.record, case.record.handle))
    if any(kind == LINE for kind, _ in found):
        raise Blocked(IS_BEING_MADE)
    made = {}
    for link in ProductLink.objects.filter(pk__in=[pk for kind, pk in found if kind == BEGINNING]).order_by("pk"):
        if not is_over(link.changed_at, LONGEST, timezone.now()):
            raise Blocked(IS_BEING_MADE)
        if gid := link.destination_gid or _find_made(link, client):
            made[link.pk] = gid
    return bool(found), made


def begin(connection: Connection, case: Case, desired: Desired) -> None:
    """Note at a product's link that it is being made, before it is. Raises Busy where it would be a twin."""
    with transaction.atomic():
        if not all_met(connection, [(case, desired.product["handle"])]):
            raise Busy(IS_BEING_MADE)
        case.link.note_source(case.record)
        lost_creations.begin(case.link, lost_creations.memory_of(case.record, desired))
        case.link.save()


def all_met(connection: Connection, wanted: Sequence[tuple[Case, str]]) -> list[Case]:
    """Those of these products, each with the handle it is to get, that would be no twins of what they did not meet.

    To be called in a transaction: until that ends nobody else begins one in this destination.
    """
    link_rows.lock(connection.destination_id)
    return without_others(connection, wanted)


def without_others(connection: Connection, wanted: Sequence[tuple[Case, str]]) -> list[Case]:
    """As `all_met`, for now: most of many are told apart from what there is by one query."""
    if not wanted:
        return []
    keys = {key for case, handle in wanted for key in rivals.keys_of(case.record, handle)}
    if _find(connection, keys) <= set.intersection(*(case.met for case, _ in wanted)):
        return [case for case, _ in wanted]
    half = len(wanted) // 2
    return [*without_others(connection, wanted[:half]), *without_others(connection, wanted[half:])] if half else []


def check_partner(connection: Connection, handle: str) -> None:
    """Raises Busy where a product of the destination, known by its handle, may be what another connection makes."""
    keys = [f"handle {key_of(handle)}"]
    begun = _begun(connection, keys).filter(within("changed_at", LONGEST, timezone.now()))
    if rivals.open_lines(connection, keys).values("pk").union(begun.values("pk")).exists():
        raise Busy(IS_BEING_MADE)


def find_clear(connection: Connection, cases: Sequence[Case]) -> frozenset[str]:
    """Those of these new products, by their source gids, that have nothing to meet, and that nothing makes wait.

    A few queries for all of them: the others are to be looked at one by one.
    """
    alone = without_others(connection, [(case, case.record.handle) for case in cases])
    return frozenset(case.record.gid for case in succession.may_be_made(connection, alone))


def _find(connection: Connection, keys: Collection[str]) -> set[tuple[str, int]]:
    """Bulk lines, beginnings and variants that say that the destination has, or gets, what these name: one query.

    One statement sees one moment: what was made is either begun still, or has its variants among the rows.
    """
    own = f"{connection.identifier} "
    identities = [key.removeprefix(own) for key in keys if key.startswith(own)]
    ours = VariantLink.objects.filter(
        connection=connection, state=VariantLink.State.LINKED, destination_variant=OuterRef("pk")
    )
    variants = Variant.objects.filter(
        ~Exists(ours),
        store=connection.destination_id,
        gone_at=None,
        **{f"{KEYS[connection.identifier]}__in": identities},
    )
    rows = rivals.open_lines(connection, keys).order_by().values_list(Value(LINE), "pk")
    begun = _begun(connection, keys).order_by().values_list(Value(BEGINNING), "pk")
    return set(rows.union(begun, variants.order_by().values_list(Value(VARIANT), "pk"), all=True))


def _begun(connection: Connection, keys: Collection[str]) -> QuerySet[ProductLink]:
    """Links of other connections whose products, known by these, were begun in the destination and not finished."""
    rows = ProductLink.objects.filter(
        destination=connection.destination_id, is_created=True, synced_at=None, state__in=BEGUN
    )
    return rows.filter(written__sent__keys__has_any_keys=list(keys)).exclude(connection=connection)


def _settle(pk: int, client: Client, match: MatchProduct) -> None:
    """Find out what became of what another connection has begun, and have that matched.

    Raises Busy while its worker is at it, or will be soon.
    """
    links = ProductLink.objects.select_related("connection__source", "connection__destination").filter(pk=pk)
    link = links.first()
    if link is None:
        return
    with work_alone(link.connection, LOCK_NAME, link.source_gid):
        link = links.filter(is_created=True, synced_at=None, state__in=BEGUN).first()
        if link is None:
            return
        if not is_over(link.changed_at, LONGEST, timezone.now()):
            raise Busy(IS_BEING_MADE)
        gid = link.destination_gid or _find_made(link, client)
        if gid and link.state != State.CONFLICT and not link_rows.is_over(link.connection):
            # The answer that was lost: it is its connection's from here on, and that goes on with it soon.
            made = {"destination_gid": gid, "state": State.CREATING, "reason": "", "retry_at": timezone.now()}
            ProductLink.objects.filter(pk=pk).update(**made)
    if gid:
        match(link.connection.destination, gid)


def _find_made(link: ProductLink, client: Client) -> str:
    """The gid of what a creation made whose answer was lost, '' if nothing was made, or somebody else has it."""
    sent = lost_creations.sent_of(link)
    gid = product_heads.find_by_handle(client, sent["handle"]) if sent else None
    partner = product_records.read_whole_product(client, gid) if gid else None
    if not sent or partner is None or not lost_creations.is_made_by(sent, partner):
        return ""
    taken = ProductLink.objects.filter(destination=link.destination_id, destination_gid=partner.gid)
    return "" if taken.filter(state__in=(State.LINKED, State.CREATING)).exclude(pk=link.pk).exists() else partner.gid


def _match_known(connection: Connection, case: Case, match: MatchProduct) -> None:
    """Match a product with the variants of the destination that are known by now.

    No webhook leads to that: who linked what it made has noted its variants, and nothing about them is new after that.
    """
    if not Variant.objects.filter(store=connection.source_id, product_gid=case.record.gid, gone_at=None).exists():
        match(connection.source, case.record.gid)
    linking.match_known(connection, case.record.gid)
