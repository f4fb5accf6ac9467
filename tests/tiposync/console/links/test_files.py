"""The file of links at the console and on the command line: out as a stream, in after a preview, as roles allow."""

import csv
import io
import re
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from stores import roles
from stores.models import Variant, VariantLink
from syncing.models import StockLink, SyncJob
from tests.support.console.people import give_role, member_of
from tests.support.console.press import forms_with, list_of, look_at
from tests.support.console.rows import NASTY, make_link, make_rows, make_variant

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTION = "main.myshopify.com:north.myshopify.com"
EXPORT, IMPORT = "/admin/stores/variantlink/export/", "/admin/stores/variantlink/import/"
State = VariantLink.State


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def mug(rows):
    make_variant(rows.destination, "Tasse", "TASSE")
    return make_link(rows.connection, "Mug", "MUG", is_linked=False)


def preview(client, text):
    """Paste a file's lines and press “Preview”; the page that follows."""
    (form,) = forms_with(look_at(client, IMPORT), "Preview")
    return client.post(IMPORT, form.inputs | {"text": text}).content.decode()


def look_again(client, text):
    """Send what the preview would, whether it has the button or not; the page that follows."""
    return client.post(IMPORT, {"_save": "1", "text": text}, follow=True).content.decode()


FILE = f"connection,source_sku,destination_sku,decision\n{CONNECTION},MUG,TASSE,link\n"


def test_the_list_goes_out_as_it_is_filtered(admin_client, rows, mug):
    assert EXPORT in look_at(admin_client, list_of("stores_variantlink"))
    answer = admin_client.get(EXPORT + "?state__exact=unmatched")
    assert answer["Content-Disposition"] == 'attachment; filename="links.csv"'
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeffconnection,source_handle,")
    assert len(text.splitlines()) == 2 and f"{CONNECTION}," in text and ",MUG," in text
    everything = b"".join(admin_client.get(EXPORT).streaming_content).decode()
    assert len(everything.splitlines()) == 3 and NASTY in everything


@pytest.mark.parametrize("query", ["", "?state__exact=unmatched", "?q=mug", "?state__exact=ignored", "?o=1&q=sock"])
def test_the_button_above_a_filtered_list_exports_as_many_lines_as_its_title_counts(admin_client, rows, mug, query):
    page = look_at(admin_client, list_of("stores_variantlink") + query)
    (address,) = set(re.findall(rf'href="({EXPORT}[^"]*)"', page))
    assert unescape(address) == EXPORT + query
    text = b"".join(admin_client.get(unescape(address)).streaming_content).decode()
    (counted,) = set(re.findall(r"\b(\d+) results?\b", page))
    assert len(list(csv.reader(io.StringIO(text)))) - 1 == int(counted)


def test_the_import_leads_back_to_the_list_as_it_was_filtered(admin_client, rows, mug):
    page = look_at(admin_client, list_of("stores_variantlink") + "?q=mug&p=1")
    (address,) = set(re.findall(rf'href="({IMPORT}[^"]*)"', page))
    assert f'href="{list_of("stores_variantlink")}?q=mug"' in look_at(admin_client, unescape(address))


def test_an_untouched_export_of_links_in_every_state_changes_nothing(admin_client, rows, mug):
    now = timezone.now()
    for state in State.values:
        make_link(rows.connection, f"A {state}", state, is_linked=state == State.LINKED, state=state)
    gone = make_link(rows.connection, "Gone", "GONE")
    Variant.objects.filter(pk__in=[gone.source_variant_id, gone.destination_variant_id]).update(gone_at=now)
    text = b"".join(admin_client.get(EXPORT).streaming_content).decode()
    count = VariantLink.objects.count()
    before = list(VariantLink.objects.order_by("pk").values())
    page = preview(admin_client, text)
    assert f"{count} lines, 0 changes. Nothing is saved yet." in page
    assert not forms_with(page, "Do this")
    assert "Taken from the file: nothing to do." in look_again(admin_client, text)
    assert list(VariantLink.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("line", ["else:where,,,\n", "1,GONE,,\n1,GONE,,\n", f"{CONNECTION},no such thing,,\n"])
def test_nothing_is_looked_up_for_lines_without_a_decision(admin_client, rows, mug, line):
    page = preview(admin_client, FILE + line)
    assert f"{1 + line.count(chr(10))} lines, 1 change. Nothing is saved yet." in page


def test_a_file_is_previewed_line_by_line_and_taken_when_a_person_says_so(admin_client, admin_user, rows, mug):
    page = preview(admin_client, FILE)
    assert "1 line, 1 change. Nothing is saved yet." in page and "Links Mug [MUG] to Tasse [TASSE]." in page
    mug.refresh_from_db()
    assert mug.state == State.UNMATCHED
    (form,) = forms_with(page, "Do this")
    page = admin_client.post(IMPORT, form.inputs | {"text": FILE}, follow=True).content.decode()
    assert "Taken from the file: 1 linked." in page
    mug.refresh_from_db()
    assert (mug.state, mug.reason) == (State.LINKED, "Linked by admin, from a file.")
    assert StockLink.objects.filter(variant_link=mug).count() == 1
    assert SyncJob.objects.filter(kind=SyncJob.Kind.CARRY_STOCK).count() == 1
    assert LogEntry.objects.get(object_id=mug.pk).user == admin_user


def test_an_uploaded_file_is_read_and_one_that_is_no_text_is_refused(admin_client, rows, mug):
    page = admin_client.post(IMPORT, {"file": io.BytesIO(b"\xef\xbb\xbf" + FILE.encode())}).content.decode()
    assert "Links Mug [MUG]" in page
    page = admin_client.post(
        IMPORT, {"file": io.BytesIO(FILE.replace("MUG", "MÜG").encode("latin-1"))}
    ).content.decode()
    assert "no UTF-8 text" in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Choose a file, or paste its lines."),
        (FILE.replace("TASSE", NASTY), "Line 2: North has no variant with the SKU"),
        (FILE.replace("link\n", "\n"), "No decision: left alone."),
    ],
)
def test_what_is_wrong_or_does_nothing_offers_nothing_to_confirm(admin_client, rows, mug, text, words):
    page = preview(admin_client, text)
    assert words in page and NASTY not in page
    assert not forms_with(page, "Do this")


def test_a_viewer_exports_and_a_support_agent_imports(rows, mug):
    viewer = member_of(roles.VIEWER, "colleague")
    page = look_at(viewer, list_of("stores_variantlink"))
    assert EXPORT in page and IMPORT not in page
    assert viewer.get(EXPORT).status_code == 200
    assert viewer.post(IMPORT, {"text": FILE, "_save": "1"}).status_code == 403
    assert viewer.post("/admin/stores/variantlink/accept/", {"pairs": f"{mug.pk}:1"}).status_code == 403
    give_role(User.objects.get(username="colleague"), roles.SUPPORT)
    assert IMPORT in look_at(viewer, list_of("stores_variantlink"))
    assert viewer.post(IMPORT, {"text": FILE, "_save": "1"}).status_code == 302
    mug.refresh_from_db()
    assert mug.state == State.LINKED


def test_somebody_without_any_role_exports_nothing(rows):
    User.objects.create_user("stranger", is_staff=True)
    client = Client()
    client.force_login(User.objects.get(username="stranger"))
    assert client.get(EXPORT).status_code == 403


# --- The command line


def run(*arguments):
    out = io.StringIO()
    call_command("link_products", CONNECTION, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_line_writes_and_takes_the_same_file(rows, mug, tmp_path):
    name = str(tmp_path / "links.csv")
    assert "2 links." in run("--export", name)
    (tmp_path / "links.csv").write_text(FILE)
    said = run("--import", name, "--dry-run")
    assert "Line 2: Links Mug [MUG] to Tasse [TASSE]." in said and "1 links would change." in said
    mug.refresh_from_db()
    assert mug.state == State.UNMATCHED
    assert "1 links changed." in run("--import", name)
    mug.refresh_from_db()
    assert mug.state == State.LINKED
    assert StockLink.objects.filter(variant_link=mug).count() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILE.replace(CONNECTION, "else:where"), "line 2 is about another connection"),
        (FILE.replace("TASSE", "XXX"), "Line 2: North has no variant"),
        ("", "The file is empty."),
    ],
)
def test_the_command_line_refuses_a_bad_file_as_a_whole(rows, mug, tmp_path, text, words):
    (tmp_path / "links.csv").write_text(text)
    with pytest.raises(CommandError, match=words):
        run("--import", str(tmp_path / "links.csv"))
    with pytest.raises(CommandError, match="No such file"):
        run("--import", str(tmp_path / "missing.csv"))
