"""The pages of connections: adding, mapping, approving, starting, pausing, reconciling."""

import re

import pytest
import responses

from stores.models import Connection, LocationMapping, Store
from syncing.connections import disconnecting
from syncing.models import StockLink, SyncJob
from tests.support.console.press import answer_levels, forms_with, list_of, look_at, page_of, pause, press
from tests.support.console.rows import NASTY, make_link, make_location, make_rows, make_stock_link, make_store

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/stores/connection/add/"
State = Connection.State


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def ready(rows):
    Connection.objects.filter(pk=rows.connection.pk).update(state=State.READY)
    StockLink.objects.all().delete()
    return rows


def form_of(connection, mappings=(), **fields):
    """The form of a connection's page as a browser sends it."""
    names = ["strategy", "identifier", "alignment", "drift", "safety_buffer", "percentage", "guard_zero_from"]
    names += ["guard_move", "guard_zero_share", "guard_zero_minimum"]
    form = {name: getattr(connection, name) for name in names} | {"activates_items": "on"}
    kept = list(connection.mappings.order_by("pk"))
    for number, (source, destination) in enumerate(mappings):
        prefix = f"mappings-{number}"
        form |= {f"{prefix}-connection": connection.pk, f"{prefix}-id": kept[number].pk if number < len(kept) else ""}
        form |= {f"{prefix}-source_location": source.pk, f"{prefix}-destination_location": destination.pk}
    form |= {"mappings-TOTAL_FORMS": len(mappings), "mappings-INITIAL_FORMS": min(len(kept), len(mappings))}
    return form | fields


def save(client, connection, mappings=(), **fields):
    response = client.post(page_of(connection), form_of(connection, mappings, **fields), follow=True)
    connection.refresh_from_db()
    return response.content.decode()


def kinds():
    return list(SyncJob.objects.order_by("kind").values_list("kind", flat=True))


def test_without_connections_the_list_says_what_to_do(admin_client):
    assert "Connect a source store to a destination store" in look_at(admin_client, list_of("stores_connection"))


def test_the_list_shows_how_each_connection_stands(admin_client, rows):
    make_link(rows.connection, "Alone", "A", is_linked=False)
    page = look_at(admin_client, list_of("stores_connection"))
    assert "1 synced" in page
    assert f"/admin/stores/variantlink/?doubt=open&amp;connection={rows.connection.pk}" in page


def test_the_list_counts_what_is_left_alone_neither_as_in_step_nor_as_out_of_step(admin_client, rows):
    link = make_link(rows.connection, "Gift card", "GIFT")
    make_stock_link(link, rows.mapping, 0, 0, state="skipped", dirty_sequence=2)
    assert "1 synced" in look_at(admin_client, list_of("stores_connection"))
    assert "GIFT" not in look_at(admin_client, list_of("syncing_stocklink") + "?stock=out")


def test_the_list_names_a_store_that_is_disconnected(admin_client, rows):
    assert "is disconnected" not in look_at(admin_client, list_of("stores_connection"))
    Store.objects.filter(pk=rows.destination.pk).update(status="disconnected", status_reason="Token revoked.")
    assert 'title="Token revoked.">North is disconnected' in look_at(admin_client, list_of("stores_connection"))


def test_a_connection_is_added_and_leads_to_its_steps(admin_client):
    source, destination = make_store("Main", "source"), make_store("North", "destination")
    assert "Initial sync" in look_at(admin_client, ADD)
    form = {"source": source.pk, "destination": destination.pk, "strategy": "two_way", "identifier": "sku"}
    page = admin_client.post(ADD, form | {"alignment": "source_wins"}, follow=True).content.decode()
    connection = Connection.objects.get()
    assert (connection.state, connection.strategy) == (State.READY, "two_way")
    assert "Steps until it is started" in page
    assert "Map the locations" in page


def test_a_destination_cannot_be_a_source(admin_client):
    north, south = make_store("North", "destination"), make_store("South", "destination")
    form = {"source": north.pk, "destination": south.pk, "strategy": "one_way", "identifier": "sku"}
    page = admin_client.post(ADD, form | {"alignment": "source_wins"}).content.decode()
    assert "North is a destination: it cannot control another store." in page
    assert not Connection.objects.exists()


def test_under_moderation_a_connection_waits_until_it_is_approved(admin_client, rows):
    Store.objects.filter(pk=rows.source.pk).update(acceptance=Store.Acceptance.MODERATION)
    south = make_store("South", "destination")
    form = {"source": rows.source.pk, "destination": south.pk, "strategy": "one_way", "identifier": "sku"}
    admin_client.post(ADD, form | {"alignment": "source_wins"})
    connection = Connection.objects.get(destination=south)
    assert connection.state == State.PENDING
    assert not forms_with(look_at(admin_client, page_of(connection)), "Start")
    press(admin_client, page_of(connection), "Reject")
    connection.refresh_from_db()
    assert connection.state == State.REJECTED
    press(admin_client, page_of(connection), "Approve")
    connection.refresh_from_db()
    assert connection.state == State.READY


def test_locations_are_proposed_by_name(admin_client, rows):
    make_location(rows.source, "Hamburg")
    make_location(rows.destination, " hamburg")
    page = press(admin_client, page_of(rows.connection), "Match by name")
    assert "Hamburg" in page
    assert rows.connection.mappings.count() == 2
    assert StockLink.objects.count() == 2  # a started connection is wired at once
    assert not forms_with(look_at(admin_client, page_of(rows.connection)), "Match by name")


def test_a_mapping_that_is_added_to_a_started_connection_is_wired_and_carried(admin_client, rows):
    here = rows.mapping.source_location, rows.mapping.destination_location
    there = make_location(rows.source, "A"), make_location(rows.destination, "B")
    save(admin_client, rows.connection, [here, there])
    assert rows.connection.mappings.count() == 2
    assert StockLink.objects.count() == 2
    assert kinds() == [SyncJob.Kind.CARRY_STOCK]


def test_two_way_refuses_a_location_that_is_mapped_twice_also_in_the_same_form(admin_client, rows):
    here = rows.mapping.source_location, rows.mapping.destination_location
    again = here[0], make_location(rows.destination, "Second")
    page = save(admin_client, rows.connection, [here, again], strategy="two_way")
    assert "one is mapped twice" in page
    assert (rows.connection.strategy, LocationMapping.objects.count()) == ("one_way", 1)


def test_one_way_lets_one_location_feed_several(admin_client, rows):
    here = rows.mapping.source_location, rows.mapping.destination_location
    save(admin_client, rows.connection, [here, (here[0], make_location(rows.destination, "Second"))])
    assert LocationMapping.objects.count() == 2


def test_a_location_of_another_store_cannot_be_mapped(admin_client, rows):
    foreign = make_location(make_store("Else", "destination"), "Foreign")
    here = rows.mapping.source_location, rows.mapping.destination_location
    page = save(admin_client, rows.connection, [here, (make_location(rows.source, "A"), foreign)])
    assert "Select a valid choice" in page
    assert LocationMapping.objects.count() == 1


def test_a_changed_strategy_is_carried_and_the_rest_of_the_row_is_left_alone(admin_client, rows):
    here = rows.mapping.source_location, rows.mapping.destination_location
    save(admin_client, rows.connection, [here], strategy="two_way")
    assert rows.connection.is_two_way
    assert rows.connection.state == State.RUNNING
    assert kinds() == [SyncJob.Kind.CARRY_STOCK]


def test_a_changed_identifier_matches_again(admin_client, rows):
    here = rows.mapping.source_location, rows.mapping.destination_location
    save(admin_client, rows.connection, [here], identifier="barcode")
    assert SyncJob.Kind.MATCH_CONNECTION in kinds()


def test_matching_is_queued(admin_client, ready):
    press(admin_client, page_of(ready.connection), "Match now")
    assert kinds() == [SyncJob.Kind.MATCH_CONNECTION]


def test_starting_is_queued_once_locations_are_mapped(admin_client, ready):
    press(admin_client, page_of(ready.connection), "Start")
    assert kinds() == [SyncJob.Kind.START_CONNECTION]


def test_starting_without_mapped_locations_is_refused_with_words(admin_client, ready):
    LocationMapping.objects.all().delete()
    page = press(admin_client, page_of(ready.connection), "Start")
    assert "no locations are mapped yet" in page
    assert kinds() == []


@responses.activate
def test_the_preview_shows_every_difference_and_writes_nothing(admin_client, ready):
    Store.objects.update(auth="static_token", access_token="shpat_x")
    link = ready.link
    answer_levels({link.source_variant.item_gid: 7, link.destination_variant.item_gid: 3})
    assert f'href="/admin/stores/connection/{ready.connection.pk}/do/preview/"' in look_at(
        admin_client, page_of(ready.connection)
    )
    page = look_at(admin_client, f"/admin/stores/connection/{ready.connection.pk}/do/preview/")
    cells = re.findall(r'<td data-label="(Source|Destination|Becomes|Change)" class="[^"]*">([^<]+)</td>', page)
    assert cells == [("Source", "7"), ("Destination", "3"), ("Becomes", "7"), ("Change", "+4")]
    assert NASTY not in page
    assert all("mutation" not in call.request.body.decode() for call in responses.calls)
    assert forms_with(page, "Start")


@responses.activate
def test_a_preview_that_shopify_does_not_answer_says_so(admin_client, ready):
    Store.objects.update(auth="static_token", access_token="shpat_x")
    response = admin_client.get(f"/admin/stores/connection/{ready.connection.pk}/do/preview/", follow=True)
    page = response.content.decode()
    assert "What would change" not in page
    assert "Preview: main.myshopify.com" in page


def test_a_connection_is_paused_and_compared_first_when_it_is_resumed(admin_client, rows):
    pause(admin_client, rows.connection)
    rows.connection.refresh_from_db()
    assert rows.connection.is_paused
    page = look_at(admin_client, page_of(rows.connection))
    assert "The connection is paused." in page
    press(admin_client, page_of(rows.connection), "Resume")
    rows.connection.refresh_from_db()
    assert not rows.connection.is_paused
    assert SyncJob.objects.get().arguments["trigger"] == "resume"


def test_a_reconciliation_is_queued(admin_client, rows):
    press(admin_client, page_of(rows.connection), "Reconcile")
    assert kinds() == [SyncJob.Kind.RECONCILE]


def test_a_paused_connection_is_not_said_to_be_reconciled(admin_client, rows):
    pause(admin_client, rows.connection)
    page = press(admin_client, page_of(rows.connection), "Reconcile")
    assert "Reconcile: nothing is compared now. The connection is paused." in page
    assert kinds() == []


def test_the_page_names_the_locations_that_do_not_sync(admin_client, rows):
    make_location(rows.source, "Hamburg <b>")
    assert "Hamburg &lt;b&gt;: these do not sync." in look_at(admin_client, page_of(rows.connection))


def test_deleting_a_connection_says_how_much_goes_with_it_and_keeps_the_ledger(admin_client, rows):
    page = look_at(admin_client, page_of(rows.connection, "delete"))
    assert "disconnect it first" in page
    admin_client.post(page_of(rows.connection, "delete"), {"post": "yes"})
    assert Connection.objects.exists()
    page = look_at(admin_client, f"{page_of(rows.connection).replace('change', 'do')}disconnect/")
    assert "0 products follow" in page and "1 item on sale, 7 units" in page and "0 orders not done yet" in page
    assert 'name="quantities" value="leave" checked' in page
    [form] = forms_with(page, "Disconnect now")
    page = admin_client.post(form.action, form.inputs | {"quantities": "zero"}, follow=True).content.decode()
    assert "It is being disconnected" in page
    assert StockLink.objects.get().ending == "zero"
    assert "Disconnect …" not in page
    disconnecting.end(rows.connection)
    page = look_at(admin_client, page_of(rows.connection, "delete"))
    assert "Links of variants: 1" in page
    assert "the inventory history keeps its lines" in page
    admin_client.post(page_of(rows.connection, "delete"), {"post": "yes"})
    assert not Connection.objects.exists()


@pytest.mark.parametrize(("chosen", "becomes"), [("", "order"), ("one_way", "one_way")])
def test_a_new_connection_takes_the_default_strategy_of_the_source_that_is_chosen(admin_client, chosen, becomes):
    make_store("Main", "source", default_strategy="two_way")
    outlet = make_store("Outlet", "source", default_strategy="order")
    north = make_store("North", "destination")
    page = look_at(admin_client, ADD)
    assert '<option value="" selected>The default of the source that is chosen above</option>' in page
    assert "Defaults of the sources: Main: two-way; Outlet: order + one-way." in page
    form = {"source": outlet.pk, "destination": north.pk, "strategy": chosen, "identifier": "sku"}
    admin_client.post(ADD, form | {"alignment": "source_wins"})
    assert Connection.objects.get().strategy == becomes


def test_with_one_source_its_default_strategy_is_chosen_already(admin_client):
    make_store("Main", "source", default_strategy="order")
    assert '<option value="order" selected>' in look_at(admin_client, ADD)


def test_a_form_without_a_source_says_so(admin_client):
    north = make_store("North", "destination")
    form = {"source": "", "destination": north.pk, "strategy": "", "identifier": "sku", "alignment": "source_wins"}
    assert "This field is required." in admin_client.post(ADD, form).content.decode()
    assert not Connection.objects.exists()


def test_the_page_of_a_connection_needs_a_strategy(admin_client, rows):
    assert "This field is required." in save(admin_client, rows.connection, strategy="")
    assert rows.connection.strategy == Connection.objects.get().strategy != ""
