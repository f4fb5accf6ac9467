"""A command that somebody waits for asks a store that rests all the same, as the page of the console does."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from stores.models import Connection, Store, StoreTrouble
from tests.support.fixtures import NORTH, SOURCE

PAIR = f"{SOURCE}:{NORTH}"
COMMANDS = {
    "connect_stores": ("connect_stores", SOURCE, NORTH, "--map-by-name", "--preview"),
    "connect_stores anew": ("connect_stores", SOURCE, NORTH, "--map-by-name"),
    "reconcile": ("reconcile", PAIR, "--preview"),
    "link_products": ("link_products", PAIR, "--match"),
    "set_catalogue": ("set_catalogue", PAIR, "--channels", "all"),
}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_turned_away_by_no_rest_and_its_answers_end_the_trouble(source_store, north_store, name):
    if name != "connect_stores anew":
        run("connect_stores", SOURCE, NORTH, "--map-by-name")
    if name == "reconcile":
        run("link_products", PAIR, "--match")
        Connection.objects.get().start()
    until = timezone.now() + timedelta(minutes=5)
    StoreTrouble.objects.all().delete()
    StoreTrouble.objects.bulk_create(
        StoreTrouble(store=store, is_write=way, failed_calls=2, failed_since=timezone.now(), rests_until=until)
        for store in Store.objects.all()
        for way in (False, True)
    )
    run(*COMMANDS[name])
    reads = StoreTrouble.objects.get(store=north_store, is_write=False)
    assert (reads.failed_calls, reads.rests_until) == (0, None)
