"""Pictures of the pages, 1280 pixels wide, of goods that are always the same: `make screenshots` takes them anew."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from stores.models import CatalogueSettings, VariantLink
from syncing.models import StockHold, StockLink
from syncing.queue import enqueue
from tests.browser.furnished import Furnished, furnish
from tests.browser.visitor import make_user
from tests.support.console.press import page_of

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent / "screenshots"
SIZE = {"width": 1280, "height": 800}


@pytest.fixture
def ada(welcome, product):
    visitor = welcome(viewport=SIZE)
    visitor.become(make_user("ada"))
    yield visitor
    visitor.page.close()


def take(page: Page, name: str) -> None:
    """One picture of what is seen without scrolling."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", caret="hide")


def test_pictures_are_taken_of_an_empty_and_of_a_busy_console(ada, product):
    take(ada.open("/admin/"), "first-use")
    furnished = furnish(product)
    enqueue.sync_content(furnished.window.connection, compares=True)
    product.wait_until(CatalogueSettings.objects.exclude(polled_at=None).exists, "pages, blogs and articles")
    for name, path in pages(furnished).items():
        take(ada.open(path), name)
    assert {path.stem for path in FOLDER.glob("*.png")} == {"first-use", *pages(furnished)}


def pages(furnished: Furnished) -> dict[str, str]:
    """Picture to the page that it shows."""
    unmatched = VariantLink.objects.get(source_variant__product_title="No SKU at all")
    pair = StockLink.objects.get(
        variant_link__source_variant__product_title="Demo one-way",
        mapping__source_location__name="Main warehouse",
    )
    return {
        "dashboard": "/admin/",
        "picker": page_of(unmatched) + "?partner=no+sku",
        "hold": page_of(StockHold.objects.filter(state="open").first()),
        "timeline": reverse("admin:syncing_timeline", args=[pair.variant_link_id]),
        "catalogue": page_of(CatalogueSettings.objects.get()),
    }
