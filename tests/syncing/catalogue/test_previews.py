"""A preview says what the run would do, and writes nothing: neither into a store nor among what we remember."""

from collections.abc import Callable

import pytest
from django.db import connection as db

from stores.models import Connection, ProductLink, Variant, VariantLink
from stores.shopify.errors import ShopifyError
from syncing.catalogue import twins
from syncing.connections.product_matching import match_product
from syncing.models import CatalogueRun
from tests.support.catalogue.showroom import Showroom

IDENTIFIERS = ("sku", "barcode", "handle")
REMEMBERED = (
    "stores_productlink",
    "stores_variantlink",
    "stores_variantlink_candidates",
    "stores_variant",
    "stores_resourcelink",
    "stores_filelink",
    "syncing_stocklink",
    "syncing_syncjob",
)
EMPTIED = "|| jsonb_build_object('fingerprint', '')"  # which is how a product is read once more


def remembered() -> dict[str, list]:
    with db.cursor() as cursor:
        found = {}
        for table in REMEMBERED:
            cursor.execute(f"SELECT to_jsonb(row) {EMPTIED} AS said FROM {table} row ORDER BY 1")
            found[table] = cursor.fetchall()
        return found


class Foresight:
    """A lamp that two sources hold, in a destination whose webhooks are lost; one of the sources asks first."""

    def __init__(self, first: Showroom, identifier: str) -> None:
        self.first, self.second, self.identifier = first, first.second_source(), identifier
        for place in first.world.places:
            place.lose_webhooks()

    def add(self, room: Showroom, handle: str, number: str = "L-1", place=None) -> str:
        own = handle if self.identifier == "handle" or room is self.first else f"{handle}-of-the-second"
        given = {} if self.identifier == "handle" else {self.identifier: number}
        row = {"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00"} | given
        return room.add(handle.capitalize(), place, handle=own, variants=[row], stock=5)

    def told(self, run: CatalogueRun) -> list[tuple]:
        """What it says of each; not whether that is done yet."""
        rows = run.items.order_by("source_gid").values_list("source_gid", "action", "failure", "outcome")
        return [(gid, action, failure, outcome == "failed") for gid, action, failure, outcome in rows]

    def foretold(self, room: Showroom, kind: str = "all") -> list[tuple]:
        """The preview's items, which are the run's, and nothing was written."""
        before, writes = remembered(), room.writes
        preview = room.run(kind, is_preview=True)
        assert preview.state == "finished"
        assert (remembered(), room.writes) == (before, writes)
        run = room.run(kind)
        assert self.told(preview) == self.told(run), (
            list(preview.items.values("title", "action", "outcome", "reason")),
            list(run.items.values("title", "action", "outcome", "reason")),
        )
        return self.told(run)


@pytest.fixture
def foresight(showroom):
    return lambda identifier="sku", **fields: Foresight(showroom(identifier=identifier, **fields), identifier)


def age() -> None:
    for link in ProductLink.objects.filter(state="creating"):
        ProductLink.objects.filter(pk=link.pk).update(changed_at=link.changed_at - twins.LONGEST)


def add_matched(both) -> tuple[str, str]:
    """A lamp of each source, which both are known and matched."""
    lamp, twin = both.add(both.first, "lamp"), both.add(both.second, "lamp")
    for room, gid in ((both.first, lamp), (both.second, twin)):
        match_product(room.source.store, gid)
    return lamp, twin


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("was_matched", [True, False])
def test_what_another_source_has_made_is_a_conflict_and_nothing_to_be_made(foresight, identifier, was_matched):
    both = foresight(identifier)
    lamp, twin = both.add(both.first, "lamp"), both.add(both.second, "lamp")
    match_product(both.first.source.store, lamp)
    if was_matched:
        match_product(both.second.source.store, twin)
    both.first.run()
    assert both.foretold(both.second) == [(twin, "skip", "unmatched", True)]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_what_another_source_is_making_is_a_conflict(foresight, identifier):
    both = foresight(identifier)
    lamp, twin = add_matched(both)
    both.first.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        both.first.carry(lamp)
    before = remembered()
    preview = both.second.run(is_preview=True)
    assert (preview.state, both.told(preview)) == ("finished", [(twin, "skip", "unmatched", True)])
    assert twins.IS_BEING_MADE in preview.items.get().reason
    assert remembered() == before
    age()
    assert both.foretold(both.second) == [(twin, "skip", "unmatched", True)]


def test_what_came_of_nothing_is_made(foresight):
    both = foresight()
    lamp, twin = add_matched(both)
    both.first.destination.fault("refuse_before", match="productSet")
    with pytest.raises(ShopifyError):
        both.first.carry(lamp)
    Connection.objects.filter(pk=both.first.connection.pk).update(is_paused=True)
    age()
    assert both.foretold(both.second) == [(twin, "create", "", False)]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_what_a_connection_has_left_behind_that_was_ended_is_a_partner(foresight, identifier):
    both = foresight(identifier)
    lamp, twin = add_matched(both)
    both.first.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        both.first.carry(lamp)
    Connection.objects.filter(pk=both.first.connection.pk).update(state="ended")
    age()
    [(gid, action, _, is_failed)] = both.foretold(both.second)
    assert (gid, is_failed) == (twin, False)
    assert action in ("update", "equal")


def forget_all(both: Foresight, lamp: str) -> None:
    """Nothing of the source was ever matched."""
    Variant.objects.filter(store=both.first.source.store).delete()


def forget_sku(both: Foresight, lamp: str) -> None:
    """It was matched under another identifier."""
    keys = {"sku": "", "sku_key": "", "barcode": "", "barcode_key": "", "handle": "before", "handle_key": "before"}
    Variant.objects.filter(store=both.first.source.store).update(**keys)
    VariantLink.objects.all().delete()


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("forget", [forget_all, forget_sku])
def test_the_destinations_own_of_which_the_source_has_not_told(
    foresight, identifier, forget: Callable[[Foresight, str], None]
):
    both = foresight(identifier)
    lamp = both.add(both.first, "lamp")
    match_product(both.first.source.store, lamp)
    own = both.add(both.first, "lamp", place=both.first.destination)
    forget(both, lamp)
    match_product(both.first.destination.store, own)
    [(gid, action, _, is_failed)] = both.foretold(both.first)
    assert (gid, action, is_failed) == (lamp, "update", False)
    assert both.first.link(lamp).destination_gid == own


def test_a_handle_that_the_destinations_own_product_has_is_a_conflict(foresight):
    both = foresight()
    lamp = both.add(both.first, "lamp")
    match_product(both.first.source.store, lamp)
    match_product(both.first.destination.store, both.add(both.first, "lamp", "other", both.first.destination))
    assert both.foretold(both.first) == [(lamp, "skip", "unmatched", True)]


def test_a_handle_that_another_source_has_gets_a_number(foresight):
    both = foresight()
    lamp, other = both.add(both.first, "lamp"), both.second.add("Lamp", handle="lamp")
    match_product(both.first.source.store, lamp)
    match_product(both.second.source.store, other)
    both.first.run()
    preview = both.second.run(is_preview=True)
    assert "here it is “lamp-1”" in preview.items.get().reason
    assert both.foretold(both.second) == [(other, "create", "", False)]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_what_was_let_go_of_and_made_again_is_taken_up(foresight, identifier):
    both = foresight(identifier)
    lamp = both.add(both.first, "lamp")
    match_product(both.first.source.store, lamp)
    both.first.run()
    both.first.delete(lamp)
    both.first.run()
    assert both.first.link(lamp).state == "unlinked"
    again = both.add(both.first, "lamp")
    assert both.foretold(both.first) == [(again, "relink", "", False)]
