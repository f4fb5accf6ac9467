"""A store's second page: products with prices and channels, collections, pages, articles, and forms to edit them.

GET /{domain}/catalog       catalog_page(sim, shop, query)   query: search, page, note
POST /{domain}/_catalog     act_on_catalog(sim, shop, form)  answers where to go next
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlencode

from tests.simulator.events.catalogue.collection_members import member_ids
from tests.simulator.events.catalogue.files import status_of, url_of
from tests.simulator.mutations.publications import listed_at
from tests.simulator.pages.catalogue_actions import do
from tests.simulator.pages.parts import button, frame, link, post_form, table, text
from tests.simulator.state.catalogue import Article, Collection, ContentPage
from tests.simulator.state.shop import Product, Shop

ROWS = 20


def catalog_page(sim: Any, shop: Shop, query: dict[str, str]) -> str:
    """Everything of one store that is no stock."""
    with shop.lock:
        note = f'<div class="note">{text(query["note"])}</div>' if query.get("note") else ""
        body = note + products(sim, shop, query) + collections(shop) + content(shop)
    names = "".join(
        link(f"/{other.domain}/catalog", other.name, css="here" if other is shop else "")
        for other in sim.shops.values()
    )
    title = f"<h1>{text(shop.name)}<small>catalogue · {text(shop.domain)} · {text(shop.currency)}</small></h1>"
    nav = f"<nav>{link('/', 'All stores')}{link(f'/{shop.domain}', 'Stock and orders')}{names}</nav>"
    return frame(f"{shop.name} · catalogue", title + nav, body)


def _form(shop: Shop, fields: dict[str, object], inner: str) -> str:
    return post_form(f"/{shop.domain}/_catalog", fields, inner, "row")


def _field(name: str, value: object, label: str, size: int = 16) -> str:
    return f'<input name="{name}" value="{text(value)}" size="{size}" aria-label="{text(label)}">'


# Products


def products(sim: Any, shop: Shop, query: dict[str, str]) -> str:
    page = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 9 else 1
    page = max(1, page)
    wanted = query.get("search", "").casefold().strip()
    found = (
        product
        for product in shop.products.values()
        if not wanted or wanted in f"{product.title}\n{product.handle}\n{','.join(product.tags)}".casefold()
    )
    rows = list(islice(found, (page - 1) * ROWS, page * ROWS + 1))
    head = ["<th></th>", "<th>Product</th>", '<th class="n">Price</th>', "<th>Channels</th>", "<th></th>"]
    lines = (product_row(sim, shop, product, query) for product in rows[:ROWS])
    inner = table(head, lines, "No products.")
    search = (
        f'<form method="get" action="/{text(shop.domain)}/catalog" class="row"><input name="search" '
        f'placeholder="Title, handle, tag" value="{text(query.get("search", ""))}"><button>Search</button></form>'
    )
    path, given = f"/{shop.domain}/catalog", {"search": query.get("search", "")}
    links = link(path, "← Previous", {**given, "page": page - 1}) if page > 1 else ""
    links += link(path, "Next →", {**given, "page": page + 1}) if len(rows) > ROWS else ""
    title = f"<h2>Products <small>{len(shop.products):,}</small>{search}</h2>"
    return f'<section class="wide">{title}{inner}<div class="pages">Page {page} {links}</div></section>'


def product_row(sim: Any, shop: Shop, product: Product, query: dict[str, str]) -> str:
    kept = {f"back_{name}": query[name] for name in ("search", "page") if query.get(name)}
    first = shop.variants[product.variant_ids[0]] if product.variant_ids else None
    fields = (
        _field("title", product.title, "title")
        + _field("price", first.price if first else "", "price of every variant", 6)
        + _field("tags", ", ".join(product.tags), "tags", 14)
    )
    shown = product.published_at is not None
    buttons = button("Save", "save") + button("Add image", "add_image")
    buttons += button("Remove image", "remove_image") if product.file_ids else ""
    buttons += button("Unpublish", "unpublish") if shown else button("Publish", "publish")
    buttons += button("Activate" if product.status != "ACTIVE" else "Draft", "status") + button("Delete", "delete")
    form = _form(shop, {"product": product.id, **kept}, fields + buttons)
    tag = "" if product.status == "ACTIVE" else f'<span class="tag">{text(product.status.lower())}</span>'
    name = f"{text(product.title)}{tag}<div class='sub'>{text(product.handle)} · {text(', '.join(product.tags))}</div>"
    marks = f'id="product-{product.id}" data-live="flash"'
    return (
        f'<tr><td id="image-{product.id}" data-live="quiet">{picture(sim, shop, product)}</td><td {marks}>{name}</td>'
        f'<td class="n" id="price-{product.id}" data-live="flash">{prices(shop, product)}</td>'
        f'<td id="channels-{product.id}" data-live="flash">{text(channels(shop, product))}</td><td>{form}</td></tr>'
    )


def picture(sim: Any, shop: Shop, product: Product) -> str:
    """The first image, and how many there are."""
    if not product.file_ids:
        return '<span class="sub">no image</span>'
    file = shop.catalog.files[product.file_ids[0]]
    status = status_of(shop, file, sim.clock.seconds())
    if status != "READY":
        return f'<span class="sub">{text(status.lower())}</span>'
    more = f'<small class="sub">+{len(product.file_ids) - 1}</small>' if len(product.file_ids) > 1 else ""
    return f'<img src="{text(url_of(shop, file))}" alt="{text(file.alt)}" width="32" height="32">{more}'


def prices(shop: Shop, product: Product) -> str:
    variants = [shop.variants[variant_id] for variant_id in product.variant_ids]
    if not variants:
        return "–"
    amounts = sorted({variant.price for variant in variants}, key=float)
    shown = amounts[0] if len(amounts) == 1 else f"{amounts[0]} to {amounts[-1]}"
    before = next((variant.compare_at_price for variant in variants if variant.compare_at_price), None)
    return f"<b>{text(shown)}</b>" + (f"<small><s>{text(before)}</s></small>" if before else "")


def channels(shop: Shop, thing: Product | Collection) -> str:
    names = [row.name for row in shop.catalog.publications.values() if listed_at(shop, row, thing) is not None]
    return ", ".join(names) or "none"


# Collections


def collections(shop: Shop) -> str:
    head = ["<th>Collection</th>", '<th class="n">Products</th>', "<th>Channels</th>", "<th></th>"]
    rows = (collection_row(shop, row) for row in shop.catalog.collections.values())
    inner = table(head, rows, "No collections.")
    made = _form(
        shop,
        {},
        _field("title", "", "title of a new collection")
        + _field("tag", "", "tag of its products")
        + button("Add collection with a tag", "add_collection"),
    )
    return f'<section class="wide"><h2>Collections {made}</h2>{inner}</section>'


def collection_row(shop: Shop, row: Collection) -> str:
    conditions = ", ".join(condition.name for source in row.sources for condition in source.conditions)
    kind = f"by rules: {conditions}" if conditions else "by hand"
    buttons = button("Save", "save_collection")
    buttons += (
        button("Unpublish", "unpublish_collection") if row.published_at else button("Publish", "publish_collection")
    )
    form = _form(
        shop,
        {"collection": row.id},
        _field("title", row.title, "title") + buttons + button("Delete", "delete_collection"),
    )
    name = f"{text(row.title)}<div class='sub'>{text(row.handle)} · {text(kind)}</div>"
    return (
        f'<tr><td id="collection-{row.id}" data-live="flash">{name}</td>'
        f'<td class="n" id="members-{row.id}" data-live="flash">{len(member_ids(shop, row))}</td>'
        f'<td id="listed-{row.id}" data-live="flash">{text(channels(shop, row))}</td><td>{form}</td></tr>'
    )


# Content


def content(shop: Shop) -> str:
    """Pages on the left, blogs with their articles on the right."""
    head = ["<th>Title</th>", "<th></th>"]
    pages = table(head, (content_row(shop, "page", row) for row in shop.catalog.pages.values()), "No pages.")
    articles = table(
        head, (content_row(shop, "article", row) for row in shop.catalog.articles.values()), "No articles."
    )
    title = _field("title", "", "title")
    add_page = _form(shop, {}, title + button("Add page", "add_page"))
    add_article = _form(shop, {}, title + button("Add article", "add_article"))
    blogs = ", ".join(blog.title for blog in shop.catalog.blogs.values()) or "no blog yet"
    return (
        f'<div class="pair"><section><h2>Pages {add_page}</h2>{pages}</section>'
        f"<section><h2>Articles <small>{text(blogs)}</small>{add_article}</h2>{articles}</section></div>"
    )


def content_row(shop: Shop, kind: str, row: ContentPage | Article) -> str:
    shown = row.published_at is not None
    place = f"{shop.catalog.blogs[row.blog_id].handle}/{row.handle}" if isinstance(row, Article) else row.handle
    inner = _field("title", row.title, "title") + _field("body", row.body, "body", 20) + button("Save", "save_content")
    inner += button("Hide" if shown else "Show", "show_content") + button("Delete", "delete_content")
    tag = "" if shown else '<span class="tag">hidden</span>'
    name = f"{text(row.title)}{tag}<div class='sub'>{text(place)}</div>"
    form = _form(shop, {"kind": kind, "content": row.id}, inner)
    return f'<tr><td id="{kind}-{row.id}" data-live="flash">{name}</td><td>{form}</td></tr>'


def act_on_catalog(sim: Any, shop: Shop, form: dict[str, str]) -> str:
    """Do what a button asks. Returns the address to go to, with a message when it could not be done."""
    message = do(sim, shop, form)
    back = {name: form[f"back_{name}"] for name in ("search", "page") if form.get(f"back_{name}")}
    given = {**back, **({"note": message} if message else {})}
    path = f"/{shop.domain}/catalog"
    return f"{path}?{urlencode(given)}" if given else path
