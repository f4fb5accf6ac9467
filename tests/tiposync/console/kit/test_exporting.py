"""The button that takes out what a list shows: as many lines as its title says, whatever it is filtered by."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from syncing.models import SyncJob
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_job, make_rows
from tests.tiposync.console.kit.test_date_range import LISTS, link_called
from tests.tiposync.console.kit.test_previews import file_of

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def press_export(client, url: str) -> list[list[str]]:
    """Press the button above the list; the lines of the file."""
    link = re.search(r'href="([^"]*/export/[^"]*)"', look_at(client, url))
    assert link, f"no “Export to CSV” on {url}"
    return file_of(client.get(unescape(link[1])))


@pytest.mark.parametrize("model", LISTS)
def test_a_file_has_the_rows_that_the_list_shows(admin_client, model):
    table, field, make = LISTS[model]
    rows = make_rows()
    made = [make(rows).pk for _ in range(3)]
    table._default_manager.filter(pk=made[0]).update(**{field: OLD})
    url = list_of(model)
    today = link_called(look_at(admin_client, url), "Today")
    found = {}
    for query in ("", today, f"?{field}_to_0=2026-01-31", "?q=nothing-is-called-that", "?o=1"):
        listed = admin_client.get(url + query).context_data["cl"]
        found[query] = len(press_export(admin_client, url + query))
        assert found[query] == len(listed.queryset), query
    assert list(found.values()) == [3, 2, 1, 0, 3]


def test_a_line_says_what_the_row_says_with_whole_instants_and_no_formula(admin_client):
    job = make_job(make_rows().connection, message="=1+1 & <b>bold</b>")
    SyncJob.objects.filter(pk=job.pk).update(finished_at=OLD)
    line = press_export(admin_client, list_of("syncing_syncjob"))[0]
    assert "2026-01-02T03:04:05+00:00" in line
    assert any(cell.startswith("'=1+1 & ") for cell in line) and "Failed" in line


@pytest.mark.parametrize("model", [*LISTS, "stores_variantlink", "syncing_stockhold"])
def test_an_address_that_no_list_has_is_not_found(admin_client, model):
    far = "9" * 40
    for query in (f"connection={far}", f"q={far}&p={far}&o={far}", "nothing__such=1"):
        assert admin_client.get(f"{list_of(model)}export/?{query}").status_code in (200, 404), query
    assert admin_client.get(f"{list_of(model)}export/?nothing__such=1").status_code == 404
