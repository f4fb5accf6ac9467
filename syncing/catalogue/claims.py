"""A claim: a thing of a destination is the partner of one thing of one source, so that no two write to it in turn."""

from typing import TypeVar

from django.db import IntegrityError, transaction

from stores.models import ProductLink, ResourceLink
from syncing.catalogue.outcome import Blocked

Link = TypeVar("Link", ProductLink, ResourceLink)

FASTER = "Somebody was a moment faster: its partner is linked by now."


def check_unclaimed(link: Link, destination_gid: str) -> None:
    """Raises Blocked, with words, where this is another link's partner already."""
    claims = type(link).objects.filter(
        destination_id=link.destination_id, destination_gid=destination_gid, state=link.State.LINKED
    )
    other = claims.exclude(pk=link.pk).select_related("connection__source").first()
    if other is not None:
        raise Blocked(f"Its partner follows “{other.title}” of {other.connection.source} already: one follows one.")


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
