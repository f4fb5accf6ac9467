"""Handles of products that somebody else has in the destination: who that is, in words, and which one is free."""

from stores.clients import OpenClient
from stores.models import Connection, ProductLink
from stores.shopify.client import Client
from stores.shopify.products import product_heads, product_records, product_writes
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from syncing.catalogue.rules.parts.made import Desired

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
    return f"The handle “{handle}” is used in the destination by what {verb} “{link.title}” of {link.connection.source}"


def why_another(connection: Connection, policy: Policy, handle: str, holder_gid: str, product_gid: str) -> str:
    """Why a new product gets another handle than its own, which somebody has, in words; '' if it does not."""
    why = why_held(connection, handle, holder_gid, product_gid)
    is_free = policy.of(Field.HANDLE) == IGNORE
    return why or (f"The handle “{handle}” is taken in the destination" if is_free else "")


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
        _remember(desired, handle)
        desired.notes.append(f"{why}: here it is “{handle}”.")


def _remember(desired: Desired, handle: str) -> None:
    if Field.HANDLE in desired.written:
        desired.written[Field.HANDLE] = handle


def make_room(connection: Connection, open_client: OpenClient, desired: Desired, partner: ProductRecord) -> str:
    """Have the handle that a product is to get be free, or leave its own alone and say why.

    What follows another product here, which has another handle in the source by now, gets that, or a free one until its
    own turn. Returns its gid, '' where nothing was moved. Raises as the clients do. Safe to repeat.
    """
    client, handle = open_client(connection.destination), desired.product.get("handle", "")
    gid = product_heads.find_by_handle(client, handle) if handle else None
    if not gid or gid == partner.gid:
        return ""
    link = connection.product_links.filter(destination_gid=gid, state=State.LINKED).first()
    found = product_records.read_products(open_client(connection.source), [link.source_gid]) if link else []
    if link and found and found[0].handle != handle:
        is_free = product_heads.find_by_handle(client, found[0].handle) is None
        if to := found[0].handle if is_free else free_handle(client, handle):
            product_writes.set_product(client, {"id": gid}, {"handle": to, "redirectNewHandle": is_free})
            ProductLink.objects.filter(pk=link.pk).update(written={**link.written, Field.HANDLE: to}, fingerprint="")
            return gid
    del desired.product["handle"], desired.product["redirectNewHandle"]
    _remember(desired, partner.handle)
    why = why_held(connection, handle, gid, "") or f"The handle “{handle}” is taken there"
    desired.notes.append(f"{why}: here it is still “{partner.handle}”.")
    return ""


def free_handle(client: Client, handle: str) -> str:
    """The handle with the first number with which nobody has it, as Shopify itself gives them; '' for none.

    `client` is the destination's. Raises as the client does.
    """
    numbered = (f"{handle}-{number}" for number in range(1, MOST_TRIES))
    return next((one for one in numbered if product_heads.find_by_handle(client, one) is None), "")
