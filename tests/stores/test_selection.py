"""Which products follow: what the source shares, narrowed by what a connection wants."""

import pytest

from stores.selection import NOT_SELECTED, NOT_SHARED, SHARES_ALL, Facts, Selection, Share, describe, digest_of, wants

LAMP = Facts("gid://shopify/Product/1", ("Sale", " B2B "), "Acme", "Lamp", frozenset({"summer", "home"}))


@pytest.mark.parametrize(
    ("selection", "share", "departure"),
    [
        ({}, {}, ""),
        ({}, {"is_on": False}, NOT_SHARED),
        ({}, {"tags": ("b2b", "retail")}, ""),
        ({}, {"tags": ("b2b-old",)}, NOT_SHARED),
        ({}, {"collections": ("home", "new")}, ""),
        ({}, {"collections": ("new",)}, NOT_SHARED),
        ({}, {"tags": ("b2b",), "collections": ("new",)}, NOT_SHARED),
        ({"tags": ("sale", "new")}, {}, ""),
        ({"tags": ("new",)}, {}, NOT_SELECTED),
        ({"without_tags": ("new",)}, {}, ""),
        ({"without_tags": ("new", "sale")}, {}, NOT_SELECTED),
        ({"collections": ("summer",)}, {}, ""),
        ({"collections": ("winter",)}, {}, NOT_SELECTED),
        ({"vendors": ("ACME",)}, {}, ""),
        ({"vendors": ("Other",)}, {}, NOT_SELECTED),
        ({"product_types": (" lamp",)}, {}, ""),
        ({"product_types": ("Chair",)}, {}, NOT_SELECTED),
        ({"products": (LAMP.gid,)}, {}, ""),
        ({"products": ("gid://shopify/Product/2",)}, {}, NOT_SELECTED),
        ({"tags": ("sale",), "vendors": ("Acme",), "products": (LAMP.gid,)}, {"tags": ("b2b",)}, ""),
        ({"tags": ("sale",), "vendors": ("Other",)}, {}, NOT_SELECTED),
        ({"tags": ("sale",)}, {"tags": ("retail",)}, NOT_SHARED),
    ],
)
def test_sharing_and_selection_decide_together(selection, share, departure):
    decision = wants(LAMP, Selection(**selection), Share(**share))
    assert (decision.is_wanted, decision.departure) == (not departure, departure)
    assert bool(decision.reason) == bool(departure)


def test_tags_are_compared_as_shopify_does():
    assert wants(Facts("1", ("STRASSE",)), Selection(), Share(tags=("straße",))).is_wanted
    assert not wants(Facts("1", vendor=""), Selection(vendors=("Acme",)), SHARES_ALL).is_wanted


def test_the_reason_names_the_tag_that_keeps_a_product_out():
    decision = wants(LAMP, Selection(without_tags=("old", " sale ")), SHARES_ALL)
    assert decision.reason == "The connection leaves out products with the tag “sale”."


def test_the_reason_stays_short_when_many_tags_are_asked_for():
    decision = wants(LAMP, Selection(tags=tuple(f"tag{n}" for n in range(100))), SHARES_ALL)
    assert "and 95 more" in decision.reason


def test_only_settings_that_leave_all_in_have_no_digest():
    assert digest_of(Selection(), Share()) == ""
    digests = {digest_of(Selection(**{name: ("a",)}), Share()) for name in Selection.__dataclass_fields__}
    digests |= {digest_of(Selection(), Share(False)), digest_of(Selection(), Share(tags=("a",)))}
    assert len(digests) == 8 and "" not in digests


def test_a_selection_in_words():
    assert describe(Selection()) == "All that the source shares"
    words = describe(Selection(tags=("a", "b"), collections=("x",), vendors=("Acme",)))
    assert words == "with the tag a or b, of 1 chosen collections, of the vendor Acme"
