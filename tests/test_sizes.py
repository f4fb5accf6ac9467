"""How much one place holds: lines of a file and of a function, modules of a folder. A reader's limits, with reasons."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import APPS, ROOT

MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 40
MOST_MODULES = 16
# What is longer, and why that is better than two of it.
LONG_FUNCTIONS = {
    "tests/benchmarks/staging/page_rows.py: _fill_stock": "the columns of tables, one a line",
    "tests/benchmarks/staging/page_rows.py: _fill_ledger": "the columns of tables, one a line",
    "tests/browser/furnished.py: furnish": "a furnished installation, room by room",
    "tests/simulator/state/shop.py: __init__": "all that a shop has, with what each is",
    "tests/simulator/tests/catalogue/test_product_set.py: test_a_new_product_has_everything_that_was_asked_for": (
        "a product with everything"
    ),
    "tests/stores/shopify/orders/test_orders.py: order_node": "an order as Shopify answers it",
    "tests/stores/shopify/products/test_product_wire.py: test_what_was_written_is_what_is_read": (
        "a product with everything"
    ),
    "tests/syncing/catalogue/rules/test_desired.py: test_a_new_product_is_sent_whole_and_with_its_first_stock": (
        "a product with everything"
    ),
}


def files() -> dict[str, str]:
    """Every module that we write by hand, by its path, and what stands in it. Django writes the migrations."""
    paths = [path for top in (*APPS, "tests") for path in (ROOT / top).rglob("*.py") if "migrations" not in path.parts]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def long_files(sources: dict[str, str]) -> list[str]:
    return [path for path, source in sources.items() if source.count("\n") > MOST_FILE_LINES]


def long_functions(sources: dict[str, str]) -> Iterator[str]:
    """Functions that do more than fits on a screen: what they ask for, and say of themselves, does not count."""
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and body[-1].end_lineno - body[0].lineno >= MOST_FUNCTION_LINES:
                    yield f"{path}: {node.name}"


# Django finds commands in one folder only.
FULL_FOLDERS = ["tiposync/console/management/commands"]


def full_folders(sources: dict[str, str]) -> list[str]:
    modules = Counter(str(Path(path).parent) for path in sources if Path(path).name != "__init__.py")
    return [folder for folder, count in modules.items() if count > MOST_MODULES]


def test_every_file_can_be_read_at_once():
    assert len(files()) > 500
    assert long_files(files()) == []


def test_every_function_fits_on_a_screen():
    assert sorted(long_functions(files())) == sorted(LONG_FUNCTIONS)


def test_every_folder_holds_about_a_dozen():
    assert full_folders(files()) == FULL_FOLDERS


@pytest.mark.parametrize(
    ("find", "planted"),
    [
        (long_files, {"orders/long.py": "\n" * 401}),
        (long_functions, {"orders/long.py": "def work():\n" + "    pass\n" * 41}),
        (full_folders, {f"orders/crowd/one_{number}.py": "" for number in range(17)}),
    ],
)
def test_what_is_planted_is_found(find, planted):
    assert len(list(find(planted))) == 1
    assert not list(find({"orders/due.py": "def work():\n" + "    pass\n" * 40}))
