"""What the buttons of a store's catalogue page do: the same functions as the control API."""

from __future__ import annotations

from typing import Any

from tests.simulator.events import merchant
from tests.simulator.events.catalogue import hands as hands
from tests.simulator.state.money import complaint_about, price_text
from tests.simulator.state.shop import Product, Shop
from tests.simulator.state.tags import tidy_tags


def do(sim: Any, shop: Shop, form: dict[str, str]) -> str | None:
    """Run the action that `form` names. Returns a message when it cannot be done, else None."""
    action = ACTIONS.get(form.get("action", ""))
    if action is None:
        return "There is no such button."
    try:
        action(sim, shop, form)
    except KeyError:
        return "That has gone meanwhile."
    except ValueError as problem:
        return str(problem)
    return None


def _number(form: dict[str, str], name: str) -> int:
    """Raises ValueError for something that is no number."""
    return int(form.get(name, ""))


def _product(shop: Shop, form: dict[str, str]) -> Product:
    return shop.products[_number(form, "product")]


def save(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Title, tags, and the price of every variant; what is the same is not touched."""
    product, title, price = _product(shop, form), form.get("title", "").strip(), form.get("price", "").strip()
    problem = complaint_about(price, "Price") if price else None
    if problem or not title:
        raise ValueError(problem or "Title can't be blank")
    tags = tidy_tags([form.get("tags", "")])
    if (title, tags) != (product.title, product.tags):
        merchant.change_product(shop, sim.clock, product.id, title=title, tags=tags)
    for variant_id in list(product.variant_ids) if price else []:
        wanted = price_text(price, shop.currency)
        if shop.variants[variant_id].price != wanted:
            merchant.change_variant(shop, sim.clock, variant_id, price=wanted)


def add_image(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    product = _product(shop, form)
    number = len(product.file_ids) + 1
    name = f"{product.handle}-{number}-{sim.clock.whole_seconds()}.png"
    hands.add_image(shop, sim.clock, product.id, name, alt=f"{product.title}, picture {number}"[:512])


def remove_image(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    product = _product(shop, form)
    if not product.file_ids:
        raise ValueError("There is no image.")
    hands.remove_image(shop, sim.clock, product.id, product.file_ids[-1])


def turn_status(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    product = _product(shop, form)
    merchant.change_product(shop, sim.clock, product.id, status="DRAFT" if product.status == "ACTIVE" else "ACTIVE")


def add_collection(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    title, tag = form.get("title", "").strip(), form.get("tag", "").strip()
    if not title:
        raise ValueError("Title can't be blank")
    rule = {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": [tag]}}
    hands.add_collection(shop, sim.clock, title, conditions=[rule] if tag else [])


def save_collection(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    hands.change_collection(shop, sim.clock, _number(form, "collection"), title=_title(form))


def _title(form: dict[str, str]) -> str:
    title = form.get("title", "").strip()
    if not title:
        raise ValueError("Title can't be blank")
    return title


def add_article(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """In the first blog, which is made when there is none."""
    title = _title(form)
    blog = next(iter(shop.catalog.blogs.values()), None) or hands.add_blog(shop, sim.clock, "News")
    hands.add_article(shop, sim.clock, blog.id, title)


def _kind(form: dict[str, str]) -> str:
    return form["kind"] if form.get("kind") in hands.CONTENT else "page"


def save_content(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    changes = {"title": _title(form), "body": form.get("body", "")}
    hands.change_content(shop, sim.clock, _kind(form), _number(form, "content"), **changes)


def turn_content(sim: Any, shop: Shop, form: dict[str, str]) -> None:
    """Shows what is hidden and hides what is shown."""
    kind, number = _kind(form), _number(form, "content")
    thing = getattr(shop.catalog, hands.CONTENT[kind])[number]
    at = sim.clock.whole_seconds() if thing.published_at is None else None
    hands.change_content(shop, sim.clock, kind, number, published_at=at)


def _listing(act):
    """publish and unpublish, of a product or a collection."""

    def run(sim: Any, shop: Shop, form: dict[str, str]) -> None:
        thing = _product(shop, form) if "product" in form else shop.catalog.collections[_number(form, "collection")]
        act(shop, sim.clock, thing)

    return run


ACTIONS = {
    "save": save,
    "add_image": add_image,
    "remove_image": remove_image,
    "publish": _listing(hands.publish),
    "unpublish": _listing(hands.unpublish),
    "status": turn_status,
    "delete": lambda sim, shop, form: merchant.delete_product(shop, sim.clock, _product(shop, form).id),
    "add_collection": add_collection,
    "save_collection": save_collection,
    "publish_collection": _listing(hands.publish),
    "unpublish_collection": _listing(hands.unpublish),
    "delete_collection": lambda sim, shop, form: hands.delete_collection(shop, _number(form, "collection")),
    "add_page": lambda sim, shop, form: hands.add_page(shop, sim.clock, _title(form)),
    "add_article": add_article,
    "save_content": save_content,
    "show_content": turn_content,
    "delete_content": lambda sim, shop, form: hands.delete_content(shop, _kind(form), _number(form, "content")),
}
