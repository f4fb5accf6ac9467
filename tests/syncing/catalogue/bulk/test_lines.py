"""Which writes become lines, what is sent for them, and what their results say."""

import json

import pytest

from stores.shopify.products import bulk_writes
from stores.shopify.products.bulk_writes import LineResult, encode_line, result_of
from syncing.catalogue.bulk import creating
from syncing.catalogue.bulk.lines import MOST_METAFIELDS, MOST_VARIANTS, Line, creation_of, line_of
from syncing.catalogue.rules.parts.made import Desired
from syncing.models import BulkLine

GID = "gid://shopify/Product/7"
ONLINE, POS = "gid://shopify/Publication/1", "gid://shopify/Publication/2"
PRICES = [{"id": "gid://shopify/ProductVariant/8", "price": "15.00"}]
METAFIELD = {"namespace": "custom", "key": "care", "type": "single_line_text_field", "value": "Wash cold"}


def desired(**fields) -> Desired:
    return Desired(is_new=False, **fields)


def test_prices_are_a_line_with_all_variants_of_the_product():
    line = line_of(GID, desired(variants=PRICES))
    assert line == Line("variants", {"product": GID, "variants": PRICES}, is_whole=True)


def test_metafields_of_a_product_and_its_variants_are_one_line():
    of_variant = METAFIELD | {"ownerId": "gid://shopify/ProductVariant/8"}
    line = line_of(GID, desired(metafields=[METAFIELD], variant_metafields=[of_variant]))
    assert line == Line("metafields", {"metafields": [{"ownerId": GID} | METAFIELD, of_variant]}, is_whole=True)


@pytest.mark.parametrize("kind", ["publish", "unpublish"])
def test_channels_are_a_line(kind):
    line = line_of(GID, desired(**{kind: (ONLINE, POS)}))
    assert line == Line(kind, {"id": GID, "input": [{"publicationId": ONLINE}, {"publicationId": POS}]}, is_whole=True)


def test_of_several_calls_the_first_is_a_line_and_the_rest_is_compared_after_it():
    line = line_of(GID, desired(publish=(ONLINE,), unpublish=(POS,), variants=PRICES))
    assert (line.kind, line.is_whole) == ("variants", False)
    assert line_of(GID, desired(publish=(ONLINE,), unpublish=(POS,))).kind == "unpublish"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"product": {"tags": ["new"]}, "variants": PRICES},
        {"variants": PRICES, "metafields_gone": [{"namespace": "custom", "key": "care"}]},
        {"variants": PRICES, "variant_metafields_gone": [{"ownerId": "x", "namespace": "custom", "key": "care"}]},
        {"variants": PRICES, "schedule": {ONLINE: "2026-12-24T00:00:00Z"}},
        {"variants": PRICES, "awaits_images": True},
        {"variants": PRICES, "is_incomplete": True},
        {"variants": PRICES, "removed_variants": {"gid://shopify/ProductVariant/9": "Red"}},
        {"variants": PRICES * (MOST_VARIANTS + 1)},
        {"metafields": [METAFIELD] * (MOST_METAFIELDS + 1)},
    ],
)
def test_what_is_no_single_call_is_no_line(fields):
    assert line_of(GID, desired(**fields)) is None


def test_a_line_of_the_file_is_json_without_a_line_break():
    line = encode_line({"value": "Two\nlines, “quoted”"})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"value": "Two\nlines, “quoted”"}


def test_a_document_is_known_by_its_identifier():
    for mutation in (bulk_writes.VARIANTS, bulk_writes.METAFIELDS, bulk_writes.PUBLISH, bulk_writes.UNPUBLISH):
        assert bulk_writes.document_of(mutation, "0123456789").startswith("mutation Bulk_0123456789(")
        assert mutation.field in mutation.document


def payload(**fields) -> dict:
    return {"data": {"productVariantsBulkUpdate": {"product": None, "userErrors": []} | fields}, "__lineNumber": 3}


def test_a_result_names_its_line_its_product_and_its_instant():
    line = payload(product={"id": GID, "updatedAt": "2026-11-30T12:00:00Z"})
    found = result_of(bulk_writes.VARIANTS, line)
    assert (found.number, found.refusal, found.product_gid, str(found.at)) == (3, "", GID, "2026-11-30 12:00:00+00:00")


def test_metafields_name_the_product_of_a_variant_as_well():
    owners = [{"owner": {"product": {"id": GID, "updatedAt": "2026-11-30T12:00:00Z"}}}]
    line = {"data": {"metafieldsSet": {"metafields": owners, "userErrors": []}}, "__lineNumber": 0}
    assert result_of(bulk_writes.METAFIELDS, line).product_gid == GID


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (payload(userErrors=[{"field": None, "message": "Price must be positive"}]), "Price must be positive"),
        ({"errors": [{"message": "Internal error"}], "__lineNumber": 3}, "Internal error"),
        ({"data": None, "errors": [{"message": "Throttled"}], "__lineNumber": 3}, "Throttled"),
        ({"data": {"productVariantsBulkUpdate": None}, "__lineNumber": 3}, "Shopify says nothing of what was asked."),
        ({"__lineNumber": 3}, "Shopify says nothing of what was asked."),
    ],
)
def test_a_line_that_was_refused_says_why(line, refusal):
    found = result_of(bulk_writes.VARIANTS, line)
    assert (found.number, found.refusal, found.product_gid) == (3, refusal, "")


def test_a_result_without_the_product_is_known_by_its_number_alone():
    assert result_of(bulk_writes.VARIANTS, payload()) == LineResult(3)


def created(number: int, handle: str = "") -> BulkLine:
    return BulkLine(number=number, variables={"input": {"handle": handle or f"lamp-{number}"}})


def made(number: int, handle: str) -> LineResult:
    return LineResult(number, "", GID, handle=handle)


def refused(number: int) -> LineResult:
    return LineResult(number, "Handle is taken", is_surely_refused=True)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([made(0, "lamp-0"), refused(1), made(2, "lamp-2")], {0: 0, 1: 1, 2: 2}),  # counted from 0
        ([made(1, "lamp-0"), refused(2), made(3, "lamp-2")], {0: 1, 1: 2, 2: 3}),  # from 1
        ([refused(1), made(3, "lamp-2")], {0: 1, 2: 3}),  # of one in between nothing is told
        ([refused(0), refused(1)], {0: 0, 1: 1}),
        ([refused(1), refused(2)], {1: 1}),  # from 0, of 1 and 2, or from 1, of 0 and 1
        ([refused(1)], {}),
        ([LineResult(1, "Internal error"), LineResult(2, "Internal error")], {}),
        ([made(0, "lamp-0"), made(1, "another")], {0: 0, 1: 1}),  # Shopify spells its handle otherwise
        ([made(0, "lamp-0"), made(2, "lamp-1")], {0: 0, 1: 2}),  # it cannot count: the handle does
    ],
)
def test_what_was_made_is_known_by_its_handle_and_what_was_refused_only_where_it_is_sure(listed, found):
    pairs = creating.pair([created(0), created(1), created(2)], listed)
    assert {line.number: result.number for line, result in pairs} == found


def test_of_two_lines_with_one_handle_each_is_known_by_its_number():
    lines = [created(0), created(1, "same"), created(2, "same")]
    listed = [made(1, "lamp-0"), made(2, "same"), refused(3)]
    assert [(line.number, result.number) for line, result in creating.pair(lines, listed)] == [(0, 1), (1, 2), (2, 3)]
    assert creating.pair(lines, listed[1:]) == []


def test_a_creation_that_is_refused_is_told_from_one_of_which_nobody_knows():
    def of(**fields) -> LineResult:
        return result_of(bulk_writes.CREATE, {"__lineNumber": 0} | fields)

    nothing = {"productSet": {"product": None, "userErrors": [{"code": "X", "field": None, "message": "Taken"}]}}
    assert of(data=nothing).is_surely_refused
    assert of(errors=[{"message": "Limit", "extensions": {"code": "VARIANT_THROTTLE_EXCEEDED"}}]).is_surely_refused
    assert not of(errors=[{"message": "Internal error"}]).is_surely_refused
    assert not of(data=nothing, errors=[{"message": "Internal error"}]).is_surely_refused
    assert not of(data={"productSet": None}).is_surely_refused
    media = {"edges": [{"node": {"id": "m", "alt": None, "status": "UPLOADED", "mediaContentType": "IMAGE"}}]}
    product = {"id": GID, "handle": "lamp", "updatedAt": "2026-11-30T12:00:00Z", "media": media}
    found = of(data={"productSet": {"product": product, "userErrors": []}})
    assert (found.product_gid, found.handle, [one.gid for one in found.media]) == (GID, "lamp", ["m"])


def test_a_product_of_many_variants_is_made_by_itself():
    def new(count: int) -> Desired:
        return Desired(is_new=True, product={"handle": "lamp", "variants": [{}] * count})

    assert creation_of(new(100)) == {"input": new(100).product}
    assert creation_of(new(101)) is None
