"""What comments and pages point at is there: documents, their sections, links, rows of the simulator."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN_NAME = Path(__file__).name
# shopify.md 7.3, and the lists that comments make of it: shopify.md 3.2 to 3.5, shopify.md 7.2, 7.3
SECTION = re.compile(r"\bshopify\.md (\d+(?:\.\d+)?(?:(?:, | to | and )\d+(?:\.\d+)?)*)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
DOCUMENT = re.compile(r"(?<![\w/.-])((?:docs|tests|stores|orders|syncing|tiposync)/[\w/.-]+?\.md)\b")
ROW = re.compile(r"\b[Rr]ows? (\d+)(?: (?:to|and) (\d+))? of tests/simulator/README\.md")
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
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
