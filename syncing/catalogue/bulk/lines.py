"""Which writes can be a line of a bulk operation, and what is sent for it. Pure."""

from dataclasses import dataclass
from typing import Any

from stores.shopify.products.product_writes import SYNCHRONOUS_VARIANTS
from syncing.catalogue.rules.parts.made import Desired

CREATE, VARIANTS, METAFIELDS, PUBLISH, UNPUBLISH = "create", "variants", "metafields", "publish", "unpublish"
# What one call takes (shopify.md 8.1).
MOST_VARIANTS, MOST_METAFIELDS = 250, 25


@dataclass(frozen=True, slots=True)
class Line:
    """One call about one product. `is_whole`: after it nothing is left to be written to the product."""

    kind: str
    variables: dict[str, Any]
    is_whole: bool


def line_of(product_gid: str, desired: Desired) -> Line | None:
    """The first of the calls that make a product what is desired, if all of them may be lines; else None.

    Not what replaces whole lists, for which the product is read at the last moment; nor what takes a product off sale,
    which the guard counts at once; nor what a single call cannot hold, or has to be told of by itself.
    """
    if desired.product or desired.metafields_gone or desired.variant_metafields_gone or desired.schedule:
        return None
    if desired.is_incomplete or desired.awaits_images or desired.removed_variants or desired.hides:
        return None
    calls = _calls(product_gid, desired)
    if not calls or len(desired.variants) > MOST_VARIANTS:
        return None
    kind, variables = calls[0]
    if len(variables.get("metafields", ())) > MOST_METAFIELDS:
        return None
    return Line(kind, variables, len(calls) == 1)


def creation_of(desired: Desired) -> dict[str, Any] | None:
    """What is sent to make a product, the same as singly; None for one that is better waited for by itself."""
    if len(desired.product.get("variants") or ()) > SYNCHRONOUS_VARIANTS:
        return None
    return {"input": desired.product}


def publication_of(product_gid: str, desired: Desired) -> dict[str, Any] | None:
    """What puts a product that was made on its channels, if that is one call; else None."""
    if not desired.publish or desired.unpublish or desired.schedule:
        return None
    return _channels_input(product_gid, desired.publish)


def _channels_input(product_gid: str, channels: tuple[str, ...]) -> dict[str, Any]:
    return {"id": product_gid, "input": [{"publicationId": gid} for gid in channels]}


def _calls(product_gid: str, desired: Desired) -> list[tuple[str, dict[str, Any]]]:
    """In the order in which single calls are made."""
    calls: list[tuple[str, dict[str, Any]]] = []
    if desired.variants:
        calls.append((VARIANTS, {"product": product_gid, "variants": [dict(row) for row in desired.variants]}))
    metafields = [{"ownerId": product_gid} | row for row in desired.metafields]
    metafields += [dict(row) for row in desired.variant_metafields]
    if metafields:
        calls.append((METAFIELDS, {"metafields": metafields}))
    for kind, channels in ((UNPUBLISH, desired.unpublish), (PUBLISH, desired.publish)):
        if channels:
            calls.append((kind, _channels_input(product_gid, channels)))
    return calls
