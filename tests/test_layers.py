"""Who may import whom: reads the imports of the production code and fails on an arrow up."""

import ast
import sys
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APPS = ("stores", "orders", "syncing", "tiposync")

# A module belongs to the first pattern that fits. It may import modules of its own layer and of those below.
LAYERS = [
    ("0 wire", ["stores.shopify.*", "stores.identifiers"]),
    ("1 models", ["*.models", "*.models.*", "stores.redaction"]),
    ("2 rules", ["*.rules.*", "stores.currencies", "stores.linking.matching", "stores.linking.scoring"]),
    ("2 rules", ["stores.selection", "stores.linking.csv_file", "syncing.stock.merge", "syncing.stock.guard_limits"]),
    ("2 rules", ["orders.marks", "syncing.stock.writes.linger"]),
    ("5 entry points", ["*.apps", "tiposync.*", "syncing.tasks", "syncing.views"]),
    ("3 features", ["stores.*", "orders.*", "syncing.stock.*", "syncing.catalogue.*"]),
    ("4 engine", ["syncing.*"]),
]
# On every layer the apps point one way, entry points included.
APP_ORDER = {"stores": 0, "orders": 1, "syncing": 2, "tiposync": 3}
# What the two lowest kinds may import from outside, besides the standard library.
OUTSIDE = {"0 wire": {"requests", "urllib3"}, "2 rules": set()}


def layer_of(module: str) -> str:
    return next(name for name, patterns in LAYERS if any(fnmatchcase(module, each) for each in patterns))


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


@cache
def holds_nothing(source: str) -> bool:
    """Whether a module is empty but for its docstring."""
    parsed = ast.parse(source)
    return len(parsed.body) == (0 if ast.get_docstring(parsed) is None else 1)


def circles(tree: dict[str, str]) -> list[str]:
    """Modules that import themselves by way of others: each circle told once, from its first module on."""
    known = set(tree)
    arrows = {
        module: sorted({name for node in statements(source)[0] for name in imported_by(node, known)} & known)
        for module, source in tree.items()
    }
    found, done = [], set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            found.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for target in arrows[module]:
                walk(target, [*way, module])
            done.add(module)

    for module in sorted(tree):
        walk(module, [])
    return found


def violations(tree: dict[str, str]) -> list[str]:
    """One line per import that the table forbids."""
    found, known = [], set(tree)
    for module, source in sorted(tree.items()):
        if holds_nothing(source):
            continue  # a folder that says what it is for
        layer = layer_of(module)
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
    if layer == "2 rules" and other == "1 models":
        return "rules are pure"
    if other[0] > layer[0]:
        return f"{layer} must not know {other}"
    if APP_ORDER[package] > APP_ORDER[module.split(".")[0]]:
        return "the apps point one way: stores <- orders <- syncing <- tiposync"
    return ""


def test_no_arrow_points_up():
    assert violations(read_tree(ROOT)) == []


def test_the_wire_and_the_rules_are_typed_strictly():
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    strict = next(each["module"] for each in overrides if each.get("disallow_any_generics"))
    modules = [module for module, source in read_tree(ROOT).items() if not holds_nothing(source)]
    wanted = [module for module in modules if layer_of(module) in ("0 wire", "2 rules")]
    assert [module for module in wanted if not any(fnmatchcase(module, each) for each in strict)] == []
    assert [each for each in strict if not any(fnmatchcase(module, each) for module in wanted)] == []


def test_no_module_imports_itself_by_way_of_others():
    assert circles(read_tree(ROOT)) == []


def test_a_planted_circle_is_found():
    tree = read_tree(ROOT)
    tree["syncing.queue.jobs"] += "\nfrom syncing import sweep\n"
    assert any("syncing.queue.jobs -> syncing.sweep" in circle for circle in circles(tree))


def test_the_tree_is_really_read():
    tree = read_tree(ROOT)
    assert {"stores.linking.matching", "stores.models", "stores.shopify.client", "syncing.queue.jobs"} <= set(tree)
    assert "syncing.models.job" in tree and not any("migrations" in module for module in tree)


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("stores.shopify.client", "from stores.models import Store", "0 wire must not know 1 models"),
        ("stores.shopify.client", "import django", "standard library only"),
        ("stores.models.store", "from stores.linking import linking", "1 models must not know 3 features"),
        ("stores.linking.matching", "from stores.models import Variant", "rules are pure"),
        ("syncing.stock.merge", "from django.utils import timezone", "standard library only"),
        ("syncing.catalogue.rules.pricing", "from syncing.catalogue import policy", "2 rules must not know 3 features"),
        ("syncing.stock.engine", "from syncing.queue import jobs", "3 features must not know 4 engine"),
        ("syncing.stock.engine", "import syncing.queue.jobs", "3 features must not know 4 engine"),
        ("stores.linking.linking", "from syncing.stock import pairs", "the apps point one way"),
        ("stores.apps", "from tiposync import checks", "the apps point one way"),
        ("syncing.views", "from tiposync import logs", "the apps point one way"),
        ("stores.models.link", "from syncing.models import SyncJob", "the apps point one way"),
        ("orders.copies.importing", "from syncing.models import SyncJob", "the apps point one way"),
        ("syncing.queue.jobs", "from syncing import tasks", "4 engine must not know 5 entry points"),
        ("syncing.queue.jobs", "from tiposync import settings", "4 engine must not know 5 entry points"),
        ("syncing.handlers", "def work():\n    from syncing.queue import jobs", "imports inside a function"),
        ("syncing.handlers", "class A:\n    async def work(self):\n        import json", "imports inside a function"),
        ("syncing.views", "from tests.simulator import Simulator", "production code never does"),
        ("syncing.handlers", "import importlib", "production code never does"),
        ("syncing.handlers", "from . import sweep", "write the whole name"),
        ("syncing.oddments", "from syncing import views", "4 engine must not know 5 entry points"),
    ],
)
def test_a_planted_violation_is_found(module, source, words):
    found = violations(read_tree(ROOT) | {module: source})
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("syncing.tasks", "from syncing import handlers\nfrom syncing.queue import jobs"),
        ("syncing.stock.merge", "from dataclasses import dataclass\nfrom stores.shopify.inventory import LevelReading"),
        ("tiposync.console.stores.store", "from syncing.queue import jobs"),
        ("orders.copies.importing", "from stores.models import Store"),
    ],
)
def test_an_arrow_down_is_allowed(module, source):
    assert violations(read_tree(ROOT) | {module: source}) == []


def test_the_simulator_knows_nothing_of_the_product():
    folder = ROOT / "tests" / "simulator"
    known = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in folder.rglob("*.py")
        if not path.is_relative_to(folder / "tests")
        for nodes in statements(path.read_text())
        for node in nodes
        for name in imported_by(node, set())
        if name.split(".")[0] in (*APPS, "django") or (name.split(".")[0] == "tests" and "simulator" not in name)
    }
    assert known == set()
