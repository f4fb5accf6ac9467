"""Suggestions, pure: what each kind of evidence is worth, what speaks against a pair, and what always holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.linking.scoring import (
    LEAST_SCORE,
    MOST_SUGGESTIONS,
    SURE_SCORE,
    Candidate,
    rank,
    title_likeness,
    title_searches,
)
from stores.models.variant import loosen_identifier, normalize_identifier


def variant(pk: int, title: str = "", *options: str, handle: str = "", sku: str = "", barcode: str = "") -> Candidate:
    keys = normalize_identifier(sku), normalize_identifier(barcode)
    return Candidate(pk, title, options, handle, *keys, *map(loosen_identifier, keys))


def best(source: Candidate, *items: Candidate) -> tuple:
    found = rank(source, items)
    return (found[0].id, found[0].score, found[0].reason) if found else (None, 0, "")


@pytest.mark.parametrize(
    ("mine", "theirs", "score", "reason"),
    [
        ({"barcode": "4006381333931"}, {"barcode": "4006381333931"}, 96, "Same barcode"),
        (
            {"barcode": "0004006381"},
            {"barcode": "400-6381"},
            93,
            "Same barcode apart from punctuation and leading zeros",
        ),
        ({"sku": "A-1"}, {"sku": "a-1"}, 95, "Same SKU"),
        ({"sku": "A-1"}, {"sku": "00A 1"}, 92, "Same SKU apart from punctuation and leading zeros"),
        ({"sku": "4006"}, {"barcode": "4006"}, 85, "The SKU of one is the barcode of the other"),
        ({"handle": "mug"}, {"handle": "mug"}, 90, "Same product handle and option"),
        ({"title": "Blue mug"}, {"title": "MUG, blue"}, 70, "Same title"),
        ({"title": "Blue mug"}, {"title": "Blue mug large"}, 56, "Similar title"),
    ],
)
def test_each_kind_of_evidence_has_its_score_and_its_words(mine, theirs, score, reason):
    assert best(variant(1, **mine), variant(2, **theirs)) == (2, score, reason)


def test_further_evidence_adds_to_the_score_and_stands_in_the_reason():
    found = best(variant(1, "Mug", sku="M1", barcode="4006"), variant(2, "Mug", sku="M1", barcode="4006"))
    assert found == (2, 99, "Same barcode, same SKU, same title")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (variant(2, "Shirt", "L", sku="S1"), "but another option"),
        (variant(2, "Shirt", "M", sku="S1", barcode="222"), "but another barcode"),
        (variant(2, "Shirt", sku="S1"), "but another option"),
    ],
)
def test_what_speaks_against_a_pair_makes_it_unsure(item, words):
    pk, score, reason = best(variant(1, "Shirt", "M", sku="S1", barcode="111"), item)
    assert pk == 2 and LEAST_SCORE <= score < SURE_SCORE and words in reason


def test_two_that_fit_equally_well_are_both_doubtful():
    found = rank(variant(1, sku="A"), [variant(2, sku="A"), variant(3, sku="A")])
    assert [(one.id, one.score) for one in found] == [(2, 80), (3, 80)]
    assert found[0].reason == "Same SKU; another one fits as well"


def test_one_that_fits_only_a_little_better_comes_first_and_is_not_sure():
    found = rank(variant(1, "Lamp", sku="A"), [variant(2, "Lamp left", sku="A"), variant(3, "Lamp", sku="A")])
    assert [(one.id, one.score) for one in found] == [(3, 85), (2, 80)]
    assert found[0].reason.endswith("; another one fits almost as well")


def test_the_option_tells_the_variants_of_a_product_apart():
    sizes = [variant(pk, "Shirt", size, handle="shirt") for pk, size in enumerate(("S", "M", "L"), 2)]
    assert best(variant(1, "Shirt", " m ", handle="shirt"), *sizes)[:2] == (3, 93)


@pytest.mark.parametrize("text", ["", "   ", "---", "0000"])
def test_an_identifier_of_nothing_but_punctuation_and_zeros_is_none(text):
    assert rank(variant(1, sku=text, barcode=text), [variant(2, sku=text.strip("-0 "), barcode="")]) == []
    assert loosen_identifier(text) == ""


def test_nothing_in_common_is_no_suggestion():
    assert rank(variant(1, "Mug", sku="M"), [variant(2, "Lamp", sku="L")]) == []


def test_titles_are_searched_from_narrow_to_wide():
    assert title_searches("Blue cotton-Shirt", ["M"]) == [
        ["blue cotton shirt m"],
        ["blue cotton shirt"],
        ["cotton shirt", "blue shirt", "blue cotton"],
    ]
    assert title_searches("!!") == []
    assert title_searches(" ".join(map(str, range(50))))[2] == []


texts = st.text(alphabet="ab0 -é", max_size=5)
variants = st.builds(
    lambda pk, title, options, handle, sku, barcode: variant(
        pk, title, *options, handle=handle, sku=sku, barcode=barcode
    ),
    st.integers(1, 40),
    texts,
    st.lists(texts, max_size=2),
    texts,
    texts,
    texts,
)


@given(variants, st.lists(variants, max_size=15))
def test_scores_are_in_order_and_bounds_and_only_one_is_ever_sure(source, items):
    found = rank(source, items)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True) and len(found) <= MOST_SUGGESTIONS
    assert all(LEAST_SCORE <= score <= 99 for score in scores)
    assert sum(score >= SURE_SCORE for score in scores) <= 1
    assert all(one.reason for one in found) and len({one.id for one in found}) == len(found)


@given(variants, st.lists(variants, max_size=15, unique_by=lambda item: item.id), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(source, items, random):
    shuffled = random.sample(items, len(items))
    assert rank(source, items) == rank(source, shuffled)


@given(variants, st.lists(variants, max_size=10, unique_by=lambda item: item.id), variants)
def test_another_candidate_never_makes_one_surer(source, items, more):
    if more.id in {item.id for item in items}:
        return
    before = {one.id: one.score for one in rank(source, items)}
    after = {one.id: one.score for one in rank(source, [*items, more])}
    assert all(after[pk] <= score for pk, score in before.items() if pk in after)


@given(texts, texts)
def test_the_likeness_of_titles_is_a_share_and_the_same_both_ways(one, other):
    assert 0 <= title_likeness(one, other) == title_likeness(other, one) <= 1
