"""Which products follow."""

import pytest

from syncing.catalogue.rules.selection import (
    ALL,
    NOT_SELECTED,
    NOT_SHARED,
    WITH_TAGS,
    WITHOUT_TAGS,
    Selection,
    Share,
    wants,
)

EVERYTHING = Share()


@pytest.mark.parametrize(
    ("tags", "selection", "share", "departure"),
    [
        ([], Selection(), EVERYTHING, ""),
        ([], Selection(), Share(is_on=False), NOT_SHARED),
        (["b2b"], Selection(), Share(tags=("b2b", "retail")), ""),
        ([" B2B "], Selection(), Share(tags=("b2b",)), ""),
        (["STRASSE"], Selection(), Share(tags=("straße",)), ""),
        (["b2b-old"], Selection(), Share(tags=("b2b",)), NOT_SHARED),
        (["sale"], Selection(WITH_TAGS, ("Sale", "new")), EVERYTHING, ""),
        (["other"], Selection(WITH_TAGS, ("Sale", "new")), EVERYTHING, NOT_SELECTED),
        ([], Selection(WITH_TAGS, ("Sale",)), EVERYTHING, NOT_SELECTED),
        ([], Selection(WITHOUT_TAGS, ("Sale",)), EVERYTHING, ""),
        (["x", "SALE"], Selection(WITHOUT_TAGS, ("sale",)), EVERYTHING, NOT_SELECTED),
        (["sale"], Selection(WITH_TAGS, ("sale",)), Share(tags=("b2b",)), NOT_SHARED),
        (["sale"], Selection(ALL, ("other",)), EVERYTHING, ""),
    ],
)
def test_sharing_and_selection_decide_together(tags, selection, share, departure):
    decision = wants(tags, selection, share)
    assert (decision.is_wanted, decision.departure) == (not departure, departure)
    assert bool(decision.reason) == bool(departure)


def test_the_reason_names_the_tag_that_keeps_a_product_out():
    decision = wants(["Sale", "new"], Selection(WITHOUT_TAGS, ("old", " new ")), EVERYTHING)
    assert decision.reason == "The connection leaves out products with the tag “new”."


def test_the_reason_stays_short_when_many_tags_are_asked_for():
    decision = wants([], Selection(WITH_TAGS, tuple(f"tag{n}" for n in range(100))), EVERYTHING)
    assert "and 95 more" in decision.reason
