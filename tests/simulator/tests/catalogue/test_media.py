"""Files and media: from a URL to READY or FAILED, new for each mention of a URL, served at an address of their own."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.events.catalogue.pictures import draw, kind_of, size_of
from tests.simulator.state.catalogue import File
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import Api, Small

SET = """mutation Set($id: ID!, $input: ProductSetInput!) { productSet(identifier: {id: $id}, input: $input) {
  product { mediaCount { count } featuredMedia { id } media(first: 9) { nodes { id alt mediaContentType status
    mediaErrors { code message } preview { status image { url } }
    ... on MediaImage { mimeType image { url altText width } } } }
    variants(first: 9) { nodes { id media(first: 1) { nodes { id } } } } }
  userErrors { code field message } } }"""
UPDATE = """mutation U($files: [FileUpdateInput!]!) { fileUpdate(files: $files) {
  files { id alt fileStatus } userErrors { code field } } }"""
STATUS = "query S($id: ID!) { node(id: $id) { ... on MediaImage { status fileStatus image { url } } } }"


@pytest.fixture
def mug(small: Small) -> str:
    return gid("Product", small.mug.product_id)


@pytest.fixture
def picture(small: Small) -> File:
    """An image of the shop that no product has, with a public address."""
    return drawn_file(small.shop, "blue mug.png", small.sim.clock.whole_seconds() - 60)


def put(api: Api, mug: str, *files: dict, **given) -> dict:
    answer = api.data(SET, {"id": mug, "input": {"files": list(files), **given}})["productSet"]
    assert answer["userErrors"] == []
    return answer["product"]


def media(api: Api, mug: str, *files: dict) -> list[dict]:
    return put(api, mug, *files)["media"]["nodes"]


def test_an_image_has_a_public_address_and_is_a_real_picture(api: Api, small: Small, picture: File):
    url = url_of(small.shop, picture)
    answer = requests.get(url, timeout=5)
    assert answer.headers["Content-Type"] == "image/png"
    assert (kind_of(answer.content), size_of(answer.content)) == ("image/png", (48, 48))
    assert answer.content == draw("blue mug.png") != draw("red mug.png")
    assert requests.get(url.replace("mug", "cup"), timeout=5).status_code == 404


def test_a_url_is_fetched_over_http_and_gets_an_address_of_the_new_shop(api, mug, small: Small, picture: File):
    [node] = media(api, mug, {"originalSource": url_of(small.shop, picture), "alt": "A mug"})
    assert (node["status"], node["alt"], node["mediaContentType"]) == ("READY", "A mug", "IMAGE")
    assert node["image"]["width"] == 48
    copied = requests.get(node["image"]["url"], timeout=5)
    assert node["image"]["url"] != url_of(small.shop, picture)
    assert copied.content == draw("blue mug.png")


def test_the_same_url_again_makes_another_file(api, mug, small: Small, picture: File):
    url = url_of(small.shop, picture)
    [first] = media(api, mug, {"originalSource": url})
    [second] = media(api, mug, {"originalSource": url})
    assert first["id"] != second["id"]
    assert first["image"]["url"].partition("?")[0] != second["image"]["url"].partition("?")[0]


def test_a_file_by_its_id_is_used_again_and_the_order_follows_the_list(api, mug, small: Small, picture: File):
    url = url_of(small.shop, picture)
    first, second = media(api, mug, {"originalSource": url}, {"originalSource": url})
    again = media(api, mug, {"id": second["id"]}, {"id": first["id"], "alt": "new"})
    assert [(node["id"], node["alt"]) for node in again] == [(second["id"], ""), (first["id"], "new")]


def test_a_file_that_is_not_in_the_list_is_deleted(api, mug, small: Small, picture: File):
    first, second = media(api, mug, *[{"originalSource": url_of(small.shop, picture)}] * 2)
    media(api, mug, {"id": second["id"]})
    assert api.data(STATUS, {"id": first["id"]}) == {"node": None}
    refused = api.data(SET, {"id": mug, "input": {"files": [{"id": first["id"]}]}})["productSet"]
    assert refused["userErrors"][0]["field"] == ["input", "files", "0", "id"]


def test_a_file_that_another_product_has_stays_when_one_lets_go_of_it(api, mug, small: Small, picture: File):
    [node] = media(api, mug, {"originalSource": url_of(small.shop, picture)})
    other = gid("Product", small.shirt.product_id)
    media(api, other, {"id": node["id"]})
    media(api, mug)
    assert api.data(STATUS, {"id": node["id"]})["node"]["status"] == "READY"


def test_an_image_goes_from_uploaded_over_processing_to_ready_and_has_no_address_before(
    api, mug, small: Small, picture: File
):
    small.shop.knobs.media_seconds = 10
    [node] = media(api, mug, {"originalSource": url_of(small.shop, picture)})
    assert (node["status"], node["image"], node["preview"]["image"]) == ("UPLOADED", None, None)
    look = {"id": node["id"]}
    small.sim.clock.advance(6)
    assert api.data(STATUS, look)["node"] == {"status": "PROCESSING", "fileStatus": "PROCESSING", "image": None}
    small.sim.clock.advance(4)
    assert api.data(STATUS, look)["node"]["status"] == "READY"


def test_an_image_that_becomes_ready_moves_its_product_once_more(api, mug, small: Small, picture: File):
    small.shop.knobs.media_seconds = 10
    media(api, mug, {"originalSource": url_of(small.shop, picture)})
    told = []
    small.shop.publish = told.extend
    small.sim.clock.advance(10)
    assert told == [("PRODUCTS_UPDATE", (small.mug.product_id,))]
    assert small.shop.products[small.mug.product_id].updated_at == small.sim.clock.whole_seconds()


@pytest.mark.parametrize(
    ("path", "code"),
    [("/nothing.png", "IMAGE_DOWNLOAD_FAILURE"), ("/_control/help", "UNSUPPORTED_IMAGE_FILE_TYPE")],
)
def test_what_cannot_be_had_or_is_no_picture_fails(api, mug, small: Small, path, code):
    source = {"originalSource": f"{small.sim.base_url}{path}", "contentType": "IMAGE"}
    [node] = media(api, mug, source)
    assert (node["status"], node["image"]) == ("FAILED", None)
    assert node["mediaErrors"][0]["code"] == code
    refused = api.data(SET, {"id": mug, "input": {"files": [{"id": node["id"]}]}})["productSet"]
    assert refused["userErrors"]


def test_every_download_fails_while_the_knob_says_so(api, mug, small: Small, picture: File):
    small.shop.knobs.media_fails = True
    [node] = media(api, mug, {"originalSource": url_of(small.shop, picture)})
    assert node["status"] == "FAILED"


def test_nothing_is_loaded_from_another_machine(api, mug):
    [node] = media(api, mug, {"originalSource": "https://cdn.shopify.com/s/files/1/a.png"})
    assert node["mediaErrors"][0]["code"] == "IMAGE_DOWNLOAD_FAILURE"


def test_a_variant_shows_one_of_the_products_files(api, mug, small: Small, picture: File):
    url = url_of(small.shop, picture)
    values = [{"optionName": "Title", "name": "Default Title"}]
    options = [{"name": "Title", "values": [{"name": "Default Title"}]}]
    variants = [{"optionValues": values, "file": {"originalSource": url}}]
    shown = put(api, mug, {"originalSource": url}, variants=variants, productOptions=options)
    [node] = shown["media"]["nodes"]
    assert shown["variants"]["nodes"][0]["media"]["nodes"] == [{"id": node["id"]}]
    assert small.shop.variants[small.mug.id].id == small.mug.id
    empty = put(api, mug)
    assert empty["variants"]["nodes"][0]["media"]["nodes"] == []


def test_a_film_elsewhere_is_media_and_no_image(api, mug):
    [node] = media(api, mug, {"originalSource": "https://www.youtube.com/watch?v=1", "contentType": "EXTERNAL_VIDEO"})
    assert (node["mediaContentType"], node["status"]) == ("EXTERNAL_VIDEO", "READY")


# fileUpdate


def test_alt_text_is_changed_and_only_of_files_that_are_ready(api, mug, small: Small, picture: File):
    [node] = media(api, mug, {"originalSource": url_of(small.shop, picture)})
    told = []
    small.shop.publish = told.extend
    answer = api.data(UPDATE, {"files": [{"id": node["id"], "alt": "new"}]})["fileUpdate"]
    assert answer == {"files": [{"id": node["id"], "alt": "new", "fileStatus": "READY"}], "userErrors": []}
    assert told == [("PRODUCTS_UPDATE", (small.mug.product_id,))]
    small.shop.knobs.media_seconds = 10
    [later] = media(api, mug, {"originalSource": url_of(small.shop, picture)})
    refused = api.data(UPDATE, {"files": [{"id": later["id"], "alt": "x"}]})["fileUpdate"]
    assert refused["userErrors"] == [{"code": "NON_READY_STATE", "field": ["files", "0", "id"]}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"alt": "x" * 513}, "ALT_VALUE_LIMIT_EXCEEDED"),
        ({"filename": "blue mug.jpg"}, "INVALID_FILENAME_EXTENSION"),
        ({"referencesToAdd": [gid("Product", 1)]}, "REFERENCE_TARGET_DOES_NOT_EXIST"),
        ({"id": gid("MediaImage", 1)}, "FILE_DOES_NOT_EXIST"),
    ],
)
def test_a_change_that_cannot_be_is_refused(api: Api, picture: File, change, code):
    given = {"id": gid("MediaImage", picture.id), **change}
    assert api.data(UPDATE, {"files": [given]})["fileUpdate"]["userErrors"][0]["code"] == code


def test_a_file_is_added_to_products_and_taken_off_again(api: Api, mug, small: Small, picture: File):
    number = gid("MediaImage", picture.id)
    api.data(UPDATE, {"files": [{"id": number, "referencesToAdd": [mug]}]})
    assert small.shop.products[small.mug.product_id].file_ids == [picture.id]
    api.data(UPDATE, {"files": [{"id": number, "referencesToRemove": [mug]}]})
    assert small.shop.products[small.mug.product_id].file_ids == []
    assert api.data(STATUS, {"id": number})["node"]["status"] == "READY"


# fileCreate, files, fileDelete


def test_files_are_made_found_and_deleted(api: Api, small: Small, picture: File):
    create = """mutation C($files: [FileCreateInput!]!) { fileCreate(files: $files) {
      files { id fileStatus } userErrors { code field } } }"""
    url = url_of(small.shop, picture)
    made = api(create, {"files": [{"originalSource": url, "alt": "a"}]})
    assert made["extensions"]["cost"]["requestedQueryCost"] == 20
    [file] = made["data"]["fileCreate"]["files"]
    find = '{ files(first: 9, query: "filename:blue*") { nodes { id } } }'
    assert {node["id"] for node in api.data(find)["files"]["nodes"]} == {file["id"], gid("MediaImage", picture.id)}
    delete = "mutation D($ids: [ID!]!) { fileDelete(fileIds: $ids) { deletedFileIds userErrors { code } } }"
    assert api.data(delete, {"ids": [file["id"]]})["fileDelete"]["deletedFileIds"] == [file["id"]]
    assert api.data(delete, {"ids": [file["id"]]})["fileDelete"]["userErrors"] == [{"code": "FILE_DOES_NOT_EXIST"}]
    refused = api.data(create, {"files": [{"originalSource": "nonsense"}]})["fileCreate"]
    assert refused["userErrors"] == [{"code": "INVALID_IMAGE_SOURCE_URL", "field": ["files", "0", "originalSource"]}]
