"""What people read at the console: the words that Shopify and its apps use, none of the engine's own.

Read is what is rendered: every page of a site with a row of each kind, every choice, label and help text of a form,
mails, and the help of each command. Names in the code, stored values and addresses are another matter.
"""

import ast
import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.management import get_commands, load_command_class
from django.db.models import Field

from syncing.models import Alert
from tests.security import site
from tests.test_layers import ROOT, read_tree
from tests.tiposync.console.access.test_roles import ACTIONS

pytestmark = pytest.mark.django_db(transaction=True)

# The engine's words; beside each what the console says instead.
ENGINE = {
    r"\b(?:in|out of) step\b": "synced, out of sync; the list is Inventory",
    r"\bglobal switch\b": "Pause all syncing",
    r"\blater changes?\b": "order updates",
    r"\bledger\b": "inventory history",
    r"\b(?:holds?|held)\b": "needs review; of units: reserved",
    r"\bdestructive\b": "unusually large change",
    r"\b(?:product|variant) links?\b": "product; variant matching",
    r"\bcatalogues?\b": "product sync",
    r"\bhow (?:it|this) stands\b": "status",
    r"\bstanding\b": "status",
    r"\bwhat you can do\b": "actions",
    r"\bwhat came of (?:it|them)\b": "result",
    r"\bwhat happened later\b": "updates",
    r"\bcarr(?:y|ies|ied|ying)\b": "sync, send, import",
    r"\bcopied\b(?! to the clipboard)": "imported",
    r"\bwithout a copy\b": "not imported",
    r"\bchanges? of orders?\b": "order updates",
    r"\bno copy since\b": "waiting since",
    r"\bthe whole service\b": "overview",
    r"\bneeds you\b": "action needed",
    r"\bshopify['’]s clock\b": "changed in Shopify",
    r"\bbaselines?\b": "last synced",
    r"\balign(?:ed|ments?)?\b": "initial sync",
    r"\b(?:source wins|keep both)\b": "use source quantities, keep current quantities",
    r"\bsold in a destination\b": "reserved for an order that is not imported yet",
    r"\bbegun by\b": "started by",
    r"\boperators?\b": "a user, or the user's name",
    r"\bpropose by name\b": "match by name",
    r"\bby doubt\b": "needs attention",
    r"\bnot at the console\b": "background worker",
    r"\bby user 0\b": "background worker",
    r"\brow: number\b": "the row's name",
    r"\bnothing is to be done\b": "what is so, and what happens next",
}
# As a whole label.
LABELS = {"Links", "Runs", "Changes", "Copied", "Fine", "Ledger", "Holds", "Itself"}
# Of files and of conditions nothing is imported: they are copied.
OF_FILES = re.compile(r"(?:files?|condition)[^.]{0,60}\bcopied\b", re.IGNORECASE)
HELD_KEYS = "Hold down “Control”"  # Django's, of a list in which several are chosen
# Said where something is stored by its name, or of what Shopify calls so.
KEPT = ("first alignment of connection", "catalogue starts", "catalogue runs", "hold …", "“On hold”")
KEPT += ("are copied between",)
STATEMENT = re.compile(r"\b(?:SELECT|UPDATE|INSERT|FROM|WHERE|JOIN|RETURNING|NULL)\b|fragment |\bclock_timestamp")
HIDDEN = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->", re.DOTALL)
SPOKEN = re.compile(r'\s(?:title|aria-label|placeholder|alt)="([^"]+)"')
# An option, an argument or a command is what somebody types.
TYPED = re.compile(r"--[\w-]+|\b[\w]+(?:_[\w]+)+\b|\bcarry-back\b|\bmanage\.py \w+\b")


def engine_words(text: str) -> list[str]:
    """The engine's words in a text, each with a little of what stands around it."""
    text = OF_FILES.sub("", re.sub(r"\s+", " ", text)).replace(HELD_KEYS, "")
    found = [text[max(0, m.start() - 40) : m.end() + 40] for bad in ENGINE for m in re.finditer(bad, text, re.I)]
    return found + ([text.strip()] if text.strip() in LABELS else [])


def spoken(html: str) -> Iterator[str]:
    """The pieces of a page that somebody reads or hears."""
    html = HIDDEN.sub(" ", html)
    yield from map(unescape, SPOKEN.findall(html))
    yield from (unescape(piece) for piece in re.split(r"<[^>]*>", html))


@pytest.mark.parametrize(
    "text", ["Held", "Orders without a copy", "It is out of step.", "Links", "by Shopify’s clock", "set by an operator"]
)
def test_a_planted_word_of_the_engine_is_found(text):
    assert engine_words(text)


@pytest.mark.parametrize("text", ["Synced", "It links two variants.", "The file cannot be copied.", "Needs review"])
def test_what_shopify_says_is_let_through(text):
    assert not engine_words(text)


def test_no_page_speaks_the_engines_words():
    rows = site.make_site()
    boss = site.superuser()
    found = {}
    for address in site.addresses(rows):
        if address.url.endswith(("/history/", "/delete/")):
            continue
        answer = boss.get(address.url)
        if answer.status_code != 200 or "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        pieces = dict.fromkeys(spoken(answer.content.decode()))
        if bad := [words for piece in pieces for words in engine_words(piece)]:
            found[address.url] = bad
    assert not found, "\n".join(f"{where}: {bad}" for where, bad in found.items())


def test_no_label_choice_help_or_button_speaks_the_engines_words():
    found = {}
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in ("stores", "orders", "syncing"):
            continue
        texts = [str(model._meta.verbose_name), str(model._meta.verbose_name_plural), *_of_page(page)]
        shown = {*flatten_fieldsets(page.fieldsets or ()), *page.list_display}
        fields = [field for field in model._meta.get_fields() if isinstance(field, Field)]
        texts += [text for field in fields for text in _of_field(field, field.editable and field.name in shown)]
        if bad := [words for text in texts for words in engine_words(text)]:
            found[model._meta.label] = bad
    assert ACTIONS
    assert not found, "\n".join(f"{where}: {bad}" for where, bad in found.items())


def _of_field(field: Field, is_shown: bool) -> Iterator[str]:
    if is_shown:
        yield from (str(field.verbose_name), str(field.help_text))
    yield from (str(label) for _, label in field.flatchoices)


def _of_page(page) -> Iterator[str]:
    yield from (str(getattr(page, name, "")) for name in ("intro", "empty_title", "empty_text"))
    yield from (str(getattr(getattr(page, name), "short_description", "")) for name in page.actions or ())
    for name in getattr(page, "operations", ()):
        button = getattr(page, name).operation
        yield button.label
        yield button.explanation if isinstance(button.explanation, str) else ""


def test_no_sentence_in_the_code_speaks_the_engines_words():
    """Messages, reasons, alerts and mails, wherever they arise; what is no sentence (SQL, names) is let go."""
    found = {}
    for module, source in read_tree(ROOT).items():
        bad = [words for text in sentences(ast.parse(source)) for words in engine_words(TYPED.sub(" ", text))]
        if bad := [words for words in bad if not any(kept in words for kept in KEPT)]:
            found[module] = bad
    assert not found, "\n".join(f"{where}: {bad}" for where, bad in found.items())


def sentences(tree: ast.Module) -> Iterator[str]:
    """Texts with a blank in them that are no docstrings and no statements of SQL or GraphQL."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # a docstring
            inside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_logged = isinstance(node.func.value, ast.Name) and node.func.value.id in ("log", "logger")
            inside |= {id(each) for each in node.args if is_logged}
        if id(node) in inside:
            continue
        text = ""
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            text = "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if " " in text.strip() and not STATEMENT.search(text):
            yield text


def test_no_alert_speaks_the_engines_words():
    assert not [words for _, label in Alert.Kind.choices for words in engine_words(label)]


def test_no_help_of_a_command_speaks_the_engines_words():
    own = [name for name, app in get_commands().items() if app == "tiposync.console"]
    assert len(own) > 15
    found = {}
    for name in own:
        text = load_command_class("tiposync.console", name).create_parser("manage.py", name).format_help()
        if bad := engine_words(TYPED.sub(" ", re.sub(r"\s*\n\s*", " ", text))):
            found[name] = bad
    assert not found, "\n".join(f"{where}: {bad}" for where, bad in found.items())
