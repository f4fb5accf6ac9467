"""Two sources of one destination that hold the same product: it exists once there, and follows the one that made it.

The destination's webhooks are lost throughout: what one connection has made, or is making, the other compares.
"""

from collections import Counter

import pytest
from django.db import connection as db
from django.test.utils import CaptureQueriesContext

from stores.linking import linking
from stores.models import Connection, ProductLink, Variant, VariantLink
from stores.shopify.errors import ShopifyError
from syncing.catalogue import twins
from syncing.catalogue.bulk import following
from syncing.catalogue.exclusive import Busy
from syncing.connections.product_matching import match_product
from tests.support.catalogue.bulk import FirstSync
from tests.support.catalogue.showroom import Showroom

EFFECTS_COUNT = 24  # of one worker that makes a product, at most
IDENTIFIERS = ("sku", "barcode", "handle")


class Pair:
    """A lamp of both sources, known by the identifier; nothing of the destination is ever heard of."""

    def __init__(self, first: Showroom, identifier: str = "sku") -> None:
        self.first, self.second, self.identifier = first, first.second_source(), identifier
        self.made: Counter = Counter()
        first.sim.on_after_commit.append(self._note)
        self.rooms = (self.first, self.second)
        self.gids = (self.add(self.first, "lamp"), self.add(self.second, "lamp"))
        for place in first.world.places:
            place.lose_webhooks()

    def _note(self, shop, name, arguments) -> None:
        if name == "productSet" and shop is self.first.destination.shop and not arguments.get("identifier"):
            self.made[arguments["input"]["handle"]] += 1

    def add(self, room: Showroom, handle: str, sku: str = "L-1") -> str:
        """Under a handle of its own, unless that is what identifies."""
        given = {"sku": {"sku": sku}, "barcode": {"barcode": sku}, "handle": {}}[self.identifier]
        own = handle if self.identifier == "handle" or room is self.first else f"{handle}-of-the-second"
        row = {"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00"} | given
        gid = room.add(f"{handle} {room.number}", handle=own, variants=[row], stock=5)
        match_product(room.source.store, gid)
        return gid

    def carry(self, number: int) -> None:
        self.rooms[number].carry(self.gids[number])

    def carry_until_done(self, number: int) -> None:
        """As its job is tried again and again."""
        for _ in range(10):
            try:
                self.carry(number)
            except (Busy, ShopifyError):
                self.age()
                continue
            return
        raise AssertionError("It is tried for ever.")

    def age(self) -> None:
        """Nobody has come back to what was begun for a long while."""
        rows = ProductLink.objects.filter(state="creating")
        for link in rows:
            ProductLink.objects.filter(pk=link.pk).update(changed_at=link.changed_at - twins.LONGEST)

    def link(self, number: int) -> ProductLink:
        return self.rooms[number].link(self.gids[number])

    def is_once(self, maker: int) -> bool:
        """Whether it is there once, follows its maker, and the other says whose it is."""
        other = 1 - maker
        assert len(self.first.handles()) == 1, self.first.handles()
        assert sum(self.made.values()) == 1, self.made
        own, link = self.link(maker), self.link(other)
        assert (own.state, own.is_created, own.destination_gid) == (
            "linked",
            True,
            self.first.there(self.first.handles()[0]).gid,
        )
        assert link.state == "conflict", (link.state, link.reason)
        assert "already" in link.reason, link.reason
        assert str(self.rooms[maker].connection.source) in link.reason
        linked = VariantLink.objects.filter(state="linked").values_list("connection", flat=True)
        assert list(linked) == [self.rooms[maker].connection.pk]
        return True


@pytest.fixture
def pair_of(showroom):
    return lambda identifier="sku": Pair(showroom(identifier=identifier), identifier)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("maker", [0, 1])
def test_what_one_source_has_made_is_not_made_once_more_for_the_other(pair_of, identifier, maker):
    pair = pair_of(identifier)
    pair.carry(maker)
    pair.carry(1 - maker)
    assert pair.is_once(maker)
    pair.carry_until_done(maker)
    pair.carry_until_done(1 - maker)
    assert pair.is_once(maker)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_end_is_the_same_where_the_webhook_comes_between_the_two(pair_of, identifier):
    pair = pair_of(identifier)
    pair.carry(0)
    match_product(pair.first.destination.store, pair.link(0).destination_gid)
    pair.carry(1)
    assert pair.is_once(0)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("maker", [0, 1])
@pytest.mark.parametrize("after", [False, True])
def test_while_one_makes_it_the_other_waits(pair_of, identifier, maker, after):
    pair = pair_of(identifier)
    seen = []

    def begin() -> None:
        try:
            pair.carry(1 - maker)
        except Busy as busy:
            seen.append(str(busy))

    pair.first.world.meanwhile("productSet", begin, after=after)
    pair.carry(maker)
    assert len(seen) == 1
    pair.carry(1 - maker)
    assert pair.is_once(maker)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("maker", [0, 1])
@pytest.mark.parametrize("reads_all", [False, True])
def test_what_is_heard_of_a_product_before_its_maker_has_linked_it_gives_it_to_nobody_else(
    pair_of, identifier, maker, reads_all
):
    pair = pair_of(identifier)
    heard = []

    def hear() -> None:
        gid = pair.first.there(pair.first.handles()[0]).gid
        if reads_all:
            linking.refresh_catalogue(pair.first.destination.store)
            linking.match_connection(pair.rooms[1 - maker].connection)
        else:
            match_product(pair.first.destination.store, gid)
        heard.append(gid)

    pair.first.world.meanwhile("productSet", hear, after=True)
    pair.carry(maker)
    assert len(heard) == 1
    pair.carry(1 - maker)
    assert pair.is_once(maker)


def test_a_handle_alone_makes_no_other_product_the_makers(pair_of):
    """Nothing came of a creation, and its connection is paused; then the destination gets its own of that handle."""
    pair = pair_of()
    pair.first.destination.fault("refuse_before", match="productSet")
    with pytest.raises(ShopifyError):
        pair.carry(0)
    Connection.objects.filter(pk=pair.first.connection.pk).update(is_paused=True)
    chair = pair.add(pair.second, "chair", sku="C-1")
    row = {"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00", "sku": "C-1"}
    own = pair.first.add("A chair", pair.first.destination, handle="lamp", variants=[row])
    match_product(pair.first.destination.store, own)
    link = VariantLink.objects.get(connection=pair.second.connection, source_variant__product_gid=chair)
    assert (link.state, link.reason) == ("linked", "")


def test_what_a_maker_that_has_ended_was_making_is_anybodys(pair_of):
    pair = pair_of()
    pair.first.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        pair.carry(0)
    gid = pair.first.there(pair.first.handles()[0]).gid
    Connection.objects.filter(pk=pair.first.connection.pk).update(state="ended")
    match_product(pair.first.destination.store, gid)
    linked = VariantLink.objects.filter(state="linked").values_list("connection", flat=True)
    assert list(linked) == [pair.second.connection.pk]


@pytest.mark.parametrize("maker", [0, 1])
@pytest.mark.parametrize("comes_back", [True, False])
def test_one_whose_answer_was_lost_is_waited_for(pair_of, maker, comes_back):
    pair = pair_of()
    pair.first.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        pair.carry(maker)
    with pytest.raises(Busy):
        pair.carry(1 - maker)
    if comes_back:
        pair.carry(maker)
        pair.carry(1 - maker)
    else:
        pair.age()
        pair.carry(1 - maker)
        assert pair.link(1 - maker).state == "conflict"
        assert pair.link(maker).destination_gid == pair.first.there(pair.first.handles()[0]).gid
        pair.first.sweep()
    assert len(pair.first.handles()) == 1
    assert (pair.link(maker).state, pair.link(1 - maker).state) == ("linked", "conflict")


def test_what_was_never_made_holds_nobody_up_for_long(pair_of):
    pair = pair_of()
    pair.first.destination.fault("refuse_before", match="productSet")
    with pytest.raises(ShopifyError):
        pair.carry(0)
    with pytest.raises(Busy):
        pair.carry(1)
    Connection.objects.filter(pk=pair.first.connection.pk).update(is_paused=True)
    pair.age()
    pair.carry(1)
    Connection.objects.filter(pk=pair.first.connection.pk).update(is_paused=False)
    pair.carry_until_done(0)
    assert pair.is_once(1)


def test_what_a_connection_has_left_behind_that_was_ended_is_a_partner_like_any_other(pair_of):
    pair = pair_of()
    pair.first.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        pair.carry(0)
    Connection.objects.filter(pk=pair.first.connection.pk).update(state="ended")
    pair.age()
    pair.carry(1)
    assert len(pair.first.handles()) == 1
    assert pair.link(1).state == "linked"


@pytest.mark.parametrize("maker", [0, 1])
@pytest.mark.parametrize("effect", range(1, EFFECTS_COUNT + 1))
def test_a_worker_that_dies_before_any_effect_leaves_one_product(pair_of, effect, maker):
    pair = pair_of()
    with pair.first.world.worker_that_dies(effect) as death:
        pair.carry(maker)
    assert effect < EFFECTS_COUNT or not death.is_over, "It has more effects than are tried."
    pair.carry_until_done(1 - maker)
    pair.carry_until_done(maker)
    pair.carry_until_done(1 - maker)
    states = {pair.link(0).state, pair.link(1).state}
    assert (len(pair.first.handles()), states) == (1, {"linked", "conflict"})
    assert sum(pair.made.values()) == 1


def test_different_products_are_neither_blocked_nor_slowed(pair_of):
    pair = pair_of()
    other = pair.add(pair.second, "chair", sku="C-1")
    done = []
    pair.first.world.meanwhile("productSet", lambda: done.append(pair.second.carry(other)))
    pair.carry(0)
    assert (len(done), pair.second.link(other).state, pair.link(0).state) == (1, "linked", "linked")
    assert len(pair.first.handles()) == 2


@pytest.mark.parametrize("identifier", ["sku", "barcode"])
def test_what_identifies_nothing_is_nobodys(pair_of, identifier):
    pair = pair_of(identifier)
    gids = [pair.add(room, "stool", sku="n/a") for room in pair.rooms]
    for room, gid in zip(pair.rooms, gids, strict=True):
        room.carry(gid)
    assert len(pair.first.handles()) == 2


def test_who_ignores_its_variants_may_have_it_made(pair_of):
    pair = pair_of()
    pair.carry(0)
    pair.carry(1)
    VariantLink.objects.filter(connection=pair.second.connection).update(state="ignored", is_manual=True)
    pair.carry(1)
    assert len(pair.first.handles()) == 2


def test_two_statements_tell_that_there_is_no_other(pair_of):
    pair = pair_of()
    gid = pair.add(pair.second, "chair", sku="C-1")
    with CaptureQueriesContext(db) as captured:
        pair.second.carry(gid)
    asked = [row["sql"] for row in captured if "UNION ALL" in (row["sql"] or "")]
    assert len(asked) == 2
    assert pair.second.link(gid).state == "linked"


@pytest.mark.parametrize("was_matched", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_runs_of_both_make_it_once(pair_of, was_matched, first):
    pair = pair_of()
    if not was_matched:
        Variant.objects.all().delete()
    pair.rooms[first].run()
    pair.rooms[1 - first].run()
    assert pair.is_once(first)


@pytest.fixture
def bulk(showroom, settings, monkeypatch):
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    return FirstSync(showroom(identifier="sku"), settings, 3)


def test_what_one_source_is_making_is_not_gathered_for_a_bulk_operation_of_the_other(bulk):
    other = bulk.room.second_source()
    twin = other.sizes("Lamp 1", "S", "M", handle="twin", stock=3)
    match_product(other.source.store, twin)
    other.destination.fault("lost_answer", match="productSet")
    with pytest.raises(ShopifyError):
        other.carry(twin)
    run = bulk.begin()
    for _ in range(3):
        bulk.room.sweep()
    other.carry(twin)
    run = bulk.end(run)
    assert bulk.room.handles() == ["lamp-0", "lamp-2", "twin"]
    assert (other.link(twin).state, bulk.room.link(bulk.gids[1]).state) == ("linked", "conflict")


def test_what_one_source_has_made_is_not_made_by_a_bulk_operation_of_the_other(bulk):
    other = bulk.room.second_source()
    twin = other.sizes("Lamp 1", "S", "M", handle="twin", stock=3)
    match_product(other.source.store, twin)
    other.carry(twin)
    bulk.run()
    assert bulk.room.handles() == ["lamp-0", "lamp-2", "twin"]
    assert (other.link(twin).state, bulk.room.link(bulk.gids[1]).state) == ("linked", "conflict")


def test_what_a_bulk_operation_has_made_is_not_made_by_the_other(bulk):
    other = bulk.room.second_source()
    twin = other.sizes("Lamp 1", "S", "M", handle="twin", stock=3)
    match_product(other.source.store, twin)
    bulk.run()
    other.carry(twin)
    assert bulk.is_whole()
    assert other.link(twin).state == "conflict"
