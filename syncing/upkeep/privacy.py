"""Shopify's compliance webhooks: what is kept about a customer, and removing it.

Personal data is in the bodies of stored webhooks; what orders.privacy knows may be in rows about orders, and in the
messages of jobs and alerts about these. All that goes by age anyway (retention); a request removes it at once.
https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from orders import privacy
from orders.models import OrderImport, OrderUpdate
from stores.models import Store
from syncing.models import Alert, AlertMessage, PrivacyRequest, SyncJob, WebhookEvent
from syncing.queue import jobs
from syncing.upkeep import concerned

WITHIN = timedelta(days=30)
# What is under way is waited for, so that nothing writes down again what was removed; but not beyond the last days.
REPEAT_SECONDS, MARGIN = 600, timedelta(days=2)
MOST_NAMED_ORDERS = 20
BATCH_ROWS = 500


def note_data_requests(store: Store, payloads: Sequence[dict]) -> list[str]:
    """customers/data_request: an operator is told, exports what is kept, and answers the customer."""
    for payload in payloads:
        _require(store, payload, "customer", "data_request")
        _record(store, PrivacyRequest.Kind.DATA, payload)
    return ["Waits for a decision under “Privacy requests”."] * len(payloads)


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
    asked = {
        "store": store,
        "kind": kind,
        "reference": str((payload.get("data_request") or {}).get("id") or ""),
        "customer_id": customer.get("id"),
        "order_ids": [int(order) for order in orders],
    }
    now = timezone.now()
    known = PrivacyRequest.objects.filter(**asked, received_at__gt=now - WITHIN).first()  # sent once more
    return known or PrivacyRequest.objects.create(**asked, due_at=now + WITHIN)


def _enqueue(request: PrivacyRequest) -> None:
    arguments = {"request": request.pk}
    jobs.enqueue(SyncJob.Kind.FORGET, f"request {request.pk}", store=request.store, arguments=arguments)


def forget(request: PrivacyRequest) -> str:
    """Remove what is kept about the request's customer (about all customers, of a store); what was done.

    A number that happens to stand in another body removes that body, too: nothing is lost, they were processed.
    Raises Later while something waits that tells of the customer: it is removed once nothing does.
    """
    orders = concerned.orders_about(request)
    rows = list(orders.select_related("connection__source", "connection__destination"))
    events = list(concerned.bodies_about(request, concerned.numbers_about(request, rows)))
    waiting = concerned.count_waiting(orders, events) if timezone.now() < request.due_at - MARGIN else 0
    count = _remove_bodies([event.pk for event in events if event.state != WebhookEvent.State.NEW or not waiting])
    privacy.forget(orders)
    _forget_messages(orders)
    outcome = f"Removed the contents of {count} stored webhooks, and the words and tracking of {len(rows)} orders."
    if request.outcome and request.state == PrivacyRequest.State.OPEN:
        outcome = f"{request.outcome} Looked at again: {outcome}" if count else request.outcome
    if waiting:
        PrivacyRequest.objects.filter(pk=request.pk).update(outcome=outcome)
        raise jobs.Later(REPEAT_SECONDS, f"{waiting} things that may tell of the customer wait.")
    outcome = " ".join(filter(None, [outcome, _words_of_copies(concerned.holders(request, rows))]))
    PrivacyRequest.objects.filter(pk=request.pk).update(
        state=PrivacyRequest.State.DONE, outcome=outcome, done_at=timezone.now()
    )
    return outcome


def _remove_bodies(keys: Sequence[int]) -> int:
    count = 0
    for some in concerned.in_batches(keys, BATCH_ROWS):
        count += WebhookEvent.objects.filter(pk__in=some).update(body=concerned.REMOVED)
    return count


def _words_of_copies(names: Sequence[str]) -> str:
    """What the staff of the other stores have to be told."""
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED_ORDERS} more" if len(names) > MOST_NAMED_ORDERS else ""
    return f"At Shopify these still name the customer, remove them there: {', '.join(names[:MOST_NAMED_ORDERS])}{more}."


def _forget_messages(orders: QuerySet[OrderImport]) -> None:
    """Jobs and alerts about these orders may quote what Shopify said of them."""
    keys = list(orders.values_list("pk", flat=True))
    jobs_about = SyncJob.objects.filter(concerned.about_orders(orders), finished_at__isnull=False)
    updates = OrderUpdate.objects.filter(order_import__in=keys).values_list("pk", flat=True)
    subjects = {f"{kind} {subject}" for kind, subject in jobs_about.values_list("kind", "subject")}
    subjects |= {f"import {pk}" for pk in keys} | {f"update {pk}" for pk in updates}
    jobs_about.exclude(message="", traceback="").update(message=privacy.WORDS, traceback="")
    alerts = Alert.objects.filter(subject__in=subjects)  # as the finders name them
    sent = AlertMessage.objects.filter(alerts__in=alerts).exclude(state=AlertMessage.State.PENDING)
    sent.update(title="tiposync", text=privacy.WORDS)
    alerts.update(message=privacy.WORDS)


def export(request: PrivacyRequest) -> list[dict[str, object]]:
    """What is kept about the request's customer: the stored webhooks that tell of them, and rows about orders."""
    orders = concerned.orders_about(request)
    rows = list(orders.select_related("connection__source", "connection__destination"))
    bodies = concerned.bodies_about(request, concerned.numbers_about(request, rows))
    events: list[dict[str, object]] = [
        {"topic": row.topic, "received_at": row.received_at.isoformat(), "content": row.body} for row in bodies
    ]
    elsewhere: list[dict[str, object]] = [{"held_at_shopify": name} for name in concerned.holders(request, rows)]
    return events + privacy.list_what_is_kept(orders) + elsewhere


def finish(request: PrivacyRequest, name: str) -> None:
    """An operator has answered the customer."""
    PrivacyRequest.objects.filter(pk=request.pk).update(
        state=PrivacyRequest.State.DONE, outcome=f"Answered by {name}.", done_at=timezone.now()
    )
