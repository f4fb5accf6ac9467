"""Who may import whom: reads the imports of the production code and fails on an arrow up."""

import ast
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APPS = ("stores", "orders", "syncing", "tiposync")

# A module belongs to the first pattern that fits. It may import modules of its own layer and of those below.
LAYERS = [
    ("0 wire", ["stores.shopify", "stores.shopify.*"]),
    ("1 models", ["*.models", "*.models.*", "stores", "orders", "syncing", "syncing.stock", "tiposync"]),
    ("1 models", ["syncing.catalog", "stores.redaction"]),
    (
        "2 rules",
        [
            "stores.currencies",
            "stores.matching",
            "stores.suggesting",
            "stores.link_file",
            "syncing.stock.merge",
            "syncing.stock.guards",
        ],
    ),
    ("2 rules", ["orders.mapping", "orders.lines", "orders.copy_input", "orders.sums", "orders.units_left"]),
    ("2 rules", [f"syncing.catalog.{name}" for name in ("selection", "fields", "pricing", "fingerprint")]),
    ("2 rules", [f"syncing.catalog.{name}" for name in ("rates", "structure", "images", "metafields", "desired")]),
    ("2 rules", ["syncing.catalog.collection_rules", "syncing.catalog.content_rules", "syncing.catalog.hearing"]),
    ("3 features", ["stores.catalogue", "stores.clients", "stores.link_rows", "stores.linking", "stores.onboarding"]),
    ("3 features", ["stores.suggestions", "stores.link_import", "stores.link_resource"]),
    ("3 features", ["stores.ages", "stores.gates", "stores.history", "stores.locks"]),
    ("3 features", ["stores.roles", "stores.tracing"]),
    ("3 features", [f"orders.{name}" for name in ("intake", "units", "copying", "importing", "looking", "due")]),
    ("3 features", ["orders.advice", "orders.forgetting", "orders.notices"]),
    ("3 features", [f"orders.{name}" for name in ("updates", "update_state", "fulfilments")]),
    ("3 features", ["orders.refunds", "orders.draft_refunds", "orders.cancellations", "orders.searching"]),
    ("3 features", ["syncing.stock.*", "syncing.catalog.*"]),
    ("3 features", [f"syncing.{name}" for name in ("messengers", "metrics", "problems", "pulse", "retention")]),
    ("3 features", ["syncing.carried_problems"]),
    ("3 features", ["syncing.fence", "syncing.figures", "syncing.status", "syncing.tallies"]),
    ("4 engine", ["syncing.handlers", "syncing.sweep", "syncing.jobs", "syncing.recovery", "syncing.webhooks"]),
    ("4 engine", ["syncing.effects", "syncing.order_effects", "syncing.product_effects"]),
    (
        "4 engine",
        ["syncing.rematching", "syncing.reconciliation", "syncing.alerts", "syncing.doctor", "syncing.privacy"],
    ),
    ("5 entry points", ["*.admin", "*.admin.*", "*.apps", "*.checks", "*.management", "*.management.*"]),
    ("5 entry points", ["*.views", "*.urls", "syncing.tasks", "tiposync.*"]),
]
# Below the entry points the apps point one way.
APP_ORDER = {"stores": 0, "orders": 1, "syncing": 2, "tiposync": 3}
# What the two lowest kinds may import from outside, besides the standard library.
OUTSIDE = {"0 wire": {"requests", "urllib3"}, "2 rules": set()}


def layer_of(module: str) -> str | None:
    return next((name for name, patterns in LAYERS if any(fnmatchcase(module, each) for each in patterns)), None)


def read_tree(root: Path) -> dict[str, str]:
    """Production code: module name -> source."""
    paths = [path for app in APPS for path in (root / app).rglob("*.py") if "migrations" not in path.parts]
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
        for path in paths
    }


def imported_by(node: ast.AST, known: set[str]) -> list[str]:
    """The modules that an import statement names: `from a import b` is a.b where that is a module, else a."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return ["(relative)"]
        return [
            f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in known else str(node.module)
            for alias in node.names
        ]
    return []


@cache
def statements(source: str) -> tuple[list[ast.AST], list[ast.AST]]:
    """The import statements of a module outside of its functions, and inside."""
    parsed = ast.parse(source)
    functions = (
        node for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    inside = {id(inner) for function in functions for inner in ast.walk(function)}
    imports = [node for node in ast.walk(parsed) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [node for node in imports if id(node) not in inside], [node for node in imports if id(node) in inside]


def violations(tree: dict[str, str]) -> list[str]:
    """One line per import that the table forbids, and per module that has no place in it."""
    found, known = [], set(tree)
    for module, source in sorted(tree.items()):
        layer = layer_of(module)
        if layer is None:
            found.append(f"{module} has no place in the table of layers")
            continue
        outermost, inside = statements(source)
        targets = {name for node in (*outermost, *inside) for name in imported_by(node, known)}
        for target in sorted(targets):
            if reason := why_forbidden(module, layer, target):
                found.append(f"{module} imports {target}: {reason}")
        if inside:
            found.append(f"{module} imports inside a function")
    return found


def why_forbidden(module: str, layer: str, target: str) -> str:
    """Why a module of this layer must not import `target`; empty if it may."""
    package = target.split(".")[0]
    if package == "(relative)":
        return "write the whole name"
    if package in ("tests", "importlib"):
        return "production code never does"
    if package not in APPS:
        if layer in OUTSIDE and package not in sys.stdlib_module_names and package not in OUTSIDE[layer]:
            return f"{layer} needs the standard library only"
        return ""
    other = layer_of(target)
    if other is None:
        return "no place in the table of layers"
    if layer == "2 rules" and other == "1 models":
        return "rules are pure"
    if other[0] > layer[0]:
        return f"{layer} must not know {other}"
    if layer[0] < "5" and APP_ORDER[package] > APP_ORDER[module.split(".")[0]]:
        return "the apps point one way: stores <- orders <- syncing"
    return ""


def test_no_arrow_points_up():
    assert violations(read_tree(ROOT)) == []


def test_the_tree_is_really_read():
    tree = read_tree(ROOT)
    assert {"stores.matching", "stores.models", "stores.shopify.client", "syncing.jobs"} <= set(tree)
    assert "syncing.models.job" in tree and not any("migrations" in module for module in tree)


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("stores.shopify.client", "from stores.models import Store", "0 wire must not know 1 models"),
        ("stores.shopify.client", "import django", "standard library only"),
        ("stores.models.store", "from stores import linking", "1 models must not know 3 features"),
        ("stores.matching", "from stores.models import Variant", "rules are pure"),
        ("syncing.stock.merge", "from django.utils import timezone", "standard library only"),
        ("syncing.stock.engine", "from syncing import jobs", "3 features must not know 4 engine"),
        ("syncing.stock.engine", "import syncing.jobs", "3 features must not know 4 engine"),
        ("stores.linking", "from syncing.stock import pairs", "the apps point one way"),
        ("stores.models.link", "from syncing.models import SyncJob", "the apps point one way"),
        ("orders.importing", "from syncing.models import SyncJob", "the apps point one way"),
        ("syncing.jobs", "from syncing import tasks", "4 engine must not know 5 entry points"),
        ("syncing.jobs", "from tiposync import settings", "4 engine must not know 5 entry points"),
        ("syncing.handlers", "def work():\n    from syncing import jobs", "imports inside a function"),
        ("syncing.handlers", "class A:\n    async def work(self):\n        import json", "imports inside a function"),
        ("syncing.views", "from tests.simulator import Simulator", "production code never does"),
        ("syncing.handlers", "import importlib", "production code never does"),
        ("syncing.handlers", "from . import jobs", "write the whole name"),
        ("syncing.oddments", "", "has no place"),
    ],
)
def test_a_planted_violation_is_found(module, source, words):
    found = violations(read_tree(ROOT) | {module: source})
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("syncing.tasks", "from syncing import handlers, jobs"),
        ("syncing.stock.merge", "from dataclasses import dataclass\nfrom stores.shopify.inventory import LevelReading"),
        ("stores.admin.store", "from syncing import jobs"),
        ("orders.importing", "from stores.models import Store"),
    ],
)
def test_an_arrow_down_is_allowed(module, source):
    assert violations(read_tree(ROOT) | {module: source}) == []
