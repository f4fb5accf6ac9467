"""Products follow: created whole, updated where they differ, never twice, and nothing else is touched."""

import pytest

from stores.clients import open_client
from stores.models import CatalogueFile, ProductLink, VariantLink
from stores.shopify import gids
from stores.shopify.errors import AnswerLost, ServerError
from stores.shopify.products import product_records
from syncing.catalogue.content.collections import CollectionResource
from syncing.catalogue.products import files
from syncing.models import StockLink, SyncJob
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.support.catalogue.showroom import items_of


def test_a_product_arrives_whole_with_its_marked_up_price_its_stock_and_its_channels(showroom):
    room = showroom(price_percent=10)
    room.set(publication_gids=room.channels())
    gid = room.sizes("Shirt", "S", "M", stock=7, tags=["new"], descriptionHtml="<script>alert(1)</script>")
    room.add_image(gid, "shirt.png", "a shirt")
    outcome = room.carry(gid)
    assert (outcome.action, outcome.outcome) == ("create", "done")
    made = room.there("shirt")
    assert (made.title, made.tags, made.description_html) == ("Shirt", ("new",), "<script>alert(1)</script>")
    assert [str(variant.price) for variant in made.variants] == ["11.00", "11.00"]
    assert [media.alt for media in made.media] == ["a shirt"]
    assert sorted(made.publication_gids) == sorted(room.channels())
    assert room.units("shirt") == [7, 7]
    link = room.link(gid)
    assert (link.state, link.destination_gid, link.is_created) == ("linked", made.gid, True)
    assert VariantLink.objects.filter(state="linked").count() == 2


def test_what_was_created_has_its_stock_kept_in_step_from_then_on(showroom):
    room = showroom()
    gid = room.add("Lamp", stock=5)
    room.world.follow()
    product = room.source.shop.products[gids.number(gid)]
    item = room.source.shop.variants[product.variant_ids[0]].item_id
    assert room.units("lamp") == [5]
    assert StockLink.objects.get().state == "in_step"
    room.sim.adjust(room.source.domain, item, room.source.location_ids[0], -2)
    room.world.follow()
    assert room.units("lamp") == [3]


def test_the_same_again_costs_no_call_to_the_destination(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M", stock=1)
    room.add_image(gid, "shirt.png")
    room.carry(gid)
    room.sim.reset_counters()
    assert room.carry(gid).action == "equal"
    assert (room.destination.shop.counters.requests, room.source.shop.counters.requests) == (0, 1)


def test_an_edit_travels_and_only_what_changed_is_written(showroom):
    room = showroom(price_percent=10)
    gid = room.sizes("Shirt", "S", "M")
    room.carry(gid)
    room.reprice(gid, "20.00")
    room.sim.reset_counters()
    assert room.carry(gid).action == "update"
    assert [str(variant.price) for variant in room.there("shirt").variants] == ["22.00", "22.00"]
    assert (room.destination.count("productSet"), room.destination.count("productVariantsBulkUpdate")) == (0, 1)


def test_a_new_variant_is_created_linked_and_stocked(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", stock=3)
    room.carry(gid)
    before = room.there("shirt").variants[0].gid
    location = gids.gid("Location", room.source.location_ids[0])
    row = {"optionValues": [{"optionName": "Size", "name": "L"}], "inventoryItem": {"tracked": True}, "price": "9.00"}
    row["inventoryQuantities"] = [{"locationId": location, "name": "available", "quantity": 4}]
    present = {"optionValues": [{"optionName": "Size", "name": "S"}]}
    options = [{"name": "Size", "values": [{"name": "S"}, {"name": "L"}]}]
    room.change(gid, productOptions=options, variants=[present, row])
    room.carry(gid)
    made = room.there("shirt")
    assert [variant.title for variant in made.variants] == ["S", "L"]
    assert made.variants[0].gid == before
    assert room.units("shirt") == [3, 4]
    assert VariantLink.objects.filter(state="linked").count() == 2


def test_update_only_creates_nothing_and_says_so(showroom):
    room = showroom(product_mode="update_only")
    gid = room.add("Lamp")
    assert room.carry(gid).outcome == "skipped"
    assert room.handles() == []
    assert room.link(gid).state == "unmatched"
    assert "none is created" in room.link(gid).reason


def test_create_only_never_touches_what_was_there(showroom):
    room = showroom(product_mode="create_only", identifier="handle")
    gid, new = room.add("Lamp", handle="lamp"), room.add("Chair")
    room.add("Own lamp", room.destination, handle="lamp")
    room.world.follow()
    assert (room.there("lamp").title, room.there("chair").title) == ("Own lamp", "Chair")
    assert "not touched" in room.link(gid).reason
    assert room.link(new).is_created


def test_products_match_by_handle_even_without_common_variants(showroom):
    room = showroom(identifier="handle", product_mode="update_only")
    own = room.add("Own", room.destination, handle="lamp", vendor="Own vendor")
    gid = room.add("Lamp", handle="lamp", vendor="Acme")
    room.world.follow()
    assert room.link(gid).destination_gid == own
    assert (room.there("lamp").title, room.there("lamp").vendor) == ("Lamp", "Acme")


def test_a_handle_that_is_taken_is_a_conflict_and_the_other_product_is_left_alone(showroom):
    room = showroom()
    room.add("Own lamp", room.destination, handle="lamp")
    gid = room.add("Lamp", handle="lamp")
    outcome = room.carry(gid)
    assert (outcome.outcome, room.link(gid).state) == ("failed", "conflict")
    assert "“lamp” is taken in the destination by “Own lamp”" in outcome.reason
    assert room.there("lamp").title == "Own lamp"


def test_a_creation_whose_answer_was_lost_is_found_again_and_not_repeated(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M", stock=2)
    room.add_image(gid, "shirt.png")
    lose_creation(room, gid)
    assert room.link(gid).state == "creating"
    room.sim.reset_counters()
    assert room.carry(gid).action == "create"
    assert room.handles() == ["shirt"]
    assert (room.destination.count("productSet"), len(room.there("shirt").media)) == (0, 1)
    assert room.link(gid).state == "linked"
    assert VariantLink.objects.filter(state="linked").count() == 2


def retitle(room, gid: str) -> None:
    room.change(gid, title="Blouse")


def add_size(room, gid: str) -> None:
    sizes = [{"name": size} for size in ("S", "M", "L")]
    rows = [{"optionValues": [{"optionName": "Size"} | size], "price": "10.00"} for size in sizes]
    room.change(gid, productOptions=[{"name": "Size", "values": sizes}], variants=rows)


def rename_handle(room, gid: str) -> None:
    room.change(gid, handle="blouse", title="Blouse")


def reorder_images(room, gid: str) -> None:
    product = room.source.shop.products[gids.number(gid)]
    product.file_ids.reverse()


@pytest.mark.parametrize("edit", [retitle, add_size, rename_handle, reorder_images])
def test_what_the_source_is_given_after_a_lost_answer_does_not_hide_the_creation(showroom, edit):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M", stock=2)
    room.add_image(gid, "front.png")
    room.add_image(gid, "back.png")
    lose_creation(room, gid)
    edit(room, gid)
    assert room.carry(gid).action == "create"
    ours = product_records.read_whole_product(room.client(room.source), gid)
    [handle] = room.handles()
    theirs = room.there(handle)
    assert (theirs.title, [variant.title for variant in theirs.variants]) == (
        ours.title,
        [variant.title for variant in ours.variants],
    )
    link = room.link(gid)
    assert (link.state, link.is_created, "sent" in link.written) == ("linked", True, False)
    assert pictures(room, room.destination, theirs.gid) == pictures(room, room.source, gid)
    assert VariantLink.objects.filter(state="linked").count() == len(ours.variants)


def lose_creation(room, gid: str) -> None:
    """The product is made in the destination, and nobody hears of it."""
    room.destination.fault("lost_answer", match="productSet")
    with pytest.raises(AnswerLost):
        room.carry(gid)


def test_a_lost_creation_that_comes_back_beside_another_product_has_no_image_sent_again(showroom):
    room = showroom()
    gid, lamp = room.sizes("Shirt", "S", "M"), room.add("Lamp")
    room.add_image(lamp, "lamp.png")
    room.carry(lamp)
    for name in ("front.png", "back.png"):
        room.add_image(gid, name)
    lose_creation(room, gid)
    room.change(lamp, title="Lamp, white")
    room.change(gid, tags=["new"])
    before = {handle: room.there(handle).media for handle in ("lamp", "shirt")}
    assert items_of(room.run()) == {"Shirt": ("create", "done"), "Lamp, white": ("update", "done")}
    lamp, shirt = room.there("lamp"), room.there("shirt")
    assert (lamp.title, shirt.tags) == ("Lamp, white", ("new",))
    assert {"lamp": lamp.media, "shirt": shirt.media} == before
    assert pictures(room, room.destination, shirt.gid) == ["front", "back"]


def test_a_preview_that_meets_a_lost_creation_writes_no_rows(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M")
    room.add_image(gid, "front.png")
    lose_creation(room, gid)
    run = room.run(is_preview=True)
    assert items_of(run) == {"Shirt": ("create", "planned")}
    assert not CatalogueFile.objects.exists()


def test_a_preview_that_misses_a_deleted_image_writes_no_rows(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.add_image(gid, "lamp.png")
    room.carry(gid)
    shop = room.destination.shop
    made = shop.products[gids.number(room.link(gid).destination_gid)]
    catalogue_hands.remove_image(shop, room.sim.clock, made.id, made.file_ids[0])
    shop.catalog.files.clear()  # somebody deleted it under Content, Files
    room.change(gid, tags=["new"])
    [item] = room.run(is_preview=True).items.all()
    assert (item.action, CatalogueFile.objects.count()) == ("update", 1)
    assert room.carry(gid).action == "update"
    assert [media.alt for media in room.there("lamp").media] == [""]


def pictures(room, place, gid: str) -> list[str]:
    """The names of a product's pictures in their order; a name that was taken when they arrived has an appendix."""
    shop = place.shop
    names = [shop.catalog.files[pk].filename for pk in shop.products[gids.number(gid)].file_ids]
    return [name.removesuffix(".png").partition("_")[0] for name in names]


def test_a_product_that_took_the_handle_before_a_lost_request_arrived_is_left_alone(showroom):
    room = showroom()
    gid = room.sizes("Shirt", "S", "M")
    room.destination.fault("http", match="productSet")  # nothing was executed
    with pytest.raises(ServerError):
        room.carry(gid)
    own = room.sizes("Own shirt", "S", "M", place=room.destination, handle="shirt")
    outcome = room.carry(gid)
    assert (outcome.outcome, room.link(gid).state, room.link(gid).is_created) == ("failed", "conflict", False)
    assert [room.there("shirt").gid, room.there("shirt").title] == [own, "Own shirt"]


@pytest.mark.parametrize("effect", range(1, 21))
def test_a_worker_that_dies_anywhere_leaves_nothing_twice_and_nothing_half(showroom, effect):
    room = showroom()
    room.set(publication_gids=room.channels())
    gid = room.sizes("Shirt", "S", "M", stock=2)
    with room.world.worker_that_dies(effect):
        room.carry(gid)
    room.carry(gid)
    room.carry(gid)
    assert room.handles() == ["shirt"]
    assert room.link(gid).state == "linked"
    assert (room.units("shirt"), len(room.there("shirt").publication_gids)) == ([2, 2], len(room.channels()))
    assert VariantLink.objects.filter(state="linked").count() == 2


def test_two_sources_never_take_turns_with_a_product(showroom, world):
    room = showroom(identifier="handle", product_mode="update_only")
    own = room.add("Own", room.destination, handle="lamp")
    gid = room.add("Lamp", handle="lamp")
    room.world.follow()
    taken = ProductLink.objects.get(source_gid=gid)
    assert taken.destination_gid == own
    other = ProductLink(connection=room.connection, source_gid="gid://shopify/Product/1", destination_gid=own)
    other.title = "Other"
    ProductLink.objects.filter(pk=taken.pk).update(state="conflict", fingerprint="")
    other.state = "linked"
    other.save()
    outcome = room.carry(gid)
    assert outcome.outcome == "failed"
    assert "follows “Other”" in outcome.reason


def test_an_edit_in_the_destination_is_overwritten_or_kept_as_chosen(showroom):
    room = showroom()
    gid = room.add("Lamp", vendor="Acme")
    room.world.follow()
    own = room.link(gid).destination_gid
    room.world.tick(60)
    room.change(own, room.destination, vendor="Somebody")
    room.world.follow()
    assert room.there("lamp").vendor == "Acme"
    room.set(edited="keep")
    room.world.tick(60)
    room.change(own, room.destination, vendor="Somebody")
    room.world.follow()
    assert room.there("lamp").vendor == "Somebody"
    assert "Edited in the destination and kept: vendor." in room.link(gid).reason


def test_images_are_sent_once_and_a_file_that_was_deleted_is_sent_again(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.add_image(gid, "one.png", "one")
    room.carry(gid)
    room.add_image(gid, "two.png", "two")
    room.carry(gid)
    assert [media.alt for media in room.there("lamp").media] == ["one", "two"]
    assert CatalogueFile.objects.count() == 2
    assert len(room.destination.shop.catalog.files) == 2
    assert files.follow_up(room.client(room.destination), room.destination.store) == (0, [])


def test_an_image_that_cannot_be_fetched_is_told_of(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.add_image(gid, "one.png")
    room.destination.shop.knobs.media_fails = True
    room.carry(gid)
    waiting, failed = files.follow_up(room.client(room.destination), room.destination.store)
    assert (waiting, len(failed)) == (0, 1)
    assert CatalogueFile.objects.get().state == "failed"


def test_a_gift_card_is_not_created_and_the_reason_is_told(showroom):
    room = showroom()
    gid = room.add("Card", giftCard=True)
    assert "Gift cards are not created" in room.carry(gid).reason
    assert room.handles() == []


def test_a_refusal_is_told_in_shopifys_words_and_tried_again_later(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.set(publication_gids=["gid://shopify/Publication/99999"])
    outcome = room.carry(gid)
    assert (outcome.outcome, outcome.failure, room.link(gid).state) == ("failed", "rejected", "failed")
    room.set(publication_gids=room.channels())
    assert room.carry(gid).action == "create"
    assert room.handles() == ["lamp"]


def test_what_was_refused_and_then_made_by_hand_is_the_destinations_own(showroom):
    room = showroom(product_mode="create_only")
    gid = room.sizes("Shirt", "S", "M", vendor="Acme")
    room.source.shop.products[gids.number(gid)].title = "x" * 300
    assert room.carry(gid).outcome == "failed"
    own = room.sizes("Shirt", "S", "M", place=room.destination, vendor="Own", handle="own-shirt")
    room.world.follow()
    room.carry(gid)
    link = room.link(gid)
    assert (link.destination_gid, link.state, link.is_created) == (own, "linked", False)
    assert room.there("own-shirt").vendor == "Own"


def test_images_that_fail_are_named_by_a_job(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.add_image(gid, "one.png")
    room.destination.shop.knobs.media_fails = True
    room.world.follow()
    room.sweep()
    [job] = SyncJob.objects.filter(kind=SyncJob.Kind.FOLLOW_FILES)
    assert job.message.startswith("1 images could not be fetched.")
    assert "one.png" in job.message


def test_a_product_whose_last_change_was_refused_stays_in_its_collections(showroom):
    room = showroom(collection_mode="create_update")
    gid = room.add("Lamp")
    room.carry(gid)
    ProductLink.objects.update(state="failed")
    own = room.link(gid).destination_gid
    assert CollectionResource(room.connection, open_client).linked == {gid: own}
