"""A rule of quantities that is changed on a connection's page decides about what both stores show at once."""

import pytest

from syncing.models import StockHold
from tests.support.console.press import page_of
from tests.tiposync.console.stores.test_connections import form_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [({"safety_buffer": 5}, 15), ({"percentage": 50}, 10), ({"cap_quantity": 3}, 3), ({"guard_zero_from": 60}, 20)],
)
def test_a_changed_rule_is_carried_at_once(pair, admin_client, fields, shown):
    world = pair("one_way")
    _, north = world.places
    (connection,) = world.connections
    mapped = [(each.source_location, each.destination_location) for each in connection.mappings.order_by("pk")]
    response = admin_client.post(page_of(connection), form_of(connection, mapped, **fields))
    assert response.status_code == 302, response.context["errors"]
    world.work()
    assert {north.available(item) for item in range(3)} == {shown}
    before = north.writes
    world.follow()
    assert north.writes == before


def test_a_rule_that_empties_what_sells_is_held(pair, admin_client):
    world = pair("one_way", stock=60)
    _, north = world.places
    (connection,) = world.connections
    mapped = [(each.source_location, each.destination_location) for each in connection.mappings.order_by("pk")]
    admin_client.post(page_of(connection), form_of(connection, mapped, safety_buffer=100))
    world.work()
    assert north.available(0) == 60
    assert StockHold.objects.filter(state="open").count() == 3
