"""Issue 14, case 12: a product is on sale only while, and not before, its source is published on any channel there."""

import json
from dataclasses import replace
from itertools import product as combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncing.catalogue.products.remarks import remarks_of, rows_of
from syncing.catalogue.rules.desired import build, watched_values
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field, Policy
from syncing.catalogue.rules.parts.visibility import visibility_of
from tests.support.catalogue.goods import goods, policy, variant
from tests.support.catalogue.shelf import Shelf

ONLINE, TILL, OWN = (f"gid://shopify/Publication/{number}" for number in (1, 2, 3))
WEEK, LATER = "2026-12-06T10:00:00Z", "2026-12-20T10:00:00Z"
ON_SALE = goods(publication_gids=("gid://shopify/Publication/91",))
NEVER = goods()
IN_A_WEEK = goods(scheduled=(("gid://shopify/Publication/91", WEEK), ("gid://shopify/Publication/92", LATER)))


def rules(word: str = SYNC, **more) -> Policy:
    fields = {Field.PUBLISHING: word, Field.STATUS: IGNORE}
    return policy(fields=fields, publication_gids=(ONLINE, TILL), follows_visibility=True, **more)


def there(*channels: str, **more):
    return goods(variant(2, sku="SKU-1"), number=2, publication_gids=channels, **more)


def send(source, present, how, written=None, **more):
    """What is there afterwards, and what is remembered, through JSON."""
    desired = build(source, present, how, written=written, schedulable={ONLINE}, **more)
    return Shelf().apply(present, desired), json.loads(json.dumps(desired.written)), desired


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        (ON_SALE, "now"),
        (NEVER, ""),
        (IN_A_WEEK, WEEK),
        (replace(ON_SALE, scheduled=IN_A_WEEK.scheduled), "now"),
        (replace(ON_SALE, status="DRAFT"), ""),
        (replace(ON_SALE, status="ARCHIVED"), ""),
        (replace(ON_SALE, status="UNLISTED"), "now"),
        (replace(IN_A_WEEK, status="DRAFT"), ""),
    ],
)
def test_when_a_source_is_on_sale(source, seen):
    assert visibility_of(source) == seen


@pytest.mark.parametrize("word", [SYNC, CREATE_ONLY, IGNORE])
def test_a_creation_respects_it_whatever_follows_later(word):
    how = rules(word)
    assert send(NEVER, None, how)[0].publication_gids == ()
    shown = send(ON_SALE, None, how)[0].publication_gids
    assert shown == (() if word == IGNORE else (ONLINE, TILL))
    made, written, desired = send(IN_A_WEEK, None, how)
    assert (made.publication_gids, dict(made.scheduled)) == ((), {} if word == IGNORE else {ONLINE: WEEK})
    assert desired.due_at == ("" if word == IGNORE else WEEK)
    # The instant comes: the online store shows it by itself, the other channel is ours to do.
    now = replace(made, publication_gids=tuple(gid for gid, _ in made.scheduled), scheduled=())
    made, written, desired = send(ON_SALE, now, how, written)
    assert set(made.publication_gids) == (set() if word == IGNORE else {ONLINE, TILL})
    assert send(ON_SALE, made, how, written)[2].is_empty


@pytest.mark.parametrize("keeps_edits", [False, True])
def test_taken_off_all_channels_there_it_is_taken_off_here_and_comes_back_where_it_was(keeps_edits):
    how = rules(keeps_edits=keeps_edits)
    present, written, _ = send(ON_SALE, there(ONLINE, OWN), how)
    assert set(present.publication_gids) == {ONLINE, TILL, OWN}
    hidden, written, desired = send(NEVER, present, how, written)
    assert (hidden.publication_gids, desired.hides) == ((), True)
    assert "Taken off sale. In the source it is on sale on no channel." in remarks_of(desired)
    assert [row["field"] for row in rows_of(desired)] == ["publishing"]
    hidden, written, desired = send(NEVER, hidden, how, written)
    assert desired.is_empty
    back, written, desired = send(ON_SALE, hidden, how, written)
    assert set(back.publication_gids) == {ONLINE, TILL, OWN}
    assert send(ON_SALE, back, how, written)[2].is_empty


def test_what_is_planned_moves_with_its_source_and_is_not_shown_before():
    how = rules()
    made, written, desired = send(IN_A_WEEK, there(TILL), how)
    assert (made.publication_gids, dict(made.scheduled), desired.due_at) == ((), {ONLINE: WEEK}, WEEK)
    assert send(IN_A_WEEK, made, how, written)[2].is_empty
    later = goods(scheduled=(("gid://shopify/Publication/91", LATER),))
    made, written, desired = send(later, made, how, written)
    assert (dict(made.scheduled), desired.due_at) == ({ONLINE: LATER}, LATER)
    made, written, _ = send(NEVER, made, how, written)
    assert (made.publication_gids, made.scheduled) == ((), ())


def test_what_somebody_put_on_sale_by_hand_stays_where_edits_are_kept():
    for keeps_edits, left in ((True, (OWN,)), (False, ())):
        how = rules(keeps_edits=keeps_edits)
        hidden, written, _ = send(NEVER, there(ONLINE), how)
        edited = replace(hidden, publication_gids=(OWN,))
        made, _, desired = send(NEVER, edited, how, written)
        assert made.publication_gids == left
        assert [row.action for row in desired.differences] == ["keep" if keeps_edits else "write"]


def test_create_only_and_ignore_leave_what_is_there():
    for word, source, channels in combinations((CREATE_ONLY, IGNORE), (ON_SALE, NEVER, IN_A_WEEK), ((), (OWN, TILL))):
        assert send(source, there(*channels), rules(word))[2].is_empty


def test_nothing_is_hidden_that_may_not_be():
    how = rules()
    made, written, desired = send(NEVER, there(ONLINE), how, may_hide=False)
    assert (made.publication_gids, desired.hides, desired.is_hidden) == ((ONLINE,), False, True)
    assert send(NEVER, made, how, written)[0].publication_gids == ()


def test_connections_that_have_not_chosen_do_as_before():
    how = replace(rules(), follows_visibility=False)
    assert build(NEVER, there(OWN), how).publish == (ONLINE, TILL)
    assert watched_values(NEVER, how) == watched_values(ON_SALE, how)
    assert watched_values(NEVER, rules()) != watched_values(ON_SALE, rules())
    assert watched_values(NEVER, rules(CREATE_ONLY)) != watched_values(IN_A_WEEK, rules(CREATE_ONLY))


channels = st.sets(st.sampled_from([ONLINE, TILL, OWN])).map(lambda chosen: tuple(sorted(chosen)))
sources = st.sampled_from([ON_SALE, NEVER, IN_A_WEEK, replace(ON_SALE, status="DRAFT")])


@given(st.lists(st.tuples(sources, st.none() | channels), min_size=1, max_size=6), channels)
def test_whatever_happened_it_is_on_sale_just_while_its_source_is(steps, first):
    how, present, written = rules(), there(*first), None
    for source, edited in steps:
        if edited is not None:
            present = replace(present, publication_gids=edited, scheduled=())
        present, written, desired = send(source, present, how, written)
        assert bool(present.publication_gids) == (visibility_of(source) == "now")
        assert desired.is_empty or "publishing" in [row["field"] for row in rows_of(desired)]
        assert all(at == visibility_of(source) for _, at in present.scheduled)
        again = send(source, present, how, written)[2]
        assert again.is_empty and again.written == written
