"""Shopify's compliance webhooks: what is kept about a customer, and removing it.

Personal data is in the bodies of stored webhooks; what orders.privacy knows may be in rows about orders, and in the
messages of jobs and alerts about these. All that goes by age anyway (retention); a request removes it at once.
https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from orders import privacy
from orders.models import OrderImport, OrderUpdate
from stores.models import Store
from syncing.models import Alert, AlertMessage, PrivacyRequest, SyncJob, WebhookEvent
from syncing.queue import jobs

WITHIN = timedelta(days=30)
REMOVED = '{"removed": "A customer asked to be forgotten."}'
# Topics whose bodies tell of people.
ABOUT_PEOPLE = Q()
for _start in ("orders/", "draft_orders/", "refunds/", "fulfillments/", "customers/", "checkouts/"):
    ABOUT_PEOPLE |= Q(topic__startswith=_start)
BATCH_ROWS = 500


def note_data_requests(store: Store, payloads: Sequence[dict]) -> list[str]:
    """customers/data_request: an operator is told, exports what is kept, and answers the customer."""
    for payload in payloads:
        _require(store, payload, "customer", "data_request")
        _record(store, PrivacyRequest.Kind.DATA, payload)
    return ["Waits for an operator under “Privacy requests”."] * len(payloads)


def forget_customers(store: Store, payloads: Sequence[dict]) -> list[str]:
    """customers/redact: what is kept about the customer is removed, this very webhook's body included."""
    for payload in payloads:
        _require(store, payload, "customer", "orders_to_redact")
        request = _record(store, PrivacyRequest.Kind.CUSTOMER, payload)
        _enqueue(request)
    return ["What is kept about the customer is being removed."] * len(payloads)


def forget_store(store: Store, payloads: Sequence[dict]) -> list[str]:
    """shop/redact, 48 hours after the app was uninstalled: what is kept of its customers is removed."""
    for payload in payloads:
        _require(store, payload)
        _enqueue(_record(store, PrivacyRequest.Kind.SHOP, payload))
    return ["What is kept of the store's customers is being removed."] * len(payloads)


def _require(store: Store, payload: dict, *parts: str) -> None:
    """Raise ValueError unless the signed body itself asks for this: the headers with its topic and store are unsigned.

    Whoever got hold of one request could otherwise send it again as another one, and have a whole store forgotten.
    """
    if payload.get("shop_domain") != store.domain:
        raise ValueError(f"it is not about {store.domain}")
    found = {name for name in ("customer", "data_request", "orders_to_redact") if name in payload}
    if found != set(parts):
        raise ValueError("it asks for something else")


def _record(store: Store, kind: str, payload: dict) -> PrivacyRequest:
    customer = payload.get("customer") or {}
    orders = payload.get("orders_requested") or payload.get("orders_to_redact") or []
    return PrivacyRequest.objects.create(
        store=store,
        kind=kind,
        reference=str((payload.get("data_request") or {}).get("id") or ""),
        customer_id=customer.get("id"),
        order_ids=[int(order) for order in orders],
        due_at=timezone.now() + WITHIN,
    )


def _enqueue(request: PrivacyRequest) -> None:
    arguments = {"request": request.pk}
    jobs.enqueue(SyncJob.Kind.FORGET, f"request {request.pk}", store=request.store, arguments=arguments)


def forget(request: PrivacyRequest) -> str:
    """Remove what is kept about the request's customer (about all customers, of a store); what was done.

    A number that happens to stand in another body removes that body, too: nothing is lost, they were processed.
    """
    count = 0
    for events in _in_batches(_bodies_about(request)):
        count += WebhookEvent.objects.filter(pk__in=events).update(body=REMOVED)
    about = _orders_about(request)
    orders = privacy.forget(about)
    _forget_messages(list(about.values_list("pk", "order_gid")))
    outcome = f"Removed the contents of {count} stored webhooks, and the words and tracking of {orders} orders."
    PrivacyRequest.objects.filter(pk=request.pk).update(
        state=PrivacyRequest.State.DONE, outcome=outcome, done_at=timezone.now()
    )
    return outcome


def _forget_messages(orders: Sequence[tuple[int, str]]) -> None:
    """Jobs and alerts about these orders may quote what Shopify said of them."""
    notices = {f"order import {pk}" for pk, _ in orders}
    about = Q(arguments__order_gid__in={order_gid for _, order_gid in orders})
    about |= Q(kind=SyncJob.Kind.SEND_NOTICE, subject__in=notices)
    jobs_about = SyncJob.objects.filter(about, finished_at__isnull=False)
    updates = OrderUpdate.objects.filter(order_import__in=[pk for pk, _ in orders]).values_list("pk", flat=True)
    subjects = {f"{kind} {subject}" for kind, subject in jobs_about.values_list("kind", "subject")}
    subjects |= {f"import {pk}" for pk, _ in orders} | {f"update {pk}" for pk in updates}
    jobs_about.exclude(message="").update(message=privacy.WORDS, traceback="")
    alerts = Alert.objects.filter(subject__in=subjects)  # as the finders name them
    sent = AlertMessage.objects.filter(alerts__in=alerts).exclude(state=AlertMessage.State.PENDING)
    sent.update(title="tiposync", text=privacy.WORDS)
    alerts.update(message=privacy.WORDS)


def export(request: PrivacyRequest) -> list[dict[str, object]]:
    """What is kept about the request's customer: the stored webhooks that tell of them, and rows about orders."""
    rows = WebhookEvent.objects.filter(pk__in=_bodies_about(request)).order_by("pk")
    events: list[dict[str, object]] = [
        {"topic": row.topic, "received_at": row.received_at.isoformat(), "content": row.body} for row in rows.iterator()
    ]
    return events + privacy.list_what_is_kept(_orders_about(request))


def finish(request: PrivacyRequest, name: str) -> None:
    """An operator has answered the customer."""
    PrivacyRequest.objects.filter(pk=request.pk).update(
        state=PrivacyRequest.State.DONE, outcome=f"Answered by {name}.", done_at=timezone.now()
    )


def _orders_about(request: PrivacyRequest) -> QuerySet[OrderImport]:
    is_shop = request.kind == PrivacyRequest.Kind.SHOP
    return privacy.orders_of(request.store, None if is_shop else request.order_ids)


def _bodies_about(request: PrivacyRequest) -> Iterable[int]:
    # What waits is processed first and goes by age, or with the next request.
    rows = WebhookEvent.objects.filter(ABOUT_PEOPLE, store=request.store).exclude(state=WebhookEvent.State.NEW)
    if request.kind != PrivacyRequest.Kind.SHOP:
        numbers = [request.customer_id, *request.order_ids]
        mentioned = Q(pk__in=[])
        for number in filter(None, numbers):
            mentioned |= Q(body__contains=str(number))
        rows = rows.filter(mentioned)
    return rows.exclude(body=REMOVED).order_by("pk").values_list("pk", flat=True)


def _in_batches(ids: Iterable[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    for pk in list(ids):
        batch.append(pk)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
