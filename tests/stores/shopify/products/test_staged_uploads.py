"""Videos and models on their way from one store to another, over HTTP: sizes, hosts, ends, and no file in memory."""

from datetime import timedelta

import pytest

from stores.shopify import cdn, gids
from stores.shopify.errors import UserErrors
from stores.shopify.metafields import files
from stores.shopify.products import staged_uploads
from stores.shopify.products.staged_uploads import TransferFailed
from tests.simulator.events.catalogue.files import url_of
from tests.simulator.state.catalogue import ExternalVideo, Model3d, Video
from tests.stores.shopify.metafields.test_files import add
from tests.stores.shopify.products.test_product_wire import Store, store  # noqa: F401

CONTENT = bytes(range(256)) * 2000
CDN = "https://cdn.shopify.com/videos/c/o/v/1.mp4"


def copy(place: Store, kind: str = "VIDEO", name: str = "copy.mp4", mime_type: str = "video/mp4", **more) -> str:
    url = more.pop("url", None) or url_of(place.shop, next(iter(place.shop.catalog.files.values())))
    return staged_uploads.copy_file(place.client, place.client, url, name, mime_type, kind, **more)


@pytest.mark.parametrize(
    ("kind", "made", "name", "mime_type"),
    [(Video, "VIDEO", "clip.mp4", "video/mp4"), (Model3d, "MODEL_3D", "shoe.glb", "model/gltf-binary")],
)
def test_a_file_arrives_byte_by_byte_and_is_found_by_its_name(store, kind, made, name, mime_type):  # noqa: F811
    gid = add(store, kind, name, content=CONTENT, alt="A film")
    read = files.read_files(store.client, [gid])[gid]
    assert (read.kind, read.status, read.name, read.mime_type) == (made, "READY", name, mime_type)
    url = copy(store, made, f"copy of {name}", mime_type, url=read.url)
    [copied] = files.create_files(store.client, [files.FileRecord("", made, "READY", url, "A copy")])
    there = store.shop.catalog.files[gids.number(copied)]
    assert (there.content, there.alt, there.filename) == (CONTENT, "A copy", f"copy of {name}")
    before = store.simulator.clock.now() - timedelta(seconds=1)
    assert files.find_made(store.client, f"copy of {name}", before) == [copied]
    assert files.find_made(store.client, f"copy of {name}", before + timedelta(minutes=1)) == []
    assert files.find_made(store.client, "another.mp4", before) == []


def test_a_video_elsewhere_is_made_by_its_address_and_found_by_it(store):  # noqa: F811
    film = add(store, ExternalVideo, "film", source="https://youtu.be/1")
    read = files.read_files(store.client, [film])[film]
    [made] = files.create_files(store.client, [read])
    before = store.simulator.clock.now() - timedelta(minutes=1)
    assert files.find_made(store.client, "https://youtu.be/1", before) == [made, film]


def test_one_that_is_being_processed_has_no_address_yet(store):  # noqa: F811
    gid = add(store, Video, "clip.mp4", content=CONTENT)
    store.shop.catalog.files[gids.number(gid)].ready_at += 60
    assert files.read_files(store.client, [gid])[gid].url == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://cdn.shopify.com/clip.mp4",
        "https://cdn.shopify.com.evil.example/clip.mp4",
        "https://evilshopifycdn.com/clip.mp4",
        "https://cdn.shopify.com:8443/clip.mp4",
        "https://cdn.shopify.com@evil.example/clip.mp4",
        "https://storage.googleapis.com/somebody/clip.mp4",
        "http://localhost:8000/clip.mp4",
        "file:///etc/passwd",
        "https://[::1/clip.mp4",
    ],
)
def test_no_host_but_shopifys_is_asked(store, url):  # noqa: F811
    assert not cdn.is_shopifys(url, "https://main.myshopify.com")
    with pytest.raises(TransferFailed, match="none of Shopify's"):
        copy(store, url=url)
    assert store.shop.counters.operations["stagedUploadsCreate"] == 0


@pytest.mark.parametrize(
    "url",
    [
        CDN,
        "https://cdn.shopify.com:443/clip.mp4",
        "https://model3d.shopifycdn.com/models/o/1/shoe.glb",
        "https://main.myshopify.com/cdn/shop/videos/1.mp4",
        "https://storage.googleapis.com/shopify-video-production-core-originals/c/o/v/1.mp4",
    ],
)
def test_shopifys_hosts_are(url):
    assert cdn.is_shopifys(url, "https://main.myshopify.com")


def test_what_is_too_large_or_gone_is_not_sent_at_all(store, monkeypatch):  # noqa: F811
    add(store, Video, "clip.mp4", content=CONTENT)
    with pytest.raises(TransferFailed, match="HTTP 404") as gone:
        copy(store, url=f"{store.client.origin}/s/files/1/1/files/none.mp4")
    monkeypatch.setitem(staged_uploads.MOST_BYTES, "VIDEO", 1000)
    with pytest.raises(TransferFailed, match="512,000 bytes") as large:
        copy(store)
    assert not gone.value.may_pass and not large.value.may_pass
    assert store.shop.counters.operations["stagedUploadsCreate"] == store.shop.counters.uploads == 0


def test_one_that_takes_too_long_or_breaks_off_leaves_nothing(store, monkeypatch):  # noqa: F811
    add(store, Video, "clip.mp4", content=CONTENT)
    with pytest.raises(TransferFailed, match="too long") as slow:
        copy(store, seconds=-1)
    assert slow.value.may_pass
    read = staged_uploads._read
    parts = iter([True])
    monkeypatch.setattr(staged_uploads, "_read", lambda *given: read(*given) if next(parts, False) else b"")
    with pytest.raises(TransferFailed, match="broke off"):
        copy(store)
    assert [staged.content for staged in store.shop.catalog.staged.values()] == [None, None]


@pytest.mark.parametrize(("status", "may_pass"), [(503, True), (403, False)])
def test_a_storage_that_refuses_says_so(store, status, may_pass):  # noqa: F811
    add(store, Video, "clip.mp4", content=CONTENT)
    store.shop.knobs.uploads_fail = status
    with pytest.raises(TransferFailed, match=f"HTTP {status}") as refused:
        copy(store)
    assert refused.value.may_pass is may_pass


def test_shopify_refuses_a_place_in_its_own_words(store):  # noqa: F811
    add(store, Video, "clip.mp4", content=CONTENT)
    with pytest.raises(UserErrors, match="extension"):
        copy(store, name="clip.png")


def test_little_of_a_file_is_in_memory(store, monkeypatch):  # noqa: F811
    add(store, Video, "clip.mp4", content=CONTENT * 20)
    asked, read = [], staged_uploads._read
    monkeypatch.setattr(staged_uploads, "_read", lambda one, most, end: asked.append(most) or read(one, most, end))
    copy(store)
    assert len(asked) > 100 and max(asked) <= 1 << 16
