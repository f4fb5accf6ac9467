"""Products that were taken off sale and are deleted a day later, if it is certain that nobody ever ordered them.

A day, because checkouts that were open may still be completed, and because searches of orders lag. Whatever leaves a
doubt keeps the product, unpublished, and says why.
"""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from stores.ages import over
from stores.clients import OpenClient
from stores.linking.linking import MatchProduct
from stores.models import CatalogueSettings, Connection, ProductLink
from stores.shopify import ordered
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.ordered import CannotKnow, Life
from stores.shopify.products import deletion
from syncing.catalogue import deleting
from syncing.catalogue.exclusive import work_alone
from syncing.catalogue.products import succession
from syncing.catalogue.products.unlinking import LOCK_NAME, why_spared

Done, State = ProductLink.Done, ProductLink.State

WAITS = timedelta(days=1)
PRODUCTS_AT_ONCE = 250
KEPT = "It was unpublished and is kept."
DELETED_LATER = "It was unpublished, and deleted later: nobody ever ordered it."


def find_due(now: datetime) -> list[Connection]:
    """Connections with products whose day is over."""
    due = _due(now).filter(connection=OuterRef("pk"))
    return list(Connection.objects.filter(Exists(due)).select_related("source", "destination"))


def undecided() -> QuerySet[ProductLink]:
    """Links of what was taken off sale, and is kept or deleted a day later."""
    return ProductLink.objects.filter(state=State.UNLINKED, unlink_done=Done.UNDECIDED).exclude(destination_gid="")


def _due(now: datetime) -> QuerySet[ProductLink]:
    return undecided().filter(over("unlinked_at", WAITS, now))


def delete_unordered(connection: Connection, open_client: OpenClient, match: MatchProduct, now: datetime) -> str | None:
    """Delete those that nobody ever ordered, at most PRODUCTS_AT_ONCE; in words what was done, None if nothing was due.

    Raises Busy, and ShopifyError for what is not about a single product. Safe to repeat.
    """
    links = list(_due(now).filter(connection=connection).order_by("unlinked_at", "pk")[:PRODUCTS_AT_ONCE])
    if not links:
        return None
    client = open_client(connection.destination)
    lives = ordered.read_lives(client, [link.destination_gid for link in links])
    # The day is one of the destination's clock: ours, which may have leapt, only says when to ask.
    since = (client.answered_at or now) - WAITS
    links = [link for link in links if link.unlinked_at is not None and link.unlinked_at < since]
    found, doubt = _ordered(client, lives)
    count = sum(
        _settle(connection, client, match, link, lives.get(link.destination_gid), found, doubt) for link in links
    )
    return f"{count} of {len(links)} were deleted." + (f" {doubt}" if doubt else "")


def _ordered(client: Client, lives: dict[str, Life]) -> tuple[set[str], str]:
    """Those that were ordered, and why that cannot be told of the others."""
    if not lives:
        return set(), ""
    try:
        return ordered.find_ordered(client, lives, min(life.created_at for life in lives.values())), ""
    except CannotKnow as doubt:
        return set(), str(doubt)


def _settle(
    connection: Connection,
    client: Client,
    match: MatchProduct,
    link: ProductLink,
    life: Life | None,
    found: set[str],
    doubt: str,
) -> bool:
    """Delete it or keep it for good; whether it was deleted. Raises Busy, ShopifyError."""
    with work_alone(connection, LOCK_NAME, link.source_gid):
        link.refresh_from_db()
        if (link.state, link.unlink_done) != (State.UNLINKED, Done.UNDECIDED):
            return False  # it has come back
        if life is None and not deleting.is_announced(link):
            return _note(link, Done.DELETED, deleting.WAS_GONE)
        if life is None:  # deleted by us, and its worker died before it could say so
            match(connection.destination, link.destination_gid)
            _note(link, Done.DELETED, DELETED_LATER)
            return True
        if why := _why_kept(connection, link, life, found, doubt):
            return _note(link, Done.UNPUBLISHED, f"{KEPT} {why}")
        deleting.announce(link)
        try:
            deletion.delete(client, link.destination_gid)
        except (UserErrors, ObjectNotFound) as error:
            return _note(link, Done.UNPUBLISHED, f"{KEPT} {error}")
        match(connection.destination, link.destination_gid)
        _note(link, Done.DELETED, DELETED_LATER)
        return True


def _why_kept(connection: Connection, link: ProductLink, life: Life, found: set[str], doubt: str) -> str:
    """Why it is not deleted, in words; '' if nothing speaks for it."""
    settings = CatalogueSettings.objects.filter(connection=connection).first()
    if settings is None or settings.unlink != CatalogueSettings.Unlink.UNPUBLISH_IF_ORDERED:
        return "Another choice was made for what no longer follows."
    if succession.find_successors(connection, [link], {}):
        return "It was made again in the source."
    if link.destination_gid in found:
        return "It was ordered."
    if doubt:
        return f"Whether it was ever ordered cannot be told: {doubt}"
    if life.is_on_sale:
        return "Somebody has put it on sale again."
    return why_spared(link)


def _note(link: ProductLink, done: str, words: str) -> bool:
    ProductLink.objects.filter(pk=link.pk).update(unlink_done=done, reason=words)
    return False
