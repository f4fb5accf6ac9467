"""Reads products out of a CSV as Shopify exports it: one row for each variant, further rows for further images.

Columns by their names in Shopify's product CSV (https://help.shopify.com/en/manual/products/import-export/using-csv).
What it has more of (metafield columns, markets, unit prices) is skipped. Whatever is wrong is a CsvError that names the
line.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tests.simulator.state.money import complaint_about, read_amount

NEEDED = ("Handle", "Title")
KNOWN = (
    *NEEDED,
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
    "Variant Image",
    "Variant Tax Code",
    "Cost per item",
    "Status",
)
STATUSES = {"": "ACTIVE", "active": "ACTIVE", "draft": "DRAFT", "archived": "ARCHIVED", "unlisted": "UNLISTED"}
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MAX_TITLE = 255
MAX_VARIANTS = 2048


class CsvError(ValueError):
    """The file cannot be read as a product CSV; the message says where and why."""


@dataclass(slots=True)
class CsvVariant:
    options: list[str]
    sku: str | None
    barcode: str | None
    price: str
    compare_at_price: str | None
    cost: str | None
    grams: Decimal
    quantity: int
    tracked: bool
    inventory_policy: str
    requires_shipping: bool
    taxable: bool
    tax_code: str | None
    image: str


@dataclass(slots=True)
class CsvProduct:
    handle: str
    line: int
    title: str
    body: str
    vendor: str
    product_type: str
    tags: list[str]
    published: bool
    status: str
    option_names: list[str]
    is_gift_card: bool
    seo_title: str | None
    seo_description: str | None
    variants: list[CsvVariant] = field(default_factory=list)
    images: list[tuple[int, str, str]] = field(default_factory=list)  # (position, address, alt text)


class Row(dict):
    """One line of the file by column name."""

    line = 0

    def text(self, name: str) -> str:
        return (self.get(name) or "").strip()

    def fail(self, message: str) -> CsvError:
        return CsvError(f"line {self.line}: {message}")

    def flag(self, name: str, default: bool) -> bool:
        found = self.text(name).lower()
        if not found:
            return default
        if found not in TRUE + FALSE:
            raise self.fail(f"{name} is {found!r}, not true or false")
        return found in TRUE

    def amount(self, name: str) -> str | None:
        found = self.text(name)
        problem = complaint_about(found, name) if found else None
        if problem:
            raise self.fail(f"{problem} ({found!r})")
        return found or None

    def whole(self, name: str, default: int = 0) -> int:
        found = self.text(name)
        try:
            return int(found) if found else default
        except ValueError:
            raise self.fail(f"{name} is {found!r}, not a whole number") from None


def read_file(path: Path) -> list[CsvProduct]:
    """Raises CsvError, also for a file that cannot be opened or is no text."""
    try:
        return read_products(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise CsvError(f"cannot be opened: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise CsvError("is not UTF-8 text") from None


def read_products(text: str) -> list[CsvProduct]:
    """Products in the order of the file. Raises CsvError."""
    products: dict[str, CsvProduct] = {}
    last = ""
    for row in _rows(text):
        handle = row.text("Handle")
        if not handle:
            raise row.fail("Handle is empty")
        if handle not in products:
            products[handle] = _product(row, handle)
        elif handle != last:
            raise row.fail(f"the rows of {handle!r} do not stand together")
        last = handle
        _add_row(products[handle], row)
    if not products:
        raise CsvError("line 2: there are no products")
    return list(products.values())


def _rows(text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Row] = []
    try:
        head = [name.strip() for name in next(reader, [])]
        _check_head(head)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(head):
                raise CsvError(f"line {reader.line_num}: {len(values)} cells under {len(head)} columns")
            row = Row(zip(head, values, strict=True))
            row.line = reader.line_num
            found.append(row)
    except csv.Error as problem:
        raise CsvError(f"line {reader.line_num}: {problem}") from None
    return found


def _check_head(head: list[str]) -> None:
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise CsvError(f"line 1: no column {' and no column '.join(missing)}; is this a product CSV?")
    doubled = sorted({name for name in head if name in KNOWN and head.count(name) > 1})
    if doubled:
        raise CsvError(f"line 1: the column {doubled[0]} is there twice")


def _product(row: Row, handle: str) -> CsvProduct:
    title = row.text("Title")
    if not title:
        raise row.fail(f"the first row of {handle!r} has no Title")
    if len(title) > MAX_TITLE:
        raise row.fail(f"Title has {len(title):,} characters; Shopify takes {MAX_TITLE}")
    status = row.text("Status").lower()
    if status not in STATUSES:
        raise row.fail(f"Status is {status!r}, not active, draft, archived or unlisted")
    names = [row.text(f"Option{place} Name") for place in (1, 2, 3)]
    return CsvProduct(
        handle,
        row.line,
        title,
        row.get("Body (HTML)") or "",
        row.text("Vendor"),
        row.text("Type"),
        [tag.strip() for tag in row.text("Tags").split(",") if tag.strip()],
        row.flag("Published", True),
        STATUSES[status],
        [name for name in names if name] or ["Title"],
        row.flag("Gift Card", False),
        row.text("SEO Title") or None,
        row.text("SEO Description") or None,
    )


def _add_row(product: CsvProduct, row: Row) -> None:
    """A row may hold a variant, an image, or both."""
    address = row.text("Image Src")
    if address:
        product.images.append((row.whole("Image Position", 10_000), address, row.text("Image Alt Text")))
    is_first = row.line == product.line
    options = [row.text(f"Option{place + 1} Value") for place in range(len(product.option_names))]
    if not any(options) and not row.text("Variant Price") and not is_first:
        if not address:
            raise row.fail("the row has neither a variant nor an image")
        return
    if not any(options) and product.option_names == ["Title"]:
        options = ["Default Title"]
    if not all(options):
        raise row.fail(f"no value for option {product.option_names[options.index('')]!r}")
    if options in [variant.options for variant in product.variants]:
        raise row.fail(f"the variant {' / '.join(options)!r} is there twice")
    if len(product.variants) == MAX_VARIANTS:
        raise row.fail(f"more than {MAX_VARIANTS:,} variants")
    product.variants.append(_variant(row, options))


def _variant(row: Row, options: list[str]) -> CsvVariant:
    policy = row.text("Variant Inventory Policy").lower() or "deny"
    if policy not in ("deny", "continue"):
        raise row.fail(f"Variant Inventory Policy is {policy!r}, not deny or continue")
    grams = row.amount("Variant Grams")
    return CsvVariant(
        options,
        row.text("Variant SKU") or None,
        row.text("Variant Barcode").lstrip("'") or None,
        row.amount("Variant Price") or "0",
        row.amount("Variant Compare At Price"),
        row.amount("Cost per item"),
        read_amount(grams) if grams else Decimal(0),
        row.whole("Variant Inventory Qty"),
        bool(row.text("Variant Inventory Tracker")) or bool(row.text("Variant Inventory Qty")),
        policy.upper(),
        row.flag("Variant Requires Shipping", True),
        row.flag("Variant Taxable", True),
        row.text("Variant Tax Code") or None,
        row.text("Variant Image"),
    )
