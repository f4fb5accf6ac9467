"""The words of the code: none that means several things, each term defined once, each number with its unit.

docs/glossary.md says what the words mean.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.test_layers import ROOT, read_tree

# These had up to seven meanings each.
OVERLOADED = """
    look looks looking take takes taking tell tells telling told hear hears heard hearing stand stands standing turn
    turns term terms truth truths figure figures pulse pulses tally tallies tallied cargo departure departures base
    bases task tasks cache caches cached snapshot snapshots mock mocks util utils helper helpers services manager
    managers master masters child children catalog catalogs
"""
# What keeps its name, and why.
EXCEPTIONS = {
    "base": "a column: the first currency of a pair, as opposed to the quote",
    "bases": "those of several rates",
    "clean_base": "Django's name for what cleans the field",
    "departure": "a column",
    "heard": "a column",
    "heard_there": "a column",
    "looks": "a column",
    "look_up_until": "a column",
    "Tally": "a model: its name is part of permissions and of the table's",
    "tally": "the module of the model",
    "look_at_draft": "a button: its name is part of its address",
    "take_back": "a button: its name is part of its address, and of a permission",
    "turn_off_two_factor": "a button: its name is part of its address",
    "tasks": "the module whose functions the queue calls by name",
    "task": "an argument of a signal of django-q2",
    "MANAGER": "the name of a role",
    "MANAGERS_ONLY": "what that role has before others",
    "search_term": "an argument of Django's",
    "term": "the same, stripped",
    "BASE_DIR": "Django's name",
    "user_cache": "what Django's form calls whom it lets in",
    "SHOPIFY_BASE_URL": "a setting of installations",
    "ORDER_LOOK_SECONDS": "a setting of installations",
}
# A constant that is a number has one of these words in its name: what is counted, or measured.
UNITS = """
    SECONDS DAYS BYTES BITS CHARACTERS DIGITS DECIMALS POINTS COST SHARE FACTOR SCORE QUANTITY COUNT VERSION STATUS
    ROWS LINES ORDERS PRODUCTS VARIANTS METAFIELDS CHANGES EVENTS PROBLEMS CANDIDATES SUGGESTIONS SECRETS TEXTS TAGS
    FILES FIELDS ITEMS OPTIONS WORDS STEPS EXAMPLES CODES RUNS RECORDS KEYS MESSAGES TRIES ATTEMPTS RENEWALS SEARCHES
    READS ROUNDS STRIKES ACTIVATIONS HEIGHT WIDTH
"""
NOT_MEASURED = {"PR_SET_PDEATHSIG": "a number of Linux's"}
# Of Django and of the libraries that read them.
SETTINGS = "tiposync.settings"


def words_of(name: str) -> list[str]:
    """`look_at_draft` and `LookAgain` in words."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def names_in(source: str) -> Iterator[tuple[int, str]]:
    """The names that a module gives, with their lines: of functions, classes, arguments, variables, attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def overloaded(tree: dict[str, str]) -> list[tuple[str, str]]:
    """Names with an overloaded word in them, and where they are given."""
    found = [(name, f"{module}:{line}") for module, source in tree.items() for line, name in names_in(source)]
    found += [(part, module) for module in tree for part in module.split(".")]
    return [(name, place) for name, place in found if set(OVERLOADED.split()) & set(words_of(name))]


def is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.BinOp) and is_number(node.left) and is_number(node.right)


def numbers_without_unit(tree: dict[str, str]) -> list[str]:
    """Constants of modules that are numbers, and do not say of what."""
    found = []
    for module, source in tree.items():
        for statement in ast.parse(source).body if module != SETTINGS else []:
            for target, value in assigned_by(statement):
                is_bare = is_number(value) and not set(UNITS.split()) & set(target.strip("_").split("_"))
                found += [f"{module}: {target}"] if is_bare and target not in NOT_MEASURED else []
    return found


def assigned_by(statement: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """The names that a statement gives, each with what it gives it to."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        yield statement.target.id, statement.value
    for target in statement.targets if isinstance(statement, ast.Assign) else []:
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            pairs = zip(target.elts, statement.value.elts, strict=True)
            yield from ((each.id, value) for each, value in pairs if isinstance(each, ast.Name))
        elif isinstance(target, ast.Name):
            yield target.id, statement.value


def test_no_name_has_several_meanings():
    assert [found for found in overloaded(read_tree(ROOT)) if found[0] not in EXCEPTIONS] == []


def test_every_exception_is_still_a_name():
    assert set(EXCEPTIONS) == {name for name, _ in overloaded(read_tree(ROOT))}


def test_no_template_is_named_by_an_overloaded_word():
    paths = [path for path in ROOT.glob("*/**/templates/**/*.html") if ".venv" not in path.parts]
    assert len(paths) > 40
    assert [path.name for path in paths if set(OVERLOADED.split()) & set(words_of(path.stem))] == []


@pytest.mark.parametrize(
    "source",
    [
        "def look_again(): ...",
        "class OrderTask: ...",
        "def note(standing): ...",
        "async def carry(*, tell=None): ...",
        "FIGURES = 3",
        "for truth in (): ...",
        "self.hearing = 1",
        "from orders import due as turns",
    ],
)
def test_a_planted_overloaded_name_is_found(source):
    assert len(overloaded({"syncing.planted": source})) == 1


def test_a_planted_module_of_an_overloaded_name_is_found():
    assert overloaded({"syncing.helpers": ""}) == [("helpers", "syncing.helpers")]


def test_every_number_that_is_a_constant_says_of_what():
    assert numbers_without_unit(read_tree(ROOT)) == []


@pytest.mark.parametrize("source", ["LIMIT = 5", "LIMIT: int = -5", "FIRST, LAST = 2 * 3, None", "_LARGEST = 1 << 20"])
def test_a_planted_number_without_unit_is_found(source):
    assert len(numbers_without_unit({"syncing.planted": source})) == 1


@pytest.mark.parametrize("source", ["ROWS = 5", "ROWS_PER_READ = 5", "LIMIT = timedelta(seconds=5)", "LIMIT = ''"])
def test_what_says_its_unit_or_is_no_number_is_let_through(source):
    assert numbers_without_unit({"syncing.planted": source}) == []


def test_each_term_of_the_glossary_is_defined_once():
    rows = re.findall(r"^\| (\*\*.+?\*\*) \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    terms = Counter(term for head, _ in rows for term in re.findall(r"\*\*(.+?)\*\*", head))
    assert len(terms) > 50
    assert [term for term, count in terms.items() if count > 1] == []
    assert all(meaning.strip() for _, meaning in rows)


def test_what_asks_for_work_is_never_called_by_its_bare_name():
    """`enqueue.carry_stock` asks for what `carry_stock` does: only the module's name tells the two from each other."""
    imported = [
        module
        for module, source in read_tree(ROOT).items()
        if re.search(r"from syncing\.queue\.enqueue import", source)
    ]
    assert imported == []
