"""A command saves what it was told, and nothing that a worker wrote while it was at it."""

from django.core.management import call_command
from django.utils import timezone

from stores.models import CatalogueSettings
from tests.support.fixtures import NORTH, SOURCE
from tiposync.console.management.commands import set_catalogue

PAIR = f"{SOURCE}:{NORTH}"


def test_a_catalogue_that_is_set_up_keeps_how_far_it_was_read_meanwhile(source_store, north_store, monkeypatch):
    call_command("connect_stores", SOURCE, NORTH)
    call_command("set_catalogue", PAIR, "--products", "create_update")
    at = timezone.now()
    set_up = set_catalogue.Command._set

    def read_meanwhile(command, settings, options):
        CatalogueSettings.objects.update(products_compared_at=at)
        set_up(command, settings, options)

    monkeypatch.setattr(set_catalogue.Command, "_set", read_meanwhile)
    call_command("set_catalogue", PAIR, "--percent", "10")
    settings = CatalogueSettings.objects.get()
    assert (settings.price_percent, settings.products_compared_at) == (10, at)
