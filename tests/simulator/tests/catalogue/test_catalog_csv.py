"""A Shopify product CSV becomes a source store, and one that is broken says where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.simulator.demo.csv_file import CsvError, read_file, read_products
from tests.simulator.demo.seed import seed_csv
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Product, Shop

ROOT = Path(__file__).resolve().parents[4]
HEAD = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,"
    "Variant Compare At Price,Variant Barcode,Image Src,Image Position,Image Alt Text,SEO Title,Variant Image,"
    "Cost per item,Status,Colour (product.metafields.shopify.color-pattern)\n"
)
SHIRT = (
    'shirt,Shirt,"<p>Soft, ""very""</p>\nsecond line",Acme,Tops,"b, a, B",true,Size,S,Colour,Red,SH-S,250,shopify,7,'
    "continue,10.5,12,'4001,https://cdn.shopify.com/s/1/two.png?v=1,2,Back,SEO,https://cdn.shopify.com/s/1/one.png,"
    "4.25,active,red\n"
    "shirt,,,,,,,,M,,Blue,SH-M,,,,,11,,,https://cdn.shopify.com/s/1/one.png,1,Front,,,,,\n"
    "shirt,,,,,,,,,,,,,,,,,,,https://cdn.shopify.com/s/1/three.png,3,,,,,,\n"
)
CARD = "card,Gift card,,,,,false,Title,Default Title,,,,,,,,25,,,,,,,,,draft,\n"


def filled(text: str) -> Shop:
    """The source made of a CSV."""
    sim = SimpleNamespace(shops={}, clock=Clock(frozen_at=1_795_000_000))
    return seed_csv(sim, read_products(text))[0]


def product(shop: Shop, handle: str) -> Product:
    return shop.products[shop.handles[handle]]


def test_a_product_has_everything_that_its_rows_say():
    shop = filled(HEAD + SHIRT + CARD)
    shirt = product(shop, "shirt")
    assert (shirt.title, shirt.vendor, shirt.product_type, shirt.tags) == ("Shirt", "Acme", "Tops", ["a", "b"])
    assert shirt.description_html == '<p>Soft, "very"</p>\nsecond line'
    assert (shirt.option_names, shirt.seo_title, shirt.status) == (["Size", "Colour"], "SEO", "ACTIVE")
    small, medium = (shop.variants[number] for number in shirt.variant_ids)
    item = shop.items[small.item_id]
    assert (small.option_values, small.price, small.compare_at_price) == (["S", "Red"], "10.50", "12.00")
    assert (small.barcode, small.inventory_policy, item.sku) == ("4001", "CONTINUE", "SH-S")
    assert (item.unit_cost, item.weight, item.weight_unit, item.tracked) == ("4.25", 250.0, "GRAMS", True)
    assert [level.available for level in shop.levels_of(item.id)] == [7]
    assert (medium.title, medium.price, medium.compare_at_price) == ("M / Blue", "11.00", None)


def test_images_come_in_their_positions_and_a_variant_has_its_own():
    shop = filled(HEAD + SHIRT)
    shirt = product(shop, "shirt")
    files = [shop.catalog.files[number] for number in shirt.file_ids]
    assert [(file.filename, file.alt) for file in files] == [
        ("one.png", "Front"),
        ("two.png", "Back"),
        ("three.png", ""),
    ]
    assert shop.variants[shirt.variant_ids[0]].file_id == files[0].id


def test_a_draft_that_is_not_published_stays_so_and_destinations_are_empty():
    sim = SimpleNamespace(shops={}, clock=Clock(frozen_at=1_795_000_000))
    source, *others = seed_csv(sim, read_products(HEAD + CARD))
    card = product(source, "card")
    assert (card.published_at, card.status, card.option_names) == (None, "DRAFT", ["Title"])
    assert [len(shop.products) for shop in others] == [0, 0]
    assert [len(shop.locations) for shop in others] == [3, 3]


def test_a_file_with_a_byte_order_mark_and_empty_lines_is_read(tmp_path: Path):
    path = tmp_path / "products.csv"
    path.write_text("\n" + HEAD.replace("Handle", "Handle", 1) + CARD + ",,\n", encoding="utf-8-sig")
    with pytest.raises(CsvError, match="line 1: no column Handle"):
        read_file(path)
    path.write_text(HEAD + CARD + "\n\n", encoding="utf-8-sig")
    assert [row.handle for row in read_file(path)] == ["card"]


def line(**cells: str) -> str:
    """One row under HEAD; names are those of the columns in small letters with underscores."""
    names = [name.strip() for name in HEAD.split(",")]
    given = {name.replace("_", " ").lower(): value for name, value in cells.items()}
    return ",".join(given.get(name.lower(), "") for name in names) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column Handle and no column Title"),
        ("Name,Price\na,1\n", "line 1: no column Handle"),
        ("Handle,Title,Title\n", "line 1: the column Title is there twice"),
        (HEAD, "line 2: there are no products"),
        (HEAD + line(title="x"), "line 2: Handle is empty"),
        (HEAD + line(handle="a"), "line 2: the first row of 'a' has no Title"),
        (HEAD + line(handle="a", title="x" * 4000), "line 2: Title has 4,000 characters"),
        (HEAD + line(handle="a", title="A", variant_price="cheap"), "line 2: Variant Price is not a number"),
        (HEAD + line(handle="a", title="A", variant_price="-1"), "line 2: Variant Price must be greater"),
        (HEAD + line(handle="a", title="A", variant_inventory_qty="2.5"), "line 2: Variant Inventory Qty is '2.5'"),
        (HEAD + line(handle="a", title="A", status="gone"), "line 2: Status is 'gone'"),
        (HEAD + line(handle="a", title="A", published="maybe"), "line 2: Published is 'maybe'"),
        (HEAD + line(handle="a", title="A", variant_inventory_policy="sell"), "line 2: Variant Inventory Policy"),
        (HEAD + line(handle="a", title="A", option1_name="Size"), "line 2: no value for option 'Size'"),
        (HEAD + line(handle="a", title="A") * 2, "line 3: the row has neither a variant nor an image"),
        (
            HEAD + line(handle="a", title="A", variant_price="1") * 2,
            "line 3: the variant 'Default Title' is",
        ),
        (
            HEAD + line(handle="a", title="A") + line(handle="b", title="B") + line(handle="a", image_src="x"),
            "line 4: the rows of 'a' do not stand together",
        ),
        (HEAD + "a,A\n", "line 2: 2 cells under 27 columns"),
        (HEAD + 'a,"A\n', "unexpected end of data"),
    ],
)
def test_a_broken_file_says_where_and_why(text, message):
    with pytest.raises(CsvError) as caught:
        read_products(text)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path):
    with pytest.raises(CsvError, match="cannot be opened"):
        read_file(tmp_path / "none.csv")
    path = tmp_path / "photo.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(CsvError, match="is not UTF-8 text"):
        read_file(path)


def test_the_command_line_refuses_a_broken_file_in_one_line(tmp_path: Path):
    path = tmp_path / "broken.csv"
    path.write_text("Name\nx\n")
    command = [sys.executable, "-m", "tests.simulator", "--port", "0", "--catalog", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("line 1: no column Handle and no column Title; is this a product CSV?")
