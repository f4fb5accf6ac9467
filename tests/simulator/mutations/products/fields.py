"""What a product says about itself: checks and changes of everything but its options, variants and files."""

from __future__ import annotations

from tests.simulator.state.shop import Product, Shop
from tests.simulator.state.tags import LONGEST_TAG, MOST_TAGS, tidy_tags
from tests.simulator.wire.problems import NotSimulatedError, user_error

PLAIN = {
    "title": "title",
    "status": "status",
    "vendor": "vendor",
    "productType": "product_type",
    "descriptionHtml": "description_html",
    "templateSuffix": "template_suffix",
    "category": "category",
    "requiresSellingPlan": "requires_selling_plan",
}
NOT_NULL = ("title", "status", "vendor", "productType", "descriptionHtml", "requiresSellingPlan")
LABELS = {"title": "Title", "vendor": "Vendor", "productType": "Product type", "templateSuffix": "Template suffix"}
MAX_TEXT = 255
MAX_HTML_BYTES = 512 * 1024
OTHER = ("handle", "tags", "seo", "redirectNewHandle", "giftCard")

UNPLACED = ("handle", "vendor", "productType")


def check_fields(shop: Shop, product: Product | None, given: dict, path: list, handled: tuple[str, ...]) -> list[dict]:
    """User errors about the input of a product; `product` is None for a new one.

    `handled` are the input fields that the caller looks after. Raises NotSimulatedError for any other. Under productSet
    the field of some complaints is the whole input, and a long title brings a second one for its handle (row 58).
    """
    unknown = {name for name in given if name not in (*PLAIN, *OTHER, *handled) and given[name] is not None}
    if unknown:
        raise NotSimulatedError(f"The simulator does not implement the input fields {sorted(unknown)}")
    errors = []

    def complain(name: str, message: str, code: str = "INVALID_PRODUCT") -> None:
        place = path if path and name in UNPLACED else [*path, name]
        errors.append(user_error(place, message, code))

    if (product is None or "title" in given) and not (given.get("title") or "").strip():
        complain("title", "Title can't be blank")
    for name, label in LABELS.items():
        if len(given.get(name) or "") > MAX_TEXT:
            complain(name, f"{label} is too long (maximum is {MAX_TEXT} characters)")
    if path and product is None and not given.get("handle") and len(given.get("title") or "") > MAX_TEXT:
        complain("handle", f"Handle is too long (maximum is {MAX_TEXT} characters)")
    if len((given.get("descriptionHtml") or "").encode()) > MAX_HTML_BYTES:
        complain("descriptionHtml", "Description (HTML) is too big (maximum is 512 KB)")
    _check_tags(given.get("tags") or [], complain)
    if "giftCard" in given and product is not None and bool(given["giftCard"]) != product.is_gift_card:
        complain("giftCard", "Gift card can't be changed", "GIFT_CARD_ATTRIBUTE_CANNOT_BE_CHANGED")
    _check_handle(shop, product, given, complain)
    return errors


def _check_tags(tags: list[str], complain) -> None:
    found = tidy_tags(tags)
    if len(found) > MOST_TAGS:
        complain("tags", f"Product tags can't be more than {MOST_TAGS}")
    if any(len(tag) > LONGEST_TAG for tag in found):
        complain("tags", f"Product tags is invalid: tag is too long (maximum is {LONGEST_TAG} characters)")


def _check_handle(shop: Shop, product: Product | None, given: dict, complain) -> None:
    handle = given.get("handle")
    holder = shop.handles.get(as_handle(handle or ""))
    if handle and len(handle) > MAX_TEXT:
        complain("handle", f"Handle is too long (maximum is {MAX_TEXT} characters)")
    elif handle and holder is not None and (product is None or holder != product.id):
        message = f"Handle '{as_handle(handle)}' already in use. Please provide a new handle."
        complain("handle", message, "HANDLE_NOT_UNIQUE")


def as_handle(text: str) -> str:
    """Letters, digits and hyphens in lower case."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


def put_fields(shop: Shop, product: Product, given: dict) -> None:
    """Changes what is there in the input; what is left out stays (shopify.md 8.1)."""
    for name, attribute in PLAIN.items():
        if name in given and not (given[name] is None and name in NOT_NULL):
            setattr(product, attribute, given[name])
    if given.get("tags") is not None:
        product.tags = tidy_tags(given["tags"])
    seo = given.get("seo") or {}
    for name in ("title", "description"):
        if name in seo:
            setattr(product, f"seo_{name}", seo[name] or None)
    if handle := as_handle(given.get("handle") or ""):  # of an odd one nothing is left: it stays as it was (row 60)
        move_handle(shop, product, handle, redirect=bool(given.get("redirectNewHandle")))


def move_handle(shop: Shop, product: Product, handle: str, *, redirect: bool = False) -> None:
    """Raises ValueError for a handle that another product has."""
    if handle == product.handle:
        return
    if handle in shop.handles:
        raise ValueError(f"the handle {handle} is taken")
    del shop.handles[product.handle]
    if redirect:
        shop.catalog.redirects[f"/products/{product.handle}"] = f"/products/{handle}"
    shop.handles[handle] = product.id
    product.handle = handle
