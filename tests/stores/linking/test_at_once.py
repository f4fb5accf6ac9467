"""Deciding many variants in one statement says exactly what deciding them one by one says."""

from dataclasses import dataclass

import pytest
from django.db import connection as db
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from stores.linking import at_once, linking, rows
from stores.models import Connection, Variant, VariantLink
from stores.variants import KEYS
from tests.support.console.rows import make_rows, make_store, make_variant

pytestmark = pytest.mark.django_db

IDENTIFIERS = ["a", "b", "c", "é", "n/a", "00", "q" * 60, "r" * 61, "b" * 255, ""]
OPEN_STATES = ["unmatched", "ambiguous", "gone"]


@dataclass(frozen=True)
class Mine:
    """A variant of the source and how its link stands: '' for none, `partner` is a number of the destination's."""

    key: str
    product: int
    is_gone: bool
    state: str
    is_manual: bool
    partner: int
    has_candidate: bool
    size: str


@dataclass(frozen=True)
class Theirs:
    """A variant of the destination; a claimed one is linked in another connection."""

    key: str
    product: int
    is_gone: bool
    is_claimed: bool
    size: str


# Most have one of two identifiers: what several have, on either side, has to come often.
keys = st.sampled_from(["a", "b"]) | st.sampled_from(IDENTIFIERS)
products, sizes = st.integers(1, 3), st.sampled_from(["S", "M"])
rarely = st.sampled_from([False, False, False, True])
mine = st.lists(
    st.builds(
        Mine,
        keys,
        products,
        rarely,
        st.sampled_from(["", "", "", *OPEN_STATES, "linked", "ignored"]),
        rarely,
        st.integers(0, 5),
        st.booleans(),
        sizes,
    ),
    min_size=1,
    max_size=6,
)
theirs = st.lists(st.builds(Theirs, keys, products, rarely, rarely, sizes), min_size=2, max_size=6)
words = ("source_variant", "destination_variant", "state", "reason", "is_manual")


def variant(store, number, row, column):
    return Variant(
        store=store,
        gid=f"gid://shopify/ProductVariant/{store.pk}{number}",
        product_gid=f"gid://shopify/Product/{store.pk}{row.product}",
        product_title="Mug",
        options=[["Size", row.size]],
        gone_at=timezone.now() if row.is_gone else None,
        seen_at=timezone.now(),
        **{column: row.key},
    )


def make_stores(identifier, mine, theirs):
    """The connection, with another one of another source that has claimed some of the destination's variants."""
    source, other, north = (
        make_store("Main", "source"),
        make_store("Other", "source"),
        make_store("North", "destination"),
    )
    connection = Connection.objects.create(source=source, destination=north, identifier=identifier)
    second = Connection.objects.create(source=other, destination=north, identifier=identifier)
    column = KEYS[identifier]
    ours = Variant.objects.bulk_create([variant(source, n, row, column) for n, row in enumerate(mine)])
    there = Variant.objects.bulk_create([variant(north, n, row, column) for n, row in enumerate(theirs)])
    taken = set()
    for n, row in enumerate(theirs):
        if row.is_claimed:
            claimant = Variant.objects.bulk_create([variant(other, n, row, column)])[0]
            taken.add(n)
            make_link(second, claimant, "linked", there[n])
    for own, row in zip(ours, mine, strict=True):
        partner = row.partner if row.partner < len(there) else None
        if not row.state or (row.state == "linked" and (partner is None or partner in taken)):
            continue
        if row.state == "linked":
            taken.add(partner)
        keeps = row.state in ("linked", "gone") and partner is not None
        link = make_link(connection, own, row.state, there[partner] if keeps else None, row.is_manual)
        if row.state == "ambiguous" and row.has_candidate:
            link.candidates.add(there[0])
    return connection


def make_link(connection, own, state, partner=None, is_manual=False):
    return VariantLink.objects.create(
        connection=connection, source_variant=own, destination_variant=partner, state=state, is_manual=is_manual
    )


def as_links(connection):
    """All links, with their candidates. What is not ambiguous has none: the last step of both ways drops them."""
    rows.drop_candidates(connection)
    known = links_of(connection).filter(candidates__isnull=False).values_list("source_variant", "candidates")
    return list(links_of(connection).values_list(*words)), sorted(known)


def links_of(connection):
    return connection.links.order_by("source_variant")


def one_by_one(connection):
    """As a product that was read again is matched."""
    column = KEYS[connection.identifier]
    known = Variant.objects.filter(store=connection.source, gone_at=None)
    changed = rows.match_keys(connection, sorted({key for key in known.values_list(column, flat=True) if key}))
    return changed + rows.match_without_key(connection, list(known.filter(**{column: ""}).values_list("pk", flat=True)))


def all_at_once(connection):
    changed = 0
    for portion in at_once.portions(connection):
        decided, left = at_once.match(connection, portion)
        changed += decided + sum(rows.match_keys(connection, some) for some in left)
    return changed


def outcome(connection, way):
    with transaction.atomic():
        changed = way(connection)
        links = as_links(connection)
        transaction.set_rollback(True)
    return changed, links


@given(st.sampled_from(list(KEYS)), mine, theirs, st.integers(1, 4))
def test_both_ways_say_the_same(identifier, mine, theirs, portion):
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(at_once, "PORTION_ROWS", portion)
        connection = make_stores(identifier, mine, theirs)
        assert outcome(connection, all_at_once) == outcome(connection, one_by_one)
        all_at_once(connection)
        assert all_at_once(connection) == 0  # and say it once
        transaction.set_rollback(True)


def test_only_what_is_doubtful_is_left(monkeypatch):
    made = make_rows()
    plain = ["one", "two", "r" * 61, ""]
    doubtful = ["n/a", "mine twice", "theirs twice", "taken"]
    for key in [*plain, *doubtful, "mine twice"]:
        make_variant(made.source, key, key)
    for key in ["one", "n/a", "mine twice", "theirs twice", "theirs twice"]:
        make_variant(made.destination, key, key)
    taken = make_variant(made.destination, "taken", "taken")
    other = Connection.objects.create(source=make_store("Other", "source"), destination=made.destination)
    make_link(other, make_variant(other.source, "Elsewhere"), "linked", taken)
    found = [at_once.match(made.connection, portion) for portion in at_once.portions(made.connection)]
    assert sum(decided for decided, _ in found) == len(plain)
    assert sorted(key for _, left in found for keys in left for key in keys) == sorted(doubtful)


def test_a_hundred_variants_take_no_more_statements_than_one():
    made = make_rows()
    counts = []
    for count in (1, 100):
        for number in range(count):
            make_variant(made.source, "Mug", f"sku-{count}-{number}")
        statements = matching_statements(made.connection)
        counts.append(len([sql for sql in statements if "stores_variantlink" in sql and "suggested" not in sql]))
    assert counts[1] <= counts[0] + 1  # and looks at its statistics


def matching_statements(connection):
    statements = []

    def note(execute, sql, parameters, many, context):
        statements.append(sql)
        return execute(sql, parameters, many, context)

    with db.execute_wrapper(note):
        linking.match_connection(connection)
    return statements
