"""Variants of a destination that are not sold when out of stock, for their link ended so; undone when it comes back.

What a variant's policy was is noted on it before it is written: a worker that dies writes it once more. What its store
refuses is told of and tried again, until it came true or an operator leaves it to the store.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from stores.ages import over
from stores.clients import OpenClient
from stores.models import Connection, Variant
from stores.shared.statements import prepared_cursor
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.products import product_writes, selling
from stores.shopify.products.selling import CONTINUE, DENY, Policy
from syncing.models import StockLink

Sale = Variant.Sale
PAUSE = timedelta(hours=1)  # between two tries of what was refused; nearly always it will be again
REASON_CHARACTERS = 255

_ENDED = Q(ending=Connection.Ending.DENY, is_sure=True, keeps_destination=False)
_BACK = Q(ending="") | Q(keeps_destination=True)
Row = tuple[Variant, Policy]


def follow(connection: Connection, clients: OpenClient) -> bool:
    """Stop, and begin again, what is due in a connection's destination; whether that was all of it.

    Raises ShopifyError. Safe to repeat.
    """
    if not _may_be_due(connection):
        return True
    most = selling.VARIANTS_PER_READ
    stopping, resuming = list(_due(to_stop(connection))[: most + 1]), list(_due(_to_resume(connection))[: most + 1])
    if not stopping and not resuming:
        return True
    client = clients(connection.destination)
    for variants, policy in ((stopping, DENY), (resuming, CONTINUE)):
        if variants:
            _set(client, variants[:most], policy)
    return len(stopping) <= most and len(resuming) <= most


def _may_be_due(connection: Connection) -> bool:
    """Whether anything has ended so, or was stopped: nearly always nothing was, and each run over stock asks."""
    with prepared_cursor() as cursor:
        cursor.execute(_MAY_BE_DUE, {"connection": connection.pk, "destination": connection.destination_id})
        return cursor.fetchone()[0]


_MAY_BE_DUE = """
    SELECT EXISTS (SELECT FROM syncing_stocklink
                   WHERE connection_id = %(connection)s AND ending <> '' AND ending = 'deny')  -- an index has the ended
        OR EXISTS (SELECT FROM stores_variant
                   WHERE store_id = %(destination)s AND sale <> '' AND gone_at IS NULL)
"""


def _pairs() -> QuerySet[StockLink]:
    return StockLink.objects.filter(variant_link__destination_variant=OuterRef("pk"))


def to_stop(connection: Connection) -> QuerySet[Variant]:
    """What ended so, and is at 0: before that, what is held for a decision would not be sold either."""
    ended = _pairs().filter(_ENDED, connection=connection, destination_level__available__lte=0)
    rows = Variant.objects.filter(store=connection.destination, gone_at=None)
    rows = rows.filter(sale__in=(Sale.UNTOUCHED, Sale.STOPPING, Sale.REFUSED))
    return rows.filter(Exists(ended)).exclude(Exists(_pairs().filter(ending="")))


def _to_resume(connection: Connection) -> QuerySet[Variant]:
    """What is kept in step again, or whose write of 0 somebody took back."""
    rows = Variant.objects.filter(store=connection.destination, gone_at=None).exclude(sale=Sale.UNTOUCHED)
    return rows.filter(Exists(_pairs().filter(_BACK, connection=connection)))


def _due(variants: QuerySet[Variant]) -> QuerySet[Variant]:
    is_due = Q(sale_tried_at=None) | over("sale_tried_at", PAUSE, timezone.now())
    return variants.filter(is_due).order_by("product_gid", "pk")


def refused() -> QuerySet[StockLink]:
    """Pairs whose destination's variant goes on as it did: its store refuses to stop its sale, or to begin it again."""
    variants = Variant.objects.filter(gone_at=None).exclude(sale_reason="")
    in_step = StockLink.objects.filter(
        ending="", variant_link__destination_variant=OuterRef("variant_link__destination_variant")
    )
    on_sale = StockLink.objects.filter(_ENDED, variant_link__destination_variant__in=variants.filter(sale=Sale.REFUSED))
    stopped = StockLink.objects.filter(_BACK, variant_link__destination_variant__in=variants.exclude(sale=Sale.REFUSED))
    # Each by its own index, both are few: an OR of the two would look at every pair.
    found = on_sale.exclude(Exists(in_step)).order_by().values("pk").union(stopped.order_by().values("pk"))
    return StockLink.objects.filter(pk__in=found)


def try_again(links: Collection[StockLink]) -> set[int]:
    """Have what was refused tried now; the connections that must run."""
    rows = refused().filter(pk__in=[link.pk for link in links])
    connection_ids = set(rows.values_list("connection", flat=True))
    Variant.objects.filter(pk__in=rows.values("variant_link__destination_variant")).update(sale_tried_at=None)
    return connection_ids


def leave_to_store(links: Collection[StockLink]) -> int:
    """Whether it sells these when they are out of stock is the store's affair from now on; how many variants."""
    rows = refused().filter(pk__in=[link.pk for link in links])
    variants = Variant.objects.filter(pk__in=rows.values("variant_link__destination_variant"))
    stopping = [variant.pk for variant in variants if variant.sale == Sale.REFUSED]
    others = [variant.pk for variant in variants if variant.sale != Sale.REFUSED]
    return _note(stopping, Sale.DENIED) + _note(others, Sale.UNTOUCHED)


def _set(client: Client, variants: list[Variant], policy: str) -> None:
    found = {row.gid: row for row in selling.read_policies(client, [variant.gid for variant in variants])}
    due: list[Row] = []
    for variant in variants:
        known = found.get(variant.gid)
        is_ours = variant.sale in (Sale.STOPPING, Sale.STOPPED)
        if known is None or known.policy == policy or (policy == CONTINUE and not is_ours):
            _note([variant.pk], _after(variant, policy))
        else:
            due.append((variant, known))
    for product_gid, rows in groupby(due, key=lambda row: row[1].product_gid):
        _write(client, product_gid, list(rows), policy)


def _after(variant: Variant, policy: str) -> str:
    """What is noted of a variant that has the policy."""
    if policy == CONTINUE:
        return Sale.UNTOUCHED
    return Sale.STOPPED if variant.sale == Sale.STOPPING else Sale.DENIED


def _write(client: Client, product_gid: str, rows: Sequence[Row], policy: str) -> None:
    """Write a product's variants: those that are refused are noted, their neighbours go on."""
    pks = [variant.pk for variant, _ in rows]
    if policy == DENY:
        _note(pks, Sale.STOPPING)
    try:
        fields = [{"id": variant.gid, "inventoryPolicy": policy} for variant, _ in rows]
        product_writes.update_variants(client, product_gid, fields)
    except (UserErrors, ObjectNotFound) as refusal:
        named = _named(refusal)
        bad = [row for number, row in enumerate(rows) if number in named] or rows
        _refuse([variant.pk for variant, _ in bad], str(refusal), policy)
        if good := [row for row in rows if row not in bad]:
            _write(client, product_gid, good, policy)
        return
    _note(pks, Sale.STOPPED if policy == DENY else Sale.UNTOUCHED)


def _named(refusal: UserErrors | ObjectNotFound) -> set[int]:
    """The places in the list of the variants that are refused, as far as Shopify says."""
    fields = [error.field for error in refusal.errors] if isinstance(refusal, UserErrors) else []
    places = [str(field[1]) for field in fields if len(field) > 1 and field[0] == "variants"]
    return {int(place) for place in places if place.isdecimal()}


def _note(pks: Iterable[int], sale: str) -> int:
    return Variant.objects.filter(pk__in=list(pks)).update(sale=sale, sale_reason="", sale_tried_at=None)


def _refuse(pks: Iterable[int], reason: str, policy: str) -> None:
    note = {"sale": Sale.REFUSED} if policy == DENY else {}
    Variant.objects.filter(pk__in=list(pks)).update(
        sale_reason=reason[:REASON_CHARACTERS], sale_tried_at=timezone.now(), **note
    )
