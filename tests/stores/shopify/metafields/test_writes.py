"""Metafields of any owner, of any type, with any of them refused: the good ones always arrive."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores.clients import open_client
from stores.shopify.errors import AnswerLost
from stores.shopify.metafields.writes import set_each
from tests.simulator.state.gids import gid as make_gid
from tests.support.places import Place
from tests.support.thoroughness import EXAMPLES, IS_LONG

GOOD = {
    "single_line_text_field": "wash",
    "multi_line_text_field": "a\nb",
    "number_integer": "5",
    "number_decimal": "1.5",
    "boolean": "true",
    "json": '{"a": [1]}',
    "color": "#00ff00",
    "url": "https://example.com",
    "date": "2026-01-02",
    "list.single_line_text_field": '["a", "b"]',
    "rating": '{"value": "3", "scale_min": "1", "scale_max": "5"}',
}
BAD = {
    "number_integer": "five",
    "boolean": "perhaps",
    "json": "{",
    "color": "green",
    "url": "nowhere",
    "list.number_integer": "[1, 2",
    "money": '{"amount": "1.00", "currency_code": "XTS"}',
    "product_reference": "gid://shopify/Product/1",
    "unheard_of": "x",
}
rows = st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 99))


@pytest.fixture
def place(scene) -> Place:
    """A destination with one owner of each kind."""
    scene = scene(items=1)
    where = scene.destination
    blog = scene.add("blog", "News", where)
    scene.owners = [
        scene.product(0, where),
        make_gid("ProductVariant", where.variants[0].id),
        scene.add_collection("All", 0, place=where),
        scene.add("page", "About", where),
        blog,
        scene.add("article", "First", where, blogId=blog),
    ]
    return scene


@settings(max_examples=300 if IS_LONG else 25 * EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(rows, min_size=1, max_size=60))
def test_the_good_ones_arrive_whatever_is_refused(place, chosen):
    where = place.destination
    where.shop.metafields.clear()
    sent, good = [], set()
    for number, (owner, is_good, pick) in enumerate(chosen):
        kind, value = [*(GOOD if is_good else BAD).items()][pick % len(GOOD if is_good else BAD)]
        row = {"ownerId": place.owners[owner], "namespace": "custom", "key": f"key_{number}"}
        sent.append(row | {"type": kind, "value": value})
        good |= {(row["ownerId"], row["key"], value)} if is_good else set()
    refused = set_each(open_client(where.store), sent)
    stored = {
        (make_gid(field.kind, field.owner_id), field.key, field.value)
        for fields in where.shop.metafields.values()
        for field in fields.values()
    }
    assert stored == good
    assert {row["key"] for row, _ in refused} == {row["key"] for row in sent} - {key for _, key, _ in good}
    assert all(said for _, said in refused)


def test_a_lost_answer_is_no_refusal(place):
    place.destination.fault("lost_answer", match="metafieldsSet")
    row = {"ownerId": place.owners[0], "namespace": "custom", "key": "care", "type": "boolean", "value": "true"}
    with pytest.raises(AnswerLost):
        set_each(open_client(place.destination.store), [row])
