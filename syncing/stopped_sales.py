"""Variants of a destination that are not sold when out of stock, for their link ended so; undone when it comes back.

What a variant's policy was is noted on it before it is written: a worker that dies writes it once more.
"""

import logging
from collections.abc import Iterable
from itertools import groupby

from django.db.models import Exists, OuterRef, Q, QuerySet

from stores.clients import OpenClient
from stores.models import Connection, Variant
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.products import product_writes, selling
from stores.shopify.products.selling import CONTINUE, DENY, Policy
from syncing.models import StockLink

logger = logging.getLogger(__name__)

Sale = Variant.Sale


def follow(connection: Connection, clients: OpenClient) -> None:
    """Stop, and begin again, what is due in a connection's destination. Raises ShopifyError. Safe to repeat."""
    stopping = list(_to_stop(connection)[: selling.VARIANTS_PER_READ])
    resuming = list(_to_resume(connection)[: selling.VARIANTS_PER_READ])
    if not stopping and not resuming:
        return
    client = clients(connection.destination)
    for variants, policy in ((stopping, DENY), (resuming, CONTINUE)):
        if variants:
            _set(client, variants, policy)


def _pairs() -> QuerySet[StockLink]:
    return StockLink.objects.filter(variant_link__destination_variant=OuterRef("pk"))


def _to_stop(connection: Connection) -> QuerySet[Variant]:
    """What ended so, and is at 0: before that, what is held for a decision would not be sold either."""
    ended = _pairs().filter(
        connection=connection,
        ending=Connection.Ending.DENY,
        is_sure=True,
        keeps_destination=False,
        destination_level__available__lte=0,
    )
    rows = Variant.objects.filter(store=connection.destination, gone_at=None, sale__in=(Sale.UNTOUCHED, Sale.STOPPING))
    return rows.filter(Exists(ended)).exclude(Exists(_pairs().filter(ending=""))).order_by("product_gid", "pk")


def _to_resume(connection: Connection) -> QuerySet[Variant]:
    """What is kept in step again, or whose write of 0 somebody took back."""
    rows = Variant.objects.filter(store=connection.destination, gone_at=None).exclude(sale=Sale.UNTOUCHED)
    back = _pairs().filter(connection=connection).filter(Q(ending="") | Q(keeps_destination=True))
    return rows.filter(Exists(back)).order_by("product_gid", "pk")


def _set(client: Client, variants: list[Variant], policy: str) -> None:
    found = {row.gid: row for row in selling.read_policies(client, [variant.gid for variant in variants])}
    due = []
    for variant in variants:
        known = found.get(variant.gid)
        if known is None or known.policy == policy or (policy == CONTINUE and variant.sale == Sale.DENIED):
            _note([variant], _after(variant, policy))
        else:
            due.append((variant, known))
    for product_gid, rows in groupby(due, key=lambda row: row[1].product_gid):
        _write(client, product_gid, list(rows), policy)


def _after(variant: Variant, policy: str) -> str:
    """What is noted of a variant that has the policy."""
    if policy == CONTINUE:
        return Sale.UNTOUCHED
    return Sale.STOPPED if variant.sale == Sale.STOPPING else Sale.DENIED


def _write(client: Client, product_gid: str, rows: list[tuple[Variant, Policy]], policy: str) -> None:
    variants = [variant for variant, _ in rows]
    if policy == DENY:
        _note(variants, Sale.STOPPING)
    try:
        fields = [{"id": variant.gid, "inventoryPolicy": policy} for variant in variants]
        product_writes.update_variants(client, product_gid, fields)
    except (UserErrors, ObjectNotFound) as refusal:  # one product; its neighbours go on
        logger.warning("%s: %s", product_gid, refusal)
        _note(variants, Sale.DENIED if policy == DENY else Sale.UNTOUCHED)
        return
    _note(variants, Sale.STOPPED if policy == DENY else Sale.UNTOUCHED)


def _note(variants: Iterable[Variant], sale: str) -> None:
    Variant.objects.filter(pk__in=[variant.pk for variant in variants]).update(sale=sale)
