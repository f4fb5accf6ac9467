"""Decisions about matches: a tick for each, Undo beside the message, the next one, the same in other connections."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import F
from django.urls import reverse

from stores.linking import suggestions
from stores.models import Connection, DecidedMatch, MatchDecision, Store, StoreLimit, VariantLink
from syncing.models import StockLink
from tests.support.console.people import member_of
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import make_link, make_rows, make_store, make_variant

pytestmark = pytest.mark.django_db(transaction=True)

LINKS, DECISIONS = "stores_variantlink", "stores_matchdecision"
State = VariantLink.State


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def lamps(rows):
    """Three lamps without a partner, each with one suggestion."""
    made = [make_link(rows.connection, f"Lamp {n}", f"LAMP-{n}", is_linked=False, reason="Nothing.") for n in range(3)]
    for number in range(3):
        make_variant(rows.destination, f"Lamp {number}", f"lamp {number}")
    suggestions.refresh(rows.connection)
    return made


def send(client, page, label, **more):
    """Press a button of a page that was fetched; the page that follows. None as a value unticks."""
    form = forms_with(page, label)[-1]
    inputs = {name: value for name, value in (form.inputs | more).items() if value is not None}
    return client.post(form.action, inputs, follow=True).content.decode()


def states(links):
    return [VariantLink.objects.get(pk=link.pk).state for link in links]


def accept(client, lamps, query="?doubt=open", **more):
    return send(client, act(client, LINKS, "accept_any", lamps, query), "Link the ticked pairs", **more)


def ignore(client, links, query="", **more):
    page = act(client, LINKS, "ignore_selected", links, query)
    page = send(client, page, "Ignore the ticked ones", **more)
    return send(client, page, "Ignore", _choice="leave") if forms_with(page, "Ignore") else page


def test_what_is_unticked_stays_and_the_list_stays_filtered(admin_client, lamps):
    page = act(admin_client, LINKS, "accept_any", lamps, "?doubt=open&q=lamp")
    assert "3 variants would be linked. Nothing is saved yet." in page and page.count(" checked ") == 3
    form = forms_with(page, "Link the ticked pairs")[0]
    left = {name: value for name, value in form.inputs.items() if name != f"pair-{lamps[1].pk}"}
    answer = admin_client.post(form.action, left)
    assert answer.url == list_of(LINKS) + "?doubt=open&q=lamp"
    assert "Linked: 2." in look_at(admin_client, answer.url)
    assert states(lamps) == ["linked", "unmatched", "linked"]
    nothing = {name: value for name, value in form.inputs.items() if not name.startswith("pair-")}
    assert "Nothing was ticked" in admin_client.post(form.action, nothing, follow=True).content.decode()


def test_undo_takes_exactly_these_back_with_their_suggestions(admin_client, admin_user, lamps):
    page = accept(admin_client, lamps[:2])
    assert "Linked: 2." in page
    assert forms_with(page, "Undo")[0].inputs["next"] == list_of(LINKS) + "?doubt=open"
    page = send(admin_client, page, "Undo")
    assert "Taken back: 2." in page
    assert states(lamps) == ["unmatched"] * 3
    link = VariantLink.objects.get(pk=lamps[0].pk)
    assert (link.is_manual, link.destination_variant, link.reason) == (False, None, "Nothing.")
    assert link.suggested_score
    decision = MatchDecision.objects.get()
    assert (decision.made_by, decision.undone_by) == (admin_user, admin_user)
    told = LogEntry.objects.filter(user=admin_user, change_message__startswith="Taken back")
    assert told.filter(content_type__model="variantlink").count() == 2
    assert not forms_with(look_at(admin_client, page_of(decision)), "Undo")
    assert "Taken back by admin" in look_at(admin_client, list_of(DECISIONS))


def test_undo_of_what_is_on_sale_asks_what_becomes_of_it(admin_client, lamps):
    page = accept(admin_client, lamps)
    StockLink.objects.filter(variant_link__in=lamps).update(source_baseline=5, destination_baseline=5)
    pairs = list(StockLink.objects.filter(variant_link__in=lamps).select_related("destination_level"))
    for pair in pairs:
        pair.destination_level.available, pair.destination_level.is_doubtful = 5, False
        pair.destination_level.save()
    page = send(admin_client, page, "Undo")
    assert "3 items are on sale in the destination with 15 units" in page
    assert states(lamps) == ["linked"] * 3  # nothing was done yet
    assert "Taken back: 3." in send(admin_client, page, "Undo", _choice="zero")
    assert states(lamps) == ["unmatched"] * 3
    ended = StockLink.objects.filter(pk__in=[pair.pk for pair in pairs], dirty_sequence__gt=F("settled_sequence"))
    assert list(ended.values_list("ending", flat=True)) == ["zero"] * 3


def test_undo_of_ignoring_brings_the_partner_back_and_syncs_again(admin_client, rows, lamps):
    partner = rows.link.destination_variant
    page = ignore(admin_client, [rows.link, lamps[0]])
    assert "Left out of syncing: 2." in page
    assert StockLink.objects.get().ending == "leave"
    assert "Taken back: 2." in send(admin_client, page, "Undo")
    rows.link.refresh_from_db()
    assert (rows.link.state, rows.link.destination_variant, rows.link.is_manual) == (State.LINKED, partner, False)
    assert StockLink.objects.get().ending == ""
    assert states(lamps) == ["unmatched"] * 3


def test_what_was_changed_since_is_left_alone_and_said(admin_client, rows, lamps):
    page = accept(admin_client, lamps)
    press(admin_client, page_of(lamps[0]), "Ignore")
    press(admin_client, page_of(lamps[1]), "Clear")
    page = send(admin_client, page, "Undo")
    assert "Taken back: 1. Left alone: 2." in page and "It was changed since." in page
    assert states(lamps) == ["ignored", "unmatched", "unmatched"]
    assert set(DecidedMatch.objects.filter(decision__kind="link").values_list("left_reason", flat=True)) == {
        "",
        "It was changed since.",
    }


def test_the_same_decision_made_again_is_not_taken_back_by_the_undo_of_the_first(admin_client, lamps):
    first = ignore(admin_client, lamps[:1])
    press(admin_client, page_of(lamps[0]), "Clear")
    ignore(admin_client, lamps[:1])
    assert "Left alone: 1." in send(admin_client, first, "Undo")
    assert states(lamps[:1]) == ["ignored"]


def test_a_partner_that_was_taken_or_deleted_meanwhile_is_not_taken_away_again(admin_client, rows, lamps):
    page = ignore(admin_client, [rows.link])
    partner = rows.link.destination_variant
    VariantLink.objects.filter(pk=lamps[0].pk).update(state=State.LINKED, destination_variant=partner)
    assert f"is linked to {lamps[0].source_variant} of Main now." in send(admin_client, page, "Undo")
    assert states([rows.link, lamps[0]]) == ["ignored", "linked"]

    page = ignore(admin_client, [lamps[0]])
    partner.gone_at = partner.seen_at
    partner.save()
    assert "It was deleted since." in send(admin_client, page, "Undo")
    assert states([lamps[0]]) == ["ignored"]


def test_pressing_undo_twice_or_too_late_does_nothing_more(admin_client, lamps):
    page = accept(admin_client, lamps[:1])
    send(admin_client, page, "Undo")
    assert "does not apply any more" in send(admin_client, page, "Undo")
    page = accept(admin_client, lamps[1:2])
    decision = MatchDecision.objects.latest("pk")
    MatchDecision.objects.filter(pk=decision.pk).update(made_at=decision.made_at - timedelta(hours=25))
    assert "does not apply any more" in send(admin_client, page, "Undo")
    assert states(lamps) == ["unmatched", "linked", "unmatched"]
    assert "Too old to be taken back" in look_at(admin_client, list_of(DECISIONS))


def test_whoever_decided_or_a_manager_takes_it_back_and_nobody_else(lamps):
    ben, mona, vera = member_of("Support agent", "ben"), member_of("Manager"), member_of("Viewer")
    anna = member_of("Support agent", "anna")
    accept(anna, lamps[:1])
    decision = MatchDecision.objects.get()
    undo = reverse("admin:stores_matchdecision_undo")
    for client in (ben, vera):
        assert not forms_with(look_at(client, page_of(decision)), "Undo")
        assert client.post(undo, {"decision": f"undo-{decision.pk}"}).status_code == 403
    assert mona.get(undo).status_code == 405
    assert states(lamps[:1]) == ["linked"]
    assert "Taken back: 1." in press(mona, page_of(decision), "Undo")
    assert "Taken back: 1." in send(anna, accept(anna, lamps[:1]), "Undo")


@pytest.mark.parametrize("number", ["", "undo-", "undo-x", "undo-" + "9" * 30, "undo-999999"])
def test_an_undo_of_nothing_says_so(admin_client, lamps, number):
    answer = admin_client.post("/admin/stores/matchdecision/undo/", {"decision": number}, follow=True)
    assert "That decision is not there any more." in answer.content.decode()


def test_who_is_limited_to_some_stores_takes_back_what_they_see(rows, lamps, admin_client):
    west = make_store("West", Store.Role.DESTINATION)
    other = Connection.objects.create(source=rows.source, destination=west, state="running")
    far = make_link(other, "Far", "FAR", is_linked=False)
    ignore(admin_client, [lamps[0], far])
    mona = member_of("Manager")
    limit = StoreLimit.objects.create(user=User.objects.get(username="manager"))
    limit.stores.set(Store.objects.filter(name__in=["Main", "North"]))
    page = look_at(mona, page_of(MatchDecision.objects.get()))
    assert "Lamp 0" in page and "Far" not in page
    assert "Taken back: 1." in press(mona, page_of(MatchDecision.objects.get()), "Undo")
    assert states([lamps[0], far]) == ["unmatched", "ignored"]


def test_one_match_has_an_undo_and_leads_to_the_next_undecided_of_the_list(admin_client, lamps):
    filters = "?_changelist_filters=doubt%3Dopen%26q%3Dlamp"
    page = press(admin_client, page_of(lamps[1]) + filters, "Link")
    assert "Linked to Lamp 1" in page and forms_with(page, "Undo")
    assert f'href="{page_of(lamps[2])}{filters}" autofocus>Next: Lamp 2' in page
    assert "2 undecided in this list" in page
    page = press(admin_client, page_of(lamps[2]) + filters, "Ignore")
    assert f'href="{page_of(lamps[0])}{filters}" autofocus>Next: Lamp 0' in page  # the list begins again
    page = press(admin_client, page_of(lamps[0]) + filters, "Link")
    assert "Nothing in this list is undecided any more." in page
    assert "Taken back: 1." in send(admin_client, page, "Undo")
    assert states(lamps) == ["unmatched", "linked", "ignored"]


@pytest.mark.parametrize("filters", ["nothing=1", "connection=x", "o=99", "source_variant__sku=x"])
def test_a_list_that_cannot_be_filtered_so_leads_to_no_next_match_and_to_no_error(admin_client, lamps, filters):
    page = look_at(admin_client, f"{page_of(lamps[0])}?_changelist_filters={filters.replace('=', '%3D')}")
    assert "Pick the partner" in page


def test_the_search_for_a_partner_keeps_the_list(admin_client, lamps):
    page = look_at(admin_client, page_of(lamps[0]) + "?_changelist_filters=doubt%3Dopen&partner=lamp")
    assert '<input type="hidden" name="_changelist_filters" value="doubt=open">' in page


@pytest.fixture
def twins(rows, lamps):
    """The first lamp waits in two other connections; one of their stores has its partner's SKU, the other has not."""
    made = []
    for name, sku in (("West", "lamp 0"), ("South", "other")):
        store = make_store(name, Store.Role.DESTINATION)
        other = Connection.objects.create(source=rows.source, destination=store, state="running")
        made.append(VariantLink.objects.create(connection=other, source_variant=lamps[0].source_variant))
        make_variant(store, "Lamp 0", sku)
    return made


def test_the_same_partner_is_linked_in_all_connections_by_one_decision(admin_client, lamps, twins):
    assert "The same in other connections" not in look_at(admin_client, page_of(lamps[0]))
    page = press(admin_client, page_of(lamps[0]), "Link")
    assert "The same in other connections …" in page
    page = look_at(admin_client, f"/admin/stores/variantlink/{lamps[0].pk}/do/same_elsewhere/")
    assert "1 variant would be linked." in page and "It has the SKU of Lamp 0" in page
    assert "No free variant there has the SKU of Lamp 0" in page
    page = send(admin_client, page, "Link the ticked pairs")
    assert "Linked: 1." in page
    assert states(twins) == ["linked", "unmatched"]
    assert VariantLink.objects.get(pk=twins[0].pk).destination_variant.store.name == "West"
    send(admin_client, page, "Undo")
    assert states([lamps[0], *twins]) == ["linked", "unmatched", "unmatched"]


def test_what_was_decided_elsewhere_meanwhile_is_left_alone(admin_client, lamps, twins):
    press(admin_client, page_of(lamps[0]), "Link")
    page = look_at(admin_client, f"/admin/stores/variantlink/{lamps[0].pk}/do/same_elsewhere/")
    press(admin_client, page_of(twins[0]), "Ignore")
    assert "Left alone: 1. It was decided since you looked." in send(admin_client, page, "Link the ticked pairs")
    assert states(twins) == ["ignored", "unmatched"]


def test_ignoring_in_all_connections_is_one_decision(admin_client, lamps, twins):
    press(admin_client, page_of(lamps[0]), "Ignore")
    page = look_at(admin_client, f"/admin/stores/variantlink/{lamps[0].pk}/do/same_elsewhere/")
    assert "2 variants would be ignored" in page
    assert "Left out of syncing: 2." in send(admin_client, page, "Ignore the ticked ones")
    assert states(twins) == ["ignored", "ignored"]
