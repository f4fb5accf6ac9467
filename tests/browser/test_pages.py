"""Every page of the console: axe finds nothing serious in light or dark, and on a phone nothing sticks out."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.furnished import Furnished, furnish
from tests.browser.visitor import DESKTOP, PHONE, Visitor, make_user
from tests.console_press import list_of, page_of

pytestmark = pytest.mark.browser

SERIOUS = ("serious", "critical")
AXE = Axe()
OPTIONS = {"resultTypes": ["violations"]}
IN_THE_DARK = OPTIONS | {"runOnly": ["color-contrast", "link-in-text-block"]}  # only colours are different there
DOWNLOADS = ("export",)
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)


@pytest.fixture(scope="module")
def furnished(product) -> Furnished:
    return furnish(product)


@pytest.fixture(scope="module")
def boss(product) -> User:
    return make_user("ada")


@pytest.fixture
def ada(visitor, boss) -> Visitor:
    visitor.become(boss)
    return visitor


def findings(page: Page, options: dict) -> list[str]:
    """What axe finds serious or worse on the page as it stands: rule, where, and what to do."""
    violations = AXE.run(page, options=options).response["violations"]
    return [
        f"{found['id']} at {node['target'][0]}: {node['html'][:160]} {node['failureSummary'].splitlines()[-1].strip()}"
        for found in violations
        if found["impact"] in SERIOUS
        for node in found["nodes"]
    ]


def inspect(visitor: Visitor, path: str) -> list[str]:
    """Whatever is wrong with a page: in light, in dark, on a phone."""
    page = visitor.open(path)
    page.wait_for_load_state("networkidle")
    wrong = [f"light: {line}" for line in findings(page, OPTIONS)]
    wrong += [f"sticks out: {line}" for line in visitor.sticks_out()]
    page.evaluate("document.documentElement.classList.add('dark')")  # as the console's own switch does
    wrong += [f"dark: {line}" for line in findings(page, IN_THE_DARK)]
    page.set_viewport_size(PHONE)
    wrong += [f"sticks out on a phone: {line}" for line in visitor.sticks_out()]
    page.set_viewport_size(DESKTOP)
    return [f"{path} {line}" for line in wrong]


def pages_of(label: str, furnished: Furnished) -> Iterator[str]:
    """The list of a model, the page that adds a row, a row's page, and every page that a button of it leads to."""
    model = next(model for model in admin.site._registry if model._meta.label_lower == label)
    page, name = admin.site._registry[model], label.replace(".", "_")
    yield list_of(name)
    row = furnished.row_of(model)
    yield page_of(row)
    request = furnished.request
    if page.has_add_permission(request):
        yield reverse(f"admin:{name}_add")
    for button in page.offered(request, row):
        if button["is_page"] and button["name"] not in DOWNLOADS:
            yield button["url"]


@pytest.mark.parametrize("label", MODELS)
def test_the_pages_of_each_model_are_fit_for_everybody(ada, furnished, label):
    wrong = [line for path in pages_of(label, furnished) for line in inspect(ada, path)]
    assert not wrong, "\n".join(wrong)


def test_the_pages_of_no_model_are_fit_for_everybody(ada, furnished):
    wrong = [line for path in furnished.other_pages() for line in inspect(ada, path)]
    assert not wrong, "\n".join(wrong)


def test_the_sign_in_page_is_fit_for_everybody(visitor, boss):
    wrong = inspect(visitor, "/admin/login/")
    assert not wrong, "\n".join(wrong)
