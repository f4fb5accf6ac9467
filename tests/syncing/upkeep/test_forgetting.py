"""After a customer was forgotten nothing of them stands in any text of any table, whichever store was asked."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from orders.models import OrderImport
from stores.models import Connection
from stores.shopify import gids
from syncing import handlers
from syncing.models import PrivacyRequest, SyncJob, WebhookEvent
from syncing.queue import enqueue, jobs
from syncing.upkeep import privacy
from tests.security.test_secrets import whole_database
from tests.support.console.orders import make_failed, make_update
from tests.support.console.rows import make_job, make_rows, make_store
from tests.support.orders.trade import Trade

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = ("quill@example.org", "Quillon", "Featherby", "Inkwell Lane", "+4930901820", "Engraving Q.F.")
PERSON = {"first_name": "Quillon", "last_name": "Featherby", "phone": "+4930901820"}
ADDRESS = {**PERSON, "address1": "7 Inkwell Lane", "city": "Berlin", "country_code": "DE", "zip": "10115"}
DETAILS = {
    "customer": {"email": "quill@example.org", **PERSON},
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
    "note": "For Featherby, please ring at Inkwell Lane",
    "attributes": {"Gift from": "Quillon"},
}


def found() -> set[str]:
    """Which of the customer's words stand in the database, in whatever column."""
    text = whole_database()
    return {word for word in WORDS if word in text or json.dumps(word)[1:-1] in text}


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
@pytest.mark.parametrize("asked", ["destination", "source"])
def test_nothing_is_left_of_a_customer_in_any_column(trade, strategy, asked):
    shop = trade(strategy)
    line = {"variant_id": shop.north.variants[0].id, "quantity": 3, "properties": {"Text": "Engraving Q.F."}}
    order = shop.sim.place_order(shop.north.domain, [line], force=True, **DETAILS)
    shop.run()
    if strategy == "draft_order":
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        shop.run()
    (copy,) = shop.copies
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 2})
    shop.run()
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1}, number="Quillon-1", company="Post")
    shop.run()
    shop.sim.refund(shop.north.domain, order, [{"line_item_id": order.lines[0].id, "quantity": 1}], note="Featherby")
    shop.run()
    row = shop.row(order)
    OrderImport.objects.filter(pk=row.pk).update(reason="quill@example.org is invalid", notes="The phone +4930901820")
    assert found() >= {"quill@example.org", "Quillon", "Featherby", "Inkwell Lane", "+4930901820"}
    place = shop.north if asked == "destination" else shop.source
    number = order.id if asked == "destination" else copy.id
    forget(shop, place, number, order.customer_id if asked == "destination" else 987654321)
    request = PrivacyRequest.objects.get()
    assert (found(), request.state) == (set(), "done")
    held = (
        f"{shop.row(order).copy_name} in {shop.source.store}"
        if asked == "destination"
        else f"{order.name} in {shop.north.store}"
    )
    assert f"remove them there: {held}." in request.outcome


def forget(shop: Trade, place, number: int, customer: int) -> None:
    payload = {"shop_domain": place.domain, "orders_to_redact": [number]}
    payload["customer"] = {"id": customer, "email": "quill@example.org", "phone": "+4930901820"}
    store(place.store, "customers/redact", payload)
    enqueue.process_events()
    shop.world.work()


def store(of, topic: str, payload: dict, state: str = "new") -> WebhookEvent:
    fields = {"topic": topic, "webhook_id": str(uuid4()), "body": json.dumps(payload), "state": state}
    return WebhookEvent.objects.create(store=of, received_at=timezone.now(), **fields)


ORDER, COPY, DRAFT, OTHER, CUSTOMER = 450789469, 820982911, 994118539, 607093712, 706405506


@pytest.fixture
def rows():
    """An order of the destination with a part in each of two sources; the second source has a draft."""
    rows = make_rows()
    second = make_store("Second", "source")
    also = Connection.objects.create(source=second, destination=rows.destination, strategy="draft_order")
    gid = gids.gid("Order", ORDER)
    rows.first = make_failed(rows.connection, order_gid=gid, state="confirmed", reason="", failure="")
    rows.second_row = make_failed(also, order_gid=gid, state="confirmed", reason="", failure="")
    rows.second = second
    copied = {"copy_gid": gids.gid("Order", COPY), "copy_order_gid": gids.gid("Order", COPY)}
    OrderImport.objects.filter(pk=rows.first.pk).update(copy_name="#C1", **copied)
    draft = gids.gid("DraftOrder", DRAFT)
    OrderImport.objects.filter(pk=rows.second_row.pk).update(copy_gid=draft, copy_name="#D1", is_draft=True)
    person = {"email": "quill@example.org"}
    store(rows.destination, "orders/create", {"id": ORDER, "customer": {"id": CUSTOMER} | person}, "done")
    store(rows.source, "orders/create", {"id": COPY} | person, "done")
    store(rows.source, "fulfillments/create", {"order_id": COPY} | person, "done")
    store(second, "draft_orders/update", {"id": DRAFT} | person, "done")
    store(second, "orders/create", {"id": OTHER, "email": "else@example.org"}, "done")
    return rows


def asked(rows, orders: list[int], customer: int = CUSTOMER, by=None) -> PrivacyRequest:
    by = by or rows.destination
    payload = {"shop_domain": by.domain, "orders_to_redact": orders, "customer": {"id": customer}}
    store(by, "customers/redact", payload)
    enqueue.process_events()
    while jobs.run_due(handlers.WORK, 5):
        pass
    return PrivacyRequest.objects.latest("pk")


@pytest.mark.parametrize("way", ["by the order", "by the customer alone", "by a copy"])
def test_all_stores_that_have_a_part_are_searched_and_named(rows, way):
    if way == "by a copy":
        request = asked(rows, [COPY], customer=1234567890, by=rows.source)
        named = {"#D1 in Second", f"{rows.first.order_name} in {rows.destination}"}
    else:
        request = asked(rows, [ORDER] if way == "by the order" else [])
        named = {f"#C1 in {rows.source}", "#D1 in Second"}
    assert (request.state, found()) == ("done", set()), request.outcome
    assert "else@example.org" in whole_database()
    assert all(name in request.outcome for name in named), request.outcome
    assert "Removed the contents of 5 stored webhooks" in request.outcome


@pytest.mark.parametrize("waits", ["a webhook", "a change", "a job"])
def test_what_waits_is_looked_at_again(rows, waits):
    late = {"order_id": COPY, "email": "quill@example.org"}
    event = store(rows.source, "refunds/create", late) if waits == "a webhook" else None
    if waits == "a change":
        change = make_update(rows.first, kind="fulfilment", state="sent", body={"tracking": ["quill@example.org"]})
    if waits == "a job":
        about = {"order_gid": rows.first.order_gid}
        job = make_job(
            rows.connection, kind="import_order", state="queued", message="quill@example.org", arguments=about
        )
        SyncJob.objects.filter(pk=job.pk).update(finished_at=None, due_at=timezone.now() + timedelta(hours=9))
    if event:  # nobody gets at it: as while its topic's worker has it in hand
        request = PrivacyRequest.objects.create(
            store=rows.destination, kind="customer", customer_id=CUSTOMER, order_ids=[ORDER], due_at=soon(30)
        )
        with pytest.raises(jobs.Later):
            privacy.forget(request)
        request.refresh_from_db()
        event.refresh_from_db()
        assert "quill" in event.body  # what is not processed yet is not lost
    else:
        request = asked(rows, [ORDER])
    assert request.state == "open" and found() == {"quill@example.org"}
    if event:
        WebhookEvent.objects.filter(pk=event.pk).update(state="done")
    if waits == "a change":
        type(change).objects.filter(pk=change.pk).update(state="confirmed")
    if waits == "a job":
        SyncJob.objects.filter(pk=job.pk).update(finished_at=timezone.now(), state="failed")
    privacy.forget(request)
    request.refresh_from_db()
    assert (request.state, found()) == ("done", set())


def soon(days: float):
    return timezone.now() + timedelta(days=days)


def test_before_it_is_due_it_is_done_whatever_waits(rows):
    store(rows.source, "refunds/create", {"order_id": COPY, "email": "quill@example.org"})
    request = PrivacyRequest.objects.create(
        store=rows.destination, kind="customer", customer_id=CUSTOMER, order_ids=[ORDER], due_at=soon(1)
    )
    privacy.forget(request)
    request.refresh_from_db()
    assert (request.state, found()) == ("done", set())


def test_a_request_that_is_sent_twice_is_one(rows):
    first = asked(rows, [ORDER])
    assert asked(rows, [ORDER]) == first and asked(rows, [OTHER]) != first
    assert PrivacyRequest.objects.count() == 2


def test_an_export_has_both_ends(rows):
    request = PrivacyRequest.objects.create(
        store=rows.destination, kind="data", customer_id=CUSTOMER, order_ids=[ORDER], due_at=soon(30)
    )
    told = json.dumps(privacy.export(request))
    assert all(str(number) in told for number in (ORDER, COPY, DRAFT)) and "else@" not in told
    assert f"#C1 in {rows.source}" in told


def test_forgetting_a_destination_reaches_the_copies_of_its_customers(rows):
    store(rows.destination, "shop/redact", {"shop_domain": rows.destination.domain})
    enqueue.process_events()
    while jobs.run_due(handlers.WORK, 5):
        pass
    assert found() == set() and "else@example.org" in whole_database()
