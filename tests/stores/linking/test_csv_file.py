"""The file of links: its cells and its lines, what each line does, and that all of it happens or nothing."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.linking import csv_file, csv_import
from stores.linking.csv_file import COLUMNS, LinkFileError, LinkRow, escape_cell, parse_rows, read_text, unescape_cell
from stores.models import VariantLink
from tests.support.console.rows import make_link, make_rows, make_store, make_variant
from tiposync.console.links.resource import import_links

State = VariantLink.State
CONNECTION = "main.myshopify.com:north.myshopify.com"
HEADER = "connection,source_sku,destination_sku,destination_gid,decision"


# --- Cells and lines


@given(st.text() | st.text("=+-@;,\t\r\n'\" a"))
def test_every_cell_comes_back_as_it_went_out(text):
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''@x", " =1", '"=1'])
def test_nothing_that_a_spreadsheet_would_run_goes_out(text):
    assert escape_cell(text) == f"'{text}"


@given(st.lists(st.text("=+-@;,\t\r\n'\" a1"), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_no_cell_begins_a_formula_whatever_parts_the_cells(row):
    text = "".join(csv_file.write_lines([row])).removeprefix("\ufeff")
    for delimiter in ",;\t":
        cells = [cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in line]
        cells += text.replace("\r", "\n").replace("\n", delimiter).split(delimiter)  # where quotes count for nothing
        assert [cell for cell in cells if cell.lstrip('" ').startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("text", ["a", "1-2", "'a", "", "a; b", "x,y"])
def test_other_cells_go_out_as_they_are(text):
    assert escape_cell(text) == text


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(delimiter, begin, end):
    lines = [["Decision", "connection", "source_sku", "notes"], ["Link", CONNECTION, "'-7", "mine"], ["", "", "", ""]]
    text = begin + end.join(delimiter.join(line) for line in lines)
    assert parse_rows(read_text(text.encode())) == [LinkRow(2, CONNECTION, source_sku="-7", decision="Link")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty."),
        (b"connection,decision,source_sku\n", "no lines"),
        (b"a,b\n1,2\n", "The column “connection” is missing."),
        (b"connection,decision\n1,link\n", "No column tells the source variant"),
        (b"connection,decision,source_sku,source_sku\n1,,,\n", "is there twice"),
        (b"connection,decision,source_sku\n1,link,A,B\n", "Line 2: more cells"),
        (b'connection,decision,source_sku\n1,link,"A\n', "this is no CSV file"),
        ("connection,decision,source_sku\n1,,Ä".encode("latin-1"), "no UTF-8 text"),
        ("connection,decision,source_sku\n1,,A".encode("utf-16"), "no UTF-8 text"),
        (b"PK\x03\x04\x00\x00\x00", "no UTF-8 text"),
        (b"connection,decision,source_sku\n" + b"1,ignore,A\n" * 20_001, "At most 20,000 decisions"),
    ],
)
def test_what_is_no_file_of_links_is_refused_in_words(data, words):
    with pytest.raises(LinkFileError, match=words):
        parse_rows(read_text(data))


@given(st.lists(st.lists(st.text(), min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=5))
def test_a_file_is_read_back_cell_by_cell(rows):
    text = "".join(csv_file.write_lines(rows))
    found = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert found[0] == list(COLUMNS)
    assert [[unescape_cell(cell) for cell in row] for row in found[1:]] == rows


# --- What lines do


@pytest.fixture
def rows(db):
    return make_rows()


def take(*lines, dry_run=False, header=HEADER):
    return import_links(parse_rows("\n".join([header, *lines])), "ada", dry_run)


def state_of(link):
    link.refresh_from_db()
    return link.state, link.destination_variant and link.destination_variant.sku, link.is_manual


def open_link(rows, sku="MUG"):
    return make_link(rows.connection, "Mug", sku, is_linked=False, state="ambiguous")


def test_a_line_links_ignores_clears_or_does_nothing(rows):
    mug, cup, jar = (open_link(rows, sku) for sku in ("MUG", "CUP", "JAR"))
    make_variant(rows.destination, "Tasse", "TASSE")
    found = take(
        f"{CONNECTION},MUG,TASSE,,link",
        f"{rows.connection.pk},CUP,,,IGNORE",
        f"{CONNECTION},SOCK-1,,,clear",
        f"{CONNECTION},JAR,,,",
    )
    assert state_of(mug) == (State.LINKED, "TASSE", True)
    assert state_of(cup) == (State.IGNORED, None, True)
    assert state_of(jar)[0] == State.AMBIGUOUS
    assert state_of(rows.link)[2] is False
    assert [change.effect for change in found.changes] == ["link", "ignore", "clear", "nothing"]
    assert mug.reason == "Linked by ada, from a file."
    assert found.connections == [rows.connection]


def test_a_cleared_link_is_matched_again_at_once(rows):
    VariantLink.objects.update(state=State.IGNORED, is_manual=True, destination_variant=None)
    rows.connection.identifier = "sku"
    rows.connection.save()
    take(f"{CONNECTION},SOCK-1,,,clear")
    assert state_of(rows.link) == (State.LINKED, "SOCK-1", False)


def test_a_preview_says_what_each_line_would_do_and_changes_nothing(rows):
    mug = open_link(rows)
    make_variant(rows.destination, "Tasse", "TASSE")
    found = take(f"{CONNECTION},MUG,TASSE,,link", f"{CONNECTION},SOCK-1,,,", dry_run=True)
    assert [change.words for change in found.changes] == [
        "Links Mug [MUG] to Tasse [TASSE].",
        "No decision: left alone.",
    ]
    assert state_of(mug)[0] == State.AMBIGUOUS


def test_variants_are_named_by_gid_before_anything_else(rows):
    mug = open_link(rows)
    wanted = make_variant(rows.destination, "Tasse", "SAME")
    make_variant(rows.destination, "Tasse", "SAME")
    take(f"{CONNECTION},MUG,SAME,{wanted.gid.rsplit('/', 1)[-1]},link")
    assert (state_of(mug)[0], mug.destination_variant) == (State.LINKED, wanted)


def test_a_variant_that_was_never_matched_gets_its_link(rows):
    make_variant(rows.source, "New", "NEW")
    make_variant(rows.destination, "Neu", "NEU")
    take(f"{CONNECTION},NEW,NEU,,link")
    assert VariantLink.objects.get(source_variant__sku="NEW").destination_variant.sku == "NEU"


def test_two_links_swap_their_partners(rows):
    other = make_link(rows.connection, "Mug", "MUG")
    take(f"{CONNECTION},SOCK-1,MUG,,link", f"{CONNECTION},MUG,SOCK-1,,link")
    assert (state_of(rows.link)[1], state_of(other)[1]) == ("MUG", "SOCK-1")


def test_a_partner_that_the_same_file_lets_go_of_may_be_taken(rows):
    mug = open_link(rows)
    take(f"{CONNECTION},MUG,SOCK-1,,link", f"{CONNECTION},SOCK-1,,,ignore")
    assert (state_of(mug)[1], state_of(rows.link)[0]) == ("SOCK-1", State.IGNORED)


def test_what_went_out_comes_back_and_does_nothing(rows):
    make_link(rows.connection, '=HYPERLINK("x")', "-5", is_linked=False)
    text = "".join(csv_file.write_lines(csv_import.export_rows(VariantLink.objects.order_by("pk"))))
    assert "'=HYPERLINK" in text and "'-5" in text
    found = import_links(parse_rows(text), "ada", dry_run=False)
    assert [change.effect for change in found.changes] == ["nothing", "nothing"]
    assert found.changes[1].row.source_sku == "-5"


BAD = {
    "nowhere:north,MUG,TASSE,,link": "There is no connection “nowhere:north”",
    f"{CONNECTION},MUG,TASSE,,delete": "none of link, ignore, clear or blank",
    f"{CONNECTION},XXX,TASSE,,link": "Main has no variant with the SKU “XXX”.",
    f"{CONNECTION},MUG,XXX,,link": "North has no variant with the SKU “XXX”.",
    f"{CONNECTION},MUG,,,link": "No variant of North is named",
    f"{CONNECTION},,TASSE,,link": "No variant of Main is named",
    f"{CONNECTION},MUG,,gid://shopify/ProductVariant/999,link": "North has no variant gid",
    f"{CONNECTION},MUG,,{'9' * 5000},link": "North has no variant",
    f"{CONNECTION},MUG,SOCK-1,,link": "is already linked to",
    f"{CONNECTION},MUG,TWICE,,link": "2 variants of North have the SKU “TWICE”",
    f"{CONNECTION},MUG,,{{source_gid}},link": "belongs to Main, not to North",
    f"{CONNECTION},MUG,,{{gone_gid}},link": "was deleted in North",
}


@pytest.mark.parametrize("line", BAD)
def test_one_bad_line_says_why_and_the_whole_file_is_left_alone(rows, line):
    mug, cap = open_link(rows), make_link(rows.connection, "Cap", "CAP")
    for sku in ("TASSE", "TWICE", "TWICE"):
        make_variant(rows.destination, sku, sku)
    gone = make_variant(rows.destination, "Gone", gone_at="2026-01-01T00:00Z")
    with pytest.raises(LinkFileError) as refused:
        take(f"{CONNECTION},CAP,,,ignore", line.format(source_gid=mug.source_variant.gid, gone_gid=gone.gid))
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith("Line 3: ") and BAD[line] in refused.value.problems[0]
    assert (state_of(cap)[0], state_of(mug)[0]) == (State.LINKED, State.AMBIGUOUS)


def test_lines_that_contradict_each_other_are_refused(rows):
    open_link(rows)
    open_link(rows, "CUP")
    make_variant(rows.destination, "Tasse", "TASSE")
    with pytest.raises(LinkFileError, match="Line 3: Line 2 is about the same variant."):
        take(f"{CONNECTION},MUG,TASSE,,link", f"{CONNECTION},MUG,,,ignore")
    with pytest.raises(LinkFileError, match="Line 3: Line 2 links the same partner"):
        take(f"{CONNECTION},MUG,TASSE,,link", f"{CONNECTION},CUP,TASSE,,link")


def test_a_partner_that_another_store_s_connection_has_is_refused(rows):
    other = make_store("Other", "source")
    second = type(rows.connection).objects.create(source=other, destination=rows.destination)
    make_variant(other, "Mine", "MINE")
    with pytest.raises(LinkFileError, match="already linked to .* of Main"):
        take(f"{second.pk},MINE,SOCK-1,,link")


def test_many_lines_take_as_many_queries_as_a_few(rows, django_assert_max_num_queries):
    for number in range(40):
        open_link(rows, f"S-{number}")
        make_variant(rows.destination, "There", f"D-{number}")
    with django_assert_max_num_queries(35):
        take(*(f"{CONNECTION},S-{number},D-{number},,link" for number in range(40)))
    assert VariantLink.objects.filter(state=State.LINKED, is_manual=True).count() == 40
