"""The page of a run shows the bulk operations that it led to, and ends them."""

import re

from tests.support.catalogue.bulk import Repricing
from tests.support.console.press import look_at, page_of, press


def cells_of(page: str) -> list[str]:
    """Of the table's only row, without marks."""
    table = page.split("<h2>Bulk operations</h2>")[1].split("</table>")[0]
    row = table.split("<tbody>")[1]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
    ]


def test_a_run_shows_its_bulk_operations_with_their_lines(admin_client, showroom, settings):
    prepared = Repricing(showroom(), settings, 3)
    gid = prepared.room.link(prepared.gids[0]).destination_gid
    prepared.room.destination.fault("internal_error_before", match="bulk_line", naming=gid)
    run = prepared.run()
    what, state, started, *numbers = cells_of(look_at(admin_client, page_of(run)))
    assert (what, state, numbers) == ("Prices and other fields of variants", "Done", ["3", "3", "2", "1"])
    assert started == "just now"


def test_a_run_without_bulk_operations_says_nothing_of_them(admin_client, showroom, settings):
    run = Repricing(showroom(), settings, 2, least=3).run()
    assert "Bulk operations" not in look_at(admin_client, page_of(run))


def test_cancel_ends_the_operation_at_shopify_as_well(admin_client, showroom, settings):
    prepared = Repricing(showroom(), settings, 3)
    prepared.room.destination.shop.knobs.bulk_line_seconds = 60.0
    run = prepared.begin()
    prepared.room.sweep()
    assert cells_of(look_at(admin_client, page_of(run)))[1] == "Running at Shopify"
    press(admin_client, page_of(run), "Cancel")
    prepared.end(run)
    assert (run.state, run.bulk_operations.get().state) == ("cancelled", "cancelled")
    assert cells_of(look_at(admin_client, page_of(run)))[1] == "Cancelled"
