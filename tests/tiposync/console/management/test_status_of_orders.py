"""`sync_status` tells of orders without a copy, and which of them want attention."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders.models import OrderImport, OrderUpdate
from tests.support.console.orders import make_failed, make_import, make_order_rows, make_update

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("sync_status", *arguments, stdout=out)
    return out.getvalue()


def test_the_orders_of_a_connection_are_counted_by_what_they_wait_for():
    rows = make_order_rows()
    first = make_failed(rows.connection, 1)
    make_import(rows.connection, 2, state="waiting", waits_for="links")
    make_import(rows.connection, 3, state="waiting", waits_for="payment")
    make_import(rows.connection, 4, state="sent")
    make_import(rows.connection, 6, state="waiting", waits_for="review")
    make_update(make_import(rows.connection, 5))
    make_update(make_import(rows.connection, 7), state="needs_shop", kind="copy_changed")
    orders = json.loads(run("--json"))["connections"][0]["orders"]
    assert orders.pop("oldest_at")[:19] == first.created_at.isoformat()[:19]
    assert orders == {
        "unfinished": 5,
        "waiting_for_links": 1,
        "waiting_for_payment": 1,
        "waiting_for_review": 1,
        "failed": 1,
        "failed_changes": 1,
        "needing_shop": 1,
    }
    assert "orders not imported: 5, of these 3 waiting, 1 failed" in run()


def test_what_only_waits_for_its_payment_needs_no_attention_and_the_rest_does():
    rows = make_order_rows()
    make_import(rows.connection, 1, state="waiting", waits_for="payment")
    assert "order" not in problems()
    make_failed(rows.connection, 2)
    make_import(rows.connection, 3, state="waiting", waits_for="links")
    make_update(make_import(rows.connection, 4))
    assert "orders that could not be imported: 1" in problems()
    assert "orders that wait for products to be linked: 1" in problems()
    assert "order updates that failed: 1" in problems()
    make_import(rows.connection, 5, state="waiting", waits_for="review")
    make_update(make_import(rows.connection, 6), state="needs_shop", kind="copy_changed")
    assert "orders that wait for their review: 1" in problems()
    assert "orders that need the shop: 1" in problems()
    OrderImport.objects.all().delete()
    assert not OrderUpdate.objects.exists()
    assert "order" not in problems()


def problems() -> str:
    with pytest.raises(CommandError) as raised:  # no worker runs, so there is always one
        run("--check")
    return str(raised.value)
