"""Every page of the console: axe finds nothing serious, nothing sticks out on a phone, the browser never complains.

In the dark only the colours are different, and those are the same on all pages of a kind: one of each kind is looked
at. `TIPOSYNC_LONG=1` looks at every page in the dark.
"""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.conftest import let_in
from tests.browser.furnished import Furnished, furnish
from tests.browser.visitor import DESKTOP, PHONE, Visitor, make_user
from tests.support.console.press import list_of, page_of
from tests.support.thoroughness import IS_LONG

pytestmark = pytest.mark.browser

# axe is put into a page once, and answers with serious findings only: its whole result is a hundred times as long.
AXE = Axe().axe_script
RUN = """options => axe.run(document, options).then(({violations}) => violations
  .filter(found => ["serious", "critical"].includes(found.impact))
  .flatMap(({id, nodes}) => nodes.map(node => [id, node.target[0], node.html.slice(0, 160), node.failureSummary])))"""
OPTIONS = {"resultTypes": ["violations"]}
IN_THE_DARK = OPTIONS | {"runOnly": ["color-contrast", "link-in-text-block"]}  # only colours are different there
FETCHES_MORE = "[hx-trigger^=load]"
DOWNLOADS = ("export",)
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)
# Whose list and whose page for a new row are looked at in the dark: pills of most colours; every kind of field.
LISTS, FORMS = {"stores.variantlink", "syncing.syncjob"}, {"stores.connection", "auth.user"}


@pytest.fixture(scope="module")
def furnished(product) -> Furnished:
    return furnish(product)


@pytest.fixture(scope="module")
def boss(product) -> User:
    return make_user("ada")


@pytest.fixture(scope="module")
def desk(browser, product, boss) -> Iterator[Visitor]:
    """Ada, who keeps one browser for all pages, and with it the styles and scripts that it has fetched."""
    visitor = let_in(browser, product)
    visitor.become(boss)
    yield visitor
    visitor.context.close()


@pytest.fixture
def ada(desk) -> Iterator[Visitor]:
    """Ada at her desk; the test fails if her browser complained."""
    desk.complaints.clear()
    yield desk
    desk.page.goto("about:blank")  # what the last page still fetches is this test's, too
    assert not desk.complaints, "\n".join(desk.complaints)


def findings(page: Page, options: dict) -> list[str]:
    """What axe finds serious or worse on the page as it stands: rule, where, and what to do."""
    return [
        f"{rule} at {target}: {html} {summary.splitlines()[-1].strip()}"
        for rule, target, html, summary in page.evaluate(RUN, options)
    ]


def inspect(visitor: Visitor, path: str, is_dark_too: bool) -> list[str]:
    """Whatever is wrong with a page: in light, on a phone and, where that is asked for, in the dark."""
    page = visitor.open(path)
    if page.locator(FETCHES_MORE).count():
        page.wait_for_load_state("networkidle")
    page.evaluate(AXE)
    wrong = [f"light: {line}" for line in findings(page, OPTIONS)]
    wrong += [f"sticks out: {line}" for line in visitor.sticks_out()]
    wrong += [f"is cut: {line}" for line in visitor.cut_tables()]
    if is_dark_too or IS_LONG:
        page.evaluate("document.documentElement.classList.add('dark')")  # as the console's own switch does
        wrong += [f"dark: {line}" for line in findings(page, IN_THE_DARK)]
    page.set_viewport_size(PHONE)
    wrong += [f"sticks out on a phone: {line}" for line in visitor.sticks_out()]
    page.set_viewport_size(DESKTOP)
    return [f"{path} {line}" for line in wrong]


def pages_of(label: str, furnished: Furnished) -> Iterator[tuple[str, bool]]:
    """The list of a model, the page that adds a row, a row's page, and every page that a button of it leads to.

    Each with whether it is looked at in the dark: all that have markup of their own, and some of the others.
    """
    model = next(model for model in admin.site._registry if model._meta.label_lower == label)
    page, name = admin.site._registry[model], label.replace(".", "_")
    row = furnished.row_of(model)
    yield list_of(name), label in LISTS
    yield page_of(row), bool(getattr(page, "panel_template", "")) or label in FORMS
    request = furnished.request
    if page.has_add_permission(request):
        yield reverse(f"admin:{name}_add"), bool(getattr(page, "add_panel_template", "")) or label in FORMS
    for button in page.offered(request, row):
        if button["is_page"] and button["name"] not in DOWNLOADS:
            yield button["url"], True


@pytest.mark.parametrize("label", MODELS)
def test_the_pages_of_each_model_are_fit_for_everybody(ada, furnished, label):
    wrong = [line for page in pages_of(label, furnished) for line in inspect(ada, *page)]
    assert not wrong, "\n".join(wrong)


def test_the_pages_of_no_model_are_fit_for_everybody(ada, furnished):
    wrong = [line for path in furnished.other_pages() for line in inspect(ada, path, is_dark_too=True)]
    assert not wrong, "\n".join(wrong)


def test_the_sign_in_page_is_fit_for_everybody(visitor, boss):
    wrong = inspect(visitor, "/admin/login/", is_dark_too=True)
    assert not wrong, "\n".join(wrong)
