"""Files as metafields refer to them: read, and made again from their address, over HTTP."""

import pytest

from stores.shopify import gids
from stores.shopify.errors import UserErrors
from stores.shopify.metafields import files
from stores.shopify.metafields.files import FileRecord
from tests.simulator.events.catalogue.files import drawn_file, keep
from tests.simulator.state.catalogue import ExternalVideo, GenericFile
from tests.stores.shopify.products.test_product_wire import Store, store  # noqa: F401


def add(place: Store, kind: type, name: str, **more) -> str:
    at = place.simulator.clock.whole_seconds()
    file = kind(place.shop.next_id(), name, at, at, ready_at=at, **more)
    keep(place.shop, file)
    return gids.gid(kind.__name__, file.id)


def test_images_and_plain_files_are_read_and_made_again(store):  # noqa: F811
    at = store.simulator.clock.whole_seconds()
    image = gids.gid("MediaImage", drawn_file(store.shop, "front.png", at, "Front").id)
    manual = add(store, GenericFile, "manual.pdf", content=b"%PDF")
    film = add(store, ExternalVideo, "film", source="https://youtu.be/1")
    found = files.read_files(store.client, [image, manual, film, gids.gid("GenericFile", 1)])
    assert {gid: (row.kind, row.status, row.alt) for gid, row in found.items()} == {
        image: ("IMAGE", "READY", "Front"),
        manual: ("FILE", "READY", ""),
        film: ("EXTERNAL_VIDEO", "READY", ""),
    }
    made = files.create_files(store.client, [found[image], found[manual]])
    store.simulator.clock.advance(60)
    there = files.read_files(store.client, made, with_errors=True)
    assert [(there[gid].status, there[gid].error, bool(there[gid].url)) for gid in made] == [("READY", "", True)] * 2


def test_one_that_cannot_be_made_refuses_all(store):  # noqa: F811
    good = FileRecord("", "IMAGE", "READY", "https://example.com/a.png")
    with pytest.raises(UserErrors, match="URL is invalid"):
        files.create_files(store.client, [good, FileRecord("", "IMAGE", "READY", "nowhere")])
    assert not store.shop.catalog.files
