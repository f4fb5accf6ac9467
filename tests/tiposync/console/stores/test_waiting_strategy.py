"""A strategy that was chosen and has not begun: the connection's page says so, and what it waits for."""

from stores.models import Connection
from syncing.stock import holds
from tests.support.console.press import look_at
from tests.syncing.test_bad_item import spoil

HELD = "Quantities that need review, to be decided first, under “Needs review”: 1."
WAITS = "“One-way” has not begun: “Two-way” is brought to its end, and goes on until then."


def page(client, connection):
    return look_at(client, f"/admin/stores/connection/{connection.pk}/change/")


def test_a_page_says_that_a_hold_is_to_be_decided_before_the_new_strategy_begins(pair, admin_client):
    world = pair(stock=60)
    world.places[1].buy(0, 60)
    world.follow()
    connection = world.connections[0]
    assert "has not begun" not in page(admin_client, connection)
    world.choose_strategy(connection, "one_way")
    world.carry()
    shown = page(admin_client, connection)
    assert WAITS in shown and HELD in shown
    holds.release(*connection.holds.filter(state="open"))
    world.carry()
    assert "has not begun" not in page(admin_client, connection)


def test_a_page_says_that_a_quantity_must_be_read_before_the_new_strategy_begins(pair, admin_client):
    world = pair()
    connection, north = world.connections[0], world.places[1]
    spoil(north, 1, "nodes")
    world.choose_strategy(connection, "one_way")
    world.carry(tries=2)
    shown = page(admin_client, connection)
    assert WAITS in shown and "Quantities to be read first: 1." in shown
    assert "Changes to be synced first" not in shown
    world.sim.faults(north.shop).clear()
    world.carry()
    assert "has not begun" not in page(admin_client, connection)


def test_a_page_says_that_orders_are_brought_to_their_end(trade, admin_client):
    shop = trade("order")
    Connection.objects.filter(pk=shop.connection.pk).update(strategy="one_way")
    shop.connection.refresh_from_db()
    assert "“One-way” has not begun: “Order + one-way” is brought to its end" in page(admin_client, shop.connection)
