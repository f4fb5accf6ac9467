"""The pages of links: finding what is doubtful, picking a partner, ignoring, in bulk."""

import pytest

from stores.linking import suggestions
from stores.models import Connection, Variant, VariantLink
from syncing.models import StockLink, SyncJob
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import NASTY, make_link, make_rows, make_variant

pytestmark = pytest.mark.django_db(transaction=True)

LINKS = "stores_variantlink"
State = VariantLink.State


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def doubtful(rows):
    link = make_link(rows.connection, "Lamp", "LAMP", is_linked=False, state="ambiguous", reason="Twice there.")
    link.candidates.add(make_variant(rows.destination, "Lamp left", "LAMP"))
    suggestions.refresh(rows.connection)
    return link


def found(page, *titles):
    return [title in page for title in titles]


def test_without_links_the_list_says_what_to_do(admin_client):
    assert "Nothing has been matched yet" in look_at(admin_client, list_of(LINKS))


def test_the_list_is_filtered_by_doubt_and_searched_by_identifiers(admin_client, rows, doubtful):
    assert found(look_at(admin_client, list_of(LINKS) + "?doubt=open"), "Lamp [LAMP]", "SOCK-1") == [True, False]
    assert found(look_at(admin_client, list_of(LINKS) + "?doubt=suggested"), "Lamp [LAMP]", "SOCK-1") == [True, False]
    assert found(look_at(admin_client, list_of(LINKS) + "?state__exact=linked"), "Lamp [", "SOCK-1") == [False, True]
    assert found(look_at(admin_client, list_of(LINKS) + "?q=sock-1"), "Lamp [LAMP]", "SOCK-1]") == [False, True]
    assert found(look_at(admin_client, f"{list_of(LINKS)}?connection={rows.connection.pk + 1}"), "Lamp [") == [False]


def test_a_suggestion_is_accepted_with_one_click_and_synced_at_once(admin_client, rows, doubtful):
    page = look_at(admin_client, page_of(doubtful))
    assert "No partner. Twice there." in page
    assert "synced" not in page.split("Pick the partner")[0]
    page = press(admin_client, page_of(doubtful), "Link")
    assert "Linked to Lamp left" in page
    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.is_manual) == (State.LINKED, True)
    assert StockLink.objects.filter(variant_link=doubtful).count() == 1
    assert SyncJob.objects.get().kind == SyncJob.Kind.CARRY_STOCK


@pytest.mark.parametrize("query", ["spare", "SP-77", "400638", "my-handle", "spare sp-77"])
def test_a_partner_is_found_by_title_sku_barcode_or_handle(admin_client, rows, doubtful, query):
    Variant.objects.filter(product_title="Lamp left").delete()
    spare = make_variant(rows.destination, "Spare lamp", "SP-77", barcode="4006381333931", handle="my-handle")
    page = press(admin_client, f"{page_of(doubtful)}?partner={query}", "Link")
    doubtful.refresh_from_db()
    assert doubtful.destination_variant == spare, page


def test_a_search_that_finds_nothing_says_so_and_never_offers_the_source(admin_client, doubtful):
    Variant.objects.filter(product_title="Lamp left").delete()
    make_variant(doubtful.connection.source, "Only in the source", "ONLY")
    page = look_at(admin_client, f"{page_of(doubtful)}?partner=only")
    assert "No variant of North matches" in page
    assert not forms_with(page, "Link")


def test_a_variant_that_is_taken_says_by_what_and_cannot_be_picked(admin_client, rows, doubtful):
    Variant.objects.filter(product_title="Lamp left").delete()
    page = look_at(admin_client, f"{page_of(doubtful)}?partner=sock")
    assert "linked to &lt;script&gt;" in page
    assert not forms_with(page, "Link")
    partner = rows.link.destination_variant
    response = admin_client.post(
        f"/admin/stores/variantlink/{doubtful.pk}/do/pick/", {"variant": partner.pk}, follow=True
    )
    assert "already linked to" in response.content.decode()
    doubtful.refresh_from_db()
    assert doubtful.state == State.AMBIGUOUS


def test_a_variant_of_another_store_is_refused(admin_client, rows, doubtful):
    foreign = rows.link.source_variant
    for wanted in (foreign.pk, 0, "x", ""):
        admin_client.post(f"/admin/stores/variantlink/{doubtful.pk}/do/pick/", {"variant": wanted}, follow=True)
    doubtful.refresh_from_db()
    assert doubtful.state == State.AMBIGUOUS


def leave(client, page, label):
    """What is on sale is left as it is: the answer to what the page asks."""
    [form] = forms_with(page, label)[-1:]
    return client.post(form.action, form.inputs | {"_choice": "leave"}, follow=True).content.decode()


def test_ignoring_takes_a_link_out_of_step_and_clearing_matches_it_again(admin_client, rows):
    leave(admin_client, press(admin_client, page_of(rows.link), "Ignore"), "Ignore")
    rows.link.refresh_from_db()
    assert rows.link.state == State.IGNORED
    assert StockLink.objects.get().ending == "leave"
    press(admin_client, page_of(rows.link), "Clear")
    rows.link.refresh_from_db()
    assert (rows.link.state, rows.link.is_manual) == (State.LINKED, False)
    assert StockLink.objects.get().ending == ""


def accept(client, page):
    """Press the button of the page that lists what would be linked."""
    (form,) = forms_with(page, "Link the ticked pairs")
    return client.post(form.action, form.inputs, follow=True).content.decode()


def test_suggestions_are_shown_with_reason_and_score_before_they_are_accepted(admin_client, rows, doubtful):
    page = act(admin_client, LINKS, "accept_best", [doubtful, rows.link])
    assert "1 variant would be linked. Nothing is saved yet." in page
    assert "Lamp left [LAMP]" in page and "Same SKU, similar title" in page and ">97<" in page
    assert not VariantLink.objects.filter(is_manual=True).exists()
    assert "Linked: 1." in accept(admin_client, page)
    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.is_manual, doubtful.suggested_score) == (State.LINKED, True, None)
    assert StockLink.objects.filter(variant_link=doubtful).count() == 1
    assert SyncJob.objects.filter(kind=SyncJob.Kind.CARRY_STOCK).count() == 1


def test_what_is_doubtful_is_left_alone_and_says_why(admin_client, rows, doubtful):
    torn = make_link(rows.connection, "Torn", "T", is_linked=False, state="ambiguous")
    for _ in (1, 2):
        make_variant(rows.destination, "Torn", "T")
    make_link(rows.connection, "Nothing like it", "N", is_linked=False)
    page = act(admin_client, LINKS, "accept_best", list(VariantLink.objects.all()))
    assert "1 variant would be linked." in page
    assert "Its score is below 90." in page and "others fit" not in page.split("Left alone")[0]
    assert "There is no suggestion of 90 or more for it." in page
    accept(admin_client, page)
    assert list(VariantLink.objects.filter(is_manual=True)) == [doubtful]
    torn.refresh_from_db()
    assert torn.state == State.AMBIGUOUS


def test_two_rows_with_the_same_best_partner_are_refused_in_words(admin_client, rows, doubtful):
    rival = make_link(rows.connection, "Lamp", "LAMP", is_linked=False)
    page = act(admin_client, LINKS, "accept_any", [doubtful, rival])
    assert page.count("Several of these rows have the same best suggestion") == 2
    assert not forms_with(page, "Link the ticked pairs")
    forged = {f"pair-{link.pk}": doubtful.candidates.get().pk for link in (doubtful, rival)}
    page = admin_client.post("/admin/stores/variantlink/accept/", forged, follow=True).content.decode()
    assert "Left alone: 2." in page
    assert not VariantLink.objects.filter(is_manual=True).exists()


def test_a_suggestion_that_changed_since_it_was_shown_is_not_accepted(admin_client, rows, doubtful):
    page = act(admin_client, LINKS, "accept_any", [doubtful])
    better = make_variant(rows.destination, "Lamp", "LAMP")
    assert "its best suggestion has changed since you looked" in accept(admin_client, page)
    doubtful.refresh_from_db()
    assert doubtful.state == State.AMBIGUOUS
    assert f'name="pair-{doubtful.pk}" value="{better.pk}" checked' in act(
        admin_client, LINKS, "accept_any", [doubtful]
    )


@pytest.mark.parametrize(
    "pair", [("", ""), ("pair-", "1"), ("pair-x", "y"), ("pair-999999", "1"), ("pair-1", "9" * 30)]
)
def test_pairs_that_nobody_was_shown_do_nothing(admin_client, doubtful, pair):
    admin_client.post("/admin/stores/variantlink/accept/", {pair[0]: pair[1], "least": "90"}, follow=True)
    assert not VariantLink.objects.filter(is_manual=True).exists()


def test_the_list_shows_and_filters_the_best_suggestion(admin_client, rows, doubtful):
    poor = make_link(rows.connection, "Blue cotton shirt", "B-1", is_linked=False)
    make_variant(rows.destination, "Blue wool shirt")
    suggestions.refresh(rows.connection)
    page = look_at(admin_client, list_of(LINKS) + "?doubt=suggested")
    assert found(page, "Lamp left [LAMP]", "Same SKU, similar title", "Blue wool shirt") == [True, True, True]
    page = look_at(admin_client, list_of(LINKS) + "?doubt=sure")
    assert found(page, "Lamp left [LAMP]", "Blue wool shirt") == [True, False]
    assert "Similar title" in look_at(admin_client, page_of(poor))


def test_a_search_for_a_partner_shows_what_the_source_has_too(admin_client, rows, doubtful):
    twin = make_link(rows.connection, "Lamp spare", "LAMP-2", is_linked=False)
    page = look_at(admin_client, f"{page_of(doubtful)}?partner=lamp-2")
    assert "The same words in Main" in page
    assert page_of(twin) in page


def test_many_are_ignored_at_once(admin_client, rows, doubtful):
    page = act(admin_client, LINKS, "ignore_selected", [doubtful, rows.link])
    assert "2 variants would be ignored" in page and not VariantLink.objects.filter(state=State.IGNORED).exists()
    [form] = forms_with(page, "Ignore the ticked ones")
    page = admin_client.post(form.action, form.inputs).content.decode()  # what becomes of what is on sale?
    [form] = forms_with(page, "Ignore")
    page = admin_client.post(form.action, form.inputs | {"_choice": "leave"}, follow=True).content.decode()
    assert "Left out of syncing: 2." in page
    assert set(VariantLink.objects.values_list("state", flat=True)) == {State.IGNORED}


def test_resolving_in_a_connection_that_is_not_started_writes_nothing(admin_client, rows, doubtful):
    Connection.objects.update(state=Connection.State.READY)
    press(admin_client, page_of(doubtful), "Link")
    assert not SyncJob.objects.exists()
    assert not StockLink.objects.filter(variant_link=doubtful).exists()


def test_titles_are_escaped_everywhere(admin_client, rows):
    for url in (list_of(LINKS), page_of(rows.link), f"{page_of(rows.link)}?partner={NASTY}"):
        page = look_at(admin_client, url)
        assert "&lt;script&gt;" in page
        assert NASTY not in page
