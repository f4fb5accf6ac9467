"""A deletion stands in its link before it is asked for: what is gone afterwards was our doing, whoever died since."""

from stores.models import ProductLink, ResourceLink

ANNOUNCED = "It is being deleted in the destination."
WAS_GONE = "It was gone already."
WAS_DELETED = "It was deleted."


def announce(link: ProductLink | ResourceLink) -> None:
    """Commit that it is to be deleted now."""
    link.reason = ANNOUNCED
    type(link).objects.filter(pk=link.pk).update(reason=ANNOUNCED)


def is_announced(link: ProductLink | ResourceLink) -> bool:
    """Whether an earlier try was about to delete it, and did not come to say what became of that."""
    return link.reason == ANNOUNCED
