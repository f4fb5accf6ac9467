"""The control API does over HTTP what tests do in Python."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small


class Control:
    def __init__(self, url: str):
        self.url = url

    def get(self, name: str, **given):
        return requests.get(f"{self.url}/_control/{name}", params=given, timeout=10)

    def post(self, name: str, **given):
        return requests.post(f"{self.url}/_control/{name}", json=given, timeout=10)


@pytest.fixture
def control(api: Api) -> Control:
    return Control(api.url)


def test_help_lists_every_call(control: Control):
    listed = control.get("help").json()
    assert "set(domain: 'str', item_id: 'object', location_id: 'object', quantity: 'int', " in listed["POST"][0]
    assert len(listed["GET"]) > 10
    assert {"job_seconds=1.0", "ships_everything=False"} <= set(listed["KNOBS"])


def test_stock_is_looked_at_and_moved(control: Control, small: Small):
    [mug] = control.get("variants", domain=DOMAIN, sku="MUG").json()
    assert [level["available"] for level in mug["levels"]] == [5, 0]
    place = {"item_id": mug["item_gid"], "location_id": str(small.here)}
    assert control.post("set", domain=DOMAIN, quantity=9, **place).json()["available"] == 9
    assert control.post("adjust", domain=DOMAIN, delta=-2, **place).json()["available"] == 7
    assert control.get("level", domain=DOMAIN, **place).json()["on_hand"] == 7
    rows = [[mug["item_id"], small.here, 1], [mug["item_id"], small.there, 2]]
    assert control.post("set_many", domain=DOMAIN, rows=rows).json() == {"rows": 2}
    assert control.get("sums", domain=DOMAIN).json() == {"set": 4 - 6 + 2, "restock": -2}
    assert [row[3] for row in control.get("levels", domain=DOMAIN, location_id=small.there).json()] == [4, 2]


def test_orders_run_their_course(control: Control, small: Small):
    order = control.post("buy", domain=DOMAIN, variant_id=small.mug.id, quantity=2).json()
    control.post("fulfil", domain=DOMAIN, order_id=order["id"], quantities={str(order["lines"][0]["id"]): 1})
    assert small.shop.levels[small.mug.item_id, small.here].committed == 1
    control.post("refund", domain=DOMAIN, order_id=order["id"])
    assert small.available(small.mug) == 5
    assert control.post("buy", domain=DOMAIN, variant_id=small.mug.id, quantity=99).status_code == 400
    other = control.post("buy", domain=DOMAIN, lines=[[small.mug.id, 9]], force=True).json()
    control.post("cancel", domain=DOMAIN, order_id=other["id"])
    assert small.available(small.mug) == 5
    assert len(control.get("orders", domain=DOMAIN).json()) == 2


def test_shipments_are_corrected_and_units_exchanged(control: Control, small: Small):
    order = control.post("buy", domain=DOMAIN, variant_id=small.mug.id, quantity=2).json()
    control.post("fulfil", domain=DOMAIN, order_id=order["id"])
    control.post("tracking", domain=DOMAIN, order_id=order["id"], company="Post", number="A1")
    line = str(order["lines"][0]["id"])
    made = control.post(
        "exchange", domain=DOMAIN, order_id=order["id"], back={line: 1}, add=[str(small.shirt.id), 1]
    ).json()
    assert (made["fulfillments"][0]["numbers"], len(made["lines"])) == (["A1"], 2)
    assert (small.available(small.mug), small.available(small.shirt)) == (4, 9)
    control.post("share", domain=DOMAIN, variant_id=small.mug.id, with_variant_id=small.shirt.id)
    assert small.mug.item_id == small.shirt.item_id


def test_a_store_changes_its_name_and_loses_its_subscriptions(control: Control, api: Api, small: Small, receiver):
    small.sim.set_manual(DOMAIN, True)
    for topic in ("ORDERS_CREATE", "ORDERS_UPDATED"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    control.post("delete_subscriptions", domain=DOMAIN, topic="ORDERS_UPDATED")
    control.post("rename", domain=DOMAIN, new="new.myshopify.com")
    old = requests.post(f"{api.url}/{DOMAIN}/admin/api/2026-10/graphql.json", json={}, timeout=9, allow_redirects=False)
    assert old.status_code == 301
    assert old.headers["Location"] == f"{api.url}/new.myshopify.com/admin/api/2026-10/graphql.json"
    again = Api(api.url, api.token, domain="new.myshopify.com")
    assert again.data("{ shop { myshopifyDomain } }") == {"shop": {"myshopifyDomain": "new.myshopify.com"}}
    control.post("buy", domain="new.myshopify.com", variant_id=small.mug.id)
    small.sim.pump("new.myshopify.com")
    assert [headers["X-Shopify-Shop-Domain"] for headers, _ in receiver.got] == ["new.myshopify.com"]
    assert receiver.topics() == ["orders/create"]


def test_products_are_changed_added_and_deleted(control: Control, small: Small):
    product = control.post("product", domain=DOMAIN, product_id=small.mug.product_id, handle="cup").json()
    assert product["handle"] == "cup"
    assert control.post("product", domain=DOMAIN, product_id=small.mug.product_id, handle="shirt").status_code == 400
    variant = control.post("variant", domain=DOMAIN, variant_id=small.mug.id, sku="CUP", barcode="77", tracked=False)
    assert (variant.json()["sku"], variant.json()["barcode"], variant.json()["tracked"]) == ("CUP", "77", False)
    added = control.post(
        "add_variant", domain=DOMAIN, product_id=small.mug.product_id, sku="CUP-2", stock={str(small.here): 3}
    ).json()
    assert added["levels"][0]["available"] == 3
    made = control.post("add_product", domain=DOMAIN, title="Pen", variants=[{"sku": "PEN", "stock": {small.here: 8}}])
    assert made.json()["variants"][0]["sku"] == "PEN"
    control.post("delete_variant", domain=DOMAIN, variant_id=added["variant_id"])
    control.post("delete_product", domain=DOMAIN, product_id=made.json()["id"])
    assert added["variant_id"] not in small.shop.variants
    control.post("deactivate", domain=DOMAIN, item_id=small.mug.item_id, location_id=small.there)
    assert not small.shop.levels[small.mug.item_id, small.there].is_active


def test_faults_knobs_clock_tokens_and_counters_are_switched(control: Control, api: Api, small: Small):
    control.post("fault", domain=DOMAIN, kind="http", status=503)
    assert len(control.get("faults", domain=DOMAIN).json()["planned"]) == 1
    assert api.send("{ shop { name } }").status_code == 503
    control.post("fault", domain=DOMAIN, kind="slow", seconds=9)
    control.post("clear_faults", domain=DOMAIN)
    assert control.post("knobs", domain=DOMAIN, replay_mode="docs", bucket_size=77).json()["replay_mode"] == "docs"
    assert small.shop.knobs.bucket_size == 77
    assert control.post("knobs", domain=DOMAIN, nonsense=1).status_code == 400
    before = control.get("clock").json()["seconds"]
    assert control.post("advance", seconds=60).json()["seconds"] == before + 60
    assert api.send("{ shop { name } }").status_code == 200
    counters = control.get("counters", domain=DOMAIN).json()[DOMAIN]
    assert (counters["requests"], counters["faults"]) == (2, {"http": 1})
    control.post("reset_counters", domain=DOMAIN)
    assert control.get("counters").json()[DOMAIN]["requests"] == 0
    assert [entry["status"] for entry in control.get("log", domain=DOMAIN).json()["requests"]] == [503, 200]
    control.post("revoke_tokens", domain=DOMAIN)
    assert api.send("{ shop { name } }").status_code == 401


def test_deliveries_are_listed_and_pumped(control: Control, small: Small, receiver: Receiver):
    control.post("knobs", domain=DOMAIN, manual_deliveries=True)
    control.post("subscribe", domain=DOMAIN, topic="INVENTORY_LEVELS_UPDATE", uri=receiver.url)
    for quantity in (1, 2, 3):
        small.sim.set(DOMAIN, small.mug.item_id, small.here, quantity)
    first, second, third = [row["number"] for row in control.get("deliveries", domain=DOMAIN).json()]
    control.post("drop", domain=DOMAIN, deliveries=[second])
    control.post("delay", domain=DOMAIN, deliveries=[third], seconds=30)
    assert [row["state"] for row in control.post("pump", domain=DOMAIN).json()] == ["delivered"]
    control.post("pump", domain=DOMAIN, deliveries=[third, third])
    assert len(receiver.got) == 3
    assert first not in [row["number"] for row in control.get("deliveries", domain=DOMAIN).json()]
    assert control.get("idle").json() == {"idle": True}


def test_a_wrong_call_says_what_is_wrong(control: Control):
    assert control.get("nonsense").status_code == 404
    missing = control.post("set", domain=DOMAIN)
    assert (missing.status_code, "item_id" in missing.json()["error"]) == (400, True)
    assert control.post("set", domain="nobody", item_id=1, location_id=1, quantity=1).status_code == 400


def test_the_catalogue_is_looked_at_and_edited(control: Control, small: Small):
    shop, mug = small.shop, small.mug.product_id
    told = []
    shop.publish = told.extend
    first = control.post("add_image", domain=DOMAIN, product_id=mug, filename="mug.png", alt="A mug").json()
    second = control.post("add_image", domain=DOMAIN, product_id=mug, filename="mug.png").json()
    assert requests.get(first["url"], timeout=5).status_code == 200
    assert first["url"].partition("?")[0] != second["url"].partition("?")[0]
    control.post("order_images", domain=DOMAIN, product_id=mug, file_ids=[second["id"], first["id"]])
    control.post("remove_image", domain=DOMAIN, product_id=mug, file_id=second["id"])
    control.post("describe_image", domain=DOMAIN, file_id=first["id"], alt="Blue")
    control.post("unpublish", domain=DOMAIN, product_id=mug)
    control.post("publish", domain=DOMAIN, product_id=mug, channel="Point of Sale")
    field = {"namespace": "care", "key": "wash", "type": "boolean", "value": "true"}
    control.post("set_metafield", domain=DOMAIN, kind="Product", owner_id=mug, **field)
    assert set(told) == {("PRODUCTS_UPDATE", (mug,))}
    assert len(told) == 8
    found = control.get("read_product", domain=DOMAIN, handle="mug").json()
    assert [image["alt"] for image in found["images"]] == ["Blue"]
    assert found["channels"] == ["Point of Sale"]
    assert found["metafields"] == [["care", "wash", "boolean", "true"]]
    assert [row["title"] for row in control.get("products", domain=DOMAIN, title="Mug").json()] == ["Mug"]
    wrong = {**field, "value": "wet"}
    assert control.post("set_metafield", domain=DOMAIN, kind="Product", owner_id=mug, **wrong).status_code == 400
    assert control.post("publish", domain=DOMAIN, product_id=mug, channel="Nowhere").status_code == 400
    assert control.post("order_images", domain=DOMAIN, product_id=mug, file_ids=[1]).status_code == 400


def test_collections_and_content_are_made_changed_and_deleted(control: Control, small: Small):
    told = []
    small.shop.publish = told.extend
    mug = small.mug.product_id
    made = control.post("add_collection", domain=DOMAIN, title="Hand", products=[mug]).json()
    assert (made["products"], made["channels"]) == ([mug], ["Online Store"])
    number = made["id"]
    changed = control.post("change_collection", domain=DOMAIN, collection_id=number, products=[], title="None").json()
    assert (changed["products"], changed["title"]) == ([], "None")
    control.post("delete_collection", domain=DOMAIN, collection_id=number)
    assert control.get("collections", domain=DOMAIN).json() == []
    assert [topic for topic, _ in told] == ["COLLECTIONS_CREATE", "COLLECTIONS_UPDATE", "COLLECTIONS_DELETE"]
    page = control.post("add_page", domain=DOMAIN, title="About", body="<p>x</p>").json()
    blog = control.post("add_blog", domain=DOMAIN, title="News").json()
    article = control.post("add_article", domain=DOMAIN, blog_id=blog["id"], title="First", tags=["b", "a"]).json()
    assert article["tags"] == ["a", "b"]
    small.sim.clock.advance(5)
    changed = control.post("change_content", domain=DOMAIN, kind="page", id=page["id"], body="new").json()
    assert (changed["body"], changed["updated_at"]) == ("new", page["updated_at"] + 5)
    assert control.post("change_content", domain=DOMAIN, kind="page", id=page["id"], colour="x").status_code == 400
    control.post("delete_content", domain=DOMAIN, kind="blog", id=blog["id"])
    found = control.get("content", domain=DOMAIN).json()
    assert [len(found[table]) for table in ("pages", "blogs", "articles")] == [1, 0, 0]
    assert len(told) == 3
