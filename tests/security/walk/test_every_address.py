"""Every address of the site with what no page expects: NUL, a superscript two, wrong types: no error of ours."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from tests.security import site
from tests.security.site import Address
from tests.support.thoroughness import IS_LONG
from tests.tiposync.console.access.test_roles import ACTIONS, label_of
from tiposync.console.kit.pages import Page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_sidebar")]

INPUTS: dict[str, set[str]] = {}  # of each form by its route, read once
UNREADY = 503  # what /readyz says while no worker runs
NUL = "\x00"
WRONG = ["²", "9" * 40] + (
    ["", "-1", "1.5", "\ud800", "٣", "x" * 5000, "[]", "{", "1e9", "0001-00-00"] if IS_LONG else []
)
# What pages of ours and of Django's read of an address or a form, besides filters and fields.
NAMES = ("q", "o", "p", "page", "e", "_popup", "_to_field", "_changelist_filters", "s", "term", "next", "after")
NAMES += ("connection", "span", "partner", "asked", "app_label", "model_name", "field_name", "extended", "all")
FORM = ("action", "index", "select_across", "_selected_action", "post", "variant", "least", "failure", "text")
FORM += ("unlink", "entered_as", "code", "wish", "password", "handle", "quantity", "source", "destination", "decision")
FORM += ("newest", "shown", "list", "origin", "pair-1")


@pytest.fixture
def rows():
    return site.make_site()


@pytest.fixture
def boss():
    client = site.superuser()
    client.raise_request_exception = False
    return client


def test_nul_is_refused_in_every_address_query_and_form(rows, boss):
    before = site.state_of_database()
    for address in site.addresses(rows):
        is_console = address.url.startswith("/admin/")
        answers = [
            boss.get(address.url + NUL),
            boss.get(address.url, {"q": f"a{NUL}"}),
            boss.get(address.url, {NUL: "a"}),
        ]
        if is_console:
            answers += [boss.post(address.url, {"name": f"a{NUL}b"}), boss.post(address.url, {f"a{NUL}": "b"})]
        assert {answer.status_code for answer in answers} == {400}, address
    assert site.state_of_database() == before
    boss.cookies["sessionid"] = f"a{NUL}b"
    assert boss.get("/admin/").status_code == 400


@pytest.mark.parametrize("wrong", WRONG, ids=lambda text: ascii(text[:12]))
def test_no_query_breaks_any_page(rows, boss, wrong):
    broken = [f"{url} {query}" for url, query in _queries(rows) if _fails(boss.get(url, dict.fromkeys(query, wrong)))]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda text: ascii(text[:12]))
def test_no_form_breaks_any_page(rows, boss, wrong):
    broken = [
        f"{address.url} {sorted(form)[:8]}"
        for address in site.addresses(rows)
        if not address.url.endswith(("/logout/", "/delete/"))
        for form in _forms(boss, address, wrong)
        if _fails(boss.post(address.url, form))
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda text: ascii(text[:12]))
def test_no_row_is_named_by_what_is_no_number(rows, boss, wrong):
    broken = []
    for route in {address.route for address in site.addresses(rows)}:
        for name in ("", "pause", wrong):
            url = re.sub(r"<slug:name>", name or "do", re.sub(r"<(path:|int:)?\w+>", wrong, route, count=1))
            url = re.sub(r"<[^>]+>", wrong, url)
            broken += [url for method in (boss.get, boss.post) if _fails(method(url))]
            if "<slug:name>" not in route:
                break
    assert not broken, "\n".join(broken)


def _fails(answer) -> bool:
    return answer.status_code >= 500 and answer.status_code != UNREADY


def _queries(rows) -> Iterator[tuple[str, list[str]]]:
    """Addresses, with the names of a query to ask them for: each filter and date alone, all that is read at once."""
    seen = set()
    for address in site.addresses(rows):
        yield address.url, [*NAMES]
        page = next((page for model, page in admin.site._registry.items() if label_of(model) == address.label), None)
        if page is None or address.label in seen:
            continue
        seen.add(address.label)
        listed = f"/admin/{address.label.replace('.', '/')}/"
        fields = [field.name for field in page.model._meta.fields]
        yield f"{listed}add/", fields
        dates = [f"{page.date_hierarchy}__{part}" for part in ("year", "month", "day")] if page.date_hierarchy else []
        names = [[name] for name in (*NAMES[:3], "_to_field", *_taken(page, fields), *page.more_lookups)]
        names += [dates[:count] for count in range(1, len(dates) + 1)]
        for each in page.list_filter:
            if isinstance(each, type):
                names.append([getattr(each, "parameter_name", "x")])
            else:
                field = each if isinstance(each, str) else each[0]
                names += [[f"{field}__exact"], [f"{field}__id__exact"], [f"{field}__isnull"]]
        yield from ((listed, query) for query in names)


def _taken(page: Page, fields: list[str]) -> list[str]:
    """The fields that a list may be filtered by; and one of the others, which are refused by their name alone."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="boss")
    taken = [name for name in fields if page.lookup_allowed(name, "", request)]
    return taken + [name for name in fields if name not in taken][:1]


def _forms(boss: Client, address: Address, wrong: str) -> Iterator[dict[str, object]]:
    """Forms to send: what is read anywhere, what the page has inputs for, and each action of a list."""
    yield dict.fromkeys(FORM, wrong)
    if address.label and address.url.endswith(("/change/", "/add/")):
        if address.route not in INPUTS:
            answer = boss.get(address.url)
            is_form = answer.status_code == 200
            INPUTS[address.route] = set(re.findall(r'name="([\w-]+)"', answer.content.decode())) if is_form else set()
        form = dict.fromkeys(INPUTS[address.route] - {"csrfmiddlewaretoken"}, wrong)
        yield form
        counts = {name: "1" for name in form if name.endswith("_FORMS")}
        yield form | counts
    if address.url == f"/admin/{address.label.replace('.', '/')}/":
        for name in (*ACTIONS.get(address.label, ()), "delete_selected"):
            yield {"action": name, "_selected_action": [wrong], "index": "0"}
