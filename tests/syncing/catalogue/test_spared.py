"""What was left in the destination for another source goes when that one has it no more, as was chosen."""

import pytest
from django.db.models import Q
from django.utils import timezone

from stores.linking import linking
from stores.models import Connection, ProductLink, VariantLink
from stores.shopify.errors import ObjectNotFound
from stores.shopify.products import deletion
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue import spared
from syncing.catalogue.runs import lifecycle
from syncing.connections import disconnecting, product_matching
from syncing.models import CatalogueRun, StockLevel, SyncJob
from syncing.monitoring import data_problems
from syncing.monitoring.problem import Problem
from syncing.queue import enqueue
from syncing.stock import ends
from tests.support.catalogue.showroom import Showroom
from tests.support.console.press import look_at, page_of, press
from tests.syncing.catalogue.products.test_unlinking import sized
from tiposync.console.stores.connection_summary import follow_up

CHOICES = {"unpublish": "unpublished", "delete": "deleted", "if_ordered": "undecided"}


class Shirt:
    """A product of one source, whose size L has the stock of another source that has no product sync (`other`)."""

    def __init__(self, room: Showroom, name: str = "Shirt", other: Showroom | None = None, **fields) -> None:
        self.room, self.name = room, name
        room.set(publication_gids=room.channels())
        self.gid = room.add(name, **sized(name, "S"), stock=5)
        room.world.follow()
        self.own = room.there(name.lower()).gid
        small = {"id": room.there(name.lower()).variants[0].gid}
        small["optionValues"] = [{"optionName": "Size", "name": "S"}]
        large = sized(f"{name}-B", "L", room.destination)["variants"][0]
        sizes = [{"name": "Size", "values": [{"name": "S"}, {"name": "L"}]}]
        room.change(self.own, room.destination, productOptions=sizes, variants=[small, large])
        room.world.follow()
        self.other = other or room.second_source(product_mode="off", **fields)
        self.theirs = self.other.add(f"Large {name}", self.other.source, **sized(f"{name}-B", "L"), stock=7)
        room.world.follow()

    @property
    def there(self) -> ProductRecord | None:
        return self.room.there(self.name.lower())

    def is_on_sale(self) -> bool:
        return self.there is not None and bool(self.there.publication_gids)

    def depart(self) -> None:
        """The first source has it no more, and the other still does."""
        self.room.delete(self.gid)
        self.room.world.follow()
        link = self.room.link(self.gid)
        assert link.state == "unlinked"
        assert f"is there for “Large {self.name}” of Second" in link.reason
        self.room.sweep()
        assert self.is_on_sale()

    def minutes(self) -> None:
        """Whatever is due is done."""
        for _ in range(3):
            self.room.sweep()
            self.room.world.follow()
        self.room.sweep()


def deleted(shirt: Shirt) -> None:
    shirt.other.delete(shirt.theirs)
    shirt.room.world.follow()


def deleted_without_a_word(shirt: Shirt) -> None:
    shirt.other.delete(shirt.theirs)
    shirt.other.source.lose_webhooks()
    enqueue.match_connection(shirt.other.connection)  # as once a day
    shirt.room.world.work()


def not_chosen(shirt: Shirt) -> None:
    shirt.other.set(selected_tags=["none"])
    shirt.other.change(shirt.theirs, title="Large shirts")
    shirt.room.world.follow()


def unlinked_by_staff(shirt: Shirt) -> None:
    link = VariantLink.objects.get(connection=shirt.other.connection)
    linking.ignore(link)
    follow_up(shirt.other.connection, shirt.theirs)
    ends.choose(Q(variant_link=link), "zero")


def disconnected(shirt: Shirt) -> None:
    disconnecting.begin(shirt.other.connection, "nothing", "zero", waits_for_orders=False)


def removed(shirt: Shirt) -> None:
    disconnected(shirt)
    for _ in range(4):
        shirt.room.world.work()
        if not disconnecting.what_is_left(shirt.other.connection):
            break
    disconnecting.end(shirt.other.connection)
    disconnecting.remove(shirt.other.connection)


GOES = [deleted, deleted_without_a_word, not_chosen, unlinked_by_staff, disconnected, removed]


@pytest.mark.parametrize("goes", GOES, ids=lambda goes: goes.__name__)
@pytest.mark.parametrize("choice", CHOICES)
def test_what_was_left_for_another_source_goes_with_that_as_was_chosen(showroom, choice, goes):
    shirt = Shirt(showroom(identifier="sku", unlink=choice))
    shirt.depart()
    goes(shirt)
    shirt.minutes()
    assert not shirt.is_on_sale()
    assert bool(shirt.there) is (choice != "delete")
    assert not StockLevel.objects.filter(store=shirt.room.destination.store, available__gt=0).exists()
    link = shirt.room.link(shirt.gid)
    assert (link.state, link.departure, link.unlink_done) == ("unlinked", "deleted", CHOICES[choice]), link.reason
    assert "Nothing else has it by now." in link.reason


def test_it_stays_while_the_last_one_may_only_have_been_made_again(showroom):
    """Importers delete and make anew: the other source has the same SKU under another id a moment later."""
    shirt = Shirt(showroom(identifier="sku", unlink="delete"))
    shirt.depart()
    shirt.other.delete(shirt.theirs)
    product_matching.match_product(shirt.other.source.store, shirt.theirs, is_deleted=True)  # no catalogue was read
    assert not VariantLink.objects.filter(connection=shirt.other.connection, state="linked").exists()
    assert spared.find_due(timezone.now()) == []
    shirt.other.add("Large shirt", shirt.other.source, **sized("Shirt-B", "L"), stock=7)
    shirt.room.world.follow()
    shirt.minutes()
    assert shirt.is_on_sale()
    assert shirt.room.link(shirt.gid).unlink_done == "spared"


def test_what_a_pause_keeps_from_going_goes_when_it_ends(showroom):
    shirt = Shirt(showroom(identifier="sku"))
    shirt.depart()
    rows = Connection.objects.filter(pk=shirt.room.connection.pk)
    rows.update(is_paused=True)
    deleted(shirt)
    shirt.minutes()
    assert shirt.is_on_sale()
    rows.update(is_paused=False)
    shirt.minutes()
    assert not shirt.is_on_sale()


def test_many_that_go_with_the_last_one_wait_for_review_as_any_others(showroom):
    room = showroom(identifier="sku", guard_minimum=1, guard_share=1)
    first = Shirt(room)
    second = Shirt(room, "Coat", first.other)
    for shirt in (first, second):
        shirt.depart()
    for shirt in (first, second):
        deleted(shirt)
    first.minutes()
    assert first.is_on_sale() and second.is_on_sale()
    run = CatalogueRun.objects.get(state="held")
    assert sorted(run.items.values_list("source_gid", flat=True)) == sorted([first.gid, second.gid])
    jobs = SyncJob.objects.filter(kind="sync_product")
    before = jobs.count()
    room.sweep()
    assert jobs.count() == before  # nobody asks again and again
    lifecycle.release(run)
    room.go_on(run)
    assert not first.is_on_sale() and not second.is_on_sale()
    assert room.link(first.gid).unlink_done == "unpublished"


def test_what_is_kept_in_review_is_not_asked_about_again(showroom):
    room = showroom(identifier="sku", guard_minimum=1, guard_share=1)
    shirt = Shirt(room)
    shirt.depart()
    deleted(shirt)
    shirt.minutes()
    lifecycle.discard(CatalogueRun.objects.get(state="held"))
    shirt.minutes()
    assert shirt.is_on_sale()
    assert (room.link(shirt.gid).unlink_done, CatalogueRun.objects.filter(state="held").count()) == ("left", 0)


@pytest.mark.parametrize(("choice", "shows"), [("nothing", True), ("unpublish", False)])
def test_the_last_one_that_follows_with_its_product_sync_decides(showroom, choice, shows):
    shirt = Shirt(showroom(identifier="sku", unlink="delete"))
    shirt.depart()
    shirt.other.set(product_mode="update_only", unlink=choice)
    shirt.other.carry(shirt.theirs)
    assert shirt.other.link(shirt.theirs).destination_gid == shirt.own
    deleted(shirt)
    shirt.minutes()
    [handle] = shirt.room.handles()  # and not deleted
    assert bool(shirt.room.there(handle).publication_gids) is shows
    link = shirt.room.link(shirt.gid)
    assert (link.unlink_done, "was decided for “Large Shirt” of Second" in link.reason) == ("left", True)


def test_what_shopify_refuses_is_tried_again_in_an_hour(showroom, monkeypatch):
    shirt = Shirt(showroom(identifier="sku", unlink="delete"))
    shirt.depart()
    deleted(shirt)
    tried = []

    def refuse(client, gid):
        tried.append(gid)
        raise ObjectNotFound("Not now.")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "delete", refuse)
        shirt.minutes()
    assert left_on_sale()
    assert (tried, shirt.is_on_sale(), shirt.room.link(shirt.gid).reason) == ([shirt.own], True, "Not now.")
    shirt.minutes()
    assert shirt.is_on_sale()
    ProductLink.objects.update(retry_at=timezone.now())
    shirt.minutes()
    assert shirt.there is None


def test_what_comes_back_meanwhile_follows_and_stays(showroom):
    room = showroom(identifier="sku")
    shirt = Shirt(room)
    ProductLink.objects.update(excluded_by="Ann")
    room.carry(shirt.gid)
    assert room.link(shirt.gid).unlink_done == "spared"
    ProductLink.objects.update(excluded_by="")
    room.carry(shirt.gid)
    assert (room.link(shirt.gid).state, room.link(shirt.gid).unlink_done) == ("linked", "")
    deleted(shirt)
    shirt.minutes()
    assert shirt.is_on_sale()


# --- Where nobody is left to do it ---------------------------------------------------------------------------------


def off(shirt: Shirt) -> None:
    shirt.room.set(product_mode="off")


def ended(shirt: Shirt) -> None:
    disconnecting.begin(shirt.room.connection, "unpublish", "zero", waits_for_orders=False)
    shirt.minutes()
    disconnecting.end(shirt.room.connection)


@pytest.mark.parametrize("stops", [off, ended])
def test_staff_are_told_of_what_no_product_sync_takes_off_sale(showroom, admin_client, stops):
    shirt = Shirt(showroom(identifier="sku"))
    shirt.depart()
    stops(shirt)
    assert left_on_sale() == []
    deleted(shirt)
    shirt.minutes()
    assert shirt.is_on_sale()
    assert not StockLevel.objects.filter(store=shirt.room.destination.store, available__gt=0).exists()
    [problem] = left_on_sale()
    assert problem.message.startswith("1 products were left in North for another source, which has them no more either")
    assert "press “Keep as it is”" in problem.message
    assert ">Shirt<" in look_at(admin_client, problem.path)
    link = shirt.room.link(shirt.gid)
    press(admin_client, page_of(link), "Keep as it is")
    link.refresh_from_db()
    assert (link.unlink_done, link.reason) == ("left", "Kept as it is by admin.")
    assert left_on_sale() == []


def left_with_nobody(showroom) -> Shirt:
    """One whose sources have it no more, and that nobody takes off sale."""
    shirt = Shirt(showroom(identifier="sku"))
    shirt.depart()
    off(shirt)
    deleted(shirt)
    shirt.minutes()
    assert left_on_sale()
    return shirt


def test_what_product_sync_takes_up_again_is_told_of_no_more(showroom):
    shirt = left_with_nobody(showroom)
    shirt.room.set(product_mode="create_update")
    shirt.minutes()
    assert not shirt.is_on_sale()
    assert left_on_sale() == []


def test_what_somebody_deletes_there_is_told_of_no_more(showroom):
    shirt = left_with_nobody(showroom)
    shirt.room.delete(shirt.own, shirt.room.destination)
    shirt.room.world.follow()
    assert left_on_sale() == []


def left_on_sale() -> list[Problem]:
    return list(data_problems.left_on_sale(timezone.now()))
