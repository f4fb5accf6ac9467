"""Links in the database: built once, kept by id, repaired, resolved; with the catalogue as rows."""

import pytest
from django.utils import timezone

from stores import variants
from stores.linking import linking, rows
from stores.models import Connection, Location, Store, Variant, VariantLink
from stores.shopify.products.products import VariantRecord

pytestmark = pytest.mark.django_db

State = VariantLink.State


def make_store(name: str, role: str) -> Store:
    return Store.objects.create(
        domain=f"{name}.myshopify.com", name=name.title(), role=role, auth="static_token", access_token="shpat_x"
    )


@pytest.fixture
def source() -> Store:
    return make_store("source", "source")


@pytest.fixture
def north() -> Store:
    return make_store("north", "destination")


@pytest.fixture
def connection(source: Store, north: Store) -> Connection:
    return Connection.objects.create(source=source, destination=north)


def record(number: int, sku: str = "", **more) -> VariantRecord:
    fields = {
        "gid": f"gid://shopify/ProductVariant/{number}",
        "product_gid": f"gid://shopify/Product/{number}",
        "item_gid": f"gid://shopify/InventoryItem/{number}",
        "product_title": f"Mug {number}",
        "title": "Default Title",
        "handle": f"mug-{number}",
        "sku": sku,
        "barcode": "",
        "options": (("Title", "Default Title"),),
        "position": 1,
        "tracked": True,
        "requires_components": False,
        "product_status": "ACTIVE",
        "variant_count": 1,
    }
    return VariantRecord(**fields | more)


@pytest.fixture
def shopify(monkeypatch) -> dict[int, list[VariantRecord]]:
    """What Shopify would answer for each store, by our id of it: reading itself is tested over HTTP elsewhere."""
    answers: dict[int, list[VariantRecord]] = {}
    monkeypatch.setattr(variants, "_read_all", lambda client, store: iter(answers.get(store.pk, [])))

    def read_product(store: Store, product_gid: str) -> list[VariantRecord]:
        return [row for row in answers.get(store.pk, []) if row.product_gid == product_gid]

    monkeypatch.setattr(linking, "read_product", read_product)
    return answers


def match(connection: Connection) -> linking.LinkReport:
    for store in (connection.source, connection.destination):
        linking.refresh_catalogue(store)
    return linking.match_connection(connection)


def link_of(connection: Connection, number: int) -> VariantLink:
    return connection.links.get(source_variant__gid=f"gid://shopify/ProductVariant/{number}")


def test_equal_skus_are_linked_blanks_and_case_aside_and_the_rest_says_why_not(connection, source, north, shopify):
    shopify[source.pk] = [record(1, " A-1 "), record(2, ""), record(3, "dup"), record(4, "DUP"), record(5, "only")]
    shopify[north.pk] = [record(11, "a-1"), record(12, "dup"), record(13, "x")]
    report = match(connection)
    assert str(report) == "1 linked, 2 unmatched, 2 ambiguous, 0 ignored, 0 gone"
    assert link_of(connection, 1).destination_variant.gid.endswith("/11")
    assert link_of(connection, 2).reason == "It has no SKU."
    assert link_of(connection, 3).reason == "2 variants of the source have the SKU “dup”."
    assert [variant.gid[-2:] for variant in link_of(connection, 4).candidates.all()] == ["12"]
    connection.refresh_from_db()
    assert connection.linked_at is not None


def test_matching_again_changes_nothing(connection, source, north, shopify):
    shopify[source.pk] = [record(1, "a"), record(2, ""), record(3, "dup"), record(4, "dup"), record(5, "only")]
    shopify[north.pk] = [record(11, "a"), record(12, "dup")]
    first = match(connection)
    rows = list(connection.links.values_list().order_by("pk"))
    again = match(connection)
    assert (first.changed, again.changed) == (5, 0)
    assert list(connection.links.values_list().order_by("pk")) == rows


def test_untracked_variants_and_bundles_are_linked_too(connection, source, north, shopify):
    shopify[source.pk] = [record(1, "a", tracked=False), record(2, "b")]
    shopify[north.pk] = [record(11, "a"), record(12, "b", requires_components=True)]
    assert match(connection).linked == 2
    assert link_of(connection, 1).source_variant.skip_reason() == "inventory is not tracked"


def test_a_pair_stays_linked_whatever_is_renamed(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[source.pk], shopify[north.pk] = [record(1, "b")], [record(11, "c"), record(12, "b")]
    match(connection)
    assert link_of(connection, 1).destination_variant.gid.endswith("/11")


def test_a_second_claim_from_another_source_is_ambiguous_and_names_the_first(connection, source, north, shopify):
    other = make_store("other", "source")
    second = Connection.objects.create(source=other, destination=north)
    shopify[source.pk], shopify[other.pk] = [record(1, "a")], [record(2, "a")]
    shopify[north.pk] = [record(11, "a")]
    match(connection)
    assert match(second).ambiguous == 1
    found = link_of(second, 2)
    assert found.reason == "Its partner is already linked to Mug 1 [a] of Source."
    assert found.candidates.get().gid.endswith("/11")


def test_a_claim_made_between_look_and_write_is_ambiguous_and_no_crash(connection, source, north, shopify, monkeypatch):
    other = make_store("other", "source")
    second = Connection.objects.create(source=other, destination=north)
    shopify[source.pk], shopify[other.pk] = [record(1, "a")], [record(2, "a"), record(3, "b")]
    shopify[north.pk] = [record(11, "a"), record(12, "b")]
    match(connection)
    real, looks = rows.load_claims, []

    def look(pks):
        looks.append(pks)
        return {} if len(looks) == 1 else real(pks)  # the first look came before the claim

    monkeypatch.setattr(rows, "load_claims", look)
    report = match(second)
    assert (len(looks), report.linked, report.ambiguous) == (2, 1, 1)


def test_a_deleted_partner_makes_the_link_gone_and_the_same_pair_comes_back(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[north.pk] = []
    assert match(connection).gone == 1
    assert link_of(connection, 1).reason == "Its partner was deleted in the destination."
    shopify[north.pk] = [record(11, "renamed")]
    assert match(connection).linked == 1
    assert link_of(connection, 1).destination_variant.gid.endswith("/11")


def test_a_partner_that_was_made_anew_is_matched_in_the_place_of_the_deleted_one(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[north.pk] = [record(12, "a")]
    assert match(connection).linked == 1
    assert link_of(connection, 1).destination_variant.gid.endswith("/12")


def test_a_deleted_source_variant_frees_its_partner_for_the_one_made_anew(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[source.pk] = [record(2, "a")]
    match(connection)
    assert link_of(connection, 1).state == State.GONE
    assert link_of(connection, 2).destination_variant.gid.endswith("/11")
    shopify[source.pk] = [record(1, "a"), record(2, "b")]
    match(connection)
    assert link_of(connection, 1).state == State.AMBIGUOUS  # its partner has another by now
    assert link_of(connection, 2).state == State.LINKED


def test_variants_of_a_handle_pair_by_their_options(connection, source, north, shopify):
    connection.identifier = "handle"
    connection.save()
    shirt = {"product_gid": "gid://shopify/Product/1", "handle": "Shirt"}
    shopify[source.pk] = [record(n, options=(("Size", size),), **shirt) for n, size in ((1, "S"), (2, "M"))]
    shopify[north.pk] = [record(n, options=(("size", size),), **shirt) for n, size in ((11, "m"), (12, "XL"))]
    assert str(match(connection)) == "1 linked, 1 unmatched, 0 ambiguous, 0 ignored, 0 gone"
    assert link_of(connection, 2).destination_variant.gid.endswith("/11")


def test_more_identifiers_than_one_portion_are_all_matched(connection, source, north, shopify, monkeypatch):
    monkeypatch.setattr("stores.linking.at_once.PORTION_ROWS", 3)
    monkeypatch.setattr(variants, "PORTION_ROWS", 4)
    shopify[source.pk] = [record(n, f"sku-{n}") for n in range(1, 12)] + [record(n) for n in range(12, 20)]
    shopify[north.pk] = [record(n + 100, f"sku-{n}") for n in range(1, 12)]
    report = match(connection)
    assert (report.linked, report.unmatched) == (11, 8)


# --- One product --------------------------------------------------------------------------------------------------


def test_a_new_product_is_linked_when_it_is_read(connection, source, north, shopify):
    shopify[north.pk] = [record(11, "a")]
    match(connection)
    shopify[source.pk] = [record(1, "a")]
    assert linking.match_product(source, "gid://shopify/Product/1") == {connection.pk}
    assert link_of(connection, 1).state == State.LINKED
    assert linking.match_product(source, "gid://shopify/Product/1") == set()


def test_a_sku_corrected_in_the_destination_links_the_waiting_variant(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "typo")]
    match(connection)
    shopify[north.pk] = [record(11, "a")]
    assert linking.match_product(north, "gid://shopify/Product/11") == {connection.pk}
    assert link_of(connection, 1).state == State.LINKED


def test_a_duplicate_that_vanishes_ends_the_doubt(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a"), record(12, "a")]
    assert match(connection).ambiguous == 1
    shopify[north.pk] = [record(11, "a")]
    assert linking.match_product(north, "gid://shopify/Product/12") == {connection.pk}
    found = link_of(connection, 1)
    assert (found.state, found.candidates.count()) == (State.LINKED, 0)


def test_a_deleted_product_is_gone_and_a_change_of_title_concerns_nobody(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[source.pk] = [record(1, "a", product_title="Cup")]
    assert linking.match_product(source, "gid://shopify/Product/1") == set()
    assert Variant.objects.get(store=source).product_title == "Cup"
    shopify[source.pk] = []
    assert linking.match_product(source, "gid://shopify/Product/1") == {connection.pk}
    assert link_of(connection, 1).state == State.GONE


def test_a_linked_variant_that_stops_being_tracked_concerns_its_connection(connection, source, north, shopify):
    shopify[source.pk], shopify[north.pk] = [record(1, "a")], [record(11, "a")]
    match(connection)
    shopify[north.pk] = [record(11, "a", tracked=False)]
    assert linking.match_product(north, "gid://shopify/Product/11") == {connection.pk}


def test_a_variant_that_loses_its_sku_before_it_was_linked_says_so(connection, source, north, shopify):
    shopify[source.pk] = [record(1, "a")]
    match(connection)
    shopify[source.pk] = [record(1, "")]
    linking.match_product(source, "gid://shopify/Product/1")
    assert link_of(connection, 1).reason == "It has no SKU."


def test_a_long_read_does_not_overwrite_a_product_that_was_read_later(connection, source, shopify):
    began = variants.number_read()
    shopify[source.pk] = [record(1, "new")]
    linking.match_product(source, "gid://shopify/Product/1")
    variants._upsert(source, [record(1, "old")], began)
    assert Variant.objects.get(store=source).sku == "new"


def test_a_sku_longer_than_its_column_when_folded_is_still_told_apart(source, shopify):
    shopify[source.pk] = [record(1, "ß" * 250), record(2, "ß" * 251), record(3, "a\x00b")]
    assert linking.refresh_catalogue(source) == 3
    assert Variant.objects.values("sku_key").distinct().count() == 3


# --- Operators ----------------------------------------------------------------------------------------------------


@pytest.fixture
def three(connection, source, north, shopify) -> Connection:
    """1 is linked to 11; 2 has no SKU; 12 is free in the destination."""
    shopify[source.pk] = [record(1, "a"), record(2, "")]
    shopify[north.pk] = [record(11, "a"), record(12, "z")]
    match(connection)
    return connection


def variant_of(store: Store, number: int) -> Variant:
    return store.variants.get(gid=f"gid://shopify/ProductVariant/{number}")


def test_a_partner_set_by_hand_stays_whatever_matching_finds(three, source, north, shopify):
    linking.set_partner(link_of(three, 2), variant_of(north, 12), by="ada")
    shopify[source.pk] = [record(1, "a"), record(2, "new")]
    shopify[north.pk] = [record(11, "a"), record(12, "z"), record(13, "new")]
    match(three)
    found = link_of(three, 2)
    assert (found.state, found.destination_variant, found.reason) == (
        State.LINKED,
        variant_of(north, 12),
        "Linked by ada.",
    )


def test_an_ignored_variant_stays_ignored_although_a_partner_appears(three, north, shopify):
    linking.ignore(link_of(three, 1))
    assert match(three).ignored == 1
    assert link_of(three, 1).destination_variant is None


def test_clearing_an_operators_choice_lets_matching_decide_at_once(three, north):
    found = link_of(three, 1)
    linking.set_partner(found, variant_of(north, 12))
    linking.clear(found)
    assert (found.state, found.destination_variant, found.is_manual) == (State.LINKED, variant_of(north, 11), False)


def test_a_partner_that_somebody_has_is_refused_and_named(three, north):
    with pytest.raises(linking.LinkRefused, match=r"Mug 11 \[a\] is already linked to Mug 1 \[a\] of Source"):
        linking.set_partner(link_of(three, 2), variant_of(north, 11))


def test_a_partner_of_another_store_or_a_deleted_one_is_refused(three, source, north):
    with pytest.raises(linking.LinkRefused, match="belongs to Source, not to North"):
        linking.set_partner(link_of(three, 2), variant_of(source, 1))
    north.variants.filter(gid__endswith="/12").update(gone_at=timezone.now())
    with pytest.raises(linking.LinkRefused, match="was deleted in North"):
        linking.set_partner(link_of(three, 2), variant_of(north, 12))
    assert link_of(three, 2).state == State.UNMATCHED


def test_a_choice_made_by_hand_is_gone_with_its_partner_and_back_with_it(three, north, shopify):
    linking.set_partner(link_of(three, 2), variant_of(north, 12))
    shopify[north.pk] = [record(11, "a")]
    assert match(three).gone == 1
    shopify[north.pk] = [record(11, "a"), record(12, "z")]
    match(three)
    found = link_of(three, 2)
    assert (found.state, found.destination_variant, found.is_manual) == (State.LINKED, variant_of(north, 12), True)


def test_equal_names_of_unmapped_active_locations_are_proposed(connection, source, north):
    def add(store: Store, name: str, **more) -> Location:
        return Location.objects.create(store=store, gid=f"gid://shopify/Location/{name}", name=name, **more)

    shop, other = add(source, "Shop"), add(north, " shop ")
    add(source, "Depot")
    add(north, "Depot", is_active=False)
    done = add(source, "Done"), add(north, "Done")
    connection.mappings.create(source_location=done[0], destination_location=done[1])
    assert linking.propose_mappings(connection) == [(shop, other)]
