"""Find an order by what a person calls it: its name, its number in Shopify's admin, or its gid."""

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.orders.orders import quote

LEAST_DIGITS = 10  # of an order's number at Shopify; a name has fewer

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
FIND_BY_NAME = """
query FindOrdersByName($query: String!) {
  orders(first: 10, query: $query) {
    nodes { id name }
  }
}
"""


def find_by_name(client: Client, name: str) -> list[str]:
    """The gids of the orders that are called so, with or without the sign before the number; 10 at most.

    A search, which misses what is new for a while. Raises as Client.execute does.
    """
    wanted = _bare(name)
    nodes = client.execute(FIND_BY_NAME, {"query": f"name:{quote(wanted)}"}, cost=5)["orders"]["nodes"]
    return [node["id"] for node in nodes if _bare(node["name"]) == wanted]


def _bare(name: str) -> str:
    return name.strip().removeprefix("#").casefold()


def gid_of(text: str) -> str | None:
    """The gid that a text is, or that an address of Shopify's admin holds; None: it is a name, or a number."""
    text = text.strip()
    last = text.partition("?")[0].rstrip("/").rsplit("/", 1)[-1]
    is_named_so = "/orders/" in text or text.startswith("gid://shopify/Order/")
    return gids.gid("Order", last) if is_named_so and last.isascii() and last.isdigit() else None


def gid_of_number(text: str) -> str | None:
    """The gid of the order that has this number at Shopify, as long as those are; None: it is a name."""
    text = text.strip()
    is_number = text.isascii() and text.isdigit() and LEAST_DIGITS <= len(text) <= gids.MOST_DIGITS
    return gids.gid("Order", text) if is_number else None
