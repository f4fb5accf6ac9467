"""A browser, the running product, and visitors whose pages must give the browser no reason to complain."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from stores import roles
from tests.browser.product import Product, released_database, running_product
from tests.browser.visitor import DESKTOP, Visitor, make_user

INSTALL = "No browser: apt-get install chromium (or set CHROMIUM to the path of one)"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NAMES = {roles.VIEWER: "vera", roles.SUPPORT: "sam", roles.MANAGER: "mona"}
PATIENCE_MS = 60_000  # no measure of speed: see tests/support/thoroughness.py
TOLD = 2_000  # characters of a page and of a log that a failure tells
# `make screenshots` takes the pictures of README; in a run of all tests they are nobody's business.
collect_ignore = [] if os.environ.get("TIPOSYNC_SCREENSHOTS") == "true" else ["test_pictures.py"]


def find_browser(playwright: Playwright) -> str | None:
    """The path of a Chromium: the one that CHROMIUM names, the system's, or Playwright's own."""
    own = playwright.chromium.executable_path
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS), own if os.path.exists(own) else None]
    return next((path for path in found if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file. Continuous integration must have one; elsewhere its tests are skipped."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        path = find_browser(playwright)
        if path is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(INSTALL)
        # Playwright's loop runs in this thread, whence Django takes every query for one of an async view.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu", "--force-color-profile=srgb"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def template(django_db_blocker) -> Iterator[str]:
    """The name of a database after the release step, of which each file gets a copy: migrating takes seconds."""
    with django_db_blocker.unblock(), released_database() as name:
        yield name


@pytest.fixture(scope="module")
def product(browser, template, django_db_blocker, tmp_path_factory) -> Iterator[Product]:
    """Web, workers and an empty database, for all tests of a file: they share what they make."""
    with django_db_blocker.unblock(), running_product(tmp_path_factory.mktemp("product"), template) as found:
        yield found


def let_in(browser: Browser, product: Product, **options) -> Visitor:
    """A new visitor, with cookies and a cache of their own."""
    context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce"} | options)
    context.set_default_timeout(PATIENCE_MS)
    return Visitor(context, context.new_page(), product.url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Tell with a failure what stood on the page and what the product said: it may not happen a second time."""
    report = yield
    if call.when == "call" and report.failed:
        for found in item.funcargs.values():
            if isinstance(found, Visitor):
                report.sections.append(("the page", found.text()[:TOLD]))
            elif isinstance(found, Product):
                report.sections.append(("the product", found.log.read_text()[-TOLD:]))
    return report


@pytest.fixture
def welcome(browser: Browser, product: Product) -> Iterator[Callable[..., Visitor]]:
    """Lets a new visitor in; the test fails if their browser complained."""
    visitors: list[Visitor] = []

    def welcome_one(**options) -> Visitor:
        visitors.append(let_in(browser, product, **options))
        return visitors[-1]

    yield welcome_one
    for visitor in visitors:
        visitor.context.close()
    complaints = [line for visitor in visitors for line in visitor.complaints]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def come_as(welcome) -> Callable[[str], Visitor]:
    """Lets somebody of a role in, on the dashboard; their clicks are counted from there."""

    def come(role: str) -> Visitor:
        visitor, name = welcome(), NAMES[role]
        visitor.become(User.objects.filter(username=name).first() or make_user(name, role))
        visitor.open("/admin/")
        return visitor

    return come


@pytest.fixture
def visitor(welcome) -> Visitor:
    """One visitor at a desk."""
    return welcome()
