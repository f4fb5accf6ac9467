"""The simulator's pages: a list of the stores, and one page per store to watch stock move and to move it by hand.

GET /                   index_page(sim)
GET /{domain}           shop_page(sim, shop, query)   query: search, page, note
GET /{domain}/admin/…   the same page, narrowed to a product, variant, order or draft (admin.py)
GET /{domain}/catalog   catalogue.py
POST /{domain}/_act     act(sim, shop, form)          answers where to go next
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.simulator.pages import admin
from tests.simulator.pages.actions import CATALOG_KNOBS, FAULTS, KNOBS, do
from tests.simulator.pages.catalogue import act_on_catalog, catalog_page
from tests.simulator.pages.orders import order_sections
from tests.simulator.pages.parts import button, frame, kept, link, live, post_form, table, text
from tests.simulator.state.shop import Level, Location, Shop, Variant

ROWS = 20
LOG_ROWS = 40


def index_page(sim: Any) -> str:
    """All stores with their figures."""
    cards = "".join(card(shop) for shop in sim.shops.values())
    body = live("stores", f'<div class="cards">{cards}</div>' if cards else '<div class="empty">No stores yet.</div>')
    return frame("Simulated stores", heading("Simulated stores", "a Shopify that fits in one process"), f"{body}")


def heading(title: str, small: str) -> str:
    return f"<h1>{text(title)}<small>{text(small)}</small></h1>"


def card(shop: Shop) -> str:
    with shop.lock:
        figures = f"{len(shop.products):,} products, {len(shop.variants):,} variants, {len(shop.locations)} locations"
        traffic = f"{shop.counters.requests:,} requests · {len(shop.subscriptions):,} webhook subscriptions"
    return (
        f'<a href="/{text(shop.domain)}"><b>{text(shop.name)}</b><span class="sub">{text(shop.domain)} · '
        f'{text(shop.currency)}</span><br>{figures}<br><span class="sub">{traffic}</span></a>'
    )


def shop_page(sim: Any, shop: Shop, query: dict[str, str]) -> str:
    """One store: products with levels, buttons, orders, faults and the log."""
    with shop.lock:
        body = note(query) + stock(shop, query) + switches(sim, shop, query)
        body += order_sections(shop, query) + logs(shop)
    names = "".join(
        link(f"/{other.domain}", other.name, css="here" if other is shop else "") for other in sim.shops.values()
    )
    catalogue = link(f"/{shop.domain}/catalog", "Catalogue")
    nav = f"<nav>{link('/', 'All stores')}{catalogue}{names}</nav>"
    header = heading(shop.name, f"{shop.domain} · {shop.currency}") + nav
    return frame(f"{shop.name} · simulated", header, body)


def note(query: dict[str, str]) -> str:
    return f'<div class="note">{text(query["note"])}</div>' if query.get("note") else ""


# Stock


def stock(shop: Shop, query: dict[str, str]) -> str:
    """The table of variants with what is available at each location."""
    page = page_number(query)
    found = named_variants(shop, query) or matching(shop, query.get("search", ""))
    rows = list(islice(found, (page - 1) * ROWS, page * ROWS + 1))
    places = list(shop.locations.values())
    head = ["<th>Product</th>", *(f'<th class="n">{text(place.name)}</th>' for place in places), "<th></th>"]
    lines = [variant_row(shop, variant, places, query) for variant in rows[:ROWS]]
    title = f"<h2>Products <small>{len(shop.variants):,} variants</small>{search_box(shop, query)}</h2>"
    return (
        f"<section>{title}{table(head, lines, 'Nothing found.')}{pages(shop, query, page, len(rows) > ROWS)}</section>"
    )


def page_number(query: dict[str, str]) -> int:
    return max(1, int(query["page"])) if query.get("page", "").isdecimal() and len(query["page"]) < 9 else 1


def matching(shop: Shop, search: str):
    """Variants whose title, handle, SKU or barcode holds the text."""
    wanted = search.casefold().strip()
    if not wanted:
        return iter(shop.variants.values())
    return (variant for variant in shop.variants.values() if wanted in words_of(shop, variant))


def named_variants(shop: Shop, query: dict[str, str]) -> Iterator[Variant] | None:
    """The variants of the product, or the one variant, that the page is narrowed to; None where it is not."""
    if "product" not in query:
        return None
    ids = [int(query["variant"])] if "variant" in query else shop.products[int(query["product"])].variant_ids
    return iter([shop.variants[each] for each in ids])


def words_of(shop: Shop, variant: Variant) -> str:
    product = shop.products[variant.product_id]
    sku = shop.items[variant.item_id].sku or ""
    return f"{product.title}\n{variant.title}\n{product.handle}\n{sku}\n{variant.barcode or ''}".casefold()


def search_box(shop: Shop, query: dict[str, str]) -> str:
    return (
        f'<form method="get" action="/{text(shop.domain)}" class="row"><input name="search" placeholder="Title, SKU, '
        f'barcode" value="{text(query.get("search", ""))}"><button>Search</button></form>'
    )


def pages(shop: Shop, query: dict[str, str], page: int, more: bool) -> str:
    search, path = query.get("search", ""), f"/{shop.domain}"
    parts = [link(path, "← Previous", {"search": search, "page": page - 1})] if page > 1 else []
    parts.append(f"Page {page}")
    parts += [link(path, "Next →", {"search": search, "page": page + 1})] if more else []
    return f'<div class="pages">{"".join(parts)}</div>' if more or page > 1 else ""


def variant_row(shop: Shop, variant: Variant, places: list[Location], query: dict[str, str]) -> str:
    product, item = shop.products[variant.product_id], shop.items[variant.item_id]
    title = product.title if variant.title == "Default Title" else f"{product.title} · {variant.title}"
    sku = (
        f"<code>{text(item.sku)}</code>" if (item.sku or "").strip() else "no SKU" if item.sku is None else "blank SKU"
    )
    barcode = f" · {text(variant.barcode)}" if variant.barcode else ""
    name = f'<td>{text(title)}{tags(product.status, item.tracked, variant)}<div class="sub">{sku}{barcode}</div></td>'
    cells = "".join(level_cell(shop.levels.get((item.id, place.id)), item.id, place) for place in places)
    return f"<tr>{name}{cells}<td>{row_form(shop, variant, places, query)}</td></tr>"


def tags(status: str, tracked: bool, variant: Variant) -> str:
    found = {
        status.lower(): status != "ACTIVE",
        "not tracked": not tracked,
        "bundle": variant.requires_components,
        "may be oversold": variant.inventory_policy == "CONTINUE",
    }
    return "".join(f'<span class="tag">{text(label)}</span>' for label, shown in found.items() if shown)


def level_cell(level: Level | None, item_id: int, place: Location) -> str:
    """`available`, and below it what is not simply on the shelf."""
    name = f'id="level-{item_id}-{place.id}" data-live="flash"'
    if level is None:
        return f'<td class="n none" {name}>–</td>'
    aside = [f"{level.committed} committed"] if level.committed else []
    aside += [] if level.is_active else ["inactive"]
    css = ' class="minus"' if level.available < 0 else ""
    return f'<td class="n" {name}><b{css}>{level.available}</b><small>{", ".join(aside)}</small></td>'


def row_form(shop: Shop, variant: Variant, places: list[Location], query: dict[str, str]) -> str:
    choices = "".join(f'<option value="{place.id}">{text(place.name)}</option>' for place in places)
    buttons = button("Buy", "buy") + button("Restock", "restock") + button("Set", "set") + button("Refund", "refund")
    inner = (
        '<input class="qty" name="quantity" type="number" value="1" aria-label="quantity"><select name="location" '
        f'aria-label="location"><option value="">Where stocked</option>{choices}</select>{buttons}'
    )
    return post_form(f"/{shop.domain}/_act", {"variant": variant.id, **kept(query)}, inner, "row")


# Faults


def switches(sim: Any, shop: Shop, query: dict[str, str]) -> str:
    faults = "".join(
        switch(shop, "fault", entry.key, entry.label, entry.planned(sim, shop) is not None, query) for entry in FAULTS
    )
    knobs, later = (
        "".join(switch(shop, "knob", entry.key, entry.label, entry.is_on(shop), query) for entry in entries)
        for entries in (KNOBS, CATALOG_KNOBS)
    )
    off = switch(shop, "calm", "", "Everything off", False, query)
    parts = f"<p>Requests</p>{faults}<p>Webhooks</p>{knobs}<p>Catalogue</p>{later}<p></p>{off}"
    inner = f'<div class="switches">{parts}</div>'
    return f"<section><h2>Faults</h2>{live('switches', inner)}</section>"


def switch(shop: Shop, action: str, key: str, label: str, on: bool, query: dict[str, str]) -> str:
    inner = button(f"{label}: on" if on else label, action, "on" if on else "")
    return post_form(f"/{shop.domain}/_act", {"key": key, **kept(query)}, inner)


# Logs


def logs(shop: Shop) -> str:
    requests = (request_row(entry) for entry in islice(reversed(shop.request_log), LOG_ROWS))
    webhooks = (webhook_row(shop, entry) for entry in islice(reversed(shop.webhook_log), LOG_ROWS))
    request_head = ["<th>Time</th>", "<th>Request</th>", '<th class="n">Points</th>', "<th>Answer</th>"]
    webhook_head = ["<th>Time</th>", "<th>Webhook</th>", '<th class="n">Try</th>', "<th>Answer</th>"]
    left = f"<h2>Requests <small>newest first</small></h2>{table(request_head, requests, 'No requests yet.')}"
    right = f"<h2>Webhooks <small>newest first</small></h2>{table(webhook_head, webhooks, 'No webhooks sent yet.')}"
    sections = f"<section>{live('requests', left)}</section><section>{live('webhooks', right)}</section>"
    return f'<div class="pair">{sections}</div>'


def request_row(entry: dict[str, Any]) -> str:
    name = entry.get("operation") or ", ".join(entry.get("fields") or ()) or "not read"
    status, codes = entry.get("status"), [code for code in entry.get("errors") or () if code]
    fault = f'<span class="tag">{text(entry["fault"])}</span>' if entry.get("fault") else ""
    answer = "no answer" if not status else f"{status} {', '.join(codes)}"
    css = "ok" if status == 200 and not codes and not fault else "bad"
    return (
        f'<tr><td class="sub">{text(clock_of(entry))}</td><td>{text(name)}{fault}</td>'
        f'<td class="n">{text(entry.get("actual_cost"))}</td><td class="{css}">{text(answer)}</td></tr>'
    )


def webhook_row(shop: Shop, entry: dict[str, Any]) -> str:
    good = entry.get("state") == "delivered"
    twice = '<span class="tag">again</span>' if entry.get("duplicate") else ""
    subject = named(shop, entry.get("topic", ""), entry.get("subject") or [])
    return (
        f'<tr><td class="sub">{text(clock_of(entry))}</td><td>{text(entry.get("topic"))}{twice}<div class="sub">'
        f'{text(subject)}</div></td><td class="n">{text(entry.get("attempt"))}</td>'
        f'<td class="{"ok" if good else "bad"}">{text(entry.get("status"))}</td></tr>'
    )


def named(shop: Shop, topic: str, subject: list[int]) -> str:
    """What a webhook is about, in words while it exists: SKU and location of a level, the title of a product."""
    if topic.startswith("INVENTORY_LEVELS") and subject[0] in shop.items and subject[1] in shop.locations:
        return f"{shop.items[subject[0]].sku or 'no SKU'} at {shop.locations[subject[1]].name}"
    if topic.startswith("PRODUCTS") and subject[0] in shop.products:
        return shop.products[subject[0]].title
    return ", ".join(str(part) for part in subject)


def clock_of(entry: dict[str, Any]) -> str:
    """The time of day of a log entry whose `at` is an ISO instant."""
    return str(entry.get("at", ""))[11:19]


def act(sim: Any, shop: Shop, form: dict[str, str]) -> str:
    """Do what a button asks. Returns the address to go to, with a message when it could not be done."""
    message = do(sim, shop, form)
    back = {name: form[f"back_{name}"] for name in ("search", "page") if form.get(f"back_{name}")}
    given = {**back, **({"note": message} if message else {})}
    return f"/{shop.domain}?{urlencode(given)}" if given else f"/{shop.domain}"


class Pages:
    """What the HTTP server asks: `get` for GET requests that nothing else answers, `post` for forms."""

    def __init__(self, sim: Any):
        self.sim = sim

    def get(self, path: str) -> str | None:
        """HTML of a path with its query string; None where there is no page."""
        address = urlsplit(path)
        if address.path == "/":
            return index_page(self.sim)
        domain, _, rest = address.path.strip("/").partition("/")
        shop, query = self.sim.shops.get(domain), dict(parse_qsl(address.query))
        if shop is None:
            return None
        found = (rest, query) if rest in ("", "catalog") else admin.find_page(shop, rest)
        if found is None:
            return None
        self.sim.later.catch_up(shop)
        room, narrowed = found
        return (catalog_page if room == "catalog" else shop_page)(self.sim, shop, narrowed)

    def post(self, path: str, form: dict[str, str]) -> str | None:
        """Where to go after a form; None for a path without forms."""
        domain, _, rest = path.strip("/").partition("/")
        shop = self.sim.shops.get(domain)
        acts = {"_act": act, "_catalog": act_on_catalog}
        return acts[rest](self.sim, shop, form) if shop is not None and rest in acts else None
