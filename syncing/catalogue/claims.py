"""A claim: a thing of a destination is the partner of one thing of one source, so that no two write to it in turn."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction

from stores.identifiers import why_no_identity
from stores.models import Connection, ProductLink, ResourceLink, VariantLink
from stores.shared.many import update_rows
from stores.variants import KEYS
from syncing.catalogue.outcome import Blocked

Link = TypeVar("Link", ProductLink, ResourceLink)

FASTER = "Somebody was a moment faster: its partner is linked by now."


def check_unclaimed(link: Link, destination_gid: str) -> None:
    """Raises Blocked, with words, where this is another link's partner already, or was just made for it."""
    taken = (link.State.LINKED, link.State.CREATING)
    claims = type(link).objects.filter(
        destination_id=link.destination_id, destination_gid=destination_gid, state__in=taken
    )
    other = claims.exclude(pk=link.pk).select_related("connection__source").first()
    if other is not None:
        raise Blocked(f"Its partner follows “{other.title}” of {other.connection.source} already: one follows one.")


def check_undoubted(connection: Connection, product_gid: str) -> None:
    """Raises Blocked, with words, where the destination may have what a product is: it is not made once more.

    What this connection itself has linked to another product of the source is no doubt, for both live there; nor is
    what identifies nothing.
    """
    links = VariantLink.objects.filter(connection=connection)
    taken = links.filter(state=VariantLink.State.LINKED).values("destination_variant")
    candidates = VariantLink.candidates.through.objects.filter(
        variantlink__connection=connection,
        variantlink__state=VariantLink.State.AMBIGUOUS,
        variantlink__source_variant__product_gid=product_gid,
        variant__gone_at=None,
    )
    found = links.filter(pk__in=candidates.exclude(variant__in=taken).values("variantlink"))
    for doubt in found.select_related("source_variant").order_by("pk"):
        variant, column = doubt.source_variant, KEYS[connection.identifier]
        if column == "handle_key" or not why_no_identity(getattr(variant, column)):
            name = variant.sku or variant.barcode or variant.product_title
            raise Blocked(f"“{name}” is in doubt: {doubt.reason} Link its variants, or ignore them to have it made.")


def doubted(connection: Connection, product_gids: Collection[str]) -> set[str]:
    """Those of these products of which `check_undoubted` may raise."""
    links = VariantLink.objects.filter(
        connection=connection, state=VariantLink.State.AMBIGUOUS, source_variant__product_gid__in=product_gids
    )
    return set(links.order_by().values_list("source_variant__product_gid", flat=True))


def claim(link: Link, destination_gid: str, state: str, mark: str = "") -> None:
    """Save a link with its partner, before that is written to. Raises Blocked where it is another link's by now."""
    link.destination_gid, link.fingerprint, link.state = destination_gid, mark, state
    try:
        with transaction.atomic():
            link.save()
    except IntegrityError:
        link.destination_gid = ""
        check_unclaimed(link, destination_gid)
        raise Blocked(FASTER) from None


def claim_each(links: Sequence[ProductLink], state: str) -> dict[int, Blocked]:
    """As `claim` of each of these with the partner and the mark it has, at once; which are another link's by now."""
    for link in links:
        link.state = state
    try:
        with transaction.atomic():
            ProductLink.save_each(links, update_rows)
        return {}
    except IntegrityError:
        return _claim_singly(links, state)


def _claim_singly(links: Sequence[ProductLink], state: str) -> dict[int, Blocked]:
    blocked = {}
    for link in links:
        try:
            claim(link, link.destination_gid, state, link.fingerprint)
        except Blocked as why:
            blocked[link.pk] = why
    return blocked
