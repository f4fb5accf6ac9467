"""Webhook bodies of collections in their REST shapes: no list of products (shopify.md 4.6)."""

from __future__ import annotations

from tests.simulator.events.catalogue.conditions import rule_set
from tests.simulator.events.catalogue.files import image_size, url_of
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import Shop


def collection_body(shop: Shop, collection_id: int) -> dict | None:
    row = shop.catalog.collections.get(collection_id)
    if row is None:
        return None
    body = {
        "id": row.id,
        "handle": row.handle,
        "title": row.title,
        "updated_at": iso_offset(row.updated_at),
        "body_html": row.description_html,
        "published_at": None if row.published_at is None else iso_offset(row.published_at),
        "sort_order": row.sort_order.lower().replace("_", "-"),
        "template_suffix": row.template_suffix,
        "published_scope": "web",
        "admin_graphql_api_id": gid("Collection", row.id),
    }
    rules = rule_set(row.sources)
    if rules:
        body["rules"] = [
            {"column": rule["column"].lower(), "relation": rule["relation"].lower(), "condition": rule["condition"]}
            for rule in rules["rules"]
        ]
        body["disjunctive"] = rules["appliedDisjunctively"]
    if row.image is not None:
        width, height = image_size(row.image)
        body["image"] = {
            "created_at": iso_offset(row.image.created_at),
            "alt": row.image_alt or "",
            "width": width,
            "height": height,
            "src": url_of(shop, row.image),
        }
    return body


def collection_deleted(shop: Shop, collection_id: int) -> dict:
    return {"id": collection_id, "published_scope": "web", "admin_graphql_api_id": gid("Collection", collection_id)}


BODIES = {
    "COLLECTIONS_CREATE": collection_body,
    "COLLECTIONS_UPDATE": collection_body,
    "COLLECTIONS_DELETE": collection_deleted,
}
TOPICS = {topic: topic.replace("_", "/").lower() for topic in BODIES}
