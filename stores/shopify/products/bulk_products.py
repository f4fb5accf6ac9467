"""Whole products by two bulk queries over a range of ids, where paging would cost seven points each.

A bulk query takes five connections (shopify.md 5), so one file brings the products with their lists, the other their
variants; both run at once. Lines come in any order. What does not fit together is left out, to be read by itself: half
a product would look like all of it, and productSet deletes what it is not told of (shopify.md 8.1).
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from stores.shopify import bulk, gids, inventory
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError, UnexpectedAnswer
from stores.shopify.metafields.records import metafield_records
from stores.shopify.products.product_fields import ITEM, LISTING, MEDIA, METAFIELD, PRODUCT, VARIANT
from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord, product_record, product_variant

LONGEST_SECONDS = 90.0  # of waiting for both files; reading 2,000 products by pages takes longer
MOST_ORDERED_ROWS = 250  # products whose media are put in order by one call
Line = dict[str, Any]

# Sent as a bulk query, not by itself. The search of products takes a range of ids (QueryRoot.products).
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
BULK_PRODUCTS = f"""
query BulkProducts {{
  products(query: "RANGE") {{ edges {{ node {{
    {PRODUCT}
    featuredMedia {{ id }}
    mediaCount {{ count }}
    media {{ edges {{ node {{ {MEDIA} }} }} }}
    metafields {{ edges {{ node {{ {METAFIELD} }} }} }}
    resourcePublicationsV2(onlyPublished: false) {{ edges {{ node {{ {LISTING} }} }} }}
  }} }} }}
}}
"""
# A variant's line tells as of when it is: a product may change between two lines of one file.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
BULK_PRODUCT_VARIANTS = f"""
query BulkProductVariants {{
  products(query: "RANGE") {{ edges {{ node {{
    id
    updatedAt
    variants {{ edges {{ node {{
      {VARIANT}
      product {{ updatedAt }}
      inventoryItem {{
        {ITEM}
        # LEVELS
      }}
      media {{ edges {{ node {{ id }} }} }}
      metafields {{ edges {{ node {{ {METAFIELD} }} }} }}
    }} }} }}
  }} }} }}
}}
"""
_LEVEL = (
    'level{place}: inventoryLevel(locationId: "{gid}", includeInactive: true)'
    ' {{ isActive updatedAt quantities(names: ["available"]) {{ name quantity }} }}'
)


@dataclass(slots=True)
class BulkReading:
    """What came of it. `records` by gid: who is not among them was not read, which says nothing about whether it is.

    `levels` are, for each location that was asked for, (location gid, item gid) -> what can be sold, of variants of
    these records that are stocked there.
    """

    records: dict[str, ProductRecord] = field(default_factory=dict)
    levels: dict[tuple[str, str], int] = field(default_factory=dict)


def read_products_in_bulk(
    client: Client,
    product_gids: Sequence[str],
    location_gids: Sequence[str] = (),
    *,
    sleep: Callable[[float], None] = time.sleep,
    poll_seconds: float = 1.0,
    longest_wait: float = LONGEST_SECONDS,
) -> BulkReading:
    """Those of these products that two files tell whole; the range of their ids should hold few others.

    Raises GidError for malformed ids, BulkFailed also after `longest_wait` seconds (then both are cancelled), and as
    `bulk.run` does.
    """
    gids.require(location_gids, "Location")
    numbers = sorted(gids.number(gid, "Product") for gid in product_gids)
    if not numbers:
        return BulkReading()
    queries = [_query(text, numbers, location_gids) for text in (BULK_PRODUCTS, BULK_PRODUCT_VARIANTS)]
    started: list[str] = []
    try:
        for query in queries:
            started.append(bulk.start_or_find(client, query))
        until = time.monotonic() + longest_wait
        files = _Files(set(product_gids), location_gids)
        for gid, note in zip(started, (files.note_product_line, files.note_variant_line), strict=True):
            left = max(0.0, until - time.monotonic())
            state = bulk.wait(client, gid, sleep=sleep, poll_seconds=poll_seconds, longest_wait=left)
            try:
                for line in bulk.stream_whole(client, state):
                    note(line)
            except (KeyError, TypeError, AttributeError) as error:
                raise UnexpectedAnswer(f"{client.domain}: a bulk result lacks what was asked for.") from error
    except ShopifyError:
        _cancel(client, started)
        raise
    return files.reading(client)


def _query(document: str, numbers: Sequence[int], location_gids: Sequence[str]) -> str:
    """With a name of its own, by which it is found where the answer to its start is lost."""
    levels = (_LEVEL.format(place=place, gid=gid) for place, gid in enumerate(location_gids))
    text = document.replace("RANGE", f"id:>={numbers[0]} AND id:<={numbers[-1]}").replace("# LEVELS", "\n".join(levels))
    return text.replace(" {", f"_{uuid.uuid4().hex} {{", 1).strip()


def _cancel(client: Client, operations: Sequence[str]) -> None:
    """Free their places, as far as that is possible: one that goes on does no harm."""
    for gid in operations:
        try:
            bulk.cancel(client, gid)
        except ShopifyError:
            return


class _Files:
    """What the lines of both files say of the products that are wanted."""

    def __init__(self, wanted: set[str], location_gids: Sequence[str]) -> None:
        self._wanted, self._location_gids = wanted, location_gids
        self._products: dict[str, Line] = {}
        self._lists: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        self._instants: dict[str, set[str]] = defaultdict(set)
        self._variants: dict[str, list[ProductVariantRecord]] = defaultdict(list)
        self._levels: dict[tuple[str, str], int] = {}

    # Of lists, as those of a page are called.
    _KINDS = (("mediaContentType", "media"), ("publication", "resourcePublicationsV2"), ("namespace", "metafields"))

    def note_product_line(self, line: Line) -> None:
        """A product, or an entry of its lists. Raises UnexpectedAnswer for what is neither."""
        parent = line.get("__parentId")
        if parent is None:
            if line["id"] in self._wanted:
                self._products[line["id"]] = line
        elif parent in self._wanted:
            name = next((name for key, name in self._KINDS if key in line), None)
            if name is None:
                raise UnexpectedAnswer(f"A bulk result has a line that nobody asked for, under {str(parent)[:60]}.")
            self._lists[parent][name].append(line)

    def note_variant_line(self, line: Line) -> None:
        """A product with its instant, a variant, or an entry of a variant's lists: any may come before its parent."""
        parent = line.get("__parentId")
        if parent is None:
            self._instants[line["id"]].add(line["updatedAt"])
        elif "selectedOptions" in line:
            if parent in self._wanted:
                self._note_variant(parent, line)
        else:
            self._lists[parent]["metafields" if "namespace" in line else "media"].append(line)

    def _note_variant(self, product_gid: str, line: Line) -> None:
        self._instants[product_gid].add(line["product"]["updatedAt"])
        item = line["inventoryItem"]
        for place, location_gid in enumerate(self._location_gids):
            level = item.get(f"level{place}")
            if level and level["isActive"]:
                found = inventory.level_reading(item["id"], location_gid, bool(item["tracked"]), level)
                if found.available is not None:
                    self._levels[location_gid, item["id"]] = found.available
        empty: dict[str, Any] = {"media": {"nodes": []}, "metafields": {"nodes": []}}
        self._variants[product_gid].append(product_variant(line | empty))

    def reading(self, client: Client) -> BulkReading:
        """The products that are whole. Raises as Client.execute does."""
        now = client.answered_at
        whole = {gid: lists for gid in self._products if (lists := self._whole_lists(gid)) is not None}
        whole = self._in_order(client, whole)
        records = {gid: self._record(gid, lists, now) for gid, lists in whole.items()}
        items = {variant.item_gid for record in records.values() for variant in record.variants}
        return BulkReading(records, {key: number for key, number in self._levels.items() if key[1] in items})

    def _whole_lists(self, gid: str) -> dict[str, list[Line]] | None:
        """The entries of a product's lists, where the files agree about it and none lacks; else None."""
        node, variants = self._products[gid], self._variants.get(gid, [])
        lists = {name: list(self._lists.get(gid, {}).get(name, ())) for _, name in self._KINDS}
        counts = [(node[name] or {}).get("count") for name in ("variantsCount", "mediaCount")]
        names = [option["name"] for option in node["options"]]
        is_whole = (
            self._instants.get(gid) == {node["updatedAt"]}
            and counts == [len(variants), len(lists["media"])]
            and len({variant.position for variant in variants}) == len(variants)
            and all([name for name, _ in variant.options] == names for variant in variants)
            and all(len(self._lists.get(variant.gid, {}).get("media", ())) <= 1 for variant in variants)
        )
        return lists if is_whole else None

    def _in_order(self, client: Client, whole: dict[str, dict[str, list[Line]]]) -> dict[str, dict[str, list[Line]]]:
        """With their media in order, which no file tells: the first is known, of three and more the rest is asked for.

        Without those of which that is not known.
        """
        many = {gid: lists for gid, lists in whole.items() if len(lists["media"]) > 2}
        orders = dict(_media_orders(client, {gid: len(lists["media"]) for gid, lists in many.items()}))
        found = {}
        for gid, lists in whole.items():
            media = {line["id"]: line for line in lists["media"]}
            order = orders.get(gid, []) if gid in many else _first_known(self._products[gid], list(media))
            if len(order) == len(lists["media"]) and set(order) == media.keys():
                found[gid] = lists | {"media": [media[each] for each in order]}
        return found

    def _record(self, gid: str, lists: dict[str, list[Line]], now: datetime | None) -> ProductRecord:
        lists["metafields"].sort(key=lambda row: (row["namespace"], row["key"]))
        lists["resourcePublicationsV2"].sort(key=lambda row: row["publication"]["id"])
        variants = sorted(map(self._with_lists, self._variants[gid]), key=lambda variant: variant.position)
        return replace(product_record(self._products[gid], {**lists, "variants": []}, now), variants=tuple(variants))

    def _with_lists(self, variant: ProductVariantRecord) -> ProductVariantRecord:
        lists = self._lists.get(variant.gid)
        if not lists:
            return variant
        fields = sorted(lists["metafields"], key=lambda row: (row["namespace"], row["key"]))
        media = lists["media"]
        return replace(variant, media_gid=media[0]["id"] if media else "", metafields=metafield_records(fields))


def _first_known(node: Line, media_gids: list[str]) -> list[str]:
    """One or two in their order, by which is the featured one; none where that is not among them."""
    featured = (node["featuredMedia"] or {}).get("id")
    if not media_gids:
        return []
    return sorted(media_gids, key=lambda gid: gid != featured) if featured in media_gids else []


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
ORDER_MEDIA = """
query OrderMedia($ids: [ID!]!, $first: Int!) {
  nodes(ids: $ids) { ... on Product { id media(first: $first) { nodes { id } } } }
}
"""


def _media_orders(client: Client, counts: dict[str, int]) -> Iterator[tuple[str, list[str]]]:
    """Of products by gid with how many media they have: the gids of these in order. Raises as Client.execute does."""
    waiting = sorted(counts, key=lambda gid: counts[gid])  # the longest of a call decides what it costs
    for start in range(0, len(waiting), MOST_ORDERED_ROWS):
        batch = waiting[start : start + MOST_ORDERED_ROWS]
        variables = {"ids": batch, "first": min(250, counts[batch[-1]])}
        for node in client.execute(ORDER_MEDIA, variables, cost=100)["nodes"]:
            if node:
                yield node["id"], [media["id"] for media in node["media"]["nodes"]]
