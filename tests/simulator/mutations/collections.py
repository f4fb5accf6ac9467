"""collectionCreate, collectionUpdate, collectionDelete, collectionReorderProducts (shopify.md 8.2)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.collection_members import member_ids, remember_count
from tests.simulator.events.catalogue.files import PictureError, fetch_picture
from tests.simulator.mutations import publications
from tests.simulator.mutations.collection_sources import SourceReader
from tests.simulator.mutations.products.fields import as_handle
from tests.simulator.reads.shop import number_of
from tests.simulator.state.catalogue import Collection
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import NotSimulatedError, user_error

PLAIN = {
    "title": "title",
    "descriptionHtml": "description_html",
    "sortOrder": "sort_order",
    "templateSuffix": "template_suffix",
}
MAX_TEXT = 255
GONE = "Collection does not exist"


def create_collection(root, call: Call, arguments: dict) -> dict:
    shop, given = call.shop, _given(arguments)
    sources = SourceReader(shop, ["collection"])
    made = sources.read_new(given.get("sources") or [], "sources")
    errors, wanted = _check(shop, None, given)
    errors += sources.errors
    collection = Collection(shop.next_id(), "", "", call.now, call.now)
    errors += [] if errors else _put_image(call, collection, given)
    if errors:
        return {"collection": None, "userErrors": errors}
    collection.handle = as_handle(given.get("handle") or "") or free_handle(shop, given["title"])
    _put(shop, collection, {**given, "handle": None}, wanted, call.now)
    collection.sources = made
    remember_count(shop, collection, call.simulator.clock.seconds(), 0)
    shop.catalog.collections[collection.id] = collection
    publications.list_automatically(shop, collection, call.now)
    shop.publish([("COLLECTIONS_CREATE", (collection.id,))])
    return {"collection": collection, "userErrors": []}


def _given(arguments: dict) -> dict:
    if arguments.get("input") or not arguments.get("collection"):
        raise NotSimulatedError("The simulator takes `collection`, not the deprecated `input`")
    return arguments["collection"]


def update_collection(root, call: Call, arguments: dict) -> dict:
    """Fields at once; sources and what they hold by a job (row 30)."""
    shop, given = call.shop, _given(arguments)
    collection = shop.catalog.collections.get(number_of(given["id"], "Collection")) if given.get("id") else None
    answer = {"collection": collection, "job": None}
    if collection is None:
        return {**answer, "userErrors": [user_error(["collection", "id"], GONE)]}
    sources = SourceReader(shop, ["collection"])
    moves = sources.read_changes(collection, given)
    errors, wanted = _check(shop, collection, given)
    errors += sources.errors
    errors += [] if errors else _put_image(call, collection, given)
    if errors:
        return {**answer, "collection": None, "userErrors": errors}
    _put(shop, collection, given, wanted, call.now)
    shop.publish([("COLLECTIONS_UPDATE", (collection.id,))])
    job = call.simulator.later.job(shop, lambda: _move(call, collection, moves)) if moves else None
    return {**answer, "job": job, "userErrors": []}


def _move(call: Call, collection: Collection, moves: list) -> None:
    shop, clock = call.shop, call.simulator.clock
    remember_count(shop, collection, clock.seconds())
    for move in moves:
        move()
    collection.updated_at = clock.whole_seconds()
    shop.publish([("COLLECTIONS_UPDATE", (collection.id,))])


def _check(shop: Shop, collection: Collection | None, given: dict) -> tuple[list[dict], list[metafields.Wanted]]:
    errors: list[dict] = []

    def complain(path: list, message: str) -> None:
        errors.append(user_error(["collection", *path], message))

    if (collection is None or "title" in given) and not (given.get("title") or "").strip():
        complain(["title"], "Title can't be blank")
    for name in ("title", "handle", "templateSuffix"):
        if len(given.get(name) or "") > MAX_TEXT:
            complain([name], f"{name.capitalize()} is too long (maximum is {MAX_TEXT} characters)")
    holder = find_by_handle(shop, as_handle(given.get("handle") or ""))
    if holder is not None and holder is not collection:
        complain(["handle"], "Handle has already been taken")
    owner = ("Collection", collection.id if collection else 0)
    wanted, problems = metafields.check_all(shop, owner, given.get("metafields"))
    for path, message, _ in problems:
        complain(["metafields", *path], message)
    return errors, wanted


def find_by_handle(shop: Shop, handle: str) -> Collection | None:
    return next((row for row in shop.catalog.collections.values() if row.handle == handle), None)


def free_handle(shop: Shop, title: str) -> str:
    """Made from the title, with a number while it is taken."""
    base = as_handle(title) or "collection"
    handle, number = base, 0
    while find_by_handle(shop, handle) is not None:
        number += 1
        handle = f"{base}-{number}"
    return handle


def _put(shop: Shop, collection: Collection, given: dict, wanted: list[metafields.Wanted], now: int) -> None:
    for name, attribute in PLAIN.items():
        if name in given and (given[name] is not None or name == "templateSuffix"):
            setattr(collection, attribute, given[name])
    for name in ("title", "description"):
        if name in (given.get("seo") or {}):
            setattr(collection, f"seo_{name}", given["seo"][name] or None)
    if handle := as_handle(given.get("handle") or ""):
        if given.get("redirectNewHandle") and handle != collection.handle:
            shop.catalog.redirects[f"/collections/{collection.handle}"] = f"/collections/{handle}"
        collection.handle = handle
    metafields.put_all(shop, ("Collection", collection.id), wanted, now)
    collection.updated_at = now


def _put_image(call: Call, collection: Collection, given: dict) -> list[dict]:
    """An image is fetched while the mutation waits; null takes it away."""
    if "image" not in given:
        return []
    image = given["image"]
    if image is None:
        collection.image, collection.image_alt = None, None
        return []
    if image.get("id"):
        raise NotSimulatedError("The simulator takes images of collections by src")
    try:
        if image.get("src"):
            collection.image = fetch_picture(call.simulator, call.shop, image["src"], call.simulator.clock.seconds())
    except PictureError as problem:
        return [user_error(["collection", "image", "src"], f"Image {problem}")]
    if "altText" in image:
        collection.image_alt = image["altText"]
    return []


def delete_collection(root, call: Call, arguments: dict) -> dict:
    shop, text = call.shop, arguments["input"]["id"]
    collection = shop.catalog.collections.get(number_of(text, "Collection"))
    if collection is None:
        return {"deletedCollectionId": None, "shop": shop, "userErrors": [user_error(["id"], GONE)]}
    remove_collection(shop, collection)
    return {"deletedCollectionId": text, "shop": shop, "userErrors": []}


def remove_collection(shop: Shop, collection: Collection) -> None:
    """Products stay; publishes the webhook."""
    del shop.catalog.collections[collection.id]
    metafields.forget(shop, ("Collection", collection.id))
    publications.take_off_everywhere(shop, collection)
    shop.publish([("COLLECTIONS_DELETE", (collection.id,))])


# Order


def reorder_products(root, call: Call, arguments: dict) -> dict:
    """Only under sort order MANUAL, and by a job."""
    shop = call.shop
    collection = shop.catalog.collections.get(number_of(arguments["id"], "Collection"))
    if collection is None:
        return {"job": None, "userErrors": [user_error(["id"], GONE, "COLLECTION_NOT_FOUND")]}
    if collection.sort_order != "MANUAL":
        message = "Can't reorder products unless collection is manually sorted"
        return {"job": None, "userErrors": [user_error(["id"], message, "MANUALLY_SORTED_COLLECTION")]}
    present = member_ids(shop, collection)
    moves, errors = [], []
    for index, move in enumerate(arguments["moves"]):
        number = number_of(move["id"], "Product")
        if number not in present:
            errors.append(user_error(["moves", index, "id"], "The product is not in the collection", "INVALID_MOVE"))
        moves.append((number, int(move["newPosition"])))
    if errors:
        return {"job": None, "userErrors": errors}
    return {"job": call.simulator.later.job(shop, lambda: _reorder(call, collection, moves)), "userErrors": []}


def _reorder(call: Call, collection: Collection, moves: list[tuple[int, int]]) -> None:
    """One move after the other, each on what the one before has left."""
    present = member_ids(call.shop, collection)
    order = [number for number in collection.order if number in present]
    order += [number for number in present if number not in order]
    for number, place in moves:
        if number in order:
            order.remove(number)
            order.insert(place, number)
    collection.order = order
    collection.updated_at = call.simulator.clock.whole_seconds()
    call.shop.publish([("COLLECTIONS_UPDATE", (collection.id,))])


RESOLVERS = {
    "Mutation.collectionCreate": create_collection,
    "Mutation.collectionUpdate": update_collection,
    "Mutation.collectionDelete": delete_collection,
    "Mutation.collectionReorderProducts": reorder_products,
}
