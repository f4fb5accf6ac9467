"""Sales channels: what is listed where and from when; publishablePublish and publishableUnpublish (shopify.md 8.1)."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.simulator.documents.call import Call
from tests.simulator.events.touch import touch
from tests.simulator.reads.paging import Page, connection_resolvers, page_of
from tests.simulator.reads.shop import attribute, id_key, number_of
from tests.simulator.state.catalogue import Collection, Publication
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid, parse_gid
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import FieldError, user_error

Listed = Product | Collection
KINDS = {Product: "Product", Collection: "Collection"}


class Listing:
    """One product or collection on one channel: Shopify's ResourcePublicationV2."""

    __slots__ = ("at", "id", "publication", "thing")

    def __init__(self, publication: Publication, thing: Listed, at: int):
        self.id = publication.id
        self.publication = publication
        self.thing = thing
        self.at = at


def listed_at(shop: Shop, publication: Publication, thing: Listed) -> int | None:
    """When it is or will be visible there. The online store's date is the thing's own published_at."""
    if publication is shop.catalog.online_store:
        return thing.published_at
    return publication.listings.get((KINDS[type(thing)], thing.id))


def list_on(shop: Shop, publication: Publication, thing: Listed, at: int) -> None:
    if publication is shop.catalog.online_store:
        thing.published_at = at
    else:
        publication.listings[KINDS[type(thing)], thing.id] = at


def take_off(shop: Shop, publication: Publication, thing: Listed) -> None:
    if publication is shop.catalog.online_store:
        thing.published_at = None
    else:
        publication.listings.pop((KINDS[type(thing)], thing.id), None)


def take_off_everywhere(shop: Shop, thing: Listed) -> None:
    for publication in shop.catalog.publications.values():
        take_off(shop, publication, thing)


def list_automatically(shop: Shop, thing: Listed, at: int) -> None:
    """On the channels that publish whatever is new; there are none unless somebody makes one."""
    for publication in shop.catalog.publications.values():
        if publication.auto_publish:
            list_on(shop, publication, thing, at)


def tell(shop: Shop, now: int, thing: Listed) -> None:
    """Its channels have changed: whether products/update comes for that is a knob (row 34)."""
    if shop.knobs.publishing_tells:
        touch(shop, now, thing)


def find_listed(shop: Shop, text: str) -> Listed | None:
    """A product or collection by its gid. Raises FieldError for an id of something that cannot be published."""
    try:
        kind, number, _ = parse_gid(text)
    except ValueError:
        kind, number = "", 0
    if kind == "Product":
        return shop.products.get(number)
    if kind == "Collection":
        return shop.catalog.collections.get(number)
    raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")


def _change(call: Call, arguments: dict, act) -> dict:
    shop = call.shop
    thing = find_listed(shop, arguments["id"])
    answer = {"publishable": thing, "shop": shop}
    if thing is None:
        return {**answer, "userErrors": [user_error(["id"], "Resource does not exist")]}
    rows, errors = [], []
    for index, given in enumerate(arguments["input"]):
        publication = _publication(shop, given)
        if publication is None:
            message = "Publication does not exist or is not publishable"
            errors.append(user_error(["input", index, "publicationId"], message))
            continue
        at = read_instant(given.get("publishDate")) or call.now
        if at > call.now and not publication.supports_future_publishing:
            errors.append(user_error(["input", index, "publishDate"], "Channel does not support future publishing"))
        if at < 0:
            errors.append(user_error(["input", index, "publishDate"], "Publish date can't be before 1970"))
        if any(publication is other for other, _ in rows):
            errors.append(user_error(["input", index, "publicationId"], "Publication is given more than once"))
        rows.append((publication, at))
    if errors:
        return {**answer, "userErrors": errors}
    for publication, at in rows:
        act(publication, thing, at)
    tell(shop, call.now, thing)
    return {**answer, "userErrors": []}


def _publication(shop: Shop, given: dict) -> Publication | None:
    if not given.get("publicationId"):
        return None
    return shop.catalog.publications.get(number_of(given["publicationId"], "Publication"))


def read_instant(text: str | None) -> int | None:
    """Seconds since 1970 of a DateTime. Raises FieldError."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(f"Invalid DateTime: {text}", "INVALID_FIELD_ARGUMENTS") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def publish(root, call: Call, arguments: dict) -> dict:
    return _change(call, arguments, lambda publication, thing, at: list_on(call.shop, publication, thing, at))


def unpublish(root, call: Call, arguments: dict) -> dict:
    return _change(call, arguments, lambda publication, thing, at: take_off(call.shop, publication, thing))


# Reads


def publications(root, call: Call, arguments: dict) -> Page:
    return page_of(call, arguments, list(call.shop.catalog.publications.values()), id_key, None)


def listings_of(thing: Listed | Variant, call: Call, arguments: dict) -> Page:
    """Where it is listed; with onlyPublished (the default) not where it is only planned to be."""
    shop = call.shop
    thing = shop.products[thing.product_id] if isinstance(thing, Variant) else thing
    found = []
    for publication in shop.catalog.publications.values():
        at = listed_at(shop, publication, thing)
        if at is not None and (is_listed_now(shop, thing, at, call.now) or not arguments["onlyPublished"]):
            found.append(Listing(publication, thing, at))
    return page_of(call, arguments, found, id_key, None)


def is_published_on(thing: Listed | Variant, call: Call, arguments: dict) -> bool:
    publication = call.shop.catalog.publications.get(number_of(arguments["publicationId"], "Publication"))
    if publication is None:
        raise FieldError(f"Invalid id: {arguments['publicationId']}", "RESOURCE_NOT_FOUND")
    thing = call.shop.products[thing.product_id] if isinstance(thing, Variant) else thing
    at = listed_at(call.shop, publication, thing)
    return at is not None and is_listed_now(call.shop, thing, at, call.now)


def is_listed_now(shop: Shop, thing: Listed, at: int, now: int) -> bool:
    """Whether it is published, not only planned to be, or staged because its status is another (row 34)."""
    is_staged = shop.knobs.drafts_are_staged and isinstance(thing, Product) and thing.status in ("DRAFT", "ARCHIVED")
    return at <= now and not is_staged


RESOLVERS = {
    **connection_resolvers(["Publication", "ResourcePublicationV2"]),
    "Mutation.publishablePublish": publish,
    "Mutation.publishableUnpublish": unpublish,
    "QueryRoot.publications": publications,
    "Publication.id": lambda row, call, arguments: gid("Publication", row.id),
    "Publication.name": attribute("name"),
    "Publication.autoPublish": attribute("auto_publish"),
    "Publication.supportsFuturePublishing": attribute("supports_future_publishing"),
    "ResourcePublicationV2.publication": attribute("publication"),
    "ResourcePublicationV2.publishable": attribute("thing"),
    "ResourcePublicationV2.isPublished": lambda row, call, arguments: is_listed_now(
        call.shop, row.thing, row.at, call.now
    ),
    "ResourcePublicationV2.publishDate": lambda row, call, arguments: iso_utc(row.at),
    **{
        f"{kind}.{name}": resolve
        for kind in ("Product", "ProductVariant", "Collection")
        for name, resolve in (("resourcePublicationsV2", listings_of), ("publishedOnPublication", is_published_on))
    },
}
