"""What is deleted and made again in the source keeps its partner: link, stock, channels and status, in any order."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import ProductLink, VariantLink
from stores.shopify import gids
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun, StockLink
from syncing.queue import enqueue
from tests.simulator.events import merchant
from tests.support.catalogue.showroom import Showroom

SIZES = ("S", "M")
OPTIONS = [{"name": "Size", "values": [{"name": size} for size in SIZES]}]
TELLINGS = ("at once", "in order", "backwards", "never")


def rows(name: str, units: int, price: str = "10.00", at: str = "") -> list[dict]:
    quantities = {"inventoryQuantities": [{"locationId": at, "name": "available", "quantity": units}]} if at else {}
    return [
        {
            "optionValues": [{"optionName": "Size", "name": size}],
            "price": price,
            "sku": f"{name}-{size}",
            "inventoryItem": {"tracked": True},
            **quantities,
        }
        for size in SIZES
    ]


def make(room: Showroom, name: str, stock: int = 20, **fields) -> str:
    return room.add(name, productOptions=OPTIONS, variants=rows(name, stock), stock=stock, **fields)


def hear(room: Showroom, telling: str, *, is_end: bool = False) -> None:
    """What becomes of the webhooks so far; at the end those that came in another order, or never."""
    if telling == "at once" or (telling == "in order" and is_end):
        room.world.follow()
    elif is_end:
        source = room.source
        if telling == "backwards":
            waiting = room.sim.deliveries(source.domain)
            for delivery in reversed(waiting):
                room.sim.pump(source.domain, [delivery])
                room.world.work()
        else:
            room.sim.webhooks.pending.pop(source.domain, None)
        room.world.follow()


def look(room: Showroom) -> None:
    """What a day does by itself: the comparisons of stock and of the catalogue, and both once more."""
    for _ in range(2):
        room.world.reconcile()
        room.world.let_pass(25)
        room.go_on(room.run())
        room.world.work()
        room.world.follow()


def again(room: Showroom, name: str, gid: str, order: str, telling: str, **fields) -> str:
    """Deleted and made again under a new id."""
    handle = name.lower()
    if order == "create first":
        new = make(room, name, **fields)
        hear(room, telling)
        room.delete(gid)
        hear(room, telling)
        room.change(new, handle=handle)  # Shopify gave it a suffix while the old one lived
    else:
        room.delete(gid)
        if order == "delete first":
            hear(room, telling)
        new = make(room, name, **fields)
    hear(room, telling, is_end=True)
    return new


def state(room: Showroom, handle: str) -> tuple:
    there = room.there(handle)
    links = VariantLink.objects.filter(state="linked", destination_variant__product_gid=there.gid)
    stock = StockLink.objects.filter(variant_link__in=links, ending="")
    return (
        there.gid,
        there.status,
        sorted(there.publication_gids),
        room.units(handle),
        sorted(links.values_list("pk", flat=True)),
        sorted(stock.values_list("pk", "source_baseline", "destination_baseline")),
    )


ORDERS = {"Lamp": "delete first", "Bowl": "create first", "Vase": "at once"}


@pytest.mark.parametrize("channels", ["chosen", "own"])
@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize("identifier", ["sku", "handle"])
def test_a_product_made_again_keeps_its_partner(showroom, identifier, telling, channels):
    room = showroom(identifier=identifier)
    if channels == "chosen":
        room.set(publication_gids=room.channels())
    old = {name: make(room, name) for name in (*ORDERS, "Mug")}
    room.world.follow()
    if channels == "own":
        for name in old:
            room.publish(name.lower())
        room.world.follow()
    before = {name: state(room, name.lower()) for name in old}
    for _, _, on, units, links, stock in before.values():
        assert (len(on), units, len(links), len(stock)) == (len(room.channels()), [20, 20], 2, 2)
    new = {name: again(room, name, old[name], order, telling) for name, order in ORDERS.items()}
    look(room)
    assert {name: state(room, name.lower()) for name in old} == before
    assert room.handles() == ["bowl", "lamp", "mug", "vase"]
    for name, gid in new.items():
        link = room.link(gid)
        assert (link.state, link.destination_gid, link.is_created) == ("linked", before[name][0], True)
    assert not ProductLink.objects.filter(source_gid__in=[old[name] for name in new]).exists()
    assert not CatalogueRun.objects.filter(state="held").exists()


@pytest.mark.parametrize("ends", ["by itself", "released", "discarded"])
def test_eight_at_once_need_no_decision(showroom, ends):
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    names = [f"Lamp{number}" for number in range(8)]
    old = {name: make(room, name) for name in names}
    room.world.follow()
    before = {name: state(room, name.lower())[:5] for name in names}
    for gid in old.values():
        room.delete(gid)
    room.world.follow()
    run = CatalogueRun.objects.get(state="held")
    if ends != "by itself":  # an operator was faster than the importer
        (lifecycle.release if ends == "released" else lifecycle.discard)(run)
    if ends == "released":
        room.go_on(run)
    for name in names:
        make(room, name)
    room.world.follow()
    look(room)
    assert {name: state(room, name.lower())[:5] for name in names} == before
    assert room.handles() == [name.lower() for name in names]
    assert not CatalogueRun.objects.filter(state="held").exists()
    assert ProductLink.objects.filter(state="linked").count() == ProductLink.objects.count() == 8


def sell_three(room: Showroom, handle: str) -> None:
    """Of the first size, in the destination, and nobody has told of it yet."""
    place, item = room.destination, gids.number(room.there(handle).variants[0].item_gid)
    merchant.adjust_quantity(place.shop, room.sim.clock, item, place.location_ids[0], -3)


def carry_first(room: Showroom, how: str, gid: str) -> None:
    """What carries a product overtakes the job that matches it, whose webhook comes afterwards."""
    if how == "one":
        enqueue.sync_product(room.connection, gid, due_in=0)
    elif how == "run":
        room.run()
    room.world.work()
    room.world.follow()


@pytest.mark.parametrize("first", ["matched", "one", "run"])
@pytest.mark.parametrize("identifier", ["sku", "handle"])
def test_variants_replaced_in_one_request_keep_their_partners_and_what_is_not_carried_yet(showroom, identifier, first):
    room = showroom(identifier=identifier, strategy="two_way")
    gid = make(room, "Lamp")
    room.world.follow()
    before = state(room, "lamp")
    sell_three(room, "lamp")
    location = gids.gid("Location", room.source.location_ids[0])
    room.change(gid, variants=rows("Lamp", 20, at=location), productOptions=OPTIONS)
    carry_first(room, first, gid)
    look(room)
    after = state(room, "lamp")
    assert (after[0], after[4]) == (before[0], before[4])
    assert after[3] == [17, 20]
    assert [row[0] for row in after[5]] == [row[0] for row in before[5]]


@pytest.mark.parametrize("first", ["matched", "one", "run", "the old one"])
def test_what_gets_the_handle_of_what_was_deleted_is_matched_before_it_is_carried(showroom, first):
    room = showroom(identifier="handle", strategy="two_way")
    old = make(room, "Bowl")
    room.world.follow()
    before = state(room, "bowl")
    new = make(room, "Bowl")
    room.world.follow()
    room.delete(old)
    if first != "the old one":
        room.world.follow()
    sell_three(room, "bowl")
    room.change(new, handle="bowl")
    carry_first(room, "one" if first == "the old one" else first, old if first == "the old one" else new)
    look(room)
    after = state(room, "bowl")
    assert (after[0], after[3], after[4]) == (before[0], [17, 20], before[4])
    assert [row[0] for row in after[5]] == [row[0] for row in before[5]]
    assert (room.handles(), room.link(new).destination_gid) == (["bowl"], before[0])


def test_a_reimport_writes_at_most_one_call_per_product_and_creates_nothing(showroom):
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    names = [f"Lamp{number}" for number in range(10)]
    old = [make(room, name) for name in names]
    room.world.follow()
    partners = sorted(ProductLink.objects.values_list("destination_gid", flat=True))
    for gid, name in zip(old, names, strict=True):
        room.delete(gid)
        make(room, name)
    room.sim.webhooks.pending.pop(room.source.domain, None)
    room.sim.reset_counters()
    run = room.run()
    room.world.work()
    assert run.state == "finished"
    assert room.writes == 0
    assert sorted(ProductLink.objects.values_list("destination_gid", flat=True)) == partners


def test_what_is_really_gone_is_let_go_of_once_the_source_was_read(showroom):
    room = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    gid = make(room, "Lamp")
    room.world.follow()
    room.source.fault("internal_error_before", match="productVariants", count=None)
    room.delete(gid)
    for _ in range(3):
        room.world.deliver()
        room.world.work(tries=2)
    assert len(room.there("lamp").publication_gids) == len(room.channels())
    assert room.link(gid).state == "linked"
    room.sim.faults(room.source.shop).clear()
    room.world.work(tries=9)
    assert room.there("lamp").publication_gids == ()
    assert (room.link(gid).state, room.link(gid).departure) == ("unlinked", "deleted")


def test_a_second_product_of_one_sku_is_made_after_a_day(showroom):
    room = showroom(identifier="sku")
    gid = make(room, "Lamp")
    room.world.follow()
    twin = room.add("Twin", productOptions=OPTIONS, variants=rows("Lamp", 5), stock=5)
    room.world.follow()
    assert (room.link(twin).state, room.handles()) == ("unmatched", ["lamp"])
    assert "takes its place" in room.link(twin).reason
    ProductLink.objects.filter(source_gid=twin).update(created_at=timezone.now() - timedelta(hours=25))
    room.run()
    assert (room.link(twin).state, room.handles()) == ("linked", ["lamp", "twin"])
    assert room.link(gid).state == "linked"


def test_what_was_made_again_is_not_deleted_though_nobody_told_of_it(showroom):
    room = showroom(identifier="sku", unlink="if_ordered")
    room.set(publication_gids=room.channels())
    gid = make(room, "Lamp")
    room.world.follow()
    before = state(room, "lamp")
    room.delete(gid)
    room.world.follow()
    assert room.link(gid).unlink_done == "undecided"
    new = make(room, "Lamp")
    room.sim.webhooks.pending.pop(room.source.domain, None)
    enqueue.match_connection(room.connection)
    room.world.work()
    room.world.let_pass(25)
    enqueue.delete_unordered(room.connection)
    room.world.work()
    assert room.handles() == ["lamp"]
    look(room)
    assert state(room, "lamp")[:5] == before[:5]
    assert room.link(new).state == "linked"
