"""A single product that an operator leaves out: it goes as the connection says, with its stock, and may come back."""

import io

import pytest
from django.core.management import CommandError, call_command

from stores import selecting
from stores.models import ProductLink
from syncing.models import StockLink
from tests.support.catalogue.showroom import Showroom, items_of
from tests.support.console.press import forms_with, look_at, page_of, press


@pytest.fixture
def room(showroom) -> Showroom:
    """A lamp and a chair follow, on all channels."""
    room = showroom()
    room.set(publication_gids=room.channels())
    room.gid, room.other = room.add("Lamp", stock=4), room.add("Chair", stock=4)
    room.world.follow()
    return room


def test_on_its_page_it_is_left_out_with_its_stock_and_taken_back_where_it_was(room, admin_client):
    link = room.link(room.gid)
    page = look_at(admin_client, page_of(link))
    assert "In the destination: unpublish." in page
    assert not forms_with(page, "Take back")
    page = press(admin_client, page_of(link), "Leave out")
    assert "are on sale in the destination" in page
    [form] = forms_with(page, "Leave out")
    page = admin_client.post(form.action, form.inputs | {"_choice": "leave"}, follow=True).content.decode()
    assert "Left out, with its stock" in page
    room.world.work()
    link.refresh_from_db()
    assert (link.state, link.departure, link.excluded_by) == ("unlinked", "excluded", "admin")
    assert (room.there("lamp").publication_gids, StockLink.objects.filter(ending="").count()) == ((), 1)
    assert "Left out of this connection by admin." in link.reason
    press(admin_client, page_of(link), "Take back")
    room.world.work()
    link.refresh_from_db()
    assert (link.state, link.excluded_by) == ("linked", "")
    assert (len(room.there("lamp").publication_gids), StockLink.objects.filter(ending="").count()) == (
        len(room.channels()),
        2,
    )
    assert "Leave out: Left out" in look_at(admin_client, f"/admin/stores/productlink/{link.pk}/history/")


def test_neither_its_webhooks_nor_a_comparison_bring_it_back(room):
    ProductLink.objects.filter(source_gid=room.gid).update(excluded_by="ada")
    room.carry(room.gid)
    room.change(room.gid, title="Better lamp")
    room.world.follow()
    run = room.run()
    assert items_of(run)["Better lamp"] == ("skip", "skipped")
    assert (room.there("lamp").title, room.link(room.gid).departure) == ("Lamp", "excluded")
    assert room.link(room.other).state == "linked"


def test_a_preview_tells_what_would_go_before_anything_does(room):
    ProductLink.objects.filter(source_gid=room.gid).update(excluded_by="ada")
    run = room.run(is_preview=True)
    assert items_of(run)["Lamp"] == ("unpublish", "planned")
    assert "by ada" in run.items.get(title="Lamp").reason


def test_where_only_stock_follows_it_can_be_left_out_too(room):
    room.set(product_mode="off")
    ProductLink.objects.filter(source_gid=room.gid).update(excluded_by="ada")
    room.carry(room.gid)
    assert (StockLink.objects.filter(ending="").count(), len(room.there("lamp").publication_gids)) == (
        1,
        len(room.channels()),
    )


def test_a_decision_about_one_product_waits_for_no_guard(room):
    room.set(guard_minimum=1, guard_share=0, unlink="delete")
    ProductLink.objects.filter(source_gid=room.gid).update(excluded_by="ada")
    room.carry(room.gid)
    assert room.handles() == ["chair"]


def test_the_command_leaves_out_lists_and_takes_back(room):
    name, out = f"{room.source.domain}:{room.destination.domain}", io.StringIO()
    call_command("leave_out_product", name, "lamp", stdout=out)
    room.world.work()
    assert "1 left out.\n  Lamp (lamp), by the command line" in out.getvalue()
    assert room.link(room.gid).state == "unlinked"
    call_command("leave_out_product", name, room.gid, "--take-back", stdout=out)
    room.world.work()
    assert room.link(room.gid).state == "linked"
    with pytest.raises(CommandError, match="no product sofa"):
        call_command("leave_out_product", name, "chair", "sofa", stdout=out)
    assert not ProductLink.objects.exclude(excluded_by="").exists()


# While a worker has it in hand


def test_what_an_operator_leaves_out_while_it_is_being_carried_stays_left_out(room):
    room.change(room.gid, title="Better lamp")
    room.world.meanwhile("productSet", lambda: selecting.exclude(room.link(room.gid), "ada"), after=True)
    room.world.meanwhile("productUpdate", lambda: selecting.exclude(room.link(room.gid), "ada"), after=True)
    room.carry(room.gid)
    assert room.link(room.gid).excluded_by == "ada"
    room.carry(room.gid)
    assert room.link(room.gid).state == "unlinked"


@pytest.mark.parametrize("is_new", [False, True])
def test_an_edit_that_is_heard_of_while_it_is_being_carried_is_looked_at(room, is_new):
    gid = room.add("Table", stock=1) if is_new else room.gid
    if not is_new:
        room.change(gid, title="Better lamp")

    def edit():
        ProductLink.objects.filter(source_gid=gid).update(fingerprint="", heard_there="what the webhook told")

    room.world.meanwhile("productSet", edit, after=True)
    room.carry(gid)
    assert room.link(gid).fingerprint == ""
    room.carry(gid)
    assert room.link(gid).fingerprint
