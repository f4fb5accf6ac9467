"""What a webhook of a topic leads to, other than a stock value: work to enqueue, or a level to look at."""

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.db.models.functions import Now

from stores import selecting
from stores.models import Connection, Product, Store, SyncMode, Variant
from stores.shopify import gids
from syncing.models import StockLevel, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock.mirror import levels
from syncing.webhooks import catalogue

Payloads = Sequence[dict]
COLLECTION_SECONDS = 15.0  # until a collection by conditions knows of a product's change, as a rule


def follow_products(store: Store, payloads: Payloads) -> list[str]:
    """products/create and update: match again if what matching looks at has changed; stock moves products, too.

    Then the catalogue: carry it if it is a source's.
    """
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    known: dict[str, list[Variant]] = {product_gid: [] for product_gid in product_gids}
    variants = Variant.objects.filter(store=store, product_gid__in=product_gids, gone_at=None).order_by()
    for variant in variants.only(*_LOOKED_AT):
        known[variant.product_gid].append(variant)
    reasons = []
    watched = selecting.find_watched(store)
    facts = _known_facts(store, product_gids) if watched.needs_facts else None
    for collection_gid in watched.collection_gids:
        enqueue.read_collection(store, collection_gid, COLLECTION_SECONDS)
    for product_gid, payload in zip(product_gids, payloads, strict=True):
        is_decided = facts is None or facts.get(product_gid) == _payload_facts(payload)
        if is_decided and is_as_known(payload, known[product_gid]):
            reasons.append("Nothing that matching looks at has changed.")
        else:
            enqueue.match_product(store, product_gid)
            reasons.append("Matched again.")
    followed = catalogue.follow_products(store, payloads)  # after matching: what is made depends on it
    return [f"{matched} {carried}".strip() for matched, carried in zip(reasons, followed, strict=True)]


_LOOKED_AT = ("gid", "product_gid", "handle", "product_title", "sku", "barcode", "options")


def _known_facts(store: Store, product_gids: Sequence[str]) -> dict[str, tuple]:
    """Product -> its tags, vendor and type as we know them."""
    rows = Product.objects.filter(store=store, gid__in=product_gids)
    return {row.gid: (sorted(row.tags), row.vendor, row.product_type) for row in rows}


def _payload_facts(payload: dict) -> tuple:
    tags = [tag.strip() for tag in str(payload.get("tags") or "").split(",")]
    return sorted(filter(None, tags)), payload.get("vendor") or "", payload.get("product_type") or ""


def is_as_known(payload: dict, variants: Iterable[Variant]) -> bool:
    """Whether a product's identifiers are those we have. Only its first 100 variants come in full (shopify.md 4.6)."""
    mine = {variant.gid: variant for variant in variants}
    listed = [row["admin_graphql_api_id"] for row in payload.get("variant_gids") or payload.get("variants") or []]
    if set(listed) != set(mine) or not mine:
        return False
    for row in payload.get("variants") or []:
        variant = mine.get(row["admin_graphql_api_id"])
        if variant is None or not _is_same_variant(payload, row, variant):
            return False
    return True


def _is_same_variant(payload: dict, row: dict, variant: Variant) -> bool:
    options = [row.get(f"option{n}") for n in (1, 2, 3) if row.get(f"option{n}")]
    return (payload.get("handle"), payload.get("title"), row.get("sku") or "", row.get("barcode") or "", options) == (
        variant.handle,
        variant.product_title,
        variant.sku,
        variant.barcode,
        [value for _, value in variant.options],
    )


def forget_products(store: Store, payloads: Payloads) -> list[str]:
    """products/delete: its links become gone, and what followed it is let go of."""
    for payload in payloads:
        enqueue.match_product(store, gids.gid("Product", payload["id"]))
    catalogue.forget_products(store, payloads)
    return ["Its links are looked at."] * len(payloads)


def follow_collections(store: Store, payloads: Payloads) -> list[str]:
    """collections/*: the source's are carried to wherever collections follow; deletions tell no more than the id."""
    followers = Connection.objects.filter(source=store, catalogue__started_at__isnull=False)
    connections = list(followers.exclude(catalogue__collection_mode=SyncMode.OFF))
    watched = selecting.find_watched(store).collection_gids
    for payload in payloads:
        if (collection_gid := gids.gid("Collection", payload["id"])) in watched:
            enqueue.read_collection(store, collection_gid)
        for connection in connections:
            enqueue.sync_collection(connection, gids.gid("Collection", payload["id"]))
    for collection_gid in selecting.find_missing(store) if watched else ():  # one of these may be it, made again
        enqueue.read_collection(store, collection_gid)
    reason = "Its collection is looked at." if connections else "No collection of this store is followed."
    return [reason] * len(payloads)


def follow_items(store: Store, payloads: Payloads) -> list[str]:
    """inventory_items/update and delete: SKU and tracking belong to the variant."""
    item_gids = [gids.gid("InventoryItem", payload["id"]) for payload in payloads]
    known = {variant.item_gid: variant for variant in Variant.objects.filter(store=store, item_gid__in=item_gids)}
    reasons = []
    for item_gid, payload in zip(item_gids, payloads, strict=True):
        variant = known.get(item_gid)
        if variant is None:
            reasons.append("Of no variant that we know.")
        elif "sku" in payload and (payload["sku"] or "", payload.get("tracked")) == (variant.sku, variant.is_tracked):
            reasons.append("Neither SKU nor tracking has changed.")
        else:
            enqueue.match_product(store, variant.product_gid)
            reasons.append("Matched again.")
    return reasons


def doubt_levels(store: Store, payloads: Payloads) -> list[str]:
    """inventory_levels/connect and disconnect: read the level live before it is used.

    About no instant: a quantity that travels does not tell whether the item is stocked there, however young it is.
    """
    reasons, doubtful = [], set()
    for payload in payloads:
        item_gid = gids.gid("InventoryItem", payload["inventory_item_id"])
        location_gid = gids.gid("Location", payload["location_id"])
        known = StockLevel.objects.filter(store=store, item_gid=item_gid, location__gid=location_gid)
        ids = set(known.values_list("pk", flat=True))
        doubtful |= ids
        reasons.append("Read live." if ids else "This item at this location is not linked.")
    levels.doubt(sorted(doubtful))  # all at once: levels are locked in the order of their ids, then links
    enqueue.carry_stock_of(levels.mark_dirty(sorted(doubtful)))
    return reasons


def check_store(store: Store, payloads: Payloads) -> list[str]:
    """locations/*, shop/update, app/scopes_update: look at the store again."""
    enqueue.check_store(store)
    return ["The store is checked."] * len(payloads)


def lose_store(store: Store, payloads: Payloads) -> list[str]:
    """app/uninstalled: the token is dead at once, so a check disconnects the store.

    Not the webhook itself: its topic is unsigned, and shop/update has the same body.
    """
    enqueue.check_store(store)
    return ["Shopify is asked whether the app is still there."] * len(payloads)


def finish_bulk(store: Store, payloads: Payloads) -> list[str]:
    """bulk_operations/finish: what waits for the file goes on now, not at its next look."""
    reads = Q(connection__source=store) | Q(connection__destination=store)
    waits = Q(kind=SyncJob.Kind.RECONCILE) & reads | Q(kind=SyncJob.Kind.FOLLOW_BULK, store=store)
    if SyncJob.objects.filter(waits, state=SyncJob.State.QUEUED).update(due_at=Now()):
        jobs.wake()
    return ["What waits for it goes on."] * len(payloads)
