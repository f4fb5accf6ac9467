"""What people do to a shop's catalogue in its admin: images, channels, metafields, collections, pages, blogs, articles.

Titles, prices, tags and deletions of products are in merchant.py. Content has no webhooks (row 43).
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.conditions import INCLUDING_CLASSES, new_condition
from tests.simulator.events.catalogue.files import drawn_file, keep, take_from_product
from tests.simulator.events.touch import touch
from tests.simulator.mutations import publications
from tests.simulator.mutations.collections import free_handle as free_collection_handle
from tests.simulator.mutations.collections import remove_collection
from tests.simulator.mutations.content import articles_of, free_handle
from tests.simulator.state.catalogue import (
    Article,
    Blog,
    Collection,
    ContentPage,
    ExternalVideo,
    File,
    Publication,
    Source,
)
from tests.simulator.state.clock import Clock
from tests.simulator.state.metafields import Metafield
from tests.simulator.state.shop import Product, Shop
from tests.simulator.state.tags import tidy_tags

CONTENT = {"page": "pages", "blog": "blogs", "article": "articles"}


# Images


def add_image(
    shop: Shop, clock: Clock, product_id: int, filename: str, *, alt: str = "", variant_ids: Iterable[int] = ()
) -> File:
    """An image drawn from its name, after the product's others. Raises KeyError for an unknown product."""
    with shop.lock:
        product = shop.products[product_id]
        file = drawn_file(shop, filename, clock.whole_seconds(), alt)
        product.file_ids.append(file.id)
        for variant_id in variant_ids:
            shop.variants[variant_id].file_id = file.id
        touch(shop, clock.whole_seconds(), product)
        return file


def add_media(
    shop: Shop, clock: Clock, product_id: int, kind: type[File], name: str, *, alt: str = "", content: bytes = b""
) -> File:
    """A Video or Model3d that the merchant uploaded, or an ExternalVideo whose `name` is its address; the last one."""
    with shop.lock:
        product, at = shop.products[product_id], clock.whole_seconds()
        is_elsewhere = kind is ExternalVideo
        file = kind(shop.next_id(), name.rpartition("/")[2], at, at, alt, source=name if is_elsewhere else None)
        file.ready_at, file.content = at, content or (b"" if is_elsewhere else b"film " + name.encode())
        keep(shop, file)
        product.file_ids.append(file.id)
        touch(shop, at, product)
        return file


def remove_image(shop: Shop, clock: Clock, product_id: int, file_id: int) -> None:
    """Raises ValueError when the product does not have it."""
    with shop.lock:
        product = shop.products[product_id]
        take_from_product(shop, product, [file_id])
        touch(shop, clock.whole_seconds(), product)


def order_images(shop: Shop, clock: Clock, product_id: int, file_ids: Iterable[int]) -> None:
    """Raises ValueError unless they are exactly the product's images."""
    with shop.lock:
        product, wanted = shop.products[product_id], list(file_ids)
        if sorted(wanted) != sorted(product.file_ids):
            raise ValueError("these are not the product's images")
        product.file_ids = wanted
        touch(shop, clock.whole_seconds(), product)


def describe_image(shop: Shop, clock: Clock, file_id: int, alt: str) -> None:
    with shop.lock:
        file = shop.catalog.files[file_id]
        file.alt, file.updated_at = alt, clock.whole_seconds()
        for product in shop.products.values():
            if file_id in product.file_ids:
                touch(shop, clock.whole_seconds(), product)


# Channels and metafields


def publication_named(shop: Shop, name: str) -> Publication:
    """Raises KeyError."""
    for publication in shop.catalog.publications.values():
        if publication.name == name:
            return publication
    raise KeyError(f"{shop.domain} has no channel {name}")


def publish(
    shop: Shop, clock: Clock, thing: Product | Collection, channel: str = "Online Store", *, at: int | None = None
) -> None:
    """On a channel, now or from an instant on. Raises KeyError, and ValueError for a channel that takes no instant."""
    with shop.lock:
        publication, now = publication_named(shop, channel), clock.whole_seconds()
        if at is not None and at > now and not publication.supports_future_publishing:
            raise ValueError(f"{channel} does not support future publishing")
        publications.list_on(shop, publication, thing, now if at is None else at)
        publications.tell(shop, now, thing)


def unpublish(shop: Shop, clock: Clock, thing: Product | Collection, channel: str = "Online Store") -> None:
    with shop.lock:
        publications.take_off(shop, publication_named(shop, channel), thing)
        publications.tell(shop, clock.whole_seconds(), thing)


def set_metafield(
    shop: Shop, clock: Clock, kind: str, owner_id: int, namespace: str, key: str, type_: str, value: str
) -> Metafield:
    """`kind` is one of metafields.KINDS. Raises KeyError and ValueError."""
    with shop.lock:
        owner = (kind, owner_id)
        thing = metafields.owner_of(shop, owner)
        if thing is None:
            raise KeyError(f"{shop.domain} has no {kind} {owner_id}")
        given = {"namespace": namespace, "key": key, "type": type_, "value": value}
        wanted = metafields.check(shop, owner, given)
        if isinstance(wanted, metafields.Wrong):
            raise ValueError(wanted.message)
        field = metafields.put(shop, owner, wanted, clock.whole_seconds())
        touch(shop, clock.whole_seconds(), thing)
        return field


def define_metafield(
    shop: Shop, clock: Clock, kind: str, namespace: str, key: str, type_: str, validations: dict[str, str] | None = None
) -> None:
    """`kind` as in set_metafield."""
    with shop.lock:
        metafields.define(shop, clock.whole_seconds(), kind, namespace, key, type_, validations=validations)


# Collections


def add_collection(
    shop: Shop,
    clock: Clock,
    title: str,
    *,
    products: Iterable[int] = (),
    conditions: Iterable[dict] = (),
    match: str = "ALL",
    published: bool = True,
    **fields,
) -> Collection:
    """By hand, by conditions ({"productTag": {...}} as the API takes them), or both. Fields of state's Collection."""
    with shop.lock:
        now = clock.whole_seconds()
        handle = free_collection_handle(shop, fields.pop("handle", "") or title)
        collection = Collection(shop.next_id(), title, handle, now, now, published_at=now if published else None)
        _put(collection, fields)
        source = Source(shop.next_id(), title, match_type=match, selected=list(products))
        source.conditions = [new_condition(shop, given, including=True) for given in conditions]
        collection.sources = [source]
        shop.catalog.collections[collection.id] = collection
        shop.publish([("COLLECTIONS_CREATE", (collection.id,))])
        return collection


def add_unmappable_condition(shop: Shop, collection: Collection) -> None:
    """A condition on a metafield: something that one store's rules cannot say to another store."""
    kind = INCLUDING_CLASSES["metafieldString"]
    given = {"relation": "EQUALS", "matchType": "ANY", "values": ["wool"]}
    collection.sources[0].conditions.append(kind(shop.next_id(), "metafieldString", given))


def change_collection(shop: Shop, clock: Clock, collection_id: int, **changes) -> Collection:
    """Fields of state's Collection, and `products`: those picked by hand. Raises KeyError."""
    with shop.lock:
        collection = shop.catalog.collections[collection_id]
        if "products" in changes:
            collection.sources[0].selected = list(changes.pop("products"))
        _put(collection, changes)
        collection.updated_at = clock.whole_seconds()
        shop.publish([("COLLECTIONS_UPDATE", (collection.id,))])
        return collection


def delete_collection(shop: Shop, collection_id: int) -> None:
    with shop.lock:
        remove_collection(shop, shop.catalog.collections[collection_id])


# Content


def add_page(shop: Shop, clock: Clock, title: str, *, published: bool = True, **fields) -> ContentPage:
    with shop.lock:
        now, pages = clock.whole_seconds(), shop.catalog.pages
        handle = free_handle(fields.pop("handle", "") or title, pages.values(), "page")
        page = ContentPage(shop.next_id(), title, handle, now, now, published_at=now if published else None)
        _put(page, fields)
        pages[page.id] = page
        return page


def add_blog(shop: Shop, clock: Clock, title: str, **fields) -> Blog:
    with shop.lock:
        now, blogs = clock.whole_seconds(), shop.catalog.blogs
        blog = Blog(
            shop.next_id(), title, free_handle(fields.pop("handle", "") or title, blogs.values(), "blog"), now, now
        )
        _put(blog, fields)
        blogs[blog.id] = blog
        return blog


def add_article(
    shop: Shop, clock: Clock, blog_id: int, title: str, *, picture: str = "", published: bool = True, **fields
) -> Article:
    """`picture` is the filename of an image to be drawn. Raises KeyError for an unknown blog."""
    with shop.lock:
        now, blog = clock.whole_seconds(), shop.catalog.blogs[blog_id]
        handle = free_handle(fields.pop("handle", "") or title, articles_of(shop, blog.id), "article")
        article = Article(shop.next_id(), blog.id, title, handle, now, now, author="Shop owner")
        article.published_at = now if published else None
        article.image = drawn_file(shop, picture, now) if picture else None
        article.tags = tidy_tags(fields.pop("tags", []))
        _put(article, fields)
        shop.catalog.articles[article.id] = article
        return article


def change_content(shop: Shop, clock: Clock, kind: str, number: int, **changes) -> ContentPage | Blog | Article:
    """`kind` is page, blog or article; fields of state's objects. Raises KeyError."""
    with shop.lock:
        thing = getattr(shop.catalog, CONTENT[kind])[number]
        _put(thing, changes)
        thing.updated_at = clock.whole_seconds()
        return thing


def delete_content(shop: Shop, kind: str, number: int) -> None:
    """A blog takes its articles with it. Raises KeyError."""
    with shop.lock:
        del getattr(shop.catalog, CONTENT[kind])[number]
        metafields.forget(shop, (kind.capitalize(), number))
        if kind == "blog":
            for article in articles_of(shop, number):
                delete_content(shop, "article", article.id)


def _put(thing: object, changes: dict) -> None:
    for name, value in changes.items():
        if not hasattr(thing, name) or name == "id":
            raise KeyError(name)
        setattr(thing, name, value)
