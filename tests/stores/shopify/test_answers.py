"""What the client makes of every kind of refusal."""

import pickle

import pytest
import responses

from stores.shopify import answers, errors
from stores.shopify.errors import UserError
from tests.stores.shopify.wire import ENDPOINT, READ, VERSION, WRITE, answer, client, problem, refuse

pytestmark = pytest.mark.usefixtures("wire")


@pytest.mark.parametrize(
    ("status", "kind", "failure"),
    [
        (400, errors.QueryRejected, errors.BUG),
        (402, errors.StoreFrozen, errors.MISCONFIGURED),
        (403, errors.AccessDenied, errors.MISCONFIGURED),
        (404, errors.StoreNotFound, errors.MISCONFIGURED),
        (422, errors.QueryRejected, errors.BUG),
        (423, errors.StoreLocked, errors.MISCONFIGURED),
        (430, errors.StoreLocked, errors.MISCONFIGURED),
    ],
)
@pytest.mark.parametrize("document", [READ, WRITE])
def test_a_permanent_refusal_is_not_tried_again(wire, status, kind, failure, document):
    refuse(status)
    with pytest.raises(kind) as caught:
        client().execute(document, cost=1)
    assert (caught.value.failure, caught.value.outcome_unknown) == (failure, False)
    assert "north-store.myshopify.com" in str(caught.value)
    assert len(wire.calls) == 1


def test_a_redirect_is_not_followed_and_names_the_other_host(wire):
    refuse(301, "", Location="https://renamed.myshopify.com/admin?token=x")
    with pytest.raises(errors.UnexpectedAnswer, match=r"points to renamed\.myshopify\.com instead") as caught:
        client(read_attempts=1).execute(READ, cost=1)
    assert "token=x" not in str(caught.value)
    assert (caught.value.failure, caught.value.domain) == (errors.MISCONFIGURED, "renamed.myshopify.com")


@pytest.mark.parametrize("place", ["", "https://login.example.com/", "https://north-store.myshopify.com/elsewhere"])
def test_a_redirect_that_names_no_other_store_passes_by_itself(wire, place):
    refuse(301, "", Location=place)
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        client(read_attempts=1).execute(READ, cost=1)
    assert caught.value.failure == errors.TRANSIENT


@pytest.mark.parametrize(
    "code",
    [
        "MAX_COST_EXCEEDED",
        "BAD_REQUEST",
        "INVALID_FIELD_ARGUMENTS",
        "INVALID_VARIABLE",
        "MAX_INPUT_SIZE_EXCEEDED",
        "undefinedField",
    ],
)
def test_a_wrong_request_is_a_bug_and_did_nothing(wire, code):
    answer(errors=[problem(code, "Wrong.")])
    with pytest.raises(errors.QueryRejected, match="Wrong") as caught:
        client().execute(WRITE, cost=10)
    assert (caught.value.failure, caught.value.outcome_unknown, caught.value.codes) == (errors.BUG, False, (code,))


def test_a_syntax_error_without_a_code_is_a_bug(wire):
    answer(errors=[{"message": "syntax error", "locations": [{"line": 1, "column": 1}]}])
    with pytest.raises(errors.QueryRejected):
        client().execute(WRITE, cost=10)


def test_an_unknown_id_is_a_rejection(wire):
    answer({"node": None}, errors=[problem("RESOURCE_NOT_FOUND", "Invalid id: gid://shopify/Nothing/1")])
    with pytest.raises(errors.ObjectNotFound) as caught:
        client().execute(READ, cost=1)
    assert caught.value.failure == errors.REJECTED


def test_a_missing_scope_is_named_although_part_of_the_data_is_there(wire):
    denied = problem("ACCESS_DENIED", requiredAccess="`read_inventory` access scope.", path=["inventoryItem"])
    answer({"inventoryItem": None, "shop": {"name": "North"}}, errors=[denied])
    with pytest.raises(errors.AccessDenied, match="Missing scopes: read_inventory") as caught:
        client().execute(READ, cost=1)
    assert caught.value.missing_scopes == ("read_inventory",)


def test_a_scope_denied_below_a_mutation_leaves_its_outcome_unknown(wire):
    answer({"touch": {"order": None}}, errors=[problem("ACCESS_DENIED", path=["touch", "order"])])
    with pytest.raises(errors.AccessDenied) as caught:
        client().execute(WRITE, cost=10)
    assert caught.value.outcome_unknown is True


def test_a_scope_denied_on_the_mutation_itself_did_nothing(wire):
    answer({"touch": None}, errors=[problem("ACCESS_DENIED", path=["touch"])])
    with pytest.raises(errors.AccessDenied) as caught:
        client().execute(WRITE, cost=10)
    assert caught.value.outcome_unknown is False


def test_an_inactive_shop_is_frozen(wire):
    answer(errors=[problem("SHOP_INACTIVE")])
    with pytest.raises(errors.StoreFrozen):
        client().execute(READ, cost=1)


@pytest.mark.parametrize("document", [READ, WRITE])
def test_a_version_that_fell_forward_is_named(wire, document):
    headers = {"X-Shopify-API-Version": "2027-01"}
    responses.add(responses.POST, ENDPOINT, json={"data": {"shop": {}}}, headers=headers)
    with pytest.raises(errors.WrongVersion, match="2026-10.*2027-01") as caught:
        client().execute(document, cost=1)
    assert (caught.value.asked, caught.value.served) == (VERSION, "2027-01")
    assert caught.value.outcome_unknown is (document == WRITE)


def test_a_search_filter_that_shopify_ignored_is_an_error(wire):
    search = [{"path": ["orders"], "query": "sku:1", "warnings": [{"field": "sku", "message": "Invalid search field"}]}]
    answer({"shop": {}}, search=search)
    with pytest.raises(errors.QueryRejected, match="Invalid search field"):
        client().execute(READ, cost=1)


def test_a_search_without_warnings_is_fine(wire):
    answer({"shop": {}}, search=[{"path": ["shop"], "query": "id:1", "parsed": {}, "warnings": []}])
    assert client().execute(READ, cost=1) == {"shop": {}}


@pytest.mark.parametrize(
    "error",
    [
        errors.Throttled("wait", retry_after=3.0),
        errors.UserErrors("no", errors=[UserError("X", ("input", "0"), "bad")], outcome_unknown=True),
        errors.WrongVersion("v", asked="a", served="b"),
    ],
)
def test_errors_survive_pickling(error):
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))


def test_user_errors_tell_the_first_three():
    listed = [UserError(None, (), f"wrong {index}") for index in range(5)]
    assert str(errors.UserErrors("Refused:", errors=listed)) == "Refused: wrong 0; wrong 1; wrong 2; and 2 more"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_PRODUCT_TAXONOMY_NODE_ID", errors.UserErrors),
        ("VARIANT_THROTTLE_EXCEEDED", errors.VariantLimitReached),
    ],
)
def test_a_refusal_beside_the_data_is_told_from_an_unknown_outcome(code, kind):
    entry = {"message": "No.", "path": ["productSet"], "extensions": {"code": code}}
    with pytest.raises(kind, match=code) as caught:
        answers.data_of({"data": {"productSet": None}, "errors": [entry]}, "north", is_write=True)
    assert (caught.value.failure, caught.value.outcome_unknown) == (errors.REJECTED, False)
    assert caught.value.errors[0].field == ("productSet",)
    for data, path in (({"productSet": {"product": None}}, ["productSet", "product"]), ({"productSet": {}}, None)):
        with pytest.raises(errors.UnexpectedAnswer) as caught:
            answers.data_of({"data": data, "errors": [entry | {"path": path}]}, "north", is_write=True)
        assert caught.value.outcome_unknown
