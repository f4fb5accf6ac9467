"""Which pictures of a source are known in the destination already: by host, path and version of their address."""

from stores.models import CatalogueFile
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.products import files

URL = "https://cdn.shopify.com/s/files/1/0533/files/lamp.jpg"


def product(*urls: str) -> ProductRecord:
    media = tuple(MediaRecord(f"gid://shopify/MediaImage/{n}", "IMAGE", "", "READY", url) for n, url in enumerate(urls))
    return ProductRecord("gid://shopify/Product/1", "lamp", "Lamp", media=media)


def test_a_picture_that_was_replaced_is_sent_once_and_takes_the_place_of_the_old_one(showroom):
    room = showroom()
    gid = room.add("Lamp")
    room.add_image(gid, "one.png", "one")
    room.carry(gid)
    [old] = [media.gid for media in room.there("lamp").media]
    [file] = room.source.shop.catalog.files.values()
    file.updated_at += 60  # its version; the id and the path stay
    room.carry(gid)
    [new] = [media.gid for media in room.there("lamp").media]
    assert new != old
    assert room.carry(gid).action == "equal"
    assert CatalogueFile.objects.filter(file_gid=new).count() == 1


def test_the_same_version_shown_in_another_size_is_the_same_picture(north):
    files.remember_files(north, [f"{URL}?v=1"], [MediaRecord("gid://shopify/MediaImage/9", "IMAGE", "", "READY")])
    shown = product(f"{URL}?v=1&width=300", f"{URL}?v=2")
    assert files.known_files(north, [shown]) == {f"{URL}?v=1&width=300": "gid://shopify/MediaImage/9"}
