"""Videos among images, pure: order, what stays, what goes, and that a second look finds nothing to do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stores.shopify.products.product_records import MediaRecord
from syncing.catalogue.rules import images
from syncing.catalogue.rules.desired import awaited, build, watched_values
from syncing.catalogue.rules.fields import CREATE_ONLY, Field
from syncing.catalogue.rules.images import Manner, plan_images
from tests.support.catalogue.goods import goods, image, policy

KINDS = {"VIDEO": "Video", "EXTERNAL_VIDEO": "ExternalVideo", "MODEL_3D": "Model3d"}


def video(number: int, kind: str = "VIDEO", alt: str = "", status: str = "READY") -> MediaRecord:
    return MediaRecord(f"gid://shopify/{KINDS[kind]}/{number}", kind, alt, status)


def media(first: int) -> st.SearchStrategy[list[MediaRecord]]:
    """Some of a store, each once."""
    kinds = st.lists(st.sampled_from(["IMAGE", *KINDS]), max_size=4)
    return kinds.map(
        lambda chosen: [
            image(first + place) if kind == "IMAGE" else video(first + place, kind) for place, kind in enumerate(chosen)
        ]
    )


manners = st.builds(Manner, moves=st.just(True), merges=st.booleans(), keeps_edits=st.booleans())


def put(product, plan, files):
    """The destination's product after Shopify took the list; what is new becomes known."""
    there = {each.gid: each for each in product.media}
    for row, url in zip(plan.rows, plan.urls, strict=True):
        if "originalSource" in row:
            files[url] = f"gid://shopify/MediaImage/{9000 + len(files)}"
    listed = [row.get("id") or files[url] for row, url in zip(plan.rows, plan.urls, strict=True)]
    assert len(set(listed)) == len(listed), "a file twice"
    kinds = {kind: shopifys for shopifys, kind in {"IMAGE": "MediaImage", **KINDS}.items()}
    made = [there.get(gid) or MediaRecord(gid, kinds[gid.split("/")[3]], "", "READY") for gid in listed]
    return replace(product, media=tuple(made))


@given(media(100), media(200), st.sets(st.integers(100, 104)), manners)
def test_after_any_number_of_copies_the_next_look_finds_nothing(ours, own, copied, manner):
    source, present = goods(media=tuple(ours)), goods(number=2, media=tuple(own))
    moving = [each for each in ours if each.kind != "IMAGE"]
    files = {each.gid: each.gid.replace("/1", "/81") for each in moving if int(each.gid[-3:]) in copied}
    plan = plan_images(source, present, files, manner)
    after = put(present, plan, files)
    last = plan.wanted[: plan.ours] if manner.merges else plan.wanted  # as it is remembered
    again = plan_images(source, after, files, manner, last=last)
    assert again.wanted == again.current
    assert {row["id"] for row in again.rows} == {each.gid for each in after.media}
    placed = [each.gid if each.kind == "IMAGE" else files.get(each.gid) for each in ours]
    shown = [files.get(images.origin_of(each)) for each in ours if images.origin_of(each) in files]
    assert [each.gid for each in after.media][: len(shown)] == shown and len(shown) <= len(placed)
    kept = {each.gid for each in after.media} & {each.gid for each in own}
    assert not manner.merges or kept == {each.gid for each in own}
    if plan.coming:  # nobody loses a film for one that has not come
        assert {each.gid for each in own if each.kind != "IMAGE"} <= kept
    elif not (manner.merges or manner.keeps_edits):
        assert kept == set()


@given(media(100), media(200), manners)
def test_videos_that_do_not_follow_change_nothing_of_the_destinations(ours, own, manner):
    manner, source = replace(manner, moves=False), goods(media=tuple(ours))
    present = goods(number=2, media=tuple(own))
    after = put(present, plan_images(source, present, {}, manner), {})
    assert [each for each in after.media if each.kind != "IMAGE"] == [each for each in own if each.kind != "IMAGE"]


def test_a_product_takes_250_of_them():
    source = goods(media=tuple(image(number) for number in range(1, 200)))
    present = goods(number=2, media=tuple(image(number) for number in range(300, 360)))
    desired = build(source, present, policy(merges_images=True))
    assert [conflict.kind for conflict in desired.conflicts] == ["too_many_media"]
    assert "files" not in desired.product
    assert "It would have 259 images and videos; a product takes 250." in desired.conflicts[0].reason


def test_a_copy_that_comes_changes_the_fingerprint_and_only_where_videos_follow():
    source, copy = goods(media=(video(1),)), {"gid://shopify/Video/1": "gid://shopify/Video/81"}
    for how, is_seen in (
        (policy(), False),
        (policy(moves=True), True),
        (policy(moves=True, fields={Field.IMAGES: CREATE_ONLY}), True),
    ):
        before, after = watched_values(source, how), watched_values(source, replace(how, partners=copy))
        assert (before != after) is is_seen
    assert "video" not in str(watched_values(goods(media=(video(1),)), policy())).lower()


def test_what_is_still_awaited_is_what_has_no_copy_yet():
    source, how = goods(media=(video(1), video(2))), policy(moves=True)
    before = [video(1).gid, video(2).gid, "gid://shopify/Product/7"]
    assert awaited(source, replace(how, partners={video(1).gid: "gid://shopify/Video/81"}), before) == [video(2).gid]
    assert awaited(source, policy(), before) == []


def test_what_cannot_be_had_is_named_with_its_reason():
    source = goods(media=(video(1, alt="a film"), video(2, status="FAILED"), video(3, "MODEL_3D")))
    how = policy(moves=True, failures={video(1).gid: "its file cannot be copied: too long"})
    desired = build(source, None, how)
    assert desired.notes == [
        "Left out: 1 video that Shopify could not process in the source.",
        "Left out: the video 1 (a film): its file cannot be copied: too long.",
        "Still to be imported: 1 3D model.",
    ]
    assert desired.awaits == (video(1).gid, video(3, "MODEL_3D").gid)
