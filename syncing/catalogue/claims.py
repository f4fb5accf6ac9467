"""A claim: a thing of a destination is the partner of one thing of one source, so that no two take turns with it."""

from typing import TypeVar

from django.db import IntegrityError, transaction

from stores.models import ProductLink, ResourceLink

Link = TypeVar("Link", ProductLink, ResourceLink)


def find_claim(link: Link, destination_gid: str) -> Link | None:
    """Another link whose partner this is already, with its connection and source."""
    claims = type(link).objects.filter(
        destination_id=link.destination_id, destination_gid=destination_gid, state=link.State.LINKED
    )
    return claims.exclude(pk=link.pk).select_related("connection__source").first()


def save_unless_claimed(link: Link) -> bool:
    """Save a link with its partner; False, and nothing saved, where another connection was a moment faster."""
    try:
        with transaction.atomic():
            link.save()
    except IntegrityError:
        return False
    return True
