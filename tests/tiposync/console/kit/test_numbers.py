"""What stands in an address, a form or a command in place of a row's number."""

import pytest
from django.contrib import admin
from django.core.management import CommandError
from django.urls import NoReverseMatch, reverse

from tests.support.console.rows import make_rows
from tiposync.console.kit.numbers import row_number
from tiposync.console.links.accepting import pairs_of
from tiposync.console.management.lookup import find_connection, find_variant

ODD = ["²", "x", "", "-1", "9" * 30, "１２", "1.5"]  # digits of other scripts are meant


@pytest.mark.parametrize("text", [*ODD, None])
def test_what_is_no_number_of_a_row_is_none(text):
    assert row_number(text) is None


def test_a_number_is_one():
    assert (row_number("0"), row_number("12"), row_number("9" * 18)) == (0, 12, 10**18 - 1)


@pytest.mark.parametrize("text", ODD)
def test_a_form_of_pairs_with_something_else_holds_none(text):
    assert pairs_of({f"pair-{text}": "3", "pair-4": text, "pair-5": "6", "5": "7"}) == {5: 6}


@pytest.mark.django_db
@pytest.mark.parametrize("text", ODD)
def test_a_command_says_that_there_is_none(text):
    rows = make_rows()
    with pytest.raises(CommandError, match="no connection"):
        find_connection(text)
    with pytest.raises(CommandError, match="no variant"):
        find_variant(rows.connection.source, text)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["²", "9" * 30])
def test_every_list_answers_whatever_its_address_asks_for(admin_client, text):
    make_rows()
    asked = 0
    for model, page in admin.site._registry.items():
        names = [each.parameter_name for each in page.list_filter if getattr(each, "parameter_name", None)]
        try:
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        except NoReverseMatch:
            continue
        for name in names:
            answer = admin_client.get(address, {name: text})
            assert answer.status_code in (200, 302), (address, name)
            asked += 1
    assert asked > 20
