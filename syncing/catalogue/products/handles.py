"""Handles of products that somebody else has in the destination: who that is, in words, and which one is free."""

from stores.models import Connection, ProductLink
from stores.shopify.client import Client
from stores.shopify.products import product_heads
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.rules.desired import Desired

State = ProductLink.State
MOST_TRIES = 200  # numbered handles that are tried


def why_held(connection: Connection, handle: str, holder_gid: str, product_gid: str) -> str:
    """Who has a handle in the destination as the partner of another product, in words; '' where it is nobody's.

    Where products match by handle, one that another source's product follows is a claim on the same thing: that waits
    for an operator.
    """
    if not holder_gid:
        return ""
    links = ProductLink.objects.filter(destination_id=connection.destination_id, destination_gid=holder_gid)
    links = links.exclude(connection=connection, source_gid=product_gid).select_related("connection__source")
    if connection.identifier == Connection.Identifier.HANDLE:
        links = links.filter(connection=connection)
    link = links.filter(state=State.LINKED).first() or links.order_by("-unlinked_at", "pk").first()
    if link is None:
        return ""
    verb = "followed" if link.state == State.UNLINKED else "follows"
    return f"The handle “{handle}” is held in the destination by what {verb} “{link.title}” of {link.connection.source}"


def why_conflict(handle: str, holder: ProductRecord | None) -> str:
    """What an operator has to decide where the destination's own product has the handle."""
    name = f"“{holder.title}”" if holder else "another product"
    return (
        f"The handle “{handle}” is taken in the destination by {name}, which matches nothing here. "
        "Link their variants, or change one of the handles."
    )


def rename(desired: Desired, handle: str, why: str) -> None:
    """Have a new product get another handle than the source's, if one is given, and say why."""
    if handle:
        desired.product["handle"] = handle
        desired.notes.append(f"{why}: here it is “{handle}”.")


def free_handle(client: Client, handle: str) -> str:
    """The handle with the first number with which nobody has it, as Shopify itself gives them; '' for none.

    `client` is the destination's. Raises as the client does.
    """
    numbered = (f"{handle}-{number}" for number in range(1, MOST_TRIES))
    return next((one for one in numbered if product_heads.find_by_handle(client, one) is None), "")
