"""An order's page: the original beside its copy, the steps, what to do, and its buttons, pressed where they stand."""

import re
from urllib.parse import quote

import pytest
from django.utils import timezone

from orders.models import OrderImport
from syncing.models import SyncJob
from tests.support.console.orders import make_failed, make_import, make_line, make_order_rows, make_update
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.orders.changes import copied, settle

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = "orders_orderimport"
ALL = (
    "Import",
    "Never",
    "Import again",
    "Send again",
    "Look at the draft",
    "Done by hand",
    "Apply to the original",
    "Not ours",
    "Give up",
)


@pytest.fixture
def rows():
    return make_order_rows()


def cells(page):
    """The lines of the table that shows both: {title: [ordered, original, copy, held back, words]}."""
    table = page.split("console-beside")[1].split("</table>")[0]
    found = {}
    for row in table.split("<tbody>")[1].split("<tr>")[1:]:
        product, *rest = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        title = re.search(r'console-two">(.*?)<small', product)[1]
        found[title] = [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in rest]
    return found


def steps(page, title):
    """What stands below this heading, '' if it is not there."""
    return page.split(f"<h2>{title}</h2>")[1].split("</section>")[0] if f"<h2>{title}</h2>" in page else ""


def test_an_edit_is_seen_beside_the_copy_and_then_in_it(admin_client, trade):
    shop, order, copy = copied(trade, (0, 1))
    shop.source.fault("rate_limited", match="orderEditBegin", retry_after="4000", count=None)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    url = page_of(shop.row(order))
    page = look_at(admin_client, url)
    assert cells(page)["Product 1"][:4] == ["2", "2", "0", "2"]
    assert "2 fewer in the copy: the original gained 2." in cells(page)["Product 1"][4]
    assert "They differ in 1 of 2 lines." in page
    assert "Edited in the destination" in steps(page, "Steps that wait")
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    page = look_at(admin_client, url)
    assert cells(page) == {
        "Product 0": ["1", "1", "1", "0", "In the copy"],
        "Product 1": ["2", "2", "2", "0", "In the copy"],
    }
    assert "Edited in the destination" in steps(page, "Steps done")
    assert not steps(page, "Steps that wait")
    assert "Nothing to do." in page


def test_a_copy_that_staff_cancelled_is_seen_and_done_by_hand_is_pressed_on_the_page(admin_client, trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    url = page_of(shop.row(order))
    page = look_at(admin_client, url)
    assert cells(page)["Product 0"][:4] == ["3", "3", "0", "3"]
    assert "Needs the shop" in steps(page, "Steps that wait")
    assert "Nothing to do" not in page and "stays reserved" in page
    page = press(admin_client, url, "Done by hand")
    assert cells(page)["Product 0"][:4] == ["3", "3", "0", "0"]
    assert "so it stays" in cells(page)["Product 0"][4]
    assert "says admin" in steps(page, "Steps done") and not forms_with(page, "Done by hand")
    shop.run()
    assert shop.stock() == (20, 20, 20)


def test_units_shipped_though_refunded_are_done_by_hand_as_often_as_they_are_told(admin_client, trade):
    shop, order, copy = copied(trade, (0, 4), (1, 4))
    query = "standing=attention"
    url = f"{page_of(shop.row(order))}?_changelist_filters={quote(query, safe='')}"
    for number in (0, 1):
        shop.world.tick(5)
        refunded = {"line_item_id": order.lines[number].id, "quantity": 1, "restock_type": "NO_RESTOCK"}
        shop.sim.refund(shop.north.domain, order, [refunded])
        shop.sim.fulfil(shop.source.domain, copy, {copy.lines[number].id: 4})
        shop.run()
        settle(shop)
        page = look_at(admin_client, url)
        waiting = steps(page, "Steps that wait")
        assert f"1 × “Product {number}” refunded in North" in waiting and f"Product {1 - number}" not in waiting
        assert page_of(shop.row(order)) in look_at(admin_client, f"{list_of(ORDERS)}?{query}")
        (form,) = forms_with(page, "Done by hand")
        answer = admin_client.post(form.action, form.inputs, follow=True)
        page = answer.content.decode()
        assert answer.redirect_chain[-1][0] == url and "says admin" in steps(page, "Steps done")
        assert f"{list_of(ORDERS)}?{query}" in page and not forms_with(page, "Done by hand")
        assert page_of(shop.row(order)) not in look_at(admin_client, f"{list_of(ORDERS)}?{query}")
        shop.run()
        assert not forms_with(look_at(admin_client, url), "Done by hand"), "it is told once"
        row = shop.row(order).updates.get(origin_gid__endswith="#shipped")
        assert list(row.body["shipped"].values()) == [1] * (number + 1)


def test_a_copy_that_staff_cancelled_is_carried_to_the_original_with_the_button(admin_client, trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    url = page_of(shop.row(order))
    page = press(admin_client, url, "Apply to the original")
    assert "Taken off the original, too" in steps(page, "Steps that wait")
    assert not forms_with(page, "Apply to the original")
    shop.run()
    settle(shop)
    page = look_at(admin_client, url)
    assert cells(page)["Product 0"][:4] == ["3", "0", "0", "0"]
    assert "No money was moved." in steps(page, "Steps done") and not steps(page, "Steps that wait")
    assert "Nothing to do." in page and shop.stock() == (20, 20, 20)


@pytest.mark.parametrize("is_to_be_tried_again", [False, True])
def test_it_is_carried_from_the_page_of_the_change_too(admin_client, trade, is_to_be_tried_again):
    shop, order, copy = copied(trade, (0, 3))
    if is_to_be_tried_again:
        scopes = set(shop.north.shop.apps["tiposync"].scopes)
        shop.sim.set_scopes(shop.north.domain, scopes - {"write_orders"})
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    told = shop.row(order).updates.get()
    press(admin_client, page_of(told), "Apply to the original")
    shop.run()
    if is_to_be_tried_again:
        assert order.lines[0].current_quantity == 3
        shop.sim.set_scopes(shop.north.domain, scopes)
        refused = shop.row(order).updates.get(kind="carry_back")
        assert "write_orders" in refused.reason and not forms_with(
            look_at(admin_client, page_of(told)), "Apply to the original"
        )
        press(admin_client, page_of(refused), "Try again")
        shop.run()
    assert order.lines[0].current_quantity == 2


def test_opening_the_page_asks_shopify_nothing(admin_client, trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.reset_counters()
    look_at(admin_client, page_of(shop.row(order)))
    assert [shop.sim.shops[place.domain].counters.requests for place in (shop.source, shop.north)] == [0, 0]


def test_units_ordered_are_those_that_were_first_seen(admin_client, trade):
    shop, order, copy = copied(trade, (0, 3), strategy="draft_order")
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1})
    shop.run()
    assert cells(look_at(admin_client, page_of(shop.row(order))))["Product 0"][:3] == ["3", "1", "1"]


@pytest.mark.parametrize(
    ("order", "kind"),
    [({"original_signs": 1}, "update_order"), ({"state": "planned"}, "import_order")],
)
def test_a_job_that_failed_is_told_instead_of_that_all_is_well(admin_client, rows, order, kind):
    row = make_import(rows.connection, **order)
    subject = f"connection {rows.connection.pk} {row.order_gid}"
    fields = {"kind": kind, "subject": subject, "connection": rows.connection, "due_at": timezone.now()}
    SyncJob.objects.create(state="failed", message="Missing scope.", finished_at=timezone.now(), **fields)
    page = look_at(admin_client, page_of(row))
    assert "Missing scope." in page and "Run again" in page and "Nothing to do" not in page
    SyncJob.objects.create(state="succeeded", finished_at=timezone.now(), **fields)
    assert "Missing scope." not in look_at(admin_client, page_of(row))


STATES = [
    ({"state": "planned"}, ["Give up"]),
    ({"state": "waiting", "waits_for": "links"}, ["Import again", "Not ours", "Give up"]),
    ({"state": "waiting", "waits_for": "payment"}, ["Import again", "Give up"]),
    ({"state": "waiting", "waits_for": "review"}, ["Import", "Never"]),
    ({"state": "failed", "failure": "rejected"}, ["Import again", "Give up"]),
    ({"state": "failed", "attempts": 1}, ["Import again", "Give up"]),
    ({"state": "skipped", "late_links": "linked"}, ["Import again", "Not ours"]),
    ({"state": "sent", "attempts": 1}, ["Send again"]),
    ({"needs": True}, ["Done by hand"]),
    ({"needs": True, "less": True}, ["Done by hand", "Apply to the original"]),
    ({"needs": True, "less": True, "is_under_way": True}, ["Done by hand"]),
    ({"needs": True, "less": True, "is_draft": True}, ["Look at the draft", "Done by hand"]),
    ({"needs": True, "late_links": "linked", "is_partial": True}, ["Import again", "Done by hand", "Not ours"]),
    ({"is_draft": True, "needs": True}, ["Look at the draft", "Done by hand"]),
    ({"is_draft": True, "draft_status": "completed"}, []),
    ({"shipped": "needs_shop"}, ["Done by hand"]),
    ({"shipped": "needs_shop", "needs": True, "less": True}, ["Done by hand", "Apply to the original"]),
    ({"shipped": "confirmed"}, []),
    ({"shipped": "skipped"}, []),
    ({}, []),
]


def make_in_state(rows, fields):
    fields = dict(fields)
    needs, less, is_under_way = (fields.pop(name, False) for name in ("needs", "less", "is_under_way"))
    shipped = fields.pop("shipped", "")
    row = make_import(rows.connection, **fields)
    line = make_line(row, source_variant=rows.link.source_variant, original_quantity=2, copy_quantity=2)
    if needs:
        body = {"differs": {line.line_gid: -1}} if less else {}
        words = {"failure": "", "reason": "Somebody changed the copy."}
        make_update(row, kind="copy_changed", state="needs_shop", body=body, **words)
    if is_under_way:
        make_update(row, kind="carry_back", state="planned", failure="", body={"wanted": {line.line_gid: 1}})
    if shipped:
        body = {"shipped": {line.line_gid: 1}, "agreed": {}}
        fields = {"origin_gid": f"{row.copy_order_gid}#shipped", "failure": "", "reason": "Shipped though refunded."}
        make_update(row, kind="copy_changed", state=shipped, body=body, **fields)
    return row, line


@pytest.mark.parametrize(("fields", "expected"), STATES)
def test_each_button_is_offered_where_it_applies_and_does_it_when_pressed_from_a_filtered_list(
    admin_client, rows, fields, expected
):
    query = f"connection={rows.connection.pk}&standing=attention"
    row, _ = make_in_state(rows, fields)
    url = f"{page_of(row)}?_changelist_filters={quote(query, safe='')}"
    assert [name for name in ALL if forms_with(look_at(admin_client, url), name)] == expected
    for label in expected:
        OrderImport.objects.all().delete()
        row, _ = make_in_state(rows, fields)
        url = f"{page_of(row)}?_changelist_filters={quote(query, safe='')}"
        (form,) = forms_with(look_at(admin_client, url), label)
        answer = admin_client.post(form.action, form.inputs, follow=True)
        words = [message.level_tag for message in answer.context["messages"]]
        assert words == ["success"], (label, answer.content.decode()[-200:])
        # The page is that of the row, and its way back that to the rows which the list had.
        assert answer.redirect_chain[-1][0] == url
        assert f"{list_of(ORDERS)}?{query}".replace("&", "&amp;") in answer.content.decode()


@pytest.mark.parametrize(("fields", "offered"), STATES)
def test_what_is_not_offered_is_refused_and_changes_nothing(admin_client, rows, fields, offered):
    row, _ = make_in_state(rows, fields)
    before = OrderImport.objects.values().get()
    names = {label: label.lower().replace(" the ", "_at_").replace(" ", "_") for label in ALL}
    names |= {"Look at the draft": "look_at_draft", "Apply to the original": "carry_back"}
    names |= {"Import": "copy_reviewed", "Never": "never_copy"}
    for label in set(ALL) - set(offered):
        answer = admin_client.post(f"/admin/orders/orderimport/{row.pk}/do/{names[label]}/", follow=True)
        assert "does not apply any more" in answer.content.decode(), label
    assert OrderImport.objects.values().get() == before
    assert not SyncJob.objects.filter(kind="import_order").exists()


def test_the_lists_action_reaches_the_rows_of_the_filter_and_no_others(admin_client, rows):
    failed = [make_failed(rows.connection, number) for number in (1, 2)]
    waiting = make_import(rows.connection, 3, state="waiting", waits_for="payment")
    query = f"?state__exact=failed&connection={rows.connection.pk}"
    url = list_of(ORDERS) + query
    data = {"action": "import_selected_again", "select_across": "1", "_selected_action": [failed[0].pk]}
    answer = admin_client.post(url, data, follow=True)
    assert "Being imported again: 2." in answer.content.decode()
    assert answer.redirect_chain[-1][0] == url
    waiting.refresh_from_db()
    assert waiting.state == "waiting"
    assert "Being imported again: 1." in act(admin_client, ORDERS, "import_selected_again", [waiting], "?q=%233")


def test_the_list_of_the_queue_copies_the_rows_of_its_filter_and_no_others(admin_client, rows):
    waits = {"state": "waiting", "waits_for": "review"}
    first, second, third = (make_import(rows.connection, number, **waits) for number in (1, 2, 3))
    other = make_import(rows.connection, 4, state="waiting", waits_for="payment")
    url = list_of(ORDERS) + f"?standing=review&connection={rows.connection.pk}"
    page = look_at(admin_client, url)
    assert "#3" in page and "#4" not in page and "Waits for review" in page
    assert "Being imported: 1." in act(admin_client, ORDERS, "copy_selected", [second, other], "?q=%232")
    data = {"action": "copy_selected", "select_across": "1", "_selected_action": [first.pk]}
    answer = admin_client.post(url, data, follow=True)
    assert "Being imported: 2." in answer.content.decode() and answer.redirect_chain[-1][0] == url
    states = OrderImport.objects.order_by("order_name").values_list("state", "is_reviewed")
    assert list(states) == [("planned", True)] * 3 + [("waiting", False)]


@pytest.mark.parametrize(("label", "state"), [("Import", "confirmed"), ("Never", "skipped")])
def test_an_order_is_decided_about_from_its_preview(admin_client, trade, label, state):
    shop = trade(when="review")
    order = shop.north.order((0, 3), shipping_address={"address1": "5 Elm Street", "first_name": "Ada"})
    shop.run()
    url = page_of(shop.row(order))
    page = look_at(admin_client, url)
    assert "Look at its preview" in page and "Waits for review" in page
    preview = re.search(r'href="([^"]*/do/preview/[^"]*)"', page)[1]
    shown = look_at(admin_client, preview)
    assert "Product 0" in shown and "5 Elm Street" in shown and "In the copy" in shown
    press(admin_client, preview, label)
    shop.run()
    assert shop.row(order).state == state and len(shop.copies) == (state == "confirmed")


def test_an_order_that_was_entered_by_hand_is_named_on_its_page(admin_client, trade):
    shop = trade(when="review")
    order, by_hand = shop.north.order((0, 3)), shop.source.order((0, 3))
    shop.run()
    query = quote("standing=review", safe="")
    url = f"{page_of(shop.row(order))}?_changelist_filters={query}"
    (form,) = forms_with(look_at(admin_client, url), "Entered by hand")
    answer = admin_client.post(form.action, form.inputs | {"entered_as": "#9999"}, follow=True)
    assert "the source has no order “#9999”" in answer.content.decode()
    (form,) = forms_with(answer.content.decode(), "Entered by hand")
    answer = admin_client.post(form.action, form.inputs | {"entered_as": by_hand.name}, follow=True)
    assert answer.redirect_chain[-1][0] == url
    page = answer.content.decode()
    assert f"{by_hand.name} is its copy now." in page and "says admin" in page
    assert not forms_with(page, "Entered by hand")
    shop.run()
    assert shop.stock() == (17, 17, 17) and not forms_with(look_at(admin_client, url), "Entered by hand")


@pytest.mark.parametrize(
    ("fields", "is_offered"),
    [
        ({"state": "planned"}, True),
        ({"state": "skipped"}, True),
        ({"state": "failed", "failure": "rejected"}, True),
        ({"state": "failed", "attempts": 1}, True),
        ({"state": "sent", "attempts": 1}, False),
        ({"is_partial": True}, True),
        ({"needs": True}, True),
        ({"is_draft": True, "draft_status": "deleted"}, True),
        ({}, False),
    ],
)
def test_where_an_order_may_be_named_as_entered_by_hand(admin_client, rows, fields, is_offered):
    row, _ = make_in_state(rows, fields)
    assert bool(forms_with(look_at(admin_client, page_of(row)), "Entered by hand")) == is_offered
    if not is_offered:
        url = f"/admin/orders/orderimport/{row.pk}/do/entered_by_hand/"
        assert "does not apply any more" in admin_client.post(url, {"entered_as": "#1"}, follow=True).content.decode()
