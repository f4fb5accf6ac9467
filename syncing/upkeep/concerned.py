"""Which orders, stored webhooks and copies a privacy request is about: at both ends of every connection concerned.

A customer's order in a destination is copied into its sources: there, too, webhooks tell of the same person, under the
numbers of the copies.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from django.db.models import Q, QuerySet

from orders import privacy
from orders.models import OrderImport, OrderUpdate
from stores.shopify import gids
from stores.shopify.texts import read_json
from syncing.models import AlertMessage, PrivacyRequest, SyncJob, WebhookEvent

REMOVED = '{"removed": "A customer asked to be forgotten."}'
# Topics whose bodies tell of people.
_BEGINS = ("orders/", "draft_orders/", "refunds/", "fulfillments/", "customers/", "checkouts/")
ABOUT_PEOPLE = Q()
for _begin in _BEGINS:
    ABOUT_PEOPLE |= Q(topic__startswith=_begin)
MOST_KEYS = 100  # in one query over the bodies
Numbers = dict[int, set[int]]  # by store: what Shopify calls its customer and its orders there


def is_about_people(topic: str) -> bool:
    """Whether the bodies of a topic tell of people."""
    return topic.startswith(_BEGINS)


def orders_about(request: PrivacyRequest) -> QuerySet[OrderImport]:
    """The orders of the request's customer, in all sources that have a part of them."""
    if request.kind == PrivacyRequest.Kind.SHOP:
        found = privacy.orders_of(request.store, None)
    else:
        found = privacy.orders_of(request.store, {*request.order_ids, *_orders_of_customer(request)})
    others = Q(pk__in=[])
    for destination, order_gid in set(found.values_list("connection__destination", "order_gid")):
        others |= Q(connection__destination=destination, order_gid=order_gid)
    if request.kind == PrivacyRequest.Kind.SHOP:
        return found
    return OrderImport.objects.filter(others)


def _orders_of_customer(request: PrivacyRequest) -> set[int]:
    """Orders that stored webhooks tell to be the customer's: Shopify names only some in its request."""
    if not request.customer_id:
        return set()
    rows = WebhookEvent.objects.filter(ABOUT_PEOPLE, store=request.store, body__contains=str(request.customer_id))
    found = set()
    for topic, body in rows.exclude(body=REMOVED).values_list("topic", "body").iterator():
        try:
            payload = read_json(body)
        except ValueError:
            continue
        if isinstance(payload, dict) and (payload.get("customer") or {}).get("id") == request.customer_id:
            found.add(payload.get("id") if topic.startswith("orders/") else payload.get("order_id"))
    return {number for number in found if isinstance(number, int)}


def numbers_about(request: PrivacyRequest, orders: Iterable[OrderImport]) -> Numbers:
    """What to look for in the bodies of each store. Of a store that is forgotten whole: in the other stores."""
    is_shop = request.kind == PrivacyRequest.Kind.SHOP
    found: Numbers = defaultdict(set)
    if not is_shop:
        found[request.store_id] |= {number for number in (request.customer_id, *request.order_ids) if number}
    for row in orders:
        ends: dict[int, tuple[str, ...]] = {row.connection.destination_id: (row.order_gid,)}
        if not is_shop or row.connection.destination_id == request.store_id:  # a source's customers are all copies
            ends[row.connection.source_id] = (row.copy_gid, row.copy_order_gid)
        for store_id, names in ends.items():
            found[store_id] |= {gids.number(name) for name in names if name}
    if is_shop:
        found.pop(request.store_id, None)
    return found


def bodies_about(request: PrivacyRequest, numbers: Numbers) -> Iterator[WebhookEvent]:
    """The stored webhooks that tell of the customer; also those that nobody has processed yet."""
    rows = WebhookEvent.objects.filter(ABOUT_PEOPLE).exclude(body=REMOVED).order_by("pk")
    searches = [rows.filter(store=request.store)] if request.kind == PrivacyRequest.Kind.SHOP else []
    for store_id, wanted in numbers.items():
        for some in in_batches(sorted(wanted), MOST_KEYS):
            mentioned = Q(pk__in=[])
            for number in some:
                mentioned |= Q(body__contains=str(number))
            searches.append(rows.filter(mentioned, store=store_id))
    seen: set[int] = set()
    for event in chain.from_iterable(search.iterator() for search in searches):
        if event.pk not in seen:
            seen.add(event.pk)
            yield event


def in_batches(numbers: Iterable[int], most: int) -> Iterator[Sequence[int]]:
    """So many of them at a time."""
    rest = iter(numbers)
    while some := list(islice(rest, most)):
        yield some


def count_waiting(orders: QuerySet[OrderImport], events: Iterable[WebhookEvent]) -> int:
    """What is under way and may write down once more what was removed: webhooks, changes, jobs, messages."""
    keys = list(orders.values_list("pk", flat=True))
    changes = OrderUpdate.objects.filter(order_import__in=keys).exclude(state__in=privacy.OVER)
    copies = OrderImport.objects.filter(pk__in=keys, state__in=(OrderImport.State.PLANNED, OrderImport.State.SENT))
    messages = AlertMessage.objects.filter(state=AlertMessage.State.PENDING) if keys else AlertMessage.objects.none()
    known: list[QuerySet[Any]] = [changes, copies, messages]
    known.append(SyncJob.objects.filter(about_orders(orders), finished_at=None))
    return sum(rows.count() for rows in known) + sum(event.state == WebhookEvent.State.NEW for event in events)


def about_orders(orders: QuerySet[OrderImport]) -> Q:
    """Jobs that may quote what Shopify said of these orders."""
    rows = list(orders.values_list("pk", "order_gid"))
    notices = [f"order import {pk}" for pk, _ in rows]
    about = Q(arguments__order_gid__in=[order_gid for _, order_gid in rows])
    return about | Q(kind=SyncJob.Kind.SEND_NOTICE, subject__in=notices)


def holders(request: PrivacyRequest, orders: Iterable[OrderImport]) -> list[str]:
    """Orders in other stores that still hold the customer at Shopify, by name: nobody else tells their staff."""
    found = []
    for row in orders:
        source, destination = row.connection.source, row.connection.destination
        is_there = row.copy_name and row.draft_status != OrderImport.DraftStatus.DELETED
        if source.pk != request.store_id and is_there:
            found.append(f"{row.copy_name} in {source}")
        if destination.pk != request.store_id:
            found.append(f"{row.order_name} in {destination}")
    return sorted(set(found))
