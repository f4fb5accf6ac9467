"""Matching, pure: examples of every rule, and properties that hold for any two catalogues."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.linking.matching import AMBIGUOUS, BARCODE, HANDLE, MATCHED, SKU, UNMATCHED, Finding, Item, match

SHIRT = (("Size", "M"), ("Color", "Red"))


def one(findings: list[Finding]) -> Finding:
    assert len(findings) == 1
    return findings[0]


def test_the_same_sku_on_both_sides_matches():
    assert one(match([Item(1, "p", "a-1")], [Item(2, "q", "a-1"), Item(3, "q", "b-2")], SKU)) == Finding(1, MATCHED, 2)


@pytest.mark.parametrize(("by", "word"), [(SKU, "SKU"), (BARCODE, "barcode"), (HANDLE, "handle")])
def test_an_empty_identifier_never_matches_and_says_which_is_missing(by, word):
    found = one(match([Item(1, "p", "")], [Item(2, "q", "")], by))
    assert (found.state, found.reason) == (UNMATCHED, f"It has no {word}.")


def test_an_identifier_that_the_destination_lacks_is_unmatched():
    found = one(match([Item(1, "p", "a-1")], [Item(2, "q", "a-2")], SKU))
    assert (found.state, found.reason) == (UNMATCHED, "No variant of the destination has the SKU “a-1”.")


def test_a_sku_that_the_source_repeats_is_ambiguous_for_each_with_the_candidates():
    found = match([Item(1, "p", "a"), Item(2, "p", "a")], [Item(3, "q", "a")], SKU)
    reason = "2 variants of the source have the SKU “a”."
    assert found == [Finding(1, AMBIGUOUS, None, (3,), reason), Finding(2, AMBIGUOUS, None, (3,), reason)]


def test_a_barcode_that_the_destination_repeats_is_ambiguous_with_the_candidates():
    found = one(match([Item(1, "p", "4006381")], [Item(4, "q", "4006381"), Item(3, "q", "4006381")], BARCODE))
    assert (found.state, found.candidates) == (AMBIGUOUS, (3, 4))
    assert found.reason == "2 variants of the destination have the barcode “4006381”."


def test_a_variant_that_is_not_asked_for_still_makes_its_sku_doubtful():
    sources = [Item(1, "p", "a"), Item(2, "p", "a")]
    assert one(match(sources, [Item(3, "q", "a")], SKU, wanted={2})).state == AMBIGUOUS


def test_a_claimed_partner_is_ambiguous_and_the_reason_names_who_has_it():
    found = one(match([Item(1, "p", "a")], [Item(2, "q", "a")], SKU, claimed={2: "Mug [b] of North"}))
    assert found == Finding(1, AMBIGUOUS, None, (2,), "Its partner is already linked to Mug [b] of North.")


def test_a_reason_fits_its_column_however_long_the_names_are():
    found = one(match([Item(1, "p", "a")], [Item(2, "q", "a")], SKU, claimed={2: "x" * 900}))
    assert len(found.reason) == 255


def test_many_candidates_are_cut_to_a_number_that_a_person_can_look_at():
    found = one(match([Item(0, "p", "a")], [Item(n, "q", "a") for n in range(1, 90)], SKU))
    assert len(found.candidates) == 20


def test_the_only_variants_of_two_products_with_one_handle_match_whatever_their_options():
    found = one(match([Item(1, "p", "mug", (("Title", "Default Title"),))], [Item(2, "q", "mug", SHIRT)], HANDLE))
    assert found == Finding(1, MATCHED, 2)


def variants(start: int, product: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[Item]:
    return [Item(start + n, product, "shirt", tuple(zip(names, values, strict=True))) for n, values in enumerate(rows)]


def test_variants_of_one_handle_pair_by_their_option_values():
    sources = variants(1, "p", ("Size",), [("S",), (" m ",), ("XL",)])
    found = match(sources, variants(11, "q", ("size",), [("M",), ("S",)]), HANDLE)
    assert [(f.state, f.destination) for f in found] == [(MATCHED, 12), (MATCHED, 11), (UNMATCHED, None)]
    assert found[2].reason == "The product of the destination with the handle “shirt” has no variant “XL”."


def test_options_with_equal_names_pair_by_name_in_whatever_order_they_stand():
    sources = variants(1, "p", ("Width", "Height"), [("10", "20"), ("20", "10")])
    found = match(sources, variants(11, "q", ("Height", "Width"), [("10", "20"), ("20", "10")]), HANDLE)
    assert [(f.source, f.destination) for f in found] == [(1, 12), (2, 11)]


def test_options_with_other_names_pair_by_position():
    sources = variants(1, "p", ("Size", "Color"), [("S", "Red"), ("M", "Red")])
    found = match(sources, variants(11, "q", ("Größe", "Farbe"), [("M", "red"), ("S", "red")]), HANDLE)
    assert [(f.source, f.destination) for f in found] == [(1, 12), (2, 11)]


def test_a_name_that_stands_elsewhere_makes_pairing_by_position_doubtful():
    sources = variants(1, "p", ("Width", "Height"), [("10", "20"), ("20", "10")])
    found = match(sources, variants(11, "q", ("Height", "Breite"), [("10", "20"), ("20", "10")]), HANDLE)
    assert {f.state for f in found} == {AMBIGUOUS}
    assert found[0].candidates == (11, 12)


def test_values_that_differ_only_in_case_and_blanks_are_the_same_and_hence_ambiguous():
    sources = variants(1, "p", ("Size",), [("M",), ("S",)])
    found = match(sources, variants(11, "q", ("Size",), [("m",), ("M ",), ("S",)]), HANDLE)
    assert [(f.state, f.destination, f.candidates) for f in found] == [
        (AMBIGUOUS, None, (11, 12)),
        (MATCHED, 13, ()),
    ]


def test_two_products_with_one_handle_are_ambiguous_on_either_side():
    two = [Item(1, "p", "mug"), Item(2, "other", "mug")]
    assert {f.state for f in match(two, [Item(3, "q", "mug")], HANDLE)} == {AMBIGUOUS}
    assert one(match([Item(3, "q", "mug")], two, HANDLE)).candidates == (1, 2)


def test_a_product_with_fewer_options_partners_with_nobody():
    sources = variants(1, "p", ("Size", "Color"), [("S", "Red"), ("M", "Red")])
    found = match(sources, variants(11, "q", ("Size",), [("S",), ("M",)]), HANDLE)
    assert {f.state for f in found} == {UNMATCHED}


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[Item], list[Item], dict[int, str]]:
    """Two small catalogues over few identifiers and values, so that everything collides; and some claims."""
    identifiers, values = st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["S", "s ", "M", "L"])
    names = st.sampled_from([("Size", "Color"), ("Color", "Size"), ("Size", "Farbe"), ("Größe", "Farbe")])

    def side(start: int) -> list[Item]:
        named = {}
        items = []
        for n in range(draw(st.integers(0, 8))):
            product = draw(st.sampled_from("pqr"))
            if product not in named:
                named[product] = draw(names)
            options = tuple((name, draw(values)) for name in named[product])
            items.append(Item(start + n, product, draw(identifiers), options))
        return items

    sources, destinations = side(100), side(200)
    claims = draw(st.sets(st.sampled_from([item.id for item in destinations]))) if destinations else set()
    return sources, destinations, dict.fromkeys(claims, "somebody")


@given(catalogues(), st.sampled_from([HANDLE, SKU, BARCODE]))
def test_every_source_variant_gets_one_finding_and_no_destination_variant_is_given_twice(both, by):
    sources, destinations, claimed = both
    found = match(sources, destinations, by, claimed=claimed)
    assert [finding.source for finding in found] == sorted(item.id for item in sources)
    given_away = [finding.destination for finding in found if finding.state == MATCHED]
    assert len(given_away) == len(set(given_away))
    assert not set(given_away) & set(claimed)


@given(catalogues(), st.sampled_from([HANDLE, SKU, BARCODE]))
def test_nothing_doubtful_is_matched(both, by):
    sources, destinations, claimed = both
    source_by_id, destination_by_id = ({item.id: item for item in items} for items in (sources, destinations))
    for finding in match(sources, destinations, by, claimed=claimed):
        if finding.state != MATCHED:
            assert finding.destination is None
            assert finding.reason
            continue
        source, destination = source_by_id[finding.source], destination_by_id[finding.destination]
        assert source.identifier == destination.identifier != ""
        for item, items in ((source, sources), (destination, destinations)):
            same = [other for other in items if other.identifier == item.identifier]
            if by == HANDLE:
                assert {other.product for other in same} == {item.product}
                shown = [tuple(value.strip().lower() for _, value in other.options) for other in same]
                assert len(same) == 1 or shown.count(shown[same.index(item)]) == 1
            else:
                assert same == [item]


@given(catalogues(), st.sampled_from([HANDLE, SKU, BARCODE]), st.randoms(use_true_random=False))
def test_the_order_of_the_catalogues_does_not_matter(both, by, chance: random.Random):
    sources, destinations, claimed = both
    expected = match(sources, destinations, by, claimed=claimed)
    chance.shuffle(sources)
    chance.shuffle(destinations)
    assert match(sources, destinations, by, claimed=claimed) == expected


@given(catalogues(), st.sampled_from([HANDLE, SKU, BARCODE]))
def test_matching_identifier_by_identifier_finds_the_same_as_all_at_once(both, by):
    sources, destinations, claimed = both
    parts = []
    for identifier in {item.identifier for item in sources}:
        group = [item for item in sources if item.identifier == identifier]
        parts += match(group, [item for item in destinations if item.identifier == identifier], by, claimed=claimed)
    assert sorted(parts, key=lambda finding: finding.source) == match(sources, destinations, by, claimed=claimed)
