"""What comments and pages point at is there: documents, their sections, links, rows of the simulator."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stores.shopify import webhooks
from syncing import handlers
from syncing.models import SyncJob
from syncing.webhooks import inbox, topics

ROOT = Path(__file__).resolve().parents[1]
OWN_NAME = Path(__file__).name
# shopify.md 7.3, and the lists that comments make of it: shopify.md 3.2 to 3.5, shopify.md 7.2, 7.3
SECTION = re.compile(r"\bshopify\.md (\d+(?:\.\d+)?(?:(?:, | to | and )\d+(?:\.\d+)?)*)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
DOCUMENT = re.compile(r"(?<![\w/.-])((?:docs|tests|stores|orders|syncing|tiposync)/[\w/.-]+?\.md)\b")
ROW = re.compile(r"\b[Rr]ows? (\d+)(?: (?:to|and) (\d+))? of tests/simulator/README\.md")
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
# `syncing/handlers.py`, `queue/enqueue.py`, `knobs.py`, `tests/simulator/payloads`; and `syncing.stock`
FILE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|md|toml|html|yaml))`")
PLACE = re.compile(r"`((?:stores|orders|syncing|tiposync|tests|docs)/[\w/-]*)`")
MODULE = re.compile(r"`((?:stores|orders|syncing|tiposync)(?:\.(?![EW]\d)\w+)+)`")
# The drafts of the design were never part of the repository.
UNKNOWN = re.compile(r"\b(?:facts|features|inventory|console|speed|house-moves)\.md\b")


@cache
def texts(*endings: str) -> dict[Path, str]:
    """Tracked files with one of these endings, and what stands in them."""
    listed = subprocess.run(["git", "ls-files", *endings], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.splitlines()]
    return {path: path.read_text(encoding="utf-8") for path in paths if path.exists() and path.name != OWN_NAME}


def commented() -> dict[Path, str]:
    return texts("*.py", "*.html", "*.toml", "*.yaml", "Makefile")


def missing(pattern: re.Pattern, in_texts: dict[Path, str], is_there) -> list[str]:
    """`file: what it cites` for every citation that leads nowhere."""
    return [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path, text in in_texts.items()
        for match in pattern.finditer(text)
        if not is_there(path, match)
    ]


def sections() -> set[str]:
    """The numbers of shopify.md: of its headings, and of the rows of its table of open questions."""
    page = (ROOT / "docs/shopify.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)?)", page, re.MULTILINE))
    open_questions = page.split("## 10.")[1]
    return headings | {f"10.{row}" for row in re.findall(r"^\| (\d+) \|", open_questions, re.MULTILINE)}


def test_every_fact_that_a_comment_cites_has_its_section_with_a_source():
    known = sections()
    cited = list(cited_sections())
    assert len(cited) > 100
    assert not [f"{path.relative_to(ROOT)}: shopify.md {number}" for path, number in cited if number not in known]


def cited_sections() -> Iterator[tuple[Path, str]]:
    for path, text in commented().items():
        for match in SECTION.finditer(text):
            for number in NUMBER.findall(match.group(1)):
                yield path, number


def test_every_document_that_a_comment_names_is_in_the_repository():
    assert not missing(DOCUMENT, commented(), lambda path, match: (ROOT / match.group(1)).exists())
    assert not missing(UNKNOWN, commented(), lambda path, match: False)


def test_every_row_of_the_simulator_that_a_comment_names_is_in_its_table():
    page = (ROOT / "tests/simulator/README.md").read_text(encoding="utf-8")
    rows = {int(row) for row in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert not missing(ROW, commented(), lambda path, match: {int(row) for row in match.groups() if row} <= rows)


def test_every_link_between_pages_leads_somewhere():
    pages = texts("*.md")
    assert len(pages) > 20
    assert not missing(LINK, pages, lambda path, match: (path.parent / match.group(1)).exists())


def is_tracked(path: Path, match: re.Match) -> bool:
    """Whether there is a file of this name: in the repository, beside the page, or anywhere if it is a bare name."""
    name = match.group(1)
    return any(each == name or each.endswith(f"/{name}") for each in tracked())


@cache
def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return listed.splitlines()


def is_there(name: str) -> bool:
    """Whether a folder or a module is there: a folder's name may end with a slash, a module's leaves out the ending."""
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()


def is_importable(path: Path, match: re.Match) -> bool:
    """Whether there is such a module or package, or a name that one of them gives."""
    *parts, last = match.group(1).split(".")
    module = ROOT.joinpath(*parts)
    if (module / last).is_dir() or (module / f"{last}.py").exists():
        return True
    source = module.with_suffix(".py") if module.with_suffix(".py").exists() else module / "__init__.py"
    return source.exists() and re.search(rf"\b{last}\b", source.read_text(encoding="utf-8")) is not None


def test_every_file_and_module_that_a_page_names_is_there():
    pages = texts("*.md")
    assert sum(len(FILE.findall(text)) for text in pages.values()) > 20
    assert not missing(FILE, pages, is_tracked)
    known = {*webhooks.HEADER_TOPICS, *topics.EFFECTS}
    assert not missing(PLACE, pages, lambda path, match: match.group(1) in known or is_there(match.group(1)))
    assert not missing(MODULE, pages, is_importable)


def architecture(heading: str) -> str:
    """A section of the page, up to the next heading."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return re.split(r"^#", page.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rooms() -> Iterator[str]:
    """The folders and modules that the tree of the page names."""
    app = ""
    for line in architecture("The rooms").split("```")[1].strip().splitlines():
        head, names = re.fullmatch(r"( *\w+)/ +(.+)", line).groups()
        app, room = (app, f"{app}/{head.strip()}") if head.startswith(" ") else (head, head)
        yield f"{room}/"
        yield from (f"{room}/{name}" for name in names.split(" · "))


def test_the_tree_of_the_page_is_that_of_the_repository():
    named = list(rooms())
    assert len(named) > 80
    assert [name for name in named if not is_there(name)] == []
    apps = [ROOT / app for app in ("stores", "orders", "syncing", "tiposync")]
    folders = {f"{path.parent.relative_to(ROOT)}/" for app in apps for path in app.rglob("__init__.py")}
    deeper = {name for name in folders if re.search("/migrations/|/shopify/.|/management/.|/formats/.", name)}
    assert folders - deeper <= set(named)


def named_in_table(heading: str) -> dict[str, str]:
    """What the first column of a table lists -> the second column."""
    rows = re.findall(r"^\| (`.+?) \| `(.+?)` \|", architecture(heading), re.MULTILINE)
    return {name: function for names, function in rows for name in re.findall(r"`([^`]+)`", names)}


def test_the_table_of_topics_is_that_of_the_code():
    effects = {topic: f"{each.__module__}.{each.__name__}" for topic, each in topics.EFFECTS.items()}
    assert named_in_table("Webhook topic → what it leads to") == effects | {inbox.STOCK_TOPIC: "syncing.webhooks.inbox"}


def test_the_table_of_kinds_of_work_is_that_of_the_code():
    work = {kind.value: function.__name__ for kind, function in handlers.WORK.items()}
    assert named_in_table("Kind of work → the function that does it") == work
    assert set(work) == set(SyncJob.Kind.values)
