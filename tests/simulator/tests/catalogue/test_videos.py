"""Videos and 3D models: uploaded to a staged place, processed, refused, limited; videos elsewhere by their address."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.events.catalogue import hands
from tests.simulator.state.catalogue import ExternalVideo, Model3d, Video
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import Api, Small

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/stagedUploadsCreate
STAGE = """mutation S($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) {
  stagedTargets { url resourceUrl parameters { name value } } userErrors { field message } } }"""
CREATE = """mutation C($files: [FileCreateInput!]!) { fileCreate(files: $files) {
  files { __typename id alt fileStatus } userErrors { code field message } } }"""
STATUS = """query S($id: ID!) { node(id: $id) { ... on Media { status mediaContentType mediaErrors { code } }
  ... on Video { filename duration originalSource { url fileSize mimeType format } sources { url } }
  ... on Model3d { filename originalSource { url filesize mimeType } }
  ... on ExternalVideo { originUrl embedUrl host } } }"""
FILM = {"filename": "clip.mp4", "mimeType": "video/mp4", "resource": "VIDEO", "httpMethod": "POST", "fileSize": "4"}
BODY = FILM | {"filename": "shoe.glb", "mimeType": "model/gltf-binary", "resource": "MODEL_3D"}
YOUTUBE = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def stage(api: Api, **given) -> dict:
    answer = api.data(STAGE, {"input": [FILM | given]})["stagedUploadsCreate"]
    assert answer["userErrors"] == []
    return answer["stagedTargets"][0]


def upload(target: dict, content: bytes = b"film", **changed: str) -> int:
    fields = {row["name"]: row["value"] for row in target["parameters"]} | changed
    return requests.post(target["url"], data=fields, files={"file": ("clip.mp4", content)}, timeout=5).status_code


def uploaded(api: Api, **given) -> str:
    target = stage(api, **given)
    assert upload(target) == 201
    return target["resourceUrl"]


def create(api: Api, source: str, kind: str = "VIDEO") -> dict:
    row = {"originalSource": source, "contentType": kind, "alt": "a film"}
    return api.data(CREATE, {"files": [row]})["fileCreate"]


def test_a_video_is_uploaded_processed_and_served(api: Api, small: Small):
    small.shop.knobs.media_seconds = 10
    [file] = create(api, uploaded(api))["files"]
    assert (file["__typename"], file["fileStatus"], file["alt"]) == ("Video", "UPLOADED", "a film")
    look = {"id": file["id"]}
    before = api.data(STATUS, look)["node"]
    assert (before["originalSource"], before["sources"], before["duration"]) == (None, [], None)
    small.sim.clock.advance(10)
    ready = api.data(STATUS, look)["node"]
    source = ready["originalSource"]
    assert (ready["status"], ready["mediaContentType"], ready["filename"]) == ("READY", "VIDEO", "clip.mp4")
    assert (source["fileSize"], source["mimeType"], source["format"]) == (4, "video/mp4", "mp4")
    assert requests.get(source["url"], timeout=5).content == b"film"


def test_a_model_is_one_of_its_own_kind(api: Api):
    [file] = create(api, uploaded(api, **BODY), "MODEL_3D")["files"]
    node = api.data(STATUS, {"id": file["id"]})["node"]
    assert (node["mediaContentType"], node["originalSource"]["filesize"]) == ("MODEL_3D", 4)
    assert node["originalSource"]["mimeType"] == "model/gltf-binary"


def test_a_place_for_a_video_needs_its_size_and_its_ending(api: Api):
    for given, field in (({"fileSize": None}, "fileSize"), ({"filename": "clip.png"}, "filename")):
        refused = api.data(STAGE, {"input": [FILM | given]})["stagedUploadsCreate"]
        assert [row["field"] for row in refused["userErrors"]] == [["input", "0", field]]
    for row in (FILM | {"fileSize": "1000000001"}, BODY | {"fileSize": "500000001"}):
        assert api.data(STAGE, {"input": [row]})["stagedUploadsCreate"]["userErrors"][0]["field"][2] == "fileSize"


def test_an_upload_has_the_size_and_the_signature_that_were_given_for_it(api: Api):
    target = stage(api)
    assert upload(target, b"film and more") == 400
    assert upload(target, signature="forged") == 403
    assert create(api, target["resourceUrl"])["userErrors"][0]["field"] == ["files", "0", "originalSource"]
    chunks = requests.post(target["url"], data=iter([b"film"]), timeout=5)
    assert chunks.status_code == 411


@pytest.mark.parametrize("fetches", [False, True])
def test_the_foreign_address_of_a_video_is_refused_or_fails(api: Api, small: Small, fetches: bool):
    small.shop.knobs.fetches_videos = fetches
    answer = create(api, f"{small.sim.base_url}/clip.mp4")
    if not fetches:
        assert answer["userErrors"][0]["code"] == "INVALID"
        return
    node = api.data(STATUS, {"id": answer["files"][0]["id"]})["node"]
    assert (node["status"], node["mediaErrors"]) == ("FAILED", [{"code": "GENERIC_FILE_DOWNLOAD_FAILURE"}])


def test_a_video_elsewhere_is_made_by_its_address(api: Api):
    [file] = create(api, YOUTUBE, "EXTERNAL_VIDEO")["files"]
    node = api.data(STATUS, {"id": file["id"]})["node"]
    assert (node["host"], node["originUrl"]) == ("YOUTUBE", YOUTUBE)
    assert node["embedUrl"] == "https://www.youtube.com/embed/dQw4w9WgXcQ"
    assert create(api, "https://example.com/1", "EXTERNAL_VIDEO")["userErrors"][0]["code"] == "INVALID"


def test_what_the_plan_forbids_or_is_too_much_is_refused(api: Api, small: Small):
    url = uploaded(api)
    small.shop.knobs.refused_media = "VIDEO,MODEL_3D"
    assert create(api, url)["userErrors"][0]["code"] == "UNACCEPTABLE_TRIAL_ASSET"
    small.shop.knobs.refused_media, small.shop.knobs.most_videos = None, 0
    assert create(api, url)["userErrors"][0]["code"] == "NON_IMAGE_MEDIA_PER_SHOP_LIMIT_EXCEEDED"


def test_what_cannot_be_processed_fails_with_a_code(api: Api, small: Small):
    small.shop.knobs.media_error = "clip=VIDEO_MAX_DURATION_ERROR"
    [file] = create(api, uploaded(api))["files"]
    node = api.data(STATUS, {"id": file["id"]})["node"]
    assert (node["status"], node["mediaErrors"]) == ("FAILED", [{"code": "VIDEO_MAX_DURATION_ERROR"}])


def test_the_storage_may_be_down(api: Api, small: Small):
    small.shop.knobs.uploads_fail = 503
    assert upload(stage(api)) == 503
    assert small.shop.counters.uploads == 1


def test_merchants_add_them_to_products_in_any_order(api: Api, small: Small):
    product_id = small.mug.product_id
    for kind, name in ((Video, "clip.mp4"), (ExternalVideo, YOUTUBE), (Model3d, "shoe.glb")):
        hands.add_media(small.shop, small.sim.clock, product_id, kind, name, alt=name)
    query = "query M($id: ID!) { product(id: $id) { media(first: 9) { nodes { alt mediaContentType status } } } }"
    nodes = api.data(query, {"id": gid("Product", product_id)})["product"]["media"]["nodes"]
    kinds = ["VIDEO", "EXTERNAL_VIDEO", "MODEL_3D"]
    assert [(node["mediaContentType"], node["status"]) for node in nodes] == [(kind, "READY") for kind in kinds]
