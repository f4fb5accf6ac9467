"""Videos and 3D models of products: copied first, each once, then shown in their place among the images."""

from dataclasses import replace

import pytest

from stores.clients import open_client
from stores.models import FileLink
from stores.shopify import gids
from stores.shopify.metafields import files as wire
from syncing.catalogue import referred_files, referring
from syncing.models import SyncJob
from tests.simulator.events.catalogue import hands
from tests.simulator.state.catalogue import ExternalVideo, File, Model3d, Video
from tests.support.catalogue.showroom import Showroom
from tests.support.thoroughness import effects
from tests.syncing.catalogue.products.test_referred_files import settle

YOUTUBE = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


@pytest.fixture
def room(showroom) -> Showroom:
    return showroom()


def add(room: Showroom, gid: str, kind: type[File], name: str, alt: str = "") -> File:
    return hands.add_media(room.source.shop, room.sim.clock, gids.number(gid), kind, name, alt=alt)


def furnish(room: Showroom) -> str:
    """A lamp with a video between two images, a video elsewhere and a model."""
    gid = room.add("Lamp")
    room.add_image(gid, "front.png", "front")
    add(room, gid, Video, "clip.mp4", "a film")
    room.add_image(gid, "back.png", "back")
    add(room, gid, ExternalVideo, YOUTUBE, "elsewhere")
    add(room, gid, Model3d, "lamp.glb", "a body")
    return gid


def shown(room: Showroom, handle: str = "lamp") -> list[tuple[str, str]]:
    return [(media.kind, media.alt) for media in room.there(handle).media]


def remove(room: Showroom, gid: str, place: int) -> None:
    shop = room.source.shop
    room.world.tick(60)
    hands.remove_image(shop, room.sim.clock, gids.number(gid), shop.products[gids.number(gid)].file_ids[place])


def arrive(room: Showroom) -> None:
    """As `settle`, by its parts: files are copied, Shopify has them, and what waits for them is carried."""
    failed = [row for _ in range(2) for row in referred_files.follow(open_client, room.destination.store).failed]
    products, _ = referred_files.note_failed(failed)
    for link in {link.pk: link for link in (*products, *referring.find_ready())}.values():
        room.carry(link.source_gid)


ALL = [
    ("IMAGE", "front"),
    ("VIDEO", "a film"),
    ("IMAGE", "back"),
    ("EXTERNAL_VIDEO", "elsewhere"),
    ("MODEL_3D", "a body"),
]
MEDIA_CALLS = ("stagedUploadsCreate", "fileCreate")


def test_images_are_there_at_once_and_videos_in_their_place_when_they_have_come(room):
    gid = furnish(room)
    room.carry(gid)
    assert shown(room) == [("IMAGE", "front"), ("IMAGE", "back")]
    assert "Still to be imported: 2 videos, 1 3D model." in room.link(gid).reason
    settle(room)
    assert shown(room) == ALL
    link, shop = room.link(gid), room.destination.shop
    assert (link.reason, link.awaits, link.state) == ("", [], "linked")
    files = [shop.catalog.files[number] for number in shop.products[gids.number(link.destination_gid)].file_ids]
    assert [files[1].content, files[3].source, files[4].content] == [b"film clip.mp4", YOUTUBE, b"film lamp.glb"]
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 1}
    settle(room)
    assert (room.writes, room.destination.count(*MEDIA_CALLS), shop.counters.uploads) == (0, 0, 0)


def test_one_that_shopify_cannot_process_costs_neither_its_product_nor_the_others(room):
    gid = furnish(room)
    room.destination.shop.knobs.media_error = "clip=VIDEO_MAX_DURATION_ERROR"
    room.carry(gid)
    arrive(room)
    assert shown(room) == [one for one in ALL if one[0] != "VIDEO"]
    link = room.link(gid)
    assert link.state == "linked"
    assert "Left out: the video" in link.reason and "VIDEO_MAX_DURATION_ERROR" in link.reason
    room.sim.reset_counters()
    arrive(room)
    assert (room.writes, room.destination.count(*MEDIA_CALLS)) == (0, 0)


def test_what_the_plan_does_not_allow_is_named(room):
    gid = furnish(room)
    room.destination.shop.knobs.refused_media = "VIDEO,MODEL_3D"
    room.carry(gid)
    arrive(room)
    assert shown(room) == [ALL[0], ALL[2], ALL[3]]
    assert room.link(gid).reason.count("not supported on trial accounts") == 2


def test_a_copy_that_the_product_is_refused_leaves_the_rest_of_it(room):
    gid = furnish(room)
    room.carry(gid)
    assert referred_files.destinations_due() == [room.destination.store]
    arrive(room)
    remove(room, gid, 0)
    room.destination.shop.knobs.refused_media = "MODEL_3D"
    room.carry(gid)
    assert shown(room) == ALL[1:4]
    assert "Left out: a video or 3D model." in room.link(gid).reason
    assert room.link(gid).state == "linked"


def test_the_order_and_the_alt_texts_are_the_sources(room):
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    shop = room.source.shop
    room.world.tick(60)
    numbers = shop.products[gids.number(gid)].file_ids
    hands.order_images(shop, room.sim.clock, gids.number(gid), [*numbers[3:], *numbers[:3]])
    hands.describe_image(shop, room.sim.clock, numbers[3], "another word")
    room.carry(gid)
    assert shown(room) == [("EXTERNAL_VIDEO", "another word"), ALL[4], *ALL[:3]]
    assert FileLink.objects.count() == room.destination.shop.counters.operations["fileCreate"] == 3


@pytest.mark.parametrize("chosen", [{}, {"images_merging": "merge"}, {"edited": "keep"}])
def test_what_leaves_the_source_leaves_the_destination(showroom, chosen):
    room = showroom(**chosen)
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    remove(room, gid, 1)  # the video
    remove(room, gid, 0)  # and an image
    room.carry(gid)
    assert shown(room) == ALL[2:]
    assert room.link(gid).reason == ""


@pytest.mark.parametrize(
    ("chosen", "stays"), [({}, False), ({"images_merging": "merge"}, True), ({"edited": "keep"}, True)]
)
def test_a_video_that_the_destination_has_of_its_own(showroom, chosen, stays):
    room = showroom(**chosen)
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    shop = room.destination.shop
    number = gids.number(room.link(gid).destination_gid)
    hands.add_media(shop, room.sim.clock, number, Video, "own.mp4", alt="own")
    room.world.tick(60)
    room.change(gid, title="Lamp 2")
    room.run()
    remove(room, gid, 0)
    room.carry(gid)
    assert shown(room) == [*ALL[1:], *([("VIDEO", "own")] if stays else [])]


def test_a_video_that_staff_took_away_stays_away_where_edits_are_kept(showroom):
    room = showroom(edited="keep")
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    shop = room.destination.shop
    number = gids.number(room.link(gid).destination_gid)
    hands.remove_image(shop, room.sim.clock, number, shop.products[number].file_ids[1])
    remove(room, gid, 0)
    room.carry(gid)
    assert ("VIDEO", "a film") not in shown(room)
    assert "Edited in the destination and kept: images." in room.link(gid).reason


def test_a_copy_that_was_deleted_is_made_again(room):
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    shop = room.destination.shop
    number = gids.number(room.link(gid).destination_gid)
    hands.remove_image(shop, room.sim.clock, number, shop.products[number].file_ids[1])
    remove(room, gid, 0)
    room.carry(gid)
    arrive(room)
    assert shown(room) == ALL[1:]


def test_a_new_product_that_was_made_again_keeps_its_old_film_until_the_new_one_has_come(room):
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    remove(room, gid, 1)
    add(room, gid, Video, "clip.mp4", "a film")
    room.carry(gid)
    assert ("VIDEO", "a film") in shown(room)
    arrive(room)
    assert shown(room) == [ALL[0], *ALL[2:], ALL[1]]


def test_with_create_only_they_come_after_the_creation_and_are_then_left_alone(room):
    room.set(field_policies={"images": "create_only"})
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    assert shown(room) == ALL
    add(room, gid, Video, "second.mp4")
    room.carry(gid)
    arrive(room)
    assert shown(room) == ALL


def test_with_create_only_what_somebody_arranged_meanwhile_is_not_touched(room):
    room.set(field_policies={"images": "create_only"})
    gid = furnish(room)
    room.carry(gid)
    shop = room.destination.shop
    number = gids.number(room.link(gid).destination_gid)
    hands.order_images(shop, room.sim.clock, number, shop.products[number].file_ids[::-1])
    arrive(room)
    assert shown(room) == [ALL[2], ALL[0]]


def test_a_connection_that_is_older_than_this_goes_on_without(showroom):
    room = showroom(syncs_videos=False)
    gid = furnish(room)
    room.carry(gid)
    arrive(room)
    assert shown(room) == [ALL[0], ALL[2]]
    assert "Left out: 2 videos, 1 3D model. Videos and 3D models do not follow" in room.link(gid).reason
    assert not FileLink.objects.exists()


def test_a_preview_tells_how_many_are_to_be_imported_and_imports_none(room):
    gid = furnish(room)
    [item] = room.run("all", is_preview=True).items.all()
    assert "Still to be imported: 2 videos, 1 3D model." in item.reason
    room.set(syncs_videos=False)
    room.carry(gid)
    room.set(syncs_videos=True)
    [item] = room.run("all", is_preview=True).items.all()
    assert (item.action, [row["wanted"] for row in item.differences]) == (
        "update",
        ["to be imported: 2 videos, 1 3D model"],
    )
    assert not FileLink.objects.exists()
    assert room.destination.count(*MEDIA_CALLS) == 0


@pytest.mark.parametrize("kind", [Video, ExternalVideo])
def test_a_lost_answer_makes_none_twice(room, kind):
    gid = room.add("Lamp")
    add(room, gid, kind, YOUTUBE if kind is ExternalVideo else "clip.mp4")
    room.carry(gid)
    room.destination.fault("lost_answer", match="fileCreate")
    room.destination.shop.knobs.search_lag_seconds = 3600
    for _ in range(2):
        settle(room)
    assert len(shown(room)) == len(room.destination.shop.catalog.files) == 1
    assert room.destination.count("fileCreate") == 1


def test_a_video_that_never_arrives_is_given_up_and_the_others_come(room):
    gid = furnish(room)
    room.source.shop.catalog.files[room.source.shop.products[gids.number(gid)].file_ids[1]].content = b""
    room.carry(gid)
    arrive(room)
    assert shown(room) == [one for one in ALL if one[0] != "VIDEO"]
    assert "0 bytes" in room.link(gid).reason
    room.destination.shop.knobs.uploads_fail = 503
    bulb = room.add("Bulb")
    add(room, bulb, Video, "clip.mp4")
    room.carry(bulb)
    for _ in range(3):
        arrive(room)
    link = FileLink.objects.order_by("-pk")[0]
    assert (link.state, link.tries, link.reason) == ("failed", 3, "it cannot be uploaded (HTTP 503).")
    assert room.destination.shop.counters.uploads == 4  # the model, then three times
    assert "HTTP 503" in room.link(bulb).reason
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()


def test_a_file_that_kills_its_workers_is_not_begun_for_ever(room):
    gid = room.add("Lamp")
    add(room, gid, Video, "clip.mp4")
    room.carry(gid)
    FileLink.objects.update(tries=3)
    arrive(room)
    assert FileLink.objects.get().reason == "It was begun 3 times and never arrived."
    assert room.destination.count(*MEDIA_CALLS) == 0


@pytest.mark.parametrize("loses_answers", [False, True])
def test_a_worker_that_is_killed_before_any_effect_leaves_one_copy(room, loses_answers):
    source, there = room.source, room.destination
    room.destination.shop.knobs.search_lag_seconds = 3600
    deaths, gid = 0, room.add("Lamp")
    for effect in effects():
        film = gids.gid("Video", add(room, gid, Video, f"{effect}.mp4").id)
        FileLink.objects.create(source=source.store, destination=there.store, source_gid=film)
        if loses_answers:
            there.fault("lost_answer", match="fileCreate")
        with room.world.worker_that_dies(effect) as death:
            referred_files.follow(open_client, there.store)
        for _ in range(3):
            referred_files.follow(open_client, there.store)
        deaths += death.is_over
        copies = set(FileLink.objects.filter(state="ready").values_list("destination_gid", flat=True))
        assert copies == {gids.gid("Video", number) for number in there.shop.catalog.files}
        assert len(copies) == FileLink.objects.count()
        if not death.is_over:
            break
    assert deaths > 4


def test_another_shape_of_a_video_goes_where_its_original_lies_elsewhere(room, monkeypatch):
    gid = room.add("Lamp")
    add(room, gid, Video, "clip.mov")
    read = wire.read_files

    def moved(*given, **more):
        found = read(*given, **more)
        return {
            one: replace(file, url="https://example.com/clip.mov", more_urls=("https://example.com/1", file.url))
            for one, file in found.items()
        }

    room.carry(gid)
    monkeypatch.setattr(referred_files.wire, "read_files", moved)
    arrive(room)
    assert [(name.startswith("clip-"), name[-4:]) for name in room.destination.shop.catalog.file_names] == [
        (True, ".mp4")
    ]
    assert shown(room) == [("VIDEO", "")]
