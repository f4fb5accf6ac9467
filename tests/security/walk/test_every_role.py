"""Every address, asked by everybody, by every method, wherever the server says that the site stands."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from stores.models import ConfigurationChange
from stores.roles import ADMINISTRATOR, MANAGER
from tests.security import site
from tests.security.site import Address
from tests.security.test_access import FOR_EVERYBODY
from tests.support.console.people import member_of
from tests.tiposync.console.access.test_roles import ADDS, BUTTONS, PAGES, RANKS, label_of

pytestmark = pytest.mark.django_db

STRANGER, NEWCOMER = "stranger", "newcomer"
EVERYBODY = (STRANGER, NEWCOMER, *RANKS)
# As a server below a path of its own says so, and as somebody may only claim it.
SPELLINGS: tuple[dict, ...] = ({}, {"SCRIPT_NAME": "/x"}, {"headers": {"Script-Name": "/x"}})
NOT_OURS = ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
NUL = "a%00b"
HOSTILE = ("%C2%B2", "9" * 40, "%ED%A0%80", "%5B%5D", NUL)
ENCODED = "application/x-www-form-urlencoded"
NOBODY = 9
# The least role that opens pages besides lists, forms and buttons; a manager deletes what it adds.
DELETES = {
    "auth.user": 3,
    "stores.store": 3,
    "stores.connection": 2,
    "syncing.alertchannel": 2,
    "stores.currencyrate": 2,
}
# That of a pair of levels leads to its timeline.
CHANGES = DELETES | {"stores.store": 2, "stores.cataloguesettings": 2, "syncing.stocklink": 0}
OTHERS = {
    "/admin/auth/user/<id>/password/": 3,
    "/admin/stores/currencyrate/import/": 2,
    "/admin/stores/variantlink/import/": 1,
    "/admin/stores/variantlink/accept/": 1,
    "/admin/stores/variantlink/ignore/": 1,
    "/admin/stores/variantlink/same/": 1,
    "/admin/stores/matchdecision/undo/": 1,
    "/admin/syncing/stockhold/decide/": 1,
    "/admin/syncing/syncjob/run-again/": 1,
    "/admin/syncing/stocklink/timeline/<int:link_id>/read/": 1,
    "/admin/stores/": 0,
    "/admin/syncing/": 0,
    "/admin/orders/": 0,
    "/admin/auth/": 3,
    "/admin/nowhere/": 0,
    "/admin/autocomplete/": NOBODY,  # without a field there is nothing to complete
}


def client_of(who: str) -> Client:
    clients = {STRANGER: Client, NEWCOMER: site.staff_without_permissions}
    client = clients[who]() if who in clients else member_of(who)
    client.raise_request_exception = False
    return client


def least_role(address: Address, method: str) -> int:
    """The rank that opens an address, from the tables of the roles; -1 for everybody who is signed in."""
    if address.url in FOR_EVERYBODY or address.url in site.PUBLIC:
        return -1
    for key in (address.route, address.url):
        if key in OTHERS:
            return OTHERS[key]
    label, view = address.label, PAGES.get(address.label, 0)
    if method == "POST" and address.url.endswith("/change/"):
        return CHANGES.get(label, NOBODY)
    if "/do/" in address.url:
        return BUTTONS[label][address.url.rstrip("/").rpartition("/")[2]]
    if address.url.endswith("/add/"):
        return ADDS.get(label, NOBODY)
    if address.url.endswith("/delete/"):
        return DELETES.get(label, NOBODY)
    return view


def is_refused(who: str, address: Address, answer) -> bool:
    if who == STRANGER:
        return site.is_sign_in(answer) or answer.status_code in (401, 403)
    return answer.status_code in (403, 404, 405)


def should_refuse(who: str, address: Address, method: str) -> bool:
    if address.url in site.PUBLIC:
        return False
    return who == STRANGER or RANKS.get(who, -1) < least_role(address, method)


@pytest.mark.usefixtures("without_sidebar")
@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_gets_the_pages_of_their_role_and_no_other_by_any_method_below_any_path(who):
    rows, wrong = site.make_site(), []
    client, turn = client_of(who), EVERYBODY.index(who)
    for number, address in enumerate(site.addresses(rows), turn):
        how = SPELLINGS[number % len(SPELLINGS)]
        for method, fields in _questions(who, address, number):
            answer = _ask(client, method, address.url, fields, how)
            if not _fits(who, address, method, fields, answer):
                wrong.append(f"{method} {address.url} {fields} {how}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def _questions(who: str, address: Address, number: int) -> Iterator[tuple[str, str]]:
    """Methods and fields. Of pages that open, which take their time, each role asks some by each method.

    A method that no page has is refused before anything is known of address or person: each role tries all of them, and
    each address meets all of them, one from each role.
    """
    hostile = HOSTILE[number % len(HOSTILE)]
    yield "GET", "" if number % 2 else f"q={hostile}&p={hostile}&o={hostile}&connection={hostile}"
    if number % 16 == 0 or should_refuse(who, address, "HEAD"):
        yield "HEAD", ""
    if number % 4 == 1 or should_refuse(who, address, "POST"):
        yield "POST", f"name={hostile}&post={hostile}&action={hostile}"
    yield NOT_OURS[number % len(NOT_OURS)], ""


def _fits(who: str, address: Address, method: str, fields: str, answer: HttpResponse) -> bool:
    """Whether an answer is what this question of this person deserves."""
    if method in NOT_OURS:
        return answer.status_code == 405
    if NUL in fields and (method == "GET" or address.url.startswith("/admin/")):
        return answer.status_code == 400
    if answer.status_code >= 500:
        return address.url == "/readyz"
    if should_refuse(who, address, method):
        return is_refused(who, address, answer) or _is_old(address)
    return answer.status_code != 403 and not (who != STRANGER and site.is_sign_in(answer))


def _is_old(address: Address) -> bool:
    """Django's old address of a row's page, which leads to it whoever asks."""
    return address.route.endswith("<path:object_id>/")


def _ask(client: Client, method: str, url: str, fields: str, how: dict):
    """The answer; what it did is taken back."""
    session = client.cookies.get("sessionid")
    before = transaction.savepoint()
    if method == "POST":
        answer = client.post(url, fields, content_type=ENCODED, **how)
    else:
        answer = client.generic(method, f"{url}?{fields}" if fields else url, **how)
    transaction.savepoint_rollback(before)
    if session is not None:
        client.cookies["sessionid"] = session.value  # a sign-out among the addresses is taken back, too
    return answer


@pytest.mark.parametrize("role", (MANAGER, ADMINISTRATOR))
def test_a_change_has_its_author_below_any_path(role):
    rows, client = site.make_site(), client_of(role)
    url = reverse("admin:stores_currencyrate_change", args=[rows["stores.currencyrate"].pk])
    for number, how in enumerate(SPELLINGS, 2):
        form = {"base": "EUR", "quote": "USD", "rate": number, "valid_from": "2026-01-01"}
        assert client.post(url, form, **how).status_code == 302
        change = ConfigurationChange.objects.latest("pk")
        assert (change.author, change.fields["rate"][1]) == (role.lower(), number), how


def test_the_tables_above_name_only_what_there_is():
    labels = {label_of(model) for model in admin.site._registry}
    assert set(DELETES) <= labels
    named = {key for key in OTHERS if "<" in key or not re.fullmatch(r"/admin/\w+/", key)}
    assert named <= {address.route for address in site.addresses(site.make_site())} | {"/admin/nowhere/"}
